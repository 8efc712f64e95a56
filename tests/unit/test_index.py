"""Grains from blobs and pairs of small simulated samples."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from friedel.index import IndexParams, index, single_seeds
from friedel.index.observations import hidden_boxes
from friedel.match import MatchParams, match
from friedel.model.blobs import Flag
from friedel.model.crystal import Phase
from friedel.model.setup import Axis, Beam, SampleShape
from friedel.simulator import SimulatedPhase, SimulationParams, SpecimenParams, simulate
from tests.oracles_index import harsh, pick, right_entries, true_pairs, worth
from tests.watchers import Heard

AL = SimulatedPhase()
TI = SimulatedPhase(name="Ti", lattice=(2.9505, 2.9505, 4.6826, 90, 90, 120), spacegroup="P 63/m m c")
ORTHORHOMBIC = SimulatedPhase(
    name="olivine",
    lattice=(4.76, 10.21, 5.98, 90, 90, 90),
    spacegroup="P b n m",
    atoms=(("Mg", 0.0, 0.0, 0.0), ("Si", 0.427, 0.094, 0.25), ("O", 0.766, 0.091, 0.25), ("O", 0.28, 0.16, 0.03)),
)
TRICLINIC = SimulatedPhase(
    name="feldspar",
    lattice=(5.1, 6.2, 7.1, 82, 97, 108),
    spacegroup="P -1",
    atoms=(("Al", 0.1, 0.2, 0.3), ("Si", 0.4, 0.15, 0.75)),
)
PARAMS = IndexParams()


@cache
def simulation(grains=12, phases=(AL,), seed=0, **values):
    sample = {"radius_um": 85.0, "height_um": 140.0, "voxel_um": 7.0, **values.pop("sample", {})}
    return simulate(
        SimulationParams(seed=seed, grains=grains, phase=phases, sample=SpecimenParams(**sample), **values)
    )


@cache
def indexed(grains=12, phases=(AL,), seed=0, twins=0.0, **values):
    scan = simulation(grains, phases, seed, sample=Frozen(twin_fraction=twins), **values)
    return scan, grains_of(scan.truth.blobs, scan.setup, scan.phases)


class Frozen(dict):
    """A dict that can be an argument of a cached function."""

    def __hash__(self):
        return hash(tuple(sorted(self.items())))


def grains_of(blobs, setup, phases, params=PARAMS, **others):
    return index(blobs, match(blobs, setup, phases, MatchParams()), setup, phases, params, **others)


def all_found(scan, grains, misorientation=0.03, position=0.3):
    result = worth(grains, scan.truth.grains, scan.phases)
    assert result["found"] == result["of"]
    assert result["false"] == result["duplicate"] == 0
    assert result["misorientation_deg"] <= misorientation
    assert result["position_px"] <= position
    return result


@pytest.mark.parametrize("phase", [AL, TI], ids=lambda p: p.name)
def test_every_grain_is_found_and_no_other(phase):
    scan, grains = indexed(phases=(phase,))
    all_found(scan, grains, 0.005, 0.15)
    assert right_entries(scan, grains) == 1.0
    assert (grains.completeness > 0.98).all()
    assert (grains.completeness > grains.null_limit).all()
    assert grains.notes == ()


@pytest.mark.parametrize("phase", [ORTHORHOMBIC, TRICLINIC], ids=lambda p: p.name)
def test_any_laue_class_is_indexed(phase):
    scan, grains = indexed(grains=6, phases=(phase,))
    all_found(scan, grains)


def test_two_phases_are_told_apart():
    scan, grains = indexed(phases=(AL, TI))
    all_found(scan, grains)
    assert set(grains.phase.tolist()) == {0, 1}
    assert grains.phases == ("Al", "Ti")


def test_twins_are_both_found():
    scan, grains = indexed(twins=0.4)
    assert len(scan.truth.grains) > 12
    all_found(scan, grains)
    assert right_entries(scan, grains) > 0.99


def test_a_blob_that_serves_two_twins_is_shared():
    scan, grains = indexed(twins=0.4)
    blobs = scan.truth.blobs
    # spots of parallel planes of two grains at one place overlap: one blob, as segmentation makes it
    place = np.column_stack([blobs["frame"] / 3, blobs["sc"] / 3, blobs["fc"] / 3])
    gap = np.abs(place[:, None] - place[None]).max(axis=2) < 1
    hkl = np.column_stack([blobs[name] for name in "hkl"])
    g = np.einsum("nij,nj->ni", scan.truth.grains.U[blobs["grain"]] @ scan.phases[0].B, hkl)
    parallel = np.linalg.norm(g[:, None] - g[None], axis=2) < 1e-3
    other = blobs["grain"][:, None] != blobs["grain"]
    double = np.unique(np.flatnonzero((np.triu(gap, 1) & parallel & other).any(axis=0)))
    assert len(double) >= 10
    overlapped = pick(blobs, np.setdiff1d(np.arange(len(blobs)), double))
    grains = grains_of(overlapped, scan.setup, scan.phases)
    all_found(scan, grains)
    shared = grains.blobs[grains.shared]
    assert len(np.unique(shared)) >= 0.5 * len(double)
    assert (np.unique(shared, return_counts=True)[1] >= 2).all()
    single = grains.blobs[~grains.shared]
    assert len(np.unique(single)) == len(single)


def test_noise_that_hides_much_is_measured_and_borne():
    scan = simulation(grains=16)
    blobs = harsh(scan.truth.blobs)
    grains = grains_of(blobs, scan.setup, scan.phases)
    result = worth(grains, scan.truth.grains, scan.phases)
    assert result["found"] >= 0.9 * result["of"]
    assert result["false"] == 0
    assert result["misorientation_deg"] < 0.1


@pytest.mark.parametrize("noise", [0.0, 0.1, 1.0])
def test_errors_are_as_large_as_said(noise):
    scan = simulation(grains=16)
    blobs = scan.truth.blobs
    if noise:
        blobs = harsh(blobs, px=noise, deg=0.1 * noise, missing=0.1, wrong=0.0)
    grains = grains_of(blobs, scan.setup, scan.phases)
    away = np.linalg.norm(grains.position_um[:, None] - scan.truth.grains.position_um, axis=2)
    nearest = away.argmin(axis=1)
    turned = [
        scan.phases[0].misorientation_deg(scan.truth.grains.U[j], U) for j, U in zip(nearest, grains.U, strict=True)
    ]
    assert 0.6 < np.sqrt(np.mean(np.square(turned / grains.orientation_error_deg))) < 1.6
    assert 0.6 < np.sqrt(np.mean(np.square(away.min(axis=1) / grains.position_error_um))) < 1.6


def scrambled(blobs, seed=0):
    omega = np.random.default_rng(seed).permutation(blobs.columns["omega"])
    return replace(blobs, columns={**blobs.columns, "omega": omega})


@pytest.mark.parametrize("seed", range(3))
def test_scrambled_omega_gives_no_grain(seed):
    scan, _ = indexed()
    grains = grains_of(scrambled(scan.truth.blobs, seed), scan.setup, scan.phases)
    assert len(grains) == 0
    assert "no" in grains.notes[0]


def test_the_wrong_sense_gives_no_grain_and_says_so():
    scan, _ = indexed()
    grains = grains_of(scan.truth.blobs, replace(scan.setup, axis=Axis(-1)), scan.phases)
    assert len(grains) == 0
    assert "rotation sense" in grains.notes[0]


def test_a_clockwise_stage_on_a_tilted_flipped_detector_is_no_harder():
    scan, grains = indexed(rotation="-z", tilt_deg=(1.0, -2.0, 3.0), flip=("cols",), omega_start_deg=33.0)
    all_found(scan, grains, position=0.4)


@pytest.mark.parametrize("factor", [0.97, 1.03])
def test_a_wrong_lattice_or_energy_gives_few_grains_or_none(factor):
    scan, _ = indexed()
    a = 4.0495 * factor
    wrong = Phase.from_lattice("Al", (a, a, a, 90, 90, 90), "F m -3 m")
    grains = grains_of(scan.truth.blobs, scan.setup, [wrong])
    assert len(grains) <= 1
    assert any("lattice" in note for note in grains.notes)
    setup = replace(scan.setup, beam=Beam(40.0 * factor))
    assert len(grains_of(scan.truth.blobs, setup, scan.phases)) <= 1


def test_one_grain_alone_is_found():
    scan = simulation(grains=1, sample=Frozen(radius_um=30.0, height_um=50.0))
    grains = grains_of(scan.truth.blobs, scan.setup, scan.phases)
    all_found(scan, grains, position=0.6)
    assert len(grains) == 1


def test_no_pairs_no_grains_and_a_word():
    scan, _ = indexed()
    pairs = true_pairs(scan.truth.blobs, scan.setup, drop=1.0)
    grains = index(scan.truth.blobs, pairs, scan.setup, scan.phases, PARAMS)
    assert len(grains) == 0
    assert grains.notes[0].startswith("no Friedel pairs")
    assert len(grains.blobs) == len(grains.hkl) == 0


def test_three_quarters_of_a_turn_are_enough():
    scan = simulation(frames=2700, turn_deg=270.0)
    grains = grains_of(scan.truth.blobs, scan.setup, scan.phases)
    all_found(scan, grains)
    assert (grains.completeness > 0.95).all()


def test_pairs_that_tell_errors_far_too_large_do_not_decide_what_chance_is(monkeypatch):
    monkeypatch.setattr(single_seeds, "MOST_SEEDS", 24)
    monkeypatch.setattr(single_seeds, "NULL_SEEDS", 4)
    scan = simulation(10, frames=1800, turn_deg=180.0, seed=3)
    blobs = harsh(scan.truth.blobs, px=0.05, deg=0.01, missing=0.68, wrong=1.5, seed=3)
    blobs.columns["omega"] %= 180.0
    pairs = match(blobs, scan.setup, scan.phases, MatchParams())
    wide = replace(pairs.across.tolerances, two_theta_deg=40 * pairs.across.tolerances.two_theta_deg)
    pairs = replace(pairs, across=replace(pairs.across, tolerances=wide))
    grains = index(blobs, pairs, scan.setup, scan.phases, PARAMS)
    result = worth(grains, scan.truth.grains, scan.phases)
    assert result["found"] >= 7  # 1 with what the wide tolerances find by chance
    assert result["false"] == result["duplicate"] == 0


def test_a_pair_of_unknown_blobs_counts_for_nothing():
    scan, grains = indexed()
    pairs = match(scan.truth.blobs, scan.setup, scan.phases, MatchParams())
    columns = {**pairs.columns, "blob_a": pairs["blob_a"] + 10**6}
    assert len(index(scan.truth.blobs, replace(pairs, columns=columns), scan.setup, scan.phases, PARAMS)) == 0
    assert len(grains) == 12


def test_false_pairs_do_not_hurt():
    scan, _ = indexed()
    pairs = true_pairs(scan.truth.blobs, scan.setup, false=0.5)
    grains = index(scan.truth.blobs, pairs, scan.setup, scan.phases, PARAMS)
    all_found(scan, grains)


def test_the_sample_may_be_unknown():
    scan, _ = indexed()
    setup = replace(scan.setup, sample=SampleShape())
    pairs = match(scan.truth.blobs, scan.setup, scan.phases, MatchParams())
    all_found(scan, index(scan.truth.blobs, pairs, setup, scan.phases, PARAMS))


class Threads:
    threads = 3

    def map(self, work, items):
        with ThreadPoolExecutor(3) as pool:
            yield from pool.map(work, items)


def test_threads_change_nothing():
    scan, grains = indexed()
    heard = Heard()
    others = grains_of(scan.truth.blobs, scan.setup, scan.phases, executor=Threads(), watcher=heard)
    assert heard.whole[:3] == ["chance", "grains", "refinement"]  # whoever waits is told how far it is
    for name in ("U", "position_um", "blobs", "hkl", "residuals", "completeness", "volume_um3", "shared"):
        np.testing.assert_array_equal(getattr(grains, name), getattr(others, name))


def test_entries_say_which_planes_and_how_far_off():
    scan, grains = indexed()
    blobs = scan.truth.blobs
    true = np.column_stack([blobs[name] for name in "hkl"])[grains.blobs]
    phase = scan.phases[0]
    np.testing.assert_allclose(
        np.linalg.norm(true @ phase.B.T, axis=1), np.linalg.norm(grains.hkl @ phase.B.T, axis=1)
    )
    assert np.median(np.abs(grains.residuals), axis=0)[0] < 0.01
    assert (np.median(np.abs(grains.residuals), axis=0)[1:] < 0.2).all()
    for i in range(len(grains)):
        part = slice(grains.blob_pointer[i], grains.blob_pointer[i + 1])
        assert part.stop - part.start >= grains.completeness[i] * grains.expected[i] - 1e-9
    np.testing.assert_allclose(grains.UBI @ (grains.U @ phase.B), np.tile(np.eye(3), (12, 1, 1)), atol=1e-9)


def test_volumes_are_right_to_a_third():
    scan, grains = indexed()
    away = np.linalg.norm(grains.position_um[:, None] - scan.truth.grains.position_um, axis=2)
    ratio = grains.volume_um3 / scan.truth.grains.volume_um3[away.argmin(axis=1)]
    assert (np.abs(np.log(ratio)) < np.log(1.5)).all()
    assert np.abs(np.log(ratio / np.median(ratio))).max() < 0.2


def test_the_beam_box_is_read_off_the_blobs_it_cuts():
    scan, _ = indexed()
    blobs = scan.truth.blobs
    columns = {name: values.copy() for name, values in blobs.columns.items()}
    cut = np.arange(len(blobs)) < 40
    columns["flags"][cut] |= Flag.EXCLUDED
    for name, value in (("col_stop", 199), ("row_stop", 217), ("col_start", 313), ("row_start", 295)):
        rows = np.flatnonzero(cut)[{"col_stop": 0, "row_stop": 1, "col_start": 2, "row_start": 3}[name] :: 4]
        columns[name][rows] = value
    boxes = hidden_boxes(replace(blobs, columns=columns), scan.setup, PARAMS)
    np.testing.assert_array_equal(boxes, [[199, 217, 313, 295]])
    given = IndexParams(exclude=((1.0, 2.0, 3.0, 4.0),))
    np.testing.assert_array_equal(hidden_boxes(blobs, scan.setup, given), [[1, 2, 3, 4]])


def test_strain_is_found():
    scan, _ = indexed(grains=3)
    phase = scan.phases[0]
    # a lattice that is measured smaller than it is looks stretched
    a = 4.0495 * (1 - 5e-4)
    smaller = Phase.from_lattice("Al", (a, a, a, 90, 90, 90), "F m -3 m")
    grains = grains_of(scan.truth.blobs, scan.setup, [smaller], IndexParams(strain=True))
    assert len(grains) == 3
    np.testing.assert_allclose(grains.strain[:, :3], 5e-4, atol=1e-4)
    np.testing.assert_allclose(grains.strain[:, 3:], 0, atol=1e-4)
    for i in range(3):
        g = np.linalg.norm(np.linalg.inv(grains.UBI[i]) @ [1.0, 1.0, 1.0])
        assert g == pytest.approx(np.linalg.norm(phase.B @ [1.0, 1.0, 1.0]), rel=1e-4)
    assert len(grains_of(scan.truth.blobs, scan.setup, scan.phases).strain) == 0
