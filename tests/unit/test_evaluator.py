import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from friedel.errors import InputError
from friedel.evaluator import evaluate, evaluate_blobs, isolated_spots, match_one_to_one, overlaps, reference_blobs
from friedel.model.blobs import BlobTable, Reason, Voxels
from friedel.model.truth import Truth
from tests import oracles_evaluate as oracle
from tests.strategies import SEEDS

SHAPE = (6, 8, 9)


def table(*blobs, shape=SHAPE, wrapped=False, step=0.5, **extra):
    """Blobs given as lists of voxels (frame, row, col[, intensity])."""
    cells = [sorted((*v, 1.0)[:4] for v in blob) for blob in blobs]
    flat = np.array([v for blob in cells for v in blob], float).reshape(-1, 4)
    pointer = np.cumsum([0, *map(len, cells)])
    voxels = Voxels(pointer, *flat[:, :3].astype(np.int32).T, flat[:, 3].astype(np.float32))
    if not blobs:
        one = table([(0, 0, 0)], shape=shape)
        return BlobTable(
            {k: v[:0] for k, v in one.columns.items()}, one.reason[:0], voxels, shape, 0.0, step, wrapped
        )
    made = reference_blobs(voxels, shape, omega_step_deg=step, wrapped=wrapped)
    return replace(made, extra={name: np.asarray(values) for name, values in extra.items()})


def line(start, stop, frame=0, row=0):
    return [(frame, row, col) for col in range(start, stop)]


@st.composite
def random_tables(draw):
    seed = draw(SEEDS)
    rng = np.random.default_rng(seed)
    tables = []
    for shared in (draw(st.booleans()), False):
        volume = rng.integers(0, draw(st.integers(1, 12)) + 1, SHAPE)
        blobs = [list(zip(*map(np.ndarray.tolist, np.nonzero(volume == i)), strict=True)) for i in range(1, 13)]
        if shared:
            extra = [tuple(map(int, rng.integers(0, SHAPE))) for _ in range(20)]
            blobs = [sorted({*blob, *extra}) if blob and rng.random() < 0.5 else blob for blob in blobs]
        tables.append(table(*[blob for blob in blobs if blob]))
    return tables


def test_a_perfect_result_scores_one_everywhere():
    truth = table(line(0, 3), line(5, 9), line(2, 6, 3, 4), snr=[4.0, 9.0, 60.0], isolated=[1, 1, 1])
    scores = evaluate_blobs(truth, truth)
    for name in ("f1", "precision", "recall"):
        assert scores[name] == {"0.25": 1.0, "0.5": 1.0, "0.75": 1.0}
    assert scores["pq"] == 1.0
    assert scores["splits"] == scores["merges"] == 0
    assert scores["recall_by_snr"] == {"3-5": 1.0, "5-10": 1.0, ">=50": 1.0}
    assert scores["spots_by_snr"] == {"3-5": 1, "5-10": 1, ">=50": 1}
    assert scores["recall_isolated"] == scores["recall_isolated_above_5_sigma"] == 1.0
    assert scores["centroid_px"] == scores["centroid_frames"] == {"median": 0.0, "p95": 0.0}
    assert scores["intensity"] == {"median": 0.0, "p95": 0.0, "bias": 0.0}


@given(random_tables())
def test_sparse_contingency_equals_comparing_all_pairs_of_sets(tables):
    truth, result = tables
    pairs = overlaps(result, truth)
    dense = np.zeros((len(truth), len(result)))
    dense[pairs.truth, pairs.result] = pairs.iou
    np.testing.assert_array_equal(dense, oracle.iou_matrix(result, truth))


@given(random_tables(), st.sampled_from([0.01, 0.1, 0.25, 0.5]))
def test_matching_equals_taking_the_best_pair_again_and_again(tables, least):
    truth, result = tables
    matching = match_one_to_one(overlaps(result, truth), least)
    got = list(zip(matching.truth.tolist(), matching.result.tolist(), matching.iou.tolist(), strict=True))
    assert got == oracle.match(result, truth, least)


@given(random_tables())
def test_scores_splits_and_merges_equal_the_oracle(tables):
    truth, result = tables
    scores = evaluate_blobs(result, truth)
    for level in (0.25, 0.5, 0.75):
        assert scores["f1"][f"{level:g}"] == pytest.approx(oracle.scores(result, truth, level)["f1"])
    assert scores["pq"] == pytest.approx(oracle.scores(result, truth, 0.5)["pq"])
    assert scores["splits"] == oracle.split_spots(result, truth)
    assert scores["merges"] == oracle.merged_blobs(result, truth)


@given(random_tables(), st.booleans(), st.integers(0, 3))
def test_isolated_spots_equal_measuring_all_distances(tables, wrapped, distance):
    sparse = table(*[oracle.sets_of(tables[0])[i] for i in range(min(4, len(tables[0])))], wrapped=wrapped)
    assert isolated_spots(sparse, distance).tolist() == oracle.isolated(sparse, distance)


def test_a_blob_cut_in_two_is_one_split():
    scores = evaluate_blobs(table(line(0, 4), line(4, 9)), table(line(0, 9)))
    assert (scores["splits"], scores["merges"]) == (1, 0)
    assert scores["precision"]["0.5"] == 0.5
    assert scores["recall"] == {"0.25": 1.0, "0.5": 1.0, "0.75": 0.0}


