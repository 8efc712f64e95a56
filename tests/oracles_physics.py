"""Slow and obvious twins of the diffraction kernels."""

import math

import numpy as np
from scipy.optimize import brentq
from scipy.spatial.transform import Rotation


def rotation_about_z(angle):
    return Rotation.from_euler("z", angle).as_matrix()


def omegas_by_search(g, wavelength, steps=720):
    """Angles in [0, 2 pi) where |k_in + g| = |k_in|, found by bracketing; ascending."""
    k_in = np.array([1.0 / wavelength, 0.0, 0.0])

    def off(angle):
        return np.linalg.norm(k_in + rotation_about_z(angle) @ g) - 1.0 / wavelength

    grid = np.linspace(0.0, 2 * np.pi, steps + 1)
    values = [off(angle) for angle in grid]
    return np.array(
        [
            brentq(off, a, b, xtol=1e-14)
            for a, b, u, v in zip(grid, grid[1:], values, values[1:], strict=False)
            if u * v < 0
        ]
    )


def meet_detector(position, direction, origin, u, v):
    """Row, col and distance along the ray, by solving three equations."""
    col, row, minus_t = np.linalg.solve(np.column_stack([u, v, direction]), position - origin)
    return row, col, -minus_t


def spot_by_hand(g, position, omega, wavelength, origin, u, v):
    """Row, col, eta, two-theta of the beam that g diffracts at an angle that fulfils Bragg's law."""
    turn = rotation_about_z(omega)
    k = turn @ g + np.array([1.0 / wavelength, 0.0, 0.0])
    row, col, _ = meet_detector(turn @ position, k, origin, u, v)
    return row, col, math.atan2(-k[1], k[2]), math.acos(k[0] / np.linalg.norm(k))


def image_by_hand(voxels, g_of_voxel, omega0, counts, spread, frame_of, wavelength, detector, shape):
    """A spot before the point spread, float64 [frame, row, col]: every voxel diffracts by its own exact Bragg law.

    `frame_of(omega)` turns an angle into a fractional frame; the mosaic spread is a Gaussian cut at 3 sigma.
    """
    image = np.zeros(shape)
    whole = math.erf(3.0 / math.sqrt(2.0))
    for position, g in zip(voxels, g_of_voxel, strict=True):
        k_in = np.array([1.0 / wavelength, 0.0, 0.0])

        def off(angle, g=g, k_in=k_in):
            return np.linalg.norm(k_in + rotation_about_z(angle) @ g) - 1.0 / wavelength

        omega = brentq(off, omega0 - 0.05, omega0 + 0.05, xtol=1e-14)
        row, col, _, _ = spot_by_hand(
            g, position, omega, wavelength, detector.origin_um, detector.u_um, detector.v_um
        )
        centre = frame_of(omega)
        r, c = math.floor(row), math.floor(col)
        for frame in range(math.floor(centre - 3 * spread), math.floor(centre + 3 * spread) + 1):
            low, high = (min(max((edge - centre) / spread, -3.0), 3.0) for edge in (frame, frame + 1))
            part = 0.5 * (math.erf(high / math.sqrt(2.0)) - math.erf(low / math.sqrt(2.0))) / whole
            for i, wi in ((r, 1 - (row - r)), (r + 1, row - r)):
                for j, wj in ((c, 1 - (col - c)), (c + 1, col - c)):
                    image[frame, i, j] += counts * part * wi * wj
    return image


def near_by_hand(spots, period, gap):
    """For voxel lists [(frame, row, col), ...] per spot: True where another spot has a voxel within `gap`."""
    near = np.zeros(len(spots), dtype=bool)
    for i, mine in enumerate(spots):
        for j, other in enumerate(spots):
            if i == j or not len(mine) or not len(other):
                continue
            apart = np.abs(mine[:, None, :] - other[None, :, :])
            if period:
                apart[..., 0] = np.minimum(apart[..., 0] % period, -apart[..., 0] % period)
            near[i] |= bool((apart.max(axis=2) <= gap).any())
    return near


def way_by_steps(inside, place, direction, reach, steps=20000):
    """Length of what lies inside ahead of a place, by small steps; `inside(points)` tells for points (n,3)."""
    far = (np.arange(steps) + 0.5) * reach / steps
    return np.count_nonzero(inside(place + far[:, None] * direction)) * reach / steps
