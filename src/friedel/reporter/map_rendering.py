"""A picture of the volume of grains, made without a display: light, shade, a corner cut away."""

import numpy as np
from scipy import ndimage

from friedel.kernels.report.ray_casting import cast_rays
from friedel.model.arrays import AnyArray, Floats
from friedel.model.grains import GrainVolume

SIZE = 1400
"""Pixels of the larger side, before the picture is halved."""
MOST_VOXELS = 320
"""Along one side; finer maps are thinned, since a picture would not show more."""
SOFTEN = 1.3
"""Voxels by which the sample's surface is smoothed, so that its steps do not catch the light."""
AZIMUTH_DEG, ELEVATION_DEG = 38.0, 27.0
LIGHTS = ((-0.35, -0.6, 0.72, 0.48), (0.6, -0.75, 0.25, 0.40))
"""Directions (right, up is the third, towards the viewer is minus the second) and strength."""
AMBIENT = 0.47
BOUNDARY = 0.62
"""How much darker the line between two grains is."""


def view_axes() -> tuple[Floats, Floats, Floats]:
    """Unit vectors (x, y, z) to the right, up and away from the viewer, who stands at +x, -y, +z of the sample."""
    azimuth, elevation = np.radians([AZIMUTH_DEG, ELEVATION_DEG])
    right = np.array([np.cos(azimuth), np.sin(azimuth), 0.0])
    level = np.array([-np.sin(azimuth), np.cos(azimuth), 0.0])
    forward = np.cos(elevation) * level - np.sin(elevation) * np.array([0.0, 0.0, 1.0])
    return right, np.cross(right, forward), forward


def render_map(volume: GrainVolume, colours: AnyArray) -> tuple[AnyArray, float]:
    """RGBA [row, col, 4] in 0..1 on nothing, and the length of a pixel in micrometres.

    `colours` (grains, 3) in 0..1. Drawn twice as large and then halved, which smooths the edges. The corner towards
    the viewer, a quarter of the upper half, is cut out.
    """
    label, voxel_um = _bounded(volume)
    full = label > 0
    middle = _middle(full)
    cut = np.array([middle[0], middle[1], middle[2]])
    left = full.copy()
    left[int(np.ceil(cut[0])) :, : int(np.floor(cut[1])) + 1, int(np.ceil(cut[2])) :] = False
    distance = ndimage.distance_transform_edt(~left).astype(np.float32)
    solid = ndimage.gaussian_filter(full.astype(np.float32), SOFTEN)
    right, up, forward = (axis[::-1].copy() for axis in view_axes())
    corners = np.array(np.meshgrid(*[[-1.0, n] for n in label.shape], indexing="ij")).reshape(3, -1).T
    seen = np.argwhere(full & ~ndimage.binary_erosion(full)) if full.any() else corners
    spans = [(float(c.min()) - 1.5, float(c.max()) + 1.5) for c in (seen @ right, seen @ up, corners @ forward)]
    pixel = max(spans[0][1] - spans[0][0], spans[1][1] - spans[1][0]) / SIZE
    cols, rows = (2 * max(1, round((high - low) / pixel / 2)) for low, high in spans[:2])
    start = right * spans[0][0] + up * spans[1][1] + forward * (spans[2][0] - 2.0)
    found = np.zeros((rows, cols, 5), np.float32)
    cast_rays(label, solid, distance, start, right * pixel, -up * pixel, forward, cut, found)
    fine = _lit(found, np.vstack([np.zeros(3), colours]), (right, up, forward), pixel)
    return halved(fine), 2 * pixel * voxel_um


def _bounded(volume: GrainVolume) -> tuple[AnyArray, float]:
    """Labels without empty margins, of no more than `MOST_VOXELS` along a side, and the edge of a voxel."""
    box = ndimage.find_objects((volume.grain_id > 0).astype(np.uint8))
    label = volume.grain_id[box[0]] if box else volume.grain_id
    every = -(-max(label.shape) // MOST_VOXELS)
    return np.ascontiguousarray(np.pad(label[::every, ::every, ::every], 1)), volume.voxel_um * every


def _middle(full: AnyArray) -> Floats:
    return np.array([0.5 * (n - 1) for n in full.shape])


def _lit(found: AnyArray, colours: AnyArray, axes: tuple[Floats, ...], pixel: float) -> AnyArray:
    """Colour, light, shade in corners, boundaries: RGBA, premultiplied by nothing."""
    hit = np.isfinite(found[..., 1])
    right, up, forward = axes
    normal = found[..., 2:5]
    light = np.full(hit.shape, AMBIENT)
    for across, away, above, strength in LIGHTS:
        direction = across * right + away * forward + above * up
        light += strength * np.clip(normal @ (direction / np.linalg.norm(direction)), 0, 1)
    light *= _corners(found[..., 1], hit, pixel)
    label = found[..., 0].astype(np.int64)
    shown = np.clip(colours[label] * light[..., None], 0, 1) * (1 - BOUNDARY * _lines(label))[..., None]
    return np.concatenate([np.where(hit[..., None], shown, 0.0), hit[..., None]], axis=-1)


def _lines(label: AnyArray) -> AnyArray:
    """1 where two labels meet (0 is none), falling off within two pixels."""
    edge = np.zeros(label.shape, np.float32)
    for axis in (0, 1):
        first = np.take(label, range(label.shape[axis] - 1), axis)
        second = np.take(label, range(1, label.shape[axis]), axis)
        differ = (first != second) & (first > 0) & (second > 0)
        for shift in (0, 1):
            part = [slice(None), slice(None)]
            part[axis] = slice(shift, label.shape[axis] - 1 + shift)
            edge[tuple(part)] = np.maximum(edge[tuple(part)], differ)
    return np.asarray(np.clip(1.5 * ndimage.gaussian_filter(edge, 0.8), 0, 1))


def _corners(depth: AnyArray, hit: AnyArray, pixel: float) -> AnyArray:
    """Darker where what surrounds a place lies nearer to the viewer: inner edges, and beside what stands out."""
    far = np.where(hit, depth, np.nan)
    top = np.nanmax(far) if hit.any() else 0.0
    level = np.where(hit, depth, top + 1.0)
    shade = np.ones(depth.shape)
    for sigma, strength in ((depth.shape[1] / 90, 0.30), (depth.shape[1] / 25, 0.25)):
        behind = level - ndimage.uniform_filter(level, int(2 * sigma) | 1, mode="nearest")
        shade -= strength * np.clip(behind / (sigma * pixel * 1.2), 0, 1)
    return shade


def halved(fine: AnyArray) -> AnyArray:
    """Every 2 × 2 pixels as one, colours weighted by how much of a pixel they cover."""
    rows, cols = fine.shape[0] // 2, fine.shape[1] // 2
    blocks = fine[: 2 * rows, : 2 * cols].reshape(rows, 2, cols, 2, 4)
    cover = blocks[..., 3:].mean(axis=(1, 3))
    colour = (blocks[..., :3] * blocks[..., 3:]).mean(axis=(1, 3)) / np.maximum(cover, 1e-6)
    return np.concatenate([colour, cover], axis=-1)
