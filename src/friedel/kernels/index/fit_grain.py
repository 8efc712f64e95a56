"""Orientation and position of a grain from its spots: robust Gauss-Newton on (omega |sin eta|, row, col).

Position, orientation and strain together from all spots of a grain, as in FitAllB (Oddershede et al., J. Appl.
Cryst. 43 (2010) 539); Cauchy's weights instead of outlier rejection.
"""

import math
from typing import Any

import numpy as np

from friedel.kernels.bragg import meet_plane, omega_solutions
from friedel.kernels.compiled import njit
from friedel.kernels.index.blob_lookup import EXPECTED, TURN, nearest_blob_each, predict_spots

CAUCHY_SCALE = 2.5
"""Residuals of more errors than this weigh less and less (Cauchy's weight)."""
ROUNDS = 5


@njit(cache=True, nogil=True)
def spot_residual(
    UB: Any, position: Any, h: Any, seen: Any, wavelength: float, plane: Any, hit: Any, out: Any
) -> bool:
    """out (3,) = predicted minus seen (omega, row, col): omega times |sin eta|; False where h never diffracts."""
    gx = UB[0, 0] * h[0] + UB[0, 1] * h[1] + UB[0, 2] * h[2]
    gy = UB[1, 0] * h[0] + UB[1, 1] * h[1] + UB[1, 2] * h[2]
    gz = UB[2, 0] * h[0] + UB[2, 1] * h[1] + UB[2, 2] * h[2]
    omega_solutions(gx, gy, gz, wavelength, hit)
    if math.isnan(hit[0]):
        return False
    d0 = (hit[0] - seen[0] + math.pi) % TURN - math.pi
    d1 = (hit[1] - seen[0] + math.pi) % TURN - math.pi
    w, dw = (hit[0], d0) if abs(d0) <= abs(d1) else (hit[1], d1)
    c, s = math.cos(w), math.sin(w)
    kx = 1.0 + wavelength * (c * gx - s * gy)
    ky = wavelength * (s * gx + c * gy)
    kz = wavelength * gz
    x, y = c * position[0] - s * position[1], s * position[0] + c * position[1]
    if not meet_plane(x, y, position[2], kx, ky, kz, plane, hit):
        return False
    out[0] = dw * abs(ky) / math.sqrt(ky * ky + kz * kz)
    out[1], out[2] = hit[0] - seen[1], hit[1] - seen[2]
    return True


@njit(cache=True, nogil=True)
def rotated(U: Any, v: Any) -> Any:
    """U rotated by the small rotation vector v (3,): exact (Rodrigues)."""
    angle = math.sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2])
    if angle < 1e-14:
        return U.copy()
    x, y, z = v[0] / angle, v[1] / angle, v[2] / angle
    c, s = math.cos(angle), math.sin(angle)
    d = 1.0 - c
    R = np.array(
        [
            [c + x * x * d, x * y * d - z * s, x * z * d + y * s],
            [y * x * d + z * s, c + y * y * d, y * z * d - x * s],
            [z * x * d - y * s, z * y * d + x * s, c + z * z * d],
        ]
    )
    return R @ U


@njit(cache=True, nogil=True)
def change_of_g(q: int, gx: float, gy: float, gz: float, out: Any) -> None:
    """out (3,) = how g changes with parameter q: 0..2 turns about x, y, z, 6..11 strains xx yy zz yz xz xy."""
    out[:] = 0.0
    if q == 0:
        out[1], out[2] = -gz, gy
    elif q == 1:
        out[0], out[2] = gz, -gx
    elif q == 2:
        out[0], out[1] = -gy, gx
    elif q == 6:
        out[0] = gx
    elif q == 7:
        out[1] = gy
    elif q == 8:
        out[2] = gz
    elif q == 9:
        out[1], out[2] = gz, gy
    elif q == 10:
        out[0], out[2] = gz, gx
    elif q == 11:
        out[0], out[1] = gy, gx


