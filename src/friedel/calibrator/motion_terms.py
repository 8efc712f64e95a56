"""Which terms of a motion the residuals show: least squares with the grains' own numbers projected out."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from friedel.model.arrays import Floats, Indices
from friedel.model.clusters import left_out_variance
from friedel.model.motion import JUMPS, OFFSETS, SHAPES, TERM, TERMS

SHOWN = 5.0
"""A term is taken when the spots show it with so many standard deviations."""
CLEARLY = 40.0
"""Squares of standard deviations that a term must explain beyond all others: the best of some 2,000 jumps by chance
explains 20."""
LEAST_PX = 0.1
"""Less than this on the detector, from one end of the scan to the other, is not worth a change."""
BINS, FINER = 96, 48
LEAST_PART = 0.02
"""No jump is looked for in this part of the scan, and of its spots, at either end."""
RIDGE = 1e-9
"""So much of themselves holds columns apart that say the same."""
MOST_SEARCHED = 8
"""So many terms, or fewer, are also tried in place of each other."""
LEAST_STEP = 1.0
LEAST_LEFT = 0.02
"""Of a residual that its own spot is to blame for no more than this part is taken to be left."""


WAYS = tuple(
    tuple(f"{shape} {direction}" for direction in directions) + offsets
    for shape in SHAPES
    for directions, offsets in ((("x", "y", "z"), OFFSETS), (("stage x", "stage y", "z"), ()))
)
"""Sets of terms that one cause moves together: the stage in the lab, or the sample on its holder."""


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
ALWAYS = TILT_COLUMNS
"""Free in every fit."""


def eliminate_grains(columns: Columns) -> Eliminated:
    """Project out what each grain can take up by itself."""
    static = np.concatenate([columns.terms[..., STATIC], columns.tilts, columns.still[..., None]], axis=-1)
    basis = np.zeros_like(columns.own)
    for rows in by_grain(columns.grain):
        q = np.linalg.qr(columns.own[rows].reshape(-1, 6))[0]
        part = static[rows].reshape(len(q), -1)
        static[rows] = (part - q @ (q.T @ part)).reshape(len(rows), 3, -1)
        basis[rows] = q.reshape(len(rows), 3, 6)
    return Eliminated(columns, basis, static)


def choose_terms(free: Eliminated, frames: int, reach_px: Floats) -> Choice:
    """The terms that are shown, their values and errors; `reach_px` (terms) is what one um of each does at most."""
    edges = _edges(free, frames)
    taken, at = _taken_by_gain(_grams(free, edges))
    jump_frame = 0.0
    if _jumps(taken):
        width = edges[1] - edges[0]
        ends = max(edges[at] - width, edges[0]), min(edges[at] + width, edges[-1])
        finer = np.linspace(*ends, 2 * FINER + 1)
        jump_frame = float(np.ceil(finer[_best_frame(_grams(free, finer), taken)]))
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
    jump_frame = jump_frame if _jumps(taken) else 0.0
    return Choice(values, error, jump_frame)


def left_with_all_terms(free: Eliminated, frames: int) -> Floats:
    """The weighted residuals (n,3) that grains, tilts and all terms together leave: noise.

    Each as if its own spot had been left out: what a stray one bends to itself (a jump that it alone comes before)
    does not make it fit.
    """
    edges = _edges(free, frames)
    grams = _grams(free, edges)
    jump_frame = float(np.ceil(edges[_best_frame(grams, list(range(len(TERMS))))]))
    wanted = np.concatenate([free.columns.with_jump(jump_frame), free.columns.tilts], axis=-1)
    wanted = _without_grains(free, wanted)
    left, singular, _ = np.linalg.svd(wanted.reshape(-1, wanted.shape[-1]), full_matrices=False)
    left = left[:, singular > RIDGE * singular.max(initial=0.0)]
    off = free.static[..., -1]
    noise = off - (left @ (left.T @ off.ravel())).reshape(off.shape)
    own = (left**2).sum(axis=1).reshape(off.shape) + (free.basis**2).sum(axis=-1)
    return np.asarray(noise / np.maximum(1.0 - own, LEAST_LEFT))


def _edges(free: Eliminated, frames: int) -> Floats:
    """Where jumps are looked for, in frames: with spots enough on either side, or a stray one makes a jump."""
    first, last = np.quantile(free.columns.time, [LEAST_PART, 1.0 - LEAST_PART])
    return np.linspace(max(LEAST_PART * frames, first), min((1.0 - LEAST_PART) * frames, last), BINS)


def _without_grains(free: Eliminated, columns: Floats) -> Floats:
    """Columns (n,3,m) without what the grains' own numbers can take up."""
    out = columns.copy()
    for rows in by_grain(free.columns.grain):
        q, part = free.basis[rows].reshape(-1, 6), columns[rows].reshape(3 * len(rows), -1)
        out[rows] = (part - q @ (q.T @ part)).reshape(len(rows), 3, -1)
    return out


