"""Pixels that tell nothing in most frames: gaps between modules, dead columns, overexposed rims."""

from dataclasses import dataclass
from typing import Self

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
_RESTLESS = 0.3
"""They also turn back by as much in this part of the frames looked at. Of numbers at random two thirds are peaks or
valleys; of a bright feature that rocks through the scan, which is none of these pixels, hardly any is."""
_SOME = 11
"""Frames that are enough to say what is wild in most of them."""
_AROUND = 15
_RARE = 0.45
"""Pixels of which more in the surroundings (15 × 15) behave alike belong to what is seen there; those of one value
stand out only where nearly all others have noise."""
_BESIDE, _AT_ONCE = 3, 2.0
"""Beside a large area of one value most pixels, so many away, range over so many sigma: what is dead ends at once.
On a quiet detector, where it is dark, counts grow rare step by step."""
_LEAST_PIXELS = 5
"""Fewer that hang together are taken away by despeckling."""
_BEAM_EDGE = 3
_BESIDE_BEAM = 8
_MOST_OF_BEAM = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class _Course:
    """What pixels [pixel] do: how often they are saturated (at one value), whether most often wild; their range."""

    saturated: AnyArray
    wild: AnyArray
    low: AnyArray
    high: AnyArray


@dataclass(frozen=True, slots=True, eq=False)
class OddPixels:
    """Pixels [row, col] that tell nothing in most frames: saturated or constant ones, and wild ones."""

    still: Mask
    wild: Mask

    @classmethod
    def of(cls, scan: Scan, probe: ProbeFrames, executor: Executor) -> Self:
        """Those of a scan that are not masked."""
        course = _course(scan, probe, executor)
        shape = scan.shape[1:]
        saturated = (course.saturated > len(probe.raw) / 2).reshape(shape)
        still = (saturated | _constant(scan, probe, course)) & ~scan.mask
        return cls(still, _wild(course.wild.reshape(shape)) & ~scan.mask & ~still)

    def outside_beam(self, scan: Scan, params: PreprocessParams, probe: ProbeFrames) -> Mask | None:
        """Those outside of the direct beam, which flickers, and may saturate; None where there are none.

        Areas that reach from outside into the beam are dead there too, unless it is the beam that saturates. Areas
        of a few pixels are left to despeckling.
        """
        if not (self.still.any() or self.wild.any()):
            return None
        return _outside_beam(self.still, self.wild, scan, params, probe)


def _course(scan: Scan, probe: ProbeFrames, executor: Executor) -> _Course:
    raw = probe.raw.reshape(len(probe.raw), -1)
    pixels = raw.shape[1]
    saturated, wild = np.zeros(pixels, np.int16), np.zeros(pixels, np.bool_)
    ends = np.empty((2, pixels), raw.dtype)
    middle = probe.median.ravel() + scan.dark.ravel()
    far = _wild_from(probe).ravel()
    some = raw[np.unique(np.linspace(0, len(raw) - 1, _SOME).round().astype(int))]

    def work(start: int) -> None:
        here = slice(start, min(start + _CHUNK, pixels))
        np.min(raw[:, here], axis=0, out=ends[0, here])
        np.max(raw[:, here], axis=0, out=ends[1, here])
        at_top = start + np.flatnonzero(ends[1, here] >= scan.saturation)
        saturated[at_top] = (raw[:, at_top] == ends[1, at_top]).sum(axis=0)
        wild[here] = (np.abs(some[:, here] - middle[here]) > far[here]).sum(axis=0) > len(some) / 2

    for _ in executor.map(work, range(0, pixels, _CHUNK)):
        pass
    often = np.flatnonzero(wild)
    wild[often] = _restless(raw[:, often], far[often])
    return _Course(saturated, wild, ends[0], ends[1])


