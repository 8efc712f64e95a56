"""Single images and stacks that go with a scan: darks, masks, angles in a file."""

import warnings
from pathlib import Path

import numpy as np

from friedel.errors import ScanError
from friedel.io.angles import Angles, unit_in
from friedel.io.cbf import read_cbf_images
from friedel.io.edf import read_edf_images
from friedel.io.foreign import parsing
from friedel.io.hdf5 import dataset_unit, read_dataset, read_only_dataset
from friedel.io.npy import load_array
from friedel.io.paths import CBF, EDF, HDF5, TIFF, ImageFiles, locate
from friedel.io.text import read_text
from friedel.io.tiff import read_tiff_images
from friedel.model.arrays import AnyArray, Floats, Image, Mask

_BAND = 4_000_000
"""Pixels of a dark stack at a time."""
_MOST_COMMENTS = 100


def read_images(text: str, base: Path) -> AnyArray:
    """The image [row, col] or stack [image, row, col] at `text`: `file::/path`, a file, a pattern, a folder.

    Raises `ScanError` when it cannot be read or holds something else.
    """
    where = locate(text, base, keep_darks=True)
    images = np.asarray(_read(where))
    if images.ndim not in {2, 3} or images.dtype.kind not in "uifb" or images.size == 0:
        got = f"{images.dtype} of shape {images.shape}"
        raise ScanError(text, rule="must be an image or a stack of images", got=got)
    return images


def read_angles(text: str, base: Path) -> Angles:
    """The array of angles at `file::/path`, or in a numpy or text file. Raises `ScanError`."""
    unit = ""
    path, _, inner = text.partition("::")
    file = base / Path(path).expanduser()
    if not file.exists():
        raise ScanError(f"angles {file}", rule="no such file")
    if file.suffix in {".txt", ".dat", ".csv"}:
        values, unit = _text_column(file), _unit_of_text(file)
    elif inner and file.suffix != ".npz":
        values, unit = read_dataset(file, inner), dataset_unit(file, inner)
    else:
        values = load_array(file, inner or None, dimensions=(1,))
    if values.dtype.kind not in "uif":
        raise ScanError(text, rule="must hold numbers", got=values.dtype)
    return Angles(np.asarray(values, dtype=np.float64).ravel(), text, unit=unit)


def dark_image(images: AnyArray, shape: tuple[int, int], where: str) -> Image:
    """The dark of a frame, float32 [row, col]: a stack's median per pixel.

    `images` are [row, col] or [image, row, col]. Raises `ScanError` when they have another shape than a frame or
    hold values that are not numbers.
    """
    stack = images if images.ndim == 3 else images[None]
    if stack.shape[1:] != shape:
        raise _wrong_shape("dark", where, stack.shape[1:], shape)
    dark = np.empty(shape, dtype=np.float32)
    rows = max(1, _BAND // max(1, len(stack) * shape[1]))
    for row in range(0, shape[0], rows):  # numpy's median copies what it gets, as float64
        dark[row : row + rows] = np.median(stack[:, row : row + rows], axis=0)
    bad = int(np.count_nonzero(~np.isfinite(dark)))
    if bad:
        raise ScanError(f"dark {where}", rule="must be numbers everywhere", got=f"{bad} pixels without")
    return dark


def mask_image(images: AnyArray, shape: tuple[int, int], where: str) -> Mask:
    """The mask of a frame [row, col], True = bad; of a stack, a pixel bad in any image.

    Every whole number but 0 is bad (detectors write bits that say why). Raises `ScanError` when it has another
    shape than a frame, holds fractions, or leaves no pixel.
    """
    stack = images if images.ndim == 3 else images[None]
    if stack.shape[1:] != shape:
        raise _wrong_shape("mask", where, stack.shape[1:], shape)
    if stack.dtype.kind == "f" and not (np.floor(stack) == stack).all():
        raise ScanError(f"mask {where}", rule="must hold whole numbers, 0 for good pixels", got="fractions")
    mask = np.asarray((stack != 0).any(axis=0))
    if mask.all():
        way_out = "0 is good, everything else is bad"
        raise ScanError(f"mask {where}", rule="leaves no pixel", way_out=way_out)
    return mask


def _wrong_shape(what: str, where: str, got: tuple[int, ...], shape: tuple[int, int]) -> ScanError:
    rule = f"must have the shape of a frame, {shape[0]} rows × {shape[1]} cols"
    return ScanError(f"{what} {where}", rule=rule, got=" × ".join(map(str, got)))


def _read(where: ImageFiles) -> AnyArray:
    first = where.files[0]
    if where.kind is HDF5:
        if where.inner:
            return read_dataset(first, where.inner)
        return read_only_dataset(first)
    if where.kind is EDF:
        return read_edf_images(where.files)
    if where.kind is CBF:
        return read_cbf_images(where.files)
    if where.kind is TIFF:
        return read_tiff_images(where.files)
    return load_array(first, where.inner)


def _text_column(file: Path) -> Floats:
    lines = read_text(file, kind=ScanError).split("\n")
    with parsing(file, rule="must hold one angle a line"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an empty file is refused by its number of angles
        return np.loadtxt(lines, dtype=np.float64, delimiter="," if file.suffix == ".csv" else None)


def _unit_of_text(file: Path) -> str:
    """What the comments of a text file say of its column."""
    comments = [line for line in read_text(file, kind=ScanError).split("\n")[:_MOST_COMMENTS] if line[:1] == "#"]
    return next((unit for line in comments if (unit := unit_in(line))), "")
