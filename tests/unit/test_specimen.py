"""How large a sample can be of which only the direct beam tells."""

import numpy as np
import pytest

from friedel.model.setup import Axis, Beam, Detector, SampleShape, Setup
from friedel.runner.specimen import UNSURE_PX, sample_in_beam

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
