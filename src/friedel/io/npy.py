"""Frames in numpy files: `.npy` mapped into memory, `.npz` (`::key` where it holds several) read at once."""

import math
import warnings
import zipfile
from pathlib import Path

import numpy as np

from friedel.errors import ScanError
from friedel.io.foreign import check_size, parsing
from friedel.io.stored_scan import StoredScan
from friedel.model.arrays import AnyArray
from friedel.model.scan import ArrayFrames

_HEADER_1, _HEADER_2 = np.lib.format.read_array_header_1_0, np.lib.format.read_array_header_2_0


def read_npy(path: Path, key: str | None) -> StoredScan:
    """A scan from an array [frame, row, col]; such files know nothing about angles and darks."""
    array = load_array(path, key, dimensions=(3, 4))
    if array.ndim == 4:
        array = _of_one_scan(array, path)
    return StoredScan(ArrayFrames(array), f"{path}::{key}" if key else str(path), (path,))


def _of_one_scan(array: AnyArray, path: Path) -> AnyArray:
    """Frames [frame, row, col] of four dimensions, where the first, or the second, is just 1."""
    if 1 not in array.shape[:2]:
        rule = "must hold the frames of one scan [frame, row, col]"
        way_out = "save each scan as an array of its own, as array[i]"
        raise ScanError(str(path), rule=rule, got=f"an array of shape {array.shape}", way_out=way_out)
    return array.reshape(-1, *array.shape[2:])


def load_array(path: Path, key: str | None, dimensions: tuple[int, ...] = (2, 3)) -> AnyArray:
    """The array of numbers in a numpy file.

    Raises `ScanError` when the file is not numpy's, is cut off, or holds no such array, or several.
    """
    with parsing(path, rule="is not a whole numpy file"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what numpy thinks of a header that Python 2 wrote
        if path.suffix == ".npz":
            _check_sizes(path)
        stored = np.load(path, mmap_mode="r" if path.suffix == ".npy" else None, allow_pickle=False)
        if isinstance(stored, np.ndarray):
            return _numbers(stored, path, dimensions)
        with stored:
            return _numbers(stored[_key(stored, path, key, dimensions)], path, dimensions)


def _check_sizes(path: Path) -> None:
    """Raise `ValueError` where a header in an archive asks for more than there is: numpy would allocate it."""
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            with archive.open(member) as file:
                first = np.lib.format.read_magic(file) == (1, 0)
                shape, _, dtype = (_HEADER_1 if first else _HEADER_2)(file)
            check_size(shape, dtype, path)
            if math.prod(shape) * dtype.itemsize > member.file_size:
                raise ValueError(f"{member.filename} is to hold {shape} numbers, which are not in the file")


def _key(stored: np.lib.npyio.NpzFile, path: Path, key: str | None, dimensions: tuple[int, ...]) -> str:
    if key is None:
        fitting = [name for name in stored.files if stored[name].ndim in dimensions]
        if len(fitting) == 1:
            return fitting[0]
        way_out = f"say which: {path.name}::KEY"
        raise ScanError(
            str(path), rule="must hold one stack of images", got=f"arrays {stored.files}", way_out=way_out
        )
    if key not in stored.files:
        raise ScanError(f"{path}::{key}", rule="no such array", got=f"arrays {stored.files}")
    return key


def _numbers(array: AnyArray, path: Path, dimensions: tuple[int, ...]) -> AnyArray:
    if array.ndim not in dimensions or array.dtype.kind not in "uifb":
        wanted = " or ".join(str(n) for n in dimensions)
        got = f"{array.dtype} of shape {array.shape}"
        raise ScanError(str(path), rule=f"must hold numbers in {wanted} dimensions", got=got)
    return array
