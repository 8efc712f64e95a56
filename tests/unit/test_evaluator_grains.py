"""Pairs, grains and volumes against the truth, by hand and against slow twins."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from scipy.spatial.transform import Rotation

from friedel.errors import InputError
from friedel.evaluator import (
    evaluate,
    evaluate_assignment,
    evaluate_grains,
    evaluate_pairs,
    evaluate_volume,
    match_grains,
    reference_blobs,
)
from friedel.evaluator.grains import lattice_symmetry
from friedel.evaluator.links import rings_of_spots, true_pairs
from friedel.evaluator.volume import boundary_distances, on_one_grid
from friedel.model.blobs import Voxels
from friedel.model.crystal import Phase
from friedel.model.grains import GrainVolume
from friedel.model.pairs import PAIR_COLUMNS, PairTable
from friedel.model.truth import Truth
from tests import oracles_evaluate_grains as oracle
from tests.grain_maps import AL, FE, TI, grains_of, volume_of
from tests.strategies import SEEDS

SHAPE = (36, 4, 9)


def blobs_of(*blobs, **extra):
    """Blobs given as lists of voxels (frame, row, col); ten degrees a frame."""
    cells = [sorted(blob) for blob in blobs]
    flat = np.array([v for blob in cells for v in blob], np.int32).reshape(-1, 3)
    voxels = Voxels(np.cumsum([0, *map(len, cells)]), *flat.T, np.ones(len(flat), np.float32))
    made = reference_blobs(voxels, SHAPE, omega_step_deg=10.0)
    return replace(made, extra={name: np.asarray(values, np.int64) for name, values in extra.items()})


def spot(frame, row=0, start=0, stop=2):
    return [(frame, row, col) for col in range(start, stop)]


def pairs_of(*links):
    a, b = np.array(links, np.int64).reshape(-1, 2).T
    columns = {column.name: np.zeros(len(a), column.dtype) for column in PAIR_COLUMNS}
    return PairTable({**columns, "blob_a": a, "blob_b": b}, null_pairs=3.5)


TRUTH = blobs_of(
    *[spot(0), spot(4), spot(18), spot(22), spot(18, 1), spot(5, 2)],
    grain=[0, 0, 0, 0, 1, 1],
    h=[1, 1, -1, -1, -1, 2],
    k=[0, 0, 0, 0, 0, 0],
    l=[2, 2, -2, -2, -2, 0],
)


# --- pairs


def test_true_pairs_are_opposite_planes_of_one_grain_half_a_turn_apart():
    a, b = true_pairs(TRUTH)
    assert list(zip(a.tolist(), b.tolist(), strict=True)) == [(0, 2), (1, 3)]


def test_pairs_of_the_truths_own_blobs_are_judged_by_their_rows():
    scores = evaluate_pairs(pairs_of((0, 2), (1, 4)), TRUTH, TRUTH)
    assert (scores["truth"], scores["findable"], scores["result"], scores["right"]) == (2, 2, 2, 1)
    assert (scores["precision"], scores["recall"], scores["null_pairs"]) == (0.5, 0.5, 3.5)


def test_pairs_may_be_given_in_either_order():
    assert evaluate_pairs(pairs_of((2, 0), (3, 1)), TRUTH, TRUTH)["recall"] == 1.0


def test_a_pair_whose_spot_was_not_segmented_is_not_findable():
    found = blobs_of(spot(0), spot(18), spot(22))
    scores = evaluate_pairs(pairs_of((0, 1)), found, TRUTH)
    assert (scores["findable"], scores["recall"], scores["recall_of_all"]) == (1, 1.0, 0.5)


def test_pairs_of_rings_that_are_not_in_use_are_not_findable():
    two_rings = np.array([0, 1, 0, 1, 1, 2])
    scores = evaluate_pairs(pairs_of((0, 2)), TRUTH, TRUTH, ring=two_rings)
    assert (scores["truth"], scores["findable"], scores["recall"], scores["recall_of_all"]) == (2, 1, 1.0, 0.5)
    assert evaluate_pairs(pairs_of((0, 5)), TRUTH, TRUTH, ring=two_rings)["findable"] == 2  # nothing says which


def test_rings_of_spots_are_families_of_planes_of_the_phase_of_their_grain():
    grains = grains_of([np.eye(3)] * 3, [0, 1, 1], (AL, TI))
    spots = blobs_of(
        *[spot(9 * i) for i in range(6)],
        grain=[0, 0, 1, 2, 1, -1], h=[1, -1, 1, 0, 0, 1], k=[1, 1, 0, 1, 0, 1], l=[1, -1, 0, 0, 2, 1],
    )  # fmt: skip
    rings = rings_of_spots(Truth(spots, grains), (AL, TI)).tolist()
    assert rings[0] == rings[1]
    assert rings[2] == rings[3]
    assert len({rings[0], rings[2], rings[4]}) == 3
    assert rings[5] == -1
    assert rings_of_spots(Truth(spots, grains), ()) is None


def test_a_blob_of_two_merged_spots_may_be_paired_for_either():
    truth = blobs_of(
        *[spot(0), spot(0, 0, 2, 4), spot(18), spot(18, 1)],
        grain=[0, 1, 0, 1], h=[1, 1, -1, -1], k=[0] * 4, l=[0] * 4,
    )  # fmt: skip
    merged = blobs_of(spot(0, 0, 0, 4), spot(18), spot(18, 1))
    for partner in (1, 2):
        assert evaluate_pairs(pairs_of((0, partner)), merged, truth)["precision"] == 1.0
    assert evaluate_pairs(pairs_of((1, 2)), merged, truth)["precision"] == 0.0


def test_no_pairs_are_right_only_where_there_are_none():
    lonely = blobs_of(spot(0), grain=[0], h=[1], k=[0], l=[0])
    assert evaluate_pairs(pairs_of(), lonely, lonely)["recall"] == 1.0
    assert evaluate_pairs(pairs_of(), TRUTH, TRUTH)["recall"] == 0.0


@given(SEEDS)
def test_pairs_equal_comparing_everything(seed):
    rng = np.random.default_rng(seed)
    n = rng.integers(2, 12)

    def some(count):
        boxes = [(rng.choice([0, 9, 18, 27]), rng.integers(0, 2), rng.integers(0, 4)) for _ in range(count)]
        return [spot(int(f), int(r), int(c), int(c + rng.integers(1, 5))) for f, r, c in boxes]

    truth = blobs_of(*some(n), **{name: rng.integers(-1, 2, n) for name in "hkl"}, grain=rng.integers(0, 2, n))
    # a plane of a grain gives no more than one spot near an angle: twice the same would make the partner a choice
    keys = [tuple(int(truth[name][i]) for name in ("grain", *"hkl")) for i in range(n)]
    truth = replace(
        truth,
        extra={
            **truth.extra,
            "grain": np.where([keys.index(k) < i for i, k in enumerate(keys)], np.arange(n) + 9, truth["grain"]),
        },
    )
    blobs = blobs_of(*some(rng.integers(2, 12)))
    links = [tuple(rng.permutation(len(blobs))[:2].tolist()) for _ in range(rng.integers(0, 8))]
    got, slow = evaluate_pairs(pairs_of(*links), blobs, truth), oracle.pair_scores(links, blobs, truth)
    assert {name: got[name] for name in ("truth", "findable", "right")} == {
        name: slow[name] for name in ("truth", "findable", "right")
    }
    assert got["recall_of_all"] * got["truth"] == pytest.approx(slow["found"] if got["truth"] else 0)


def test_pairs_of_unknown_blobs_are_refused():
    with pytest.raises(InputError, match="kept rows"):
        evaluate_pairs(pairs_of((0, 9)), TRUTH, TRUTH)
    with pytest.raises(InputError, match="which planes of which grain"):
        evaluate_pairs(pairs_of(), TRUTH, replace(TRUTH, extra={}))


# --- grains


def turned(U, degrees, seed=0):
    axis = np.random.default_rng(seed).normal(size=3)
    return Rotation.from_rotvec(np.radians(degrees) * axis / np.linalg.norm(axis)).as_matrix() @ U


def true_grains(n=6, phases=(AL,), seed=1):
    """Grains of radius 10 um, at least 100 um apart."""
    U = Rotation.random(n, random_state=seed).as_matrix()
    table = grains_of(U, np.arange(n) % len(phases), phases)
    places = np.column_stack([100.0 * np.arange(n), np.zeros(n), np.zeros(n)])
    return replace(table, position_um=places, volume_um3=np.full(n, 4 / 3 * np.pi * 1000.0))


def test_equal_grains_are_all_found_whatever_their_order_and_their_symmetry():
    truth = true_grains()
    order = np.array([3, 1, 0, 5, 2, 4])
    result = replace(truth, U=(truth.U @ AL.symmetry[7])[order], position_um=truth.position_um[order])
    for phases in ((AL,), ()):
        matching = match_grains(result, truth, phases)
        assert order[matching.result].tolist() == matching.truth.tolist()
        scores = evaluate_grains(result, truth, matching, voxel_um=2.0)
        assert (scores["found"], scores["false"], scores["duplicate"], scores["missed"]) == (6, 0, 0, [])
        assert scores["misorientation_deg"]["median"] == pytest.approx(0, abs=1e-6)


def test_errors_of_grains_are_measured():
    truth = true_grains(1)
    result = replace(truth, U=turned(truth.U, 0.2), position_um=np.add(truth.position_um, [3.0, 4.0, 0]))
    scores = evaluate_grains(result, truth, match_grains(result, truth, (AL,)), voxel_um=2.0)
    assert scores["misorientation_deg"]["median"] == pytest.approx(0.2)
    assert scores["position_um"]["p95"] == pytest.approx(5.0)
    assert scores["position_voxels"]["median"] == pytest.approx(2.5)


@pytest.mark.parametrize(
    ("degrees", "shift", "counts"),
    [(0.9, 9.0, (1, 0)), (1.1, 0.0, (0, 1)), (0.0, 11.0, (0, 1)), (60.0, 0.0, (0, 1))],
)
def test_a_grain_that_is_turned_or_moved_too_far_is_false(degrees, shift, counts):
    truth = true_grains(1)
    result = replace(truth, U=turned(truth.U, degrees), position_um=np.add(truth.position_um, [shift, 0, 0]))
    scores = evaluate_grains(result, truth, match_grains(result, truth, (AL,)))
    assert (scores["found"], scores["false"]) == counts


def test_a_grain_found_twice_is_one_duplicate_and_the_better_one_counts():
    truth = true_grains(1)
    twice = grains_of([turned(truth.U[0], 0.3), turned(truth.U[0], 0.1)])
    matching = match_grains(twice, truth, (AL,))
    assert (matching.result.tolist(), matching.duplicate.tolist(), matching.false.tolist()) == ([1], [0], [])


def test_a_grain_of_the_wrong_phase_is_false():
    truth = true_grains(1)
    wrong = replace(truth, phases=("Fe",))
    assert evaluate_grains(wrong, truth, match_grains(wrong, truth, (AL, FE)))["false"] == 1


def test_a_grain_that_is_only_turned_in_its_lattice_is_false_and_said_to_be_so():
    quartz = Phase.from_lattice("quartz", (4.913, 4.913, 5.405, 90, 90, 120), "P 32 2 1")
    truth = replace(true_grains(2), phases=("quartz",))
    wrong = replace(truth, U=np.stack([truth.U[0] @ quartz.alternatives.rotation[1], turned(truth.U[1], 40)]))
    scores = evaluate_grains(wrong, truth, match_grains(wrong, truth, (quartz,)))
    assert (scores["found"], scores["false"], scores["alternative"]) == (0, 2, 1)
    assert scores["alternative_rows"] == [0]


def test_phases_are_known_by_name_not_by_number():
    truth = true_grains(2, (AL, TI))
    result = replace(truth, phase=1 - truth.phase, phases=("Ti", "Al"))
    assert len(match_grains(result, truth, (AL, TI))) == 2


@pytest.mark.parametrize(("result", "truth"), [(0, 3), (3, 0), (0, 0)])
def test_no_grains_are_no_error(result, truth):
    tables = true_grains(3), grains_of([])
    scores = evaluate_grains(
        tables[result == 0], tables[truth == 0], match_grains(tables[result == 0], tables[truth == 0], (AL,))
    )
    assert (scores["found"], scores["false"], scores["recall"]) == (0, result, float(truth == 0))
    assert "position_um" not in scores


@given(SEEDS)
def test_matching_of_grains_equals_taking_the_best_pair_again_and_again(seed):
    rng = np.random.default_rng(seed)
    truth = true_grains(4, (AL, TI))
    truth = replace(truth, position_um=rng.uniform(0, 12, (4, 3)), U=turned(truth.U[[0, 1, 0, 1]], 0))
    pick = rng.integers(0, 4, rng.integers(1, 7))
    angles = rng.uniform(0, 1.2, len(pick))
    U = np.array([turned(truth.U[i], angle, seed % 97) for i, angle in zip(pick, angles, strict=True)])
    result = replace(
        grains_of(U, truth.phase[pick], (AL, TI)),
        position_um=truth.position_um[pick] + rng.normal(size=(len(pick), 3)) * 4,
    )
    got, slow = match_grains(result, truth, (AL, TI)), oracle.match_grains(result, truth, [AL, TI], 10.0)
    assert sorted(zip(got.truth.tolist(), got.result.tolist(), strict=True)) == slow["pairs"]
    assert (got.duplicate.tolist(), got.false.tolist()) == (slow["duplicate"], slow["false"])


@pytest.mark.parametrize("phase", [AL, FE, TI])
def test_the_symmetry_of_a_lattice_is_read_off_a_grain(phase):
    grains = grains_of(Rotation.random(1, random_state=2).as_matrix(), [0], (phase,))
    found = lattice_symmetry(grains.UBI[0] * 1.001, grains.U[0])
    assert len(found) == len(phase.symmetry)
    for rotation in phase.symmetry:
        assert np.abs(found - rotation).max(axis=(1, 2)).min() < 1e-3


def test_a_strained_cell_of_low_symmetry_has_only_the_identity():
    low = Phase.from_lattice("x", [4.1, 5.2, 6.3, 81, 95, 107], "P 1", atoms=[["Al", 0, 0, 0]])
    grains = grains_of([np.eye(3)], [0], (low,))
    np.testing.assert_allclose(lattice_symmetry(grains.UBI[0], grains.U[0]), [np.eye(3)], atol=1e-12)


def test_blobs_that_grains_own_are_judged_by_the_spots_they_show():
    truth = true_grains(2)
    result = replace(
        truth, blob_pointer=np.array([0, 3, 5]), blobs=np.array([0, 1, 4, 4, 5]), shared=np.zeros(5, bool)
    )
    scores = evaluate_assignment(result, TRUTH, TRUTH, match_grains(result, truth, (AL,)))
    assert scores == {"blob_precision": 4 / 5, "blob_recall": 4 / 6}


# --- volumes


def test_an_equal_map_scores_one_and_has_boundaries_in_place():
    rng = np.random.default_rng(0)
    volume = volume_of(rng.integers(0, 4, (5, 6, 7)))
    scores = evaluate_volume(volume, volume)
    assert scores["voxel_accuracy"] == scores["voxel_agreement"] == scores["dice"]["min"] == 1.0
    assert scores["boundary_px"] == {"mean": 0.0, "median": 0.0, "p95": 0.0}


def test_a_boundary_that_moved_by_a_voxel_is_one_voxel_off():
    true, found = np.ones((4, 5, 12), int), np.ones((4, 5, 12), int)
    true[..., 6:] = 2
    found[..., 7:] = 2
    scores = evaluate_volume(volume_of(found), volume_of(true))
    assert scores["boundary_px"] == {"mean": 1.0, "median": 1.0, "p95": 1.0}
    assert scores["voxel_accuracy"] == pytest.approx(11 / 12)
    assert scores["dice"]["min"] == pytest.approx(2 * 5 / 11)
    assert scores["worst"] == 1


def test_a_lost_grain_has_a_dice_of_zero():
    true = np.repeat([[[1, 1, 2, 2, 3, 3]]], 4, axis=0)
    scores = evaluate_volume(volume_of(np.where(true == 2, 0, true)), volume_of(true))
    assert (scores["dice"]["min"], scores["dice"]["median"], scores["worst"]) == (0.0, 1.0, 1)


def test_voxels_beyond_the_truth_count_against_agreement_only():
    true = np.zeros((1, 1, 8), int)
    true[..., 2:6] = 1
    scores = evaluate_volume(volume_of(np.ones((1, 1, 8), int)), volume_of(true))
    assert (scores["voxel_accuracy"], scores["voxel_agreement"]) == (1.0, 0.5)


def test_grains_take_the_numbers_that_they_were_matched_with():
    truth = true_grains(2)
    result = replace(truth, U=truth.U[::-1], position_um=truth.position_um[::-1])
    true = np.array([[[1, 1, 2, 2]]])
    matching = match_grains(result, truth, (AL,))
    assert evaluate_volume(volume_of(3 - true), volume_of(true), matching)["voxel_accuracy"] == 1.0
    assert evaluate_volume(volume_of(true), volume_of(true), matching)["voxel_accuracy"] == 0.0


@given(SEEDS)
def test_scores_of_volumes_equal_counting_voxel_by_voxel(seed):
    rng = np.random.default_rng(seed)
    true, found = rng.integers(0, 4, (2, 3, 4, 3))
    truth, result = true_grains(3), true_grains(3)
    order = rng.permutation(3)
    result = replace(truth, U=truth.U[order], position_um=truth.position_um[order])
    scores = evaluate_volume(volume_of(found), volume_of(true), match_grains(result, truth, (AL,)))
    slow = oracle.volume_scores(found, true, {i + 1: int(order[i]) + 1 for i in range(3)})
    assert scores["voxel_accuracy"] == pytest.approx(slow["voxel_accuracy"])
    assert scores["voxel_agreement"] == pytest.approx(slow["voxel_agreement"])
    assert scores.get("dice") == pytest.approx(slow["dice"])


@given(SEEDS)
def test_boundary_distances_equal_comparing_all_faces(seed):
    rng = np.random.default_rng(seed)
    a, b = (np.repeat(rng.integers(1, 3, (2, 3, 2)), 2, axis=1) for _ in range(2))
    a[0, 0, 0], a[0, 0, 1], b[1, 1, 0], b[1, 1, 1] = 1, 2, 1, 2
    np.testing.assert_allclose(np.sort(boundary_distances(a, b)), np.sort(oracle.boundary_distances(a, b)))


def test_maps_on_other_grids_are_compared_on_the_truths():
    true = np.zeros((4, 4, 4), np.int32)
    true[:2] = 1
    true[2:] = 2
    truth = volume_of(true, 2.0)
    fine = GrainVolume(
        *[np.repeat(np.repeat(np.repeat(a, 2, 0), 2, 1), 2, 2) for a in (true, true, true)], np.zeros(3), 1.0
    )
    assert evaluate_volume(fine, truth)["voxel_agreement"] == 1.0
    cut = volume_of(true[1:, :3], 2.0, (0, 0, 2))
    scores = evaluate_volume(cut, truth)
    assert scores["voxel_accuracy"] == scores["voxel_agreement"] == 9 / 16
    wide = volume_of(np.pad(true, 1, constant_values=3), 2.0, (-2, -2, -2))
    scores = evaluate_volume(wide, truth)
    assert (scores["voxel_accuracy"], scores["voxel_agreement"]) == (1.0, 64 / 216)
    far, near = on_one_grid(volume_of(true, 2.0, (0, 0, 8)), truth)
    assert far.shape == near.shape == (8, 4, 4)
    assert not (far * near).any()


@pytest.mark.parametrize(("found", "true"), [(0, 0), (1, 0), (0, 1)])
def test_empty_maps_are_no_error(found, true):
    maps = [volume_of(np.full((2, 2, 2), value)) for value in (found, true)]
    scores = evaluate_volume(*maps)
    assert scores["voxel_agreement"] == float(found == true)
    assert "boundary_px" not in scores


# --- all together


def test_the_evaluation_is_json_with_the_parts_that_both_sides_have():
    grains = replace(true_grains(2), blob_pointer=np.array([0, 4, 6]), blobs=np.arange(6), shared=np.zeros(6, bool))
    volume = volume_of(np.array([[[1, 1, 2, 2]]]))
    truth = Truth(TRUTH, grains, volume)
    whole = evaluate(truth, blobs=TRUTH, pairs=pairs_of((0, 2), (1, 3)), grains=grains, volume=volume, phases=(AL,))
    assert set(whole) == {"blobs", "pairs", "grains", "volume"}
    assert json.loads(json.dumps(whole, allow_nan=False)) == whole
    assert whole["pairs"]["precision"] == whole["grains"]["blob_precision"] == 1.0
    assert set(evaluate(Truth(TRUTH), blobs=TRUTH, grains=grains, volume=volume)) == {"blobs"}
    assert set(evaluate(truth, volume=volume)) == {"volume"}
    with pytest.raises(InputError, match="with the blobs"):
        evaluate(truth, pairs=pairs_of())
