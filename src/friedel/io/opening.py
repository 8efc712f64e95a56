"""`open_scan`: from what the user names to a `Scan`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from friedel.errors import ScanError
from friedel.io.angles import Angles, Steps, regular
from friedel.io.edf import read_edf
from friedel.io.fingerprint import fingerprint
from friedel.io.hdf5 import read_hdf5
from friedel.io.images import dark_image, mask_image, read_angles, read_images
from friedel.io.npy import read_npy
from friedel.io.paths import EDF, HDF5, TIFF, ImageFiles, locate
from friedel.io.scan_params import OmegaParams, ScanParams
from friedel.io.sources import GridFrames, about, split_grid
from friedel.io.stored_scan import StoredScan
from friedel.io.tiff import read_tiff
from friedel.model.arrays import AnyArray, Image, Mask
from friedel.model.scan import FEWEST_FRAMES, Box, FrameSource, Scan


def open_scan(frames: str | Path, params: ScanParams | None = None, base: Path | None = None) -> Scan:
    """Open a scan: frames are read when asked for, everything else now.

    `frames` is a file (`file.h5::/path` for a dataset), a folder or a pattern, relative to `base` (default: the
    working folder); empty means `params.frames`. `params` gives what the files do not tell, and overrules them.
    Raises `ScanError` that names the file and the rule when something is missing, unreadable or contradictory.
    """
    request = _Request(params or ScanParams(), Path.cwd() if base is None else Path(base))
    found = _read(locate(str(frames) or request.params.frames, request.base))
    source = request.frames(found)
    shape = source.shape
    if min(shape) < 1:
        raise ScanError(found.name, rule="must not be empty", got=f"shape {shape}")
    if shape[0] < FEWEST_FRAMES:
        raise ScanError(found.name, rule=f"a scan has at least {FEWEST_FRAMES} frames", got=shape[0])
    with _naming("omega"):
        omega = request.steps(found, source)
    with _naming("dark"):
        dark = request.dark(found, shape[1:])
    with _naming("mask"):
        mask = request.mask(found, shape[1:])
    saturation = request.saturation(found, source)
    return Scan(
        frames=source,
        omega_start_deg=omega.start_deg,
        omega_step_deg=omega.step_deg,
        dark=dark,
        mask=mask,
        saturation=saturation,
        tiles=request.tiles(shape[1:]),
        name=found.name,
        fingerprint=fingerprint(found, (source.shape, omega, saturation, request.params.grid_kind), dark, mask),
        notes=tuple(_notes(found, request.params)),
    )


@contextmanager
def _naming(part: str) -> Iterator[None]:
    """What goes wrong inside is about that part of the scan."""
    try:
        yield
    except ScanError as error:
        error.part = part
        raise


@dataclass(frozen=True, slots=True)
class _Request:
    """The recipe's word on each part of a scan, or the file's where the recipe is silent."""

    params: ScanParams
    base: Path

    @property
    def _in_grid(self) -> bool:
        return self.params.grid_kind == "frames" and self.params.grid != (1, 1)

    def frames(self, found: StoredScan) -> FrameSource:
        """Single frames, cut out of grid images where there are such."""
        return GridFrames(found.frames, *self.params.grid) if self._in_grid else found.frames

    def tiles(self, shape: tuple[int, int]) -> tuple[Box, ...]:
        """The read-outs of a frame, in reading order."""
        rows, cols = self.params.grid if self.params.grid_kind == "quadrants" else (1, 1)
        height, width = shape[0] // rows, shape[1] // cols
        if height * rows != shape[0] or width * cols != shape[1]:
            rule = f"must divide the frame of {shape[0]} × {shape[1]} pixels"
            raise ScanError("scan.grid", rule=rule, got=f"[{rows}, {cols}]")
        return tuple(
            Box(c * width, r * height, (c + 1) * width, (r + 1) * height) for r in range(rows) for c in range(cols)
        )

    def steps(self, found: StoredScan, source: FrameSource) -> Steps:
        """Where the rotation starts, and the step of a frame."""
        omega = self.params.omega
        if omega is None:
            return self._found_steps(found, source, None)
        step = omega.step_deg
        known = Steps(0.0, step) if step is not None else self._found_steps(found, source, omega)
        return known if omega.start_deg is None else known._replace(start_deg=omega.start_deg)

    def _found_steps(self, found: StoredScan, source: FrameSource, omega: OmegaParams | None) -> Steps:
        """From the array that the recipe names, or from the files."""
        at = omega.at if omega is not None else None
        angles: Angles | Steps | None = found.angles
        if omega is not None and omega.path is not None:
            angles = Angles(read_angles(omega.path, self.base), omega.path, omega.at)
        if angles is None:
            raise ScanError(
                found.name,
                rule="tells no angles",
                way_out="give scan.omega = { start_deg = ..., step_deg = ... } or { path = 'file::/path' }",
            )
        if isinstance(angles, Steps):
            return angles
        images, each = found.frames.shape[0], source.shape[0] // found.frames.shape[0]
        if each > 1 and len(angles.values_deg) == images:  # one angle an image of several frames
            start, step = regular(angles, images, at)
            return Steps(start, step / each)
        return regular(angles, source.shape[0], at)

    def dark(self, found: StoredScan, shape: tuple[int, int]) -> Image:
        """The dark of a frame, in counts."""
        dark = self.params.dark
        if isinstance(dark, int | float):
            return np.full(shape, dark, dtype=np.float32)
        if dark:
            return dark_image(self._cut(read_images(dark, self.base), shape), shape, dark)
        if found.dark is None:
            raise ScanError(
                found.name, rule="has no dark", way_out="give scan.dark = 'file::/path', or a number such as 100"
            )
        return dark_image(self._cut(found.dark, shape), shape, f"{found.dark_from} of {found.name}".lstrip())

    def mask(self, found: StoredScan, shape: tuple[int, int]) -> Mask:
        """Bad pixels."""
        if self.params.mask:
            images = self._cut(read_images(self.params.mask, self.base), shape)
            return mask_image(images, shape, self.params.mask)
        if found.mask is not None:
            return mask_image(self._cut(found.mask, shape), shape, f"of {found.name}")
        return np.zeros(shape, dtype=bool)

    def saturation(self, found: StoredScan, source: FrameSource) -> float:
        """The raw value from which a pixel is saturated."""
        for value in (self.params.saturation, found.saturation):
            if value is not None:
                return float(value)
        dtype = source.dtype
        return float(np.iinfo(dtype.str).max) if dtype.kind in "ui" else float("inf")

    def _cut(self, images: AnyArray, shape: tuple[int, int]) -> AnyArray:
        """Images of the stored grid's size as images of a frame."""
        rows, cols = self.params.grid
        if not self._in_grid or images.shape[-2:] != (shape[0] * rows, shape[1] * cols):
            return images
        return split_grid(images.reshape(-1, *images.shape[-2:]), rows, cols)


def _notes(found: StoredScan, params: ScanParams) -> Iterator[str]:
    """Where things were found, for `friedel inspect` and the report."""
    if about(found.frames):
        yield f"frames: {about(found.frames)}"
    if params.omega is not None and params.omega.path is not None:
        yield f"angles: {params.omega.path}"
    elif isinstance(found.angles, Angles) and (params.omega is None or params.omega.step_deg is None):
        yield f"angles: {found.angles.where}"
    if found.dark is not None and params.dark is None:
        images = 1 if found.dark.ndim == 2 else len(found.dark)
        yield f"dark: {found.dark_from}, {'one image' if images == 1 else f'median of {images} images'}"
    yield from found.notes


def _read(where: ImageFiles) -> StoredScan:
    first = where.files[0]
    if where.kind is EDF:
        return read_edf(where.files)
    if where.kind is TIFF:
        return read_tiff(where.files)
    if len(where.files) > 1:
        raise ScanError(str(first.parent), rule="must be one file of this format", got=f"{len(where.files)} files")
    return read_hdf5(first, where.inner) if where.kind is HDF5 else read_npy(first, where.inner)
