"""Runs that the page starts: their progress, their log, their ends."""

import json
import os
import sys
import time

import psutil
import pytest
from rich.console import Console

from friedel.errors import FriedelError, InputError, OutputError
from friedel.recipe import Recipe
from friedel.runner.lock import LOCK, at_work, locked
from friedel.runner.progress import MARK, Marks
from friedel.viewer import running
from friedel.viewer.running import Running, command, estimated

SCRIPT = """
import os, sys, time
print('@progress {"stage": "preprocess", "done": 0, "total": 0}', flush=True)
print('@progress {"name": "frames", "done": 12, "total": 40}', flush=True)
print('warning: odd µm', flush=True)
print('@progress {"broken', flush=True)
if MODE == "wait":
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        print("friedel: interrupted: what is finished is kept", flush=True)
        sys.exit(130)
if MODE == "fail":
    print("friedel: scan.frames: no such file")
    sys.exit(2)
print("done, nobody is told " + os.environ["FRIEDEL_PROGRESS"])
"""


@pytest.fixture
def start(monkeypatch, tmp_path):
    """Begin a run that behaves in a certain way."""
    run = Running()

    def begin(mode, **options):
        script = SCRIPT.replace("MODE", repr(mode))
        monkeypatch.setattr(running, "command", lambda *_, **__: [sys.executable, "-c", script])
        run.start(tmp_path / "r.toml", tmp_path / "r", **options)
        return run

    yield begin
    if run.busy:
        run.stop()
        run.wait(20)
    run.close()


def until(run, out, condition):
    """Ask again until the facts are so, at most 20 s."""
    end = time.monotonic() + 20
    while not condition(facts := run.facts(out)):
        assert time.monotonic() < end, facts
        time.sleep(0.02)
    return facts


def test_before_anything_runs_the_state_is_idle(tmp_path):
    run = Running()
    assert run.facts(tmp_path) == {"state": "idle", "stage": "", "done": 0, "total": 0, "text": "", "exit": None}
    assert run.log(tmp_path, 0) == ("", 0)
    with pytest.raises(FriedelError, match="no run"):
        run.stop()


def test_progress_is_read_from_marks_and_the_rest_is_the_log(start, tmp_path):
    run = start("end")
    assert run.wait(20) == 0
    facts = run.facts(tmp_path)
    assert facts == {"state": "done", "stage": "preprocess", "done": 12, "total": 40, "text": "", "exit": 0}
    text, place = run.log(tmp_path, 0)
    assert text == "warning: odd µm\ndone, nobody is told marks\n"
    assert run.log(tmp_path, place) == ("", place)
    assert run.log(tmp_path, 10**9)[0] == text


def test_a_run_that_fails_says_why(start, tmp_path):
    run = start("fail")
    run.wait(20)
    facts = run.facts(tmp_path)
    assert (facts["state"], facts["exit"], facts["text"]) == ("failed", 2, "scan.frames: no such file")


def test_a_run_is_stopped_by_an_interrupt_and_is_alone(start, tmp_path):
    run = start("wait")
    until(run, tmp_path, lambda facts: facts["done"] == 12)
    with pytest.raises(OutputError, match="a run is at work in it"):
        run.start(tmp_path / "r.toml", tmp_path / "r")
    run.stop()
    assert run.wait(20) == 130
    facts = run.facts(tmp_path)
    assert (facts["state"], facts["exit"]) == ("stopped", 130)
    assert facts["text"] == "interrupted: what is finished is kept"


def test_a_run_has_a_process_group_of_its_own(start, tmp_path):
    run = start("wait")
    until(run, tmp_path, lambda facts: facts["done"] == 12)
    (child,) = [one for one in psutil.Process().children() if "nobody is told" in " ".join(one.cmdline())]
    assert os.getpgid(child.pid) != os.getpgid(0)


def test_the_log_of_a_folder_is_shown_where_nothing_was_started(tmp_path):
    (tmp_path / "log.txt").write_text("a line\n")
    run = Running()
    text, place = run.log(tmp_path, 0)
    assert (text, place) == ("a line\n", 7)
    with (tmp_path / "log.txt").open("a") as file:
        file.write("another\n")
    assert run.log(tmp_path, place) == ("another\n", 15)
    (tmp_path / "log.txt").write_text("x" * 200_000)
    text, place = run.log(tmp_path, 0)
    assert (len(text), place) == (64_000, 200_000)


def test_a_run_elsewhere_is_seen_and_respected(tmp_path):
    out = tmp_path / "r"
    run = Running()
    with locked(out):
        assert at_work(out) == f"process {os.getpid()}"
        assert "not started here" in run.facts(out)["text"]
        with pytest.raises(OutputError, match="at work"):
            run.start(tmp_path / "r.toml", out)
    assert at_work(out) == ""
    (out / LOCK).write_text(json.dumps({"host": "x", "pid": 1, "started": 0.0}))
    assert at_work(out) == "process 1 on x"


def test_the_command_is_that_of_the_shell(tmp_path):
    recipe, out = tmp_path / "r.toml", tmp_path / "r"
    plain = [sys.executable, "-m", "friedel", "run", str(recipe), "-o", str(out)]
    assert command(recipe, out) == plain
    assert command(recipe, out, to="segment", restart=True) == [*plain, "--to", "segment", "--restart"]
    with pytest.raises(InputError, match="must be one of"):
        Running().start(recipe, out, to="; rm -rf")


def test_marks_are_lines_of_json(capsys):
    marks = Marks(Console(file=sys.stdout, width=20))
    marks.stage("match")
    marks.begin("frames", 1000)
    for done in (1, 2, 1000):
        marks.reach(done)
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith(MARK) for line in lines)
    facts = [json.loads(line.removeprefix(MARK)) for line in lines]
    assert facts[0] == {"stage": "match", "done": 0, "total": 0}
    assert facts[1] == {"name": "frames", "done": 0, "total": 1000}
    assert facts[-1] == {"name": "frames", "done": 1000, "total": 1000}


def test_an_estimate_without_a_scan_raises_what_the_command_would(tmp_path):
    with pytest.raises(FriedelError):
        estimated(Recipe(), tmp_path)
