"""The atoms of a crystal: the sites that are written down, and all that symmetry makes of them in a cell."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import gemmi
import numpy as np

from friedel.errors import SetupError
from friedel.model.arrays import Floats, Indices
from friedel.model.space_group import SpaceGroup

B_ISO = 0.5
"""Isotropic Debye-Waller factor (Angstrom^2) where nobody says: near most metals' at room temperature."""
ONE_PLACE = 0.05
"""Images of a site nearer to each other than this (Angstrom) are one atom: coordinates are rounded."""
TOO_CLOSE = 0.3
"""No two atoms are nearer to each other than this (Angstrom), unless only one of them is there at a time."""
FULL = 1.01
"""Occupancies of a place are 1 at most, rounded."""
SOFTEST = 20.0
"""Debye-Waller factors above this (Angstrom^2) are in another unit."""
DENSEST = 25.0
"""g/cm3; osmium has 22.6."""
DALTON = 1.66053907
"""In 1e-24 g: mass per cell in dalton over the volume in Angstrom^3 times this is g/cm3."""


@dataclass(frozen=True, slots=True)
class Site:
    """An atom of the asymmetric unit: element, fractional coordinates, occupancy, B in Angstrom^2."""

    element: str
    xyz: tuple[float, float, float]
    occupancy: float = 1.0
    b_iso: float = B_ISO

    def __post_init__(self) -> None:
        if not is_element(self.element):
            raise SetupError("atom", rule="must be a chemical element", got=self.element)
        if not all(math.isfinite(value) for value in (*self.xyz, self.occupancy, self.b_iso)):
            raise SetupError(f"atom {self.element}", rule="must have finite numbers", got=list(self.xyz))
        if not 0 <= self.occupancy <= FULL:
            raise SetupError(f"occupancy of {self.element}", rule="must be 0 to 1", got=self.occupancy)


@dataclass(frozen=True, slots=True, eq=False)
class CellAtoms:
    """Every atom of one cell: `site` (n) row of the site it comes from, `xyz` (n,3) fractional in [0, 1)."""

    sites: tuple[Site, ...]
    site: Indices
    xyz: Floats

    def __len__(self) -> int:
        return len(self.site)

    @classmethod
    def of(cls, sites: Sequence[Site], group: SpaceGroup, orthogonal: Floats) -> "CellAtoms":
        """The images of each site; those that fall on one place are one atom, in the middle of them.

        `orthogonal` (3,3) takes fractional coordinates to Angstrom.
        """
        placed = [_places(site.xyz, group, orthogonal) for site in sites]
        number = np.repeat(np.arange(len(sites)), [len(xyz) for xyz in placed])
        return cls(tuple(sites), number, np.concatenate([np.zeros((0, 3)), *placed]))

    def density(self, volume: float) -> float:
        """In g/cm3, for a cell of this volume in Angstrom^3."""
        masses = [gemmi.Element(site.element).weight * site.occupancy for site in self.sites]
        return float(np.asarray(masses)[self.site].sum() * DALTON / volume)

    def oddities(self, orthogonal: Floats, volume: float) -> tuple[str, ...]:
        """What no crystal has: atoms in each other, more than one on a place, more mass than any element."""
        found = []
        density = self.density(volume)
        if density > DENSEST:
            found.append(f"{density:.1f} g/cm³ is more than any crystal has ({len(self)} atoms in {volume:.1f} Å³)")
        found += [
            f"B = {site.b_iso:.3g} Å² of {site.element} is more than any solid's: in another unit?"
            for site in self.sites
            if site.b_iso > SOFTEST
        ]
        occupancy = np.array([site.occupancy for site in self.sites])
        for row, site in enumerate(self.sites):
            mine = self.xyz[self.site == row][0]
            away = self.xyz - mine
            distance = np.linalg.norm((away - np.rint(away)) @ orthogonal.T, axis=1)
            near = distance < TOO_CLOSE
            together = float(occupancy[self.site[near]].sum())
            if together > FULL:
                names = ", ".join(dict.fromkeys(self.sites[one].element for one in self.site[near].tolist()))
                where = ", ".join(f"{value:.4g}" for value in site.xyz)
                what = f"{np.count_nonzero(near)} atoms within {TOO_CLOSE} Å" if near.sum() > 1 else "one place"
                found.append(f"{what} at {where} ({names}) have occupancies of {together:.3g} together")
        return tuple(found)


def is_element(name: str) -> bool:
    """Whether it is the symbol of a chemical element whose form factors are known: up to californium."""
    element = gemmi.Element(name)  # gemmi reads just the first letters of a longer word
    return bool(element.atomic_number > 0 and element.name == name and element.it92 is not None)


def _places(xyz: Sequence[float], group: SpaceGroup, orthogonal: Floats) -> Floats:
    """The places (n,3) of one site's images in the order of the operations."""
    left = group.images(xyz)
    found = []
    while len(left):
        away = left - left[0]
        away -= np.rint(away)
        here = np.linalg.norm(away @ orthogonal.T, axis=1) < ONE_PLACE
        found.append(np.mod(left[0] + away[here].mean(axis=0), 1.0))
        left = left[~here]
    return np.array(found)
