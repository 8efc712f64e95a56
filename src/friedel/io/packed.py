"""Long columns of numbers in HDF5, compressed by several threads so that plain h5py reads them."""

import h5py
import numpy as np

from friedel.io.codecs import encode_shuffled_gzip
from friedel.model.arrays import AnyArray
from friedel.model.stream import Executor, Serial

CHUNK = 1 << 17
"""Numbers in a chunk: half a megabyte, of which a reader holds a few."""


def write_packed(group: h5py.Group, name: str, values: AnyArray, executor: Executor | None = None) -> h5py.Dataset:
    """Write a column (n) with HDF5's own shuffle and gzip; the bytes are the same for any executor."""
    values = np.ascontiguousarray(values)
    if not len(values):
        return group.create_dataset(name, data=values)
    length = min(CHUNK, len(values))
    dataset = group.create_dataset(
        name, values.shape, values.dtype, chunks=(length,), shuffle=True, compression="gzip", compression_opts=1,
        track_times=False,
    )  # fmt: skip
    starts = range(0, len(values), length)

    def encoded(start: int) -> bytes:
        part = values[start : start + length]
        return encode_shuffled_gzip(np.pad(part, (0, length - len(part))))  # HDF5 stores whole chunks

    for start, chunk in zip(starts, (executor or Serial()).map(encoded, starts), strict=True):
        dataset.id.write_direct_chunk((start,), chunk)
    return dataset
