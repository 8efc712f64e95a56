"""Slow and obvious twins of the projector, of spot images and of the geometry of a reconstruction."""

import numpy as np


def weights(u, v, width, height):
    """Bilinear weights of one place, as an image [u,v]: a product of two tents; nothing beyond the edges."""
    across = np.maximum(0.0, 1.0 - np.abs(np.arange(width) - u))
    up = np.maximum(0.0, 1.0 - np.abs(np.arange(height) - v))
    return np.outer(across, up)


def matrix_of(shape, spans, slope, offset, pixels):
    """The projector as a dense matrix (projections * u * v, x * y * z)."""
    out = np.zeros((len(slope), *pixels, *shape))
    for p, (i, j, k) in ((p, index) for p in range(len(slope)) for index in np.ndindex(shape)):
        if spans[i, j, 0] <= k < spans[i, j, 1]:
            u, v = slope[p] @ (i, j) + offset[p] + (0, k)
            out[p, :, :, i, j, k] = weights(u, v, *pixels)
    return out.reshape(len(slope) * pixels[0] * pixels[1], -1)


def as_any(slope, offset):
    """The columns' geometry as the generic projector takes it."""
    matrix = np.zeros((len(slope), 2, 4))
    matrix[:, :, :2], matrix[:, 1, 2], matrix[:, :, 3] = slope, 1.0, offset
    return matrix


def place_on_detector(position, omega, k, detector):
    """Row, col where light from a place of the sample frame, along k in the lab at omega, meets the detector."""
    c, s = np.cos(omega), np.sin(omega)
    lab = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ position
    col, row, _ = np.linalg.solve(
        np.column_stack([detector.u_um, detector.v_um, -np.asarray(k)]), lab - detector.origin_um
    )
    return row, col


def image_of_blob(blobs, row, corner, shape):
    """A blob summed over frames in a window."""
    out = np.zeros(shape)
    part = blobs.voxels.of(row)
    for r, c, value in zip(
        blobs.voxels.row[part], blobs.voxels.col[part], blobs.voxels.intensity[part], strict=True
    ):
        if 0 <= r - corner[0] < shape[0] and 0 <= c - corner[1] < shape[1]:
            out[r - corner[0], c - corner[1]] += value
    return out


def bent_matrix_of(place, turn, matrix, rates, pixels):
    """The projector of bent grains as a dense matrix (projections * u * v, voxels * parts)."""
    out = np.zeros((len(matrix), *pixels, len(place), rates.shape[1]))
    for p, n in np.ndindex(len(matrix), len(place)):
        u, v = matrix[p] @ (*place[n], 1.0, *turn[n])
        out[p, :, :, n] = weights(u, v, *pixels)[:, :, None] * rates[p]
    return out.reshape(len(matrix) * pixels[0] * pixels[1], -1)