@njit(cache=True, nogil=True)
def spot_jacobian(
    UB: Any, position: Any, h: Any, seen: Any, wavelength: float, plane: Any, hit: Any, out: Any, J: Any
) -> bool:
    """As `spot_residual`, and J (3,p) = how it changes with p = 6 or 12 parameters: 3 angles (rad), 3 lengths, 6
    strains. From Bragg's law, d(g_lab,x) = -wavelength g dg, and from where the ray meets the plane."""
    if not spot_residual(UB, position, h, seen, wavelength, plane, hit, out):
        return False
    gx = UB[0, 0] * h[0] + UB[0, 1] * h[1] + UB[0, 2] * h[2]
    gy = UB[1, 0] * h[0] + UB[1, 1] * h[1] + UB[1, 2] * h[2]
    gz = UB[2, 0] * h[0] + UB[2, 1] * h[1] + UB[2, 2] * h[2]
    omega_solutions(gx, gy, gz, wavelength, hit)
    d0 = (hit[0] - seen[0] + math.pi) % TURN - math.pi
    d1 = (hit[1] - seen[0] + math.pi) % TURN - math.pi
    w, dw = (hit[0], d0) if abs(d0) <= abs(d1) else (hit[1], d1)
    c, s = math.cos(w), math.sin(w)
    x, y = c * gx - s * gy, s * gx + c * gy
    kx, ky, kz = 1.0 + wavelength * x, wavelength * y, wavelength * gz
    if ky == 0.0:
        return False
    px, py = c * position[0] - s * position[1], s * position[0] + c * position[1]
    o, n, u, v = plane[0], plane[1], plane[2], plane[3]
    slope = n[0] * kx + n[1] * ky + n[2] * kz
    t = (n[0] * (o[0] - px) + n[1] * (o[1] - py) + n[2] * (o[2] - position[2])) / slope
    across = math.sqrt(ky * ky + kz * kz)
    sine, way = abs(ky) / across, math.copysign(1.0, ky)
    dg = np.empty(3)
    for q in range(J.shape[1]):
        turn, kdx, kdy, kdz, pdx, pdy, pdz = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        if 3 <= q < 6:
            pdx = c if q == 3 else (-s if q == 4 else 0.0)
            pdy = s if q == 3 else (c if q == 4 else 0.0)
            pdz = 1.0 if q == 5 else 0.0
        else:
            change_of_g(q, gx, gy, gz, dg)
            lx, ly = c * dg[0] - s * dg[1], s * dg[0] + c * dg[1]
            turn = (lx + wavelength * (gx * dg[0] + gy * dg[1] + gz * dg[2])) / y
            kdx, kdy, kdz = wavelength * (lx - turn * y), wavelength * (ly + turn * x), wavelength * dg[2]
            pdx, pdy = -turn * py, turn * px
        mx, my, mz = pdx + t * kdx, pdy + t * kdy, pdz + t * kdz
        dt = -(n[0] * mx + n[1] * my + n[2] * mz) / slope
        mx, my, mz = mx + dt * kx, my + dt * ky, mz + dt * kz
        J[0, q] = turn * sine + dw * (way * kdy - sine * (ky * kdy + kz * kdz) / across) / across
        J[1, q] = v[0] * mx + v[1] * my + v[2] * mz
        J[2, q] = u[0] * mx + u[1] * my + u[2] * mz
    return True


@njit(cache=True, nogil=True)
def normal_equations(
    U: Any, B: Any, position: Any, hkl: Any, seen: Any, error: Any, wavelength: float, plane: Any, A: Any, b: Any
) -> float:
    """Fill A (p,p) = J^T W J and b (p,) = J^T W r of p = 6 or 12 parameters; the weighted sum of squares.

    `seen` (n,3) omega, row, col, `error` (n,3) of omega |sin eta|, row, col.
    """
    p = len(b)
    A[:] = 0.0
    b[:] = 0.0
    total = 0.0
    UB = U @ B
    r, hit, J = np.empty(3), np.empty(2), np.empty((3, p))
    for i in range(hkl.shape[0]):
        if not spot_jacobian(UB, position, hkl[i], seen[i], wavelength, plane, hit, r, J):
            continue
        for a in range(3):
            z = r[a] / error[i, a]
            weight = 1.0 / (1.0 + (z / CAUCHY_SCALE) ** 2)
            total += weight * z * z
            scaled = weight / error[i, a]
            for q in range(p):
                b[q] += scaled * J[a, q] * z
                for other in range(q + 1):
                    A[q, other] += scaled / error[i, a] * J[a, q] * J[a, other]
    for q in range(p):
        for other in range(q):
            A[other, q] = A[q, other]
    return total


