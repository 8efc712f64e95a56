"""Geometry and crystals that other programs wrote down, as values of a recipe's sections."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from friedel.errors import InputError
from friedel.io.esrf_parameters import read_esrf
from friedel.io.foreign import parsing
from friedel.io.imaged11_analysis import read_analysis
from friedel.io.imaged11_parameters import read_par


@dataclass(frozen=True, slots=True)
class ImportedParameters:
    """Plain values for a recipe: the tables [setup], [preprocess], [segment], the list [[phase]].

    `notes` are sentences about what was assumed, converted or left out.
    """

    setup: Mapping[str, Any]
    phase: tuple[Mapping[str, Any], ...] = ()
    preprocess: Mapping[str, Any] = field(default_factory=dict)
    segment: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def import_parameters(path: str | Path) -> ImportedParameters:
    """Read ImageD11's `.par` or `pars.json`, or the ESRF DCT code's `parameters.h5`, told apart by their contents.

    Raises `InputError` for other files, for what is missing, and for a geometry that cannot be expressed here: a
    wedge or chi, an axis that is not along z, a beam that is not along x.
    """
    where = Path(path)
    with parsing(where, InputError):
        if not where.is_file():
            raise InputError(str(where), rule="no such file")
        with where.open("rb") as file:
            start = file.read(8)
    if start == b"\x89HDF\r\n\x1a\n":
        return ImportedParameters(**read_esrf(where))
    if start.startswith(b"MATLAB"):
        raise InputError(
            str(where), rule="is a MATLAB file", way_out="save it as parameters.h5 with the ESRF DCT code"
        )
    if start.lstrip().startswith(b"{"):
        return ImportedParameters(**read_analysis(where))
    return ImportedParameters(**read_par(where))
