"""All four spots of a plane confirm each other."""

import numpy as np

from friedel.kernels.match import friedel_pairs
from friedel.match import MatchParams, match, measured_spots, scrambled, tolerance_scale
from friedel.match.quadruplets import find_quadruplets
from friedel.model.families import phase_rings
from tests.oracles_match import is_true, spot_table
from tests.unit.test_match import AL, SETUP


def searched(blobs):
    rings = phase_rings([AL], SETUP, blobs.shape[1:])[0]
    measured = measured_spots(blobs, SETUP, rings, MatchParams())
    scale, _ = tolerance_scale(measured, np.random.default_rng(0))
    return measured.scaled(scale), rings, measured.limits._replace(factor=4.0)


def test_quadruplets_are_the_four_spots_of_one_plane_and_chance_makes_none():
    blobs = spot_table(SETUP, [AL], 30)
    spots, rings, limits = searched(blobs)
    rows, _ = friedel_pairs.find_candidates(spots, rings, limits)
    found = find_quadruplets(spots, rows, rings, limits)
    key = np.column_stack([blobs[name] for name in ("grain", "h", "k", "l")])
    names = {}
    for row, one in enumerate(key.tolist()):
        names.setdefault((one[0], *(max(one[1:], [-x for x in one[1:]]))), set()).add(row)
    whole = sum(len(four) == 4 for four in names.values())
    right = 0
    for early, late in found:
        four = {*rows[early, :2].tolist(), *rows[late, :2].tolist()}
        right += len(four) == 4 and any(four == one for one in names.values())
    assert right >= 0.99 * len(found)
    assert right >= 0.85 * whole
    turned = scrambled(spots, np.random.default_rng(1))
    by_chance = find_quadruplets(turned, friedel_pairs.find_candidates(turned, rings, limits)[0], rings, limits)
    assert len(by_chance) <= 0.01 * len(found)


def test_partners_are_those_of_a_search_over_all_pairs():
    blobs = spot_table(SETUP, [AL], 4, noise_px=0.3)
    spots, rings, limits = searched(blobs)
    rows, _ = friedel_pairs.find_candidates(spots, rings, limits)
    found = {tuple(pair) for pair in find_quadruplets(spots, rows, rings, limits).tolist()}
    a, b, ring = rows.T
    lines = friedel_pairs.friedel_lines(spots.position[a], spots.position[b], spots.omega[a], spots.omega[b])
    slow = set()
    for i in np.flatnonzero(np.sin(lines.eta) > 0.17):
        after = 2 * np.arctan2(np.tan(rings[ring[i]] / 2), np.sin(lines.eta[i]))
        best = (np.radians(0.3), -1)
        for j in np.flatnonzero((np.sin(lines.eta) < -0.17) & (ring == ring[i])):
            for turn, eta in ((0.0, lines.eta[j]), (np.pi, np.pi - lines.eta[j])):
                apart = [
                    (lines.omega[j] + turn - lines.omega[i] - after + np.pi) % (2 * np.pi) - np.pi,
                    (eta - lines.eta[i] - np.pi + np.pi) % (2 * np.pi) - np.pi,
                ]
                size = max(abs(apart[0]), 0.3 * abs(apart[1]))
                best = min(best, (size, int(j)))
        if best[1] >= 0:
            slow.add((int(i), best[1]))
    assert len(found & slow) >= 0.97 * max(len(found), 1)
    assert len(found) > 60


def test_confirmed_pairs_win_in_a_crowd():
    blobs = spot_table(SETUP, [AL], 60, dropped=0.1, false=0.8, noise_px=0.4, noise_deg=0.04)
    spots, rings, limits = searched(blobs)
    rows, residuals = friedel_pairs.find_candidates(spots, rings, limits)
    order = np.lexsort((rows[:, 1], rows[:, 0], residuals[:, friedel_pairs.TOTAL]))
    keep = np.zeros(len(rows), np.bool_)
    friedel_pairs.take_best(rows[order], np.zeros(len(blobs), np.bool_), keep)

    def right(pairs):
        return int(is_true(blobs, {"blob_a": pairs[:, 0], "blob_b": pairs[:, 1]}).sum())

    table = match(blobs, SETUP, [AL], MatchParams())
    alone, together = rows[order][keep], np.column_stack([table["blob_a"], table["blob_b"]])
    assert right(together) > right(alone)
    assert right(together) / len(together) > right(alone) / len(alone)
    assert table.quadruplets > 20 * (table.null_quadruplets + 1)
    assert f"{table.quadruplets} quadruplets" in table.message
