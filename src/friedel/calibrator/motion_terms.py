"""Which terms of a motion the residuals show: least squares with the grains' own numbers projected out."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from friedel.calibrator.clusters import left_out_variance
from friedel.model.arrays import Floats, Indices
from friedel.model.motion import JUMPS, OFFSETS, TERMS

SHOWN = 5.0
"""A term is taken when the spots show it with so many standard deviations."""
CLEARLY = 40.0
"""Squares of standard deviations that a term must explain to be tried: the best of some 2,000 jumps by chance
explains 20."""
LEAST_PX = 0.1
"""Less than this on the detector, from one end of the scan to the other, is not worth a change."""
BINS, FINER = 96, 48
LEAST_PART = 0.02
"""No jump is looked for in this part of the scan at either end."""
OFFSET_TERMS = [TERMS.index(name) for name in OFFSETS]
RANK = 1e-6
"""A term of which less is left, once the others are taken out, is none of its own."""


class Columns(NamedTuple):
    """Weighted residuals and derivatives of spots, rows omega, row, col: `grain` (n), `time` (n) in frames from the
    scan's start, `terms` (n,3,terms), `tilts` (n,3,3) of the detector, `own` (n,3,6) of each spot's grain, `still`
    (n,3) the residuals without motion. Columns of a jump are those of one before everything."""

    grain: Indices
    time: Floats
    terms: Floats
    tilts: Floats
    own: Floats
    still: Floats

    def with_jump(self, jump_frame: float) -> Floats:
        """The terms' columns (n,3,terms) with the jump at a frame; 0 where there is none."""
        out = self.terms.copy()
        out[:, :, JUMPS] *= ((self.time >= jump_frame) & (jump_frame > 0))[:, None, None]
        return out


class Choice(NamedTuple):
    """Values (terms) in um of the terms taken, 0 for the others, with their errors, and the frame of the jump."""

    values: Floats
    error: Floats
    jump_frame: float


@dataclass(frozen=True, slots=True, eq=False)
class Eliminated:
    """What is left of the columns once the grains' own numbers are projected out.

    `basis` (n,3,6) is an orthonormal basis of those of each grain, `static` (n,3,m) the columns of all terms but
    jumps, of the tilts, and the residuals last, without their part in it.
    """

    columns: Columns
    basis: Floats
    static: Floats


STATIC = [number for number in range(len(TERMS)) if not JUMPS.start <= number < JUMPS.stop]
JUMP = list(range(JUMPS.start, JUMPS.stop))
TILT_COLUMNS = list(range(len(TERMS), len(TERMS) + 3))
"""Columns of the whole: terms in their order, tilts, the residuals last."""
WHOLE = len(TERMS) + 4


def eliminate_grains(columns: Columns) -> Eliminated:
    """Project out what each grain can take up by itself."""
    order = np.argsort(columns.grain, kind="stable")
    ends = np.flatnonzero(np.diff(columns.grain[order])) + 1
    static = np.concatenate([columns.terms[..., STATIC], columns.tilts, columns.still[..., None]], axis=-1)
    basis = np.zeros_like(columns.own)
    for rows in np.split(order, ends):
        q = np.linalg.qr(columns.own[rows].reshape(-1, 6))[0]
        part = static[rows].reshape(len(q), -1)
        static[rows] = (part - q @ (q.T @ part)).reshape(len(rows), 3, -1)
        basis[rows] = q.reshape(len(rows), 3, 6)
    return Eliminated(columns, basis, static)


def choose_terms(free: Eliminated, frames: int, reach_px: Floats) -> Choice:
    """The terms that are shown, their values and errors; `reach_px` (terms) is what one um of each does at most."""
    edges = frames * np.linspace(LEAST_PART, 1.0 - LEAST_PART, BINS)
    grams = _grams(free, edges)
    taken, at = _taken_by_gain(grams)
    if any(term in JUMP for term in taken):
        width = edges[1] - edges[0]
        finer = np.linspace(max(edges[at] - width, 1.0), min(edges[at] + width, frames - 1.0), 2 * FINER + 1)
        grams = _grams(free, finer)
        at = _best_frame(grams, taken)
        jump_frame = float(np.ceil(finer[at]))
    else:
        jump_frame = 0.0
    while True:
        values, error = _fit(free, taken, jump_frame)
        weak = {
            term: abs(values[term]) / (error[term] or np.inf)
            for term in taken
            if not (abs(values[term]) >= SHOWN * error[term] and abs(values[term]) * reach_px[term] >= LEAST_PX)
        }
        if not weak:
            break
        taken = [term for term in taken if term != min(weak, key=weak.__getitem__)]
    if not any(term in JUMP for term in taken):
        jump_frame = 0.0
    kept = [*taken, *_offsets_of(taken)]
    keep = np.isin(np.arange(len(TERMS)), kept)
    return Choice(np.where(keep, values, 0.0), np.where(keep, error, 0.0), jump_frame)


def _offsets_of(taken: list[int]) -> list[int]:
    """The offsets without which the terms taken would be wrong: of terms along x and y of the lab."""
    names = [TERMS[term] for term in taken]
    return [
        number
        for number, axis in zip(OFFSET_TERMS, "xy", strict=True)
        if any(name.split(maxsplit=1)[1] == axis for name in names)
    ]


