"""Where the direct beam is, and which part of it the sample never shadows."""

import numpy as np
from scipy import ndimage

from friedel.errors import InputError
from friedel.model.arrays import AnyArray, Floats, Image
from friedel.model.scan import Box, Scan
from friedel.preprocess.params import PreprocessParams
from friedel.preprocess.probe_frames import ProbeFrames

_LEVELS = (0.5, 0.35, 0.25)
_LEAST_EDGE = 4
_CONTRAST = 2.0
_LEAST_SIGMAS = 20.0
_UNSHADOWED = 0.97
_STEADY = 0.03
_INSET = 3
_NO_LIGHT = 1e-9
"""Counts above the dark that stand for none, so that shares of it exist."""
_OUTSIDE = 0.3
"""A margin below this part of the beam's edges is not in the beam."""
_MOSTLY_INSIDE = 0.8
"""A margin below this part of the level of what of it is inside lies beside the beam for the rest."""
_DIMMER, _DIMMER_AT_THE_EDGE = 0.93, 0.8
"""Below this part of the dimmer edge something is in between: without a sample, the middle is the brightest."""
_GOES_ON = 0.7
"""A beam that keeps this part of its level two pixels beyond the box has not ended there."""
_WIDEST = 0.12


def checked_box(name: str, values: tuple[int, int, int, int], shape: tuple[int, ...]) -> Box:
    """A box that lies in an image of `shape` (rows, cols). Raises `InputError` for another one."""
    box, (rows, cols) = Box(*values), shape
    if not box.inside(rows, cols):
        raise InputError(
            name,
            rule=f"a box [col0, row0, col1, row1] must not be empty and must lie in the image ({cols} × {rows})",
            got=list(values),
        )
    return box


def check_strips(width: int, beam: Box) -> None:
    """Raises `InputError` where two strips so wide do not fit into the beam."""
    if 2 * width > beam.col1 - beam.col0:
        raise InputError(
            "preprocess.margin",
            rule=f"two strips must fit into the beam box, {beam.col1 - beam.col0} px wide",
            got=width,
            way_out="give a smaller width, or boxes",
        )


def beam_box(scan: Scan, params: PreprocessParams, probe: ProbeFrames) -> Box | None:
    """The direct beam's box, as given or as found; None where there is none.

    Raises `InputError` for a box that does not lie in the image.
    """
    if params.beam == "none":
        return None
    if params.beam != "auto":
        return checked_box("preprocess.beam", params.beam, scan.shape[1:])
    return find_beam(probe.median, probe.noise)


