"""Frames decoded outside h5py are those that h5py reads, and damage is named."""

import os
import pickle
from concurrent.futures import ThreadPoolExecutor

import h5py
import hdf5plugin
import numpy as np
import psutil
import pytest

from friedel.errors import ScanError
from friedel.io import codecs
from friedel.io.chunks import ChunkFrames, ContiguousFrames
from friedel.io.codecs import encode_bitshuffle
from friedel.io.h5_frames import PlainFrames, h5_frames
from friedel.io.sources import GridFrames, JoinedFrames, SelectedFrames, held_bytes
from friedel.io.store import RawWriter
from friedel.kernels.io.lz4_blocks import blocks_fit
from friedel.model.scan import ArrayFrames, FrameSource
from tests.scan_files import stack

BITSHUFFLE = dict(hdf5plugin.Bitshuffle(cname="lz4"))
LAYOUTS = {
    "bitshuffle": (ChunkFrames, {"chunks": 1, **BITSHUFFLE}),
    "bitshuffle, several frames a chunk": (ChunkFrames, {"chunks": 3, **BITSHUFFLE}),
    "bitshuffle, small blocks": (ChunkFrames, {"chunks": 1, **dict(hdf5plugin.Bitshuffle(nelems=16, cname="lz4"))}),
    "gzip": (ChunkFrames, {"chunks": 1, "compression": "gzip"}),
    "gzip and shuffle": (ChunkFrames, {"chunks": 2, "compression": "gzip", "shuffle": True}),
    "chunks alone": (ChunkFrames, {"chunks": 1}),
    "contiguous": (ContiguousFrames, {}),
    "bitshuffle without LZ4": (PlainFrames, {"chunks": 1, **dict(hdf5plugin.Bitshuffle(cname="none"))}),
    "zstd": (PlainFrames, {"chunks": 1, **dict(hdf5plugin.Zstd())}),
    "lzf": (PlainFrames, {"chunks": 1, "compression": "lzf"}),
    "with checksums": (PlainFrames, {"chunks": 1, "fletcher32": True}),
    "tiles": (PlainFrames, {"chunks": (1, 5, 4), "compression": "gzip"}),
}


def written(path, frames, chunks=None, **layout):
    if isinstance(chunks, int):
        chunks = (chunks, *frames.shape[1:])
    with h5py.File(path, "w") as file:
        file.create_dataset("frames", data=frames, chunks=chunks, **layout)
    return opened(path)


def opened(path) -> FrameSource:
    with h5py.File(path) as file:
        return h5_frames(file["frames"])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["u1", "u2", ">u2", "i4", "f4", "f8"])
def test_every_layout_and_type_gives_what_was_written(tmp_path, layout, dtype):
    kind, options = LAYOUTS[layout]
    frames = stack(7, 13, 11, dtype=dtype)
    source = written(tmp_path / "a.h5", frames, **options)
    assert isinstance(source, kind)
    assert source.shape == frames.shape
    assert source.dtype == frames.dtype.newbyteorder("=")
    for start, stop in [(0, 7), (0, 1), (6, 7), (2, 5), (3, 3)]:
        read = source.read(start, stop)
        assert read.dtype == source.dtype
        np.testing.assert_array_equal(read, frames[start:stop])


@pytest.mark.parametrize("shape", [(3, 1, 1), (3, 1, 7), (3, 8, 1), (3, 64, 64), (3, 65, 63), (3, 100, 100)])
def test_bitshuffle_blocks_of_any_remainder_decode(tmp_path, shape):
    frames = stack(*shape)
    source = written(tmp_path / "a.h5", frames, chunks=1, **BITSHUFFLE)
    np.testing.assert_array_equal(source.read(0, 3), frames)


@pytest.mark.parametrize(
    "layout", ["bitshuffle", "bitshuffle, several frames a chunk", "gzip", "contiguous", "lzf"]
)
def test_several_threads_read_the_same_source(tmp_path, layout):
    frames = stack(40, 30, 31)
    source = written(tmp_path / "a.h5", frames, **LAYOUTS[layout][1])
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda k: source.read(k, k + 2)[0], list(range(39)) * 5))
    for k, frame in enumerate(read):
        np.testing.assert_array_equal(frame, frames[k % 39])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_source_can_be_sent_to_another_process(tmp_path, layout):
    frames = stack()
    source = written(tmp_path / "a.h5", frames, **LAYOUTS[layout][1])
    source.read(0, 1)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(source)).read(0, 7), frames)


