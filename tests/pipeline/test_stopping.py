"""Stopped at any moment, and started again: the same blobs, and no leftovers."""

import errno
import json
import os
import random
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

import friedel
from friedel.errors import FriedelError, Interrupted, OutputError
from friedel.output_folder.files import EARLIER
from friedel.output_folder.record import read_run_record
from friedel.runner.lock import LOCK, locked
from tests.pipeline.conftest import spawn
from tests.pipeline.test_run import same_blobs

NO_SPACE = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))
"""
KILLED_AT = """
import os
calls, replace = [], os.replace
def killed(source, target):
    calls.append(target)
    if len(calls) == {number}:
        {before}
        os._exit(9)
    replace(source, target)
os.replace = killed
"""


@pytest.fixture(scope="module")
def finished(recipe, tmp_path_factory) -> Path:
    return friedel.run(recipe, tmp_path_factory.mktemp("whole") / "out", settings=["run.threads=2"])


def alive_after(process: "subprocess.Popen[str]", seconds: float) -> bool:
    """Whether a process is still at work after so long."""
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


def wait_for(path: Path, process: "subprocess.Popen[str]") -> None:
    """Until a file is there, or the process has ended."""
    for _ in range(20_000):
        if path.exists() or not alive_after(process, 0.005):
            return
    raise AssertionError(f"{path} did not appear")


def leftovers(out: Path) -> list[str]:
    return [path.name for path in out.iterdir() if path.name.startswith(".")]


def test_killed_at_any_moment_and_started_again_gives_the_same_blobs(recipe, finished, tmp_path):
    out = tmp_path / "out"
    moments = random.Random(7)
    for _ in range(3):
        process = spawn("run", recipe, "-o", out, "--restart", "--set", "run.threads=2")
        wait_for(out / LOCK, process)
        alive_after(process, moments.uniform(0.0, 0.8))
        process.kill()
        process.communicate()
        if (out / "blobs.h5").exists():
            assert same_blobs(out, finished)
        friedel.run(recipe, out, settings=["run.threads=2"])
        assert same_blobs(out, finished)
        assert leftovers(out) == []
        friedel.verify(out)


@pytest.mark.parametrize(("before", "first"), [("pass", 1), ("replace(source, target)", 2)])
def test_killed_at_any_rename_with_other_parameters_and_started_again_gives_the_first_blobs(
    recipe, finished, tmp_path, before, first
):
    out = tmp_path / "out"
    codes = []
    for number in range(first, 12, 2):
        friedel.run(recipe, out, settings=["run.threads=1"])
        (out / "report.html").write_text("of the first parameters")
        other = ["--set", "run.threads=1", "--set", "segment.tolerance=0.0", "--set", "preprocess.half_window=30"]
        process = spawn("run", recipe, "-o", out, *other, code=KILLED_AT.format(number=number, before=before))
        process.communicate(timeout=120)
        codes.append(process.returncode)
        assert not [*read_run_record(out).damaged(out)]  # what run.json vouches for is there
        there = [folder / "blobs.h5" for folder in (out, out / EARLIER) if (folder / "blobs.h5").exists()]
        assert there  # whatever was complete is there
        if not (out / "blobs.h5").exists() or not same_blobs(out, finished):
            assert not (out / "report.html").exists()
        friedel.run(recipe, out, settings=["run.threads=1"])
        assert same_blobs(out, finished)
        assert leftovers(out) == []
        friedel.verify(out)
    # record and recipe aside, recipe and record, two results and the report aside, two results, record
    assert codes == [9] * 5 + [0] * (first == 1)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_is_one_line_and_130_and_leaves_nothing_half_written(recipe, finished, tmp_path, sign):
    out = tmp_path / "out"
    slow = "import friedel.runner.passes as p, time\nold = p.measure_baseline\n"
    slow += (
        "def measure_baseline(*a):\n    time.sleep(30)\n    return old(*a)\np.measure_baseline = measure_baseline"
    )
    process = spawn("run", recipe, "-o", out, code=slow)
    wait_for(out / "run.json", process)
    process.send_signal(sign)
    printed, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert printed == ""
    assert said.splitlines()[-1].startswith("friedel: interrupted: finished stages are kept")
    assert "Traceback" not in said
    assert leftovers(out) == []
    friedel.run(recipe, out)
    assert same_blobs(out, finished)


IMPORTING = """
import builtins, os, signal
real = builtins.__import__
def importing(name, *rest, **named):
    if name == {name!r}:
        builtins.__import__ = real
        os.kill(os.getpid(), signal.SIGINT)
    return real(name, *rest, **named)
