"""Keys of inverse pole figures: the sector of directions that symmetry leaves, on paper."""

from typing import NamedTuple

import numpy as np

from friedel.model.arrays import AnyArray, Floats
from friedel.model.colours import softened
from friedel.model.crystal import Phase
from friedel.model.orientation import SECTORS, ipf_colours

NAMES = {
    "cubic": ("001", "101", "111"),
    "hexagonal": ("0001", "21\u03051\u03050", "101\u03050"),
    "trigonal": ("0001", "a", "a*"),
    "tetragonal": ("001", "100", "110"),
}
AXES = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}
SECTOR_DEG = {"cubic": 45.0, "hexagonal": 30.0, "trigonal": 30.0, "tetragonal": 45.0}


class IPFKey(NamedTuple):
    """The sector with every direction's colour.

    `image` [row, col, 4] in 0..1, the first row lowest, nothing (alpha 0) outside of the sector; `box` is its left,
    right, bottom and top on paper, `edge` (n,2) goes around the sector from its pole, `corners` (3,2) are named by
    `names`.
    """

    image: AnyArray
    box: tuple[float, float, float, float]
    edge: Floats
    corners: Floats
    names: tuple[str, ...]


def make_ipf_key(phase: Phase, size: int = 220) -> IPFKey:
    """The key of a lattice that has one (`TRIANGLES`), `size` pixels wide."""
    system = phase.crystal_system
    edge = stereographic(_edge(system))
    low, high = edge.min(axis=0), edge.max(axis=0)
    step = (high[0] - low[0]) / size
    x, y = np.meshgrid(np.arange(low[0], high[0], step), np.arange(low[1], high[1], step))
    radius = x**2 + y**2
    d = np.stack([2 * x, 2 * y, 1 - radius], axis=-1) / (1 + radius)[..., None]
    turned = unfolded(d, system).reshape(-1, 3)
    frames = np.zeros((len(turned), 3, 3))
    frames[:, 2] = turned  # the colours ask only which direction lies along z
    colour = softened(ipf_colours(frames, phase) / 255.0).reshape(*x.shape, 3)
    image = np.concatenate([colour, _within(d, system)[..., None]], axis=-1)
    box = (float(low[0]), float(high[0]), float(low[1]), float(high[1]))
    return IPFKey(image, box, edge, edge[[0, 1, -1]], NAMES[system])


def in_sector(directions: Floats, system: str) -> Floats:
    """The equivalent of each direction (n,3) in the sector of the key, unit vectors; x along its lower edge."""
    d = directions / np.linalg.norm(directions, axis=-1, keepdims=True)
    if system == "cubic":
        small, middle, large = np.sort(np.abs(d), axis=-1).T
        return np.stack([middle, small, large], axis=-1)
    half = np.pi / SECTORS.get(system, 2)
    angle = np.mod(np.arctan2(d[..., 1], d[..., 0]), 2 * half)
    angle = np.minimum(angle, 2 * half - angle)
    if SECTORS.get(system) == 6:  # the sector of the colours begins at a, half a sector on
        angle = half - angle
    flat = np.hypot(d[..., 0], d[..., 1])
    return np.stack([flat * np.cos(angle), flat * np.sin(angle), np.abs(d[..., 2])], axis=-1)


def stereographic(directions: Floats) -> Floats:
    """Stereographic projection (n,2) of directions (n,3) of the upper half."""
    return np.asarray(directions[..., :2] / (1.0 + directions[..., 2:]))


def _edge(system: str) -> Floats:
    """Around the sector: from its pole to the corner at x, then along to the far corner."""
    if system == "cubic":
        far = np.linspace(0, 1, 40)[:, None] * np.array([0.0, 1.0, 0.0]) + np.array([1.0, 0.0, 1.0])
    else:
        angle = np.radians(np.linspace(0, SECTOR_DEG[system], 40))
        far = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=-1)
    all_of_it = np.vstack([[[0.0, 0.0, 1.0]], far])
    return np.asarray(all_of_it / np.linalg.norm(all_of_it, axis=-1, keepdims=True))


def _within(d: Floats, system: str) -> AnyArray:
    if system == "cubic":
        return np.asarray((d[..., 1] >= 0) & (d[..., 0] >= d[..., 1]) & (d[..., 2] >= d[..., 0]))
    angle = np.arctan2(d[..., 1], d[..., 0])
    return np.asarray((angle >= 0) & (angle <= np.radians(SECTOR_DEG[system])) & (d[..., 2] >= 0))


def unfolded(d: Floats, system: str) -> Floats:
    """A crystal direction that `in_sector` takes to d."""
    if SECTORS.get(system) != 6:
        return d
    turn = np.pi / 6
    return np.stack(
        [np.cos(turn) * d[..., 0] + np.sin(turn) * d[..., 1],
         np.sin(turn) * d[..., 0] - np.cos(turn) * d[..., 1], d[..., 2]], axis=-1
    )  # fmt: skip
