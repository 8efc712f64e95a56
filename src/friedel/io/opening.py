"""`open_scan`: from what the user names to a `Scan`."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from friedel.errors import ScanError
from friedel.io.cbf import read_cbf
from friedel.io.edf import read_edf
from friedel.io.fingerprint import fingerprint
from friedel.io.frame_places import FramePlaces, kept_frames, rotation_of
from friedel.io.hdf5 import read_hdf5, read_hdf5_files
from friedel.io.images import dark_image, mask_image, read_images
from friedel.io.npy import read_npy
from friedel.io.paths import CBF, EDF, HDF5, TIFF, ImageFiles, locate, places_by_number, strangers
from friedel.io.scan_params import ScanParams
from friedel.io.sources import GridFrames, SelectedFrames, about, split_grid
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
    if min(source.shape) < 1:
        raise ScanError(found.name, rule="must not be empty", got=f"shape {source.shape}")
    kept = kept_frames(request.params, source.shape[0])
    if len(kept) < FEWEST_FRAMES:
        raise ScanError(found.name, rule=f"a scan has at least {FEWEST_FRAMES} frames", got=len(kept))
    with _naming("omega"):
        rotation = rotation_of(found, request.params.omega, source.shape[0], kept, request.base)
    stored = rotation.stored_frames(source.shape[0])
    if stored is not None:
        source = SelectedFrames(source, tuple(stored.tolist()), found.name)
    shape, steps = source.shape, rotation.grid.steps
    with _naming("dark"):
        dark = request.dark(found, shape[1:])
    with _naming("mask"):
        mask = request.mask(found, shape[1:])
    saturation = request.saturation(found, source)
    return Scan(
        frames=source,
        omega_start_deg=steps.start_deg,
        omega_step_deg=steps.step_deg,
        dark=dark,
        mask=mask,
        saturation=saturation,
        tiles=request.tiles(shape[1:]),
        name=found.name,
        fingerprint=fingerprint(found, _facts(source, rotation, saturation, request.params), dark, mask),
        notes=(*_notes(found, request.params, rotation), *found.notes),
        warnings=(*found.doubts, *rotation.warnings(source.shape[0])),
        stored_frames=stored,
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


def _facts(source: FrameSource, rotation: FramePlaces, saturation: float, params: ScanParams) -> tuple[object, ...]:
    """What a fingerprint knows of a scan besides its files, dark and mask."""
    places = hashlib.sha256(rotation.grid.slot.tobytes() + rotation.kept.tobytes()).hexdigest()
    usual = rotation.stored_frames(source.shape[0]) is None
    facts = (source.shape, rotation.grid.steps, saturation, params.grid_kind)
    return facts if usual else (*facts, places)


def _notes(found: StoredScan, params: ScanParams, rotation: FramePlaces) -> Iterator[str]:
    """Where things were found, for `friedel inspect` and the report."""
    if about(found.frames):
        yield f"frames: {about(found.frames)}"
    if rotation.where:
        yield f"angles: {rotation.where}"
    yield from rotation.notes
    if len(rotation.kept) < rotation.stored:
        left_out = rotation.stored - len(rotation.kept)
        yield f"{left_out} of {rotation.stored} stored frames are left out by scan.first, scan.last and scan.skip"
    if found.dark is not None and params.dark is None:
        images = 1 if found.dark.ndim == 2 else len(found.dark)
        yield f"dark: {found.dark_from}, {'one image' if images == 1 else f'median of {images} images'}"


def _read(where: ImageFiles) -> StoredScan:
    found = _opened(where)
    if len(where.files) == found.frames.shape[0]:
        found = replace(found, places=places_by_number(where.files), doubts=(*found.doubts, *_odd_names(where)))
    if not where.left_out:
        return found
    first, last = where.left_out[0].name, where.left_out[-1].name
    names = first if first == last else f"{first}, ..., {last}"
    note = f"{len(where.left_out)} files are left out by their names, darks and flats: {names}"
    return replace(found, notes=(*found.notes, note))


def _odd_names(where: ImageFiles) -> Iterator[str]:
    others = strangers(where.files)
    if others:
        yield (
            f"{len(others)} of the {len(where.files)} files have another name than the rest ({others[0].name}): "
            "if they are darks or flats, leave them out by a pattern, as in 'folder/proj*.tif', or by scan.skip"
        )


def _opened(where: ImageFiles) -> StoredScan:
    first = where.files[0]
    if where.kind is EDF:
        return read_edf(where.files)
    if where.kind is CBF:
        return read_cbf(where.files)
    if where.kind is TIFF:
        return read_tiff(where.files)
    if where.kind is HDF5:
        one = len(where.files) == 1
        return read_hdf5(first, where.inner) if one else read_hdf5_files(where.files, where.inner)
    if len(where.files) > 1:
        raise ScanError(str(first.parent), rule="must be one file of this format", got=f"{len(where.files)} files")
    return read_npy(first, where.inner)
