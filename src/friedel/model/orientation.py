"""Orientations as other people write them: quaternions, Rodrigues vectors, Bunge's angles, colours."""

import numpy as np
from scipy.spatial.transform import Rotation

from friedel.model.arrays import AnyArray, Floats
from friedel.model.crystal import Phase

SECTORS = {"cubic": 0, "hexagonal": 6, "trigonal": 6, "tetragonal": 4}
"""How often the lattice repeats about z; systems that are not here only mirror x, y and z."""


def quaternions(U: Floats) -> Floats:
    """Unit quaternions (n,4) as w, x, y, z with w >= 0 of rotations U (n,3,3)."""
    if not len(U):
        return np.empty((0, 4))
    return np.asarray(Rotation.from_matrix(U).as_quat(canonical=True, scalar_first=True), dtype=np.float64)


def rodrigues(U: Floats) -> Floats:
    """Rodrigues vectors (n,3): the axis times tan(angle / 2); infinite for a half turn."""
    q = quaternions(U)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(q[:, :1] > 0, q[:, 1:] / q[:, :1], np.copysign(np.inf, q[:, 1:])))


def bunge_angles(U: Floats) -> Floats:
    """phi1, Phi, phi2 (n,3) in radians, with U = Rz(phi1) Rx(Phi) Rz(phi2) (crystal to sample).

    phi1 and phi2 lie in [0, 2 pi), Phi in [0, pi]; where Phi is 0 or pi all of the turn is in phi1.
    """
    U = np.asarray(U, dtype=np.float64).reshape(-1, 3, 3)
    sine = np.hypot(U[:, 0, 2], U[:, 1, 2])
    flat = sine < 1e-9
    phi1 = np.where(flat, np.arctan2(U[:, 1, 0], U[:, 0, 0]), np.arctan2(U[:, 0, 2], -U[:, 1, 2]))
    phi2 = np.where(flat, 0.0, np.arctan2(U[:, 2, 0], U[:, 2, 1]))
    turn = 2 * np.pi
    return np.stack([phi1 % turn, np.arctan2(sine, U[:, 2, 2]), phi2 % turn], axis=1)


def ipf_colours(U: Floats, phase: Phase, axis: tuple[float, float, float] = (0.0, 0.0, 1.0)) -> AnyArray:
    """Colours (n,3) uint8 of an inverse pole figure: which lattice direction points along `axis` (sample frame).

    Red is c ([001]); green [101] and blue [111] in cubic crystals, green a and blue a* in hexagonal and trigonal
    ones, green [100] and blue [110] (tetragonal) or [010] elsewhere. The symmetry is the lattice's, which is
    higher than the crystal's in a few Laue classes: their colours then say less than the orientation.
    """
    along = np.asarray(axis, dtype=np.float64)
    inside = np.swapaxes(U, -1, -2) @ (along / np.linalg.norm(along))
    system, d = phase.crystal_system, np.abs(inside)
    if system == "cubic":
        small, middle, large = np.sort(d, axis=-1).T
        parts = [large - middle, (middle - small) * np.sqrt(2.0), small * np.sqrt(3.0)]
    elif system in SECTORS:
        parts = _folded(inside @ phase.key_frame.T, SECTORS[system])
    else:
        parts = [d[..., 2], d[..., 0], d[..., 1]]
    colours = np.stack(parts, axis=-1)
    top = colours.max(axis=-1, keepdims=True, initial=1e-12)
    return np.asarray(np.rint(255 * colours / top), dtype=np.uint8)


def _folded(d: Floats, fold: int) -> list[Floats]:
    """Parts along c, and along the two directions that bound the sector of pi / fold next to x."""
    half = np.pi / fold
    angle = np.mod(np.arctan2(d[..., 1], d[..., 0]), 2 * half)
    angle = np.minimum(angle, 2 * half - angle)
    flat = np.hypot(d[..., 0], d[..., 1])
    far = flat * np.sin(angle) / np.sin(half)
    near = flat * np.sin(half - angle) / np.sin(half)
    # x is a* (blue) in hexagonal lattices but a (green) in tetragonal ones, as these are usually drawn
    return [np.abs(d[..., 2]), far, near] if fold == 6 else [np.abs(d[..., 2]), near, far]
