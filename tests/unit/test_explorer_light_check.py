"""What is said of beam and margin while they are looked for is what a run says."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest

from friedel.errors import FriedelError, InputError
from friedel.explorer.light_check import LightCheck
from friedel.model.stream import Serial
from friedel.preprocess import measure_baseline
from tests.unit.test_preprocess import BEAM, SMALL, beam_scan, scan_of

COL0, ROW0, COL1, ROW1 = BEAM
LOOKED_FOR = {
    "as it is": ({"beam": tuple(BEAM), "margin": 5}, ""),
    "found": ({"beam": "auto", "margin": "auto"}, ""),
    "beam too small": ({"beam": (COL0 + 8, ROW0, COL1, ROW1), "margin": 3}, "goes on beyond the box (left)"),
    "beam empty": ({"beam": (30, 20, 30, 25)}, "must not be empty"),
    "beam outside": ({"beam": (30, 20, 90, 25)}, "must lie in the image"),
    "beam missed": ({"beam": (2, 36, 12, 46), "margin": 3}, f"not in the box: it was found at {list(BEAM)}"),
    "no beam": ({"beam": "none"}, "no direct beam was found to normalise on"),
    "margin outside": ({"beam": tuple(BEAM), "margin": ((30, 20, 90, 25),)}, "must lie in the image"),
    "margin empty": ({"beam": tuple(BEAM), "margin": ((30, 20, 30, 25),)}, "must not be empty"),
    "margin too wide": ({"beam": tuple(BEAM), "margin": 30}, "two strips must fit"),
    "margin wider than the beam": (
        {"beam": tuple(BEAM), "margin": ((COL0 - 18, ROW0 - 8, COL0 + 5, ROW1 + 8),)},
        "it reaches beyond the direct beam",
    ),
    "margin in the sample": ({"beam": tuple(BEAM), "margin": ((34, ROW0, 46, ROW1),)}, "the sample shadows"),
    "margin beside the beam": ({"beam": tuple(BEAM), "margin": ((2, 2, 9, 40),)}, "outside the direct beam"),
}
"""Values, and what is said about them."""


@pytest.fixture(scope="module")
def source():
    return SimpleNamespace(lock=threading.RLock(), scan=scan_of(beam_scan()), executor=Serial())


@pytest.fixture(scope="module")
def check(source):
    made = LightCheck(source)
    yield made
    made.forget()


@pytest.mark.parametrize("name", LOOKED_FOR)
def test_it_says_of_beam_and_margin_what_a_run_says(name, source, check):
    params = SMALL.replaced(**LOOKED_FOR[name][0])
    told, words = check(params), LOOKED_FOR[name][1]
    if told.refused:
        with pytest.raises(InputError) as refused:
            measure_baseline(source.scan, params)
        assert (told.refused, told.warnings) == (str(refused.value), ())
    else:
        warned = measure_baseline(source.scan, params).warnings
        assert told.warnings == tuple(text for text in warned if text.startswith("preprocess."))
    assert words in " ".join([told.refused, *told.warnings])
    assert bool(words) == bool(told.refused or told.warnings)


def test_the_frames_are_read_once_and_again_for_another_mask(source):
    check, read = LightCheck(source), []
    scan, frames = source.scan, source.scan.frames
    counted = SimpleNamespace(
        shape=frames.shape, dtype=frames.dtype, read=lambda *span: read.append(span) or frames.read(*span)
    )
    source.scan = scan.__class__(**{**{name: getattr(scan, name) for name in scan.__slots__}, "frames": counted})
    try:
        first = check(SMALL)
        once = len(read)
        assert check(SMALL.replaced(beam=(30, 12, 40, 20), margin=2)) != first
        assert len(read) == once
        mask = np.zeros_like(scan.mask)
        source.scan = source.scan.__class__(
            **{**{name: getattr(source.scan, name) for name in scan.__slots__}, "mask": mask}
        )
        check(SMALL)
        assert len(read) == 2 * once
        check.forget()
        check(SMALL)
        assert len(read) == 3 * once
    finally:
        check.forget()
        source.scan = scan


def test_without_a_scan_there_is_nothing_to_ask(source):
    with pytest.raises(FriedelError, match="is not there"):
        LightCheck(SimpleNamespace(lock=threading.RLock(), scan=None, executor=Serial()))(SMALL)