def _restless(raw: AnyArray, far: Image) -> Mask:
    """Whether pixels, courses [frame, pixel], turn back by more than `far` [pixel] on both sides in many frames."""
    if len(raw) < 3:
        return np.zeros(len(far), np.bool_)
    steps = np.diff(raw.astype(np.float32), axis=0)
    large = np.abs(steps) > far
    turns = (steps[1:] > 0) != (steps[:-1] > 0)
    return np.asarray((turns & large[1:] & large[:-1]).mean(axis=0) >= _RESTLESS)


def _wild_from(probe: ProbeFrames) -> Image:
    """How far from its median a value is no measurement: ten sigma [row, col], for so much light."""
    usual = max(float(np.median(probe.median)), 0.0)
    quiet = max(usual, probe.noise**2, 1.0)  # light that stands for the noise of reading
    light = (np.maximum(probe.median, 0) + quiet) / (usual + quiet)
    return np.asarray(_WILD * probe.noise * np.sqrt(light) + 1, dtype=np.float32)


def _constant(scan: Scan, probe: ProbeFrames, course: _Course) -> Mask:
    """One value in all frames, where the pixels around it have noise, or far from the dark."""
    shape = scan.shape[1:]
    constant = (course.low == course.high).reshape(shape)
    if len(probe.raw) < _ENOUGH or probe.noise <= 0 or not constant.any() or constant.mean() > 0.5:
        return np.zeros(shape, np.bool_)
    far = np.abs(course.low.reshape(shape) - scan.dark) > _FAR * probe.noise
    if probe.noise < 1 and probe.raw.dtype.kind != "f":
        return np.asarray(constant & far)
    ranges = course.high.reshape(shape).astype(np.float32) - course.low.reshape(shape)
    noisy = ranges > _AT_ONCE * probe.noise
    dead = constant & (far | (_share_around(noisy) > 1.0 - _RARE))
    large = constant & ~dead
    return np.asarray(dead | _ending_at_once(large, noisy) if probe.noise >= 1 and large.any() else dead)


def _ending_at_once(areas: Mask, noisy: Mask) -> Mask:
    """Those of some areas beside which most pixels are noisy: a quadrant or a module that is not read out."""
    label, count = ndimage.label(areas, structure=np.ones((3, 3)))
    beside = ndimage.grey_dilation(label, size=(2 * _BESIDE + 1,) * 2)
    beside[areas] = 0
    around, of_them = (np.bincount(some.ravel(), minlength=count + 1) for some in (beside, beside[noisy]))
    ends = 2 * of_them > around
    ends[0] = False
    return np.asarray(ends[label])


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


def _outside_beam(still: Mask, wild: Mask, scan: Scan, params: PreprocessParams, probe: ProbeFrames) -> Mask | None:
    """Without what belongs to the direct beam, and without single pixels."""
    found = _large(still | wild)
    beam = beam_box(scan, params, probe.without(found)) or beam_box(scan, params, probe)
    if beam is not None:
        flickers, near = (_inside(beam, wide, found.shape) for wide in (_BEAM_EDGE, _BESIDE_BEAM))
        if still[beam.slices].mean() > _MOST_OF_BEAM:  # it is the beam itself that saturates
            found = found & ~near
        else:
            found = _reaching(_large(still | (wild & ~flickers)), ~near)
    return found if found.any() else None


def _reaching(mask: Mask, area: Mask) -> Mask:
    """The parts of a mask that hang together with an area."""
    label, count = ndimage.label(mask, structure=np.ones((3, 3)))
    reaches = np.zeros(count + 1, np.bool_)
    reaches[np.unique(label[area])] = True
    reaches[0] = False
    return np.asarray(reaches[label])


def _inside(box: Box, beside: int, shape: tuple[int, ...]) -> Mask:
    """Pixels in a box that is wider on every side."""
    inside = np.zeros(shape, np.bool_)
    rows = slice(max(box.row0 - beside, 0), box.row1 + beside)
    inside[rows, max(box.col0 - beside, 0) : box.col1 + beside] = True
    return inside
