"""Raw frames as the kernels want them, with stand-ins for the corrupt ones, and their gains."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from friedel.errors import ScanError
from friedel.kernels.preprocess.bit_planes import TILE
from friedel.kernels.preprocess.normalise import is_constant, margin_mean
from friedel.model.arrays import AnyArray, Floats, Image, Indices, Mask
from friedel.model.baseline import Baseline
from friedel.model.scan import MOST_BRIDGED, Box, Scan
from friedel.preprocess.params import PreprocessParams

LEAST_LEVEL = 0.05
"""Below this part of the reference level the beam was off."""
NO_BEAM = "the beam was off"
MOST_SATURATED = 0.05
"""Where more of the margin is saturated, the mean of the rest says too little: 0.1 of its scatter at this part."""


def for_kernels(raw: AnyArray) -> AnyArray:
    """Frames as uint16 or float32 [frame, pixel], which is what the kernels are compiled for.

    The largest integer of 32 bits or more is what a detector without NaN says of a pixel that it does not have.
    """
    small = raw.dtype.kind == "u" and raw.dtype.itemsize <= 2
    kind = np.uint16 if small else np.float32
    frames = np.ascontiguousarray(raw, dtype=kind).reshape(len(raw), -1)
    if raw.dtype.kind in "ui" and raw.dtype.itemsize >= 4:
        frames[(raw == np.iinfo(raw.dtype).max).reshape(frames.shape)] = np.nan
    return frames


@dataclass(frozen=True, slots=True, eq=False)
class PixelConstants:
    """What belongs to each pixel of a flat frame, padded to whole tiles: dark, whether it is kept, and its part."""

    dark: Image
    keep: Mask
    part: AnyArray
    masked: Indices

    @classmethod
    def of(cls, scan: Scan) -> "PixelConstants":
        """From dark, mask and tiles of the scan; a pixel whose dark is not a number is masked."""
        _, rows, cols = scan.shape
        padded = -(-rows * cols // TILE) * TILE
        dark = np.zeros(padded, np.float32)
        keep = np.zeros(padded, np.bool_)
        part = np.zeros(padded, np.uint8)
        keep[: rows * cols] = (~scan.mask & np.isfinite(scan.dark)).ravel()
        dark[: rows * cols] = np.where(np.isfinite(scan.dark), scan.dark, 0).ravel()
        image = part[: rows * cols].reshape(rows, cols)
        for number, box in enumerate(scan.tiles):
            image[box.slices] = number
        return cls(dark, keep, part, np.flatnonzero(~keep[: rows * cols]))

    def cropped(self, crop: tuple[slice, slice], shape: tuple[int, int]) -> "PixelConstants":
        """Of a crop (rows, cols) of frames of this shape, not padded."""
        pixels = shape[0] * shape[1]
        dark, keep, tile = (
            np.ascontiguousarray(values[:pixels].reshape(shape)[crop]).ravel()
            for values in (self.dark, self.keep, self.part)
        )
        return PixelConstants(dark, keep, tile, np.flatnonzero(~keep))


@dataclass(frozen=True, slots=True, eq=False)
class Gains:
    """Gain of each frame and detector tile: reference level / mean of the margin there."""

    reference: float
    everywhere: Indices
    by_part: tuple[Indices, ...]
    constants: PixelConstants
    saturation: float

    @classmethod
    def of(cls, scan: Scan, params: PreprocessParams, baseline: Baseline, constants: PixelConstants) -> "Gains":
        """From the boxes and the level of the baseline; without them every gain is 1."""
        beam = (baseline.beam,) if baseline.beam is not None else ()
        boxes = {"margin": baseline.margins, "beam": beam, "none": ()}[params.normalise]
        everywhere = pixels_in(boxes, scan, constants)
        reference = baseline.reference_level if math.isfinite(baseline.reference_level) else 0.0
        by_part = tuple(everywhere[constants.part[everywhere] == number] for number in range(len(scan.tiles)))
        return cls(reference if len(everywhere) else 0.0, everywhere, by_part, constants, scan.saturation)

    def level(self, frame: AnyArray) -> float:
        """Mean of all margins of a flat frame above the dark, in counts; NaN where they are saturated."""
        return self._level(frame, self.everywhere)

    def _level(self, frame: AnyArray, pixels: Indices) -> float:
        mean, saturated = margin_mean(frame, self.constants.dark, pixels, self.saturation)
        return math.nan if saturated > MOST_SATURATED * len(pixels) else float(mean)

    def of_frame(self, frame: AnyArray) -> Floats:
        """Gain [tile] of a flat frame; a tile without margin takes that of all margins together."""
        if self.reference <= 0:
            return np.ones(len(self.by_part))
        common = self.level(frame)
        gain = self.reference / common if common > 0 else 1.0
        gains = np.full(len(self.by_part), gain)
        if len(self.by_part) > 1:
            for number, pixels in enumerate(self.by_part):
                level = self._level(frame, pixels)
                if level > LEAST_LEVEL * self.reference:
                    gains[number] = self.reference / level
        return gains

    def fault(self, frame: AnyArray) -> str:
        """Why a flat frame cannot be normalised, "" if it can."""
        if self.reference <= 0:
            return ""
        level = self.level(frame)
        if math.isnan(level):
            return "what its intensity is measured on is saturated"
        return NO_BEAM if level < LEAST_LEVEL * self.reference else ""


def without(scan: Scan, dead: Mask | None) -> Scan:
    """The scan with some more pixels masked."""
    return scan if dead is None else replace(scan, mask=scan.mask | dead)


def pixels_in(boxes: tuple[Box, ...], scan: Scan, constants: PixelConstants) -> Indices:
    """Flat pixels of boxes, ascending, each once, without masked ones."""
    image = np.zeros(scan.shape[1:], np.bool_)
    for box in boxes:
        image[box.slices] = True
    return np.flatnonzero(image.ravel() & constants.keep[: image.size])


@dataclass(frozen=True, slots=True, eq=False)
class RawFrames:
    """Reads frames of a scan; those that cannot be used are replaced by the good one before (at the start: after).

    Of more than `MOST_BRIDGED` in a row, which are a gap (`in_gap`), each has another stand-in, as far from the gap
    as itself from its beginning, so that medians around it are as good as elsewhere.

    The replacement depends on the scan alone, not on how it is read. Safe for several threads at a time. `fault`
    says why a flat frame of numbers cannot be used all the same, "" if it can.
    """

    scan: Scan
    fault: Callable[[AnyArray], str]
    _sources: dict[int, int] = field(default_factory=dict)
    _bad: dict[int, bool] = field(default_factory=dict)
    _first_bad: dict[int, int] = field(default_factory=dict)

    def read(self, start: int, stop: int) -> tuple[AnyArray, dict[int, str]]:
        """Frames [start, stop) as [frame, pixel], and why some of them are replaced."""
        try:
            frames = for_kernels(self.scan.frames.read(start, stop))
            whys = {}
        except ScanError:
            rows, cols = self.scan.shape[1:]
            singles = [self.single(k) for k in range(start, stop)]
            whys = {k: why for k, (_, why) in enumerate(singles, start) if why}
            kinds = {frame.dtype for frame, _ in singles if frame is not None}
            frames = np.zeros((stop - start, rows * cols), kinds.pop() if kinds else np.float32)
            for row, (frame, _) in zip(frames, singles, strict=True):
                if frame is not None:
                    row[:] = frame
        for k in range(start, stop):
            why = whys.get(k) or self._fault(frames[k - start])
            if why:
                whys[k] = why
        if whys:
            frames = self._replaced(start, frames, whys)
        return frames, whys

    def in_gap(self, k: int) -> bool:
        """Whether frame k, which cannot be used, is one of so many in a row that they are a gap."""
        before, after = k, k + 1
        while k - before < MOST_BRIDGED and self._is_bad(before - 1):
            before -= 1
        while after - before <= MOST_BRIDGED and self._is_bad(after):
            after += 1
        return after - before > MOST_BRIDGED

    def _is_bad(self, k: int) -> bool:
        """Whether a frame was recorded and cannot be used."""
        if not 0 <= k < self.scan.shape[0] or self.scan.stored_frame(k) < 0:
            return False
        if k not in self._bad:
            self._bad[k] = bool(self.single(k)[1])
        return self._bad[k]

    def _mirrored(self, k: int) -> int:
        """The frame as far before the gap that k is in as k is behind its beginning; k itself where it is none."""
        first = k
        while first not in self._first_bad and self._is_bad(first - 1):
            first -= 1
        first = self._first_bad.get(first, first)
        self._first_bad[k] = first
        other = 2 * first - 1 - k
        return other if other >= 0 and self.scan.stored_frame(other) >= 0 else k

    def _replaced(self, start: int, frames: AnyArray, whys: dict[int, str]) -> AnyArray:
        stand_ins = {k: self.single(self._source(k))[0] for k in whys}
        kinds = {frame.dtype for frame in stand_ins.values() if frame is not None}
        frames = frames.astype(kinds.pop()) if kinds else frames.copy()
        for k, frame in stand_ins.items():
            if frame is not None:
                frames[k - start] = frame
        return frames

    def single(self, k: int) -> tuple[AnyArray | None, str]:
        """One frame, flat, and why it cannot be used ("" if it can; None where it cannot be read)."""
        try:
            frame = for_kernels(self.scan.frames.read(k, k + 1))[0]
        except ScanError as error:
            return None, str(error)
        return frame, self._fault(frame)

    def _fault(self, frame: AnyArray) -> str:
        if frame.size > 1 and is_constant(frame):
            return "no pixel is a number" if np.isnan(frame[0]) else f"every pixel is {frame[0]}"
        return self.fault(frame)

    def _source(self, k: int) -> int:
        """The good frame that stands in for frame k: before it, or else after it."""
        if k not in self._sources and self.in_gap(k):
            other = self._mirrored(k)
            if other != k and not self._is_bad(other):
                self._sources[k] = other
                return other
        for other in range(k - 1, -1, -1):
            if other in self._sources:
                break
            if not self.single(other)[1]:
                self._sources[k] = other
                return other
        else:
            for other in range(k + 1, self.scan.shape[0]):
                if not self.single(other)[1]:
                    self._sources[k] = other
                    return other
            raise ScanError(
                f"frames of {self.scan.name}", rule="at least one must be usable", way_out="check the file"
            )
        self._sources[k] = self._sources[other]
        return self._sources[k]
