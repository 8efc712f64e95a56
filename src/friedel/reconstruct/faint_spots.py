"""Faint spots: predicted footprints that lie in no blob, looked for in the clean frames by matched filters.

A filter is the footprint itself, weighted by the noise, on what is left of the frames without the light that all
other predicted spots should have there. The null is the same filter on other frames: moved along omega, where the
grain has no light. A spot is taken where, of all filters that did as well, at most a stated part is by chance: the
moved ones say how many are (target and decoy: Y. Benjamini and Y. Hochberg, J. R. Stat. Soc. B 57 (1995) 289, with
the null measured instead of calculated).
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.special import erf

from friedel.kernels.reconstruct.faint_spots import add_windows, matched_sums, take_light
from friedel.kernels.reconstruct.footprints import REACH, boxes_that_meet
from friedel.model.arrays import AnyArray, Floats, Image, Indices, Mask
from friedel.model.blobs import Reason
from friedel.model.stream import CleanBlock, CleanFrames, Executor, Watcher, counted
from friedel.reconstruct.footprints import Footprints, windows_of
from friedel.reconstruct.shared_inputs import SharedInputs

LEAST_EXPECTED = 3.0
"""Standard deviations of the noise: of what should be fainter nothing is asked."""
MOVES = (2, 3, 4, 5)
"""The null: so many lengths of the spot before and behind it."""
IN_FRAME = 0.02
"""Of a spot's light: frames with less are no part of its picture."""
LEAST_SEEN = 0.7
"""Of a spot's light in a pixel, over the frames: where other blobs hide more of it, the pixel is not known."""
LEAST_KNOWN = 0.5
"""Of the filter's weight: where blobs or bad pixels hide more of it, nothing can be said."""
FALSE_FINDS = 0.01
"""The part of the finds that may be chance."""
LEAST_NULL = 100
"""Moved filters, without which nothing is taken."""
STRATA = 6
"""Kinds of filters, by how many voxels they are: clean frames' noise has neighbours in common."""
HALF = 0.5
"""Of its brightest voxel: where a faint spot ends."""
NORMAL = 1.4826
"""Standard deviation over median absolute deviation, of a normal distribution."""
NOISE = (Reason.SEED_TOO_SMALL, Reason.TOO_SMALL_X, Reason.TOO_SMALL_Y, Reason.TOO_SMALL_FRAMES)
"""Rejected blobs that noise makes, and faint spots: no light that is known to be another's."""


@dataclass(frozen=True, slots=True, eq=False)
class FaintSpots:
    """Predicted spots that were looked for in clean frames.

    Of `spot` (n), row of the footprints: `significance` (n) the matched filter in standard deviations of the
    null, nan where too much is hidden; `by_chance` (n) the part of the finds at least as significant that is by
    chance; `taken` (n); `counts` (n) that the filter says. `light` and `seen`, float32, hold what the frames have
    in the `window` (n,4: start and stop of rows, cols) of each, by `pointer`, and what part of the spot was seen
    there. `null` is every significance of the moved filters.
    """

    spot: Indices
    significance: Floats
    by_chance: Floats
    taken: Mask
    counts: Floats
    window: Indices
    pointer: Indices
    light: AnyArray
    seen: AnyArray
    null: Floats

    def __len__(self) -> int:
        return len(self.spot)

    def picture(self, n: int) -> tuple[Indices, Indices, AnyArray]:
        """Pixels (row, col) in which most of spot n was seen, and its counts there, over all frames."""
        part = slice(self.pointer[n], self.pointer[n + 1])
        top, bottom, left, right = self.window[n]
        seen = self.seen[part].reshape(bottom - top, right - left)
        row, col = np.nonzero(seen > LEAST_SEEN)
        counts = self.light[part].reshape(seen.shape)[row, col] / seen[row, col]
        return row + top, col + left, counts.astype(np.float32)


class Course(NamedTuple):
    """Frames in which spots (n) are looked for: from `first` (n) on, unwrapped, `length` (n) of them, whose sums
    are at `pointer`; the spot itself lasts `lasts` (n) frames, from `begin` (n) on."""

    first: Indices
    length: Indices
    pointer: Indices
    begin: Indices
    lasts: Indices


