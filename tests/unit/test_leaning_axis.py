"""An axis that leans along the beam: found, taken back, and said; the scan is small and made once."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from friedel.calibrator import CalibrationRequest, choose_lean, fit_lean
from friedel.errors import FriedelWarning, SetupError
from friedel.io.setup_record import setup_record, setup_with
from friedel.model.leaning_axis import about_z, both_flashes, leaning, of_straight_axis, places, wrapped
from friedel.model.setup import Axis
from friedel.recipe.setup import SetupParams
from friedel.simulator import CameraParams, SimulationParams, SpecimenParams, simulate

LEAN = 0.3


def scan(lean, seed=2, **changes):
    """A simulation without frames, and its true grains as indexing gives them."""
    params = SimulationParams(
        seed=seed,
        grains=12,
        frames=1440,
        rows=192,
        cols=192,
        pixel_um=7.0,
        lean_deg=lean,
        sample=SpecimenParams(radius_um=80.0, height_um=100.0, mosaicity_deg=0.1),
        camera=CameraParams(dark_frames=1),
        **changes,
    )
    made = simulate(params)
    blobs, grains = made.truth.blobs, made.truth.grains
    hkl = np.column_stack([blobs.extra[name] for name in "hkl"])[grains.blobs]
    grains = replace(grains, hkl=hkl, residuals=np.zeros((len(hkl), 3)))
    return made, blobs, grains


@pytest.fixture(scope="module")
def leant():
    return scan(LEAN)


@pytest.fixture(scope="module")
def straight():
    return scan(0.0)


def turned(grains, deg):
    """The grains as somebody finds them: not quite right."""
    rng = np.random.default_rng(4)
    off = Rotation.from_rotvec(np.radians(deg) * rng.normal(size=(len(grains), 3))).as_matrix()
    U = off @ grains.U
    place = grains.position_um + rng.normal(size=(len(grains), 3))
    return replace(grains, U=U, UBI=grains.UBI @ np.swapaxes(off, 1, 2), position_um=place)


def test_a_lean_is_found_within_its_error(leant):
    made, blobs, grains = leant
    found = fit_lean(blobs, turned(grains, 0.03), made.setup, made.phases)
    lean = found.changes[0]
    assert lean.name == "axis lean"
    assert abs(lean.after - LEAN) < max(4 * lean.uncertainty, 0.003)
    assert lean.uncertainty < 0.01
    # the detector stays where the beam says: in the frame of the axis it is turned
    there = leaning(found.setup, 0.0).detector
    corner = np.array([0.0, 191.0])
    np.testing.assert_allclose(
        there.position_um(corner, corner), made.setup.detector.position_um(corner, corner), atol=6.0
    )


def test_a_straight_axis_stays_straight(straight):
    made, blobs, grains = straight
    found = fit_lean(blobs, turned(grains, 0.03), made.setup, made.phases)
    assert found.setup is made.setup
    assert not found.changes
    assert "does not lean" in found.summary


def test_a_lean_that_the_recipe_knows_is_no_change(leant):
    made, blobs, grains = leant
    known = leaning(made.setup, LEAN)
    found = fit_lean(blobs, turned(grains, 0.03), known, made.phases)
    assert found.setup is known
    assert "no other lean" in found.summary


def predicted(setup, grains, blobs):
    """Omega (deg), row, col (n,3) of the grains' blobs for a straight axis."""
    owner = np.repeat(np.arange(len(grains)), np.diff(grains.blob_pointer))
    g = np.einsum("nij,nj->ni", np.linalg.inv(grains.UBI)[owner], grains.hkl)
    both = both_flashes(g, setup.beam.wavelength, 0.0)
    seen = np.radians(blobs["omega"][grains.blobs])
    nearer = np.argmin([np.abs(wrapped(one.omega - seen)) for one in both], axis=0)
    flash = type(both[0])(*(np.stack(part)[nearer, np.arange(len(g))] for part in zip(*both, strict=True)))
    row_col = places(grains.position_um[owner], flash, setup.detector)
    return np.column_stack([np.degrees(flash.omega), row_col])


@pytest.mark.parametrize("known", [False, True])
def test_blobs_are_told_as_if_the_axis_were_straight(leant, known):
    made, blobs, grains = leant
    setup = leaning(made.setup, LEAN)
    back = of_straight_axis(blobs, setup, grains if known else None)
    rows = grains.blobs
    true, medians = predicted(setup, grains, blobs), []
    for one in (blobs, back):
        off = np.column_stack([one["omega"], one["sc"], one["fc"]])[rows] - true
        off[:, 0] = (off[:, 0] + 180) % 360 - 180
        medians.append(np.median(np.abs(off), axis=0))
    before, after = medians
    assert before[0] > 0.1
    assert after[0] < (0.02 if known else 0.4 * before[0])
    assert after[1:].max() < (0.05 if known else 0.5)


