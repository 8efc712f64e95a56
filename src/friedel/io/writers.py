"""Writers of frames that come block by block: raw scans, clean frames, backgrounds."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import hdf5plugin
import numpy as np

from friedel.errors import OutputError
from friedel.io.codecs import can_encode, encode_bitshuffle
from friedel.io.h5_output import h5_output
from friedel.model.arrays import AnyArray, Image, Mask
from friedel.model.stream import Executor, Serial

_INT16 = np.iinfo(np.int16)


class _FrameFile:
    """An HDF5 file with the dataset `/entry/data/frames`, which NeXus viewers open by default.

    A context manager: the file appears at `path` when the block ends without an error, else not at all.
    """

    def __init__(self, path: str | Path, shape: tuple[int, int, int], dtype: str, *, compress: bool) -> None:
        self._path, self._shape, self._compress = Path(path), shape, compress
        self._dtype = np.dtype(dtype)
        self._written = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._output = stack.enter_context(h5_output(self._path))
            file = self._output.file
            entry = _group(file, "entry", "NXentry")
            data = _group(entry, "data", "NXdata")
            file.attrs["NX_class"] = "NXroot"
            file.attrs["default"] = "entry"
            entry.attrs["default"] = "data"
            data.attrs["signal"] = "frames"
            self._entry, self._data = entry, data
            self._frames = self._create("frames")
            self._begin()
            self._stack = stack.pop_all()
        return self

    def _begin(self) -> None:
        """Write what comes before the first frame; the file goes again when this fails."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._stack.__exit__(kind, error, trace)
            return
        with self._stack:
            if self._written != self._shape[0]:
                raise OutputError(str(self._path), rule=f"must get {self._shape[0]} frames", got=self._written)
            self._finish()

    def _finish(self) -> None:
        """Write what comes after the last frame."""

    def _create(self, name: str) -> h5py.Dataset:
        filters = hdf5plugin.Bitshuffle(cname="lz4") if self._compress else {}
        frames = self._data.create_dataset(
            name,
            self._shape,
            self._dtype,
            chunks=(1, *self._shape[1:]) if self._shape[0] else None,  # a scan without background has no image
            track_times=False,
            **filters,
        )
        frames.attrs["units"] = "counts"
        frames.attrs["interpretation"] = "image"
        return frames

    def _put(self, block: AnyArray, executor: Executor) -> None:
        start, self._written = self._written, self._written + len(block)
        if self._written > self._shape[0]:
            raise OutputError(str(self._path), rule=f"takes {self._shape[0]} frames", got=self._written)
        if not (self._compress and can_encode()):
            self._frames[start : self._written] = block
        else:
            for index, chunk in enumerate(executor.map(encode_bitshuffle, block), start):
                self._frames.id.write_direct_chunk((index, 0, 0), chunk)
        self._output.check()  # now, not after hours of frames that the disk has no room for


