"""Scratch space in files gives back what was put in, leaves nothing behind, and says when the disk is full."""

import errno
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from friedel.model.scratch import MemoryScratch
from friedel.runner.scratch import FileScratch

PIECES = st.lists(hnp.arrays(np.float32, st.integers(0, 20), elements=st.floats(-9, 9, width=32)), max_size=6)


@given(PIECES)
def test_a_spool_in_files_equals_one_in_memory(tmp_path_factory, pieces):
    with FileScratch(tmp_path_factory.mktemp("scratch")) as scratch:
        spools = [MemoryScratch().spool(np.float32), scratch.spool(np.float32)]
        for spool in spools:
            for piece in pieces:
                spool.append(piece)
        memory, files = (spool.whole() for spool in spools)
    assert memory.dtype == files.dtype
    assert np.array_equal(memory, files)


@pytest.mark.parametrize("count", [0, 1, 5000])
def test_an_array_in_files_can_be_filled(tmp_path, count):
    with FileScratch(tmp_path) as scratch:
        array = scratch.empty(count, np.int32)
    array[:] = np.arange(count)
    assert np.array_equal(array, np.arange(count))
    assert type(array) is np.ndarray


def test_no_file_is_ever_seen_in_the_folder(tmp_path):
    with FileScratch(tmp_path) as scratch:
        spool = scratch.spool(np.int32)
        spool.append(np.arange(1000, dtype=np.int32))
        array = scratch.empty(1000, np.int32)
        assert list(tmp_path.iterdir()) == []
        assert spool.whole()[-1] == 999
    assert len(array) == 1000


def test_a_full_disk_is_an_error_when_the_place_is_taken(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with FileScratch(tmp_path) as scratch, pytest.raises(OSError, match="No space left"):
        scratch.empty(10, np.int32)
