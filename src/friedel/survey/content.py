"""What is in a scan, from a few bursts of frames: how many blobs, and how large they are."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from friedel.errors import NoiseError, ScanError
from friedel.model.arrays import Image, Mask
from friedel.model.baseline import Baseline
from friedel.model.blobs import BlobTable
from friedel.model.scan import Scan
from friedel.model.stream import Executor
from friedel.preprocess.frame_cleaner import FrameCleaner
from friedel.preprocess.probe_frames import median_background
from friedel.recipe import Recipe
from friedel.segment.double_threshold import segment

BURSTS, BURST = 4, 24
"""So many times so many frames that follow each other: blobs are seen from their first frame to their last."""
MOST_PIXELS = 4e8
"""Of all bursts together: large frames are looked at in shorter bursts."""
SHORTEST = 8


@dataclass(frozen=True, slots=True)
class Content:
    """How many blobs a run will find and how many voxels are in them all, the edge (px) of a typical one, and the
    seconds a frame that finding them takes. All are 0 where none are seen."""

    blobs: float = 0.0
    voxels: float = 0.0
    edge_px: float = 0.0
    find_s: float = 0.0


def measure_content(
    scan: Scan,
    recipe: Recipe,
    baseline: Baseline,
    executor: Executor,
    *,
    exclude: Mask | None = None,
    noise: Image | None = None,
) -> Content:
    """Segment the bursts as a run would, but for the background, which is the median of the probe frames.

    `exclude` and `noise` are as `segment` takes them. A blob counts for half where one of its ends is seen. Nothing
    is found in frames that a run would refuse.
    """
    bursts = list(_bursts(scan))
    try:
        cleaner = FrameCleaner.of(scan, recipe.preprocess, baseline)
        if recipe.preprocess.background != "none":
            probes = list(executor.map(cleaner.raw, baseline.probe_frames))
            cleaner = cleaner.subtracting(median_background(cleaner, probes, executor))
        found = [_blobs(cleaner, recipe, burst, executor, exclude, noise) for burst in bursts]
    except (NoiseError, ScanError):
        return Content()
    tables = [table for table, _ in found]
    finding = [seconds for _, seconds in found]
    seen = list(zip(tables, bursts, strict=True))
    ends = sum(float(np.count_nonzero(table["frame_start"] > 0)) for table in tables)
    ends += sum(float(np.count_nonzero(table["frame_stop"] < len(burst))) for table, burst in seen)
    steps = sum(len(burst) - 1 for burst in bursts)
    if not ends or not steps:
        return Content()
    edge = np.concatenate(
        [np.hypot(t["row_stop"] - t["row_start"], t["col_stop"] - t["col_start"]) for t in tables]
    )
    blobs = 0.5 * ends / steps * len(scan.present)
    voxels = sum(float(np.sum(table["Number_of_pixels"])) for table in tables) / sum(map(len, bursts))
    return Content(blobs, voxels * len(scan.present), float(np.median(edge)) / 2**0.5, float(np.median(finding)))


def _bursts(scan: Scan) -> Iterator[range]:
    """Frames that follow each other, evenly spread over the scan."""
    frames, rows, cols = scan.shape
    length = int(np.clip(MOST_PIXELS / BURSTS / (rows * cols), SHORTEST, BURST))
    length = min(length, frames)
    count = min(BURSTS, frames // length)
    missing = np.ones(frames, dtype=bool)
    missing[scan.present] = False
    for middle in (np.arange(count) + 0.5) / count * frames:
        first = int(np.clip(middle - length / 2, 0, frames - length))
        if not missing[first : first + length].any():
            yield range(first, first + length)


def _blobs(
    cleaner: FrameCleaner,
    recipe: Recipe,
    burst: range,
    executor: Executor,
    exclude: Mask | None,
    noise: Image | None,
) -> tuple[BlobTable, float]:
    """Of one burst, as if the scan began and ended with it, and the seconds for each of its frames."""
    scan = cleaner.scan
    blocks = [
        replace(block, start=block.start - burst.start)
        for block in cleaner.blocks(burst.start, burst.stop, executor)
    ]
    begin = time.perf_counter()
    table = segment(
        blocks, (len(burst), *scan.shape[1:]), recipe.segment,
        baseline=cleaner.baseline, exclude=exclude, mask=scan.mask,
        omega_start_deg=0.0, omega_step_deg=scan.omega_step_deg, wrap=False, noise_image=noise, executor=executor,
    )  # fmt: skip
    return table, (time.perf_counter() - begin) / len(burst)
