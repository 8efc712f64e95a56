"""Pixels that tell nothing in most frames: gaps between modules, dead columns, overexposed rims."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from friedel.model.arrays import AnyArray, Image, Mask
from friedel.model.scan import Box, Scan
from friedel.model.stream import Executor
from friedel.preprocess.direct_beam import beam_box
from friedel.preprocess.params import PreprocessParams
from friedel.preprocess.probe_frames import ProbeFrames

_CHUNK = 1 << 18
_ENOUGH = 12
"""Frames that are needed to call a pixel constant: with fewer, whole counts of a quiet detector are equal often."""
_FAR = 5.0
"""A constant this many sigma from the dark is none that a quiet detector has."""
_WILD = 10.0
"""Values that are further from their median, in sigma for so much light, in most frames are no measurement."""
_AROUND = 15
_RARE = 0.45
"""Pixels of which more in the surroundings (15 × 15) behave alike belong to what is seen there."""
_LEAST_PIXELS = 5
"""Fewer that hang together are taken away by despeckling."""
_BESIDE_BEAM = 8
_MOST_OF_BEAM = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class _Course:
    """What pixels [pixel] do: in how many frames they are saturated (at one value), or wild; their range."""

    saturated: AnyArray
    wild: AnyArray
    low: AnyArray
    high: AnyArray


def dead_areas(scan: Scan, params: PreprocessParams, probe: ProbeFrames, executor: Executor) -> Mask | None:
    """Pixels [row, col] outside the beam that are saturated, constant or wild in more than half of the frames.

    None where there are none. Areas that reach from outside into the beam are dead there too, unless it is the beam
    that saturates. Areas of a few pixels are left to despeckling.
    """
    often = len(probe.raw) / 2
    course = _course(scan, probe, executor)
    shape = scan.shape[1:]
    saturated = (course.saturated > often).reshape(shape)
    stuck = saturated | _constant(scan, probe, course) | _wild(course.wild.reshape(shape) > often)
    found = _large(stuck & ~scan.mask)
    return _outside_beam(found, scan, params, probe) if found.any() else None


def _course(scan: Scan, probe: ProbeFrames, executor: Executor) -> _Course:
    raw = probe.raw.reshape(len(probe.raw), -1)
    level = probe.median.ravel()
    dark = scan.dark.ravel()
    bright = max(float(np.median(level)), 0.0)
    pixels = raw.shape[1]
    out = _Course(np.zeros(pixels, np.int16), np.zeros(pixels, np.int16), raw.min(axis=0), raw.max(axis=0))

    def work(start: int) -> None:
        here = slice(start, min(start + _CHUNK, pixels))
        middle = level[here] + dark[here]
        light = np.maximum(level[here], 0) + max(bright, probe.noise**2, 1.0)
        far = _WILD * probe.noise * np.sqrt(light / max(bright + max(bright, probe.noise**2, 1.0), 1.0)) + 1
        for frame in raw:
            out.saturated[here] += (frame[here] >= scan.saturation) & (frame[here] == out.high[here])
            out.wild[here] += np.abs(frame[here] - middle) > far

    for _ in executor.map(work, range(0, pixels, _CHUNK)):
        pass
    return out


def _constant(scan: Scan, probe: ProbeFrames, course: _Course) -> Mask:
    """One value in all frames, where the pixels around it have noise, or far from the dark."""
    shape = scan.shape[1:]
    constant = (course.low == course.high).reshape(shape)
    if len(probe.raw) < _ENOUGH or probe.noise <= 0 or not constant.any() or constant.mean() > 0.5:
        return np.zeros(shape, np.bool_)
    alone = _share_around(constant) < _RARE
    noisy = probe.noise >= 1 or probe.raw.dtype.kind == "f"
    far = np.abs(course.low.reshape(shape) - scan.dark) > _FAR * probe.noise
    return np.asarray(constant & (far | (alone & noisy)))


def _wild(often: Mask) -> Mask:
    return np.asarray(often & (_share_around(often) < _RARE)) if often.any() else often


def _share_around(mask: Mask) -> Image:
    return np.asarray(ndimage.uniform_filter(mask.astype(np.float32), size=_AROUND, mode="nearest"))


def _large(mask: Mask) -> Mask:
    """Those of at least five pixels that hang together."""
    if not mask.any():
        return mask
    label, count = ndimage.label(mask, structure=np.ones((3, 3)))
    size = np.bincount(label.ravel(), minlength=count + 1)
    size[0] = 0
    return np.asarray((size >= _LEAST_PIXELS)[label])


def _outside_beam(found: Mask, scan: Scan, params: PreprocessParams, probe: ProbeFrames) -> Mask | None:
    """Without what belongs to the direct beam."""
    beam = beam_box(scan, params, probe.without(found)) or beam_box(scan, params, probe)
    if beam is None:
        return found
    wide = _wider(beam, scan.shape[1:])
    if found[beam.slices].mean() > _MOST_OF_BEAM:  # it is the beam itself that saturates
        dead = found.copy()
        dead[wide.slices] = False
    else:
        label, count = ndimage.label(found, structure=np.ones((3, 3)))
        outside = np.zeros(count + 1, np.bool_)
        beyond = np.ones(found.shape, np.bool_)
        beyond[wide.slices] = False
        outside[np.unique(label[beyond])] = True
        outside[0] = False
        dead = outside[label]
    return dead if dead.any() else None


def _wider(box: Box, shape: tuple[int, int]) -> Box:
    rows, cols = shape
    return Box(
        max(box.col0 - _BESIDE_BEAM, 0),
        max(box.row0 - _BESIDE_BEAM, 0),
        min(box.col1 + _BESIDE_BEAM, cols),
        min(box.row1 + _BESIDE_BEAM, rows),
    )