def test_a_straight_axis_changes_no_blob(straight):
    made, blobs, _ = straight
    assert of_straight_axis(blobs, made.setup) is blobs


@pytest.mark.parametrize("calibrate", ["auto", "off"])
def test_a_run_is_told_of_a_lean_and_goes_on_with_it_unless_it_may_not(leant, calibrate):
    made, blobs, grains = leant
    asked = []

    def index(setup):
        asked.append(setup.axis.lean_deg)
        return turned(grains, 0.03)

    request = CalibrationRequest(made.setup, made.phases, calibrate)
    with pytest.warns(FriedelWarning, match=r"the axis leans along the beam by \+0\.(29|30)\d+ \+- 0\.00\d+ deg"):
        decision = choose_lean(blobs, request, made.setup, index)
    if calibrate == "off":
        assert decision.setup is made.setup
        assert "not corrected" in decision.lines[0]
    else:
        assert decision.setup.axis.lean_deg == pytest.approx(LEAN, abs=0.01)
        assert asked[0] == 0.0 != asked[1]
    assert decision.records[0]["by"] == "axis"
    assert decision.records[0]["changed"] == (calibrate != "off")


def test_a_straight_axis_is_said_and_leaves_no_record(straight):
    made, blobs, grains = straight
    decision = choose_lean(blobs, CalibrationRequest(made.setup, made.phases), made.setup, lambda _: grains)
    assert decision.setup is made.setup
    assert decision.records == ()
    assert "does not lean" in decision.lines[0]


def test_too_few_spots_tell_nothing(straight):
    made, blobs, grains = straight
    few = replace(
        grains, blob_pointer=np.zeros_like(grains.blob_pointer), blobs=grains.blobs[:0], shared=grains.shared[:0],
        hkl=grains.hkl[:0], residuals=grains.residuals[:0],
    )  # fmt: skip
    assert "too few" in fit_lean(blobs, few, made.setup, made.phases).summary


def test_a_set_up_keeps_its_lean(leant):
    made = leant[0]
    setup = leaning(made.setup, LEAN)
    again = setup_with(setup_record(setup), made.setup, "x")
    assert again.axis == setup.axis
    np.testing.assert_array_equal(again.detector.u_um, setup.detector.u_um)
    there_and_back = leaning(setup, 0.0).detector
    np.testing.assert_allclose(there_and_back.origin_um, made.setup.detector.origin_um, atol=1e-9)


def test_a_recipe_tells_the_detector_by_the_beam():
    values = {"energy_keV": 40.0, "detector": {"distance_um": 3000.0, "pixel_um": 3.5, "centre_px": [100, 100]}}
    straight, leant = (SetupParams.build({**values, "lean_deg": lean}).setup() for lean in (0.0, 2.0))
    assert leant.axis == Axis(1, 2.0)
    np.testing.assert_allclose(leaning(leant, 0.0).detector.origin_um, straight.detector.origin_um)
    with pytest.raises(SetupError, match="must be at most 5 either way"):
        Axis(1, 7.0)


def test_h_and_minus_h_are_no_longer_half_a_turn_apart():
    g, lean = np.array([[0.1, 0.2, 0.25]]), np.radians(0.05)
    wavelength = 0.31
    first, second = (both_flashes(sign * g, wavelength, lean) for sign in (1, -1))
    apart = [np.degrees(wrapped(b.omega - a.omega - np.pi)) for a in first for b in second]
    nearest = min(apart, key=abs)[0]
    k = first[0].k[0]
    # by twice the lean over tan(eta), to first order
    eta = np.arctan2(-k[1], k[2])
    assert abs(nearest) == pytest.approx(abs(2 * 0.05 / np.tan(eta)), rel=0.03)
    turned_back = about_z(first[0].k - [np.cos(lean), 0, np.sin(lean)], -first[0].omega) / wavelength
    np.testing.assert_allclose(turned_back, g, atol=1e-12)


def test_the_shadows_of_spots_lie_in_the_direct_beam(leant):
    made, _, _ = leant
    box, shadows = made.beam, made.diffraction.shadows
    assert (shadows[:, 2] > box.row0 - 6).all()
    assert (shadows[:, 3] < box.row1 + 6).all()
