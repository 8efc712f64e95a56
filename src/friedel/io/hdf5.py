"""Scans in HDF5 files: finds the frames by itself where it can, and what belongs to them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np

from friedel.errors import ScanError
from friedel.io.angles import Angles, Steps, in_degrees, stored_angles, unit_of
from friedel.io.bliss import bliss_stacks, read_bliss, scan_of
from friedel.io.eiger import Parts, files_of, joined, joined_parts, parts_under, pixel_mask
from friedel.io.foreign import parsing
from friedel.io.h5_find import broken_links, find_frames, images_in
from friedel.io.h5_frames import h5_frames
from friedel.io.hdf5_file import first_images, numbers, opened
from friedel.io.nexus import nxtomo_stacks, read_nxtomo
from friedel.io.stored_scan import MOST_DARKS, StoredScan
from friedel.model.arrays import AnyArray

_DARKS = ("dark", "darks", "dark_image", "data_dark", "dark_frames")
_ANGLES = ("omega", "omega_deg", "rotation_angle", "theta", "angles", "rot", "sample/goniometer/omega")


def read_hdf5(path: Path, inner: str | None) -> StoredScan:
    """A scan from a file, or from one dataset or group of it.

    Raises `ScanError` when the dataset is not there, or when the frames could be in several (all are named).
    """
    with opened(path) as file:
        name = f"/{(inner or '').strip('/')}".rstrip("/")
        if not name or isinstance(_item(file, name), h5py.Group):
            parts = parts_under(file, name)
            if parts is not None:
                return _said_if_unfinished(file, _in_parts(file, parts))
            name = find_frames(file, under=name)
        return _said_if_unfinished(file, _describe(file, name))


def read_hdf5_files(files: tuple[Path, ...], inner: str | None) -> StoredScan:
    """One scan from several files in their order, each with a part of the frames at the same place.

    Raises `ScanError` that names the file whose frames are unlike the first's.
    """
    scans = [read_hdf5(path, inner) for path in files]
    frames = joined([(scan.name, scan.frames) for scan in scans])
    name = f"{files[0].parent}/*{files[0].suffix}" + (f"::{inner}" if inner else "")
    angles = _joined_angles([scan.angles for scan in scans])
    read_from = tuple(dict.fromkeys(file for scan in scans for file in scan.files))
    return replace(scans[0], frames=frames, name=name, files=read_from, angles=angles, chosen=None, images=0)


def _said_if_unfinished(file: h5py.File, found: StoredScan) -> StoredScan:
    """With a note where the file is marked as being written."""
    if not file.swmr_mode:
        return found
    note = "a program writes to this file, or was killed while it did: these are the frames that it has now"
    return replace(found, notes=(*found.notes, note))


def _joined_angles(parts: list[Angles | Steps | None]) -> Angles | None:
    """Of all parts, one after the other; None where one does not tell them one by one."""
    arrays = [in_degrees(part).angles for part in parts if isinstance(part, Angles)]
    if len(arrays) < len(parts) or not arrays:
        return None
    return arrays[0]._replace(values=np.concatenate([part.values for part in arrays]))


def _in_parts(file: h5py.File, parts: Parts) -> StoredScan:
    """The scan of a master file whose frames are in parts."""
    frames = joined_parts(file, parts)
    first = file[parts.ordered[0]]
    dark, dark_from = _dark(file, parts.ordered[0], first) or (None, "")
    return StoredScan(
        frames=frames,
        name=f"{file.filename}::{parts.group}",
        files=files_of(file, parts),
        angles=_angles(file, parts.ordered[0], first),
        dark=dark,
        dark_from=dark_from,
        mask=pixel_mask(file, frames.shape[1:]),
        notes=(f"{len(parts.names)} parts, {', '.join(parts.names[n] for n in sorted(parts.names)[:4])}, ...",)
        if len(parts.names) > 4
        else (f"parts {', '.join(parts.names[n] for n in sorted(parts.names))}",),
    )


def read_dataset(path: Path, inner: str) -> AnyArray:
    """The numbers of one dataset, e.g. a dark. Raises `ScanError` when it is not there or damaged."""
    with opened(path) as file:
        dataset = _item(file, inner)
        if not isinstance(dataset, h5py.Dataset):
            raise ScanError(f"{path}::{inner}", rule="is a group, not a dataset", way_out=_hint(file))
        with parsing(f"{path}::{inner}"):
            return numbers(dataset)


def dataset_unit(path: Path, inner: str) -> str:
    """The attribute `units` of one dataset; empty where it has none."""
    with opened(path) as file:
        return unit_of(_item(file, inner))


def read_only_dataset(path: Path) -> AnyArray:
    """The numbers of the one image or stack in a file, or of the one called dark. Raises `ScanError`."""
    with opened(path) as file:
        images = images_in(file, dimensions=(2, 3), all_names=True)
    darks = [name for name in images if name.rpartition("/")[2].lower() in _DARKS]
    names = darks if len(darks) == 1 else list(images)
    if len(names) != 1:
        got = ", ".join(names[:12]) or "none"
        raise ScanError(
            str(path), rule="must hold one image or stack", got=got, way_out=f"say which: {path}::/PATH"
        )
    return read_dataset(path, names[0])


def _item(file: h5py.File, inner: str) -> h5py.Dataset | h5py.Group:
    name = f"{file.filename}::{inner}"
    try:
        return file[inner]
    except (KeyError, OSError, RuntimeError) as error:  # the last for links that lead round in a circle
        target = dict(broken_links(file)).get(f"/{inner.strip('/')}")
        if target is not None:
            raise ScanError(name, rule="is a link that leads nowhere", got=target) from error
        raise ScanError(name, rule="no such dataset", way_out=_hint(file)) from error


def _hint(file: h5py.File) -> str:
    stacks = [f"{name} {stack.shape}" for name, stack in images_in(file).items()]
    return f"there is {', '.join(stacks[:8])}" if stacks else "the file holds no stack of images"


def _describe(file: h5py.File, path: str) -> StoredScan:
    stack = file[path]
    for known, tomo in nxtomo_stacks(file, entry=path.split("/")[1]).items():
        if stack == tomo:
            return read_nxtomo(file, known, tomo)
    scan = scan_of(file, path)
    if scan is not None:
        return read_bliss(scan, path, stack, bliss_stacks(file)[1].values())
    saturation = stack.attrs.get("saturation")
    dark, dark_from = _dark(file, path, stack) or (None, "")
    parts = parts_under(file, path.rpartition("/")[0])
    alone = parts is None or path not in parts.ordered or len(parts.names) == 1
    frames = h5_frames(stack)
    return StoredScan(
        frames=frames,
        name=f"{file.filename}::{path}",
        files=(Path(file.filename),),
        angles=_angles(file, path, stack),
        dark=dark,
        dark_from=dark_from,
        mask=None if parts is None else pixel_mask(file, frames.shape[1:]),
        notes=() if alone or parts is None else (_only_a_part(file, path, parts),),
        saturation=None if saturation is None else float(saturation),
    )


def _only_a_part(file: h5py.File, path: str, parts: Parts) -> str:
    return f"{path} is one of {len(parts.names)} parts: {file.filename}::{parts.group} is all of them"


def _angles(file: h5py.File, path: str, stack: h5py.Dataset) -> Angles | Steps | None:
    """From the stack's own attributes, else from an array beside it or in a group above."""
    if "omega_step_deg" in stack.attrs:
        return Steps(float(stack.attrs.get("omega_start_deg", 0.0)), float(stack.attrs["omega_step_deg"]))
    for name, item in _in_groups_above(file, path, _ANGLES):
        if item.ndim == 1 and item.dtype.kind in "iuf" and len(item) > 1:
            return stored_angles(item, name)
    return None


def _dark(file: h5py.File, path: str, stack: h5py.Dataset) -> tuple[AnyArray, str] | None:
    """The nearest of the frames' shape; else the nearest of another, which is then refused by its name."""
    found = [(name, item) for name, item in _in_groups_above(file, path, _DARKS) if item.ndim in {2, 3}]
    found.sort(key=lambda one: one[1].shape[-2:] != stack.shape[-2:])
    if not found:
        return None
    name, item = found[0]
    with parsing(f"{file.filename}::{name}"):
        return first_images(item, MOST_DARKS), name


def _in_groups_above(file: h5py.File, path: str, names: tuple[str, ...]) -> Iterator[tuple[str, h5py.Dataset]]:
    """Datasets with one of these names, in the group of `path` first, then in those above."""
    group = path
    while group:
        group = group.rpartition("/")[0]
        for name in names:
            item = file.get(f"{group}/{name}")
            if isinstance(item, h5py.Dataset):
                yield f"{group}/{name}", item
