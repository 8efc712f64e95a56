"""Columns that are compressed here and read by plain h5py."""

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from friedel.io import packed
from friedel.io.codecs import codec_of
from friedel.io.packed import write_packed
from friedel.runner.executors import local_executor


def stored(dataset):
    """The chunks of a dataset as they lie in the file."""
    found = []
    dataset.id.chunk_iter(lambda info: found.append(info.chunk_offset))
    return [dataset.id.read_direct_chunk(offset) for offset in found]


@given(
    st.integers(0, 700), st.sampled_from(["u1", "<i4", "<i8", "<f4", "<f8", ">f4"]), st.integers(1, 300),
    st.integers(0, 9),
)  # fmt: skip
def test_h5py_reads_what_was_written(tmp_path_factory, length, kind, chunk, seed):
    values = np.random.default_rng(seed).normal(0, 50, length).astype(kind)
    with h5py.File(tmp_path_factory.mktemp("p") / "p.h5", "w") as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr(packed, "CHUNK", chunk)
        dataset = write_packed(file, "x", values)
        assert dataset.dtype == values.dtype
        np.testing.assert_array_equal(dataset[:], values)
        middle = slice(length // 3, 2 * length // 3)
        np.testing.assert_array_equal(dataset[middle], values[middle])


def test_any_number_of_threads_writes_the_same_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(packed, "CHUNK", 1000)
    values = np.random.default_rng(1).poisson(30, 12_345).astype("f4")
    with h5py.File(tmp_path / "p.h5", "w") as file, local_executor(3) as three:
        alone, together = write_packed(file, "a", values), write_packed(file, "b", values, three)
        assert stored(alone) == stored(together)
        found = codec_of(together)
        assert found is not None
        assert found.name == "gzip"


def test_without_libdeflate_zlib_writes_what_h5py_reads(tmp_path, monkeypatch):
    monkeypatch.setattr("imagecodecs.DEFLATE.available", False)
    values = np.arange(5000, dtype="i4") // 7
    with h5py.File(tmp_path / "p.h5", "w") as file:
        np.testing.assert_array_equal(write_packed(file, "x", values)[:], values)
