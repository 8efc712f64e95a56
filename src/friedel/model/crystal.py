"""The crystal: lattice, atoms, reflections in families, symmetry. Tables and space groups come from gemmi."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import gemmi
import numpy as np

from friedel.errors import SetupError
from friedel.model.arrays import AnyArray, Floats, Indices

B_ISO = 0.5
"""Isotropic Debye-Waller factor (Angstrom^2) where nobody says: near most metals' at room temperature."""
ABSENT = 1e-6
"""|F|^2 below this part of the strongest counts as absent."""
ELEMENT_SITES: dict[str, tuple[float, float, float]] = {
    "F m -3 m": (0.0, 0.0, 0.0),
    "I m -3 m": (0.0, 0.0, 0.0),
    "P m -3 m": (0.0, 0.0, 0.0),
    "P 63/m m c": (1 / 3, 2 / 3, 1 / 4),
}
"""Where the atoms of a phase sit that is only called by its element: fcc, bcc, simple cubic, hcp. Others say it."""


@dataclass(frozen=True, slots=True)
class Site:
    """An atom of the asymmetric unit: element, fractional coordinates, occupancy, B in Angstrom^2."""

    element: str
    xyz: tuple[float, float, float]
    occupancy: float = 1.0
    b_iso: float = B_ISO

    def __post_init__(self) -> None:
        if not _is_element(self.element):
            raise SetupError("atom", rule="must be a chemical element", got=self.element)


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