@pytest.mark.parametrize("layout", ["bitshuffle", "gzip", "gzip and shuffle", "chunks alone"])
def test_frames_that_were_never_written_are_the_fill_value(tmp_path, layout):
    kind, options = LAYOUTS[layout]
    chunks = (options["chunks"], 12, 10)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = file.create_dataset("frames", (6, 12, 10), "u2", fillvalue=9, **{**options, "chunks": chunks})
        data[2:4] = stack(2)
    source = opened(tmp_path / "a.h5")
    assert isinstance(source, kind)
    assert (source.read(0, 2) == 9).all()
    np.testing.assert_array_equal(source.read(2, 4), stack(2))


def damaged(path, frames, spoil, **layout):
    """A file whose frame 2 has been spoiled: `spoil` gets its stored bytes."""
    written(path, frames, chunks=1, **layout)
    with h5py.File(path, "r+") as file:
        mask, chunk = file["frames"].id.read_direct_chunk((2, 0, 0))
        file["frames"].id.write_direct_chunk((2, 0, 0), spoil(bytearray(chunk)), mask)
    return opened(path)


def flipped(at):
    def spoil(chunk):
        chunk[at] ^= 0xFF
        return bytes(chunk)

    return spoil


SPOILED = {
    "half of it": lambda chunk: bytes(chunk[: len(chunk) // 2]),
    "a byte": lambda chunk: bytes(chunk[:1]),
    "one byte less": lambda chunk: bytes(chunk[:-1]),
    "one byte more": lambda chunk: bytes(chunk) + b"x",
    "header": flipped(3),
    "block size": flipped(9),
    "length of a block": flipped(12),
    "zeros": lambda chunk: bytes(len(chunk)),
}


@pytest.mark.parametrize("what", SPOILED)
@pytest.mark.parametrize("layout", ["bitshuffle", "gzip", "gzip and shuffle"])
def test_a_damaged_frame_is_named_and_the_others_can_be_read(tmp_path, layout, what):
    frames = stack(5, 70, 70)
    options = {name: value for name, value in LAYOUTS[layout][1].items() if name != "chunks"}
    spoil = SPOILED[what]
    if layout != "bitshuffle" and what in {"header", "block size", "length of a block", "one byte more"}:
        spoil = SPOILED["zeros"]
    source = damaged(tmp_path / "a.h5", frames, spoil, **options)
    np.testing.assert_array_equal(source.read(0, 2), frames[:2])
    np.testing.assert_array_equal(source.read(3, 5), frames[3:])
    with pytest.raises(ScanError, match=r"frame 2 of .*a\.h5::/frames: is damaged"):
        source.read(0, 5)


def test_any_byte_of_a_bitshuffle_chunk_can_be_wrong_without_a_crash(tmp_path):
    frames = stack(3, 70, 70) // 500
    path = tmp_path / "a.h5"
    written(path, frames, chunks=1, **BITSHUFFLE)
    with h5py.File(path, "r+") as file:
        _, chunk = file["frames"].id.read_direct_chunk((2, 0, 0))
        rng = np.random.default_rng(0)
        for at in rng.integers(0, len(chunk), 60):
            file["frames"].id.write_direct_chunk((2, 0, 0), flipped(at)(bytearray(chunk)))
            file.flush()
            source = h5_frames(file["frames"])
            try:
                assert source.read(2, 3).shape == (1, 70, 70)
            except ScanError as error:
                assert "frame 2" in str(error)  # noqa: PT017


def test_a_frame_that_only_h5py_can_read_is_named_when_damaged(tmp_path):
    frames = stack(5, 70, 70)
    source = damaged(tmp_path / "a.h5", frames, flipped(9), fletcher32=True)
    np.testing.assert_array_equal(source.read(0, 2), frames[:2])
    with pytest.raises(ScanError, match=r"frame 2 of .*a\.h5::/frames: cannot be read"):
        source.read(0, 5)


def test_a_file_that_shrinks_after_it_was_opened_names_the_first_frame_that_is_gone(tmp_path):
    path = tmp_path / "a.h5"
    source = written(path, stack(8, 50, 50))
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 2 * 5000 - 10)
    with pytest.raises(ScanError, match="frame 5 of"):
        source.read(0, 8)


@pytest.mark.parametrize("size", [1, 7, 8, 9, 4096, 4097, 4104, 12291])
def test_the_walk_over_blocks_ends_where_the_chunk_does(size):
    chunk = np.frombuffer(encode_bitshuffle(stack(1, 1, size)[0]), np.uint8)
    assert blocks_fit(chunk, 12, size, 2, 4096)
    assert not blocks_fit(chunk[:-1], 12, size, 2, 4096)
    assert not blocks_fit(chunk, 12, size + 4096, 2, 4096)
    assert blocks_fit.py_func(chunk, 12, size, 2, 4096)


def test_selected_frames_are_those_of_the_source():
    frames = stack(10)
    for indices in [(1, 2, 3, 7), (9, 0, 4), (2, 3, 4), (5,)]:
        source = SelectedFrames(ArrayFrames(frames), indices)
        for start in range(len(indices)):
            for stop in range(start + 1, len(indices) + 1):
                np.testing.assert_array_equal(source.read(start, stop), frames[list(indices[start:stop])])


def test_joined_sources_read_across_their_seams():
    frames = stack(10)
    source = JoinedFrames([ArrayFrames(frames[:3]), ArrayFrames(frames[3:4]), ArrayFrames(frames[4:])])
    assert source.shape == frames.shape
    for start in range(10):
        for stop in range(start + 1, 11):
            np.testing.assert_array_equal(source.read(start, stop), frames[start:stop])


def test_a_grid_image_holds_its_frames_in_reading_order():
    images = np.arange(3 * 4 * 6).reshape(3, 4, 6)
    source = GridFrames(ArrayFrames(images), 2, 3)
    assert source.shape == (18, 2, 2)
    np.testing.assert_array_equal(source.read(0, 1)[0], images[0, :2, :2])
    np.testing.assert_array_equal(source.read(2, 3)[0], images[0, :2, 4:])
    np.testing.assert_array_equal(source.read(3, 4)[0], images[0, 2:, :2])
    whole = source.read(0, 18)
    for start in range(18):
        np.testing.assert_array_equal(source.read(start, 18), whole[start:])


def test_a_system_that_gives_a_few_bytes_at_a_time_still_gives_whole_frames(tmp_path, monkeypatch):
    frames = stack()
    source = written(tmp_path / "a.h5", frames)
    whole = os.preadv
    monkeypatch.setattr(os, "preadv", lambda handle, views, offset: whole(handle, [views[0][:7]], offset))
    np.testing.assert_array_equal(source.read(0, 7), frames)


def test_files_are_read_where_the_system_has_no_reads_at_a_place(tmp_path, monkeypatch):
    frames = stack(20)
    monkeypatch.delattr(os, "preadv")
    for layout in ("contiguous", "bitshuffle"):
        source = written(tmp_path / "a.h5", frames, **LAYOUTS[layout][1])
        with ThreadPoolExecutor(4) as pool:
            read = list(pool.map(lambda k, source=source: source.read(k, k + 1)[0], range(20)))
        np.testing.assert_array_equal(read, frames)


def test_files_are_opened_once_and_closed_with_the_source(tmp_path):
    for layout in ("bitshuffle", "contiguous", "lzf"):
        before = open_files(tmp_path)
        source = written(tmp_path / "a.h5", stack(), **LAYOUTS[layout][1])
        assert open_files(tmp_path) == before == 0
        for _ in range(3):
            source.read(0, 7)
        assert open_files(tmp_path) == 1
        del source
        assert open_files(tmp_path) == 0


def open_files(folder):
    """How many files of a folder this process has open (where the system tells: psutil asks it)."""
    return sum(file.path.startswith(str(folder)) for file in psutil.Process().open_files())


def test_where_bitshuffle_is_not_exported_hdf5_does_its_work(tmp_path, monkeypatch):
    frames = stack()
    monkeypatch.setattr(codecs, "_bitshuffle", lambda: None)
    with RawWriter(tmp_path / "r.h5", frames.shape, dark=frames[0], omega_start_deg=0, omega_step_deg=1) as writer:
        writer.append(frames)
    with h5py.File(tmp_path / "r.h5") as file:
        source = h5_frames(file["entry/data/frames"])
    assert isinstance(source, PlainFrames)
    np.testing.assert_array_equal(source.read(0, 7), frames)
    monkeypatch.undo()
    with h5py.File(tmp_path / "r.h5") as file:
        source = h5_frames(file["entry/data/frames"])
    assert isinstance(source, ChunkFrames)
    np.testing.assert_array_equal(source.read(0, 7), frames)


@pytest.mark.parametrize("layout", ["gzip", "gzip and shuffle"])
def test_where_libdeflate_is_missing_zlib_does_its_work(tmp_path, monkeypatch, layout):
    class Missing:
        available = False

    monkeypatch.setattr(codecs.imagecodecs, "DEFLATE", Missing)
    frames = stack()
    source = written(tmp_path / "a.h5", frames, **LAYOUTS[layout][1])
    np.testing.assert_array_equal(source.read(0, 7), frames)
    options = {name: value for name, value in LAYOUTS[layout][1].items() if name != "chunks"}
    spoiled = damaged(tmp_path / "b.h5", frames, SPOILED["half of it"], **options)
    with pytest.raises(ScanError, match="frame 2 of"):
        spoiled.read(0, 5)


def test_a_chunk_of_several_frames_is_decoded_once_for_all_threads(tmp_path, monkeypatch):
    frames = stack(24, 30, 31)
    source = written(tmp_path / "a.h5", frames, chunks=6, **BITSHUFFLE)
    decoded = []
    whole = source._decode
    monkeypatch.setattr(source, "_decode", lambda first, out: (decoded.append(first), whole(first, out)))
    with ThreadPoolExecutor(3) as pool:
        read = list(pool.map(lambda k: source.read(k, k + 1)[0], range(24)))
    np.testing.assert_array_equal(read, frames)
    assert sorted(decoded) == [0, 6, 12, 18]


def test_chunks_that_are_kept_take_bounded_memory_also_over_many_files(tmp_path, monkeypatch):
    monkeypatch.setattr("friedel.io.chunk_cache.ROOM_BYTES", 20_000)
    frames = stack(60, 30, 31)
    for number in range(5):
        written(tmp_path / f"{number}.h5", frames[12 * number : 12 * number + 12], chunks=3, **BITSHUFFLE)
    layout = h5py.VirtualLayout(frames.shape, frames.dtype)
    for number in range(5):
        source = h5py.VirtualSource(f"{number}.h5", "frames", (12, 30, 31))
        layout[12 * number : 12 * number + 12] = source
    with h5py.File(tmp_path / "all.h5", "w") as file:
        file.create_virtual_dataset("frames", layout)
    joined = opened(tmp_path / "all.h5")
    caches = {id(part._cache): part._cache for part in joined._parts}
    assert len(caches) == 1
    cache = next(iter(caches.values()))
    with ThreadPoolExecutor(3) as pool:
        read = list(pool.map(lambda k: joined.read(k, k + 1)[0], range(60)))
    np.testing.assert_array_equal(read, frames)
    kept = sum(slot.chunk.nbytes for slot in cache._slots.values())
    assert kept <= held_bytes(joined) == 20_000
    assert held_bytes(SelectedFrames(joined, (1, 2, 3))) == 20_000
    assert held_bytes(GridFrames(joined, 2, 1)) == 20_000
    monkeypatch.setattr("friedel.io.chunk_cache.ROOM_BYTES", 1_000)
    assert held_bytes(joined) == 2 * 3 * 30 * 31 * 2
    joined.read(0, 60)
    assert sum(slot.chunk.nbytes for slot in cache._slots.values()) <= held_bytes(joined)


def test_frames_that_are_not_kept_take_no_memory(tmp_path):
    np.save(tmp_path / "a.npy", stack())
    assert held_bytes(ArrayFrames(np.load(tmp_path / "a.npy", mmap_mode="r"))) == 0
    assert held_bytes(ArrayFrames(stack())) == stack().nbytes
    assert held_bytes(written(tmp_path / "a.h5", stack(), chunks=1, **BITSHUFFLE)) == 0


def test_a_damaged_chunk_of_several_frames_names_them_all(tmp_path):
    path = tmp_path / "a.h5"
    written(path, stack(8), chunks=3, **BITSHUFFLE)
    with h5py.File(path, "r+") as file:
        file["frames"].id.write_direct_chunk((6, 0, 0), b"nonsense")
    source = opened(path)
    np.testing.assert_array_equal(source.read(0, 6), stack(8)[:6])
    for _ in range(2):
        with pytest.raises(ScanError, match="frames 6 to 7 of"):
            source.read(7, 8)
