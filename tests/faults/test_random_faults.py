"""Faults of every kind at random moments of a whole run, bounded; `make faults` tries hundreds."""

import shutil
from dataclasses import replace

import pytest

from friedel.runner import passes
from tests.faults.kinds import KINDS
from tests.faults.tiny_run import make_tiny
from tests.faults.trials import try_fault


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return make_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_leaves_what_is_right_and_the_next_run_makes_the_rest(tiny, kind):
    assert try_fault(tiny, kind, 1) == ""


@pytest.mark.parametrize(
    ("what", "message"),
    [("overwritten", "has changed while it was read"), ("unreadable at first", "could not be read at first")],
)
def test_a_pass_that_did_not_see_one_scan_is_refused_and_leaves_no_result(tiny, tmp_path, what, message):
    spoilt = tiny.spoilable(tmp_path / "scan")

    def overwrite():
        usual = passes.clean_blocks

        def blocks(*arguments, **named):
            yield from usual(*arguments, **named)
            shutil.copy(tiny.made / "other" / "scan.h5", spoilt.folder / "scan.h5")

        passes.clean_blocks = blocks

    def hide():
        usual = passes.measure_baseline

        def baseline(*arguments):
            found = usual(*arguments)
            return replace(found, probe_frames=found.probe_frames[1:])

        passes.measure_baseline = baseline

    code = spoilt.run(tmp_path / "out", tmp_path / "said", overwrite if what == "overwritten" else hide)
    assert (code, message in (tmp_path / "said").read_text()) == (2, True)
    assert not list((tmp_path / "out").glob("*.h5"))
    shutil.copy(tiny.folder / "scan.h5", spoilt.folder / "scan.h5")
    assert spoilt.run(tmp_path / "out", tmp_path / "said") == 0
    assert spoilt.unfinished(tmp_path / "out") == []
