"""A BLISS session: a folder with master files, in which many scans of many samples lie."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import h5py

from friedel.errors import ScanError
from friedel.io.bliss import bliss_stacks, has_turned, scan_groups
from friedel.io.hdf5_file import opened
from friedel.io.paths import CBF, EDF, HDF5, TIFF, natural
from friedel.model.scan import FEWEST_FRAMES

DEEPEST = 5
"""Folders below the session's: proposal, session, RAW_DATA, sample, data set."""
MOST_FILES = 20_000


class SessionScan(NamedTuple):
    """One stack of frames: `frames` as `[scan] frames` names it, and a short `name` without signs."""

    frames: str
    name: str


def scans_of_session(folder: Path) -> list[SessionScan]:
    """All stacks of frames in the BLISS master files below a folder, each once, in natural order.

    Masters of samples and proposals lead to the scans of data sets; those are named by the data set's own file.
    What has fewer frames than a scan needs, or did not turn, is none. Files that cannot be read hold none either.
    Raises `ScanError` for a folder with more files than a session has.
    """
    found: dict[tuple[str, int], SessionScan] = {}
    for path in _masters(folder):
        try:
            with opened(path) as file:
                stacks = bliss_stacks(file)[0] if scan_groups(file) else {}
                for place, scan in _scans(path, file, stacks):
                    found.setdefault(place, scan)
        except ScanError:
            continue
    return list(_named_apart(sorted(found.values(), key=lambda scan: natural(Path(scan.name)))))


def has_masters(folder: Path) -> bool:
    """Whether a folder holds HDF5 files, not deeper than a session does, and no images itself."""
    if not folder.is_dir() or any(path.name.lower().endswith((*EDF, *CBF, *TIFF)) for path in folder.iterdir()):
        return False
    return any(_hdf5_files(folder))


def _masters(folder: Path) -> list[Path]:
    """HDF5 files, the deepest first."""
    files = [*islice(_hdf5_files(folder), MOST_FILES + 1)]
    if len(files) > MOST_FILES:
        raise ScanError(str(folder), rule=f"a session has at most {MOST_FILES} HDF5 files", got="more")
    return sorted(files, key=lambda path: (-len(path.parts), natural(path), path))


def _hdf5_files(folder: Path) -> Iterator[Path]:
    for depth in range(1, DEEPEST + 2):
        for path in folder.glob("/".join(["*"] * depth)):
            if path.name.lower().endswith(tuple(HDF5)) and path.is_file():
                yield path


def _scans(
    master: Path, file: h5py.File, stacks: dict[str, h5py.Dataset]
) -> Iterator[tuple[tuple[str, int], SessionScan]]:
    """The stacks of one master, and what tells each from others, whatever links lead to it."""
    detectors = {path.rpartition("/")[2] for path in stacks}
    for path, stack in stacks.items():
        number, detector = path.split("/")[1], path.rpartition("/")[2]
        if len(stack) < FEWEST_FRAMES or not has_turned(file[number], len(stack)):
            continue
        name = f"{master.stem}_{number}" + (f"_{detector}" if len(detectors) > 1 else "")
        place = (str(Path(stack.file.filename).resolve()), int(h5py.h5o.get_info(stack.id).addr))
        yield place, SessionScan(f"{master}::{path}", name)


def _named_apart(scans: list[SessionScan]) -> Iterator[SessionScan]:
    """Masters of one name in two folders: the later ones get a number."""
    taken: dict[str, int] = {}
    for scan in scans:
        taken[scan.name] = taken.get(scan.name, 0) + 1
        again = taken[scan.name]
        yield scan if again == 1 else scan._replace(name=f"{scan.name}_{again}")