def test_two_spots_in_one_blob_are_one_merge():
    scores = evaluate_blobs(table(line(0, 9)), table(line(0, 4), line(5, 9)))
    assert (scores["splits"], scores["merges"]) == (0, 1)


def test_a_voxel_that_two_spots_share_counts_for_both():
    shared = table(line(0, 5), line(4, 9))
    scores = evaluate_blobs(table(line(0, 5), line(5, 9)), shared)
    assert scores["recall"]["0.75"] == 1.0
    assert scores["pq"] == pytest.approx((1.0 + 4 / 5) / 2)


def test_equal_overlaps_go_to_the_lower_rows():
    matching = match_one_to_one(overlaps(table(line(2, 4), line(4, 6)), table(line(0, 8))), 0.1)
    assert (matching.truth.tolist(), matching.result.tolist()) == ([0], [0])


def test_only_kept_blobs_count():
    result = table(line(0, 3), line(5, 9))
    rejected = replace(result, reason=np.array([Reason.KEPT, Reason.TOO_SMALL_X]))
    scores = evaluate_blobs(rejected, table(line(0, 3), line(5, 9)))
    assert (scores["result"], scores["found"], scores["recall"]["0.5"]) == (1, 1, 0.5)
    assert scores["precision"]["0.5"] == 1.0


@pytest.mark.parametrize(("result", "truth", "f1"), [(0, 0, 1.0), (1, 0, 0.0), (0, 1, 0.0)])
def test_nothing_found_is_right_only_where_nothing_is(result, truth, f1):
    scores = evaluate_blobs(table(*[line(0, 3)] * result), table(*[line(0, 3)] * truth))
    assert {*scores["f1"].values(), *scores["precision"].values(), *scores["recall"].values()} == {f1}
    assert "centroid_px" not in scores


def test_what_the_truth_does_not_know_is_left_out():
    scores = evaluate_blobs(table(line(0, 3)), table(line(0, 3)))
    assert not [name for name in scores if name.startswith(("recall_", "spots_"))]


def test_recall_is_told_apart_by_snr_and_isolation():
    truth = table(line(0, 3), line(5, 9), line(2, 6, 3), snr=[2.0, 8.0, 9.0], isolated=[1, 1, 0])
    scores = evaluate_blobs(table(line(5, 9)), truth)
    assert scores["recall_by_snr"] == {"0-3": 0.0, "5-10": 0.5}
    assert scores["recall_isolated"] == 0.5
    assert scores["recall_isolated_above_5_sigma"] == 1.0
    assert scores["recall_overlapping"] == 0.0


def test_centroids_of_a_wrapped_scan_differ_modulo_the_scan():
    def over_the_seam(peak):
        blob = [(f, 1, c, 9.0 if f == peak else 4.0) for f in (5, 0) for c in (2, 3)]
        return table(blob, wrapped=True)

    ahead, behind = over_the_seam(5), over_the_seam(0)
    assert ahead["frame"][0] - behind["frame"][0] > 5
    scores = evaluate_blobs(ahead, behind)
    assert scores["centroid_frames"]["median"] == pytest.approx(5 / 13)
    assert scores["centroid_px"]["median"] == 0


def test_errors_of_centroids_and_intensities_are_measured():
    truth = table([(0, 0, c, 1.0) for c in range(4)])
    result = table([(0, 0, c, 2.0 if c == 3 else 1.0) for c in range(4)])
    scores = evaluate_blobs(result, truth)
    assert scores["centroid_px"]["median"] == pytest.approx(9 / 5 - 6 / 4)
    assert scores["intensity"] == pytest.approx({"median": 0.25, "p95": 0.25, "bias": 0.25})


def test_scans_of_different_shapes_cannot_be_compared():
    with pytest.raises(InputError, match="must be of one scan"):
        evaluate_blobs(table(line(0, 3)), table(line(0, 3), shape=(6, 8, 10)))


def test_the_evaluation_is_json_with_only_the_parts_that_exist():
    truth = Truth(table(line(0, 3), snr=[7.0], isolated=[1]))
    assert evaluate(truth) == {}
    parts = evaluate(truth, blobs=table(line(0, 3)))
    assert set(parts) == {"blobs"}
    assert json.loads(json.dumps(parts, allow_nan=False)) == parts


def test_a_reference_has_the_columns_of_a_segmentation():
    blob = [(5, 1, 2, 1.0), (0, 1, 2, 3.0), (1, 3, 4, 2.0)]
    made = table(blob, wrapped=True)
    row = {name: made[name][0] for name in made.columns}
    assert (row["frame_start"], row["frame_stop"], row["row_stop"], row["col_start"]) == (-1, 2, 4, 2)
    assert row["frame"] == pytest.approx(1 / 6)
    assert row["omega"] == pytest.approx((1 / 6 + 0.5) * 0.5)
    assert (row["s_raw"], row["f_raw"]) == (pytest.approx(10 / 6), pytest.approx(16 / 6))
    assert row["covsf"] == pytest.approx(1.0)
    assert (row["IMax_int"], row["IMax_o"], row["onfirst"], row["onlast"]) == (3.0, 0.25, 1, 1)


def test_a_reference_blob_without_voxels_is_refused():
    nothing = np.zeros(0, np.int32)
    with pytest.raises(InputError, match="must have voxels"):
        reference_blobs(Voxels(np.array([0, 0]), nothing, nothing, nothing, nothing), SHAPE)
