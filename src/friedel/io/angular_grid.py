"""From an array of angles to the places of frames on a regular grid of them: frames lost, or in another order."""

from dataclasses import dataclass

import numpy as np

from friedel.errors import ScanError
from friedel.io.angles import TOLERANCE, Angles, Steps, fitted, numbers, regular, steps_of, unwrapped
from friedel.model.arrays import Floats, Indices
from friedel.model.scan import as_ranges, gaps_in

_FEW = 0.1
"""Wrong angles are few; where more than this part of them are off the line, the frames lie in another order."""
_MOST_SLOTS = 20
"""A scan with more places for each frame is not one with frames lost."""
_MOST_REORDERED = 1.5
"""With more places for each frame, frames in another order are a golden-angle scan, which is nearly a fine grid."""
_LARGEST_STEP_DEG = 20.0
"""Larger steps, over more than one turn, are not the way from one exposure to the next."""
_BOTH_WAYS = (
    "the stage turned both ways between frames: where it turned back, an exposure lies before the angle at which "
    'it starts; set scan.omega.at = "centre" if the angles are those of centres'
)
_MOSTLY = 0.8
"""A stage of which more than this part of the moves between frames go backwards turns backwards."""


@dataclass(frozen=True, slots=True, eq=False)
class AngularGrid:
    """Regular angles, some of which have no frame: stored frame i lies at place `slot[i]`, counted from 0.

    The first and the last place have a frame. `note` says what is unusual and `doubt` what may be wrong, empty
    where nothing is.
    """

    steps: Steps
    slot: Indices
    note: str = ""
    doubt: str = ""

    @classmethod
    def whole(cls, steps: Steps, frames: int) -> "AngularGrid":
        """One frame at every place, in the order in which they are stored."""
        return cls(steps, np.arange(frames, dtype=np.int64))

    @property
    def size(self) -> int:
        """Number of places."""
        return int(self.slot.max()) + 1

    @property
    def index(self) -> Indices:
        """The stored frame at each place, -1 where there is none."""
        index = np.full(self.size, -1, np.int64)
        index[self.slot] = np.arange(len(self.slot))
        return index

    def kept(self, frames: Indices) -> "AngularGrid":
        """Of just these stored frames, from the first of their places to the last."""
        slot = self.slot[frames]
        first = int(slot.min())
        start = self.steps.start_deg + first * self.steps.step_deg
        return AngularGrid(self.steps._replace(start_deg=round(start, 9)), slot - first, self.note, self.doubt)


def angular_grid(angles: Angles, frames: int, at: str | None = None) -> AngularGrid:
    """The grid that the angles (degrees) of `frames` stored frames lie on; `at` overrules what the file says.

    Frames may be missing between others (the places are empty), and may be stored in another order than that of
    their angles (interlaced scans). Raises `ScanError` that names the frame, or says what the steps are.
    """
    try:
        steps = regular(angles, frames, at)
    except ScanError as error:
        return _uneven(angles, unwrapped(angles, frames), at, error)
    one_turn = (frames - 1.5) * abs(steps.step_deg) < 360.0
    found = None if one_turn else _reordered(angles, frames, at)
    if found is not None and found.size == frames:  # turns that interlace: together they are one
        return found
    if one_turn or abs(steps.step_deg) < _LARGEST_STEP_DEG:
        return AngularGrid.whole(steps, frames)
    if found is None:
        raise _irregular(angles, frames)
    return found


def _uneven(angles: Angles, values: Floats, at: str | None, error: ScanError) -> AngularGrid:
    """The grid of angles that do not follow each other step by step; `error` says where they do not."""
    frames = len(values)
    slot = _slots(values)
    if not np.ptp(values):
        raise error
    if slot is not None and slot[-1] < frames:  # one way, no place empty: the angles jitter, unless turns interlace
        found = _reordered(angles, frames, at) if abs(values[-1] - values[0]) > 360.0 else None
        if found is None:
            raise error
        return found
    one_way = slot is not None and not _lone_end(slot)
    if slot is not None and one_way and _fits(values, slot):
        return AngularGrid(steps_of(*fitted(values, slot), at or angles.at), slot)
    wrong = _wrong_ones(values)
    if len(wrong):
        raise _wrong(angles, values, wrong)
    found = _reordered(angles, frames, at)
    if found is None:
        raise _off_the_grid(angles, values, slot) if slot is not None and one_way else _irregular(angles, frames)
    return found


def _slots(values: Floats) -> Indices | None:
    """Places of angles that go one way: each a whole number of steps (the usual one) behind the one before."""
    steps = np.diff(values)
    step = float(np.median(steps))
    if step == 0:
        return None
    whole = np.rint(steps / step)
    if whole.min() < 1 or whole.sum() > _MOST_SLOTS * len(values):
        return None
    return np.concatenate([[0], np.cumsum(whole)]).astype(np.int64)


