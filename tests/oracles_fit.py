"""Slow and obvious twins of the fit of a grain to its spots: one prediction at a time, scipy's least squares."""

import numpy as np
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from friedel.kernels import bragg
from friedel.kernels.index.fit_grain import CAUCHY_SCALE


def residuals(UB, position, hkl, seen, wavelength, plane):
    """Predicted minus seen (omega |sin eta|, row, col) of each spot (n,3), by the prediction for everybody."""
    out = []
    for h, (omega, row, col) in zip(hkl, seen, strict=True):
        found = bragg.predict((UB @ h)[None], position, wavelength, plane)
        away = np.mod(found.omega - omega + np.pi, 2 * np.pi) - np.pi
        near = np.argmin(np.abs(away))
        sine = abs(np.sin(found.eta[near]))
        out.append([away[near] * sine, found.row[near] - row, found.col[near] - col])
    return np.array(out)


def changed(U, position, step):
    """Turned by the first three parameters (rotation vector), moved by the others."""
    return Rotation.from_rotvec(step[:3]).as_matrix() @ U, position + step[3:]


def normal_matrices(U, B, position, hkl, seen, error, wavelength, plane):
    """J^T W J, J^T W r and the weighted sum of squares, with Cauchy's weights and central differences."""

    def scaled(step):
        turned, place = changed(U, position, step)
        return (residuals(turned @ B, place, hkl, seen, wavelength, plane) / error).ravel()

    here, steps = scaled(np.zeros(6)), np.diag([1e-6] * 3 + [1e-2] * 3)
    J = np.column_stack([(scaled(step) - scaled(-step)) / (2 * step.sum()) for step in steps])
    weight = 1 / (1 + (here / CAUCHY_SCALE) ** 2)
    return J.T @ (weight[:, None] * J), J.T @ (weight * here), (weight * here**2).sum()


def fitted(U, B, position, hkl, seen, error, wavelength, plane):
    """(U, position) where scipy finds the least Cauchy loss."""

    def scaled(step):
        turned, place = changed(U, position, np.asarray(step) * units)
        return (residuals(turned @ B, place, hkl, seen, wavelength, plane) / error).ravel()

    units = np.array([1e-4] * 3 + [0.1] * 3)
    found = least_squares(
        scaled, np.zeros(6), loss="cauchy", f_scale=CAUCHY_SCALE, xtol=1e-14, ftol=1e-14, gtol=1e-12
    )
    return changed(U, position, found.x * units)


def nearest_blobs(spots, place, extra_error, error, limit):
    """Of each spot (omega, row, col, |sin eta|): blobs within `limit` errors and their squares, nearest first."""
    out = []
    for spot in spots:
        off = spot[:3] - place
        off[:, 0] = (np.mod(off[:, 0] + np.pi, 2 * np.pi) - np.pi) * spot[3]
        squares = (off**2 / (error**2 + extra_error**2)).sum(axis=1)
        order = np.argsort(squares)
        order = order[squares[order] <= limit**2]
        out.append((order, squares[order]))
    return out


def nearest_blob_each(spots, place, extra_error, error, limit):
    """The nearest blob of each spot, -1 without one; of the spots that share it only the nearest one has it."""
    near = nearest_blobs(spots, place, extra_error, error, limit)
    first = np.array([order[0] if len(order) else -1 for order, _ in near])
    square = np.array([squares[0] if len(order) else np.inf for order, squares in near])
    return np.array([
        blob if blob >= 0 and s == min(np.flatnonzero(first == blob), key=lambda t: square[t]) else -1
        for s, blob in enumerate(first)
    ])  # fmt: skip
