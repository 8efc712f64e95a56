"""Signals and failing disks while HDF5 is at work: the file is whole, or not there, and nobody crashes."""

import errno
import io
import os
import random
import signal

import h5py
import numpy as np
import pytest

from friedel.errors import OutputError
from friedel.io import h5_output as module
from friedel.io.atomic import PARTIAL
from friedel.io.store import RawWriter, write_background
from tests.faults.forking import outcome

FRAMES = np.random.default_rng(3).integers(0, 4000, (12, 40, 50)).astype("u2")
BOTH = pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])


def write(path):
    """Two files at once, as a run has them: one that comes frame by frame, one of many datasets."""
    with RawWriter(path / "raw.h5", FRAMES.shape, dark=FRAMES[:1], omega_start_deg=0, omega_step_deg=1) as raw:
        images = FRAMES.astype("f4")
        for frame in FRAMES:
            raw.append(frame[None])
        write_background(path / "b.h5", images, np.arange(len(images)), np.ones((len(images), 1), "f4"))


def right(path):
    """Whether what stands there is what was written."""
    with h5py.File(path / "raw.h5") as raw, h5py.File(path / "b.h5") as background:
        same = np.array_equal(raw["entry/data/frames"][()], FRAMES)
        return same and np.array_equal(background["entry/data/frames"][()], FRAMES.astype("f4"))


class Counted(io.FileIO):
    """A file that counts what is asked of it, and lets `happen` happen at one of the calls."""

    calls, at = 0, -1
    happen = staticmethod(lambda: None)

    def _next(self):
        Counted.calls += 1
        if Counted.calls == Counted.at:
            Counted.happen()

    def write(self, data):
        self._next()
        return super().write(data)

    def seek(self, *where):
        self._next()
        return super().seek(*where)

    def truncate(self, size=None):
        self._next()
        return super().truncate(size)


@pytest.fixture
def counted(monkeypatch):
    monkeypatch.setattr(module, "FileIO", Counted)
    monkeypatch.setattr(Counted, "calls", 0)
    monkeypatch.setattr(Counted, "at", -1)
    return Counted


def calls_of_a_whole_write(path, counted):
    path.mkdir()
    write(path)
    assert right(path)
    number, counted.calls = counted.calls, 0
    return number


@BOTH
def test_a_signal_at_any_call_of_hdf5_is_raised_afterwards_and_no_file_appears(
    tmp_path, counted, monkeypatch, sign
):
    number = calls_of_a_whole_write(tmp_path / "whole", counted)
    monkeypatch.setattr(counted, "happen", staticmethod(lambda: signal.raise_signal(sign)))
    old = signal.signal(sign, signal.default_int_handler)
    try:
        for at in range(1, number + 1):
            counted.calls, counted.at = 0, at
            with pytest.raises(KeyboardInterrupt):
                write(tmp_path)
            assert signal.getsignal(sign) is signal.default_int_handler
            left = {path.name for path in tmp_path.iterdir()} - {"whole"}
            assert left <= {"b.h5"}, at  # that one was finished before
    finally:
        signal.signal(sign, old)


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), OutputError),
        (OSError(errno.EIO, "Input/output error"), OutputError),
        (KeyboardInterrupt(), KeyboardInterrupt),
        (MemoryError(), MemoryError),
    ],
)
def test_an_error_at_any_call_of_hdf5_is_raised_afterwards_and_no_file_appears(
    tmp_path, counted, monkeypatch, error, raised
):
    number = calls_of_a_whole_write(tmp_path / "whole", counted)

    def fail():
        raise error

    monkeypatch.setattr(counted, "happen", staticmethod(fail))
    for at in range(1, number + 1):
        counted.calls, counted.at = 0, at
        with pytest.raises(raised):
            write(tmp_path)
        assert {path.name for path in tmp_path.iterdir()} <= {"whole", "b.h5"}, at


def test_a_handler_that_raises_nothing_is_called_once_and_the_file_is_whole(tmp_path, counted, monkeypatch):
    heard = []
    monkeypatch.setattr(counted, "happen", staticmethod(lambda: signal.raise_signal(signal.SIGUSR1)))
    old = signal.signal(signal.SIGUSR1, lambda number, _: heard.append(number))
    try:
        counted.at = 20
        write(tmp_path)
    finally:
        signal.signal(signal.SIGUSR1, old)
    assert heard == [signal.SIGUSR1]
    assert right(tmp_path)


@BOTH
def test_signals_at_random_moments_of_a_write_end_in_a_whole_file_or_none(tmp_path, sign):
    chance = random.Random(11)
    counts = {"whole": 0, "absent": 0}
    for number in range(60):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        after = chance.uniform(0.0002, 0.006)

        def child(folder=folder, after=after):
            signal.signal(signal.SIGALRM, lambda *_: None)
            signal.signal(sign, signal.default_int_handler)
            signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), sign))
            try:
                signal.setitimer(signal.ITIMER_REAL, after)
                write(folder)
            except KeyboardInterrupt:
                return 130
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
            return 0

        code = outcome(child)
        assert code in (0, 130), f"{number}: {code}"
        there = {path.name for path in folder.iterdir() if path.suffix != PARTIAL}  # the next run removes those
        if (folder / "raw.h5").exists():
            assert there == {"raw.h5", "b.h5"}
            assert right(folder), number
        else:
            assert there <= {"b.h5"}
        counts["whole" if code == 0 else "absent"] += 1
    assert counts["absent"] > 10
