"""Distortions of detectors: two images as ImageD11 has them, or a spline file of Fit2D.

The layout of the spline file: A. P. Hammersley, FIT2D reference manual, "spatial distortion"; numbers in columns of
14 characters, five a line: knots in x, knots in y, coefficients of a bicubic spline, for x and then for y.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from scipy.interpolate import bisplev

from friedel.errors import SetupError
from friedel.io.foreign import parsing
from friedel.io.images import read_images
from friedel.model.arrays import Floats, Image
from friedel.model.distortion import Distortion

WIDTH, DEGREE = 14, 3
BEGINS = "SPATIAL DISTORTION"
PARTS = ("X-DISTORTION", "Y-DISTORTION")
LONGEST = 1 << 24


def read_distortion(files: Sequence[str], shape: tuple[int, int]) -> Distortion:
    """What is added to raw positions of a detector of `shape` (rows, cols).

    `files` are two images, for col and then for row, or one spline file.

    Raises `SetupError` for other files, and where they are of another shape, `ScanError` for images that cannot be
    read.
    """
    if len(files) == 1:
        found = _read_spline(Path(files[0]), shape)
    else:
        col, row = (read_images(file, Path.cwd()) for file in files)
        found = Distortion(_one(row, files[1]), _one(col, files[0]))
    if found.shape != shape:
        raise SetupError(
            "setup.distortion",
            rule=f"must have the shape of a frame, {shape[0]} rows × {shape[1]} cols",
            got=" × ".join(map(str, found.shape)),
        )
    return found


def _one(images: Image, file: str) -> Image:
    if images.ndim != 2:
        raise SetupError(f"setup.distortion {file}", rule="must be one image", got=f"{len(images)} images")
    return images


def _read_spline(path: Path, shape: tuple[int, int]) -> Distortion:
    with parsing(path, SetupError, rule="cannot be read as a spline file of Fit2D"):
        with path.open(encoding="latin-1") as file:
            lines = file.read(LONGEST).splitlines()
        if not lines or not lines[0].startswith(BEGINS[:7]):
            rule = "must be a spline file of Fit2D, or two images: dx and dy"
            raise SetupError(f"setup.distortion {path}", rule=rule, got=repr("".join(lines[:1])[:40]))
        rows, cols = np.arange(shape[0], dtype=np.float64), np.arange(shape[1], dtype=np.float64)
        col, row = (np.asarray(bisplev(cols, rows, _spline(lines, part))).T for part in PARTS)
    return Distortion(row.astype(np.float32), col.astype(np.float32))


def _spline(lines: Sequence[str], part: str) -> tuple[Floats, Floats, Floats, int, int]:
    """Knots in col and row, and coefficients, as `bisplev` has them."""
    first = next(i for i, line in enumerate(lines) if line.strip().startswith(part)) + 1
    counts = [int(word) for word in lines[first].split()]
    numbers = _numbers(lines[first + 1 :])
    need = [counts[0], counts[1], (counts[0] - DEGREE - 1) * (counts[1] - DEGREE - 1)]
    knots, others, values = (np.array([next(numbers) for _ in range(count)]) for count in need)
    return knots, others, values, DEGREE, DEGREE


def _numbers(lines: Sequence[str]) -> Iterator[float]:
    for line in lines:
        for start in range(0, len(line.rstrip()), WIDTH):
            yield float(line[start : start + WIDTH])
