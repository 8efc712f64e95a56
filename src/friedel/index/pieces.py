"""One grain of the crystals that turned out to be pieces of it, or the whole of it, in different spots.

Where pieces are seen side by side, the middle of their blobs, weighted with the counts, is where the whole would
be; where they are one before the other their common blob is there. Fitted to these, orientation and position are
those of the whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from friedel.index.candidate import Candidate
from friedel.index.params import IndexParams
from friedel.index.scene import Scene
from friedel.index.settle import LEAST_SPOTS, Settled
from friedel.kernels.index.blob_lookup import COUNTED, predict_spots
from friedel.kernels.index.fit_grain import gauss_newton, residual_of, turned
from friedel.model.arrays import Floats, Indices

ROUNDS = 3
FIRST_LOOK = 3.0
"""How many times wider than the tolerance the first look is: the middle of two pieces is known that well."""


@dataclass(frozen=True, slots=True, eq=False)
class _Whole:
    """Where the whole of a grain may have been seen: `hkl`, `place` (n,3), `error` and `spread` (n,3) as in Scene,
    number of the `spot` (n), and the `entries` of each."""

    hkl: Floats
    place: Floats
    error: Floats
    spread: Floats
    spot: Indices
    entries: tuple[Indices, ...]


class _Guess(NamedTuple):
    """Orientation, position and volume (logarithm, relative) of a grain."""

    U: Floats
    position: Floats
    volume: float


def join(scene: Scene, settled: Settled, limits: Indices, params: IndexParams) -> tuple[Settled, Indices]:
    """Every family as one grain, in the place of its first; `limits` (n) of a family is its largest."""
    first, number = np.unique(settled.family, return_index=True, return_inverse=True)[1:]
    if len(first) == len(settled):
        return settled, limits
    order = np.argsort(first, kind="stable")
    groups = [np.flatnonzero(number == i) for i in order]
    parts = [
        _only(settled, int(rows[0])) if len(rows) == 1 else _joined(scene, settled, rows, params) for rows in groups
    ]
    return _together(parts), np.array([limits[rows].max() for rows in groups], dtype=np.int64)


def _only(settled: Settled, row: int) -> Settled:
    """A table of one grain."""
    mine = settled.grain == row
    grain = {name: getattr(settled, name)[row : row + 1] for name in PER_GRAIN}
    return Settled(**grain, **{name: getattr(settled, name)[mine] for name in PER_ENTRY})


def _together(parts: list[Settled]) -> Settled:
    """One table of tables of one grain each."""
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in PER_GRAIN + PER_ENTRY}
    joined["grain"] = np.repeat(np.arange(len(parts)), [len(part.grain) for part in parts])
    return Settled(**joined)


PER_GRAIN = ("crystal", "family", "U", "position", "expected", "volume")
PER_ENTRY = (
    *("grain", "reflection", "solution", "blob"), *("shared", "counted", "melted"), *("place", "residual")
)  # fmt: skip


def wholes(scene: Scene, settled: Settled, grains: Sequence[Candidate], params: IndexParams) -> list[Candidate]:
    """Crystals in the middle of pieces where none was found: the spots that show the whole are theirs."""
    found = []
    for family in np.flatnonzero(np.bincount(settled.family, minlength=1) > 1):
        rows = np.flatnonzero(settled.family == family)
        entries = np.flatnonzero(np.isin(settled.grain, rows))
        if not len(entries):
            continue
        best, guess = _best_guess(scene, settled, rows, _sightings(scene, settled, entries), params)
        if best >= len(rows):
            found.append(replace(grains[int(rows[0])], U=guess.U, position=guess.position))
    return found


def _joined(scene: Scene, settled: Settled, rows: Indices, params: IndexParams) -> Settled:
    """The grain that crystals are pieces of."""
    entries = np.flatnonzero(np.isin(settled.grain, rows))
    whole = _sightings(scene, settled, entries)
    crystal = int(settled.crystal[rows[0]])
    U, position, volume = _best_guess(scene, settled, rows, whole, params)[1]
    near = np.zeros(0, dtype=np.int64)
    for _ in range(ROUNDS):
        near = _near(scene, whole, crystal, U, position, params.tolerance)
        if len(near) >= LEAST_SPOTS:
            U, position, _ = gauss_newton(
                U, scene.crystals[crystal].B, position, whole.hkl[near], whole.place[near], whole.spread[near],
                scene.wavelength, scene.plane, 4,
            )  # fmt: skip
    one = _with_sightings(settled, entries, [whole.entries[i] for i in near], whole.place[near])
    one = replace(
        one,
        crystal=settled.crystal[rows[:1]],
        family=settled.family[rows[:1]],
        U=U[None],
        position=position[None],
        volume=np.array([volume]),
    )
    return _counted(scene, one)


def _best_guess(
    scene: Scene, settled: Settled, rows: Indices, whole: _Whole, params: IndexParams
) -> tuple[int, _Guess]:
    """The guess that most blobs agree with, and its number among them.

    Two blobs of one spot that show the whole together also say that neither does alone.
    """
    crystal, wide = int(settled.crystal[rows[0]]), FIRST_LOOK * params.tolerance
    guesses = _guesses(settled, rows)
    seen = [
        sum(len(whole.entries[i]) for i in _near(scene, whole, crystal, guess.U, guess.position, wide))
        for guess in guesses
    ]
    best = int(np.argmax(seen))
    return best, guesses[best]


def _guesses(settled: Settled, rows: Indices) -> list[_Guess]:
    """What the whole may be: each piece, then the mean of each two."""
    volume = np.where(np.isfinite(settled.volume[rows]), settled.volume[rows], 0.0)
    found = [_Guess(settled.U[i], settled.position[i], float(settled.volume[i])) for i in rows]
    for a in range(len(rows)):
        for b in range(a + 1, len(rows)):
            part = 1.0 / (1.0 + np.exp(volume[a] - volume[b]))
            i, j = rows[a], rows[b]
            step = settled.U[j] @ settled.U[i].T
            axial = 0.5 * np.array([step[2, 1] - step[1, 2], step[0, 2] - step[2, 0], step[1, 0] - step[0, 1]])
            place = (1 - part) * settled.position[i] + part * settled.position[j]
            total = float(np.logaddexp(volume[a], volume[b]))
            found.append(_Guess(np.asarray(turned(settled.U[i], part * axial)), place, total))
    return found


def _sightings(scene: Scene, settled: Settled, entries: Indices) -> _Whole:
    """Each blob alone, and all blobs of one spot together."""
    sure = entries[~settled.melted[entries]]
    spot = 2 * settled.reflection[sure] + settled.solution[sure]
    groups = [np.array([entry]) for entry in sure]
    groups += [sure[spot == one] for one in np.flatnonzero(np.bincount(spot, minlength=1) > 1)]
    place = np.array([_middle(scene, settled, group) for group in groups]).reshape(-1, 3)
    lead = np.array([group[0] for group in groups], dtype=np.int64)
    slack = np.array([scene.grid.slack[settled.blob[group]].max(axis=0) for group in groups]).reshape(-1, 3)
    crystal = scene.crystals[settled.crystal[settled.grain[entries[0]]]]
    hkl = crystal.hkl[settled.reflection[lead]]
    number = 2 * settled.reflection[lead] + settled.solution[lead]
    error, spread = (np.sqrt(part**2 + slack**2) for part in (scene.error, scene.spread))
    return _Whole(hkl, place, error, spread, number, tuple(groups))


def _middle(scene: Scene, settled: Settled, group: Indices) -> Floats:
    """Mean place of some entries by their counts."""
    place = settled.place[group].copy()
    place[:, 0] = place[0, 0] + np.mod(place[:, 0] - place[0, 0] + np.pi, 2 * np.pi) - np.pi
    middle = np.average(place, axis=0, weights=np.maximum(scene.blobs["sum_intensity"][settled.blob[group]], 1e-12))
    middle[0] = np.mod(middle[0], 2 * np.pi)
    return np.asarray(middle)


def _near(scene: Scene, whole: _Whole, crystal: int, U: Floats, position: Floats, limit: float) -> Indices:
    """The sightings within `limit` errors of their prediction, of each spot the nearest."""
    UB, out, hit = U @ scene.crystals[crystal].B, np.zeros(3), np.zeros(2)
    square = np.full(len(whole.spot), np.inf)
    for i in range(len(whole.spot)):
        if residual_of(UB, position, whole.hkl[i], whole.place[i], scene.wavelength, scene.plane, hit, out):
            square[i] = float(((out / whole.error[i]) ** 2).sum())
    order = np.lexsort((square, whole.spot))
    best = order[np.unique(whole.spot[order], return_index=True)[1]]
    return np.sort(best[square[best] <= limit**2])


def _with_sightings(settled: Settled, entries: Indices, seen: list[Indices], places: Floats) -> Settled:
    """One grain that has every blob once: first those that show the whole, then parts, then what melted.

    Of several blobs that show it together the first stands for all of them in a fit.
    """
    place, melted = settled.place.copy(), settled.melted.copy()
    melted[entries] = True
    for group, middle in zip(seen, places, strict=True):
        place[group] = middle
        melted[group[0]] = False
    rank = np.ones(len(melted), dtype=np.int64)
    rank[settled.melted] = 2
    if seen:
        rank[np.concatenate(seen)] = 0
    order = entries[np.lexsort((entries, rank[entries]))]
    once = order[np.sort(np.unique(settled.blob[order], return_index=True)[1])]
    once = once[np.lexsort((rank[once], settled.solution[once], settled.reflection[once]))]
    new = replace(settled, place=place, melted=melted)
    return _only(replace(new, grain=np.where(np.isin(np.arange(len(melted)), once), 0, -1)), 0)


def _counted(scene: Scene, one: Settled) -> Settled:
    """Of a single grain: what is expected, what of it was found (one entry of each spot counts), residuals."""
    crystal = scene.crystals[one.crystal[0]]
    n = 2 * len(crystal.hkl)
    spots, state = np.zeros((n, 4)), np.zeros(n, dtype=np.int64)
    UB = one.U[0] @ crystal.B
    predict_spots(
        crystal.hkl @ UB.T, one.position[0], scene.wavelength, scene.plane, tuple(scene.window), spots, state
    )
    spot = 2 * one.reflection + one.solution
    counted = np.zeros(len(spot), dtype=bool)
    counted[np.unique(spot, return_index=True)[1]] = True
    off = spots[spot, :3] - one.place
    off[:, 0] = (np.mod(off[:, 0] + np.pi, 2 * np.pi) - np.pi) * spots[spot, 3]
    expected = np.array([np.count_nonzero(state == COUNTED)], dtype=np.int64)
    return replace(one, counted=counted & (state[spot] == COUNTED), expected=expected, residual=off)
