"""EDF images of the ESRF: one or many frames a file, darks beside them, angles in the headers.

A header is text in braces, `{ key = value ; ... }`, padded to a multiple of 512 bytes; the binary data follow.
Plain frames are read from their place in the file; compressed ones by fabio.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import fabio
import numpy as np

from friedel.errors import ScanError
from friedel.io.angles import Angles
from friedel.io.foreign import check_size, parsing
from friedel.io.paths import is_dark, natural
from friedel.io.stored_scan import StoredScan
from friedel.model.arrays import AnyArray

_TYPES = {
    "SignedByte": "i1", "UnsignedByte": "u1", "SignedShort": "i2", "UnsignedShort": "u2",
    "SignedInteger": "i4", "UnsignedInteger": "u4", "SignedLong": "i4", "UnsignedLong": "u4",
    "Signed64": "i8", "Unsigned64": "u8", "FloatValue": "f4", "Float": "f4", "FLOATVALUE": "f4",
    "DoubleValue": "f8", "Double": "f8",
}  # fmt: skip
_PAIR = re.compile(r"([^=;{}\s][^=;{}]*?)\s*=\s*([^;]*?)\s*;")
_MOTORS = ("omega", "rot", "diffrz", "srot", "rotation_angle", "hrsrot", "pmo", "theta")
_LONGEST_HEADER = 1 << 20


@dataclass(frozen=True, slots=True)
class EdfFrame:
    """One frame: its header, and where its data are; `dtype` is None where only fabio can read them.

    `plane` is its place in a cube of images that have one header.
    """

    path: Path
    number: int
    header: Mapping[str, str]
    offset: int
    shape: tuple[int, int]
    dtype: str | None
    plane: int = 0

    @property
    def label(self) -> str:
        """How errors call it."""
        return f"{self.path}" if self.number == 0 else f"frame {self.number} of {self.path}"


class EdfFrames:
    """Frames in EDF files, in the order given; all must have the shape and type of the first."""

    def __init__(self, frames: list[EdfFrame]) -> None:
        first = frames[0]
        for number, frame in enumerate(frames):
            if frame.shape != first.shape or frame.dtype != first.dtype:
                raise ScanError(
                    f"frame {number} of the scan ({frame.label})",
                    rule=f"must be like the first, {_like(first)}",
                    got=_like(frame),
                )
        self._frames = frames
        self.shape = (len(frames), *first.shape)
        self._stored = np.dtype(first.dtype) if first.dtype else _by_fabio(first).dtype
        self.dtype: np.dtype[np.generic] = self._stored.newbyteorder("=")

    def read(self, start: int, stop: int) -> AnyArray:
        """Frames [start, stop). Raises `ScanError` that names the file."""
        out = np.empty((stop - start, *self.shape[1:]), self.dtype)
        for place, frame in enumerate(self._frames[start:stop]):
            out[place] = _by_fabio(frame) if frame.dtype is None else _plain(frame, self._stored)
        return out


def read_edf(files: tuple[Path, ...]) -> StoredScan:
    """A scan from EDF files. Raises `ScanError` that names the file that is not one, or is cut off."""
    frames = [frame for file in files for frame in edf_frames(file)]
    name = str(files[0]) if len(files) == 1 else f"{files[0].parent}/*{files[0].suffix}"
    dark = dark_files(files[0].parent, (".edf", ".edf.gz", ".edf.bz2"), files)
    return StoredScan(
        frames=EdfFrames(frames),
        name=name,
        files=files,
        angles=_angles(frames),
        dark=read_edf_images(dark) if dark else None,
        dark_from=", ".join(file.name for file in dark),
    )


def read_edf_images(files: tuple[Path, ...]) -> AnyArray:
    """All frames of some files as a stack [image, row, col]."""
    frames = EdfFrames([frame for file in files for frame in edf_frames(file)])
    return frames.read(0, frames.shape[0])


def dark_files(folder: Path, endings: tuple[str, ...], frames: tuple[Path, ...]) -> tuple[Path, ...]:
    """Darks beside the frames: those taken before the scan, else those after it (`darkend*`)."""
    named = [f for f in folder.iterdir() if is_dark(f) and f.name.lower().endswith(endings)]
    darks = sorted((file for file in named if file not in frames), key=natural)
    before = tuple(file for file in darks if "darkend" not in file.name.lower())
    return before or tuple(darks)


def edf_frames(path: Path) -> Iterator[EdfFrame]:
    """The frames of a file, without their data."""
    if path.suffix != ".edf":
        yield from _frames_by_fabio(path)
        return
    with parsing(path, rule="cannot be read as EDF"):
        size, offset, number = path.stat().st_size, 0, 0
        with path.open("rb") as file:
            while offset < size:
                file.seek(offset)
                header, length = _header(file, path)
                frame = _frame(path, number, header, offset + length)
                if frame is None:
                    yield from _frames_by_fabio(path)
                    return
                data = frame.shape[0] * frame.shape[1] * np.dtype(frame.dtype).itemsize
                if frame.offset + data > size:
                    raise ScanError(frame.label, rule="is cut off", got=f"{size - frame.offset} bytes of {data}")
                yield frame
                offset = frame.offset + max(data, int(header.get("EDF_BinarySize", header.get("Size", data))))
                number += 1
        if number == 0:
            raise ScanError(str(path), rule="holds no frame")


def _header(file: BinaryIO, path: Path) -> tuple[dict[str, str], int]:
    """The pairs of the header at the file's position, and its length in bytes."""
    text = b""
    while (end := text.find(b"}")) < 0:
        piece = file.read(4096)
        text += piece
        if not piece or len(text) > _LONGEST_HEADER or not text.lstrip().startswith(b"{"):
            raise ScanError(str(path), rule="is not an EDF file, or is cut off")
    length = end + 1
    while text[length : length + 1] in {b"\r", b"\n"} and length % 512:
        length += 1
    pairs = dict(_PAIR.findall(text[:end].decode("latin-1")))
    return pairs, length


