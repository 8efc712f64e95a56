"""The reflections that indexing looks for: the families in use, and what alternatives of a crystal have instead."""

from dataclasses import dataclass

import numpy as np

from friedel.kernels.index.blob_lookup import EXPECTED, POSSIBLE
from friedel.model.arrays import Floats, Indices, Mask
from friedel.model.crystal import Phase
from friedel.model.families import used_reflections, widest_ring_deg
from friedel.model.reflections import Reflections, representatives
from friedel.model.setup import Setup

DARK = 1e-4
"""A reflection with less than this part of the strongest one's |F|^2 is not seen."""
MOST_TELLING = 8
TELLING, BRIGHT = 1.4, 0.3
"""So many families are looked for on top of those in use, whose |F|^2 differ by this factor between alternatives,
and that are as bright as this part of the weakest in use."""


@dataclass(frozen=True, slots=True, eq=False)
class PhaseReflections:
    """The reflections of one phase that are used, one row each, ascending in |g|.

    `hkl` (n,3) as floats, `normal` (n,3) unit normals of the planes in the crystal's frame (that of `B`),
    `g_length` (n) 1/Angstrom, `f_squared` (n) electrons^2, `two_theta` (n) rad. `unique` (n) marks the
    symmetry-unique ones: one of each set that the lattice's proper rotations take into each other.

    `in_use` (n) marks those of the families that are used. The others come in their places where a crystal stands
    otherwise in the same lattice, or tell by their brightness which way it stands: seen from alternative i of the
    phase, plane j is plane `row_of[i, j]` (k,n). `dark` (n) marks those that have no intensity; their `f_squared`
    is next to none.
    """

    phase: Phase
    B: Floats
    hkl: Floats
    normal: Floats
    g_length: Floats
    f_squared: Floats
    two_theta: Floats
    unique: Mask
    in_use: Mask
    row_of: Indices
    dark: Mask

    @property
    def seeding(self) -> Indices:
        """Rows of those that pairs may be: the families in use, and what alternatives have in their places."""
        return np.flatnonzero(self.in_use[self.row_of].any(axis=0))

    def count_on_used(self, state: Indices) -> None:
        """Of what is predicted (2n) for a crystal, expect only the families in use."""
        state[(state == EXPECTED) & ~np.repeat(self.in_use, 2)] = POSSIBLE


def list_reflections(phase: Phase, setup: Setup, shape: tuple[int, int, int]) -> PhaseReflections:
    """Of one phase, on a detector that `shape` (frames, rows, cols) has."""
    used = used_reflections(phase, setup, shape[1:])
    if len(phase.alternatives) == 1:
        hkl, f_squared, in_use = used.hkl, used.f_squared, np.ones(len(used), dtype=bool)
    else:
        names = np.concatenate([used.representative, _telling_families(phase, setup, shape, used)])
        hkl, f_squared = _with_those_of_alternatives(phase, names)
        ours = {tuple(one) for one in used.hkl.tolist()}
        in_use = np.array([tuple(one) in ours for one in hkl.tolist()], dtype=bool)
    g = hkl @ phase.B.T
    length = np.linalg.norm(g, axis=1)
    sine = np.clip(setup.beam.wavelength * length / 2, 0, 1)
    dark = ~in_use & (f_squared < DARK * f_squared.max())
    row_of = _rows_of(hkl, phase.alternatives.index)
    return PhaseReflections(
        phase,
        np.ascontiguousarray(phase.B),
        hkl.astype(np.float64),
        g / length[:, None],
        length,
        np.where(dark, DARK * f_squared.max(), f_squared),
        2 * np.arcsin(sine),
        _symmetry_unique(g, phase.lattice_symmetry),
        in_use,
        row_of,
        dark,
    )


def _telling_families(phase: Phase, setup: Setup, shape: tuple[int, int, int], used: Reflections) -> Indices:
    """Families (m,3) that are bright, and not so in an alternative; those that tell most first."""
    if phase.families or not phase.knows_atoms:
        return np.zeros((0, 3), dtype=np.int64)
    sine = np.sin(np.radians(widest_ring_deg(setup.detector, shape[1:])) / 2)
    found = phase.reflections(setup.beam.wavelength / (2.0 * sine))
    f_squared = found.family_f_squared
    turned = _indices_of(phase, found.representative)
    other = _f_squared(phase, turned.reshape(-1, 3)).reshape(turned.shape[:2]).min(axis=0)
    telling = (f_squared > TELLING * other) & (f_squared >= BRIGHT * used.family_f_squared.min())
    best = np.argsort(-(f_squared - other) * found.multiplicity, kind="stable")
    best = best[telling[best]][:MOST_TELLING]
    return np.asarray(found.representative[best])


def _indices_of(phase: Phase, hkl: Indices) -> Indices:
    """What planes (n,3) of a crystal are in each of its alternatives (k,n,3)."""
    return np.asarray(np.rint(np.einsum("kij,nj->kni", phase.alternatives.index, hkl)).astype(np.int64))


def _f_squared(phase: Phase, hkl: Indices) -> Floats:
    """|F|^2 of reflections (n,3), 0 of those that are extinguished."""
    names, row = np.unique(representatives(hkl, phase.space_group.rotations), axis=0, return_inverse=True)
    strength = np.array([phase.f_squared(name) for name in names.tolist()], dtype=np.float64)
    strength[phase.space_group.extinguished(names)] = 0.0
    return strength[row.ravel()]


def _with_those_of_alternatives(phase: Phase, families: Indices) -> tuple[Indices, Floats]:
    """hkl (n,3) of families (m,3) and of what alternatives have in their places, ascending in |g|; |F|^2 (n)."""
    names = _indices_of(phase, families).reshape(-1, 3)
    every = [sign * names @ rotation.T for rotation in phase.space_group.rotations for sign in (1, -1)]
    hkl = np.unique(np.concatenate(every), axis=0)
    hkl = hkl[np.lexsort((*hkl.T[::-1], np.round(np.linalg.norm(hkl @ phase.B.T, axis=1), 9)))]
    return hkl, _f_squared(phase, hkl)


def _rows_of(hkl: Indices, index: Floats) -> Indices:
    """For each alternative (k) the row of what each of hkl (n,3) is there."""
    row = {tuple(one): i for i, one in enumerate(hkl.tolist())}
    turned = np.rint(np.einsum("kij,nj->kni", index, hkl)).astype(np.int64).tolist()
    return np.array([[row[tuple(one)] for one in part] for part in turned], dtype=np.int64).reshape(-1, len(hkl))


def _symmetry_unique(vectors: Floats, symmetry: Floats) -> Mask:
    """True for the first of each set of vectors that the rotations take into each other."""
    unique = np.ones(len(vectors), dtype=bool)
    for i, vector in enumerate(vectors):
        images = symmetry @ vector
        unique[i] = not any(
            (np.abs(images - vectors[j]).max(axis=1) < 1e-6).any() for j in np.flatnonzero(unique[:i])
        )
    return unique
