"""What absorption does to spots: how much of their light is left, and how far it moves their centres.

A spot's centre is that of its grain weighted with what is left of each voxel's light: off by the gradient of the
logarithm of that times the grain's second moments. These are told by how wide its spots are: each shows the
grain's tensor along its own beam. The method is ours.
"""

import numpy as np

from friedel.index.observations import Observations
from friedel.model.absorption import Absorption
from friedel.model.arrays import Floats, Indices

LEAST_SPOTS = 6
"""Fewer tell no tensor; the grain is then taken to be a ball."""
ALIKE = 1.5
"""Spots wider or narrower than usual by this factor are not one grain's alone."""
RIDGE = 0.1
"""How much a tensor is held to be that of a ball, against what the spots say."""
SMALLEST, LARGEST = 0.2, 5.0
"""Moments of a grain along its axes over those of a ball, at least and at most."""
UPPER = (0, 1, 2, 1, 0, 0), (0, 1, 2, 2, 2, 1)
"""Rows and columns of a symmetric tensor's six numbers."""


def to_pixels(omega: Floats, k: Floats, plane: Floats) -> Floats:
    """How row and col of a spot change with its grain's place (n,2,3), px per um along x, y, z of the sample."""
    _, normal, dual_u, dual_v = plane
    c, s = np.cos(omega), np.sin(omega)
    turn = np.zeros((len(omega), 3, 3))
    turn[:, 0, 0], turn[:, 0, 1], turn[:, 1, 0], turn[:, 1, 1], turn[:, 2, 2] = c, -s, s, c, 1.0
    along = turn - np.einsum("ni,nj->nij", k / (k @ normal)[:, None], np.einsum("i,nij->nj", normal, turn))
    return np.stack([dual_v @ along, dual_u @ along], axis=1)


def diffracted(g: Floats, omega: Floats, wavelength: float) -> Floats:
    """Unit directions (n,3) in the lab of beams that g (n,3) of the sample frame diffracts at omega (n) rad."""
    c, s = np.cos(omega), np.sin(omega)
    turned = np.column_stack([c * g[:, 0] - s * g[:, 1], s * g[:, 0] + c * g[:, 1], g[:, 2]])
    return np.asarray(wavelength * turned + np.array([1.0, 0.0, 0.0]))


def moments_of(view: Floats, widths: Floats) -> Floats:
    """Second moments (3,3) of a grain in um^2, from those of its spots (n,2,2) px^2 in row and col; `view` (n,2,3)
    px per um.

    The least squares of all that are about as wide as usual, held towards those of a ball.
    """
    seen = np.einsum("nij,nij->n", view, view)
    ball = np.trace(widths, axis1=1, axis2=2) / np.maximum(seen, 1e-30)
    usual = float(np.median(ball))
    alike = (ball < usual * ALIKE**2) & (ball > usual / ALIKE**2)
    tensor = usual * np.eye(3)
    if alike.sum() < LEAST_SPOTS or usual <= 0:
        return tensor
    view, widths = view[alike], widths[alike]
    rows, seen_beyond, twice = [], [], np.array([1.0, 1.0, 1.0, 2.0, 2.0, 2.0])
    for first, second in ((0, 0), (1, 1), (0, 1)):
        one, other = view[:, first], view[:, second]
        mixed = one[:, UPPER[0]] * other[:, UPPER[1]] + one[:, UPPER[1]] * other[:, UPPER[0]]
        rows.append(0.5 * twice * mixed)
        seen_beyond.append(widths[:, first, second] - usual * np.einsum("ni,ni->n", one, other))
    A = np.concatenate(rows)
    normal = A.T @ A
    held = RIDGE * np.trace(normal) / 6 * np.diag(twice)
    change = np.linalg.solve(normal + held, A.T @ np.concatenate(seen_beyond))
    tensor[UPPER[0], UPPER[1]] += change
    tensor[UPPER[1], UPPER[0]] = tensor[UPPER[0], UPPER[1]]
    size = np.linalg.eigvalsh(tensor)
    return tensor if SMALLEST * usual < size[0] and size[-1] < LARGEST * usual else usual * np.eye(3)


def widths_of(observations: Observations, blob: Indices) -> Floats:
    """Second moments (n,2,2) of blobs (n) in row and col, px^2."""
    blobs = observations.blobs
    row, col = blobs["sigs"][blob], blobs["sigf"][blob]
    mixed = blobs["covsf"][blob] * row * col
    return np.stack([np.stack([row**2, mixed], axis=-1), np.stack([mixed, col**2], axis=-1)], axis=-2)


def moved_centres(
    absorption: Absorption, moments: Floats, centre: Floats, rays: tuple[Floats, Floats], view: Floats
) -> Floats:
    """How far absorption moves the centres (n,2) of a grain's spots in row and col, px.

    `moments` (3,3) um^2 and `centre` (3) um are the grain's, `rays` omega (n) and k (n,3) of its spots.
    """
    reach = float(np.sqrt(np.trace(moments) / 3))
    if reach <= 0:
        return np.zeros((len(view), 2))
    slope = absorption.slopes(centre, reach, *rays)
    return np.asarray(np.einsum("nij,nj->ni", view, slope @ moments))
