"""`clean.h5` as a stream of blocks: what was preprocessed once can be segmented again."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from friedel.errors import InputError
from friedel.io.columns import checked
from friedel.io.h5_frames import h5_frames
from friedel.io.hdf5_file import numbers, opened
from friedel.io.writers import CleanWriter
from friedel.model.arrays import Image, Indices, Mask
from friedel.model.stream import CleanBlock, Executor, Serial

BLOCK_BYTES = 64_000_000
"""Clean frames held at a time when they are read back."""


class CleanStore(CleanWriter):
    """Writes blocks with their flags: also `saturated`, `void` (flat voxels) and `bridged` (frames).

    Voxels without a number, which whole numbers cannot hold, are 0 in the file.
    """

    def append_block(self, block: CleanBlock, executor: Executor | None = None) -> None:
        """Write the next block. Raises `OutputError` when the disk cannot take it."""
        first = block.start * block.frames[0].size
        self._flags.append((block.saturated + first, block.invalid + first, block.replaced.copy()))
        frames = block.frames
        if len(block.invalid):
            frames = frames.copy()
            frames.reshape(-1)[block.invalid] = 0
        self.append(frames, executor)

    def __enter__(self) -> "CleanStore":
        self._flags: list[tuple[Indices, Indices, Mask]] = []
        super().__enter__()
        return self

    def _finish(self) -> None:
        saturated, invalid, replaced = zip(*self._flags, strict=True) if self._flags else ((), (), ())
        self._entry.create_dataset("saturated", data=np.concatenate([*saturated, np.empty(0, np.int64)]))
        self._entry.create_dataset("void", data=np.concatenate([*invalid, np.empty(0, np.int64)]))
        self._entry.create_dataset("bridged", data=np.concatenate([*replaced, np.empty(0, np.bool_)]))


def read_clean(path: str | Path, executor: Executor | None = None) -> Iterator[CleanBlock]:
    """The blocks of a `clean.h5`, float32 counts. Raises `InputError` when it is not one of ours."""
    executor = executor or Serial()
    with opened(path, InputError, rule="is not a file of clean frames") as file:
        dataset = file["entry/data/frames"]
        scale = np.float32(dataset.attrs["scale"])
        saturated, invalid, replaced = (
            checked(numbers(file[f"entry/{name}"], (1,)), name, kind, ())
            for name, kind in (("saturated", "i8"), ("void", "i8"), ("bridged", "?"))
        )
        source = h5_frames(dataset)
    frames, rows, cols = source.shape
    size = rows * cols
    block = max(executor.threads, min(frames, BLOCK_BYTES // (4 * size)))

    def read(frame: int) -> Image:
        image: Image = source.read(frame, frame + 1)[0].astype(np.float32)
        image *= scale
        return image

    for start in range(0, frames, block):
        stop = min(start + block, frames)
        out = np.empty((stop - start, rows, cols), np.float32)
        for index, image in enumerate(executor.map(read, range(start, stop))):
            out[index] = image
        flooded, unknown = (_within(places, start * size, stop * size) for places in (saturated, invalid))
        out.reshape(-1)[unknown] = np.nan
        yield CleanBlock(start, out, flooded, replaced[start:stop], unknown)


def _within(places: Indices, start: int, stop: int) -> Indices:
    """Those of the ascending flat `places` in [start, stop), counted from there."""
    low, high = np.searchsorted(places, [start, stop])
    return places[low:high] - start