def _grams(free: Eliminated, edges: Floats) -> Floats:
    """Products of all columns (edges, WHOLE, WHOLE) with the jump before each of the edges (in frames)."""
    columns, static = free.columns, free.static
    k, grains = len(edges), int(columns.grain.max(initial=0)) + 1
    jump = columns.terms[..., JUMPS]
    # a spot in bin b comes after the first b edges
    bins = np.searchsorted(edges, columns.time, side="right")
    own = _sum(np.einsum("nap,naq->npq", free.basis, jump), bins * grains + columns.grain, (k + 1) * grains)
    own = own.reshape(k + 1, grains, 6, len(JUMP))
    both = _sum(np.einsum("nap,naq->npq", jump, jump), bins, k + 1)
    mixed = _sum(np.einsum("nap,naq->npq", jump, static), bins, k + 1)
    own, both, mixed = (np.cumsum(part[::-1], axis=0)[::-1][1:] for part in (own, both, mixed))
    both = both - np.einsum("kgsp,kgsq->kpq", own, own)
    flat = static.reshape(-1, static.shape[-1])
    where = [*STATIC, *TILT_COLUMNS, WHOLE - 1]
    out = np.zeros((k, WHOLE, WHOLE))
    out[:, np.array(where)[:, None], where] = flat.T @ flat
    out[:, np.array(JUMP)[:, None], JUMP] = both
    out[:, np.array(JUMP)[:, None], where] = mixed
    out[:, np.array(where)[:, None], JUMP] = mixed.swapaxes(1, 2)
    return out


def _sum(values: Floats, index: Indices, size: int) -> Floats:
    """Sums (size, ...) of values (n, ...) with equal index (n)."""
    flat = values.reshape(len(values), -1)
    summed = [np.bincount(index, column, minlength=size) for column in flat.T]
    return np.stack(summed, axis=-1).reshape(size, *values.shape[1:])


def _left(gram: Floats, inside: list[int]) -> Floats:
    """The products once the columns `inside` are taken out of all."""
    block = gram[..., np.array(inside)[:, None], inside]
    rest = gram[..., inside, :]
    return np.asarray(gram - rest.swapaxes(-1, -2) @ (np.linalg.pinv(block, hermitian=True) @ rest))


def _gains(gram: Floats, inside: list[int]) -> Floats:
    """Squares of standard deviations that each term (..., terms) explains beyond those `inside`."""
    left = _left(gram, inside)
    n = np.arange(len(TERMS))
    curvature, score = left[..., n, n], left[..., n, WHOLE - 1]
    own = curvature > RANK * np.maximum(gram[..., n, n], 1e-300)
    gain = np.where(own, score**2 / np.where(own, curvature, 1.0), 0.0)
    gain[..., inside_terms(inside)] = 0.0
    return np.asarray(gain)


def inside_terms(inside: list[int]) -> list[int]:
    """Those of the columns that are terms."""
    return [number for number in inside if number < len(TERMS)]


def _taken_by_gain(grams: Floats) -> tuple[list[int], int]:
    """Terms, the one that explains most first, and at which of the edges the jump is."""
    always, taken, at = [*OFFSET_TERMS, *TILT_COLUMNS], list[int](), -1
    while len(taken) < len(TERMS):
        gains = _gains(grams if at < 0 else grams[at : at + 1], [*always, *taken])
        edge, term = np.unravel_index(np.argmax(gains), gains.shape)
        if gains[edge, term] < CLEARLY:
            break
        taken.append(int(term))
        if any(one in JUMP for one in taken):
            at = _best_frame(grams, taken)
    return taken, max(at, 0)


def _best_frame(grams: Floats, taken: list[int]) -> int:
    """At which of the edges the terms taken explain most."""
    left = _left(grams, [*OFFSET_TERMS, *TILT_COLUMNS, *taken])
    return int(np.argmin(left[:, WHOLE - 1, WHOLE - 1]))


def _fit(free: Eliminated, taken: list[int], jump_frame: float) -> tuple[Floats, Floats]:
    """Values and errors (terms) in um; errors from leaving out grains."""
    columns = free.columns
    inside = [*taken, *OFFSET_TERMS]
    wanted = np.concatenate([columns.with_jump(jump_frame)[..., inside], columns.tilts], axis=-1)
    scores, curvatures = [], []
    order = np.argsort(columns.grain, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(columns.grain[order])) + 1):
        q, part = free.basis[rows].reshape(-1, 6), wanted[rows].reshape(3 * len(rows), -1)
        part = part - q @ (q.T @ part)
        scores.append(part.T @ free.static[rows][..., -1].ravel())
        curvatures.append(part.T @ part)
    score, curvature = np.array(scores), np.array(curvatures)
    found = -np.linalg.lstsq(curvature.sum(axis=0), score.sum(axis=0), rcond=None)[0]
    score = score + curvature @ found
    spread = np.sqrt(np.diag(left_out_variance(score, curvature)))
    values, error = np.zeros(len(TERMS)), np.zeros(len(TERMS))
    values[inside], error[inside] = found[: len(inside)], spread[: len(inside)]
    return values, error
