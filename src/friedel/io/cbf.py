"""Series of CBF images (Pilatus and Eiger detectors): one frame a file, angles in the headers; read by fabio."""

import re
from pathlib import Path

import fabio
import numpy as np

from friedel.errors import ScanError
from friedel.io.angles import Angles
from friedel.io.foreign import parsing
from friedel.io.stored_scan import StoredScan
from friedel.model.arrays import AnyArray

_ANGLE = re.compile(r"^#?\s*(Start_angle|Omega|Phi)\s+([-+0-9.eE]+)", re.MULTILINE)
_CUTOFF = re.compile(r"^#?\s*Count_cutoff\s+(\d+)", re.MULTILINE)
_HEAD_BYTES = 16384


class CbfFiles:
    """One image a file, read when asked for; all must have the shape and type of the first."""

    def __init__(self, files: tuple[Path, ...]) -> None:
        first = _image(files[0])
        self._files = files
        self.shape: tuple[int, int, int] = (len(files), *first.shape)
        self.dtype: np.dtype[np.generic] = first.dtype.newbyteorder("=")

    def read(self, start: int, stop: int) -> AnyArray:
        """Frames [start, stop). Raises `ScanError` that names the file."""
        out = np.empty((stop - start, *self.shape[1:]), self.dtype)
        for place, file in enumerate(self._files[start:stop]):
            image = _image(file)
            if image.shape != self.shape[1:] or image.dtype != self.dtype:
                wanted = f"{self.shape[1]} × {self.shape[2]} {self.dtype}"
                got = f"{' × '.join(map(str, image.shape))} {image.dtype}"
                raise ScanError(str(file), rule=f"must be like the first, {wanted}", got=got)
            out[place] = image
        return out


def read_cbf(files: tuple[Path, ...]) -> StoredScan:
    """A scan from CBF files, in their order; negative values of the first image, the detector's marks, are masked.

    Raises `ScanError` that names the file that is not one.
    """
    frames = CbfFiles(files)
    first = frames.read(0, 1)[0]
    cutoff = _CUTOFF.search(_head(files[0]))
    return StoredScan(
        frames=frames,
        name=str(files[0]) if len(files) == 1 else f"{files[0].parent}/*{files[0].suffix}",
        files=files,
        angles=_angles(files),
        mask=first < 0 if first.dtype.kind == "i" and (first < 0).any() else None,
        saturation=float(cutoff[1]) if cutoff else None,
    )


def read_cbf_images(files: tuple[Path, ...]) -> AnyArray:
    """All images as a stack [image, row, col]."""
    return CbfFiles(files).read(0, len(files))


def _image(path: Path) -> AnyArray:
    with parsing(path, rule="cannot be read as CBF"), fabio.open(str(path)) as image:
        data = np.asarray(image.data)
    if data.ndim != 2:
        raise ScanError(str(path), rule="must hold one image", got=f"shape {data.shape}")
    return data


def _head(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES).partition(b"--CIF-BINARY-FORMAT-SECTION--")[0].decode("latin-1")


def _angles(files: tuple[Path, ...]) -> Angles | None:
    """The angle in every header, where it is not the same in all."""
    found = [_ANGLE.search(_head(file)) for file in files]
    values = [float(one[2]) for one in found if one is not None]
    if len(values) < len(files) or len(set(values)) < 2:
        return None
    return Angles(np.array(values), f"the headers of {files[0].parent}", unit="deg")
