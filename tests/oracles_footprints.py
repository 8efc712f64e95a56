"""Slow and obvious twins of footprints and of blobs divided by them."""

import numpy as np
from scipy.optimize import nnls
from scipy.special import erf


def light_at(image, inverse, middle, width, turn, frame, row, col):
    """The part of a spot's light that one voxel gets: the image between its pixels, times the frame's part."""
    u, v = inverse @ (row, col, 1.0)
    across = np.maximum(0.0, 1.0 - np.abs(np.arange(image.shape[0]) - u))
    up = np.maximum(0.0, 1.0 - np.abs(np.arange(image.shape[1]) - v))
    inside = 0 <= u < image.shape[0] - 1 and 0 <= v < image.shape[1] - 1
    apart = min((frame - middle + k * turn for k in (-1, 0, 1)), key=abs) if turn else frame - middle
    if not inside or abs(apart) > 3 * width + 0.5:
        return 0.0
    edges = np.array([apart - 0.5, apart + 0.5]) / width / np.sqrt(2)
    return float(across @ image @ up) * 0.5 * float(np.diff(erf(edges))[0])


def amplitudes(footprints, intensity, prior, expected):
    """Least squares without negative parts of footprints [spot,voxel], each pulled to what is expected of it."""
    pull = np.diag(np.sqrt(prior * (footprints**2).sum(axis=1)))
    return nnls(np.vstack([footprints.T, pull]), np.concatenate([intensity, pull @ expected]))[0]


def boxes_meet(one, other, turn):
    """Whether two boxes (start and stop of frames, rows, cols) have a voxel in common."""
    shifts = (-turn, 0, turn) if turn else (0,)
    frames = any(one[0] + s < other[1] and other[0] < one[1] + s for s in shifts)
    return frames and all(one[i] < other[i + 1] and other[i] < one[i + 1] for i in (2, 4))


def window_of(image, inverse, window):
    """A footprint on the pixels of its window (start and stop of rows, cols)."""
    rows, cols = range(*window[:2]), range(*window[2:])
    whole = np.sqrt(2) * 1e-6  # of a spot that lasts for one frame alone
    return np.array([[light_at(image, inverse, 0.0, whole, 0, 0, row, col) for col in cols] for row in rows])
