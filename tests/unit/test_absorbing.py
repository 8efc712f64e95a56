"""Which absorption a run corrects: the direct beam's or the recipe's, unless the grains' spots say otherwise."""

import warnings
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from friedel.errors import FriedelWarning
from friedel.model.absorption import Absorption, body_of
from friedel.model.setup import SampleShape
from friedel.model.stream import Serial
from friedel.recipe.setup import DetectorParams, SetupParams
from friedel.runner.absorbing import doubt_of, judged, recorded, sample_absorption
from friedel.simulator import CameraParams, LightParams, SimulationParams, SpecimenParams, simulate

PER_UM = 0.003


@pytest.fixture(scope="module")
def scan():
    sample = SpecimenParams(shape="box", size_um=(140.0, 100.0, 90.0), absorption_per_um=PER_UM, absorb_spots=True)
    light, camera = LightParams(beam_counts=20000.0), CameraParams(zingers=0.0)
    return simulate(
        SimulationParams(
            frames=24, rows=64, cols=96, pixel_um=7.0, grains=4, sample=sample, light=light, camera=camera
        )
    )


def job_of(scan, per_mm=None):
    detector = DetectorParams(distance_um=3094.0, pixel_um=7.0, centre_px=(47.5, 31.5))
    setup = SetupParams(energy_keV=40.0, detector=detector, absorption_per_mm=per_mm)
    return SimpleNamespace(recipe=SimpleNamespace(setup=setup), scan=scan.scan(), executor=Serial())


def boxes(scan):
    """The beam's box and its margins, as a run records them."""
    return list(scan.beam), [list(box) for box in scan.camera.margins]


def test_the_coefficient_is_what_the_direct_beam_loses_on_its_way_through_the_sample(scan):
    found = sample_absorption(job_of(scan), scan.setup, None, *boxes(scan))
    assert found.source == "direct beam"
    assert found.per_um == pytest.approx(PER_UM, rel=0.03)


def test_the_recipe_decides_where_it_says_anything(scan):
    assert sample_absorption(job_of(scan, 0.0), scan.setup, None, *boxes(scan)) is None
    found = sample_absorption(job_of(scan, 1.5), scan.setup, None, None, [])
    assert (found.source, found.per_um) == ("recipe", 0.0015)


def test_a_coefficient_without_the_samples_outline_is_said_and_not_used(scan):
    unknown = replace(scan.setup, sample=SampleShape("absorption"))
    with pytest.warns(FriedelWarning, match=r"absorption_per_mm = 1\.5 is not used.*outline.*setup\.sample"):
        assert sample_absorption(job_of(scan, 1.5), unknown, None, *boxes(scan)) is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert sample_absorption(job_of(scan), unknown, None, *boxes(scan)) is None


def test_without_a_direct_beam_nothing_is_corrected(scan):
    assert sample_absorption(job_of(scan), scan.setup, None, None, []) is None


def absorption(source="direct beam"):
    return Absorption(0.002, body_of(SampleShape("box", (10.0, 10.0, 10.0))), source)


@pytest.mark.parametrize(
    ("shown", "error", "believed"),
    [(2.3, 0.02, True), (1.5, 0.02, True), (0.5, 0.3, True), (0.0, 0.1, False), (np.nan, np.nan, True)],
)
def test_spots_that_show_clearly_less_than_the_direct_beam_are_believed(shown, error, believed):
    assert (doubt_of(absorption(), shown, error) == "") == believed
    assert doubt_of(absorption("recipe"), shown, error) == ""


def test_what_is_corrected_is_recorded_and_read_again():
    kept, told = judged(absorption(), lambda one: (0.0022, 0.0001))
    assert kept is not None
    assert told["absorption"] == {
        "per_mm": 2.0, "source": "direct beam", "spots_per_mm": 2.2, "spots_error": 0.1
    }  # fmt: skip
    again = recorded(told, kept.body)
    assert again.per_um == kept.per_um
    assert recorded(told, None) is recorded({}, kept.body) is None
    with pytest.warns(FriedelWarning, match=r"loses 2\.00 /mm.*diffracted beams 0\.10 ± 0\.01.*not corrected"):
        assert judged(absorption(), lambda one: (0.0001, 0.00001)) == (None, {})
    assert judged(None, lambda one: (0.0, 0.0)) == (None, {})
