"""One pass over some frames of the scan, and what the pictures need from it."""

from dataclasses import dataclass

import numpy as np

from friedel.model.arrays import AnyArray, Floats, Frames, Image
from friedel.model.blobs import BlobTable, Flag
from friedel.reporter.frames import RunFrames
from friedel.reporter.inputs import ReportInputs

COURSE_FRAMES = 1500
SECTION_FRAMES = 100
GLOW_SIDE = 64
"""The glow is looked at on about this many rows and columns."""
BORDER = 14
"""Pixels shown around a blob."""


@dataclass(frozen=True, slots=True, eq=False)
class ExampleBlob:
    """The example blob and its surroundings; frames are numbered from `start`.

    `blob` is its row in the table, (`frame`, `row`, `col`) its brightest voxel. `course` [frame] is that pixel
    normalised, `course_background` what the moving median made of it. `glow_before`, `glow_after` [frame] are the
    mean of the middle half of the pixels outside the beam (spots do not move it) before and after normalisation,
    `glow_pixels` of them.
    `along_cols` [frame, col] and `along_rows` [frame, row] are clean sections through the brightest voxel, from
    frame `section_start` on.
    """

    blob: int
    frame: int
    row: int
    col: int
    start: int
    course: Floats
    course_background: Floats
    glow_before: Floats
    glow_after: Floats
    glow_pixels: int
    section_start: int
    along_cols: Image
    along_rows: Image


def choose_blob(inputs: ReportInputs, blobs: BlobTable) -> int:
    """A blob to show: nothing special about it, of the usual shape, with both thresholds visible at its height."""
    special = Flag.TOUCHES | Flag.EDGE | Flag.EXCLUDED | Flag.SCAN_END | Flag.FULL_TURN | Flag.SATURATED
    frames = blobs["frame_stop"] - blobs["frame_start"]
    box = frames * (blobs["row_stop"] - blobs["row_start"]) * (blobs["col_stop"] - blobs["col_start"])
    wanted = 4 * inputs.seed_threshold if inputs.seed_threshold else float(np.median(blobs["IMax_int"]))
    cost = _unlike(blobs["IMax_int"], wanted)
    cost += _unlike(blobs["Number_of_pixels"], np.median(blobs["Number_of_pixels"]))
    cost += _unlike(frames + 1, np.median(frames) + 2)
    cost += _unlike(blobs["Number_of_pixels"] / box, 0.55)  # about that of an ellipsoid: two in one fill less
    cost += np.where(blobs["flags"] & int(special), 10.0, 0.0)
    return int(np.argmin(cost))


def _unlike(values: AnyArray, wanted: float) -> Floats:
    return np.abs(np.log(np.maximum(values, 1e-9) / max(wanted, 1e-9)))


def example_from(inputs: ReportInputs, frames_of_run: RunFrames) -> ExampleBlob | None:
    """Read the frames around the example blob once; None without blobs."""
    blobs = inputs.blobs
    if blobs is None or not len(blobs):
        return None
    blob = choose_blob(inputs, blobs)
    frame, row, col = peak(blobs, blob)
    start, stop = frames_of_run.window(frame, COURSE_FRAMES)
    first, last = max(start, frame - SECTION_FRAMES // 2), min(stop, frame + SECTION_FRAMES // 2)
    cleaner, whole = frames_of_run.cleaner, slice(None)
    half = cleaner.params.despeckle // 2
    rows, cols = (slice(max(0, place - half), place + half + 1) for place in (row, col))
    pixel = slice(row, row + 1), slice(col, col + 1)
    outside = _outside_the_beam(inputs, frames_of_run)
    coarse = _coarse(frames_of_run.scan.shape)
    course: list[float] = []
    before: list[float] = []
    after: list[float] = []
    across: list[Image] = []
    down: list[Image] = []
    for raw in cleaner.read(start, stop):
        course.append(float(cleaner.normalised(raw, pixel)[0, 0]))
        level = np.asarray(raw.image[coarse], np.float32) - frames_of_run.scan.dark[coarse]
        before.append(_quiet_mean(level[outside]))
        after.append(_quiet_mean(cleaner.normalised(raw, coarse)[outside]))
        if first <= raw.number < last:
            across.append(frames_of_run.clean(raw, (rows, whole))[row - rows.start])
            down.append(frames_of_run.clean(raw, (whole, cols))[:, col - cols.start])
    return ExampleBlob(
        blob=blob, frame=frame, row=row, col=col, start=start,
        course=np.array(course), course_background=_background_course(frames_of_run, start, stop, row, col),
        glow_before=np.array(before), glow_after=np.array(after), glow_pixels=int(outside.sum()) // 2,
        section_start=first,
        along_cols=np.stack(across), along_rows=np.stack(down),
    )  # fmt: skip


def peak(blobs: BlobTable, blob: int) -> tuple[int, int, int]:
    """(frame, row, col) of a blob's brightest voxel, the first of them."""
    here = blobs.voxels.of(blob)
    at = here.start + int(np.argmax(blobs.voxels.intensity[here]))
    return int(blobs.voxels.frame[at]), int(blobs.voxels.row[at]), int(blobs.voxels.col[at])


def crops(
    frames_of_run: RunFrames, blobs: BlobTable, blob: int, most: int = 9
) -> tuple[list[int], Frames, tuple[int, int]]:
    """Clean surroundings of a blob on the frames around its peak: numbers, [frame, row, col], first (row, col)."""
    frame, _, _ = peak(blobs, blob)
    before = min(most // 2, max(1, frame - int(blobs["frame_start"][blob]) + 1))
    start = max(0, frame - before)
    stop = min(blobs.shape[0], max(int(blobs["frame_stop"][blob]) + 1, frame + 2), start + most)
    box = [
        (max(0, int(blobs[f"{axis}_start"][blob]) - BORDER), min(size, int(blobs[f"{axis}_stop"][blob]) + BORDER))
        for axis, size in (("row", blobs.shape[1]), ("col", blobs.shape[2]))
    ]
    rows, cols = (slice(*ends) for ends in box)
    clean = np.stack([frames_of_run.clean(raw, (rows, cols)) for raw in frames_of_run.cleaner.read(start, stop)])
    return list(range(start, stop)), clean, (box[0][0], box[1][0])


def _outside_the_beam(inputs: ReportInputs, frames_of_run: RunFrames) -> AnyArray:
    outside = ~frames_of_run.scan.mask
    if inputs.beam is not None:
        outside[inputs.beam.slices] = False
    return outside[_coarse(frames_of_run.scan.shape)]


def _quiet_mean(values: AnyArray) -> float:
    """Mean of the middle half: as deaf to spots as the median, but finer than a count."""
    quarter = values.size // 4
    return float(np.sort(values)[quarter : values.size - quarter].mean()) if values.size else 0.0


def _coarse(shape: tuple[int, int, int]) -> tuple[slice, slice]:
    stride = max(1, min(shape[1:]) // GLOW_SIDE)
    return slice(None, None, stride), slice(None, None, stride)


def _background_course(frames_of_run: RunFrames, start: int, stop: int, row: int, col: int) -> Floats:
    if frames_of_run.backgrounds is None:
        return np.zeros(stop - start)
    values = frames_of_run.backgrounds.course(row, col)
    return np.array(
        [values[frames_of_run.backgrounds.index_of(frame)] for frame in range(start, stop)], dtype=np.float64
    )
