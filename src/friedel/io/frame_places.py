"""How the frames of a scan lie in its rotation, by the recipe's word or the files'."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from friedel.errors import ScanError
from friedel.io.angles import Angles, Steps, in_degrees
from friedel.io.angular_grid import AngularGrid, angular_grid, told_losses
from friedel.io.images import read_angles
from friedel.io.scan_params import OmegaParams, ScanParams
from friedel.io.stored_scan import StoredScan
from friedel.model.arrays import Indices
from friedel.model.scan import HALF_TURN_DEG

_NEAR_STEPS = 1.5
"""A scan that is so near to what it should turn by is fine: some repeat the first frame, or lack one."""
_ALMOST = 0.1
"""A scan that is so near to half, full or more turns, relative to them, was meant to be one."""
_ROUND_DEG = 5.0
"""Others, which see a wedge, turn by multiples of this."""


@dataclass(frozen=True, slots=True, eq=False)
class FramePlaces:
    """Places of the frames `kept` (of `stored` ones) on a grid of angles; `where` these were read, and `notes`."""

    grid: AngularGrid
    kept: Indices
    stored: int
    where: str = ""
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    def stored_frames(self, count: int) -> Indices | None:
        """The stored frame at each place, -1 for none; None where that is all `count` of them in their order."""
        index = self.grid.index
        stored = np.where(index >= 0, self.kept[index], -1)
        return None if np.array_equal(stored, np.arange(count)) else stored

    def warnings(self, frames: int) -> tuple[str, ...]:
        """What is odd about the angles."""
        if len(self.kept) < self.stored:  # whoever takes a part knows that it is no whole turn
            return self.doubts
        return (*self.doubts, *_unusual_turn(frames, self.grid.steps.step_deg))


def kept_frames(params: ScanParams, frames: int) -> Indices:
    """The stored frames that `first`, `last` and `skip` leave. Raises `ScanError` where they name none."""
    ranges = params.skipped_ranges
    named = [("first", params.first), ("last", params.last or 0), *(("skip", stop - 1) for _, stop in ranges)]
    for name, number in named:
        if number >= frames:
            raise ScanError(
                f"scan.{name}", rule=f"must name one of the {frames} frames, 0 to {frames - 1}", got=number
            )
    keep = np.ones(frames, np.bool_)
    keep[: params.first] = False
    keep[frames if params.last is None else params.last + 1 :] = False
    for start, stop in ranges:
        keep[start:stop] = False
    return np.flatnonzero(keep)


def rotation_of(
    found: StoredScan, omega: OmegaParams | None, frames: int, kept: Indices, base: Path
) -> FramePlaces:
    """Where each of the `kept` of `frames` stored frames lies, from what the recipe says of omega, else the files.

    Raises `ScanError` where nobody tells, or where the angles make no regular steps.
    """
    omega = omega or OmegaParams()
    if omega.step_deg is not None:
        steps = Steps(omega.start_deg or 0.0, omega.step_deg)
        if found.places is None or len(found.places) != frames:
            grid = AngularGrid.whole(steps, frames).kept(kept)
            return FramePlaces(grid, kept, frames, doubts=_contradiction(grid, found, frames, kept, base))
        grid = AngularGrid(steps, found.places)
        lost = [f"{text}, by the numbers of the files" for text in told_losses(grid.index)]
        return FramePlaces(grid.kept(kept), kept, frames, doubts=tuple(lost))
    rotation = _from_angles(found, omega, frames, kept, base)
    if omega.start_deg is None:
        return rotation
    start = omega.start_deg + int(kept[0]) * rotation.grid.steps.step_deg
    grid = replace(rotation.grid, steps=rotation.grid.steps._replace(start_deg=round(start, 9)))
    return replace(rotation, grid=grid)


def _contradiction(grid: AngularGrid, found: StoredScan, frames: int, kept: Indices, base: Path) -> tuple[str, ...]:
    """Where the recipe's steps leave the angles that the files tell by more than half a step."""
    try:
        told = _from_angles(found, OmegaParams(), frames, kept, base)
    except ScanError:
        return ()
    theirs = told.grid.steps.start_deg + told.grid.slot * told.grid.steps.step_deg
    ours = grid.steps.start_deg + grid.slot * grid.steps.step_deg
    off = theirs - theirs[0] - (ours - ours[0])
    if np.abs(off).max() <= 0.5 * abs(grid.steps.step_deg):
        return ()
    first = int(np.argmax(np.abs(off) > 0.5 * abs(grid.steps.step_deg)))
    why = "; ".join((*told.doubts, *told.notes)) or f"steps of {told.grid.steps.step_deg:g}°"
    return (
        f"scan.omega gives steps of {grid.steps.step_deg:g}°, but from frame {int(kept[first])} on the angles in "
        f"{told.where or found.name} are others ({why}): without scan.omega they are used",
    )


def _from_angles(found: StoredScan, omega: OmegaParams, frames: int, kept: Indices, base: Path) -> FramePlaces:
    """From the array that the recipe names, or from the files."""
    angles: Angles | Steps | None = found.angles
    if omega.path is not None:
        angles = read_angles(omega.path, base)
    if angles is None:
        raise ScanError(
            found.name,
            rule="tells no angles",
            way_out="give scan.omega = { start_deg = ..., step_deg = ... } or { path = 'file::/path' }",
        )
    if isinstance(angles, Steps):
        return FramePlaces(AngularGrid.whole(angles, frames).kept(kept), kept, frames)
    angles, note, doubt = in_degrees(_of_frames(angles, found, frames), omega.unit)
    images = found.frames.shape[0]
    if frames > images and len(angles.values) == images:
        grid = _of_grid_images(angular_grid(angles, images, omega.at), frames // images).kept(kept)
    else:
        chosen = angles.values[kept] if len(angles.values) == frames else angles.values
        grid = angular_grid(angles._replace(values=chosen, frames=kept), len(kept), omega.at)
    lost = told_losses(grid.index)
    asked_for = int(kept[-1] - kept[0]) + 1 - len(kept)
    notes, doubts = [note, grid.note], [doubt, grid.doubt]
    (notes if np.count_nonzero(grid.index < 0) <= asked_for else doubts).extend(lost)
    return FramePlaces(grid, kept, frames, angles.where, tuple(filter(None, notes)), tuple(filter(None, doubts)))


def _of_frames(angles: Angles, found: StoredScan, frames: int) -> Angles:
    """Without the angles of darks and flats, where the array has one for every image of the stack."""
    if found.chosen is None or len(angles.values) != found.images or found.images == frames:
        return angles
    return angles._replace(values=angles.values[found.chosen])


def _of_grid_images(grid: AngularGrid, each: int) -> AngularGrid:
    """Of single frames, where one angle an image stands for several frames."""
    slot = (grid.slot[:, None] * each + np.arange(each)).ravel()
    return replace(grid, steps=grid.steps._replace(step_deg=grid.steps.step_deg / each), slot=slot)


def _unusual_turn(frames: int, step_deg: float) -> Iterator[str]:
    turn = frames * abs(step_deg)
    whole = HALF_TURN_DEG * max(round(turn / HALF_TURN_DEG), 1)
    meant = whole if abs(turn - whole) < _ALMOST * whole else _ROUND_DEG * max(round(turn / _ROUND_DEG), 1)
    if abs(turn - meant) > _NEAR_STEPS * abs(step_deg):
        yield (
            f"{frames} frames of {abs(step_deg):.6g}° turn by {turn:.6g}°, which is no usual scan (half a turn, a "
            f"full one, or a wedge of round degrees): are all of them frames, and is the step right?"
        )
