"""NXtomo files: one stack of projections, flats and darks, told apart by `image_key`."""

from pathlib import Path

import h5py
import numpy as np

from friedel.errors import ScanError
from friedel.io.angles import Angles, stored_angles
from friedel.io.h5_frames import h5_frames
from friedel.io.hdf5_file import followed, numbers
from friedel.io.sources import SelectedFrames
from friedel.io.stored_scan import MOST_DARKS, StoredScan

_PROJECTION, _FLAT, _DARK = 0, 1, 2
DEEPEST_SUBENTRY = 3


def nxtomo_stacks(file: h5py.File, entry: str | None = None) -> dict[str, h5py.Dataset]:
    """The image stacks of an entry, or of all, that have image keys; one seen by two paths counts once."""
    stacks: dict[str, h5py.Dataset] = {}
    for name_of_entry in file if entry is None else [entry]:
        for path in _detectors(followed(file, name_of_entry), f"/{name_of_entry}"):
            group = file[path]
            name = next((name for name in ("data", "image") if _is_stack(group, name)), None)
            if "image_key" in group and name and all(group[name] != known for known in stacks.values()):
                stacks[f"{path}/{name}"] = group[name]
    return stacks


def read_nxtomo(file: h5py.File, path: str, stack: h5py.Dataset) -> StoredScan:
    """A scan from the stack at `path`: frames with image key 0, the dark ones (key 2) and the angles of the frames.

    Raises `ScanError` when keys or angles are not as many as images, or when there is no projection.
    """
    detector = file[path.rpartition("/")[0]]
    name = f"{file.filename}::{path}"
    keys = numbers(detector["image_key"]).astype(np.int64).ravel()
    if len(keys) != stack.shape[0]:
        raise ScanError(
            f"image_key beside {name}", rule=f"must be as many as the {stack.shape[0]} images", got=len(keys)
        )
    images = h5_frames(stack)
    chosen = np.flatnonzero(keys == _PROJECTION)
    if len(chosen) == 0:
        raise ScanError(name, rule="must have projections (image_key 0)", got=f"keys {np.unique(keys).tolist()}")
    darks = np.flatnonzero(keys == _DARK)[:MOST_DARKS]
    dark = np.concatenate([images.read(int(k), int(k) + 1) for k in darks]) if len(darks) else None
    whole = len(chosen) == stack.shape[0]
    flats = int(np.count_nonzero(keys == _FLAT))
    notes = (f"{flats} flat images are left out",) if flats else ()
    return StoredScan(
        frames=images if whole else SelectedFrames(images, tuple(chosen.tolist())),
        name=name,
        files=(Path(file.filename),),
        angles=_angles(file, path),
        dark=dark,
        dark_from="image_key 2",
        notes=notes,
        chosen=None if whole else chosen,
        images=len(keys),
    )


def _angles(file: h5py.File, path: str) -> Angles | None:
    """The rotation angles, from the detector's group or the nearest one above it."""
    group = path
    while group:
        group = group.rpartition("/")[0]
        for name in ("rotation_angle", "sample/rotation_angle", "data/rotation_angle"):
            item = file.get(f"{group}/{name}")
            if isinstance(item, h5py.Dataset):
                return stored_angles(item, f"{group}/{name}")
    return None


def _detectors(entry: object, path: str) -> list[str]:
    """Groups that may hold a detector's images: an entry itself, `data`, those of `instrument`, of subentries."""
    if not isinstance(entry, h5py.Group):
        return []
    instrument = entry.get("instrument")
    inside = [f"{path}/instrument/{name}" for name in instrument] if isinstance(instrument, h5py.Group) else []
    nested = [f"{path}/{name}" for name in entry if "tomo" in name.lower()]  # an NXsubentry, as at Diamond
    nested = nested if path.count("/") < DEEPEST_SUBENTRY else []  # links may lead back to where they are
    deeper = [place for below in nested for place in _detectors(followed(entry.file, below), below)]
    places = [*inside, f"{path}/data", path, *deeper]
    return [place for place in places if isinstance(followed(entry.file, place), h5py.Group)]


def _is_stack(group: h5py.Group, name: str) -> bool:
    item = group.get(name)
    return isinstance(item, h5py.Dataset) and item.ndim == 3