def _frame(path: Path, number: int, header: dict[str, str], offset: int) -> EdfFrame | None:
    """A frame whose data can be read from their place, else None."""
    kind = _TYPES.get(header.get("DataType", ""))
    compressed = header.get("COMPRESSION", header.get("Compression", "none")).lower() not in {"", "none"}
    if kind is None or compressed or "Dim_3" in header or "Dim_1" not in header or "Dim_2" not in header:
        return None
    order = ">" if header.get("ByteOrder", "LowByteFirst").lower().startswith("high") else "<"
    return EdfFrame(path, number, header, offset, (int(header["Dim_2"]), int(header["Dim_1"])), order + kind)


def _plain(frame: EdfFrame, dtype: np.dtype[np.generic]) -> AnyArray:
    count = frame.shape[0] * frame.shape[1]
    with parsing(frame.label):
        data = np.fromfile(frame.path, dtype, count, offset=frame.offset)
    if data.size != count:
        raise ScanError(frame.label, rule="is cut off", got=f"{data.size} pixels of {count}")
    return data.reshape(frame.shape)


def _frames_by_fabio(path: Path) -> Iterator[EdfFrame]:
    with parsing(path, rule="cannot be read as EDF"), fabio.open(str(path)) as image:
        for number in range(image.nframes):
            frame = image.get_frame(number)
            if len(frame.shape) not in {2, 3} or "dim_2" not in map(str.lower, frame.header):
                raise ValueError("an image without rows (Dim_2)")  # fabio would make planes of one row
            header, planes = dict(frame.header), frame.shape[:-2]  # of a cube (Dim_3)
            for plane in range(int(np.prod(planes))):
                yield EdfFrame(path, number, header, 0, frame.shape[-2:], None, plane)


def _by_fabio(frame: EdfFrame) -> AnyArray:
    with parsing(frame.label, rule="cannot be read as EDF"), fabio.open(str(frame.path)) as image:
        check_size(frame.shape, "u1", frame.path)
        data = np.asarray(image.get_frame(frame.number).data)
        return np.asarray(data.reshape(-1, *frame.shape)[frame.plane])


def _angles(frames: list[EdfFrame]) -> Angles | None:
    """The rotation motor's position in every header: a key of its own, or in motor_mne and motor_pos."""
    found = [_motors(frame.header) for frame in frames]
    for motor in _MOTORS:
        values = [motors.get(motor) for motors in found]
        if all(value is not None for value in values) and len(set(values)) > 1:
            return Angles(np.array(values, dtype=np.float64), f"{motor} in the headers of {frames[0].path.parent}")
    return None


def _motors(header: Mapping[str, str]) -> dict[str, float]:
    pairs = [*zip(header.get("motor_mne", "").split(), header.get("motor_pos", "").split(), strict=False)]
    values = {}
    for name, text in [*header.items(), *pairs]:
        if name.lower() in _MOTORS:
            try:
                values[name.lower()] = float(text)
            except ValueError:
                continue
    return values


def _like(frame: EdfFrame) -> str:
    return f"{frame.shape[0]} × {frame.shape[1]} {frame.dtype or 'compressed'}"
