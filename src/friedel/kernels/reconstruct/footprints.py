"""Footprints of predicted spots in (row, col, omega), and blobs divided between them.

A footprint is the projection of a grain, read between the pixels of its ideal detector, times the part of its light
that a frame gets where the grain passes through the diffraction condition as a normal distribution.
"""

import math
from typing import Any

import numpy as np

from friedel.kernels.compiled import njit

REACH = 3.0
"""A spot ends so many standard deviations from its middle in omega."""


@njit(cache=True, nogil=True)
def frames_apart(frame: float, centre: float, turn: int) -> float:
    """How far a frame is from a spot's middle; `turn` > 0 is the number of frames of a full turn."""
    apart = frame - centre
    if turn > 0:
        apart = (apart + 0.5 * turn) % turn - 0.5 * turn
    return apart


@njit(cache=True, nogil=True)
def boxes_that_meet(boxes: Any, order: Any, longest: int, others: Any, turn: int, first: Any, second: Any) -> int:
    """Which of others (n,6) meet which of boxes (m,6): rows of others in `first`, of boxes in `second`.

    Columns are start and stop of frames, rows, cols; `order` sorts `boxes` by first frame, `longest` is the largest
    number of frames of one, `turn` > 0 the number of frames of a full turn. Returns how many there are; only those
    that fit into `first` and `second` are written.
    """
    count = 0
    starts = boxes[order, 0]
    for n in range(len(others)):
        mine = others[n]
        for shift in range(-1, 2):
            if shift != 0 and turn == 0:
                continue
            start, stop = mine[0] + shift * turn, mine[1] + shift * turn
            for at in range(np.searchsorted(starts, start - longest), np.searchsorted(starts, stop)):
                theirs = boxes[order[at]]
                if theirs[1] <= start or theirs[2] >= mine[3] or theirs[3] <= mine[2]:
                    continue
                if theirs[4] >= mine[5] or theirs[5] <= mine[4]:
                    continue
                if count < len(first):
                    first[count], second[count] = n, order[at]
                count += 1
    return count


@njit(cache=True, nogil=True)
def footprints_at(
    spots: Any, images: Any, pointer: Any, size: Any, inverse: Any, omega: Any, turn: int, voxels: Any, out: Any
) -> None:
    """The part of each spot's light that each voxel gets: out float32 [spot,voxel].

    `spots` are rows of the tables: image of spot s is `images[pointer[s]:pointer[s+1]]` as [u,v] of `size` (s,2),
    `inverse` (s,2,3) gives u, v = inverse @ (row, col, 1), `omega` (s,2) the middle and the standard deviation in
    frames. `voxels` are (frame, row, col).
    """
    frame, row, col = voxels
    for k in range(len(spots)):
        s = spots[k]
        width, height = size[s]
        image = images[pointer[s] : pointer[s + 1]]
        m = inverse[s]
        scale = 1.0 / (omega[s, 1] * math.sqrt(2.0))
        for n in range(len(frame)):
            out[k, n] = 0.0
            apart = frames_apart(frame[n], omega[s, 0], turn)
            if abs(apart) > REACH * omega[s, 1] + 0.5:
                continue
            u = m[0, 0] * row[n] + m[0, 1] * col[n] + m[0, 2]
            v = m[1, 0] * row[n] + m[1, 1] * col[n] + m[1, 2]
            left, low = math.floor(u), math.floor(v)
            if left < 0 or low < 0 or left >= width - 1 or low >= height - 1:
                continue
            a, b = u - left, v - low
            at = left * height + low
            light = (1.0 - a) * ((1.0 - b) * image[at] + b * image[at + 1])
            light += a * ((1.0 - b) * image[at + height] + b * image[at + height + 1])
            out[k, n] = light * 0.5 * (math.erf((apart + 0.5) * scale) - math.erf((apart - 0.5) * scale))


@njit(cache=True, nogil=True)
def add_normal_equations(footprints: Any, intensity: Any, gram: Any, right: Any) -> None:
    """Add footprints @ footprints.T to gram (k,k) and footprints @ intensity to right (k), of [spot,voxel]."""
    spots, voxels = footprints.shape
    for i in range(spots):
        for n in range(voxels):
            value = float(footprints[i, n])
            if value == 0.0:
                continue
            right[i] += value * intensity[n]
            for j in range(spots):
                gram[i, j] += value * footprints[j, n]


@njit(cache=True, nogil=True)
def non_negative_solution(gram: Any, right: Any, rounds: int, out: Any) -> None:
    """The x >= 0 of least x.gram.x / 2 - right.x, from `out` (k) on, by coordinates in turn.

    Converges for a positive definite gram (V. Franc et al., CAIP 2005, LNCS 3691, 407).
    """
    for _ in range(rounds):
        moved, largest = 0.0, 0.0
        for i in range(len(out)):
            if gram[i, i] <= 0.0:
                out[i] = 0.0
                continue
            slope = right[i]
            for j in range(len(out)):
                slope -= gram[i, j] * out[j]
            value = max(out[i] + slope / gram[i, i], 0.0)
            moved, largest = max(moved, abs(value - out[i])), max(largest, value)
            out[i] = value
        if moved <= 1e-9 * largest:
            return


@njit(cache=True, nogil=True)
def part_intensity(footprints: Any, amplitude: Any, intensity: Any, least: float, out: Any) -> float:
    """Give each voxel's counts to the spots as their footprints say: out float32 [spot,voxel]; the squared misfit.

    Where all footprints together say less than `least` of what is there, the rest is nobody's.
    """
    spots, voxels = footprints.shape
    square = 0.0
    for n in range(voxels):
        model = 0.0
        for k in range(spots):
            model += amplitude[k] * footprints[k, n]
        square += (intensity[n] - model) ** 2
        there = max(model, least * intensity[n])
        for k in range(spots):
            out[k, n] = amplitude[k] * footprints[k, n] * intensity[n] / there if there > 0.0 else 0.0
    return square


@njit(cache=True, nogil=True)
def light_in_windows(
    spots: Any, corner: Any, omega: Any, turn: int, met: Any, met_pointer: Any, pointer: Any, voxels: Any,
    intensity: Any, out: Any,
) -> None:  # fmt: skip
    """All that blobs hold in windows and frames of spots: add to out float32 [spot,row,col].

    `spots` (n) are rows of `omega` (s,2), first pixels of the windows are at `corner` (n,2); blobs that may reach
    into spot s are `met[met_pointer[s]:met_pointer[s+1]]`, their voxels (frame, row, col) by `pointer`.
    """
    _, height, width = out.shape
    frame, row, col = voxels
    for n in range(len(spots)):
        s = spots[n]
        for at in range(met_pointer[s], met_pointer[s + 1]):
            for voxel in range(pointer[met[at]], pointer[met[at] + 1]):
                r, c = row[voxel] - corner[n, 0], col[voxel] - corner[n, 1]
                if not (0 <= r < height and 0 <= c < width):
                    continue
                if abs(frames_apart(frame[voxel], omega[s, 0], turn)) <= REACH * omega[s, 1] + 0.5:
                    out[n, r, c] += intensity[voxel]