builtins.__import__ = importing
"""


@pytest.mark.parametrize("name", ["typer", "h5py", "numba"])
def test_an_interrupt_while_things_are_imported_is_one_line(scan, name):
    code = f"{IMPORTING.format(name=name)}\nimport runpy, sys\nsys.argv = ['friedel', 'inspect', {str(scan)!r}]\n"
    code += "runpy.run_module('friedel', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 130
    assert done.stdout == ""
    assert done.stderr.strip().startswith("friedel: interrupted")
    assert len(done.stderr.strip().splitlines()) == 1


def test_an_interrupt_after_the_last_line_comes_too_late(scan):
    late = "import atexit, os, signal\natexit.register(lambda: os.kill(os.getpid(), signal.SIGINT))"
    process = spawn("inspect", scan, code=late)
    printed, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, "")
    assert "omega" in printed


def test_an_interrupt_says_what_is_true_for_its_command(scan, recipe, tmp_path, monkeypatch):
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    for name, where, call, words in (
        ("inspect_scan", "friedel.commands", lambda: friedel.inspect(scan), "nothing was written"),
        ("guess", "friedel.commands", lambda: friedel.init(scan, tmp_path / "r.toml"), "nothing was written"),
        (
            "measure_baseline",
            "friedel.runner.passes",
            lambda: friedel.run(recipe, tmp_path / "o"),
            "stages are kept",
        ),
        ("_report", "friedel.commands", lambda: friedel.run(recipe, tmp_path / "o", report=True), "friedel report"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(f"{where}.{name}", interrupt)
            with pytest.raises(Interrupted, match=words):
                call()
    assert (tmp_path / "o" / "blobs.h5").exists()


@pytest.mark.parametrize("size", [4_000, 20_000, 60_000])
def test_a_full_disk_is_one_line_and_loses_nothing(recipe, finished, tmp_path, size):
    out = tmp_path / "out"
    process = spawn("run", recipe, "-o", out, code=NO_SPACE.format(size=size))
    printed, said = process.communicate(timeout=120)
    assert process.returncode == 1, said
    assert printed == ""
    assert said.splitlines()[-1].startswith("friedel: ")
    assert "Traceback" not in said
    assert leftovers(out) == []
    assert not (out / "blobs.h5").exists()
    friedel.run(recipe, out)
    assert same_blobs(out, finished)


def test_what_an_earlier_run_finished_survives_a_failure(recipe, finished, tmp_path, monkeypatch):
    out = friedel.run(recipe, tmp_path / "out")

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("friedel.runner.passes.segment", fail)
    with pytest.raises(OutputError):
        friedel.run(recipe, out, settings=["segment.seed_threshold=70"])
    monkeypatch.undo()
    assert same_blobs(out, finished)
    friedel.verify(out)
    assert leftovers(out) == []


def test_leftovers_of_a_killed_run_are_removed(recipe, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / ".blobs.h5.part").write_bytes(b"half")
    friedel.run(recipe, out)
    assert leftovers(out) == []


def test_two_runs_at_once_in_one_folder_are_refused(recipe, tmp_path):
    at_work = pytest.raises(OutputError, match=f"another run is at work.*{os.getpid()}")
    with locked(tmp_path / "out"), at_work as caught:
        friedel.run(recipe, tmp_path / "out")
    assert "delete" not in str(caught.value)  # it is alive
    friedel.run(recipe, tmp_path / "out")


def test_a_lock_that_its_run_has_not_signed_yet_counts(tmp_path):
    with locked(tmp_path):
        (tmp_path / LOCK).write_text("")
        with pytest.raises(OutputError, match="it has just begun"), locked(tmp_path):
            raise AssertionError("two runs at once")
    assert leftovers(tmp_path) == []


def test_a_run_leaves_the_lock_of_another_alone(tmp_path):
    with locked(tmp_path):
        (tmp_path / LOCK).unlink()  # as the refusal advises
        with locked(tmp_path):
            mark = (tmp_path / LOCK).read_text()
            other = tmp_path / "kept"
            os.link(tmp_path / LOCK, other)
        os.rename(other, tmp_path / LOCK)
    assert (tmp_path / LOCK).read_text() == mark


def test_of_many_that_find_a_stale_lock_one_gets_in_at_a_time(tmp_path):
    (tmp_path / LOCK).write_text("{}")
    inside, together = [], []

    def take(_: int) -> bool:
        try:
            with locked(tmp_path):
                inside.append(1)
                together.append(len(inside))
                inside.pop()
        except OutputError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert any(pool.map(take, range(400)))
    assert set(together) == {1}
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("system", ["has no locks", "refuses them"])
def test_without_the_systems_locks_the_signature_counts(tmp_path, monkeypatch, system):
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    if system == "has no locks":
        monkeypatch.setattr("friedel.runner.lock.fcntl", None)
    else:
        monkeypatch.setattr("friedel.runner.lock.fcntl.flock", refuse)
    with locked(tmp_path), pytest.raises(OutputError, match=f"process {os.getpid()}"), locked(tmp_path):
        raise AssertionError("two runs at once")
    (tmp_path / LOCK).write_text("{}")
    with locked(tmp_path):
        assert str(os.getpid()) in (tmp_path / LOCK).read_text()


@pytest.mark.parametrize("mark", ["", "{}", "gone", "recycled"])
def test_the_lock_of_a_dead_process_does_not_count(recipe, tmp_path, mark):
    out = tmp_path / "out"
    out.mkdir()
    own = psutil.Process()
    holders = {
        "gone": {"host": socket.gethostname(), "pid": 2**22 + 1, "started": 0.0},
        "recycled": {"host": socket.gethostname(), "pid": own.pid, "started": own.create_time() - 1000},
    }
    (out / LOCK).write_text(json.dumps(holders[mark]) if mark in holders else mark)
    friedel.run(recipe, out)


def test_the_lock_of_another_machine_counts(recipe, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / LOCK).write_text(json.dumps({"host": "elsewhere", "pid": 1, "started": 0.0}))
    with pytest.raises(FriedelError, match=r"process 1 on elsewhere.*if that process has ended, delete"):
        friedel.run(recipe, out)