class RawWriter(_FrameFile):
    """Writes a raw scan: uint16 frames (bitshuffle-LZ4, one a chunk), its dark images, angles and saturation.

    `dark` is uint16 [row, col] or [image, row, col] of the stored frames' shape; `attributes` go to `/entry`.
    """

    def __init__(
        self,
        path: str | Path,
        shape: tuple[int, int, int],
        *,
        dark: AnyArray,
        omega_start_deg: float,
        omega_step_deg: float,
        saturation: float = 65535.0,
        attributes: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(path, shape, "u2", compress=True)
        self._dark = np.asarray(dark)
        self._facts = {
            "omega_start_deg": float(omega_start_deg),
            "omega_step_deg": float(omega_step_deg),
            "saturation": float(saturation),
        }
        self._attributes = dict(attributes or {})

    def _begin(self) -> None:
        self._frames.attrs.update(self._facts)
        self._entry.attrs.update(self._attributes)
        self._entry.create_dataset("dark", data=self._dark).attrs["units"] = "counts"

    def append(self, block: AnyArray, executor: Executor | None = None) -> None:
        """Write the next frames, uint16 [frame, row, col]; the executor compresses them side by side."""
        self._put(np.asarray(block, dtype=self._dtype), executor or Serial())


class CleanWriter(_FrameFile):
    """Writes `clean.h5`: clean frames in counts, as int16 multiples of `quantum` as long as they fit.

    `quantum` is the step of the clean values in counts (half a fixed-point unit), None where they have none
    (float32 arithmetic). The first value that an int16 cannot hold turns the whole file into float32. Stored
    value times the attribute `scale` is counts.
    """

    def __init__(self, path: str | Path, shape: tuple[int, int, int], *, quantum: float | None = None) -> None:
        super().__init__(path, shape, "f4" if quantum is None else "i2", compress=True)
        self._quantum = quantum

    def _begin(self) -> None:
        self._frames.attrs["scale"] = 1.0 if self._quantum is None else self._quantum

    def append(self, block: AnyArray, executor: Executor | None = None) -> None:
        """Write the next frames, float32 [frame, row, col] in counts."""
        stored = block
        if self._quantum is not None:
            steps = np.rint(block / np.float32(self._quantum))
            if self._fits(steps, block):
                stored = steps
            else:
                self._widen()
        self._put(np.asarray(stored, dtype=self._dtype), executor or Serial())

    def _fits(self, steps: AnyArray, block: AnyArray) -> bool:
        inside = steps.size == 0 or (steps.min() >= _INT16.min and steps.max() <= _INT16.max)
        return bool(inside and np.array_equal(steps * np.float32(self._quantum), block))

    def _widen(self) -> None:
        narrow, quantum = self._frames, np.float32(self._quantum)
        self._dtype, self._quantum = np.dtype("f4"), None
        wide = self._create("wide")
        for index in range(self._written):
            wide[index] = narrow[index] * quantum
        wide.attrs["scale"] = 1.0
        del self._data["frames"]
        self._data.move("wide", "frames")
        self._frames = wide


class BackgroundWriter(_FrameFile):
    """Writes `background.h5`: the background images, the frames they are centred on, and the frames' gains.

    `shape` is that of the backgrounds (images, rows, cols), `frames` the scan's number of frames, `tiles` the
    number of read-outs, `noise` the standard deviation per pixel [row, col] of clean frames in counts, where it
    was measured, `dead` the pixels [row, col] that were found to tell nothing. Its methods `background` and `gains`
    are those of a `PreprocessObserver`.
    """

    def __init__(
        self,
        path: str | Path,
        shape: tuple[int, int, int],
        *,
        frames: int,
        tiles: int = 1,
        noise: Image | None = None,
        dead: Mask | None = None,
    ) -> None:
        super().__init__(path, shape, "f4", compress=True)
        self._noise, self._dead = noise, dead
        self._centres = np.zeros(shape[0], dtype=np.int64)
        self._gains = np.ones((frames, tiles), dtype=np.float32)

    def background(self, index: int, centre: int, image: AnyArray) -> None:
        """Background number `index` (they come in order), counts [row, col], around frame `centre`."""
        self._centres[index] = centre
        self._put(np.asarray(image, dtype=np.float32)[None], Serial())

    def gains(self, start: int, gains: AnyArray) -> None:
        """Gains [frame, tile] of the frames from `start` on."""
        self._gains[start : start + len(gains)] = gains

    def _finish(self) -> None:
        self._data.create_dataset("centres", data=self._centres).attrs["units"] = "frames"
        self._entry.create_dataset("gains", data=self._gains)
        if self._noise is not None:
            noise = self._entry.create_dataset("noise", data=np.asarray(self._noise, dtype=np.float32))
            noise.attrs["units"] = "counts"
        if self._dead is not None:
            self._entry.create_dataset("dead", data=self._dead.astype(np.uint8))


def write_background(
    path: str | Path, images: AnyArray, centres: AnyArray, gains: AnyArray, noise: Image | None = None
) -> None:
    """Write `background.h5` at once: images [n, row, col] in counts, centres [n], gains [frame, tile], noise."""
    shape = (len(images), *images.shape[1:])
    with BackgroundWriter(path, shape, frames=len(gains), tiles=gains.shape[1], noise=noise) as writer:
        for index, (centre, image) in enumerate(zip(centres, images, strict=True)):
            writer.background(index, int(centre), image)
        writer.gains(0, gains)


def _group(parent: h5py.Group, name: str, kind: str) -> h5py.Group:
    group = parent.create_group(name)
    group.attrs["NX_class"] = kind
    return group