def _lone_end(slot: Indices) -> bool:
    """Whether all that is missing lies beside the first or the last frame: then that one's angle may be wrong."""
    missing = np.diff(slot) - 1
    return bool(max(missing[0], missing[-1]) > max(1, len(slot) // 10))


def _fits(values: Floats, slot: Indices) -> bool:
    start, step = fitted(values, slot)
    return bool((np.abs(values - start - step * slot) <= TOLERANCE * abs(step)).all())


def _wrong_ones(values: Floats) -> Indices:
    """Frames, few and alone, whose angles are wrong: without them, all others are on a grid. None where not so."""
    steps = np.diff(values)
    step = float(np.median(steps))
    whole = steps / (step or 1.0)
    odd = (
        (whole < 1 - TOLERANCE)
        | (np.abs(whole - np.rint(whole)) > 2 * TOLERANCE)
        | (whole > _FEW * len(values) + 1)
    )
    wrong = np.concatenate([[True], odd]) & np.concatenate([odd, [True]])
    kept = values[~wrong]
    if not wrong.any() or np.count_nonzero(wrong) > max(1, _FEW * len(values)) or len(kept) < 2:
        return np.empty(0, np.int64)
    slot = _slots(kept)
    return np.flatnonzero(wrong) if slot is not None and _fits(kept, slot) else np.empty(0, np.int64)


def _wrong(angles: Angles, values: Floats, wrong: Indices) -> ScanError:
    first = int(wrong[0])
    neighbour = values[first - 1] if first else values[1]
    return ScanError(
        f"angle of frame {angles.frame(first)} in {angles.where}",
        rule=f"must be a step of {float(np.median(np.diff(values))):.6g}° from its neighbour's {neighbour:.6g}°",
        got=f"{values[first]:.6g}°",
        way_out=f"leave such frames out: scan.skip = {as_ranges(angles.frame(one) for one in wrong)}",
    )


def _off_the_grid(angles: Angles, values: Floats, slot: Indices) -> ScanError:
    start, step = fitted(values, slot)
    first = int(np.argmax(np.abs(values - start - step * slot) > TOLERANCE * abs(step)))
    frame = angles.frame(first)
    return ScanError(
        f"angle of frame {frame} in {angles.where}",
        rule=f"must be a whole number of steps of {step:.6g}° from {start:.6g}°, within {TOLERANCE:.0%} of one",
        got=f"{values[first]:.6g}°",
        way_out=f"leave that frame out (scan.skip = [{frame}]); or use the part before it (scan.last = "
        f"{frame - 1}) or from it on (scan.first = {frame})",
    )


def _reordered(angles: Angles, frames: int, at: str | None) -> AngularGrid | None:
    """Frames in the order of their angles, as they are or within one turn; None where these are not regular."""
    values = numbers(angles, frames)
    backwards = np.mean(np.diff(np.unwrap(values, period=360.0)) < 0)
    sense = -1.0 if backwards > _MOSTLY else 1.0
    turned = sense * _in_one_turn(sense * values)
    candidates = (values, turned) if np.ptp(values) < 360.0 else (turned,)
    for here in candidates:
        order = np.argsort(sense * here, kind="stable")
        slot = _slots(here[order])
        if slot is None or slot[-1] >= _MOST_REORDERED * frames:
            continue
        if not _lone_end(slot) and _fits(here[order], slot):
            place = np.empty(frames, np.int64)
            place[order] = slot
            note = "frames are stored in another order than that of their angles: they are taken by their angles"
            steps = steps_of(*fitted(here[order], slot), at or angles.at)
            return AngularGrid(steps, place, note, _BOTH_WAYS if _both_ways(values) else "")
    return None


def _both_ways(values: Floats) -> bool:
    """Whether runs of frames, in steps of one size, go one way and others the other."""
    steps = np.diff(values)
    usual = float(np.median(np.abs(steps)))
    alike = np.abs(np.abs(steps) - usual) < TOLERANCE * usual
    return bool(min(np.mean(alike & (steps > 0)), np.mean(alike & (steps < 0))) > _FEW)


def _in_one_turn(values: Floats) -> Floats:
    """Angles within 360°, from the far side of the largest gap between them; among equal ones, from frame 0 on."""
    turned = np.mod(values - values[0], 360.0)
    ordered = np.sort(turned)
    before = np.diff(np.concatenate([[ordered[-1] - 360.0], ordered]))
    first = ordered[np.argmax(before > (1 - TOLERANCE) * before.max())]
    return np.asarray(values[0] + np.where(turned < first, turned + 360.0, turned))


def _irregular(angles: Angles, frames: int) -> ScanError:
    values = numbers(angles, frames)
    order = np.argsort(_in_one_turn(values), kind="stable")
    steps = np.diff(_in_one_turn(values)[order])
    again = np.flatnonzero(steps < 1e-6 * max(float(np.median(steps)), 1e-9))
    if len(again):
        pairs = np.sort([order[again], order[again + 1]], axis=0)
        one, other = (angles.frame(number) for number in pairs[:, int(np.argmin(pairs[1]))])
        return ScanError(
            f"angles in {angles.where}",
            rule="no two frames may lie at one angle",
            got=f"frames {one} and {other} at {values[pairs[0, int(np.argmin(pairs[1]))]]:.6g}°, {len(again)} so",
            way_out=f"leave some out: scan.skip = {as_ranges(angles.frame(number) for number in pairs[1])}",
        )
    return ScanError(
        f"angles in {angles.where}",
        rule="must follow each other, in the order of their size, in steps of one size (some may be missing)",
        got=f"steps of {steps.min():.4g}° to {steps.max():.4g}°",
        way_out="use a part of the scan that does (scan.first, scan.last, scan.skip); frames at uneven steps (a "
        "golden-angle scan) cut each spot differently, and cannot be used",
    )


def told_losses(index: Indices) -> tuple[str, ...]:
    """Where frames are missing, e.g. "3 frames missing after frame 79"; at most four places are named.

    `index` [place] is the frame there, -1 for none. Frames are numbered by their places.
    """
    gaps = gaps_in(index >= 0)
    told = [
        f"{stop - start} frame{'s' * (stop - start > 1)} missing after frame {start - 1}" for start, stop in gaps
    ]
    more = sum(stop - start for start, stop in gaps[4:])
    return (*told[:4], *([f"{more} more frames missing in {len(gaps) - 4} other places"] if more else []))