def by_grain(grain: Indices) -> list[Indices]:
    """Rows of each grain, one after the other."""
    order = np.argsort(grain, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(grain[order])) + 1)


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
    return np.stack(summed, axis=-1).reshape(size, *values.shape[1:]).astype(np.float64)


def _taken_by_gain(grams: Floats) -> tuple[list[int], int]:
    """The terms with which least is left, `CLEARLY` counted for each, and at which of the edges the jump is.

    In a turn terms are much alike, grains moving along, so one may stand for another, and two for two. From none,
    from all, and from each of `WAYS` to move the search goes by single steps, each the best there is: a term is
    taken in, left out, or takes another's place.
    """
    starts = [[], list(range(len(TERMS))), *([TERM[name] for name in way] for way in WAYS)]
    searched = [_search(grams, start) for start in starts]
    return min(searched, key=lambda found: _cost(grams[found[1]], found[0]))


def _search(grams: Floats, taken: list[int]) -> tuple[list[int], int]:
    at = _best_frame(grams, taken)
    cost = _cost(grams[at], taken)
    while True:
        steps = [[one for one in taken if one != term] for term in taken]
        if len(taken) <= MOST_SEARCHED:
            others = [term for term in range(len(TERMS)) if term not in taken]
            steps += [[*rest, other] for rest in [taken, *steps] for other in others]
        if not _jumps(taken):
            at = _best_frame(grams, [*taken, *JUMP])
        costs = [_cost(grams[at], step) for step in steps]
        if not costs or min(costs) >= cost - LEAST_STEP:
            return taken, at
        taken = steps[int(np.argmin(costs))]
        if _jumps(taken):
            at = _best_frame(grams, taken)
        cost = _cost(grams[at], taken)


def _cost(gram: Floats, taken: list[int]) -> float:
    """Squares of standard deviations that are left, and what the terms cost."""
    return float(_left_over(gram, taken)) + CLEARLY * len(taken)


def _left_over(gram: Floats, taken: list[int]) -> Floats:
    """Squares of standard deviations (...) that are left of products (..., WHOLE, WHOLE) with some terms."""
    inside = np.array([*ALWAYS, *taken])
    block, score = gram[..., inside[:, None], inside], gram[..., inside, WHOLE - 1]
    size = np.einsum("...ii->...i", block)
    block = block + np.eye(len(inside)) * (RIDGE * np.maximum(size, 1e-12))[..., None]
    solved = np.linalg.solve(block, score[..., None])[..., 0]
    return np.asarray(gram[..., WHOLE - 1, WHOLE - 1] - (score * solved).sum(axis=-1))


def _jumps(taken: list[int]) -> bool:
    return any(term in JUMP for term in taken)


def _best_frame(grams: Floats, taken: list[int]) -> int:
    """At which of the edges the terms taken explain most."""
    return int(np.argmin(_left_over(grams, taken)))


def _fit(free: Eliminated, taken: list[int], jump_frame: float) -> tuple[Floats, Floats]:
    """Values and errors (terms) in um; errors from leaving out grains."""
    columns = free.columns
    inside = list(taken)
    wanted = np.concatenate([columns.with_jump(jump_frame)[..., inside], columns.tilts], axis=-1)
    scores, curvatures = [], []
    wanted = _without_grains(free, wanted)
    for rows in by_grain(columns.grain):
        part = wanted[rows].reshape(3 * len(rows), -1)
        scores.append(part.T @ free.static[rows][..., -1].ravel())
        curvatures.append(part.T @ part)
    score, curvature = np.array(scores), np.array(curvatures)
    found = -np.linalg.lstsq(curvature.sum(axis=0), score.sum(axis=0), rcond=None)[0]
    score = score + curvature @ found
    spread = np.sqrt(np.diag(left_out_variance(score, curvature)))
    values, error = np.zeros(len(TERMS)), np.zeros(len(TERMS))
    values[inside], error[inside] = found[: len(inside)], spread[: len(inside)]
    return values, error