@dataclass(frozen=True, eq=False)
class Phase:
    """One kind of crystal. `lattice` is a, b, c (Angstrom), alpha, beta, gamma (deg).

    `families` are the hkl that the user wants to be used; empty means that the stages choose.
    """

    name: str
    lattice: tuple[float, float, float, float, float, float]
    spacegroup: str
    sites: tuple[Site, ...]
    families: tuple[tuple[int, int, int], ...] = field(default=())

    def __post_init__(self) -> None:
        lengths, angles = self.lattice[:3], self.lattice[3:]
        if min(lengths) <= 0 or not all(0 < angle < 180 for angle in angles):
            raise SetupError(f"lattice of {self.name}", rule="lengths > 0, angles in (0, 180)", got=self.lattice)
        if not (math.isfinite(self._cell.volume) and self._cell.volume > 0):
            raise SetupError(f"lattice of {self.name}", rule="angles must close a cell", got=self.lattice)
        self._check_lattice()  # which also asks gemmi for the space group
        if not self.sites:
            raise SetupError(f"atoms of {self.name}", rule="must not be empty")

    @classmethod
    def from_lattice(
        cls,
        name: str,
        lattice: Sequence[float],
        spacegroup: str,
        *,
        atoms: Sequence[Sequence[Any]] = (),
        families: Sequence[Sequence[int]] = (),
        b_iso: float = B_ISO,
    ) -> "Phase":
        """A phase by lattice and space group; atoms are rows [element, x, y, z].

        Without atoms, `name` must be an element and the space group one of `ELEMENT_SITES` (fcc, bcc, simple
        cubic, hcp). Raises `SetupError` for what cannot be.
        """
        a, b, c, alpha, beta, gamma = (float(value) for value in lattice)
        group = _group(spacegroup, name)
        rows = list(atoms) or _element_atoms(name, group)
        sites = tuple(Site(str(row[0]), (float(row[1]), float(row[2]), float(row[3])), 1.0, b_iso) for row in rows)
        wanted = tuple((int(f[0]), int(f[1]), int(f[2])) for f in families)
        return cls(name, (a, b, c, alpha, beta, gamma), group.xhm(), sites, wanted)

    @classmethod
    def from_cif(cls, text: str, name: str = "", *, families: Sequence[Sequence[int]] = ()) -> "Phase":
        """A phase from the text of a CIF. Raises `SetupError` when it lacks a cell, a group or atoms."""
        try:
            block = gemmi.cif.read_string(text).sole_block()
            small = gemmi.make_small_structure_from_block(block)
        except (ValueError, RuntimeError, IndexError) as error:
            got = "an empty text" if isinstance(error, IndexError) else str(error)
            raise SetupError("cif", rule="must be one readable crystal", got=got) from None
        name = name or block.name or "phase"
        symbol = small.spacegroup_hm or str(small.spacegroup_number or "")
        if not symbol or not small.sites or small.cell.volume <= 1:
            raise SetupError(f"cif of {name}", rule="must hold a cell, a space group and atoms")
        sites = tuple(
            Site(site.element.name, (site.fract.x, site.fract.y, site.fract.z), site.occ, _b_iso(site.u_iso))
            for site in small.sites
        )
        wanted = tuple((int(f[0]), int(f[1]), int(f[2])) for f in families)
        return cls(name, small.cell.parameters, _group(symbol, name).xhm(), sites, wanted)

    @cached_property
    def _group(self) -> Any:
        return _group(self.spacegroup, self.name)

    @cached_property
    def _cell(self) -> Any:
        return gemmi.UnitCell(*self.lattice)

    @property
    def crystal_system(self) -> str:
        """`cubic`, `hexagonal`, ..."""
        return str(self._group.crystal_system_str())

    @property
    def centring(self) -> str:
        """Letter of the lattice's centring."""
        return str(self._group.centring_type())

    @property
    def laue_class(self) -> str:
        """`m-3m`, `6/mmm`, ..."""
        return str(self._group.laue_str())

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
        found = {tuple(np.rint(_proper(op)).astype(int).ravel()) for op in _rotations(self._group)}
        ordered = sorted(found, key=lambda flat: (flat != (1, 0, 0, 0, 1, 0, 0, 0, 1), flat))
        return np.array([self.B @ np.reshape(flat, (3, 3)) @ inverse for flat in ordered])

    def reflections(self, d_min: float) -> Reflections:
        """All reflections with d >= d_min (Angstrom) that the structure does not extinguish."""
        if not d_min > 0:
            raise SetupError("d_min", rule="must be positive", got=d_min)
        unique = gemmi.make_miller_array(self._cell, self._group, d_min * (1 - 1e-9), 0.0, True)
        strength = np.array([self.f_squared(hkl) for hkl in unique.tolist()])
        keep = strength > ABSENT * strength.max(initial=0.0)
        lengths = np.linalg.norm(unique @ self.B.T, axis=1)
        rotations = np.array([np.rint(_proper(op)).astype(np.int64) for op in _rotations(self._group)])
        families = []
        for hkl, f2, length in zip(unique[keep], strength[keep], lengths[keep], strict=True):
            members = np.unique(np.concatenate([rotations @ hkl, -(rotations @ hkl)]), axis=0)
            families.append((round(float(length), 9), _familiar(members), members, float(f2), float(length)))
        families.sort(key=lambda entry: (entry[0], entry[1]))
        return _reflections(families)

    def f_squared(self, hkl: Sequence[int]) -> float:
        """|F|^2 in electrons^2 per cell: IT92 form factors, isotropic Debye-Waller factors, no anomalous part."""
        return float(abs(self._calculator.calculate_sf_from_small_structure(self._atoms, list(hkl))) ** 2)

    def misorientation_deg(self, U1: Floats, U2: Floats) -> Floats:
        """Smallest angle between orientations U1 and U2 [..., 3, 3] over the crystal's symmetry, in degrees."""
        difference = np.swapaxes(np.asarray(U1, float), -1, -2) @ np.asarray(U2, float)
        # the trace alone loses half the digits near zero: the sine comes from the antisymmetric part
        turned = difference[..., None, :, :] @ self.symmetry
        cosine = (np.trace(turned, axis1=-2, axis2=-1) - 1.0) / 2.0
        skew = turned - np.swapaxes(turned, -1, -2)
        sine = np.sqrt((skew**2).sum(axis=(-2, -1)) / 8.0)
        return np.asarray(np.degrees(np.arctan2(sine, cosine)).min(axis=-1))

    @cached_property
    def _calculator(self) -> Any:
        return gemmi.StructureFactorCalculatorX(self._cell)

    @cached_property
    def _atoms(self) -> Any:
        """Every atom of the cell, in P 1: nothing is left to a convention about special positions."""
        structure = gemmi.SmallStructure()
        structure.cell = self._cell
        for site in self.sites:
            for xyz in _equivalent(site.xyz, self._group):
                atom = gemmi.SmallStructure.Site()
                atom.element = gemmi.Element(site.element)
                atom.fract = gemmi.Fractional(*xyz)
                atom.occ, atom.u_iso = site.occupancy, site.b_iso / (8 * math.pi**2)
                structure.add_site(atom)
        return structure

    def _check_lattice(self) -> None:
        # a rotation of the group must keep lengths: it does so only when the lattice has the group's symmetry
        drift = np.abs(self.symmetry @ np.swapaxes(self.symmetry, -1, -2) - np.eye(3)).max()
        if drift > 1e-4:
            raise SetupError(
                f"lattice of {self.name}", rule=f"must have the symmetry of {self.spacegroup}", got=self.lattice
            )


