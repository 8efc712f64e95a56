"""Blobs of a solution looked at closely: columns, neighbours, Friedel partner and grain, frames around them."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from friedel.errors import InputError
from friedel.explorer.solution import Solution
from friedel.model.arrays import AnyArray, Frames, Image, Indices
from friedel.model.blobs import COLUMN, BlobTable, Reason
from friedel.model.grains import GrainTable
from friedel.model.pairs import PairTable
from friedel.model.traceability import grains_of_blob
from friedel.segment import BlobRuns

NEAR_PX, NEAR_FRAMES = 3, 1
"""Blobs whose boxes come so near are neighbours."""
MOST_NEIGHBOURS = 24
MOST_FRAMES = 24
MARGIN_PX = 4
MOST_CROP = 400
"""Rows and columns of a film: what is larger is shown around its peak."""
MOST_RUNS = 5000
"""Runs of a blob that are listed with its frames."""


def table_of(
    blobs: BlobTable, names: list[str] | None = None, noise: Image | None = None
) -> tuple[AnyArray, list[str]]:
    """Columns (default: all, and the code of the reason) as float32 [column, row], and their names.

    "peak_level" is the maximum as thresholds are compared with it: in units of `noise` [row, col] at its pixel, in
    counts where that is None. Raises `InputError` for a column that there is not.
    """
    names = [*COLUMN, "reason"] if names is None else names
    for name in names:
        if name not in COLUMN and name not in ("reason", "peak_level"):
            raise InputError("columns", rule=f"must be of {', '.join(COLUMN)}, reason, peak_level", got=name)
    own = {"reason": blobs.reason, **({"peak_level": _peak_level(blobs, noise)} if "peak_level" in names else {})}
    columns = [own[name] if name in own else blobs.columns[name] for name in names]
    return np.array(columns, dtype=np.float32).reshape(len(names), len(blobs.reason)), names


def _peak_level(blobs: BlobTable, noise: Image | None) -> AnyArray:
    peak = blobs.columns["IMax_int"]
    if noise is None:
        return peak
    return np.asarray(peak / noise[blobs.columns["IMax_s"].astype(int), blobs.columns["IMax_f"].astype(int)])


def relations(
    solution: Solution, row: int, found: BlobTable | None, pairs: PairTable | None, grains: GrainTable | None
) -> dict[str, Any]:
    """What a run, maybe with other parameters, knows of a blob: its row there (`spot`), its grains (`grain` is the
    first), and its partner (row of the solution).

    The run's blob is the one with the same brightest voxel.
    """
    nothing: dict[str, Any] = {"spot": None, "partner": None, "grain": None, "grains": []}
    blobs = solution.blobs
    if found is None or row >= len(blobs) or found.shape != blobs.shape:
        return nothing
    there = _with_peak(found, _peaks(blobs)[row])
    if there is None:
        return nothing
    mine = [] if grains is None else grains_of_blob(grains, there).tolist()
    partner = _partner(blobs, found, pairs, there)
    return {"spot": there, "partner": partner, "grain": next(iter(mine), None), "grains": mine}


def row_of_spot(solution: Solution, found: BlobTable | None, spot: int) -> int | None:
    """The blob of a solution with the same brightest voxel as a blob of a run; None where there is none."""
    if found is None or not 0 <= spot < len(found) or found.shape != solution.blobs.shape:
        return None
    return _with_peak(solution.blobs, _peaks(found)[spot])


def _partner(blobs: BlobTable, found: BlobTable, pairs: PairTable | None, row: int) -> int | None:
    if pairs is None:
        return None
    for one, other in (("blob_a", "blob_b"), ("blob_b", "blob_a")):
        for partner in pairs[other][pairs[one] == row].tolist():
            if partner < len(found):
                return _with_peak(blobs, _peaks(found)[partner])
    return None


def _peaks(blobs: BlobTable) -> Indices:
    """Frame, row and column of the brightest voxel of each kept blob."""
    frame = np.rint((blobs["IMax_o"] - blobs.omega_start_deg) / blobs.omega_step_deg - 0.5).astype(np.int64)
    return np.column_stack([frame % blobs.shape[0], blobs["IMax_s"], blobs["IMax_f"]]).astype(np.int64)


def _with_peak(blobs: BlobTable, peak: Indices) -> int | None:
    rows = np.flatnonzero((_peaks(blobs) == peak).all(axis=1))
    return int(rows[0]) if len(rows) else None


def neighbours(runs: BlobRuns, row: int) -> list[dict[str, Any]]:
    """Rows near a row, the nearest first: id, reason, voxels between (`gap_px`), and whether they touch."""
    box = {name: runs.columns[name] for name in ("row_start", "row_stop", "col_start", "col_stop")}
    near = np.ones(len(runs.reason), np.bool_)
    for axis in ("row", "col"):
        start, stop = box[f"{axis}_start"], box[f"{axis}_stop"]
        near &= (start < stop[row] + NEAR_PX) & (stop > start[row] - NEAR_PX)
    near &= _frames_near(runs, row)
    near[row] = False
    mine, found = runs_of(runs, row), []
    for other in np.flatnonzero(near)[: 4 * MOST_NEIGHBOURS].tolist():
        gap = _gap(mine, runs_of(runs, other), runs.shape[0] if runs.wrapped else 0)
        if gap <= NEAR_PX:
            reason = Reason(int(runs.reason[other])).text
            found.append({"id": other, "reason": reason, "gap_px": gap, "touches": gap == 0})
    return sorted(found, key=lambda one: (one["gap_px"], one["id"]))[:MOST_NEIGHBOURS]


def _frames_near(runs: BlobRuns, row: int) -> AnyArray:
    start, stop = runs.columns["frame_start"], runs.columns["frame_stop"]
    near = np.zeros(len(start), np.bool_)
    for turn in (-1, 0, 1) if runs.wrapped else (0,):
        shift = turn * runs.shape[0]
        near |= (start + shift < stop[row] + NEAR_FRAMES) & (stop + shift > start[row] - NEAR_FRAMES)
    return near


def runs_of(runs: BlobRuns, row: int) -> Indices:
    """The runs of one row, int64 [run, 4]: frame, row, first column, length."""
    s = runs.by_blob
    mine = slice(int(s.pointer[row]), int(s.pointer[row + 1]))
    return np.column_stack([s.frame[mine], s.row[mine], s.col[mine], s.length[mine]]).astype(np.int64)


def _gap(one: Indices, other: Indices, turn: int) -> int:
    """Voxels between two blobs on the shortest way, along axes or diagonally; 0 where they touch (or overlap)."""
    nearest = np.iinfo(np.int64).max
    for part in np.array_split(one, max(len(one) * len(other) // 1_000_000, 1)):
        a, b = part[:, None, :], other[None, :, :]
        frames = np.abs(a[..., 0] - b[..., 0])
        if turn:
            frames = np.minimum(frames, turn - frames)
        left = np.maximum(b[..., 2] - (a[..., 2] + a[..., 3] - 1), a[..., 2] - (b[..., 2] + b[..., 3] - 1))
        steps = np.maximum(np.maximum(frames, np.abs(a[..., 1] - b[..., 1])), left)
        nearest = min(nearest, int(steps.min(initial=nearest)))
    return max(nearest - 1, 0)


class Film(NamedTuple):
    """Clean frames [frame, row, col] around a blob: frame `start` + k * `step` (unwrapped), pixels from row0, col0.

    `runs` are the blob's, of these frames: frame of the scan, row, first column, length.
    """

    frames: Frames
    start: int
    step: int
    row0: int
    col0: int
    runs: list[list[int]]


def film(solution: Solution, row: int, clean: Callable[[int, int], Frames]) -> Film:
    """The frames of one blob and one before and after; of more than fit every second (third, ...).

    `clean(start, stop)` gives clean frames of the scan.
    """
    blobs = solution.blobs
    if not 0 <= row < len(blobs.reason):
        raise InputError("id", rule=f"must lie in 0..{len(blobs.reason) - 1}", got=row)
    columns = {name: int(blobs.columns[name][row]) for name in ("frame_start", "frame_stop", "IMax_s", "IMax_f")}
    count, rows, cols = blobs.shape
    start, stop = columns["frame_start"] - 1, columns["frame_stop"] + 1
    if not blobs.wrapped:
        start, stop = max(start, 0), min(stop, count)
    stop = min(stop, start + count)
    step = -(-(stop - start) // MOST_FRAMES)
    row0, row1 = _cut(blobs, "row", row, columns["IMax_s"], rows)
    col0, col1 = _cut(blobs, "col", row, columns["IMax_f"], cols)
    wanted = [frame % count for frame in range(start, stop, step)]
    stills = [part[:, row0:row1, col0:col1] for part in _in_stretches(wanted, clean)]
    runs = runs_of(solution.runs, row)
    runs = runs[np.isin(runs[:, 0], wanted)][:MOST_RUNS]
    return Film(np.concatenate(stills), start, step, row0, col0, runs.tolist())


def _cut(blobs: BlobTable, axis: str, row: int, peak: int, size: int) -> tuple[int, int]:
    """Rows or columns of a film."""
    first, last = int(blobs.columns[f"{axis}_start"][row]), int(blobs.columns[f"{axis}_stop"][row])
    first, last = max(first - MARGIN_PX, 0), min(last + MARGIN_PX, size)
    if last - first > MOST_CROP:
        first = min(max(peak - MOST_CROP // 2, first), last - MOST_CROP)
        last = first + MOST_CROP
    return first, last


def _in_stretches(frames: list[int], clean: Callable[[int, int], Frames]) -> list[Frames]:
    """Clean frames, those that follow each other asked for together."""
    cuts = [0, *(i for i in range(1, len(frames)) if frames[i] != frames[i - 1] + 1), len(frames)]
    return [clean(frames[a], frames[b - 1] + 1) for a, b in pairwise(cuts)]
