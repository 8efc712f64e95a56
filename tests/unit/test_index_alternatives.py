"""Crystals that are less symmetric than their lattice: each once, as its spots' intensities say it stands."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from friedel.index import IndexParams, index
from friedel.index.intensities import IntensityLaw, Sightings, learned_law, log_likelihoods
from friedel.kernels import bragg
from friedel.match import MatchParams, match
from friedel.model.crystal import Phase
from friedel.simulator import LightParams, SimulatedPhase, SimulationParams, SpecimenParams, simulate
from tests.oracles_index import harsh, log_likelihoods_by_hand, pick, worth

QUARTZ = SimulatedPhase(
    name="quartz",
    lattice=(4.9134, 4.9134, 5.4052, 90, 90, 120),
    spacegroup="P 32 2 1",
    atoms=(("Si", 0.4697, 0, 2 / 3), ("O", 0.4133, 0.2672, 0.7855)),
)
PYRITE = SimulatedPhase(
    name="pyrite",
    lattice=(5.4166, 5.4166, 5.4166, 90, 90, 90),
    spacegroup="P a -3",
    atoms=(("Fe", 0, 0, 0), ("S", 0.385, 0.385, 0.385)),
)
SCHEELITE = SimulatedPhase(
    name="scheelite",
    lattice=(5.243, 5.243, 11.376, 90, 90, 90),
    spacegroup="I 41/a:2",
    atoms=(("Ca", 0, 0.25, 0.625), ("W", 0, 0.25, 0.125), ("O", 0.1507, 0.0086, 0.2106)),
)
NEARLY_ORTHORHOMBIC = SimulatedPhase(
    name="nearly",
    lattice=(5.0, 6.1, 7.2, 90, 90.1, 90),
    spacegroup="P 1 21/c 1",
    atoms=(("Zr", 0.2754, 0.0395, 0.2083), ("O", 0.07, 0.3317, 0.3447), ("O", 0.4496, 0.7569, 0.4792)),
)
BETA_QUARTZ = Phase.from_lattice(
    "quartz", QUARTZ.lattice, "P 62 2 2", atoms=(("Si", 0.5, 0, 0), ("O", 0.2072, 0.4144, 0.5))
)
SPREAD = 0.4
"""Of the logarithm of the counts: as of an independent scan of quartz, absorption and all."""


@cache
def simulation(phase, grains=8):
    sample = SpecimenParams(radius_um=85.0, height_um=140.0, voxel_um=7.0)
    light = LightParams(spot_counts=1e6)  # the weakest spots are there too
    return simulate(SimulationParams(seed=3, grains=grains, phase=(phase,), sample=sample, light=light))


def seen(scan, part=0.3, spread=SPREAD, counts=None):
    """The brightest part of the spots, with noise on everything, a tenth missing and as many that are none."""
    rng = np.random.default_rng(1)
    blobs = scan.truth.blobs
    counts = (blobs["sum_intensity"] if counts is None else counts) * np.exp(spread * rng.normal(size=len(blobs)))
    plain = np.zeros_like(blobs["flags"])  # so much light saturates pixels, which is another matter
    blobs = replace(blobs, columns={**blobs.columns, "sum_intensity": counts, "flags": plain})
    bright = np.flatnonzero(counts > np.quantile(counts, 1 - part))
    return harsh(pick(blobs, bright), px=0.3, deg=0.03, missing=0.1, wrong=0.1)


def grains_of(scan, blobs, phase=None):
    phases = scan.phases if phase is None else [phase]
    return index(blobs, match(blobs, scan.setup, phases, MatchParams()), scan.setup, phases, IndexParams())


@cache
def indexed(phase):
    scan = simulation(phase)
    return scan, grains_of(scan, seen(scan))


@pytest.mark.parametrize("phase", [QUARTZ, PYRITE, SCHEELITE, NEARLY_ORTHORHOMBIC], ids=lambda p: p.name)
def test_every_crystal_stands_as_its_spots_say_and_none_is_there_twice(phase):
    scan, grains = indexed(phase)
    assert len(scan.phases[0].alternatives) == 2
    result = worth(grains, scan.truth.grains, scan.phases)
    assert result["found"] == result["of"]
    assert result["false"] == result["duplicate"] == 0
    assert not grains.ambiguous.any()
    assert (grains.alternative_log_odds > 10).all()
    assert grains.notes == ()


def test_blobs_of_a_grain_get_the_planes_that_they_are_of():
    scan, grains = indexed(QUARTZ)
    truth, phase = scan.truth.grains, scan.phases[0]
    away = np.linalg.norm(grains.position_um[:, None] - truth.position_um, axis=2).argmin(axis=1)
    owner = np.repeat(np.arange(len(grains)), np.diff(grains.blob_pointer))
    g = np.einsum("nij,nj->ni", (grains.U @ phase.B)[owner], grains.hkl)
    back = np.linalg.inv(truth.U[away[owner]] @ phase.B)
    true_hkl = np.rint(np.einsum("nij,nj->ni", back, g)).astype(int)
    own, true = (np.array([phase.f_squared(hkl) for hkl in one.tolist()]) for one in (grains.hkl, true_hkl))
    assert np.allclose(own, true)


def test_crystals_that_all_stand_the_other_way_are_found_to():
    scan = simulation(QUARTZ)
    turn = scan.phases[0].alternatives.rotation[1]
    truth = replace(scan.truth.grains, U=scan.truth.grains.U @ turn)
    turned = replace(scan, truth=replace(scan.truth, grains=truth))
    grains = grains_of(turned, seen(scan, counts=other_counts(scan)))
    result = worth(grains, truth, scan.phases)
    assert result["found"] == result["of"]
    assert not grains.ambiguous.any()


def other_counts(scan, part=1.0):
    """Counts of the spots if that part of each grain stood the other way."""
    phase, blobs = scan.phases[0], scan.truth.blobs
    hkl = np.column_stack([blobs[name] for name in "hkl"])
    turned = np.rint(hkl @ phase.alternatives.index[1].T).astype(int)
    names, row = np.unique(np.concatenate([hkl, turned]), axis=0, return_inverse=True)
    f2 = np.array([phase.f_squared(name) for name in names.tolist()])[row.ravel()]
    own, other = np.maximum(f2[: len(hkl)], 1e-3), f2[len(hkl) :]
    return blobs["sum_intensity"] * ((1 - part) + part * other / own)


@pytest.mark.parametrize("part", [0.25, 0.4])
def test_a_grain_that_holds_its_own_twin_is_one_grain_and_says_how_much(part):
    scan = simulation(QUARTZ)
    grains = grains_of(scan, seen(scan, counts=other_counts(scan, part)))
    assert len(grains) == len(scan.truth.grains)
    off = (grains.twin_fraction - part) / grains.twin_fraction_error
    assert abs(np.median(grains.twin_fraction) - part) < 0.06
    assert (np.abs(off) < 4).all()
    assert any("hold their own twin, turned by 180° about [0 0 1]" in note for note in grains.notes)


def test_without_a_twin_no_grain_is_said_to_hold_one():
    _, grains = indexed(QUARTZ)
    assert np.median(grains.twin_fraction) < 0.05
    assert (grains.twin_fraction - 3 * grains.twin_fraction_error < 0.1).all()


def test_where_intensities_say_nothing_crystals_are_ambiguous():
    scan = simulation(QUARTZ)
    grains = grains_of(scan, seen(scan, counts=other_counts(scan, 0.5)))
    assert len(grains) == len(scan.truth.grains)
    assert grains.ambiguous.mean() > 0.8
    assert any("do not tell which it is" in note for note in grains.notes)


def test_without_atoms_every_grain_is_there_once_and_ambiguous():
    scan = simulation(QUARTZ)
    unknown = Phase.from_lattice("quartz", QUARTZ.lattice, "P 32 2 1")
    grains = grains_of(scan, seen(scan), unknown)
    assert len(grains) == len(scan.truth.grains)
    assert grains.ambiguous.all()
    assert (grains.alternative_log_odds == 0).all()
    assert any("without its atoms" in note for note in grains.notes)
    truth = scan.truth.grains
    nearest = np.linalg.norm(grains.position_um[:, None] - truth.position_um, axis=2).argmin(axis=1)
    assert (scan.phases[0].lattice_misorientation_deg(truth.U[nearest], grains.U) < 0.1).all()


def test_a_wrong_space_group_in_the_right_lattice_is_said():
    scan = simulation(QUARTZ)
    grains = grains_of(scan, seen(scan), BETA_QUARTZ)
    assert any("intensities disagree with its atoms" in note for note in grains.notes)


def test_a_family_that_should_be_bright_and_is_not_there_is_named():
    scan = simulation(PYRITE)
    simple = Phase.from_lattice("pyrite", PYRITE.lattice, "P m -3 m", atoms=(("Fe", 0, 0, 0), ("S", 0.5, 0.5, 0.4)))
    grains = grains_of(scan, seen(scan, part=0.6), simple)
    assert len(grains)
    assert any("{1 0 0}" in note and "not" in note for note in grains.notes)


def test_crystals_as_symmetric_as_their_lattice_have_no_columns_about_it():
    zircon = SimulatedPhase(
        name="zircon",
        lattice=(6.604, 6.604, 5.979, 90, 90, 90),
        spacegroup="I 41/a m d:2",
        atoms=(("Zr", 0, 0.75, 0.125), ("Si", 0, 0.75, 0.625), ("O", 0, 0.0661, 0.1953)),
    )
    _, grains = indexed(zircon)
    assert len(grains.alternative_log_odds) == len(grains.ambiguous) == 0
    assert "ambiguous" not in grains.flat_columns()
    assert grains.notes == ()


def sightings(rng, places=60, spread=0.4, stands=0):
    """Spots of a grain whose reflections have |F|^2 of 1 and 4, the other way 4 and 1."""
    log_f2 = np.log(np.where(rng.random(places) < 0.5, 1.0, 4.0))
    both = np.array([log_f2, np.log(4.0) - log_f2])
    factor = rng.normal(size=places)
    counts = both[stands] + 3.0 + spread * rng.standard_t(4, places)
    found = counts + factor > 2.0
    clean = found & (rng.random(places) < 0.9)
    return Sightings(factor, np.where(found, counts, 0.0), found, clean), both, np.zeros((2, places), bool)


def test_likelihoods_are_those_of_a_slow_loop():
    rng = np.random.default_rng(4)
    seen_spots, log_f2, dark = sightings(rng)
    dark = rng.random(dark.shape) < 0.1
    law = IntensityLaw(0.3, np.array([1.0, 2.0, 4.0]), np.array([0.1, 0.5, 0.9]), 0.07)
    expected = log_likelihoods_by_hand(seen_spots, log_f2, dark, law)
    np.testing.assert_allclose(log_likelihoods(seen_spots, log_f2, dark, law), expected)


def test_likelihoods_choose_rightly_in_both_ways():
    rng = np.random.default_rng(5)
    for stands in (0, 1):
        every = [sightings(rng, stands=stands) for _ in range(20)]
        law = learned_law([(s, f2[stands], dark[stands]) for s, f2, dark in every])
        assert law.spread == pytest.approx(0.4, abs=0.08)
        assert all(int(np.argmax(log_likelihoods(*one, law))) == stands for one in every)


def test_shuffled_spots_stay_among_the_places_of_their_orbit():
    rng = np.random.default_rng(6)
    spots, _, _ = sightings(rng)
    orbit = rng.integers(0, 5, len(spots.counts))
    dealt = spots.shuffled(rng, orbit)
    for one in range(5):
        mine = orbit == one
        assert sorted(dealt.counts[mine]) == sorted(spots.counts[mine])
    assert (dealt.found == (dealt.counts != 0)).all()
    assert (dealt.counts != spots.counts).any()
    assert (dealt.factor == spots.factor).all()


def test_places_of_alternatives_are_the_same():
    phase = Phase.from_lattice("quartz", QUARTZ.lattice, "P 32 2 1")
    hkl = phase.reflections(1.5).hkl
    scan = simulation(QUARTZ)
    plane = bragg.detector_frame(scan.setup.detector.origin_um, scan.setup.detector.u_um, scan.setup.detector.v_um)
    U, two = scan.truth.grains.U[0], phase.alternatives
    one = bragg.predict(hkl @ (U @ phase.B).T, np.zeros(3), 0.3, plane)
    turned = hkl @ two.index[1].T
    other = bragg.predict(turned @ (U @ two.rotation[1] @ phase.B).T, np.zeros(3), 0.3, plane)
    np.testing.assert_allclose(one.omega, other.omega, atol=1e-9)
    np.testing.assert_allclose(one.row, other.row, atol=1e-6)
