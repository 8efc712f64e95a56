"""Ctrl-C and SIGTERM are heard within two seconds, whatever is at work; so is a limit on memory."""

import gc
import os
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from numba import njit

import friedel.commands
from friedel import cli
from friedel.errors import SetupError
from friedel.model.crystal import Phase
from friedel.model.families import used_reflections
from friedel.model.setup import Axis, Beam, Detector, SampleShape, Setup
from friedel.runner import memory_limit
from friedel.runner.executors import local_executor
from tests.faults.forking import ended, forked


@njit(nogil=True)
def forever():
    x = 1
    while x != 0:
        x = x * 3 + 1 | 1
    return x


def pool():
    with local_executor(2) as executor:
        list(executor.map(lambda _: time.sleep(60), range(4)))


def swallowed():
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        time.sleep(60)


def finalizer():
    class Slow:
        def __del__(self):
            time.sleep(60)

    Slow()
    gc.collect()
    time.sleep(60)


def sort():
    values = np.random.default_rng(0).random(20_000_000)
    for _ in range(40):
        np.sort(values)


BUSY = {"kernel": forever, "pool": pool, "numpy": sort, "swallowed": swallowed, "finalizer": finalizer}


def command(busy, said, limit=0):
    """`friedel inspect SCAN` in a copy of this process, in which it does `busy`."""

    def work():
        def look(*_, **__):
            os.write(2, b"busy\n")
            busy()

        if limit:
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        signal.signal(signal.SIGINT, signal.default_int_handler)
        friedel.commands.inspect_scan = look
        sys.argv = ["friedel", "inspect", "SCAN"]
        cli.main()

    return forked(work, said)


def wait_for(text, path):
    for _ in range(2000):
        if path.exists() and text in path.read_text():
            return
        time.sleep(0.01)
    raise AssertionError(f"no {text!r} in {path}")


def test_a_signal_ends_whatever_is_at_work_within_two_seconds(tmp_path):
    running = {}
    for number, (name, busy) in enumerate(BUSY.items()):
        sign = (signal.SIGINT, signal.SIGTERM)[number % 2]
        running[name] = command(busy, tmp_path / name), sign
    for name in running:
        wait_for("busy\n", tmp_path / name)
    time.sleep(0.5)
    begin = time.monotonic()
    for times in range(2):  # whoever presses twice gets no traceback
        for child, sign in running.values():
            os.kill(child, sign)
        time.sleep(0.1 * (1 - times))
    codes = {name: ended(child) for name, (child, _) in running.items()}
    took = time.monotonic() - begin
    for name in running:
        said = (tmp_path / name).read_text()
        assert codes[name] == 130, said
        assert said == "busy\nfriedel: interrupted: nothing was written\n"
    assert took < 3.0  # two seconds, on a machine that does other things


def test_an_interrupt_before_the_command_has_begun_is_one_line(monkeypatch, capsys):
    def heard():
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "watched", lambda: None)
    monkeypatch.setattr(cli, "listen", heard)
    monkeypatch.setattr(cli, "finished", lambda code: None)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 130
    assert capsys.readouterr().err.strip().splitlines() == ["friedel: interrupted"]


@pytest.mark.parametrize(
    ("busy", "line"),
    [
        ("abort", "friedel: memory: the limit of 40000 MB is too low for this"),
        ("threads", "friedel: threads: the system allows no more"),
        ("large", "friedel: memory: is exhausted"),
    ],
)
def test_a_limit_on_memory_is_three_and_one_line(tmp_path, busy, line):
    def threads():
        raise RuntimeError("can't start new thread")

    def abort():
        os.write(2, b"LLVM ERROR: out of memory\n")
        os.abort()

    works = {"abort": abort, "threads": threads, "large": lambda: bytearray(50_000_000_000)}
    code = ended(command(works[busy], tmp_path / "said", 40_000_000_000))
    said = (tmp_path / "said").read_text()
    assert code == 3, said
    assert said.splitlines()[-1].startswith(line)
    assert "Traceback" not in said


def test_where_memory_is_limited_a_signal_reaches_the_copy_that_works(tmp_path):
    child = command(lambda: time.sleep(60), tmp_path / "said", 40_000_000_000)
    wait_for("busy\n", tmp_path / "said")
    os.kill(child, signal.SIGTERM)
    assert ended(child) == 130
    assert (tmp_path / "said").read_text() == "busy\nfriedel: interrupted: nothing was written\n"


def test_the_least_limit_holds_the_libraries(tmp_path):
    least = memory_limit.LEAST_BYTES
    program = "import sys, resource\nresource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]),) * 2)\n"
    program += "from friedel.cli import main\nsys.argv[:] = ['friedel', 'inspect', 'SCAN']\nmain()"
    for limit, code, said in ((least, 2, "SCAN: no such file"), (least // 3, 3, "memory: the limit must be")):
        done = subprocess.run(
            [sys.executable, "-c", program, str(limit)],
            capture_output=True, text=True, cwd=tmp_path, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        assert said in done.stderr
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(("lattice", "energy"), [(1e9, 40.0), (900.0, 40.0), (4.05, 40_000.0), (4.05, 999.0)])
def test_a_cell_or_an_energy_in_the_wrong_unit_makes_no_endless_list(lattice, energy):
    begin = time.monotonic()
    detector = Detector.from_distance(3000.0, 3.5, (2048.0, 2048.0))

    def listed():
        phase = Phase.from_lattice("Al", [lattice, lattice, lattice, 90, 90, 90], "F m -3 m")
        setup = Setup(Beam(energy), detector, Axis(), SampleShape("cylinder", (300.0, 300.0, 300.0)))
        used_reflections(phase, setup, (4096, 4096))

    with pytest.raises(SetupError) as caught:
        listed()
    assert time.monotonic() - begin < 2.0
    assert "Angstrom" in str(caught.value) or "keV" in str(caught.value)
