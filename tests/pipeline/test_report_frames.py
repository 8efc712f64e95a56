"""The frames that a report shows are those that were segmented."""

import numpy as np

import friedel
from friedel.io.clean_store import read_clean
from friedel.reporter.frames import run_frames
from friedel.reporter.inputs import ReportInputs
from tests.documented import differences


def test_clean_frames_of_the_report_are_the_runs_own_to_the_bit(recipe, tmp_path):
    out = friedel.run(recipe, tmp_path / "out", settings=["preprocess.keep_clean=true"])
    assert differences(out / "clean.h5") == []
    frames_of_run = run_frames(ReportInputs.open(out))
    for block in read_clean(out / "clean.h5"):
        for k in range(block.start, block.stop, 17):
            np.testing.assert_array_equal(frames_of_run.clean(k), block.frames[k - block.start])
