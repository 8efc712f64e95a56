"""Whether files hold what they did, by their hashes, and by a glance where that is enough."""

import os

import pytest

from friedel.output_folder import contents
from friedel.output_folder.contents import Contents
from friedel.output_folder.files import BLOBS, CLEAN, RECORD
from friedel.output_folder.record import output_of


@pytest.fixture
def out(tmp_path):
    for name in (BLOBS, CLEAN):
        (tmp_path / name).write_bytes(name.encode() * 1000)
    while not (tmp_path / RECORD).exists() or changed(tmp_path / RECORD) <= changed(tmp_path / CLEAN):
        (tmp_path / RECORD).write_text("{}")
    return tmp_path


def changed(path):
    return min(path.stat().st_mtime_ns, path.stat().st_ctime_ns)


@pytest.fixture
def read(monkeypatch):
    """Names of the files that were read."""
    names = []
    monkeypatch.setattr(contents, "output_of", lambda path: names.append(path.name) or output_of(path))
    return names


def test_a_file_is_hashed_once_as_long_as_nobody_writes_to_it(out, read):
    known, expected = Contents(out), output_of(out / BLOBS)
    assert all(known.holds(BLOBS, expected) for _ in range(3))
    assert read == [BLOBS]
    times = (out / BLOBS).stat()
    content = (out / BLOBS).read_bytes()
    (out / BLOBS).write_bytes(content[:-1] + b"!")
    os.utime(out / BLOBS, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert not known.holds(BLOBS, expected)
    assert read == [BLOBS] * 2


def test_large_results_that_nobody_reads_are_hashed_only_when_written_to_after_the_record(out, read):
    known, expected = Contents(out), output_of(out / CLEAN)
    assert known.holds(CLEAN, expected)
    assert read == []
    assert known.surely_holds(CLEAN, expected)
    assert read == [CLEAN]
    os.utime(out / RECORD, ns=(1, 1))
    assert known.holds(CLEAN, expected)
    (out / CLEAN).write_bytes(b"!" * expected.bytes)
    assert not known.holds(CLEAN, expected)


def test_what_is_not_there_or_of_another_size_is_not_read(out, read):
    known, expected = Contents(out), output_of(out / BLOBS)
    with (out / BLOBS).open("ab") as file:
        file.write(b"!")
    assert not known.surely_holds(BLOBS, expected)
    (out / BLOBS).unlink()
    assert not known.holds(BLOBS, expected)
    assert not known.seems_to_hold(BLOBS, expected)
    assert read == []
