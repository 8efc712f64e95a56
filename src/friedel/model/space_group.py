"""The symmetry of a crystal: the operations of its space group, by a symbol, a number, or one by one."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import gemmi
import numpy as np

from friedel.errors import SetupError
from friedel.model.arrays import AnyArray, Floats, Indices, Mask

PARTS = 24
"""Translations of every space group are whole numbers of these parts of an edge."""
LATTICE_DRIFT = 1e-4
"""A rotation that changes lengths by more than this part is none of the lattice."""
MOST_OPERATIONS = 192
MONOCLINIC = range(3, 16)
"""Numbers of the space groups whose unique axis may be any."""
USUAL_NAMES = {"fcc": "F m -3 m", "bcc": "I m -3 m", "hcp": "P 63/m m c", "sc": "P m -3 m", "diamond": "F d -3 m:1"}
"""What people call structures by, and the space group that is meant."""
SETTINGS = {"Z": "2", "S": "1", "1": "1", "2": "2", "H": "H", "R": "R"}
"""What may follow a symbol: ICSD writes Z for an origin at the centre of symmetry and S for the other."""
CENTRINGS: dict[frozenset[tuple[int, ...]], str] = {
    frozenset({(0, 0, 0)}): "P",
    frozenset({(0, 0, 0), (0, 12, 12)}): "A",
    frozenset({(0, 0, 0), (12, 0, 12)}): "B",
    frozenset({(0, 0, 0), (12, 12, 0)}): "C",
    frozenset({(0, 0, 0), (12, 12, 12)}): "I",
    frozenset({(0, 0, 0), (0, 12, 12), (12, 0, 12), (12, 12, 0)}): "F",
    frozenset({(0, 0, 0), (16, 8, 8), (8, 16, 16)}): "R",
    frozenset({(0, 0, 0), (8, 16, 8), (16, 8, 16)}): "R",
}
LAUE_CLASSES = {
    (4, 3, 24): ("cubic", "m-3m"),
    (2, 3, 12): ("cubic", "m-3"),
    (6, 1, 12): ("hexagonal", "6/mmm"),
    (6, 1, 6): ("hexagonal", "6/m"),
    (4, 1, 8): ("tetragonal", "4/mmm"),
    (4, 1, 4): ("tetragonal", "4/m"),
    (3, 1, 6): ("trigonal", "-3m"),
    (3, 1, 3): ("trigonal", "-3"),
    (2, 1, 4): ("orthorhombic", "mmm"),
    (2, 1, 2): ("monoclinic", "2/m"),
    (1, 1, 1): ("triclinic", "-1"),
}
"""By the highest order of a rotation (2 for m-3), 3 where several axes are threefold (else 1), and their number."""
FOLD = {-1: 2, 0: 3, 1: 4, 2: 6, 3: 1}
"""Order of a proper rotation by its trace."""


@dataclass(frozen=True)
class SpaceGroup:
    """The operations of a space group in one setting, as texts like "-y,x-y,z+1/3"; `symbol` is for people.

    Raises `SetupError` for what is no operation, or where the operations are no group.
    """

    symbol: str
    operations: tuple[str, ...]

    def __post_init__(self) -> None:
        rows = {_row(rotation, shift) for rotation, shift in zip(self._direct, self._shifts, strict=True)}
        volumes = np.rint(np.abs(np.linalg.det(self._direct)))
        if len(rows) > MOST_OPERATIONS or (0, 0, 0) not in self._pure_shifts or (volumes != 1).any():
            raise SetupError(
                f"symmetry operations of {self.symbol}",
                rule=f"must hold x,y,z, keep volumes, and be {MOST_OPERATIONS} at most",
                got=f"{len(rows)} operations",
            )
        for rotation, shift in zip(self._direct, self._shifts, strict=True):
            # every product with one operation must be an operation: enough, as every operation takes its turn
            products = rotation @ self._direct, (self._shifts @ rotation.T + shift) % PARTS
            if any(_row(*product) not in rows for product in zip(*products, strict=True)):
                raise SetupError(
                    f"symmetry operations of {self.symbol}",
                    rule="must be a group: the product of two must be among them",
                    got=f"{len(rows)} operations",
                    way_out="is the list complete?",
                )

    @classmethod
    def of(cls, group: Any) -> "SpaceGroup":
        """One of gemmi's table."""
        return cls(group.xhm(), tuple(op.triplet() for op in group.operations()))

    @classmethod
    def from_operations(cls, operations: Sequence[str], symbol: str = "") -> "SpaceGroup":
        """By its operations, each once; named as in the tables where it stands there, else `symbol`."""
        texts = tuple(dict.fromkeys(operations))
        if len(texts) > MOST_OPERATIONS:
            rule = f"must be {MOST_OPERATIONS} at most"
            raise SetupError("symmetry operations", rule=rule, got=len(texts))
        group = cls(symbol or "the crystal", texts)
        triplets = tuple(dict.fromkeys(op.wrap().triplet() for op in group._ops))
        known = gemmi.find_spacegroup_by_ops(gemmi.GroupOps([gemmi.Op(text) for text in triplets]))
        name = known.xhm() if known is not None else symbol or f"{len(triplets)} operations"
        return cls(name, triplets)

    @cached_property
    def _ops(self) -> list[Any]:
        return [_operation(text) for text in self.operations]

    @cached_property
    def _direct(self) -> Indices:
        """Rotation parts (n,3,3) that act on coordinates."""
        return np.rint(np.array([op.rot for op in self._ops]).reshape(-1, 3, 3) / PARTS).astype(np.int64)

    @cached_property
    def _shifts(self) -> Indices:
        """Translations (n,3) in parts of the cell's edges."""
        return np.array([op.tran for op in self._ops], dtype=np.int64).reshape(-1, 3) % PARTS

    @property
    def _pure_shifts(self) -> frozenset[tuple[int, ...]]:
        still = (self._direct == np.eye(3, dtype=np.int64)).all(axis=(1, 2))
        return frozenset(tuple(shift) for shift in self._shifts[still].tolist())

    @cached_property
    def rotations(self) -> Indices:
        """Proper rotations of the Laue class (n,3,3) that act on hkl as columns; the identity first."""
        acting = np.swapaxes(self._direct, 1, 2)
        proper = acting * np.rint(np.linalg.det(acting)).astype(np.int64)[:, None, None]
        identity = (1, 0, 0, 0, 1, 0, 0, 0, 1)
        found = {tuple(matrix.ravel().tolist()) for matrix in proper}
        return np.array(sorted(found, key=lambda flat: (flat != identity, flat))).reshape(-1, 3, 3)

    @cached_property
    def _class(self) -> tuple[str, str]:
        folds = [FOLD[int(np.trace(rotation))] for rotation in self.rotations]
        several = folds.count(3) > 2
        highest = max(folds) if not several or max(folds) == 4 else 2
        return LAUE_CLASSES[highest, 3 if several else 1, len(folds)]

    @property
    def crystal_system(self) -> str:
        """`cubic`, `hexagonal`, ..."""
        return self._class[0]

    @property
    def laue_class(self) -> str:
        """`m-3m`, `6/mmm`, ..."""
        return self._class[1]

    @property
    def centring(self) -> str:
        """Letter of the lattice's centring; P for one that has no letter."""
        return CENTRINGS.get(self._pure_shifts, "P")

    def extinguished(self, hkl: Indices) -> Mask:
        """Which reflections (n,3) are absent whatever the atoms are: by centring, screw axes and glide planes."""
        absent = np.zeros(len(hkl), dtype=bool)
        for rotation, shift in zip(self._direct, self._shifts, strict=True):
            stays = (hkl @ rotation == hkl).all(axis=1)
            absent |= stays & ((hkl @ shift) % PARTS != 0)
        return absent

    def images(self, xyz: Sequence[float]) -> Floats:
        """Where the operations (n) take a site: fractional coordinates (n,3), not reduced to one cell."""
        return np.asarray(self._direct @ np.asarray(xyz, dtype=np.float64) + self._shifts / PARTS)

    def fits(self, lattice: Sequence[float]) -> bool:
        """Whether the lattice has the symmetry of the group."""
        cell = gemmi.UnitCell(*lattice)
        metric = np.array(cell.orth.mat.tolist())
        metric = metric.T @ metric
        turned = np.swapaxes(self._direct, 1, 2) @ metric @ self._direct
        scale = np.sqrt(np.outer(np.diag(metric), np.diag(metric)))
        return bool((np.abs(turned - metric) / scale).max() <= 2 * LATTICE_DRIFT)


