"""Folders that others write to: what is written never goes through a link that lies there."""

import os

import numpy as np
import pytest

from friedel.errors import OutputError
from friedel.io.atomic import atomic, replace_text
from friedel.io.mask_file import write_mask
from friedel.runner.lock import LOCK, locked
from friedel.runner.progress import log_file


@pytest.fixture
def victim(tmp_path):
    """A file outside the folder, which must not change."""
    path = tmp_path / "victim"
    path.write_text("precious")
    (tmp_path / "out").mkdir()
    yield path
    assert path.read_text() == "precious"


def test_a_link_at_the_name_of_a_result_is_replaced_and_not_followed(tmp_path, victim):
    (tmp_path / "out" / "run.json").symlink_to(victim)
    with atomic(tmp_path / "out" / "run.json") as partial:
        partial.write_text("new")
    assert not (tmp_path / "out" / "run.json").is_symlink()
    assert (tmp_path / "out" / "run.json").read_text() == "new"


def test_a_hidden_file_is_new_under_a_name_that_nobody_knows_before(tmp_path, victim):
    (tmp_path / "out" / ".a.part").symlink_to(victim)  # what an older version wrote to
    names = set()
    for _ in range(3):
        with atomic(tmp_path / "out" / "a") as partial:
            assert partial.is_file()
            assert partial.stat().st_size == 0
            names.add(partial.name)
            partial.write_text("new")
    assert len(names) == 3


def test_a_hidden_file_that_exists_already_is_refused(tmp_path, victim, monkeypatch):
    monkeypatch.setattr("friedel.io.atomic.secrets.token_hex", lambda _: "00")
    (tmp_path / "out" / ".a.00.part").symlink_to(victim)
    with pytest.raises(OutputError, match=r"cannot write .*file exists"), atomic(tmp_path / "out" / "a"):
        raise AssertionError("written through a link")
    assert (tmp_path / "out" / ".a.00.part").is_symlink()  # not ours to remove


def test_a_hidden_file_that_another_took_the_place_of_is_not_renamed(tmp_path, victim):
    def link(partial):
        partial.unlink()
        partial.symlink_to(victim)

    def other(partial):
        partial.rename(tmp_path / "mine")
        partial.write_text("theirs")

    with pytest.raises(OutputError), atomic(tmp_path / "out" / "a") as partial:
        link(partial)
    with pytest.raises(OutputError, match="another file took its place"), atomic(tmp_path / "out" / "a") as partial:
        other(partial)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("target", ["victim", "not there"])
def test_a_lock_or_log_that_is_a_link_is_refused_in_one_line(tmp_path, victim, target):
    out = tmp_path / "out"
    (out / LOCK).symlink_to(tmp_path / target)
    with pytest.raises(OutputError, match=r"\.lock is a link, not a file"), locked(out):
        raise AssertionError("locked through a link")
    (out / "log.txt").symlink_to(tmp_path / target)
    with pytest.raises(OutputError, match=r"log\.txt: is a link, not a file"), log_file(out / "log.txt"):
        raise AssertionError("logged through a link")
    assert not (tmp_path / "not there").exists()


def test_a_lock_or_log_that_is_a_pipe_is_refused_and_nobody_waits(tmp_path):
    for name in (LOCK, "log.txt"):
        os.mkfifo(tmp_path / name)
    with pytest.raises(OutputError), locked(tmp_path):
        raise AssertionError("locked a pipe")
    with pytest.raises(OutputError), log_file(tmp_path / "log.txt"):
        raise AssertionError("logged into a pipe")


def test_files_get_the_rights_that_files_usually_get(tmp_path):
    old = os.umask(0o027)
    try:
        with atomic(tmp_path / "a"):
            pass
        with locked(tmp_path):
            assert (tmp_path / LOCK).stat().st_mode & 0o777 == 0o640
    finally:
        os.umask(old)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_a_mask_or_text_that_stood_there_is_kept_beside(tmp_path):
    for number in range(3):
        write_mask(tmp_path / "m.tif", np.arange(6).reshape(2, 3) == number)
        write_mask(tmp_path / "m.tif", np.arange(6).reshape(2, 3) == number)
        replace_text(tmp_path / "t", f"{number}")
    names = ["m.tif", "m.tif.bak", "m.tif.bak2", "t", "t.bak", "t.bak2"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert (tmp_path / "t.bak2").read_text() == "1"
