"""Frames written block by block, and files that are whole or not there."""

import errno
import io
import resource
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import h5py
import hdf5plugin
import numpy as np
import pytest

from friedel.errors import OutputError
from friedel.io import open_scan
from friedel.io.background_reader import Backgrounds
from friedel.io.codecs import codec_of
from friedel.io.store import BackgroundWriter, CleanWriter, RawWriter, atomic, write_background
from tests.scan_files import stack


class Threads:
    threads = 2

    def map(self, work, items):
        with ThreadPoolExecutor(2) as pool:
            yield from pool.map(work, items)


def fail_after_writing(path, error):
    path.write_text("new")
    raise error


def raw_writer(path, shape, **more):
    return RawWriter(path, shape, dark=stack(3, *shape[1:], seed=5), omega_start_deg=5, omega_step_deg=-0.5, **more)


@pytest.mark.parametrize("executor", [None, Threads()])
@pytest.mark.parametrize("shape", [(7, 12, 10), (5, 1, 3), (3, 300, 211)])
def test_a_raw_scan_opens_as_it_was_written(tmp_path, executor, shape):
    frames = stack(*shape)
    with raw_writer(tmp_path / "raw.h5", shape, saturation=4000, attributes={"seed": 3}) as writer:
        writer.append(frames[:2], executor)
        writer.append(frames[2:], executor)
    scan = open_scan(tmp_path / "raw.h5")
    np.testing.assert_array_equal(scan.frames.read(0, shape[0]), frames)
    np.testing.assert_array_equal(scan.dark, np.median(stack(3, *shape[1:], seed=5), axis=0).astype("f4"))
    assert (scan.omega_start_deg, scan.omega_step_deg, scan.saturation) == (5, -0.5, 4000)
    with h5py.File(tmp_path / "raw.h5") as file:
        np.testing.assert_array_equal(file["entry/data/frames"][()], frames)
        assert file["entry"].attrs["seed"] == 3


def test_chunks_compressed_by_us_are_those_that_hdf5_writes(tmp_path):
    frames = stack(3, 64, 80)
    with raw_writer(tmp_path / "raw.h5", frames.shape) as writer:
        writer.append(frames)
    with h5py.File(tmp_path / "raw.h5", "r+") as file:
        ours = file["entry/data/frames"]
        filters = hdf5plugin.Bitshuffle(cname="lz4")
        theirs = file.create_dataset("theirs", ours.shape, ours.dtype, chunks=ours.chunks, **filters)
        theirs[()] = frames
        for index in range(3):
            assert ours.id.read_direct_chunk((index, 0, 0)) == theirs.id.read_direct_chunk((index, 0, 0))


def test_an_incomplete_scan_is_refused_and_does_not_appear(tmp_path):
    with (
        pytest.raises(OutputError, match="must get 7 frames, got 2"),
        raw_writer(tmp_path / "r.h5", (7, 4, 4)) as w,
    ):
        w.append(stack(2, 4, 4))
    assert list(tmp_path.iterdir()) == []


def test_more_frames_than_announced_are_refused(tmp_path):
    with (
        pytest.raises(OutputError, match="takes 3 frames, got 4"),
        raw_writer(tmp_path / "r.h5", (3, 4, 4)) as writer,
    ):
        writer.append(stack(4, 4, 4))
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_leaves_the_old_file(tmp_path):
    (tmp_path / "r.h5").write_text("old")
    with pytest.raises(KeyboardInterrupt), raw_writer(tmp_path / "r.h5", (3, 4, 4)):
        raise KeyboardInterrupt
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("r.h5", "old")]


@pytest.mark.parametrize("scale", [0.5, 0.03125])
def test_clean_frames_that_fit_are_kept_in_sixteen_bits(tmp_path, scale):
    frames = np.random.default_rng(0).integers(-32768, 32767, (5, 6, 7)).astype("f4") * np.float32(scale)
    with CleanWriter(tmp_path / "clean.h5", frames.shape, quantum=scale) as writer:
        writer.append(frames[:3])
        writer.append(frames[3:])
    with h5py.File(tmp_path / "clean.h5") as file:
        stored = file["entry/data/frames"]
        assert stored.dtype == np.int16
        np.testing.assert_array_equal(stored[()] * np.float32(stored.attrs["scale"]), frames)


@pytest.mark.parametrize("odd", [20000.0, 0.25, np.nan])
def test_clean_frames_that_do_not_fit_become_floats_and_lose_nothing(tmp_path, odd):
    frames = np.random.default_rng(0).integers(-2000, 2000, (6, 6, 7)).astype("f4") * np.float32(0.5)
    frames[4, 2, 3] = odd
    with CleanWriter(tmp_path / "clean.h5", frames.shape, quantum=0.5) as writer:
        for start in range(0, 6, 2):
            writer.append(frames[start : start + 2])
    with h5py.File(tmp_path / "clean.h5") as file:
        stored = file["entry/data/frames"]
        assert stored.dtype == np.float32
        assert stored.attrs["scale"] == 1.0
        assert list(file["entry/data"]) == ["frames"]
        np.testing.assert_array_equal(stored[()], frames)


def test_clean_frames_without_a_step_are_floats(tmp_path):
    frames = np.random.default_rng(0).random((3, 6, 7)).astype("f4")
    with CleanWriter(tmp_path / "clean.h5", frames.shape) as writer:
        writer.append(frames)
    with h5py.File(tmp_path / "clean.h5") as file:
        np.testing.assert_array_equal(file["entry/data/frames"][()], frames)


