"""Where the sample is: by absorption tomography of the direct beam, by the size in the recipe, or by its grains."""

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError

from friedel.errors import InputError
from friedel.model.arrays import AnyArray, Floats, Mask
from friedel.model.scan import Box
from friedel.model.setup import SampleShape, Setup
from friedel.model.shapes import Grid, SampleMask

FAINT = 0.2
"""Rows where the beam has less than this part of its full level tell nothing."""
PIECE = 8_000_000
"""Distances of voxels from facets of the hull that are held at a time."""
SPURS = 1
"""Spurs on the grains' outer faces that are thinner than twice as many of their voxels do not widen the hull."""
EDGE = 1e-6
"""Voxels may be this far outside the hull, against rounding."""


def beam_attenuation(frames: AnyArray, left: slice, right: slice) -> AnyArray:
    """-log(I / I0) float32 [frame,row,col] of the direct beam, from its counts over dark in the same box.

    `left` and `right` are the columns that the sample never shadows: their mean in each row and frame is I0, so
    that neither the source's oscillation nor the beam's profile along z matters. Columns outside them, and rows
    where the beam is faint, get 0. Raises `InputError` where there is no light.
    """
    free = np.concatenate([frames[:, :, left], frames[:, :, right]], axis=2).mean(axis=2, dtype=np.float64)
    if not free.size or free.max() <= 0:
        raise InputError("direct beam", rule="must be lit beside the sample")
    out = -np.log(np.maximum(frames, 1e-3) / np.maximum(free, 1e-3)[:, :, None])
    out[:, free.mean(axis=0) < FAINT * free.mean(axis=0).max()] = 0.0
    inner = slice(min(left.start, right.start), max(left.stop, right.stop))
    dark = np.ones(frames.shape[2], dtype=bool)
    dark[inner] = False
    out[:, :, dark] = 0.0
    return np.asarray(out, dtype=np.float32)


def absorption_mask(
    attenuation: AnyArray, omega_deg: Floats, box: Box, setup: Setup, voxel_um: float = 0.0
) -> SampleMask:
    """The sample from how much of the direct beam it takes: filtered back-projection, slice by slice along z.

    `attenuation` [frame,row,col] is -log(I/I0) in `box` of the detector (see `beam_attenuation`), `omega_deg`
    (frame) the recorded angle of the middle of each exposure; they should cover half a turn or a whole one evenly.
    The sample is what reaches half the density of the inside, its largest part, without holes.
    Raises `InputError` when nothing absorbs.
    """
    voxel = Grid.of(setup, voxel_um).voxel_um
    rows, cols = np.mgrid[box.row0 : box.row1, box.col0 : box.col1].astype(np.float64)
    place = setup.detector.position_um(rows, cols)
    y, z = place[..., 1], place[..., 2]
    reach = float(np.abs(y).max())
    count = 2 * int(np.ceil(reach / voxel))
    y_line: Floats = np.asarray((np.arange(count) + 0.5 - count / 2) * voxel, dtype=np.float64)
    low, high = float(np.floor(z.min() / voxel)), float(np.ceil(z.max() / voxel))
    z_line: Floats = np.asarray((np.arange(low, high) + 0.5) * voxel, dtype=np.float64)
    at_row, at_col = _pixels_at(setup, box, y_line, z_line)
    angles = setup.lab_omega_rad(omega_deg)
    volume = np.zeros((len(z_line), count, count), dtype=np.float32)
    ramp = _ramp(count, voxel)
    for image, angle in zip(attenuation, angles, strict=True):
        line = ndimage.map_coordinates(image, [at_row, at_col], order=1, mode="constant", output=np.float32)
        spectrum = np.fft.rfft(line, n=len(ramp), axis=1)
        filtered = np.fft.irfft(spectrum * np.fft.rfft(ramp), n=len(ramp), axis=1)[:, :count]
        across = np.sin(angle) * y_line[None, :] + np.cos(angle) * y_line[:, None]
        column = across / voxel + (count - 1) / 2
        inside = (column >= 0) & (column <= count - 1)
        first = np.clip(np.floor(column).astype(np.int64), 0, count - 2)
        part = column - first
        values = filtered[:, first] * (1 - part) + filtered[:, first + 1] * part
        volume += np.where(inside, values, 0.0).astype(np.float32)
    inside = _solid(ndimage.gaussian_filter(volume, 0.7))
    if not inside.any():
        raise InputError("direct beam", rule="must be absorbed by the sample")
    corner = np.array([-count / 2 * voxel, -count / 2 * voxel, low * voxel])
    return SampleMask(inside, corner, voxel, "absorption")


