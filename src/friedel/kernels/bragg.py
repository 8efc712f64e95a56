"""Where and when a crystal diffracts: a parallel beam along x, a crystal that turns about z, a flat detector.

The equations are those of docs/conventions (checked against ImageD11): `g_lab = Rz(w) g`, diffraction where
`g_lab,x = -lambda |g|^2 / 2`, `k = lambda g_lab + x` (a unit vector), `eta = atan2(-k_y, k_z)`. Angles are in
radians, lengths in micrometres, g in 1/Angstrom without 2 pi. `w` is the angle of the equations; the sense of
the stage is applied before and after (`model.setup.Setup`).
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from friedel.kernels.compiled import njit

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
TURN = 2.0 * math.pi


class BraggSpots(NamedTuple):
    """Predicted spots: one entry per reflection and solution, reflections in order, both solutions in a row.

    `reflection` is the row of the g-vector; `omega` in [0, 2 pi), `eta`, `two_theta` in radians; `row`, `col`
    on the detector in pixels (they may lie outside); `k` (n,3) the unit vector of the diffracted beam.
    """

    reflection: Indices
    omega: Floats
    eta: Floats
    two_theta: Floats
    row: Floats
    col: Floats
    k: Floats

    def only(self, least_sin_eta: float) -> "BraggSpots":
        """Without those so near the axis that they hardly pass through the diffraction condition."""
        far = np.abs(np.sin(self.eta)) >= least_sin_eta
        return BraggSpots(
            self.reflection[far],
            self.omega[far],
            self.eta[far],
            self.two_theta[far],
            self.row[far],
            self.col[far],
            self.k[far],
        )


def detector_frame(origin_um: Floats, u_um: Floats, v_um: Floats) -> Floats:
    """Rows of a (4,3) array that the kernels here take as `plane`: origin, normal, and the duals of u and v.

    The duals turn a vector in the plane into columns and rows: `col = dual_u . r`, `row = dual_v . r`.
    """
    normal = np.cross(u_um, v_um)
    area = float(normal @ normal)
    dual_u, dual_v = np.cross(v_um, normal) / area, np.cross(normal, u_um) / area
    return np.array([origin_um, normal / math.sqrt(area), dual_u, dual_v], dtype=np.float64)


def lorentz(two_theta: Floats, eta: Floats) -> Floats:
    """Lorentz factor of a rotation scan: `1 / (sin 2theta |sin eta|)`."""
    return np.asarray(1.0 / (np.sin(two_theta) * np.abs(np.sin(eta))))


def polarisation(two_theta: Floats, eta: Floats) -> Floats:
    """Polarisation factor of a beam polarised in the horizontal plane (along y): `1 - k_y^2`."""
    return np.asarray(1.0 - (np.sin(two_theta) * np.sin(eta)) ** 2)


def predict(g: Floats, position_um: Floats, wavelength: float, plane: Floats) -> BraggSpots:
    """All spots of one grain: g (n,3) in the sample frame = (U B h), position (3,) in the sample frame.

    `plane` is `detector_frame(...)`. Reflections that never diffract, and beams that never meet the detector's
    plane (backwards), are left out.
    """
    g = np.ascontiguousarray(g, dtype=np.float64)
    values = np.empty((2 * len(g), 8))
    predict_into(g, np.asarray(position_um, dtype=np.float64), float(wavelength), plane, values)
    found = np.flatnonzero(np.isfinite(values[:, 0]))
    omega, eta, two_theta, row, col = values[found, :5].T.copy()
    return BraggSpots(found // 2, omega, eta, two_theta, row, col, values[found, 5:])


@njit(cache=True, nogil=True)
def predict_into(g: Any, position_um: Any, wavelength: float, plane: Any, out: Any) -> None:
    """Fill out (2n, 8) with omega, eta, two_theta, row, col, kx, ky, kz; NaN where there is no spot."""
    solutions = np.empty(2)
    hit = np.empty(2)
    for i in range(g.shape[0]):
        omega_solutions(g[i, 0], g[i, 1], g[i, 2], wavelength, solutions)
        for j in range(2):
            line = out[2 * i + j]
            line[:] = np.nan
            w = solutions[j]
            if math.isnan(w):
                continue
            c, s = math.cos(w), math.sin(w)
            kx = 1.0 + wavelength * (c * g[i, 0] - s * g[i, 1])
            ky = wavelength * (s * g[i, 0] + c * g[i, 1])
            kz = wavelength * g[i, 2]
            x = c * position_um[0] - s * position_um[1]
            y = s * position_um[0] + c * position_um[1]
            if not meet_plane(x, y, position_um[2], kx, ky, kz, plane, hit):
                continue
            line[0], line[1] = w, math.atan2(-ky, kz)
            line[2] = math.atan2(math.hypot(ky, kz), kx)
            line[3], line[4] = hit[0], hit[1]
            line[5], line[6], line[7] = kx, ky, kz


@njit(cache=True, nogil=True)
def omega_solutions(gx: float, gy: float, gz: float, wavelength: float, out: Any) -> None:
    """The two angles [0, 2 pi) at which g fulfils Bragg's law, NaN where it never does."""
    in_plane = math.hypot(gx, gy)
    needed = -0.5 * wavelength * (gx * gx + gy * gy + gz * gz)
    if in_plane == 0.0 or abs(needed) > in_plane:
        out[0] = out[1] = np.nan
        return
    half = math.acos(needed / in_plane)
    phi = math.atan2(gy, gx)
    out[0] = _within_turn(-phi + half)
    out[1] = _within_turn(-phi - half)


@njit(cache=True, nogil=True)
def _within_turn(angle: float) -> float:
    turned = angle % TURN
    return 0.0 if turned >= TURN else turned


@njit(cache=True, nogil=True)
def meet_plane(x: float, y: float, z: float, kx: float, ky: float, kz: float, plane: Any, out: Any) -> bool:
    """Where the ray from (x,y,z) along k meets the detector: out = row, col. False when it never does."""
    o, n, u, v = plane[0], plane[1], plane[2], plane[3]
    slope = n[0] * kx + n[1] * ky + n[2] * kz
    if slope == 0.0:
        return False
    t = (n[0] * (o[0] - x) + n[1] * (o[1] - y) + n[2] * (o[2] - z)) / slope
    if t <= 0.0:
        return False
    dx, dy, dz = x + t * kx - o[0], y + t * ky - o[1], z + t * kz - o[2]
    out[0] = v[0] * dx + v[1] * dy + v[2] * dz
    out[1] = u[0] * dx + u[1] * dy + u[2] * dz
    return True