@njit(cache=True, nogil=True)
def gauss_newton(
    U: Any, B: Any, position: Any, hkl: Any, seen: Any, error: Any, wavelength: float, plane: Any, rounds: int
) -> Any:
    """(U, position, A): fitted, and the matrix whose inverse is the covariance at unit errors."""
    A, b = np.empty((6, 6)), np.empty(6)
    for _ in range(rounds):
        normal_equations(U, B, position, hkl, seen, error, wavelength, plane, A, b)
        for q in range(6):
            A[q, q] *= 1.0 + 1e-9
            A[q, q] += 1e-12
        step = -np.linalg.solve(A, b)
        U = rotated(U, step[:3])
        position = position + step[3:6]
        if np.abs(step[:3]).max() < 1e-7 and np.abs(step[3:6]).max() < 1e-3:
            break
    return U, position, A


@njit(cache=True, nogil=True)
def gather_found(
    blob: Any, centroid: Any, extra_error: Any, hkl: Any, error: Any, taken: Any, seen: Any, errors: Any
) -> int:
    """Gather of the spots that have a blob hkl (`taken`), centroid (`seen`) and its `errors`, all (n,3); how
    many."""
    n = 0
    for s in range(len(blob)):
        if blob[s] < 0:
            continue
        taken[n] = hkl[s // 2]
        seen[n] = centroid[blob[s]]
        for a in range(3):
            errors[n, a] = math.sqrt(error[a] ** 2 + extra_error[blob[s], a] ** 2)
        n += 1
    return n


@njit(cache=True, nogil=True)
def fit_to_nearest_blobs(
    U: Any,
    position: Any,
    B: Any,
    hkl: Any,
    wavelength: float,
    plane: Any,
    window: Any,
    lookup: Any,
    error: Any,
    limit: float,
    widest: float,
    blob: Any,
    square: Any,
    state: Any,
) -> Any:
    """(U, position) of a grain fitted to the nearest blobs of its predicted spots, again with a shrinking reach.

    `hkl` (n,3) floats, `position` in the unit of `plane`; `error` (3,) rad, px, px; the reach starts at `widest`
    times `error` x `limit`. Fills `blob`, `square`, `state` (2n) of both spots of each reflection: row of the blob
    or -1, squared normalised distance, what was predicted.
    """
    n = hkl.shape[0]
    spots = np.empty((2 * n, 4))
    taken, seen, errors = np.empty((2 * n, 3)), np.empty((2 * n, 3)), np.empty((2 * n, 3))
    for round_ in range(ROUNDS):
        factor = widest ** ((ROUNDS - 1 - round_) / (ROUNDS - 1))
        predict_spots(hkl @ (U @ B).T, position, wavelength, plane, window, spots, state)
        nearest_blob_each(spots, state, lookup, factor * error, limit, blob, square)
        m = gather_found(blob, lookup[0], lookup[1], hkl, factor * error, taken, seen, errors)
        if m < 4:
            break
        U, position, _ = gauss_newton(U, B, position, taken[:m], seen[:m], errors[:m], wavelength, plane, 3)
    predict_spots(hkl @ (U @ B).T, position, wavelength, plane, window, spots, state)
    nearest_blob_each(spots, state, lookup, error, limit, blob, square)
    return U, position


@njit(cache=True, nogil=True)
def count_spots(blob: Any, state: Any, assigned: Any, out: Any) -> None:
    """out (3,) = expected spots that can still be found, how many of them are, expected in all.

    A spot whose blob is `assigned` (blobs) to another grain cannot be found any more; a spot without a blob could.
    """
    out[:] = 0
    for s in range(len(blob)):
        if state[s] != EXPECTED:
            continue
        out[2] += 1
        if blob[s] >= 0 and assigned[blob[s]]:
            continue
        out[0] += 1
        out[1] += blob[s] >= 0
