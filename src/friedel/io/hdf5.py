"""Scans in HDF5 files: finds the frames by itself where it can, and what belongs to them."""

import re
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from friedel.errors import ScanError
from friedel.io.angles import Angles, Steps
from friedel.io.bliss import bliss_stacks, read_bliss, scan_of
from friedel.io.found import Found
from friedel.io.h5_frames import h5_frames
from friedel.io.hdf5_file import opened
from friedel.io.nexus import nxtomo_stacks, read_nxtomo
from friedel.model.arrays import AnyArray

_OURS = "entry/data/frames"
_NOT_FRAMES = re.compile(r"(^|_)(dark|flat|ref|white|mask|label)", re.IGNORECASE)
_DARKS = ("dark", "darks", "dark_image", "data_dark", "dark_frames")
_ANGLES = ("omega", "omega_deg", "rotation_angle", "theta", "angles", "rot")
_DEEPEST = 12


def read_hdf5(path: Path, inner: str | None) -> Found:
    """A scan from a file, or from one dataset of it.

    Raises `ScanError` when the dataset is not there, or when the frames could be in several (all are named).
    """
    with opened(path) as file:
        if inner is not None:
            return _describe(file, _dataset(file, inner), inner)
        stack, name = _find(file, path)
        return _describe(file, stack, name)


def read_dataset(path: Path, inner: str) -> AnyArray:
    """The numbers of one dataset, e.g. a dark. Raises `ScanError` when it is not there or damaged."""
    with opened(path) as file:
        dataset = _dataset(file, inner)
        try:
            return np.asarray(dataset[()])
        except OSError as error:
            raise ScanError(f"{path}::{inner}", rule="cannot be read", got=str(error).splitlines()[0]) from error


def read_only_dataset(path: Path) -> AnyArray:
    """The numbers of the one image or stack in a file, or of the one called dark. Raises `ScanError`."""
    with opened(path) as file:
        images = dict(_stacks(file, dimensions=(2, 3), leave_out=None))
    darks = [name for name in images if name.rpartition("/")[2].lower() in _DARKS]
    names = darks if len(darks) == 1 else list(images)
    if len(names) != 1:
        got = ", ".join(names[:12]) or "none"
        raise ScanError(
            str(path), rule="must hold one image or stack", got=got, way_out=f"say which: {path}::/PATH"
        )
    return read_dataset(path, names[0])


def _dataset(file: h5py.File, inner: str) -> h5py.Dataset:
    name = f"{file.filename}::{inner}"
    try:
        item = file[inner]
    except KeyError as error:
        target = dict(_broken_links(file)).get(f"/{inner.strip('/')}")
        if target is not None:
            raise ScanError(name, rule="is a link that leads nowhere", got=target) from error
        raise ScanError(name, rule="no such dataset", way_out=_hint(file)) from error
    if not isinstance(item, h5py.Dataset):
        raise ScanError(name, rule="is a group, not a dataset", way_out=_hint(file))
    return item


def _hint(file: h5py.File) -> str:
    stacks = [f"{name} {stack.shape}" for name, stack in _stacks(file)]
    return f"there is {', '.join(stacks[:8])}" if stacks else "the file holds no stack of images"


def _find(file: h5py.File, path: Path) -> tuple[h5py.Dataset, str]:
    """The one dataset that must be the frames, by the format it is in."""
    ours = {f"/{_OURS}": file[_OURS]} if isinstance(file.get(_OURS), h5py.Dataset) else {}
    formats = (nxtomo_stacks(file), bliss_stacks(file)[0], ours, dict(_default_signal(file)), dict(_stacks(file)))
    for candidates in (list(found.items()) for found in formats):
        if len(candidates) > 1:
            names = ", ".join(f"{name} {stack.shape}" for name, stack in candidates[:12])
            raise ScanError(
                str(path), rule="has several stacks of images", got=names, way_out=f"say which: {path}::/PATH"
            )
        if candidates:
            name, stack = candidates[0]
            return stack, name
    broken = [f"{name} -> {target}" for name, target in _broken_links(file)]
    if broken:
        raise ScanError(str(path), rule="has links that lead nowhere", got=", ".join(broken[:4]))
    raise ScanError(str(path), rule="must hold frames [frame, row, col]", got="no dataset of three dimensions")


