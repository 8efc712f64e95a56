"""How values, sizes and intensities are distributed."""

from typing import Any, NamedTuple

import numpy as np

from friedel.explorer.resegmenter import Resegmenter
from friedel.model.arrays import AnyArray, Floats, Frames
from friedel.model.blobs import BlobTable
from friedel.preprocess.value_steps import between_values, spread_over_steps
from friedel.segment import SegmentParams
from friedel.segment.bright import FrameThreshold

PER_DECADE = 24
LOWEST = 0.25
"""The first edge of a histogram of values, in sigma."""
PROBE_VOXELS = 1_000_000
"""Values below the floor that are looked at: the others are like them."""


class Distribution(NamedTuple):
    """Counts between edges; there is one edge more than there are counts."""

    edges: Floats
    counts: Floats

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {"edges": self.edges.tolist(), "counts": self.counts.tolist()}


def sizes(blobs: BlobTable) -> Distribution:
    """Voxels of the kept blobs, in steps of the root of two."""
    return _by_logarithm(blobs["Number_of_pixels"], 1.0, 2.0**0.5)


def intensities(blobs: BlobTable) -> Distribution:
    """Summed intensities of the kept blobs, eight steps a decade."""
    return _by_logarithm(blobs["sum_intensity"], 1.0, 10.0**0.125)


def _by_logarithm(values: AnyArray, first: float, factor: float) -> Distribution:
    positive = np.asarray(values[values > 0], np.float64)
    if not len(positive):
        return Distribution(np.array([first, first * factor]), np.zeros(1))
    steps = np.floor(np.log([positive.min() / first, positive.max() / first]) / np.log(factor) + 1e-9).astype(int)
    edges = first * factor ** np.arange(steps[0], steps[1] + 2) * (1 - 1e-9)  # whole numbers lie above their edge
    return Distribution(edges, np.histogram(positive, edges)[0].astype(np.float64))


class Histogram(NamedTuple):
    """Voxels by value, and as many as noise alone would have: those as far below 0, mirrored."""

    edges: Floats
    counts: Floats
    noise: Floats


def histogram(
    resegmenter: Resegmenter, params: SegmentParams, frames: Frames, step: float | None = None
) -> Histogram:
    """Voxels by value in the unit of the thresholds.

    Above the floor of what was collected they are counted, below it they are like those of `frames`
    [frame, row, col], clean frames of the scan. The moving median makes noise symmetric about 0, and spots are only
    above: what lies below 0 shows the noise. Where clean values are multiples of `step` counts, edges lie between
    them; where each is over the noise of its pixel, those of the probe lie anywhere in their step.
    """
    in_counts = resegmenter.frame_threshold.noise is None
    bright, probe = (
        resegmenter.bright(),
        _probe_voxels(frames, resegmenter.frame_threshold, None if in_counts else step),
    )
    scale = resegmenter.voxels / max(len(probe), 1)
    top = max(float(bright.level.max(initial=0.0)), float(probe.max(initial=0.0)), 10 * resegmenter.sigma)
    edges = between_values(_edges(LOWEST * resegmenter.sigma, bright.floor, top), step if in_counts else None)
    low = edges[:-1] < bright.floor
    counts = np.histogram(probe, edges)[0] * scale
    counts[~low] = np.histogram(bright.level, edges)[0][~low]
    noise = np.histogram(-probe, edges)[0] * scale
    return Histogram(edges / resegmenter.unit(params), counts, noise)


def _edges(first: float, floor: float, top: float) -> Floats:
    """Even steps of the logarithm, one of the edges being the floor."""
    step = 10.0 ** (1.0 / PER_DECADE)
    below = floor / step ** np.arange(max(int(np.ceil(np.log(floor / first) / np.log(step))), 1), 0, -1)
    above = floor * step ** np.arange(0, int(np.ceil(np.log(max(top / floor, step)) / np.log(step))) + 1)
    return np.concatenate([below, above])


def _probe_voxels(frames: Frames, frame_threshold: FrameThreshold, step: float | None) -> AnyArray:
    """Levels at some voxels, evenly spread, left-out pixels and what is not a number aside; over their `step`."""
    inside = np.flatnonzero(~frame_threshold.left_out.ravel())
    flat = frames.reshape(len(frames), -1)
    stride = max(len(frames) * len(inside) // PROBE_VOXELS, 1)
    parts = []
    for k, frame in enumerate(flat):
        pixels = inside[k % stride :: stride]
        values = spread_over_steps(frame[pixels], step)
        parts.append(values if frame_threshold.noise is None else values / frame_threshold.noise.ravel()[pixels])
    found = np.concatenate(parts) if parts else np.empty(0, np.float32)
    return np.asarray(found[np.isfinite(found)])
