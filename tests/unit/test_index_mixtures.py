"""Neighbours of nearly one orientation: found apart, and nothing between them."""

from functools import cache

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from friedel.index import IndexParams, index
from friedel.match import MatchParams, match
from friedel.simulator import SimulationParams, SpecimenParams, sample, simulate
from tests.oracles_index import pick, worth


@cache
def fan(grains, turn_deg, seed):
    """A sample whose grains are turned one after the other by the same small angle about the same axis."""

    def rotations(count, rng):
        base, axis = Rotation.random(rng=rng), rng.normal(size=3)
        steps = np.radians(turn_deg) * np.arange(count)[:, None] * axis / np.linalg.norm(axis)
        return (Rotation.from_rotvec(steps) * base).as_matrix()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sample, "random_rotations", rotations)
        shape = SpecimenParams(radius_um=85.0, height_um=140.0, voxel_um=7.0)
        return simulate(SimulationParams(seed=seed, grains=grains, sample=shape))


def overlapped(blobs, within_deg, within_px):
    """Blobs of the same planes that are near each other, as one at the centre of their counts."""
    reach = np.array([within_deg, within_px, within_px])
    place = np.column_stack([blobs[name] for name in ("omega", "sc", "fc")])
    hkl = np.column_stack([blobs[name] for name in "hkl"])
    counts, left, rows, centres, sums = blobs["sum_intensity"], np.ones(len(blobs), dtype=bool), [], [], []
    for first in range(len(blobs)):
        if not left[first]:
            continue
        away = place - place[first]
        away[:, 0] = (away[:, 0] + 180) % 360 - 180
        group = np.flatnonzero(left & (hkl == hkl[first]).all(axis=1) & (np.abs(away) < reach).all(axis=1))
        left[group] = False
        rows.append(first)
        centres.append(place[first] + np.average(away[group], axis=0, weights=counts[group]))
        sums.append(counts[group].sum())
    omega, row, col = np.array(centres).T
    return pick(blobs, np.array(rows), omega=omega, sc=row, fc=col, sum_intensity=np.array(sums))


def result_of(made, blobs):
    pairs = match(blobs, made.setup, made.phases, MatchParams())
    grains = index(blobs, pairs, made.setup, made.phases, IndexParams())
    return worth(grains, made.truth.grains, made.phases)


@pytest.mark.parametrize(("grains", "turn_deg"), [(2, 1.0), (2, 1.5), (12, 1.2), (12, 0.3)])
def test_small_angle_neighbours_are_all_found_and_no_other(grains, turn_deg):
    made = fan(grains, turn_deg, 0)
    result = result_of(made, made.truth.blobs)
    assert result["found"] == grains
    assert result["false"] == result["duplicate"] == 0
    assert result["misorientation_deg"] < 0.005


@pytest.mark.parametrize(
    ("grains", "turn_deg", "seed", "within_px"),
    [(2, 1.2, 0, 25), (2, 1.2, 1, 15), (4, 1.5, 0, 25), (12, 1.2, 0, 15), (12, 1.2, 1, 25)],
)
def test_spots_that_overlap_do_not_make_a_crystal_between_the_two(grains, turn_deg, seed, within_px):
    made = fan(grains, turn_deg, seed)
    blobs = overlapped(made.truth.blobs, 1.0, within_px)
    assert len(blobs) < 0.92 * len(made.truth.blobs)
    result = result_of(made, blobs)
    assert result["found"] == grains
    assert result["false"] == result["duplicate"] == 0


def test_a_grain_in_the_middle_of_two_others_stays():
    """Three in a row, equally turned: seen where they are seen, so it is no mixture of them."""
    made = fan(3, 1.0, 2)
    result = result_of(made, made.truth.blobs)
    assert result["found"] == 3
    assert result["false"] == 0