def courses(box: Indices, frames: int, turn: int) -> Course:
    """Around each spot's box (n,6) as many frames as its null needs, and the scan has."""
    begin, stop = box[:, 0], box[:, 1]
    lasts = stop - begin
    first, last = begin - MOVES[-1] * lasts, stop + MOVES[-1] * lasts
    if turn:
        long = last - first > turn
        first = np.where(long, begin - np.maximum(turn - lasts, 0) // 2, first)
        last = np.where(long, first + turn, last)
    else:
        first, last = np.maximum(first, 0), np.minimum(last, frames)
    length = np.maximum(last - first, 0)
    return Course(first, length, np.concatenate([[0], np.cumsum(length)]).astype(np.int64), begin, lasts)


def _near(footprints: Footprints, spots: Indices, course: Course, turn: int) -> Indices:
    """Rows of the footprints that may have light in the windows of spots, in the frames of their courses."""
    frames = np.column_stack([course.first, course.first + course.length])
    boxes = np.column_stack([frames, footprints.box[spots, 2:]]).astype(np.int64)
    order = np.argsort(footprints.box[:, 0], kind="stable")
    longest = int(np.max(footprints.box[:, 1] - footprints.box[:, 0], initial=0))
    arguments = (footprints.box, order, longest, boxes, turn)
    none = np.zeros(0, dtype=np.int64)
    count = boxes_that_meet(*arguments, none, none)
    spot, other = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    boxes_that_meet(*arguments, spot, other)
    return np.unique(other)


def look_for_faint_spots(
    inputs: SharedInputs,
    footprints: Footprints,
    counts: Floats,
    missing: Mask,
    frames: CleanFrames,
    executor: Executor,
    watcher: Watcher | None = None,
) -> FaintSpots:
    """Those of the `missing` (s) footprints that should stand out of the noise, looked for in clean frames.

    `counts` (s) are what every footprint is taken to have. Frames are read several at a time, and only those that
    some filter needs; besides these a few numbers a spot and frame are held. The same for any number of threads.
    """
    turn, weight = inputs.blobs_by_frame.turn, _weight(frames.noise)
    asked = np.flatnonzero(missing)
    asked = asked[_worth_it(footprints.take(asked), counts[asked], weight)]
    course = courses(footprints.box[asked], inputs.blobs.shape[0], turn)
    rows = np.union1d(asked, _near(footprints, asked, course, turn)).astype(np.int64)
    work = _Sums(
        inputs, footprints.take(rows), counts[rows], np.searchsorted(rows, asked).astype(np.int64), course, weight
    )
    wanted = work.wanted()
    with counted(watcher, "faint spots", int(wanted.sum()), "frames") as one_more:
        for block in frames.blocks(wanted):
            known = [n for n in range(len(block.frames)) if not block.replaced[n] and wanted[block.start + n]]
            for left in executor.map(partial(work.add, block), known):
                work.collect(left)
                one_more()
    return replace(work.judged(), spot=asked)


def _weight(noise: Image) -> Image:
    """One over the variance [row,col], 0 where nothing is seen."""
    good = np.isfinite(noise) & (noise > 0)
    return np.where(good, 1.0 / np.where(good, noise, 1.0) ** 2, 0.0).astype(np.float32)


def _parts(omega: Floats, frames: AnyArray) -> Floats:
    """The part of a spot's light (middle and standard deviation in `omega` (...,2)) that frames get."""
    apart, scale = frames - omega[..., 0], 1.0 / (omega[..., 1] * np.sqrt(2.0))
    part = 0.5 * (erf((apart + 0.5) * scale) - erf((apart - 0.5) * scale))
    return np.asarray(np.where(np.abs(apart) <= REACH * omega[..., 1] + 0.5, part, 0.0))


def _worth_it(footprints: Footprints, counts: Floats, weight: Image) -> Mask:
    """Of which spots (n) the matched filter should reach `LEAST_EXPECTED`, were the noise that of each pixel."""
    every, windows = np.arange(len(footprints)), windows_of(footprints, weight.shape)
    sums, square = np.zeros((len(every), 2)), np.zeros(len(every))
    matched_sums(every, *windows, weight, weight, sums)
    for n in every:
        frames = np.arange(footprints.box[n, 0], footprints.box[n, 1])
        square[n] = sums[n, 1] * (_parts(footprints.omega[n], frames) ** 2).sum()
    return np.asarray(counts * np.sqrt(square) >= LEAST_EXPECTED)


def lit_voxels(footprints: Footprints, spot: int, detector: tuple[int, ...]) -> AnyArray:
    """Where a spot has light: (n,3) int32 frame, row, col, down to half of its brightest voxel."""
    one = footprints.take(np.array([spot]))
    windows = windows_of(one, detector)
    top, bottom, left, right = windows.box[0]
    frames = np.arange(one.box[0, 0], one.box[0, 1])
    image = windows.footprint.reshape(bottom - top, right - left)
    light = _parts(one.omega[0], frames)[:, None, None] * image
    at = np.argwhere((light >= HALF * light.max(initial=0.0)) & (light > 0))
    return np.asarray(at + np.array([frames[0], top, left]), dtype=np.int32)


class _Sums:
    """The sums of all filters over all frames of their courses, one frame after the other, in any order.

    `spots` (n) are the rows of the footprints that are looked for, `counts` (s) what each footprint has.
    """

    def __init__(
        self,
        inputs: SharedInputs,
        footprints: Footprints,
        counts: Floats,
        spots: Indices,
        course: Course,
        weight: Image,
    ) -> None:
        self.footprints, self.counts, self.spots, self.course = footprints, counts, spots, course
        self.windows = windows_of(footprints, weight.shape)
        self.weight, self.turn, self.frames = weight, inputs.blobs_by_frame.turn, inputs.blobs.shape[0]
        self.sums = np.zeros((int(course.pointer[-1]), 2), dtype=np.float32)
        sizes = np.diff(self.windows.pointer)[spots]
        self.pointer = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self.light, self.seen = (np.zeros(self.pointer[-1], dtype=np.float32) for _ in range(2))
        self.lit = _LitVoxels(inputs)
        self.gaps = inputs.blobs.gaps
        self.every = footprints.box[:, :2]

    def wanted(self) -> Mask:
        """Frames that some filter needs, which were recorded."""
        wanted = np.zeros(self.frames, dtype=bool)
        for first, length in zip(self.course.first.tolist(), self.course.length.tolist(), strict=True):
            wanted[np.arange(first, first + length) % self.frames] = True
        for start, stop in self.gaps:
            wanted[start:stop] = False
        return wanted

    def _among(self, frame: int, first: AnyArray, length: AnyArray) -> tuple[Indices, Indices]:
        """Which of courses (first frame, length) a frame is in, and the how-manieth of each it is."""
        at = frame - first
        if self.turn:
            at = at % self.turn
        inside = np.flatnonzero((at >= 0) & (at < length))
        return inside, at[inside]

    def add(self, block: CleanBlock, n: int) -> "LeftOver":
        """What one frame says, and what is left of it; frames may be added by several threads at a time."""
        windows, course, number, clean = self.windows, self.course, block.start + n, block.frames[n]
        known = np.isfinite(clean)
        frame = np.where(known, clean, np.float32(0)).astype(np.float32)
        weight = np.where(known, self.weight, np.float32(0))
        self.lit.hide(number, weight)
        there, at = self._among(number, self.every[:, 0], self.every[:, 1] - self.every[:, 0])
        part = _parts(self.footprints.omega[there], self.every[there, 0] + at)
        take_light(there, self.counts[there] * part, *windows, frame)
        looked, at = self._among(number, course.first, course.length)
        sums, spots = np.zeros((len(looked), 2)), self.spots[looked]
        matched_sums(spots, *windows, frame, weight, sums)
        own = _parts(self.footprints.omega[spots], course.first[looked] + at)
        # its own light was taken with that of the others
        sums[:, 0] += own * self.counts[spots] * sums[:, 1]
        self.sums[course.pointer[looked] + at] = sums
        mine = own > IN_FRAME
        return LeftOver(looked[mine], own[mine], frame, weight)

    def collect(self, left: "LeftOver") -> None:
        """Sum the windows of the spots that are in a frame: in the order of frames, so that sums are the same."""
        spots = self.spots[left.looked]
        add_windows(
            spots, left.part * self.counts[spots], left.part, *self.windows, left.frame, left.weight,
            self.pointer[left.looked], self.light, self.seen,
        )  # fmt: skip

    def judged(self) -> FaintSpots:
        """What the sums say; spots by their numbers among those looked for."""
        n = len(self.spots)
        match, square, voxels = np.full(n, np.nan), np.zeros(n), np.zeros(n)
        moved, full = np.full((n, 2 * len(MOVES)), np.nan), np.zeros((n, 2))
        matched_sums(self.spots, *self.windows, self.weight, self.weight, full)
        for k in range(n):
            lasts, at = int(self.course.lasts[k]), int(self.course.begin[k] - self.course.first[k])
            omega = _parts(self.footprints.omega[self.spots[k]], self.course.begin[k] + np.arange(lasts))
            score, power = self._along(k, omega, float(full[k, 1]))
            if not 0 <= at < len(score):
                continue
            match[k], square[k] = score[at], power[at]
            footprint = self.windows.footprint[slice(*self.windows.pointer[self.spots[k] : self.spots[k] + 2])]
            voxels[k] = footprint.sum() ** 2 / (footprint**2).sum() * omega.sum() ** 2 / (omega**2).sum()
            for m, move in enumerate((*(-m for m in MOVES), *MOVES)):
                if 0 <= at + move * lasts < len(score):
                    moved[k, m] = score[at + move * lasts]
        counts = np.where(square > 0, match / np.sqrt(np.maximum(square, 1e-30)), 0.0)
        expected = self.counts[self.spots] * np.sqrt(square)
        significance, null = _in_units_of_null(match, moved, expected, voxels)
        by_chance = chance_among_finds(significance, null)
        return FaintSpots(
            np.arange(n), significance, by_chance, by_chance <= FALSE_FINDS, counts, self.windows.box[self.spots],
            self.pointer, self.light, self.seen, null,
        )  # fmt: skip

    def _along(self, k: int, omega: Floats, full: float) -> tuple[Floats, Floats]:
        """The filter of spot k, whose frames have parts `omega` of its light, from every frame of its course on: in
        standard deviations of the pixels' noise, nan where too much is hidden; and its power."""
        sums = self.sums[self.course.pointer[k] : self.course.pointer[k + 1]].astype(np.float64)
        if len(sums) < len(omega) or not len(omega):
            return np.zeros(0), np.zeros(0)
        match = np.correlate(sums[:, 0], omega, "valid")
        power = np.correlate(sums[:, 1], omega**2, "valid")
        known = power > LEAST_KNOWN * full * float((omega**2).sum())
        return np.where(known, match / np.sqrt(np.maximum(power, 1e-30)), np.nan), power


class LeftOver(NamedTuple):
    """What predicted light leaves of a `frame`, with the `weight` of its pixels [row,col]; spots `looked` (n) for
    have `part` (n) of their light there."""

    looked: Indices
    part: Floats
    frame: Image
    weight: Image


def _in_units_of_null(match: Floats, moved: Floats, expected: Floats, voxels: Floats) -> tuple[Floats, Floats]:
    """Filters (n) and moved ones (n,m) in standard deviations of those of about as many voxels (n); the moved ones
    that are known, flat. Without the filters that are `expected` (n) to be too weak in these units."""
    significance, null = np.full(len(match), np.nan), []
    for rows in np.array_split(np.argsort(voxels, kind="stable"), STRATA):
        known = moved[rows][np.isfinite(moved[rows])]
        if not len(known):
            continue
        middle = float(np.median(known))
        width = max(NORMAL * float(np.median(np.abs(known - middle))), 1e-12)
        asked = rows[expected[rows] >= LEAST_EXPECTED * width]
        known = moved[asked][np.isfinite(moved[asked])]
        significance[asked] = (match[asked] - middle) / width
        null.append((known - middle) / width)
    return significance, np.concatenate([np.zeros(0), *null])


def chance_among_finds(significance: Floats, null: Floats) -> Floats:
    """Of all that are at least as significant (n) as each, the part that is by chance; 1 where nobody can say.

    As many are by chance as of the null, of which there are more.
    """
    out, known = np.ones(len(significance)), np.flatnonzero(np.isfinite(significance))
    if len(null) < LEAST_NULL or not len(known):
        return out
    order = known[np.argsort(-significance[known], kind="stable")]
    beyond = len(null) - np.searchsorted(np.sort(null), significance[order], side="left")
    part = (beyond + 1) / len(null) * len(known) / np.arange(1, len(known) + 1)
    out[order] = np.minimum(np.minimum.accumulate(part[::-1])[::-1], 1.0)
    return out


class _LitVoxels:
    """Voxels of blobs that are light of some grain for sure, frame by frame."""

    def __init__(self, inputs: SharedInputs) -> None:
        by_frame, blobs = inputs.blobs_by_frame, inputs.blobs
        sure = ~np.isin(blobs.reason, NOISE)
        mine = np.repeat(sure, np.diff(by_frame.pointer))
        frame, row, col = (values[mine] for values in by_frame.voxels)
        order = np.argsort(frame, kind="stable")
        self._row, self._col = row[order], col[order]
        self._pointer = np.searchsorted(frame[order], np.arange(blobs.shape[0] + 1))

    def hide(self, frame: int, weight: Image) -> None:
        """Nothing is known of what else is there."""
        part = slice(self._pointer[frame], self._pointer[frame + 1])
        weight[self._row[part], self._col[part]] = 0.0
