"""Lattice planes by their indices, in families that symmetry joins."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from friedel.errors import SetupError
from friedel.model.arrays import Floats, Indices
from friedel.model.space_group import SpaceGroup

MOST_REFLECTIONS = 500_000
"""More than this no run can use: a cell, an energy or a limit that is in the wrong unit."""
FLATTEST = 50
"""A box of indices may be so many times larger than the sphere in it can be."""
_BASE = 1 << 14
"""Miller's indices stay below half of this: a cell's edge over the shortest spacing."""


@dataclass(frozen=True, slots=True, eq=False)
class Reflections:
    """All reflections to a limit, both of each Friedel pair, by family in order of |g|.

    `hkl` (n,3), `family` (n) row of `representative` (m,3), `g_length` (n) in 1/Angstrom, `f_squared` (n) in
    electrons^2 per cell. `multiplicity` (m) counts the reflections of each family.
    """

    hkl: Indices
    family: Indices
    g_length: Floats
    f_squared: Floats
    representative: Indices
    multiplicity: Indices

    def __len__(self) -> int:
        return len(self.hkl)

    @property
    def family_f_squared(self) -> Floats:
        """|F|^2 of each family (m)."""
        first = np.searchsorted(self.family, np.arange(len(self.representative)))
        return np.asarray(self.f_squared[first])

    def only(self, families: Sequence[Sequence[int]]) -> "Reflections":
        """Those of the families that hold the given hkl, in order of |g|.

        Raises `SetupError` for an hkl that is absent or beyond the limit.
        """
        rows = {tuple(hkl): int(row) for hkl, row in zip(self.hkl.tolist(), self.family, strict=True)}
        missing = [list(hkl) for hkl in families if tuple(hkl) not in rows]
        if missing:
            raise SetupError("families", rule="must be reflections of the phase that can diffract", got=missing)
        wanted = sorted({rows[int(h), int(k), int(l)] for h, k, l in families})  # noqa: E741  (Miller's letter)
        keep = np.isin(self.family, wanted)
        return Reflections(
            self.hkl[keep],
            np.searchsorted(wanted, self.family[keep]),
            self.g_length[keep],
            self.f_squared[keep],
            self.representative[wanted],
            self.multiplicity[wanted],
        )


class Families(NamedTuple):
    """What the space group leaves, whatever the atoms are: `hkl` (n,3) by `family` (n) in order of |g|,
    `representative` (m,3) and `length` (m) in 1/Angstrom of each family."""

    hkl: Indices
    family: Indices
    representative: Indices
    length: Floats


def list_families(B: Floats, group: SpaceGroup, d_min: float, what: str) -> Families:
    """All families with spacings of `d_min` (Angstrom) and more that the group does not extinguish.

    Raises `SetupError`, which names `what`, where there are more reflections than anything could use.
    """
    check_number(B, d_min, what)
    limit = (1.0 + 1e-9) / d_min
    half = _half_sphere(B, limit)
    half = half[~group.extinguished(half)]
    representative, family = np.unique(representatives(half, group.rotations), axis=0, return_inverse=True)
    length = np.round(np.linalg.norm(representative @ B.T, axis=1), 9)
    order = np.lexsort((*representative.T[::-1], length))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    hkl, family = np.concatenate([half, -half]), np.tile(rank[family.ravel()], 2)
    rows = np.lexsort((*hkl.T[::-1], family))
    best = representative[order]
    return Families(hkl[rows], family[rows], best, np.linalg.norm(best @ B.T, axis=1))


def check_number(B: Floats, d_min: float, what: str) -> None:
    """Raise `SetupError` where a limit lets in more reflections than anything could use."""
    if not d_min > 0:
        raise SetupError("d_min", rule="must be positive", got=d_min)
    count = 4.0 / 3.0 * math.pi / abs(float(np.linalg.det(B))) / d_min**3
    if not count <= MOST_REFLECTIONS:
        raise SetupError(
            what,
            rule=f"has too many reflections with spacings down to {d_min:.3g} Å: at most {MOST_REFLECTIONS:,}",
            got=f"about {count:.2g}",
            way_out="lengths are in Angstrom, energies in keV: check lattice, energy and distance",
        )


def representatives(hkl: Indices, rotations: Indices) -> Indices:
    """Of each family of hkl (n,3) the member that people would write: few minus signs, large indices first."""
    best = np.full(len(hkl), -1, dtype=np.int64)
    for rotation in rotations:
        turned = hkl @ rotation.T
        for member in (turned, -turned):
            key = 3 - np.count_nonzero(member < 0, axis=1)
            for index in member.T:
                key = key * _BASE + (index + _BASE // 2)
            best = np.maximum(best, key)
    indices = [(best // _BASE**power) % _BASE - _BASE // 2 for power in (2, 1, 0)]
    return np.stack(indices, axis=1).astype(np.int64)


def _half_sphere(B: Floats, limit: float) -> Indices:
    """Of each h and -h with |g| up to the limit one; not 0 0 0."""
    edges = np.linalg.norm(np.linalg.inv(B), axis=1)  # of the direct cell
    most = np.floor(limit * edges).astype(np.int64)
    if most.max() >= _BASE // 2 or np.prod(2.0 * most + 1) > FLATTEST * MOST_REFLECTIONS:
        got = " × ".join(str(2 * n + 1) for n in most.tolist())
        raise SetupError("lattice", rule="is too long or too flat to list its reflections", got=f"{got} indices")
    k, m = (np.arange(-n, n + 1) for n in most[1:])
    plane = np.stack(np.meshgrid(k, m, indexing="ij"), axis=-1).reshape(-1, 2)
    found = []
    for h in range(most[0] + 1):
        hkl = np.column_stack([np.full(len(plane), h), plane])
        if h == 0:
            hkl = hkl[(hkl[:, 1] > 0) | ((hkl[:, 1] == 0) & (hkl[:, 2] > 0))]
        found.append(hkl[np.linalg.norm(hkl @ B.T, axis=1) <= limit])
    return np.concatenate(found).astype(np.int64)
