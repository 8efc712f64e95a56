"""Footprints: what every spot of a grain should look like in (row, col, omega), from its reconstructed shape."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from friedel.kernels.reconstruct.faint_spots import read_windows
from friedel.kernels.reconstruct.footprints import REACH
from friedel.model.arrays import AnyArray, Floats, Indices, Mask
from friedel.model.blobs import BlobTable
from friedel.model.shapes import GrainShape, Grid
from friedel.reconstruct.projections import IdealDetectors, VoxelBox, lay_out
from friedel.reconstruct.rays import Rays, frames_of, sines_of_eta
from friedel.reconstruct.shared_inputs import SharedInputs
from friedel.reconstruct.sirt import SirtSolver
from friedel.reconstruct.strengths import CUT
from friedel.reconstruct.transmission import transmission

LEAST_WIDTH = 0.1
"""Frames: no spot is taken to be shorter (standard deviation)."""
GOOD = 0.5
"""Spots of this part of a grain's largest weight tell how bright and how long its spots are."""
FAINT = 0.02
"""Pixels of a footprint below this part of its brightest are cut off."""
LEAST_COUNTS, LEAST_FAINT = 0.25, 0.05
"""Spots of less than this part of the counts of the grain's faintest good one are not looked for in blobs, nor in
clean frames."""


LEAST_ON_DETECTOR = 0.02
"""Spots of which the edge leaves less are not looked for."""


class Brightness(NamedTuple):
    """`counts` of a spot of strength 1, and `spread_rad`, the standard deviation in omega at eta = 90 deg."""

    counts: float
    spread_rad: float
    faintest: float


@dataclass(frozen=True, slots=True, eq=False)
class Footprints:
    """Predicted spots (s), grain by grain.

    `grain` (s), `hkl` (s,3), `counts` (s) expected of all its light, `on_detector` (s) the part of that which the
    edge leaves, `bright` (s) whether a blob may hold so few, `omega` (s,2) middle and standard deviation in frames,
    `box` (s,6) start and stop of frames, rows, cols; `rays` of all of them.
    The part of the light that falls into each pixel: `images[pointer[s]:pointer[s+1]]` as [u,v] of `size` (s,2),
    read at `inverse` (s,2,3) @ (row, col, 1).
    """

    grain: Indices
    rays: Rays
    counts: Floats
    on_detector: Floats
    bright: Mask
    omega: Floats
    box: Indices
    images: AnyArray
    pointer: Indices
    size: Indices
    inverse: Floats

    def __len__(self) -> int:
        return len(self.grain)

    def take(self, rows: Indices) -> "Footprints":
        """Some of them, by row."""
        sizes = np.diff(self.pointer)[rows]
        pointer = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        at = np.arange(pointer[-1]) + np.repeat(self.pointer[rows] - pointer[:-1], sizes)
        columns = {name: getattr(self, name)[rows] for name in _PER_SPOT}
        return Footprints(rays=self.rays.take(rows), pointer=pointer, images=self.images[at], **columns)

    @classmethod
    def together(cls, parts: Sequence["Footprints"]) -> "Footprints":
        """Those of several grains as one table."""
        sizes = np.concatenate([np.zeros(0, np.int64), *(np.diff(part.pointer) for part in parts)])
        rays = Rays(*(np.concatenate([part.rays[i] for part in parts]) for i in range(len(Rays._fields))))
        names = (*_PER_SPOT, "images")
        columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
        return cls(rays=rays, pointer=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64), **columns)


_PER_SPOT = ("grain", "counts", "on_detector", "bright", "omega", "box", "size", "inverse")


def footprints_of(inputs: SharedInputs, shape: GrainShape, least: float = LEAST_COUNTS) -> Footprints | None:
    """What all spots of a grain should look like, those down to `least` of its faintest good one; None of a grain
    without a shape, or whose brightness nobody knows."""
    if not shape.density.size or not shape.inside.any():
        return None
    known = brightness(inputs, shape)
    if known is None:
        return None
    blobs, diffraction, grid = inputs.blobs, inputs.diffraction, inputs.grid
    rays = diffraction.every_ray(inputs.grains, shape.grain, blobs)
    counts = known.counts * rays.strength
    omega = _in_frames(inputs, rays, known.spread_rad)
    rows, cols = blobs.shape[1:]
    frames = blobs.shape[0]
    solid = solid_part(shape)
    box = _box_of(inputs, shape, solid.shape)
    reach = box.radius * inputs.grid.voxel_um / Grid.of(diffraction.setup).voxel_um
    there = (rays.row > -reach) & (rays.row < rows + reach) & (rays.col > -reach) & (rays.col < cols + reach)
    there &= counts > least * known.faintest
    there &= (omega[:, 0] > -0.5) & (omega[:, 0] < frames - 0.5)
    rays, counts, omega = rays.take(there), counts[there], omega[there]
    layout = lay_out(rays, diffraction.plane, inputs.grains.position_um[shape.grain], box, grid)
    pixels = (len(rays.row), *layout.size)
    images = SirtSolver(layout.slope, layout.offset, solid > 0, pixels, inputs.blur).forward(solid)
    where = (layout.slope, layout.offset), (box.start, box.radius), layout.size
    images = images * transmission(inputs, shape.grain, rays, *where)
    first, last = omega[:, 0] - REACH * omega[:, 1], omega[:, 0] + REACH * omega[:, 1]
    parts, size, inverse, place = _cut(images, layout)
    found = Footprints(
        np.full(len(counts), shape.grain, dtype=np.int64), rays, counts, np.ones(len(counts)),
        np.ones(len(counts), dtype=bool), omega,
        np.column_stack([np.floor(first), np.ceil(last) + 1, place]).astype(np.int64),
        np.concatenate([np.zeros(0, np.float32), *parts]), np.cumsum([0, *(len(part) for part in parts)]),
        size, inverse,
    )  # fmt: skip
    windows = windows_of(found, (rows, cols))
    light = np.concatenate([[0.0], np.cumsum(windows.footprint, dtype=np.float64)])
    on = np.clip(np.diff(light[windows.pointer]), 0.0, 1.0)
    found = replace(found, on_detector=on, bright=counts * on > LEAST_COUNTS * known.faintest)
    return found.take(np.flatnonzero((on >= LEAST_ON_DETECTOR) & (counts * on > least * known.faintest)))