def _group(symbol: str, name: str) -> Any:
    text = symbol.strip()
    group = gemmi.find_spacegroup_by_number(int(text)) if text.isdigit() else gemmi.find_spacegroup_by_name(text)
    if group is None:
        raise SetupError(f"spacegroup of {name}", rule="must be a Hermann-Mauguin symbol or number", got=symbol)
    return group


def _element_atoms(name: str, group: Any) -> list[list[Any]]:
    if not _is_element(name) or group.hm not in ELEMENT_SITES:
        raise SetupError(
            f"atoms of {name}",
            rule=f"are known only for an element in {', '.join(ELEMENT_SITES)}",
            got=group.hm,
            way_out="give a cif or atoms",
        )
    return [[name, *ELEMENT_SITES[group.hm]]]


def _is_element(name: str) -> bool:
    # gemmi reads just the first letters of a longer word
    element = gemmi.Element(name)
    return bool(element.atomic_number > 0 and element.name == name)


def _b_iso(u_iso: float) -> float:
    return 8 * math.pi**2 * u_iso if u_iso > 0 else B_ISO


def _rotations(group: Any) -> list[AnyArray]:
    """Rotation parts that act on hkl as columns: the transposes of those that act on coordinates."""
    return [np.array(op.rot, dtype=np.float64).T / 24.0 for op in group.operations().sym_ops]


def _proper(matrix: AnyArray) -> AnyArray:
    return matrix if np.linalg.det(matrix) > 0 else -matrix


def _equivalent(xyz: tuple[float, float, float], group: Any) -> list[tuple[float, ...]]:
    found: list[AnyArray] = []
    for op in group.operations():
        new = np.mod(op.apply_to_xyz(list(xyz)), 1.0)
        apart = [np.abs((new - old + 0.5) % 1.0 - 0.5).max() for old in found]
        if min(apart, default=1.0) > 1e-3:
            found.append(new)
    return [tuple(position.tolist()) for position in found]


def _familiar(members: AnyArray) -> tuple[int, ...]:
    """The member that people would write: few minus signs, large indices first."""
    return max((tuple(hkl) for hkl in members.tolist()), key=lambda hkl: (-sum(i < 0 for i in hkl), hkl))


def _reflections(families: list[tuple[float, Any, Any, float, float]]) -> Reflections:
    sizes = np.array([len(entry[2]) for entry in families], dtype=np.int64)
    hkl = np.concatenate([entry[2] for entry in families]) if families else np.empty((0, 3))
    return Reflections(
        hkl.astype(np.int64),
        np.repeat(np.arange(len(families)), sizes),
        np.repeat([entry[4] for entry in families], sizes).astype(np.float64),
        np.repeat([entry[3] for entry in families], sizes).astype(np.float64),
        np.array([entry[1] for entry in families], dtype=np.int64).reshape(-1, 3),
        sizes,
    )