def _describe(file: h5py.File, stack: h5py.Dataset, name: str) -> Found:
    path = f"/{name.strip('/')}"
    for known, tomo in nxtomo_stacks(file).items():
        if stack == tomo:
            return read_nxtomo(file, known, tomo)
    scan = scan_of(file, path)
    if scan is not None:
        return read_bliss(scan, path, stack, bliss_stacks(file)[1].values())
    saturation = stack.attrs.get("saturation")
    dark, dark_from = _dark(file, path, stack) or (None, "")
    return Found(
        frames=h5_frames(stack),
        name=f"{file.filename}::{path}",
        files=(Path(file.filename),),
        angles=_angles(file, path, stack),
        dark=dark,
        dark_from=dark_from,
        saturation=None if saturation is None else float(saturation),
    )


def _angles(file: h5py.File, path: str, stack: h5py.Dataset) -> Angles | Steps | None:
    """From the stack's own attributes, else from an array beside it or in a group above."""
    if "omega_step_deg" in stack.attrs:
        return Steps(float(stack.attrs.get("omega_start_deg", 0.0)), float(stack.attrs["omega_step_deg"]))
    for name, item in _around(file, path, _ANGLES):
        if item.ndim == 1 and item.dtype.kind in "iuf" and len(item) > 1:
            return Angles(item[()], f"{file.filename}::{name}")
    return None


def _dark(file: h5py.File, path: str, stack: h5py.Dataset) -> tuple[AnyArray, str] | None:
    for name, item in _around(file, path, _DARKS):
        if item.ndim in {2, 3} and item.shape[-2:] == stack.shape[1:]:
            return np.asarray(item[()]), name
    return None


def _around(file: h5py.File, path: str, names: tuple[str, ...]) -> Iterator[tuple[str, h5py.Dataset]]:
    """Datasets with one of these names, in the group of `path` first, then in those above."""
    group = path
    while group:
        group = group.rpartition("/")[0]
        for name in names:
            item = file.get(f"{group}/{name}")
            if isinstance(item, h5py.Dataset):
                yield f"{group}/{name}", item


def _default_signal(file: h5py.File) -> list[tuple[str, h5py.Dataset]]:
    """What NeXus' chain of defaults leads to, where that is a stack."""
    group = file
    for _ in range(_DEEPEST):
        step = group.attrs.get("default", group.attrs.get("signal"))
        step = step.decode() if isinstance(step, bytes) else step
        item = group.get(step) if isinstance(step, str) else None
        if isinstance(item, h5py.Dataset):
            return [(item.name, item)] if item.ndim == 3 else []
        if not isinstance(item, h5py.Group):
            return []
        group = item
    return []


def _stacks(
    file: h5py.File, dimensions: tuple[int, ...] = (3,), leave_out: re.Pattern[str] | None = _NOT_FRAMES
) -> Iterator[tuple[str, h5py.Dataset]]:
    """All stacks of images, links followed, each once, without those named as darks or flats."""
    seen = set()

    def walk(group: h5py.Group, prefix: str, depth: int) -> Iterator[tuple[str, h5py.Dataset]]:
        for name in group:
            item = group.get(name)
            if isinstance(item, h5py.Group) and depth < _DEEPEST:
                yield from walk(item, f"{prefix}/{name}", depth + 1)
            elif isinstance(item, h5py.Dataset) and item.ndim in dimensions and item.dtype.kind in "uif":
                place = (item.file.filename, h5py.h5o.get_info(item.id).addr)
                if place not in seen and not (leave_out and leave_out.search(name)):
                    seen.add(place)
                    yield f"{prefix}/{name}", item

    yield from walk(file, "", 0)


def _broken_links(group: h5py.Group, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Soft and external links whose target is missing, and what they point to."""
    for name in group:
        link, item = group.get(name, getlink=True), group.get(name)
        if item is None and not isinstance(link, h5py.HardLink):
            yield f"{prefix}/{name}", f"{getattr(link, 'filename', '')}{link.path}"
        elif isinstance(item, h5py.Group) and depth < _DEEPEST:
            yield from _broken_links(item, f"{prefix}/{name}", depth + 1)
