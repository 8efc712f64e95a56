"""ImageD11's `pars.json`: names of `.par` files, one with the geometry and one for each crystal."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from friedel.errors import InputError
from friedel.io.foreign import parsing
from friedel.io.imaged11_parameters import read_par, read_par_phase
from friedel.io.text import read_text


def read_analysis(path: Path) -> dict[str, Any]:
    """Values for `ImportedParameters`: the geometry, and the crystals in the order of the file. Raises
    `InputError`."""
    with parsing(path, InputError, rule="is not JSON"):
        content = json.loads(read_text(path))
    geometry = _file(path, content, "geometry") if isinstance(content, dict) else None
    if geometry is None:
        rule = "must be an ImageD11 pars.json, which names a file of the geometry"
        raise InputError(str(path), rule=rule, got=_keys(content))
    found = read_par(geometry)
    entries = content.get("phases", {})
    if not isinstance(entries, dict):
        raise InputError(f"phases in {path}", rule="must be a table of crystals", got=type(entries).__name__)
    phases, notes = [], [note for note in found["notes"] if not note.startswith("the file gives no cell")]
    for name in entries:
        where = _file(path, entries, name)
        if where is None:
            raise InputError(f"phase {name!r} in {path}", rule="must name a file")
        told: list[str] = []
        phase = read_par_phase(where, told)
        if phase is None:
            raise InputError(str(where), rule=f"must give the cell of phase {name!r}")
        phases.append({**phase, "name": name})
        notes += [note.replace(repr(phase["name"]), repr(name)) for note in told]
    return {**found, "phase": tuple(phases) or found["phase"], "notes": tuple(dict.fromkeys(notes))}


def _file(path: Path, table: Mapping[str, Any], name: str) -> Path | None:
    """The file that an entry names, beside `path` where it is not absolute; None where it names none."""
    entry = table.get(name)
    file = entry.get("file") if isinstance(entry, dict) else None
    return path.parent / file if isinstance(file, str) and file else None


def _keys(content: object) -> str:
    return ", ".join(map(str, list(content)[:5])) if isinstance(content, dict) else type(content).__name__
