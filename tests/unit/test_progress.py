"""What the user sees while something runs: nothing is silent for long, and quick work says little."""

import io
import time

import pytest

from friedel.model.stream import counted, watched
from friedel.runner import progress as shown_progress
from friedel.runner.progress import Lines, Progress, log, talking
from tests.watchers import Heard


def test_items_are_told_as_they_are_done_and_the_end_also_after_an_error():
    heard = Heard()
    assert list(watched(heard, "shapes", "abc", 3, "grains")) == ["a", "b", "c"]
    assert heard.told == [("shapes", 3, "grains"), 1, 2, 3, "end"]
    heard = Heard()

    def failing() -> None:
        with counted(heard, "pairs", 2, "searches") as one_more:
            one_more()
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        failing()
    assert heard.told == [("pairs", 2, "searches"), 1, "end"]


def test_where_nobody_looks_the_work_is_done_all_the_same():
    assert list(watched(None, "shapes", [1, 2], 2, "grains")) == [1, 2]


@pytest.fixture
def impatient(monkeypatch):
    """Lines that wait for a tenth of a second where others wait for ten."""
    monkeypatch.setattr(shown_progress, "LINE_EVERY_S", 0.1)
    monkeypatch.setattr(shown_progress, "LOOK_EVERY_S", 0.02)


def said(work, verbosity=0):
    stream = io.StringIO()
    with talking(verbosity, stream) as progress:
        work(progress)
    return stream.getvalue().splitlines()


def test_a_stage_that_says_nothing_is_spoken_for(impatient):
    def work(progress: Progress) -> None:
        progress.stage("assemble")
        time.sleep(0.5)

    lines = said(work)
    assert 2 <= len(lines) <= 6
    assert all(line.startswith("assemble: at work for") for line in lines)


def test_a_piece_of_work_that_hangs_at_one_step_says_which(impatient):
    def work(progress: Progress) -> None:
        progress.stage("index")
        with counted(progress, "grains", 900, "pairs") as one_more:
            for _ in range(7):
                one_more()
            time.sleep(0.3)

    assert any(line.startswith("grains: 7 of 900 pairs in 0 s") for line in said(work))


def test_quick_pieces_of_work_say_nothing_and_frames_tell_their_end():
    def work(progress: Progress) -> None:
        progress.stage("match")
        list(watched(progress, "pairs", range(5), 5, "searches"))
        progress.begin("frames", 40)
        progress.reach(20)
        progress.reach(40)
        progress.end()

    (line,) = said(work)
    assert line.startswith("frames: 40 of 40 frames in 0 s")


def test_quiet_is_silent(impatient):
    def work(progress: Progress) -> None:
        progress.stage("index")
        time.sleep(0.3)

    assert said(work, -1) == []


def test_long_work_says_how_much_is_left(impatient):
    lines = Lines()
    heard = []
    lines.begin("shapes", 4, "grains")
    handler = shown_progress.logging.Handler()
    handler.emit = lambda record: heard.append(record.getMessage())
    log.addHandler(handler)
    level = log.level
    log.setLevel(shown_progress.logging.INFO)
    try:
        for done in range(1, 5):
            time.sleep(0.12)
            lines.reach(done)
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
    assert len(heard) == 3
    assert heard[0].startswith("shapes: 2 of 4 grains in 0 s, about 0 s left")