def find_space_group(symbol: str | int, lattice: Sequence[float], name: str) -> SpaceGroup:
    """By Hermann-Mauguin symbol or number, in the setting that is named or else fits the lattice.

    ":1", ":2", ":H", ":R" and ICSD's "Z" and "S" name one. Raises `SetupError` for a symbol that is none, and where
    several settings fit and none is named.
    """
    text = " ".join(str(symbol).replace("_", " ").strip(" '\"").split())
    group, named = _in_table(text)
    if group is None:
        meant = USUAL_NAMES.get(text.lower())
        raise SetupError(
            f"spacegroup of {name}",
            rule="must be a Hermann-Mauguin symbol or number",
            got=text or "nothing",
            way_out=f'for {text} write "{meant}"' if meant else 'e.g. "F m -3 m" or 225',
        )
    found = SpaceGroup.of(group)
    if named or found.fits(lattice):
        return found
    full = group.hm == text and group.number in MONOCLINIC  # it says which axis is unique
    others = [] if full else [one for one in map(SpaceGroup.of, _settings(group)) if one.fits(lattice)]
    if len(others) > 1:
        raise SetupError(
            f"spacegroup of {name}",
            rule=f"must say which setting: {', '.join(one.symbol for one in others)} fit the lattice",
            got=text,
        )
    return others[0] if others else found