def test_backgrounds_come_with_their_centres_and_the_gains(tmp_path):
    images = np.random.default_rng(0).random((3, 4, 5)).astype("f4")
    gains = np.random.default_rng(1).random((10, 2)).astype("f4")
    write_background(tmp_path / "b.h5", images, np.array([2, 7, 12]), gains)
    with h5py.File(tmp_path / "b.h5") as file:
        np.testing.assert_array_equal(file["entry/data/frames"][()], images)
        np.testing.assert_array_equal(file["entry/data/centres"][()], [2, 7, 12])
        np.testing.assert_array_equal(file["entry/gains"][()], gains)
        codec = codec_of(file["entry/data/frames"])
        assert codec is not None
        assert codec.name == "bitshuffle-lz4"


def test_a_background_that_is_missing_is_noticed(tmp_path):
    with (
        pytest.raises(OutputError, match="must get 2"),
        BackgroundWriter(tmp_path / "b.h5", (2, 3, 3), frames=4) as w,
    ):
        w.background(0, 1, np.zeros((3, 3)))
    assert list(tmp_path.iterdir()) == []


def test_a_file_appears_only_when_it_is_whole(tmp_path):
    path = tmp_path / "new" / "file.txt"
    with atomic(path) as partial:
        partial.write_text("half")
        assert not path.exists()
    assert path.read_text() == "half"
    assert [file.name for file in path.parent.iterdir()] == ["file.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, ZeroDivisionError])
def test_after_an_error_the_old_file_stands_and_nothing_lies_about(tmp_path, error):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(error), atomic(path) as partial:
        fail_after_writing(partial, error)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("file.txt", "old")]


def test_errors_that_are_not_about_the_disk_pass_unchanged(tmp_path):
    with pytest.raises(RuntimeError, match="of my own"), atomic(tmp_path / "file") as partial:
        fail_after_writing(partial, RuntimeError("of my own"))


def read_from_a_broken_disk():
    raise OSError(errno.EIO, "Input/output error", "raw.h5")


def test_an_error_of_another_file_is_not_blamed_on_the_one_that_is_written(tmp_path):
    with pytest.raises(OSError, match=r"raw\.h5") as caught, atomic(tmp_path / "a"):
        read_from_a_broken_disk()
    assert type(caught.value) is OSError
    with pytest.raises(OSError, match=r"raw\.h5") as caught, raw_writer(tmp_path / "r.h5", (3, 4, 4)):
        read_from_a_broken_disk()
    assert type(caught.value) is OSError
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_breaks_while_it_is_written_to_is_named(tmp_path, monkeypatch):
    def broken(self, data):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("friedel.io.h5_output.FileIO", type("Broken", (io.FileIO,), {"write": broken}))
    with pytest.raises(OutputError, match=r"cannot write .*r\.h5: input/output error"):
        write_background(tmp_path / "r.h5", np.zeros((2, 3, 4)), np.arange(2), np.ones((3, 1)))
    assert list(tmp_path.iterdir()) == []


def test_a_flush_that_fails_is_an_error_that_names_the_file(tmp_path, monkeypatch):
    def fail(_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OutputError, match=r"cannot write .*/file: input/output error"), atomic(tmp_path / "file"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_is_refused_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"), atomic(tmp_path / "file" / "inside"):
        pass


def test_what_hdf5_says_about_a_full_disk_becomes_one_line(tmp_path):
    with pytest.raises(OutputError, match="no space left on the disk"), atomic(tmp_path / "file"):
        raise OSError("Can't write data (file write failed: errno = 28, error message = 'No space left on device')")


@pytest.mark.parametrize(
    "write",
    [
        "with RawWriter(path, big.shape, dark=big[:1], omega_start_deg=0, omega_step_deg=1) as w: w.append(big)",
        "with CleanWriter(path, big.shape) as w: w.append(big.astype('f4'))",
        "write_background(path, big.astype('f4'), np.arange(20), np.ones((20, 1)))",
    ],
)
def test_a_disk_that_fills_up_ends_in_one_error_and_no_crash(tmp_path, write):
    """In a process of its own: HDF5 by itself would end it with a segmentation fault at exit."""
    program = f"""
import numpy as np
from friedel.errors import OutputError
from friedel.io.codecs import codec_of
from friedel.io.store import CleanWriter, RawWriter, write_background
path = {str(tmp_path / "file.h5")!r}
big = np.random.default_rng(0).integers(0, 60000, (20, 200, 200)).astype('u2')
try:
    {write}
except OutputError as error:
    raise SystemExit(f'refused: {{error}}')
"""
    limit = 300_000
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert done.returncode == 1
    assert done.stderr.startswith("refused: cannot write")
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_pixels_that_a_run_found_dead_are_in_the_background_file(tmp_path):
    dead = np.zeros((3, 4), bool)
    dead[1, 2] = True
    with BackgroundWriter(tmp_path / "b.h5", (1, 3, 4), frames=5, dead=dead) as writer:
        writer.background(0, 2, np.zeros((3, 4)))
    np.testing.assert_array_equal(Backgrounds.open(tmp_path / "b.h5").dead, dead)
    write_background(tmp_path / "c.h5", np.zeros((1, 3, 4)), np.arange(1), np.ones((5, 1)))
    assert Backgrounds.open(tmp_path / "c.h5").dead is None
