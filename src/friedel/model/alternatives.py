"""Alternatives: orientations that a lattice cannot tell apart, though the crystal in it can.

A lattice has the symmetry of its metric, which may be more than the crystal's: turned by what is only the
lattice's, a crystal has its spots in the same places with other intensities (twinning by merohedry, or nearly so by
pseudo-merohedry: G. Friedel, Leçons de cristallographie (1926); Le Page, J. Appl. Cryst. 15 (1982) 255, whose
search for twofold axes gemmi does).
"""

from dataclasses import dataclass
from typing import Any

import gemmi
import numpy as np

from friedel.model.arrays import Floats, Indices
from friedel.model.space_group import PARTS

OBLIQUITY_DEG = 0.5
"""A lattice counts as symmetric about an axis that is no farther from a row normal than this: spots' places are
looked for within as much."""
EXACT = 1e-5
"""A rotation that stretches the lattice by less than this part leaves every spot where it is."""


@dataclass(frozen=True, slots=True, eq=False)
class Alternatives:
    """Rotations that take the lattice into itself, one for each way that the crystal can stand in it.

    `rotation` (k,3,3) in the crystal's frame, the identity first: a crystal U may as well be `U @ rotation[i]`. The
    plane h of U is `index[i] @ h` of that one (k,3,3). `misfit` (k) is by what part the lattice is stretched.
    """

    rotation: Floats
    index: Floats
    misfit: Floats

    def __len__(self) -> int:
        return len(self.rotation)

    @property
    def exact(self) -> bool:
        """Whether no place of any spot tells any of them apart."""
        return bool((self.misfit < EXACT).all())


def find_alternatives(cell: Any, centring: str, B: Floats, rotations: Indices) -> Alternatives:
    """Those of a crystal: gemmi's cell, the letter of its centring, `B` (3,3), its own rotations (n,3,3) of hkl."""
    operations = gemmi.find_lattice_symmetry(cell, centring, OBLIQUITY_DEG).sym_ops
    acting = np.swapaxes(np.array([op.rot for op in operations]).reshape(-1, 3, 3), 1, 2)
    own = {_key(PARTS * rotation) for rotation in rotations}
    if not own <= {_key(matrix) for matrix in acting}:  # of a lattice that only the crystal itself knows
        return Alternatives(np.eye(3)[None], np.eye(3)[None], np.zeros(1))
    seen, chosen = set(own), [np.eye(3)]
    for matrix in sorted(acting, key=lambda one: (int(np.trace(one)) != -PARTS, _key(one))):
        if _key(matrix) not in seen:
            chosen.append(matrix / PARTS)
            seen |= {_key(matrix @ rotation) for rotation in rotations}
    index = np.linalg.inv(np.array(chosen))
    stretched = B @ np.array(chosen) @ np.linalg.inv(B)
    left, lengths, right = np.linalg.svd(stretched)
    return Alternatives(left @ right, index, np.abs(lengths - 1.0).max(axis=1))


def turn_text(rotation: Floats, B: Floats) -> str:
    """Angle and axis of a rotation (3,3) in the crystal's frame, as people say it: "180° about [001]"."""
    angle = float(np.degrees(np.arccos(np.clip((np.trace(rotation) - 1.0) / 2.0, -1.0, 1.0))))
    axis = np.linalg.svd(rotation - np.eye(3))[2][2]
    steps = np.stack(np.meshgrid(*[np.arange(-3, 4)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    steps = steps[np.abs(steps).sum(axis=1) > 0]
    along = steps @ np.linalg.inv(B)  # rows of inv(B) are the edges of the cell
    off = 1.0 - np.abs(along @ axis) / np.linalg.norm(along, axis=1)
    cost = np.abs(steps).sum(axis=1) + 0.1 * (steps < 0).sum(axis=1)
    uvw = steps[np.lexsort((cost, np.round(off, 4)))[0]]
    return f"{angle:.0f}° about [{' '.join(map(str, uvw))}]"


def _key(matrix: Any) -> tuple[int, ...]:
    return tuple(np.rint(matrix).astype(np.int64).ravel().tolist())
