"""Grains that a twin lamella cuts in two, and grains that only happen to have one orientation."""

from functools import cache

import numpy as np
import pytest

from friedel.index import IndexParams, index
from friedel.kernels import bragg
from friedel.match import MatchParams, match
from friedel.model.uncertainty import USUAL_LEVEL, cut_level
from friedel.simulator import SimulationParams, SpecimenParams, simulate
from tests.oracles_index import pick, worth

GRAIN = 7
"""Far from the axis: there is room for another one opposite of it."""
SEEN_APART_PX = 6.0


@cache
def scan():
    sample = SpecimenParams(radius_um=85.0, height_um=140.0, voxel_um=7.0)
    return simulate(SimulationParams(grains=12, sample=sample))


def indexed(blobs):
    made = scan()
    return index(
        blobs, match(blobs, made.setup, made.phases, MatchParams()), made.setup, made.phases, IndexParams()
    )


def shifts(rows, away):
    """By how much (row, col) the blobs of GRAIN move with the grain (um)."""
    made, blobs = scan(), scan().truth.blobs
    detector = made.setup.detector
    plane = bragg.detector_frame(detector.origin_um, detector.u_um, detector.v_um)
    hkl = np.column_stack([blobs[name][rows] for name in "hkl"])
    g = hkl @ (made.truth.grains.U[GRAIN] @ made.phases[0].B).T
    centre = made.truth.grains.position_um[GRAIN]
    before, after = (
        bragg.predict(g, place, made.setup.beam.wavelength, plane) for place in (centre, centre + away)
    )
    out = np.zeros((len(rows), 2))
    for n, omega in enumerate(made.setup.lab_omega_rad(blobs["omega"][rows])):
        one = np.flatnonzero(before.reflection == n)
        off = np.abs(np.mod(before.omega[one] - omega + np.pi, 2 * np.pi) - np.pi)
        best = one[np.argmin(off)]
        out[n] = after.row[best] - before.row[best], after.col[best] - before.col[best]
    return out


def copies(rows, away, counts=1.0, size=1.0):
    """The blobs as if their grain were elsewhere and smaller."""
    blobs = scan().truth.blobs
    down, right = shifts(rows, np.asarray(away, float)).T
    changed = {name: blobs[name][rows] + down for name in ("sc", "s_raw")}
    changed |= {name: blobs[name][rows] + right for name in ("fc", "f_raw")}
    changed |= {name: blobs[name][rows] * size for name in ("sigs", "sigf")}
    return pick(blobs, rows, **changed, sum_intensity=blobs["sum_intensity"][rows] * counts)


def together(*tables):
    columns = {name: np.concatenate([table[name] for table in tables]) for name in tables[0].columns}
    extra = {name: np.concatenate([table[name] for table in tables]) for name in tables[0].extra}
    total = scan().truth.blobs
    base = pick(total, np.zeros(sum(map(len, tables)), dtype=np.int64))
    base.columns.update(columns, spot3d_id=np.arange(len(base)))
    base.extra.update(extra)
    return base


def cut(away, share):
    """All blobs, those of GRAIN cut in two where the sub-grains, `away` (um) from each other, are seen apart."""
    blobs = scan().truth.blobs
    mine = np.flatnonzero(blobs["grain"] == GRAIN)
    seen = np.linalg.norm(shifts(mine, away), axis=1)
    parts = mine[seen > SEEN_APART_PX]
    assert 8 < len(parts) < len(mine) - 8
    rest = pick(blobs, np.setdiff1d(np.arange(len(blobs)), parts))
    one = copies(parts, (1 - share) * away, share, 0.7)
    return together(rest, one, copies(parts, -share * away, 1 - share, 0.7))


@cache
def most_spots():
    """Of any grain while none is cut."""
    return int(np.diff(indexed(scan().truth.blobs).blob_pointer).max())


@pytest.mark.parametrize("share", [0.5, 0.7])
@pytest.mark.parametrize("along", [(1.0, 0.0, 0.0), (0.7, -0.7, 0.0), (0.6, 0.6, 0.2)])
def test_a_grain_in_two_sub_grains_is_one_grain_in_its_middle(along, share):
    blobs = cut(30.0 * np.array(along), share)
    grains, truth = indexed(blobs), scan().truth.grains
    found = worth(grains, truth, scan().phases)
    assert (found["found"], found["false"], found["duplicate"]) == (12, 0, 0)
    row = int(np.argmin(np.linalg.norm(grains.position_um - truth.position_um[GRAIN], axis=1)))
    assert np.linalg.norm(grains.position_um[row] - truth.position_um[GRAIN]) < 0.3 * 3.5
    assert grains.completeness[row] > 0.9
    mine = grains.blobs[grains.blob_pointer[row] : grains.blob_pointer[row + 1]]
    assert len(np.unique(mine)) == len(mine) > 1.2 * most_spots()
    assert (blobs["grain"][mine] == GRAIN).all()
    assert grains.position_error_um[row] < 3.5


def test_grains_of_one_orientation_far_from_each_other_remain_two():
    blobs, truth = scan().truth.blobs, scan().truth.grains
    away = -2 * truth.position_um[GRAIN]
    twice = together(pick(blobs, np.arange(len(blobs))), copies(np.flatnonzero(blobs["grain"] == GRAIN), away))
    grains = indexed(twice)
    same = scan().phases[0].misorientation_deg(grains.U, truth.U[GRAIN]) < 0.1
    assert len(grains) == 13
    assert same.sum() == 2
    apart = np.linalg.norm(np.diff(grains.position_um[same], axis=0))
    assert apart == pytest.approx(np.linalg.norm(away), abs=1.0)


def test_what_a_threshold_cuts_off_is_read_off_the_voxels():
    blobs = scan().truth.blobs
    level = cut_level(blobs)
    part = slice(blobs.voxels.pointer[5], blobs.voxels.pointer[6])
    assert level[5] == pytest.approx(blobs.voxels.intensity[part].min() / blobs["IMax_int"][5])
    bare = pick(blobs, np.arange(7))
    assert (cut_level(bare) == USUAL_LEVEL).all()
