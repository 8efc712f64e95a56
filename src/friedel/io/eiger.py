"""Master files of Dectris detectors: one scan whose frames are in parts `data_000001`, `data_000002`, ..."""

import re
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from friedel.errors import ScanError
from friedel.io.h5_frames import h5_frames
from friedel.io.sources import JoinedFrames
from friedel.model.arrays import AnyArray
from friedel.model.scan import FrameSource

_PART = re.compile(r"data_(\d{3,})")


class Parts(NamedTuple):
    """The parts of one scan: the `group` that they are in, their names by number."""

    group: str
    names: dict[int, str]

    @property
    def ordered(self) -> list[str]:
        """Paths of the parts in the order of their numbers."""
        return [f"{self.group}/{self.names[number]}" for number in sorted(self.names)]


def parts_under(file: h5py.File, under: str = "") -> Parts | None:
    """The parts in a group, or in those where Dectris has them; also those whose links lead nowhere."""
    for name in [under] if under else ["/entry/data", "/entry"]:
        group = file.get(name)
        names = [name for name in group if _PART.fullmatch(name)] if isinstance(group, h5py.Group) else []
        if names:
            return Parts(name, {int(name.split("_")[1]): name for name in names})
    return None


def joined_parts(file: h5py.File, parts: Parts) -> FrameSource:
    """The frames of all parts, in the order of their numbers.

    Raises `ScanError` that names a part which is missing, leads nowhere, or has other frames than the first.
    """
    numbers = sorted(parts.names)
    name = f"{file.filename}::{parts.group}"
    absent = sorted(set(range(numbers[0], numbers[-1] + 1)) - set(numbers))
    if absent:
        rule = f"must have all parts from {parts.names[numbers[0]]} to {parts.names[numbers[-1]]}"
        raise ScanError(name, rule=rule, got=f"none of number {', '.join(map(str, absent[:8]))}")
    return joined([(f"{file.filename}::{path}", _part(file, path)) for path in parts.ordered])


def joined(sources: list[tuple[str, FrameSource]]) -> FrameSource:
    """Several sources as one. Raises `ScanError` that names the one whose frames are unlike the first's."""
    first = sources[0][1]
    for name, source in sources:
        if source.shape[1:] != first.shape[1:] or source.dtype != first.dtype:
            like = f"{first.shape[1]} × {first.shape[2]} {first.dtype}"
            got = f"{source.shape[1]} × {source.shape[2]} {source.dtype}"
            raise ScanError(name, rule=f"must have frames like the first part's, {like}", got=got)
    return first if len(sources) == 1 else JoinedFrames([source for _, source in sources])


def files_of(file: h5py.File, parts: Parts) -> tuple[Path, ...]:
    """The master and the files that its parts are in."""
    places = [Path(file[path].file.filename) for path in parts.ordered]
    return tuple(dict.fromkeys([Path(file.filename), *places]))


def pixel_mask(file: h5py.File, shape: tuple[int, int]) -> AnyArray | None:
    """The detector's own mask of bad pixels, where the file has one for frames of that shape."""
    item = file.get("/entry/instrument/detector/detectorSpecific/pixel_mask")
    item = file.get("/entry/instrument/detector/pixel_mask") if item is None else item
    if not isinstance(item, h5py.Dataset) or item.shape != shape or item.dtype.kind not in "uib":
        return None
    return np.asarray(item[()])


def _part(file: h5py.File, path: str) -> FrameSource:
    item, link = file.get(path), file.get(path, getlink=True)
    if item is None:
        target = f"{getattr(link, 'filename', '')}::{getattr(link, 'path', '')}"
        raise ScanError(
            f"{file.filename}::{path}",
            rule="is a link that leads nowhere",
            got=target,
            way_out="copy that file beside the master",
        )
    if not isinstance(item, h5py.Dataset):
        raise ScanError(f"{file.filename}::{path}", rule="must be a dataset of frames", got="a group")
    return h5_frames(item)
