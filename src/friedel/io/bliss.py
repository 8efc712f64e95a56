"""BLISS master files of the ESRF: scans `/N.1` with detectors and motors under `measurement`."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import h5py
import numpy as np

from friedel.errors import ScanError
from friedel.io.angles import Angles, in_degrees, stored_angles
from friedel.io.angular_grid import angular_grid
from friedel.io.h5_frames import h5_frames
from friedel.io.hdf5_file import first_images, followed, numbers, texts
from friedel.io.stored_scan import MOST_DARKS, StoredScan
from friedel.model.arrays import AnyArray

_SCAN = re.compile(r"\d+\.\d+")
_MOTORS = ("rot", "diffrz", "omega", "srot", "hrsrot", "hrrz", "rotation_angle")
"""Rotation motors of ID11, ID19, ID03, ID06."""
_LIKE_MOTORS = re.compile(r"(.*rz|.*rot|.*omega.*|phi|psi)$", re.IGNORECASE)


def scan_groups(file: h5py.File) -> list[h5py.Group]:
    """The scans of a master file in the order of their numbers; none if it is not one."""
    names = [name for name in file if _SCAN.fullmatch(name) and "measurement" in _keys(followed(file, name))]
    return [file[name] for name in sorted(names, key=lambda name: [int(part) for part in name.split(".")])]


def bliss_stacks(file: h5py.File) -> tuple[dict[str, h5py.Dataset], dict[str, h5py.Dataset]]:
    """(stacks of frames, stacks of darks) by path; scans titled "dark" are darks, those of flats are neither."""
    frames: dict[str, h5py.Dataset] = {}
    darks: dict[str, h5py.Dataset] = {}
    for scan in scan_groups(file):
        title, group = _title(scan).lower(), scan["measurement"]
        items = {f"{scan.name}/measurement/{name}": group.get(name) for name in group}
        stacks = {path: item for path, item in items.items() if isinstance(item, h5py.Dataset) and item.ndim == 3}
        if "dark" in title:
            darks |= stacks
        elif not any(word in title for word in ("flat", "ref_", "reference", "bright", "white")):
            frames |= stacks
    return frames, darks


def read_bliss(scan: h5py.Group, path: str, stack: h5py.Dataset, darks: Iterable[h5py.Dataset]) -> StoredScan:
    """A scan from one detector: its frames, the rotation motor's angles, and darks of the same shape."""
    dark = next((images for images in darks if images.shape[1:] == stack.shape[1:]), None)
    return StoredScan(
        frames=h5_frames(stack),
        name=f"{scan.file.filename}::{path}",
        files=(Path(scan.file.filename),),
        angles=_angles(scan, stack.shape[0]),
        dark=None if dark is None else first_images(dark, MOST_DARKS),
        dark_from="" if dark is None else str(dark.name),
    )


def scan_of(file: h5py.File, path: str) -> h5py.Group | None:
    """The BLISS scan that a dataset's path lies in."""
    first = path.strip("/").split("/")[0]
    return file[first] if _SCAN.fullmatch(first) and "measurement" in _keys(file.get(first)) else None


def has_turned(scan: h5py.Group, frames: int) -> bool:
    """Whether a rotation motor moved while these frames were taken: others are alignments, or darks."""
    return _angles(scan, frames) is not None


def _angles(scan: h5py.Group, frames: int) -> Angles | None:
    """The rotation motor's array; nothing where no motor moved.

    Before all others come those of as many angles as frames; among them those in regular steps, some of which may
    be missing (an idle motor's encoder jitters); among them those that travel about as far as any. The first in the
    order of `_MOTORS` is it.
    """
    moving = [angles for angles in _motors(scan) if _travel(angles) > 0]
    for fits in (lambda angles: len(angles.values) == frames, _is_on_a_grid):
        moving = [angles for angles in moving if fits(angles)] or moving
    farthest = max(map(_travel, moving), default=0.0)
    return next((angles for angles in moving if _travel(angles) > farthest / 2), None)


def _motors(scan: h5py.Group) -> Iterator[Angles]:
    for place in ("measurement", "instrument/positioners"):
        group = scan.get(place)
        names = [*(n for n in _MOTORS if n in _keys(group)), *(n for n in _keys(group) if _LIKE_MOTORS.match(n))]
        for name in dict.fromkeys(names):
            values = _array(group.get(name))
            if values is not None and len(values) > 1:
                yield stored_angles(group[name], f"{scan.name}/{place}/{name}")


def _travel(angles: Angles) -> float:
    values = in_degrees(angles).angles.values
    values = values[np.isfinite(values)]
    return float(np.ptp(np.unwrap(values, period=360.0))) if len(values) else 0.0


def _is_on_a_grid(angles: Angles) -> bool:
    try:
        angular_grid(in_degrees(angles).angles, len(angles.values))
    except ScanError:
        return False
    return True


def _array(item: object) -> AnyArray | None:
    if isinstance(item, h5py.Dataset) and item.ndim == 1 and item.dtype.kind in "iuf":
        return numbers(item)
    return None


def _keys(item: object) -> list[str]:
    return [*item] if isinstance(item, h5py.Group) else []


def _title(scan: h5py.Group) -> str:
    title = scan.get("title")
    if not isinstance(title, h5py.Dataset) or title.shape != ():
        return ""
    return " ".join(texts(title))