def _pixels_at(setup: Setup, box: Box, y_line: Floats, z_line: Floats) -> tuple[Floats, Floats]:
    """Rows and cols within the box that see the direct beam through lab y, z: [z,y] each."""
    detector = setup.detector
    along = np.array([detector.v_um[1:], detector.u_um[1:]]).T
    away = np.stack(np.meshgrid(y_line, z_line), axis=-1) - detector.origin_um[1:]
    rowcol = away @ np.linalg.inv(along).T
    return rowcol[..., 0] - box.row0, rowcol[..., 1] - box.col0


def _ramp(count: int, step: float) -> Floats:
    """The Ram-Lak filter in real space (Kak and Slaney, chapter 3), padded to a power of two, in FFT order."""
    size = 2 ** int(np.ceil(np.log2(2 * count)))
    n = np.fft.fftfreq(size, 1 / size)
    out = np.zeros(size)
    odd = np.mod(n, 2) == 1
    out[odd] = -1.0 / (np.pi * n[odd]) ** 2
    out[0] = 0.25
    return out / step


def _solid(density: AnyArray) -> Mask:
    """The largest part that reaches half of its own mean density, without holes; [z,y,x]."""
    level = 0.5 * float(density.max())
    for _ in range(50):
        part = density[density >= level]
        if part.size == 0 or level <= 0:
            return np.zeros(density.shape, dtype=bool)
        level = 0.5 * float(part.mean())
    labels, count = ndimage.label(density >= level)
    if count == 0:
        return np.zeros(density.shape, dtype=bool)
    largest = 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))
    return np.asarray(ndimage.binary_fill_holes(labels == largest), dtype=bool)


def shape_mask(sample: SampleShape, origin_um: Floats, shape: tuple[int, int, int], voxel_um: float) -> Mask:
    """The cylinder or box of the recipe on a grid [z,y,x]; True everywhere when there is none."""
    if sample.kind not in ("cylinder", "box"):
        return np.ones(shape, dtype=bool)
    x, y, z = (np.asarray(origin_um)[axis] + (np.arange(shape[2 - axis]) + 0.5) * voxel_um for axis in range(3))
    half = 0.5 * np.array(sample.size_um)
    if sample.kind == "cylinder":
        across = np.hypot(x[None, :], y[:, None]) < half[0]
    else:
        across = (np.abs(x) < half[0])[None, :] & (np.abs(y) < half[1])[:, None]
    return np.asarray((np.abs(z) < half[2])[:, None, None] & across[None])


def convex_hull_mask(inside: Mask, spurs: int = SPURS) -> Mask:
    """Voxels [z,y,x] in the convex hull of the given ones, centre by centre (corners would add a layer), without
    spurs thinner than twice `spurs` voxels."""
    sure = ndimage.binary_opening(inside, ndimage.generate_binary_structure(3, 1), iterations=spurs)
    if not sure.any():
        return inside.copy()
    border = np.argwhere(sure & ~ndimage.binary_erosion(sure))
    try:
        facets = ConvexHull(border).equations
    except QhullError:  # all in one plane
        return inside.copy()
    # facets in one plane come as triangles: each plane is asked once
    planes = np.unique(np.round(facets, 9), axis=0)
    unknown = np.argwhere(~inside)
    chunk = max(1, PIECE // len(planes))
    out = inside.copy()
    for start in range(0, len(unknown), chunk):
        some = unknown[start : start + chunk]
        within = (some @ planes[:, :3].T + planes[:, 3] <= EDGE).all(axis=1)
        out[tuple(some[within].T)] = True
    return out