def other_origins(symbol: str | int) -> tuple[str, ...]:
    """Symbols of the other origin choices where a symbol names none; nothing where there is one only."""
    group, named = _in_table(" ".join(str(symbol).replace("_", " ").strip(" '\"").split()))
    if group is None or named or group.ext not in ("1", "2"):
        return ()
    return tuple(one.xhm() for one in _settings(group) if one.hm == group.hm and one.ext != group.ext)


def _in_table(text: str) -> tuple[Any, bool]:
    """The table's entry, None where there is none; and whether the text names the setting."""
    plain = re.sub(r"\(?\s*origin\s*(?:choice)?\s*([12])\s*\)?$", r":\1", text, flags=re.IGNORECASE)
    base, _, setting = plain.partition(":")
    group = _look_up(base.strip())
    if group is not None and not setting:
        return group, base.strip()[-1:] in ("H", "R") and bool(group.ext.strip("\0 "))
    if not setting:
        ending = re.fullmatch(r"(.+?)\s*([ZSHR])", base.strip())
        if ending is None:
            return None, False
        group, setting = _look_up(ending[1]), ending[2]
    setting = SETTINGS.get(setting.strip().upper(), "?")
    if group is None:
        return None, False
    same = [one for one in _settings(group) if one.hm == group.hm and one.ext == setting]
    if same:
        return same[0], True
    # Z and S also follow symbols that have one origin only, and stand for nothing there.
    alone = not group.ext.strip("\0 ") and setting in ("1", "2", "H")
    return (group, True) if alone else (None, False)


def _look_up(text: str) -> Any:
    if re.fullmatch(r"[0-9]+", text):
        number = int(text) if len(text) < 4 else 0
        return gemmi.find_spacegroup_by_number(number) if number else None  # gemmi takes 0 for 1
    return gemmi.find_spacegroup_by_name(text) if text else None


def _settings(group: Any) -> Iterator[Any]:
    return (one for one in gemmi.spacegroup_table() if one.number == group.number)


def _operation(text: str) -> Any:
    try:
        return gemmi.Op(text.strip(" '\""))
    except (RuntimeError, ValueError, OverflowError):  # gemmi's own message may be cut within a letter
        raise SetupError("symmetry operation", rule='must read like "-y, x-y, z+1/3"', got=repr(text)) from None


def _row(rotation: AnyArray, shift: AnyArray) -> tuple[int, ...]:
    return (*rotation.ravel().tolist(), *shift.tolist())
