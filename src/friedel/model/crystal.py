"""The crystal: lattice, atoms, reflections in families, symmetry. Tables and space groups come from gemmi."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import gemmi
import numpy as np

from friedel.errors import SetupError
from friedel.model.alternatives import Alternatives, find_alternatives
from friedel.model.arrays import Floats
from friedel.model.atoms import B_ISO, CellAtoms, Site, is_element
from friedel.model.reflections import Reflections, list_families, representatives
from friedel.model.space_group import SpaceGroup, find_space_group, other_origins

ABSENT = 1e-6
"""|F|^2 below this part of the strongest counts as absent."""
LONGEST_CELL = 1000.0
"""Of a, b, c in Angstrom."""
MOST_SITES = 10_000
"""Atoms of the asymmetric unit."""
ELEMENT_SITES: dict[str, tuple[float, float, float]] = {
    "F m -3 m": (0.0, 0.0, 0.0),
    "I m -3 m": (0.0, 0.0, 0.0),
    "P m -3 m": (0.0, 0.0, 0.0),
    "P 63/m m c": (1 / 3, 2 / 3, 1 / 4),
}
"""Where the atoms of a phase sit that is only called by its element: fcc, bcc, simple cubic, hcp. Others say it."""


@dataclass(frozen=True, eq=False)
class Phase:
    """One kind of crystal. `lattice` is a, b, c (Angstrom), alpha, beta, gamma (deg).

    `families` are the hkl that the user wants to be used; empty means that the stages choose. `operations` are the
    crystal's own symmetry operations where it has some; else `spacegroup` says them. Without `sites` the atoms are
    not known: then all families that the space group allows are equally strong, unless `strengths` says better.
    `notes` are what the file that it comes from left open.
    """

    name: str
    lattice: tuple[float, float, float, float, float, float]
    spacegroup: str
    sites: tuple[Site, ...]
    families: tuple[tuple[int, int, int], ...] = field(default=())
    operations: tuple[str, ...] = field(default=())
    notes: tuple[str, ...] = field(default=())
    strengths: Mapping[tuple[int, ...], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lengths, angles = self.lattice[:3], self.lattice[3:]
        if min(lengths) <= 0 or not all(0 < angle < 180 for angle in angles):
            raise SetupError(f"lattice of {self.name}", rule="lengths > 0, angles in (0, 180)", got=self.lattice)
        if max(lengths) > LONGEST_CELL:
            rule = f"lengths of at most {LONGEST_CELL:g} Angstrom"
            raise SetupError(f"lattice of {self.name}", rule=rule, got=self.lattice)
        if len(self.sites) > MOST_SITES:
            raise SetupError(f"atoms of {self.name}", rule=f"at most {MOST_SITES}", got=len(self.sites))
        if not (math.isfinite(self._cell.volume) and self._cell.volume > 0):
            raise SetupError(f"lattice of {self.name}", rule="angles must close a cell", got=self.lattice)
        if not self.space_group.fits(self.lattice):
            raise SetupError(
                f"lattice of {self.name}", rule=f"must have the symmetry of {self.spacegroup}", got=self.lattice
            )

    @classmethod
    def from_lattice(
        cls,
        name: str,
        lattice: Sequence[float],
        spacegroup: str | int,
        *,
        atoms: Sequence[Sequence[Any]] = (),
        families: Sequence[Sequence[int]] = (),
        b_iso: float = B_ISO,
    ) -> "Phase":
        """A phase by lattice and space group; atoms are rows [element, x, y, z].

        Without atoms they are those of an element of that name in one of `ELEMENT_SITES` (fcc, bcc, simple cubic,
        hcp), else unknown. Raises `SetupError` for what cannot be.
        """
        a, b, c, alpha, beta, gamma = (float(value) for value in lattice)
        group = find_space_group(spacegroup, lattice, name)
        rows = list(atoms) or _element_atoms(name, group.symbol)
        sites = tuple(Site(str(row[0]), (float(row[1]), float(row[2]), float(row[3])), 1.0, b_iso) for row in rows)
        wanted = tuple((int(f[0]), int(f[1]), int(f[2])) for f in families)
        phase = cls(name, (a, b, c, alpha, beta, gamma), group.symbol, sites, wanted)
        return replace(phase, notes=phase.notes_about_origins(spacegroup))

    @cached_property
    def space_group(self) -> SpaceGroup:
        """The symmetry operations."""
        if self.operations:
            return SpaceGroup(self.spacegroup, self.operations)
        return find_space_group(self.spacegroup, self.lattice, self.name)

    @cached_property
    def _cell(self) -> Any:
        return gemmi.UnitCell(*self.lattice)

    @property
    def crystal_system(self) -> str:
        """`cubic`, `hexagonal`, ..."""
        return self.space_group.crystal_system

    @cached_property
    def keyed_system(self) -> str:
        """`crystal_system`, as keys of pole figures are drawn; none where its main axis is not z, as in
        rhombohedral axes."""
        system = self.crystal_system
        if system not in ("trigonal", "hexagonal", "tetragonal"):
            return system
        z = np.array([0.0, 0.0, 1.0])
        stays = [np.trace(turn) > -0.5 and not np.allclose(turn, np.eye(3)) for turn in self.symmetry]
        return system if np.allclose(self.symmetry[stays] @ z, z, atol=1e-3) else ""

    @cached_property
    def key_frame(self) -> Floats:
        """Rotation (3,3) from the frame of `B` to that of pole figures, where the main axis is z.

        It is the identity but where the main axis is not z: there an edge of the cell across the axis is x, in
        rhombohedral axes a - b.
        """
        if self.keyed_system:
            return np.eye(3)
        order = [float(np.trace(turn)) if not np.allclose(turn, np.eye(3)) else -2.0 for turn in self.symmetry]
        z = np.linalg.svd(self.symmetry[int(np.argmax(order))] - np.eye(3))[2][2]
        a, b, c = np.linalg.inv(self.B)
        z = z if z @ (a + b + c) > 0 else -z
        x = next((edge for edge in (a, b, c) if abs(edge @ z) < 1e-6 * np.linalg.norm(edge)), a - b)
        x = x - (x @ z) * z
        x = x / np.linalg.norm(x)
        return np.array([x, np.cross(z, x), z])

    @property
    def centring(self) -> str:
        """Letter of the lattice's centring."""
        return self.space_group.centring

    @property
    def laue_class(self) -> str:
        """`m-3m`, `6/mmm`, ..."""
        return self.space_group.laue_class

    @property
    def knows_atoms(self) -> bool:
        """Whether intensities follow from the atoms; else they are those of the scan."""
        return bool(self.sites)

    @property
    def cell_volume(self) -> float:
        """In Angstrom^3."""
        return float(self._cell.volume)

    @cached_property
    def B(self) -> Floats:
        """Busing-Levy (3,3), without 2 pi: `g_crystal = B h`, g in 1/Angstrom."""
        star = self._cell.reciprocal()
        cos_beta, sin_beta = math.cos(math.radians(star.beta)), math.sin(math.radians(star.beta))
        gamma, alpha = math.radians(star.gamma), math.radians(self.lattice[3])
        return np.array(
            [
                [star.a, star.b * math.cos(gamma), star.c * cos_beta],
                [0.0, star.b * math.sin(gamma), -star.c * sin_beta * math.cos(alpha)],
                [0.0, 0.0, 1.0 / self.lattice[2]],
            ]
        )

    @cached_property
    def symmetry(self) -> Floats:
        """Proper rotations of the Laue class (n,3,3), crystal frame of `B`; the identity first."""
        inverse = np.linalg.inv(self.B)
        return np.array([self.B @ rotation @ inverse for rotation in self.space_group.rotations])

    @cached_property
    def alternatives(self) -> Alternatives:
        """How else a crystal may stand with its spots in the same places."""
        return find_alternatives(self._cell, self.centring, self.B, self.space_group.rotations)

    @cached_property
    def lattice_symmetry(self) -> Floats:
        """Proper rotations of the lattice (n,3,3), crystal frame of `B`; the crystal's own come first."""
        every = self.alternatives.rotation[:, None] @ self.symmetry
        return np.asarray(every.reshape(-1, 3, 3))

    def reflections(self, d_min: float) -> Reflections:
        """All reflections with d >= d_min (Angstrom) that the structure does not extinguish.

        Raises `SetupError` where they are more than anything could use.
        """
        found = list_families(self.B, self.space_group, d_min, f"phase {self.name}")
        names = found.representative.tolist()
        strength = np.array([self._family_f_squared(hkl) for hkl in names], dtype=np.float64)
        seen = strength > ABSENT * strength.max(initial=0.0)
        row, keep = np.cumsum(seen) - 1, seen[found.family]
        family = found.family[keep]
        return Reflections(
            found.hkl[keep],
            row[family],
            found.length[family],
            strength[family],
            found.representative[seen],
            np.bincount(row[family], minlength=int(seen.sum())).astype(np.int64),
        )

    def f_squared(self, hkl: Sequence[int]) -> float:
        """|F|^2 in electrons^2 per cell: IT92 form factors, isotropic Debye-Waller factors, no anomalous part.

        Of unknown atoms: the strength of the family as far as it is known, else 1, that of the median one.
        """
        return self._family_f_squared(hkl if self.sites else self.family_of(hkl))

    def _family_f_squared(self, hkl: Sequence[int]) -> float:
        """|F|^2 of a family by the member that it is called by."""
        if not self.sites:
            return self.strengths.get(tuple(hkl), 1.0)
        return float(abs(self._calculator.calculate_sf_from_small_structure(self._atoms, list(hkl))) ** 2)

    def family_of(self, hkl: Sequence[int]) -> tuple[int, ...]:
        """What the family {hkl} is called by."""
        return tuple(representatives(np.array([hkl], dtype=np.int64), self.space_group.rotations)[0].tolist())

    def oddities(self) -> tuple[str, ...]:
        """What is odd about the crystal, or what is not known of it."""
        found = [*self.notes]
        if self.sites:
            found += self.cell_atoms.oddities(self._orthogonal, self.cell_volume)
        else:
            found.append("its atoms are not known: one strength for each family is taken from the scan")
        return tuple(f"phase {self.name}: {text}" for text in found)

    def notes_about_origins(self, symbol: str | int) -> tuple[str, ...]:
        """A note where a symbol leaves the origin open and another one would give other intensities."""
        for other in other_origins(symbol) if self.sites else ():
            moved = replace(self, spacegroup=other, operations=())
            few = list_families(self.B, self.space_group, min(self.lattice[:3]) / 3, self.name).representative[:20]
            for hkl in few.tolist():
                here, there = self.f_squared(hkl), moved.f_squared(hkl)
                if abs(here - there) > 1e-3 * max(here, there, 1.0):
                    text = f'{symbol} has two origins: {self.spacegroup} is taken; write "{other}" if that is meant'
                    return (text,)
        return ()

    def misorientation_deg(self, U1: Floats, U2: Floats) -> Floats:
        """Smallest angle between orientations U1 and U2 [..., 3, 3] over the crystal's symmetry, in degrees."""
        return _smallest_angle_deg(U1, U2, self.symmetry)

    def lattice_misorientation_deg(self, U1: Floats, U2: Floats) -> Floats:
        """As `misorientation_deg`, over the symmetry of the lattice: 0 between alternatives of one crystal."""
        return _smallest_angle_deg(U1, U2, self.lattice_symmetry)

    @cached_property
    def _calculator(self) -> Any:
        return gemmi.StructureFactorCalculatorX(self._cell)

    @cached_property
    def cell_atoms(self) -> CellAtoms:
        """Every atom of one cell."""
        return CellAtoms.of(self.sites, self.space_group, self._orthogonal)

    @cached_property
    def _orthogonal(self) -> Floats:
        return np.array(self._cell.orth.mat.tolist())

    @cached_property
    def _atoms(self) -> Any:
        """Every atom of the cell, in P 1: nothing is left to a convention about special positions."""
        structure = gemmi.SmallStructure()
        structure.cell = self._cell
        atoms = self.cell_atoms
        for row, xyz in zip(atoms.site.tolist(), atoms.xyz.tolist(), strict=True):
            site = self.sites[row]
            atom = gemmi.SmallStructure.Site()
            atom.element = gemmi.Element(site.element)
            atom.fract = gemmi.Fractional(*xyz)
            atom.occ, atom.u_iso = site.occupancy, site.b_iso / (8 * math.pi**2)
            structure.add_site(atom)
        return structure


def _smallest_angle_deg(U1: Floats, U2: Floats, symmetry: Floats) -> Floats:
    difference = np.swapaxes(np.asarray(U1, float), -1, -2) @ np.asarray(U2, float)
    # the trace alone loses half the digits near zero: the sine comes from the antisymmetric part
    turned = difference[..., None, :, :] @ symmetry
    cosine = (np.trace(turned, axis1=-2, axis2=-1) - 1.0) / 2.0
    skew = turned - np.swapaxes(turned, -1, -2)
    sine = np.sqrt((skew**2).sum(axis=(-2, -1)) / 8.0)
    return np.asarray(np.degrees(np.arctan2(sine, cosine)).min(axis=-1))


def _element_atoms(name: str, symbol: str) -> list[list[Any]]:
    known = is_element(name) and symbol in ELEMENT_SITES
    return [[name, *ELEMENT_SITES[symbol]]] if known else []