class PixelFootprints(NamedTuple):
    """Footprints on pixels: `box` (s,4) start and stop of rows, cols, whose `footprint` float32, flat, is at
    `pointer`."""

    box: Indices
    pointer: Indices
    footprint: AnyArray


def windows_of(footprints: Footprints, detector: tuple[int, ...]) -> PixelFootprints:
    """All footprints on the pixels of the detector (rows, cols)."""
    rows, cols = detector
    box = np.clip(footprints.box[:, 2:], 0, [rows, rows, cols, cols])
    sizes = np.maximum(box[:, 1] - box[:, 0], 0) * np.maximum(box[:, 3] - box[:, 2], 0)
    pointer = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    out = np.zeros(pointer[-1], dtype=np.float32)
    read_windows(
        footprints.images, footprints.pointer, footprints.size, footprints.inverse, box, pointer, out
    )  # fmt: skip
    return PixelFootprints(box, pointer, out)


def _cut(images: AnyArray, layout: IdealDetectors) -> tuple[list[AnyArray], Indices, Floats, Indices]:
    """The lit part of each image [u,v] as light in a pixel of the detector, its size (n,2), how it is read, and
    start and stop of its rows and cols (n,4)."""
    parts, sizes, inverse, places = [], [], layout.to_ideal, []
    for n, image in enumerate(images):
        lit = np.argwhere(image > FAINT * image.max())
        low, high = np.maximum(lit.min(axis=0) - 1, 0), lit.max(axis=0) + 2
        cut = image[low[0] : high[0], low[1] : high[1]]
        # pixels of the real detector are as many to one of the ideal one as the Jacobian says
        parts.append((cut / cut.sum() / abs(np.linalg.det(layout.jacobian[n]))).astype(np.float32).ravel())
        sizes.append(cut.shape)
        inverse[n, :, 2] -= low
        corners = np.array([(a, b) for a in (low[0], high[0]) for b in (low[1], high[1])]) - layout.anchor[n]
        at = layout.centre[n] + corners @ layout.jacobian[n].T
        (top, left), (bottom, right) = np.floor(at.min(axis=0)), np.ceil(at.max(axis=0)) + 1
        places.append((top, bottom, left, right))
    return parts, np.array(sizes, np.int64).reshape(-1, 2), inverse, np.array(places, np.int64).reshape(-1, 4)


def solid_part(shape: GrainShape) -> AnyArray:
    """Density float32 [x,y,z] of the grain and the voxels around it: what lies farther off is no part of it."""
    near = ndimage.binary_dilation(shape.inside, np.ones((3, 3, 3), dtype=bool))
    return np.ascontiguousarray(np.where(near, np.minimum(shape.density, 1.5), 0.0).transpose(2, 1, 0), np.float32)


def _box_of(inputs: SharedInputs, shape: GrainShape, size: tuple[int, ...]) -> VoxelBox:
    start = inputs.grid.index(shape.origin_um)
    half = 0.5 * np.array(size)
    middle = inputs.grains.position_um[shape.grain] / inputs.grid.voxel_um - np.array(inputs.grid.phase)
    off = np.abs(start + half - middle)
    return VoxelBox(
        start, np.array(size) + 2 * np.ceil(off).astype(np.int64), float(np.hypot(*(half + off)[:2]) + 2)
    )


def brightness(inputs: SharedInputs, shape: GrainShape) -> Brightness | None:
    """How bright and long a grain's spots are, from those that fit its shape; None where there is none."""
    blobs = inputs.blobs
    best = shape.blob_weight >= GOOD * shape.blob_weight.max(initial=0.0)
    rays = inputs.diffraction.rays(inputs.grains, shape.grain, blobs)
    use = np.isin(rays.blob, shape.blobs[best & (shape.blob_weight > 0)])
    use &= ~rays.shared & ((blobs["flags"][rays.blob] & CUT) == 0)
    rays = rays.take(use)
    if not len(rays.blob):
        return None
    counts = blobs["sum_intensity"][rays.blob]
    step = abs(blobs.omega_step_deg)
    square = np.maximum(blobs["sigo"][rays.blob] ** 2 - step**2 / 12.0, (LEAST_WIDTH * step) ** 2)
    spread = np.radians(np.median(np.sqrt(square) * sines_of_eta(rays)))
    return Brightness(float(np.median(counts / rays.strength)), float(spread), float(counts.min()))


def _in_frames(inputs: SharedInputs, rays: Rays, spread_rad: float) -> Floats:
    """Middle and standard deviation (n,2) of spots in frames; the middle within the first turn of the scan."""
    blobs: BlobTable = inputs.blobs
    step = abs(blobs.omega_step_deg)
    middle = frames_of(rays.omega - rays.omega_offset, inputs.diffraction.setup, blobs)
    width = np.degrees(spread_rad) / sines_of_eta(rays) / step
    return np.column_stack([middle, np.maximum(width, LEAST_WIDTH)])
