"""Finding stacks of images in an HDF5 file that does not say where they are."""

import re
from collections.abc import Iterator

import h5py

from friedel.errors import ScanError
from friedel.io.bliss import bliss_stacks
from friedel.io.hdf5_file import followed
from friedel.io.nexus import nxtomo_stacks
from friedel.io.text import text_in

_OURS = "/entry/data/frames"
_NOT_FRAMES = re.compile(r"(^|_)(dark|flat|ref|white|bright|mask|label)", re.IGNORECASE)
_DEEPEST = 12

Stacks = dict[str, h5py.Dataset]
"""Datasets by path."""


def find_frames(file: h5py.File, under: str = "") -> str:
    """The path of the one dataset that must be the frames, by the format it is in.

    `under` is a group to look in. Raises `ScanError` when there are several (all are named), or none.
    """
    name = f"{file.filename}::{under}" if under else str(file.filename)
    for found in _by_format(file):  # one after the other: a master file may have a thousand scans
        paths = [path for path in found if path.startswith(f"{under}/")]
        if len(paths) > 1:
            got = ", ".join(f"{path} {found[path].shape}" for path in paths[:12])
            way_out = f"say which: {file.filename}::{paths[0]}"
            raise ScanError(name, rule="has several stacks of images", got=got, way_out=way_out)
        if paths:
            return paths[0]
    found = {path: item for path, item in images_in(file, (4,)).items() if path.startswith(f"{under}/")}
    single = [path for path, item in found.items() if 1 in item.shape[:2]]
    if len(single) == 1:
        return single[0]
    if found:
        told = ", ".join(f"{path} {item.shape}" for path, item in [*found.items()][:4])
        way_out = "store the frames of each scan in a dataset of three dimensions"
        raise ScanError(name, rule="must hold frames [frame, row, col]", got=told, way_out=way_out)
    broken = [f"{path} -> {target}" for path, target in broken_links(file) if path.startswith(f"{under}/")]
    if broken:
        raise ScanError(name, rule="has links that lead nowhere", got=", ".join(broken[:4]))
    raise ScanError(name, rule="must hold frames [frame, row, col]", got="no dataset of three dimensions")


def _by_format(file: h5py.File) -> Iterator[Stacks]:
    yield nxtomo_stacks(file)
    yield bliss_stacks(file)[0]
    yield {_OURS: file[_OURS]} if isinstance(file.get(_OURS), h5py.Dataset) else {}
    yield _default_signal(file)
    yield images_in(file)


def images_in(file: h5py.File, dimensions: tuple[int, ...] = (3,), *, all_names: bool = False) -> Stacks:
    """All images or stacks, links followed, each once; those named as darks, flats or masks only if asked for."""
    found: Stacks = {}
    seen = set()
    for path, item, _ in _members(file):
        if isinstance(item, h5py.Dataset) and item.ndim in dimensions and item.dtype.kind in "uif":
            place = _place(item)
            if place not in seen and (all_names or not _NOT_FRAMES.search(path.rpartition("/")[2])):
                seen.add(place)
                found[path] = item
    return found


def _default_signal(file: h5py.File) -> Stacks:
    """What NeXus' chain of defaults leads to, where that is a stack."""
    group, path = file, ""
    for _ in range(_DEEPEST):
        step = text_in(group.attrs.get("default", group.attrs.get("signal", "")))
        item = group.get(step) if step else None
        if isinstance(item, h5py.Dataset):
            return {f"{path}/{step}": item} if item.ndim == 3 else {}
        if not isinstance(item, h5py.Group):
            return {}
        group, path = item, f"{path}/{step}"
    return {}


def broken_links(group: h5py.Group) -> Iterator[tuple[str, str]]:
    """Soft and external links whose target is missing or goes round in a circle, and what they point to."""
    for path, item, parent in _members(group):
        if item is None:
            link = parent.get(path.rpartition("/")[2], getlink=True)
            if not isinstance(link, h5py.HardLink):
                yield path, f"{getattr(link, 'filename', '')}{link.path}"


def _members(file: h5py.Group) -> Iterator[tuple[str, object, h5py.Group]]:
    """(path, what is there or None, the group that it is in) of everything below a group, links followed.

    Each group is entered once, by whatever name it is met first: links may lead back to where they come from.
    """
    entered = {_place(file)}

    def walk(group: h5py.Group, prefix: str, depth: int) -> Iterator[tuple[str, object, h5py.Group]]:
        for name in group:
            item = followed(group, name)
            yield f"{prefix}/{name}", item, group
            if isinstance(item, h5py.Group) and depth < _DEEPEST and _place(item) not in entered:
                entered.add(_place(item))
                yield from walk(item, f"{prefix}/{name}", depth + 1)

    yield from walk(file, "", 0)


def _place(item: h5py.Group | h5py.Dataset) -> tuple[int, int]:
    """What tells one object from another, whatever links lead to it."""
    about = h5py.h5o.get_info(item.id)
    return about.fileno, about.addr
