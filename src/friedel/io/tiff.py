"""TIFF stacks, folders and patterns of TIFF images, and darks beside them."""

import math
from pathlib import Path

import numpy as np
import tifffile

from friedel.errors import ScanError
from friedel.io.byte_reader import ByteReader
from friedel.io.chunks import ContiguousFrames, Place
from friedel.io.edf import dark_files
from friedel.io.foreign import check_frames, check_size, parsing
from friedel.io.sources import JoinedFrames
from friedel.io.stored_scan import StoredScan
from friedel.model.arrays import AnyArray
from friedel.model.scan import FrameSource


class TiffPages:
    """The pages of one TIFF, opened anew for every read: tifffile's handles are not meant to be shared."""

    def __init__(self, path: Path, shape: tuple[int, int, int], dtype: np.dtype[np.generic]) -> None:
        self._path, self.shape, self.dtype = path, shape, dtype.newbyteorder("=")

    def read(self, start: int, stop: int) -> AnyArray:
        """Frames [start, stop). Raises `ScanError` that names the file and the page."""
        out = np.empty((stop - start, *self.shape[1:]), self.dtype)
        with parsing(self._path), tifffile.TiffFile(self._path) as tiff:
            for page in range(start, stop):
                with parsing(f"image {page} of {self._path}"):
                    image = _pixels(tiff.pages[page])
                if image.shape != self.shape[1:]:
                    raise _other_shape(self._path, page, image.shape, self.shape)
                out[page - start] = image
        return out


class TiffFiles:
    """One image a file, read when asked for."""

    def __init__(self, files: tuple[Path, ...]) -> None:
        first = _image(files[0])
        if first.ndim != 2:
            raise ScanError(str(files[0]), rule="must hold one grey image", got=f"shape {first.shape}")
        self._files = files
        self.shape: tuple[int, int, int] = (len(files), *first.shape)
        self.dtype: np.dtype[np.generic] = first.dtype.newbyteorder("=")

    def read(self, start: int, stop: int) -> AnyArray:
        """Frames [start, stop). Raises `ScanError` that names the file."""
        out = np.empty((stop - start, *self.shape[1:]), self.dtype)
        for place, file in enumerate(self._files[start:stop]):
            image = _image(file)
            if image.shape != self.shape[1:] or image.dtype != self.dtype:
                raise _other_shape(file, 0, (*image.shape, image.dtype), (*self.shape[1:], self.dtype))
            out[place] = image
        return out


def read_tiff(files: tuple[Path, ...]) -> StoredScan:
    """A scan from TIFF files: stacks, or one image a file; TIFF knows nothing about angles."""
    dark = dark_files(files[0].parent, (".tif", ".tiff"), files)
    return StoredScan(
        frames=_source(files),
        name=str(files[0]) if len(files) == 1 else f"{files[0].parent}/*{files[0].suffix}",
        files=files,
        dark=read_tiff_images(dark) if dark else None,
        dark_from=", ".join(file.name for file in dark),
    )


def read_tiff_images(files: tuple[Path, ...]) -> AnyArray:
    """All images of some files as a stack [image, row, col]."""
    frames = _source(files)
    return frames.read(0, frames.shape[0])


def _source(files: tuple[Path, ...]) -> FrameSource:
    first = _stack(files[0])
    if len(files) == 1:
        return first
    if first.shape[0] == 1:
        return TiffFiles(files)
    parts = [first, *(_stack(file) for file in files[1:])]
    for file, part in zip(files, parts, strict=True):
        if part.shape[1:] != first.shape[1:] or part.dtype != first.dtype:
            raise _other_shape(file, 0, (*part.shape[1:], part.dtype), (*first.shape[1:], first.dtype))
    return JoinedFrames(parts)


def _stack(path: Path) -> FrameSource:
    with parsing(path, rule="cannot be read as TIFF"), tifffile.TiffFile(path) as tiff:
        series = tiff.series[0]
        axes, others = series.axes, sum(one.shape[-2:] == series.shape[-2:] for one in tiff.series[1:])
        shape, dtype, offset = series.shape, np.dtype(series.dtype), series.dataoffset
        order, pages = tiff.byteorder, len(tiff.pages)
    if "S" not in axes:  # samples of a pixel: colours
        shape = _one_stack(path, shape, axes, others)
    if len(shape) not in {2, 3} or dtype.kind not in "uif":
        raise ScanError(str(path), rule="must hold grey images", got=f"{dtype} of shape {shape}")
    frames = (1, *shape) if len(shape) == 2 else shape
    check_frames(frames, dtype, str(path))
    if offset is not None:  # one uncompressed piece, also where ImageJ wrote a single page for all of it
        place = Place(offset, int(np.prod(shape)) * dtype.itemsize)
        return ContiguousFrames([(ByteReader(path), place)], str(path), frames, dtype.newbyteorder(order))
    if pages != frames[0]:
        raise ScanError(str(path), rule="must have one page a frame", got=f"{pages} pages, shape {shape}")
    return TiffPages(path, frames, dtype)


def _one_stack(path: Path, shape: tuple[int, ...], axes: str, others: int) -> tuple[int, ...]:
    """The shape without dimensions of one. Raises `ScanError` where there is more than one stack of frames."""
    if len(shape) > 3 and sum(count > 1 for count in shape[:-2]) <= 1:
        shape = (int(np.prod(shape[:-2])), *shape[-2:])
    if len(shape) <= 3 and not others:
        return shape
    got = f"{others + 1} series of images" if others else f"a hyperstack of shape {shape}, axes {axes}"
    way_out = "save the frames of one scan as a stack of their own"
    raise ScanError(str(path), rule="must be one stack of frames [frame, row, col]", got=got, way_out=way_out)


def _image(path: Path) -> AnyArray:
    with parsing(path, rule="cannot be read as TIFF"), tifffile.TiffFile(path) as tiff:
        if len(tiff.pages) == 1:
            return _pixels(tiff.pages[0])
        check_size(tiff.series[0].shape, tiff.series[0].dtype, path)
        return np.asarray(tiff.asarray())


def _pixels(page: tifffile.TiffPage) -> AnyArray:
    """One image. Raises `ValueError` where the file does not hold it: tifffile would fill in zeros."""
    pieces = list(zip(page.dataoffsets, page.databytecounts, strict=False))
    if len(pieces) < math.prod(page.chunked) or not all(offset and size for offset, size in pieces):
        raise ValueError("an image without its strips")
    check_size(page.shape, page.dtype, page.parent.filehandle.path)
    return np.asarray(page.asarray())


def _other_shape(path: Path, page: int, got: tuple[object, ...], wanted: tuple[object, ...]) -> ScanError:
    what = f"image {page} of {path}" if page else str(path)
    return ScanError(
        what, rule=f"must be like the first, {' × '.join(map(str, wanted))}", got=" × ".join(map(str, got))
    )
