"""Results by folder or file: what a script reads first."""

from pathlib import Path

from friedel.io import store
from friedel.model.blobs import BlobTable
from friedel.model.grains import GrainTable, GrainVolume
from friedel.model.pairs import PairTable
from friedel.output_folder.files import BLOBS, GRAINS, PAIRS, VOLUME


def read_blobs(path: Path | str) -> BlobTable:
    """The blobs of an output folder, or of a `blobs.h5`. Raises `InputError`."""
    return store.read_blobs(_file(path, BLOBS))


def read_pairs(path: Path | str) -> PairTable:
    """The Friedel pairs of an output folder, or of a `pairs.h5`. Raises `InputError`."""
    return store.read_pairs(_file(path, PAIRS))


def read_grains(path: Path | str) -> GrainTable:
    """The grains of an output folder, or of a `grains.h5`. Raises `InputError`."""
    return store.read_grains(_file(path, GRAINS))


def read_volume(path: Path | str) -> GrainVolume:
    """The map of an output folder, or of a `volume.h5`. Raises `InputError`."""
    return store.read_volume(_file(path, VOLUME))


def _file(path: Path | str, name: str) -> Path:
    return Path(path) / name if Path(path).is_dir() else Path(path)
