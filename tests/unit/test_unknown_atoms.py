"""Crystals whose atoms nobody knows: families by the space group, intensities from the scan."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from friedel.errors import SetupError
from friedel.index import IndexParams, index
from friedel.match import MatchParams, match
from friedel.model.crystal import Phase
from friedel.model.families import used_reflections
from friedel.model.strengths import family_log_strengths
from friedel.reconstruct import ReconstructParams, fit_strengths, reconstruct
from friedel.simulator import SimulatedPhase, SpecimenParams, simulate, small
from tests.oracles_index import worth
from tests.true_grains import with_hkl

TI = SimulatedPhase(name="Ti", lattice=(2.9505, 2.9505, 4.6826, 90, 90, 120), spacegroup="P 63/m m c")


@cache
def simulated(phase):
    params = small(1).model_copy(
        update={"grains": 8, "phase": (phase,), "sample": SpecimenParams(radius_um=91.0, height_um=112.0)}
    )
    return simulate(params)


def without_atoms(phase):
    return replace(phase, name="unknown", sites=(), notes=())


SI = SimulatedPhase(
    name="Si", lattice=(5.431, 5.431, 5.431, 90, 90, 90), spacegroup="F d -3 m:1", atoms=(("Si", 0.0, 0.0, 0.0),)
)


def test_strengths_and_volumes_are_told_apart():
    rng = np.random.default_rng(0)
    volume, strength = rng.normal(0, 1, 9), rng.normal(0, 1, 5)
    grain, family = rng.integers(0, 9, 400), rng.integers(0, 5, 400)
    counts = volume[grain] + strength[family] + rng.normal(0, 0.02, 400)
    counts[::9] += 3.0  # spots that another grain's overlaps
    found = family_log_strengths(counts, grain, family, 7)
    np.testing.assert_allclose(found[:5], strength - np.median(strength), atol=0.05)
    assert found[5:].tolist() == [0.0, 0.0]
    assert family_log_strengths(np.zeros(0), np.zeros(0, int), np.zeros(0, int), 3).tolist() == [0.0] * 3


def test_families_are_the_innermost_that_the_space_group_leaves():
    scan = simulated(SimulatedPhase())
    unknown = without_atoms(scan.phases[0])
    used = used_reflections(unknown, scan.setup, scan.truth.blobs.shape[1:])
    assert used.representative[:5].tolist() == [[1, 1, 1], [2, 0, 0], [2, 2, 0], [3, 1, 1], [2, 2, 2]]
    assert len(used.representative) <= 8
    assert set(used.f_squared.tolist()) == {1.0}


@pytest.mark.parametrize("phase", [SimulatedPhase(), TI], ids=lambda phase: phase.name)
def test_grains_are_found_as_with_known_atoms(phase):
    scan = simulated(phase)
    unknown = (without_atoms(scan.phases[0]),)
    pairs = match(scan.truth.blobs, scan.setup, unknown, MatchParams())
    found = index(scan.truth.blobs, pairs, scan.setup, unknown, IndexParams())
    right = worth(found, scan.truth.grains, scan.phases)
    assert (right["found"], right["false"], right["duplicate"]) == (right["of"], 0, 0)
    known = index(scan.truth.blobs, pairs, scan.setup, scan.phases, IndexParams())
    ratio = np.sort(found.volume_um3) / np.sort(known.volume_um3)
    assert np.std(np.log(ratio)) < 0.15


@pytest.mark.parametrize("phase", [SimulatedPhase(), TI], ids=lambda phase: phase.name)
def test_strengths_from_the_scan_are_those_of_the_atoms(phase):
    scan = simulated(phase)
    true = scan.phases[0]
    (fitted,) = fit_strengths(scan.truth.blobs, with_hkl(scan.truth), scan.setup, (without_atoms(true),))
    used = used_reflections(true, scan.setup, scan.truth.blobs.shape[1:]).representative.tolist()
    assert {tuple(hkl) for hkl in used} <= set(fitted.strengths)
    ratio = np.log([fitted.f_squared(hkl) / true.f_squared(hkl) for hkl in used])
    assert np.abs(ratio - np.median(ratio)).max() < 0.1
    assert np.ptp(np.log([true.f_squared(hkl) for hkl in used])) > 0.5
    assert fit_strengths(scan.truth.blobs, with_hkl(scan.truth), scan.setup, scan.phases) == scan.phases


def test_a_family_that_only_the_atoms_extinguish_costs_completeness_and_no_grains():
    scan = simulated(SI)
    unknown = (without_atoms(scan.phases[0]),)
    pairs = match(scan.truth.blobs, scan.setup, unknown, MatchParams())
    found = index(scan.truth.blobs, pairs, scan.setup, unknown, IndexParams())
    right = worth(found, scan.truth.grains, scan.phases)
    assert (right["found"], right["false"], right["duplicate"]) == (right["of"], 0, 0)
    assert (found.completeness > 0.85).all()
    (fitted,) = fit_strengths(scan.truth.blobs, found, scan.setup, unknown)
    assert {(1, 1, 1), (2, 2, 0)} <= set(fitted.strengths)
    assert (2, 2, 2) not in fitted.strengths


def test_shapes_are_those_of_known_atoms():
    scan = simulated(TI)
    grains, blobs = with_hkl(scan.truth), scan.truth.blobs
    known = reconstruct(blobs, grains, scan.setup, scan.phases, ReconstructParams())
    found = reconstruct(blobs, grains, scan.setup, (without_atoms(scan.phases[0]),), ReconstructParams())
    for one, other in zip(known, found, strict=True):
        sizes = [np.count_nonzero(shape.inside) for shape in (one, other)]
        assert sizes[0] == pytest.approx(sizes[1], rel=0.1)


def test_nothing_is_simulated_without_atoms():
    with pytest.raises(SetupError, match="atoms of unknown"):
        simulate(small(1).model_copy(update={"phase": (SimulatedPhase(name="unknown"),)}))


def test_a_simulation_of_a_family_that_is_not_known_is_as_strong_as_the_usual_one():
    phase = Phase.from_lattice("unknown", [4.05] * 3 + [90] * 3, 225)
    strong = replace(phase, strengths={(1, 1, 1): 4.0})
    assert [strong.f_squared(hkl) for hkl in ([-1, 1, 1], [0, 0, 2])] == [4.0, 1.0]
    assert strong.reflections(2.0).f_squared.tolist() == [4.0] * 8 + [1.0] * 6