def find_beam(image: Image, noise: float) -> Box | None:
    """A bright rectangle with sharp edges in `image` [row, col] above the dark; None if there is none.

    The sample may shadow its middle, and a glow may surround it: the box is where rows and columns reach part of
    the brightest level, accepted only if the level falls steeply across at least three of its edges.
    """
    if min(image.shape) < _LEAST_EDGE:
        return None
    smooth = ndimage.median_filter(np.nan_to_num(image), size=3, mode="nearest")
    floor = float(np.median(smooth))
    rank = min(max(smooth.size // 2000, 9), smooth.size)
    brightest = float(np.partition(smooth.ravel(), -rank)[-rank])
    if brightest - min(floor, 0.5 * brightest) < _LEAST_SIGMAS * noise or brightest <= 0:
        return None
    for level in _LEVELS:
        bright = smooth >= level * brightest
        rows, cols = _extent(bright.sum(axis=1)), _extent(bright.sum(axis=0))
        box = Box(cols[0], rows[0], cols[1], rows[1])
        if min(rows[1] - rows[0], cols[1] - cols[0]) >= _LEAST_EDGE and _has_edges(smooth, box):
            return box
    return None


def _extent(counts: AnyArray) -> tuple[int, int]:
    """From the first to the last row (or column) with a fair share of bright pixels."""
    hits = np.flatnonzero(counts >= max(0.3 * counts.max(), 1))
    return int(hits[0]), int(hits[-1]) + 1


def _has_edges(image: Image, box: Box) -> bool:
    """Whether the level falls to less than half across three edges; an edge of the image counts as one."""
    seen = [(within, beyond) for within, beyond in _across(image, box).values() if beyond.size]
    sharp = sum(_high(within) > _CONTRAST * max(_high(beyond), 0.0) for within, beyond in seen)
    return len(seen) >= 2 and sharp >= min(3, len(seen))


def _across(image: Image, box: Box) -> dict[str, tuple[Image, Image]]:
    """By edge of the box, a strip inside of it and one that begins two pixels outside; empty beyond the image."""
    rows, cols = image.shape
    inside = image[box.slices]
    depth = max(1, min(4, min(inside.shape) // 4))
    return {
        "top": (inside[:depth], image[max(box.row0 - 2 - depth, 0) : max(box.row0 - 2, 0), box.col0 : box.col1]),
        "bottom": (inside[-depth:], image[min(box.row1 + 2, rows) : box.row1 + 2 + depth, box.col0 : box.col1]),
        "left": (
            inside[:, :depth],
            image[box.row0 : box.row1, max(box.col0 - 2 - depth, 0) : max(box.col0 - 2, 0)],
        ),
        "right": (inside[:, -depth:], image[box.row0 : box.row1, min(box.col1 + 2, cols) : box.col1 + 2 + depth]),
    }


def _high(values: AnyArray) -> float:
    return float(np.percentile(values, 75))


def margin_boxes(
    scan: Scan, params: PreprocessParams, probe: ProbeFrames, beam: Box | None
) -> tuple[tuple[Box, ...], str]:
    """The margin, as given or as found, and a warning ("" if there is none).

    Raises `InputError` for a box that does not lie in the image, or strips wider than half the beam.
    """
    if isinstance(params.margin, tuple):
        boxes = tuple(checked_box("preprocess.margin", box, scan.shape[1:]) for box in params.margin)
        return boxes, _shadow_warning(scan, probe, boxes) or _margin_warning(scan, probe, boxes, beam)
    if beam is None:
        return (), ""
    if params.margin == "auto":
        return _find_margins(scan, probe, beam)
    check_strips(params.margin, beam)
    boxes = _strips(beam, 0, params.margin, params.margin)
    return boxes, _shadow_warning(scan, probe, boxes) or _margin_warning(scan, probe, boxes, beam)


def _find_margins(scan: Scan, probe: ProbeFrames, beam: Box) -> tuple[tuple[Box, ...], str]:
    """Columns from either edge of the beam inwards that keep their level over the rotation."""
    width = beam.col1 - beam.col0
    inset = min(_INSET, width // 8)
    columns = _column_levels(scan, probe, beam)
    left = columns[:, inset : inset + max(width // 50, 1)].mean(axis=1)
    right = columns[:, width - inset - max(width // 50, 1) : width - inset].mean(axis=1)
    most = max(int(_WIDEST * width), 1)
    wide_left = _unshadowed(columns[:, inset:] / left[:, None], most)
    wide_right = _unshadowed(columns[:, ::-1][:, inset:] / right[:, None], most)
    boxes = _strips(beam, inset, wide_left, wide_right)
    return boxes, _shadow_warning(scan, probe, boxes)


def _unshadowed(relative: Floats, most: int) -> int:
    """How many columns, from the edge on, never fall below their level at the edge in any frame."""
    least = np.minimum.reduce(relative[:, :most] / np.maximum(np.max(relative[:, :most], axis=0), 1e-9), axis=0)
    level = np.median(relative[:, :most], axis=0)
    shadowed = np.flatnonzero((least < _UNSHADOWED) | (level < 1 - 3 * (1 - _UNSHADOWED)))
    width = int(shadowed[0]) if len(shadowed) else relative[:, :most].shape[1]
    return max(width - 1 if len(shadowed) else width, 1)


def _column_levels(scan: Scan, probe: ProbeFrames, beam: Box) -> Floats:
    """Mean of each column of the beam in each probe frame [n, col], without its uppermost and lowest rows."""
    height = beam.row1 - beam.row0
    inset = min(_INSET, height // 8)
    rows, cols = slice(beam.row0 + inset, beam.row1 - inset), slice(beam.col0, beam.col1)
    keep = ~scan.mask[rows, cols] & np.isfinite(scan.dark[rows, cols])
    values = np.where(keep, probe.raw[:, rows, cols].astype(np.float64) - scan.dark[rows, cols], 0.0)
    return np.maximum(np.asarray(values.sum(axis=1) / np.maximum(keep.sum(axis=0), 1), np.float64), _NO_LIGHT)


def _strips(beam: Box, inset: int, left: int, right: int) -> tuple[Box, ...]:
    return (
        Box(beam.col0 + inset, beam.row0, beam.col0 + inset + left, beam.row1),
        Box(beam.col1 - inset - right, beam.row0, beam.col1 - inset, beam.row1),
    )


def _shadow_warning(scan: Scan, probe: ProbeFrames, boxes: tuple[Box, ...]) -> str:
    """The source dims all margins alike; where they differ from frame to frame, something else does."""
    levels = np.array([[_level(frame[box.slices], scan, box) for box in boxes] for frame in probe.raw])
    if len(boxes) < 2 or len(levels) < 4 or np.any(levels <= 0):
        return ""
    shares = levels / levels.mean(axis=1, keepdims=True)
    swing = float(np.max(np.ptp(shares, axis=0) / np.median(shares, axis=0)))
    if swing <= 2 * _STEADY:
        return ""
    return (
        f"preprocess.margin: the sample shadows the margin (its parts differ by up to {100 * swing:.0f} % from "
        f"frame to frame); draw boxes that it never reaches, or set preprocess.normalise"
    )


def _margin_warning(scan: Scan, probe: ProbeFrames, boxes: tuple[Box, ...], beam: Box | None) -> str:
    """The margin that a user gave against the left and right edge of the beam, which the sample reaches last."""
    if beam is None or beam.col1 - beam.col0 < 4 * _LEAST_EDGE or beam.row1 - beam.row0 < 2 * _LEAST_EDGE:
        return ""
    columns = _column_levels(scan, probe, beam)
    width, inset = beam.col1 - beam.col0, _INSET + 1
    edges = np.stack([columns[:, inset : inset + 2], columns[:, width - inset - 2 : width - inset]]).mean(axis=2)
    if np.median(edges.min(axis=0)) <= 2 * _NO_LIGHT:  # no beam above this dark, which has been said
        return ""
    core = Box(beam.col0 + inset, beam.row0 + _INSET, beam.col1 - inset, beam.row1 - _INSET)
    inner = [part for box in boxes if (part := _common(box, core)).inside(*scan.shape[1:])]
    least = _DIMMER if inner else _DIMMER_AT_THE_EDGE
    used = inner or list(boxes)
    areas = np.array([max(box.area, 1) for box in used], np.float64)
    levels = np.array([[_level(frame[box.slices], scan, box) for box in used] for frame in probe.raw])
    margin = levels @ (areas / areas.sum())
    share = float(np.median(margin / np.maximum(edges.min(axis=0), 1e-9)))
    if share < _OUTSIDE:
        return (
            f"preprocess.margin: it lies outside the direct beam (its level is {100 * share:.0f} % of that of the "
            f"beam's edges): frames are normalised on something else"
        )
    beyond = _beyond_warning(scan, probe, boxes, margin)
    if beyond:
        return beyond
    against = margin / np.maximum(edges.mean(axis=0), 1e-9)
    swing = float(np.ptp(against) / max(np.median(against), 1e-9)) if len(against) >= 4 else 0.0
    if share >= least and swing <= 2 * _STEADY:
        return ""
    told = f"varies by {100 * swing:.0f} % against" if share >= least else f"is {100 * share:.0f} % of"
    return (
        f"preprocess.margin: the sample shadows the margin (its level {told} that of the beam's left and right "
        f"edges); draw boxes that it never reaches, or set preprocess.normalise"
    )


def _beyond_warning(scan: Scan, probe: ProbeFrames, boxes: tuple[Box, ...], inside: Floats) -> str:
    """Boxes that reach beyond the beam, against the level [frame] of what of them is inside."""
    areas = np.array([box.area for box in boxes], np.float64)
    whole = np.array([[_level(frame[box.slices], scan, box) for box in boxes] for frame in probe.raw])
    share = float(np.median(whole @ (areas / areas.sum()) / np.maximum(inside, 1e-9)))
    if share >= _MOSTLY_INSIDE:
        return ""
    return (
        f"preprocess.margin: it reaches beyond the direct beam (its level is {100 * share:.0f} % of that of "
        f"its part inside): frames are normalised on something else; draw boxes inside of the beam"
    )


def _common(one: Box, other: Box) -> Box:
    low, high = np.maximum(one[:2], other[:2]).tolist(), np.minimum(one[2:], other[2:]).tolist()
    return Box(*low, *high)


def beam_warning(scan: Scan, params: PreprocessParams, probe: ProbeFrames, beam: Box | None) -> str:
    """A box that a user gave, and that is smaller than the beam, or misses it: the rest is taken for spots."""
    if beam is None or not isinstance(params.beam, tuple) or min(beam.row1 - beam.row0, beam.col1 - beam.col0) < 4:
        return ""
    image = np.where(scan.mask, np.float32(0), probe.median)
    if not _has_edges(image, beam):
        missed = _missed_warning(image, probe.noise, beam)
        if missed:
            return missed
    bright = _high(image[beam.slices])
    if bright < _LEAST_SIGMAS * probe.noise:
        return ""
    on = [
        name
        for name, (within, beyond) in _across(image, beam).items()
        if beyond.size and _high(within) > 0.3 * bright and _high(beyond) > _GOES_ON * _high(within)
    ]
    if not on:
        return ""
    return (
        f"preprocess.beam: the direct beam goes on beyond the box ({', '.join(on)}): what is left of it will be "
        f"taken for spots; draw a larger box"
    )


def _missed_warning(image: Image, noise: float, beam: Box) -> str:
    """A box without edges, while a brighter one that has some is elsewhere."""
    found = find_beam(image, noise)
    if found is None or _high(image[beam.slices]) > 0.5 * _high(image[found.slices]):
        return ""
    common = _common(found, beam)
    if common.inside(*image.shape) and common.area > 0.5 * found.area:
        return ""
    return (
        f"preprocess.beam: the direct beam is not in the box: it was found at {list(found)}; draw the box around "
        f'it, or set "auto"'
    )


def _level(raw: AnyArray, scan: Scan, box: Box) -> float:
    values = raw.astype(np.float32)
    keep = ~scan.mask[box.slices] & np.isfinite(values)
    return float(np.mean((values - scan.dark[box.slices])[keep], dtype=np.float64)) if keep.any() else 0.0
