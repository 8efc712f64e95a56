"""Crystals from CIF files: cell, symmetry and atoms of one block. The file's own symmetry operations decide."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import gemmi

from friedel.errors import SetupError
from friedel.io.text import read_text
from friedel.model.atoms import B_ISO, Site, is_element
from friedel.model.crystal import Phase
from friedel.model.space_group import SpaceGroup, find_space_group, other_origins

CELL = ("_cell_length_a", "_cell_length_b", "_cell_length_c")
ANGLES = ("_cell_angle_alpha", "_cell_angle_beta", "_cell_angle_gamma")
OPERATIONS = (
    "_space_group_symop_operation_xyz",
    "_space_group_symop.operation_xyz",
    "_symmetry_equiv_pos_as_xyz",
    "_symmetry_equiv.pos_as_xyz",
)
HALL = ("_space_group_name_Hall", "_symmetry_space_group_name_Hall", "_space_group.name_Hall")
SYMBOL = (
    "_space_group_name_H-M_alt",
    "_symmetry_space_group_name_H-M",
    "_space_group_name_H-M_full",
    "_space_group_name_H-M_ref",
    "_space_group.name_H-M_alt",
    "_symmetry.space_group_name_H-M",
)
NUMBER = (
    "_space_group_IT_number",
    "_symmetry_Int_Tables_number",
    "_space_group.IT_number",
    "_symmetry.Int_Tables_number",
)
COORDINATES = ("_atom_site_fract_x", "_atom_site_fract_y", "_atom_site_fract_z")
ATOM = {
    "type": "_atom_site_type_symbol",
    "label": "_atom_site_label",
    "occupancy": "_atom_site_occupancy",
    "u": "_atom_site_U_iso_or_equiv",
    "b": "_atom_site_B_iso_or_equiv",
    "multiplicity": "_atom_site_symmetry_multiplicity",
    "site_multiplicity": "_atom_site_site_symmetry_multiplicity",
    "flag": "_atom_site_calc_flag",
}
U_AXES = ("_atom_site_aniso_U_11", "_atom_site_aniso_U_22", "_atom_site_aniso_U_33")
MOST_NAMED = 8
"""Blocks that a message names."""


@dataclass(frozen=True, slots=True)
class _Atom:
    """A row of the atoms: its site, and how many of it a cell has, None where the file does not say."""

    site: Site
    multiplicity: int | None


def read_cif(where: str, name: str = "", *, families: Sequence[Sequence[int]] = ()) -> Phase:
    """The phase in a CIF; "file.cif::block" names one block of several.

    Raises `SetupError` for what cannot be read, lacks a cell or symmetry, and where several blocks hold cells and
    none is named.
    """
    file, _, block = where.partition("::")
    try:
        text = read_text(Path(file), kind=SetupError)
    except FileNotFoundError:
        raise SetupError(f"phase.cif {file}", rule="no such file") from None
    return phase_from_cif(text, name, block=block, families=families, where=file)


def phase_from_cif(
    text: str, name: str = "", *, block: str = "", families: Sequence[Sequence[int]] = (), where: str = "cif"
) -> Phase:
    """The phase in the text of a CIF. Raises `SetupError` as `read_cif` does."""
    try:
        document = gemmi.cif.read_string(text)
    except (ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else "no CIF"
        raise SetupError(where, rule="must be a readable CIF", got=reason) from None
    chosen = _chosen(document, block, where)
    name = name or chosen.name.strip() or "phase"
    lattice = _lattice(chosen, where)
    wanted = tuple((int(f[0]), int(f[1]), int(f[2])) for f in families)
    atoms, notes = _atoms(chosen, where)
    sites = tuple(atom.site for atom in atoms)
    operations = _column(chosen, OPERATIONS)
    if operations:
        group = SpaceGroup.from_operations(operations, _said(chosen, SYMBOL))
        phase = Phase(name, lattice, group.symbol, sites, wanted, group.operations)
        return replace(phase, notes=(*notes, *_contradiction(chosen, group, lattice, name)))
    phase = _by_name(chosen, Phase(name, lattice, "P 1", sites, wanted), atoms, where)
    return replace(phase, notes=(*notes, *phase.notes))


def _chosen(document: Any, block: str, where: str) -> Any:
    """The block that is asked for, or the only one that holds a cell."""
    crystals = [one for one in document if all(_said(one, (tag,)) for tag in CELL)]
    named = [one for one in crystals if one.name.strip().lower() == block.strip().lower()]
    if block and len(named) == 1:
        return named[0]
    if not block and len(crystals) == 1:
        return crystals[0]
    names = ", ".join(one.name.strip() or "(no name)" for one in crystals[:MOST_NAMED])
    more = f" and {len(crystals) - MOST_NAMED} more" if len(crystals) > MOST_NAMED else ""
    if not crystals:
        raise SetupError(where, rule="must hold a cell, a space group and atoms", got="no block with a cell")
    rule = "has no crystal of that name" if block else f"holds {len(crystals)} crystals: one must be named"
    example = f'cif = "{Path(where).name}::{crystals[0].name.strip()}"'
    raise SetupError(where, rule=rule, got=block or None, way_out=f"{example}; there is {names}{more}")


def _lattice(block: Any, where: str) -> tuple[float, float, float, float, float, float]:
    a, b, c = (_number(block.find_value(tag)) for tag in CELL)
    alpha, beta, gamma = (_number(block.find_value(tag), 90.0) for tag in ANGLES)
    values = (a, b, c, alpha, beta, gamma)
    if not all(math.isfinite(value) and value > 0 for value in values):
        raise SetupError(f"cell in {where}", rule="must be six positive numbers", got=list(values))
    return values


def _by_name(block: Any, bare: Phase, atoms: Sequence[_Atom], where: str) -> Phase:
    """With the symmetry that a Hall symbol, a Hermann-Mauguin symbol or a number says."""
    hall, symbol, number = (_said(block, tags) for tags in (HALL, SYMBOL, NUMBER))
    known = gemmi.symops_from_hall(hall) if hall and _is_hall(hall) else None
    if known is not None:
        group = SpaceGroup.from_operations([op.triplet() for op in known], symbol)
        return replace(bare, spacegroup=group.symbol, operations=group.operations)
    if not symbol and not number:
        rule = "must hold a cell, a space group and atoms"
        raise SetupError(where, rule=rule, got="no symmetry operations, no symbol and no number of a space group")
    try:
        group, said = find_space_group(symbol or number, bare.lattice, bare.name), symbol or number
    except SetupError:
        if not symbol or not number:
            raise
        group, said = find_space_group(number, bare.lattice, bare.name), number
    phase = replace(bare, spacegroup=group.symbol, operations=(), notes=_other_number(number, group))
    for other in other_origins(said):
        moved = replace(phase, spacegroup=other)
        if not _as_many(phase, atoms) and _as_many(moved, atoms):
            return moved  # the file says how many atoms of each kind a cell has
    counted = any(atom.multiplicity is not None for atom in atoms)
    certain = counted and _as_many(phase, atoms)
    return phase if certain else replace(phase, notes=(*phase.notes, *phase.notes_about_origins(said)))


def _other_number(number: str, group: SpaceGroup) -> tuple[str, ...]:
    """A note where the number in the tables is that of another group than the symbol, which counts."""
    known = gemmi.find_spacegroup_by_ops(gemmi.GroupOps([gemmi.Op(one) for one in group.operations]))
    if known is None or not re.fullmatch(r"[0-9]{1,3}", number) or int(number) == known.number:
        return ()
    return (f"its symbol, {group.symbol}, is space group {known.number}, not {number}: the symbol counts",)


def _as_many(phase: Phase, atoms: Sequence[_Atom]) -> bool:
    """Whether a cell has as many atoms of each site as the file says."""
    found = [int((phase.cell_atoms.site == row).sum()) for row in range(len(atoms))]
    return all(atom.multiplicity in (None, count) for atom, count in zip(atoms, found, strict=True))


def _contradiction(block: Any, group: SpaceGroup, lattice: Sequence[float], name: str) -> tuple[str, ...]:
    """A note where the name of the space group is another symmetry than the operations, which decide."""
    said = _said(block, SYMBOL) or _said(block, NUMBER)
    if not said:
        return ()
    try:
        named = find_space_group(said, lattice, name)
    except SetupError:
        return ()  # a name that nobody knows, or of an unusual setting: the operations are right
    if len(named.operations) == len(group.operations) and named.laue_class == group.laue_class:
        return ()
    text = f"its operations ({len(group.operations)}, {group.symbol}) are not those of {said}: the operations count"
    return (text,)


def _atoms(block: Any, where: str) -> tuple[list[_Atom], tuple[str, ...]]:
    """The atoms that have a place, and a note about those without."""
    columns = {key: _column(block, (tag,)) for key, tag in ATOM.items()}
    places = [_column(block, (tag,)) for tag in COORDINATES]
    aniso = _aniso(block)
    atoms, without = [], 0
    for row, xyz in enumerate(zip(*places, strict=False)):
        cells = {key: column[row] if row < len(column) else "" for key, column in columns.items()}
        place = [_number(text) for text in xyz]
        if not all(map(math.isfinite, place)):
            without += 1
            continue
        if cells["flag"] == "dum":
            continue
        element = _element(cells["type"]) or _element(cells["label"])
        if not element:
            got = cells["type"] or cells["label"] or "nothing"
            raise SetupError(f"atom {row + 1} in {where}", rule="must be a chemical element", got=got)
        b = _b_iso(cells, aniso.get(cells["label"], math.nan))
        site = Site(element, (place[0], place[1], place[2]), _number(cells["occupancy"], 1.0), b)
        count = _number(cells["multiplicity"] or cells["site_multiplicity"])
        atoms.append(_Atom(site, int(count) if math.isfinite(count) and count > 0 else None))
    note = f"{without} atoms without coordinates are left out: intensities are not right without them"
    return atoms, (note,) if without else ()


def _b_iso(cells: Mapping[str, str], aniso: float) -> float:
    """In Angstrom^2, from B, from U, or from the mean of U along the axes."""
    b, u = _number(cells["b"]), _number(cells["u"])
    u = u if math.isfinite(u) else aniso
    b = b if math.isfinite(b) else 8 * math.pi**2 * u
    return b if math.isfinite(b) and b > 0 else B_ISO


def _aniso(block: Any) -> dict[str, float]:
    labels = _column(block, ("_atom_site_aniso_label",))
    rows = zip(labels, *(_column(block, (tag,)) for tag in U_AXES), strict=False)
    return {label: sum(map(_number, parts)) / 3 for label, *parts in rows}


def _element(text: str) -> str:
    """The chemical element at the beginning of "Fe3+", "O2-", "FE1", "OW"; empty where there is none.

    A small letter belongs to the one before it: "Wat" is no tungsten.
    """
    found = re.match("[A-Za-z]+", text.strip())
    letters = found[0] if found else ""
    two, one = letters[:2].capitalize(), letters[:1].upper()
    if len(two) == 2 and is_element(two):
        return two
    return one if is_element(one) and not letters[1:2].islower() else ""


def _is_hall(text: str) -> bool:
    try:
        return len(gemmi.symops_from_hall(text)) > 0
    except (RuntimeError, ValueError):
        return False


def _said(block: Any, tags: Sequence[str]) -> str:
    """The first value that is given, as text; empty where none is."""
    for tag in tags:
        value = block.find_value(tag)
        text = gemmi.cif.as_string(value).strip() if value is not None else ""
        if text not in ("", "?", "."):
            return " ".join(text.split())
    return ""


def _column(block: Any, tags: Sequence[str]) -> list[str]:
    """The values of the first of the tags that is there, in a loop or alone; what is not given is empty."""
    for tag in tags:
        values = [gemmi.cif.as_string(value).strip() for value in block.find_values(tag)]
        if values:
            return ["" if value in ("?", ".") else value for value in values]
    return []


def _number(text: str | None, default: float = math.nan) -> float:
    """A number with or without an uncertainty, or a fraction like 1/3; the default where none is given."""
    value = float(gemmi.cif.as_number(text)) if text else math.nan
    if math.isfinite(value) or not text:
        return value if math.isfinite(value) else default
    try:
        return float(Fraction(text.replace(" ", ""))) if "/" in text else default
    except (ValueError, ZeroDivisionError):
        return default
