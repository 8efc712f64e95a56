"""How large a sample can be of which only the direct beam tells, and whether the recipe's lies in it."""

from dataclasses import replace

import numpy as np
import pytest

from friedel.model.setup import Axis, Beam, Detector, SampleShape, Setup
from friedel.runner.specimen import UNSURE_PX, height_doubt, sample_in_beam

SEEN = SampleShape("absorption")


def setup_of(**detector):
    return Setup(Beam(40.0), Detector.from_distance(3094.0, 3.5, (255.5, 250.0), **detector), Axis(1), SEEN)


@pytest.mark.parametrize("detector", [{}, {"flip": ("cols",)}, {"tilt_deg": (0.0, 0.0, 1.0)}])
def test_a_sample_lies_within_the_box_of_the_beam(detector):
    shape = sample_in_beam(setup_of(**detector), [200, 220, 321, 291])
    # columns 199.5 to 320.5 lie up to 65 px beside the centre, rows 219.5 to 290.5 up to 40.5 px
    half = (np.array([65.0, 40.5]) + UNSURE_PX) * 3.5
    assert shape.kind == "cylinder"
    np.testing.assert_allclose(np.array(shape.size_um)[[0, 2]] / 2, half, rtol=2e-3)
    assert shape.size_um[0] == shape.size_um[1]


def test_without_a_box_nothing_is_known():
    assert sample_in_beam(setup_of(), None) is SEEN
    assert sample_in_beam(setup_of(), []) is SEEN


def in_beam(height_px, row0, row1, kind="cylinder"):
    """A sample around the row 250 of the centre, and a beam over rows row0 to row1."""
    setup = replace(setup_of(), sample=SampleShape(kind, (400.0, 400.0, height_px * 3.5)))
    return setup, [200, row0, 321, row1]


@pytest.mark.parametrize(
    ("height_px", "row0", "row1"),
    [(72, 211, 290), (72, 215, 285), (200, 215, 285), (20, 211, 290), (72, 211, 287), (40, 211, 285)],
    ids=["as simulated", "just lit", "longer", "shorter", "shorter at one end", "shorter at both"],
)
def test_a_sample_that_fits_the_beam_in_height_is_not_doubted(height_px, row0, row1):
    setup, box = in_beam(height_px, row0, row1)
    assert height_doubt(setup, box) == ""
    assert height_doubt(setup, None) == ""


def test_a_sample_that_is_too_high_or_too_low_for_the_beam_is_said_by_how_much():
    setup, box = in_beam(72, 221, 300)
    doubt = height_doubt(setup, box)
    assert "6 px out of the direct beam at its upper end" in doubt
    assert "the middle of the beam is 10 px below the sample's" in doubt
    assert "centre_px" in doubt
    higher = height_doubt(*in_beam(72, 201, 280))
    assert "lower end" in higher
    assert "10 px above" in higher
    assert height_doubt(*in_beam(72, 221, 300, "box")) == doubt
    assert height_doubt(*in_beam(72, 221, 300, "absorption")) == ""
