"""What a user may write where a file is asked for: `file`, `file::inside`, a folder, a pattern."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from friedel.errors import ScanError
from friedel.model.arrays import Indices

HDF5 = frozenset({".h5", ".hdf5", ".hdf", ".nx", ".nxs", ".nexus"})
EDF = frozenset({".edf", ".edf.gz", ".edf.bz2"})
TIFF = frozenset({".tif", ".tiff"})
CBF = frozenset({".cbf", ".cbf.gz", ".cbf.bz2"})
NUMPY = frozenset({".npy", ".npz"})
_KNOWN = "HDF5 (.h5 .hdf5 .hdf .nx .nxs), EDF (.edf), CBF (.cbf), TIFF (.tif .tiff) or numpy (.npy .npz)"
_DARK = r"dark(end|s|field|img|image)?"
_FLAT = r"flat(s|field|img|image)?|ref(s|hst|erence|erences)?|bright(s|field)?|white(s|field)?|open_?beam"
_END = r"([^a-z]|$|(?-i:(?<=[a-z])[A-Z]))"
"""Where a word ends: flat_1, FlatBefore1."""
_BEGIN = r"(.*([^a-z]|(?-i:[a-z](?=[A-Z]))))"
_BESIDE = re.compile(rf"(dark|ref)|{_BEGIN}?({_DARK}|{_FLAT}){_END}", re.IGNORECASE)
_IS_DARK = re.compile(rf"dark|{_BEGIN}{_DARK}{_END}", re.IGNORECASE)

_LAST_NUMBER = re.compile(r"(.*?)(\d{1,12})(\D*)")
_FEWEST_NUMBERED = 8
"""Files of which the numbers say which are missing."""
_FEW_STRANGERS = 0.25
"""Files of another name among so many times more are hardly frames."""


class ImageFiles(NamedTuple):
    """Files in their natural order, the family of their format, the path inside (HDF5, npz), and which others were
    `left_out` by their names."""

    files: tuple[Path, ...]
    kind: frozenset[str]
    inner: str | None
    left_out: tuple[Path, ...] = ()


def locate(text: str, base: Path, *, keep_darks: bool = False) -> ImageFiles:
    """Find the files that `text` means, relative to `base`.

    A folder stands for all images in it; darks and flats (`dark*`, `flat*`, `ref*`, `bright*`, `white*`) among
    several files are left out, unless `keep_darks`, or unless the pattern itself names such. Raises `ScanError`
    when there is none, when they are of several formats, or of an unknown one.
    """
    name, _, inner = text.partition("::")
    if not name:
        raise ScanError("scan.frames", rule="must name a file, a folder or a pattern", got=repr(text))
    path = base / Path(name).expanduser()
    files, left_out = _expand(path, keep_darks=keep_darks)
    kinds = {kind_of(file) for file in files}
    if len(kinds) > 1:
        raise ScanError(str(path), rule="must be images of one format", got=f"{len(kinds)} formats")
    return ImageFiles(tuple(files), kinds.pop(), inner or None, tuple(left_out))


def kind_of(path: Path) -> frozenset[str]:
    """The format, by the end of the name, else by HDF5's signature. Raises `ScanError` for an unknown one."""
    name = path.name.lower()
    for kind in (HDF5, EDF, CBF, TIFF, NUMPY):
        if name.endswith(tuple(kind)):
            return kind
    if path.is_file() and _is_hdf5(path):
        return HDF5
    raise ScanError(str(path), rule=f"must be {_KNOWN}", got=path.suffix or "no suffix")


def is_dark(path: Path) -> bool:
    """Whether the name says that a file holds darks."""
    return _IS_DARK.match(path.name) is not None


def natural(path: Path) -> list[tuple[int, str]]:
    """Sort key: numbers by value, so that image_2 comes before image_10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.name)]


def places_by_number(files: tuple[Path, ...]) -> Indices | None:
    """Places of files by the last number in their names, which are alike but for it; None where they do not tell.

    The usual step from one number to the next is one place; numbers that are missing leave places empty.
    """
    parts = [_LAST_NUMBER.fullmatch(file.name) for file in files]
    known = [part for part in parts if part is not None]
    if len(files) < _FEWEST_NUMBERED or len(known) < len(files) or len({(p[1], p[3]) for p in known}) > 1:
        return None
    steps = np.diff([int(part[2]) for part in known])
    step = int(np.median(steps))
    if step < 1 or steps.min() < 1 or (steps % step).any() or steps.sum() // step > 2 * len(files):
        return None
    return np.concatenate([[0], np.cumsum(steps // step)]).astype(np.int64)


def strangers(files: Sequence[Path]) -> list[Path]:
    """The few files whose names, but for their numbers, are others than those of nearly all: perhaps no frames."""
    names = [re.sub(r"\d+", "", file.name) for file in files]
    (usual, count), *_ = Counter(names).most_common(1)
    others = [file for file, name in zip(files, names, strict=True) if name != usual]
    return others if len(others) <= _FEW_STRANGERS * count else []


def _expand(path: Path, *, keep_darks: bool) -> tuple[list[Path], list[Path]]:
    """The files that are meant, and those that their names leave out."""
    if path.is_file():
        return [path], []
    if path.is_dir():
        found = [file for file in path.iterdir() if file.name.lower().endswith((*EDF, *CBF, *TIFF))]
        empty = "holds no EDF or TIFF images, nor CBF"
    elif any(sign in path.name for sign in "*?["):
        found = [file for file in path.parent.glob(path.name) if file.is_file()]
        empty = "matches no file"
    else:
        raise ScanError(str(path), rule="no such file")
    keep_darks = keep_darks or (not path.is_dir() and _BESIDE.match(path.name) is not None)
    wanted = [file for file in found if keep_darks or not _BESIDE.match(file.name)]
    if found and not wanted:
        rule = f"holds only darks and flats, by their names ({min(found, key=natural).name}, ...)"
        way_out = "if they are frames, name them by a pattern, such as 'flat*.tif'"
        raise ScanError(str(path), rule=rule, way_out=way_out)
    if not wanted:
        raise ScanError(str(path), rule=empty)
    return sorted(wanted, key=natural), sorted(set(found) - set(wanted), key=natural)


def _is_hdf5(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(8) == b"\x89HDF\r\n\x1a\n"
