"""Scans whose angles are not simply one step after the other, from the command line to blobs."""

import re
from pathlib import Path

import h5py
import numpy as np
import pytest

from friedel.cli import run_command
from friedel.io.store import read_blobs
from friedel.model.blobs import BlobTable, Flag

LOST = slice(100, 104)


def stored(path: Path, source: Path, order: np.ndarray, units: str = "deg") -> str:
    """The frames of a simulated scan in another order, as a BLISS master file."""
    with h5py.File(source) as old, h5py.File(path, "w") as file:
        frames = old["entry/data/frames"]
        angles = frames.attrs["omega_start_deg"] + frames.attrs["omega_step_deg"] * order
        file["1.1/measurement/cam"] = frames[()][order]
        file["1.1/measurement/rot"] = np.radians(angles) if units == "rad" else angles
        file["1.1/measurement/rot"].attrs["units"] = units
        file["2.1/measurement/cam"], file["2.1/title"] = old["entry/dark"][()], "dark"
        file["1.1/title"] = "fscan"
    return f"{path}::/1.1/measurement/cam"


def blobs_of(frames: str, folder: Path, recipe: Path) -> BlobTable:
    """With the parameters of a recipe, but the file's own angles."""
    text = re.sub(r"^omega = .*$", "", recipe.read_text(), flags=re.MULTILINE)
    path = folder / "r.toml"
    path.write_text(re.sub(r"^frames = .*$", f'frames = "{frames}"', text, count=1, flags=re.MULTILINE))
    assert run_command(["run", str(path), "-o", str(folder / "out"), "--to", "segment", "--no-report"]) == 0
    return read_blobs(folder / "out")


@pytest.fixture(scope="module")
def straight(scan: Path, recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> BlobTable:
    folder = tmp_path_factory.mktemp("straight")
    return blobs_of(stored(folder / "s.h5", scan, np.arange(240)), folder, recipe)


def test_an_interlaced_scan_in_radians_gives_the_blobs_of_the_straight_one(scan, recipe, straight, tmp_path):
    order = np.r_[0:240:3, 1:240:3, 2:240:3]
    table = blobs_of(stored(tmp_path / "s.h5", scan, order, "rad"), tmp_path, recipe)
    assert len(table) == len(straight) > 20
    for name in ("s_raw", "f_raw", "sum_intensity", "Number_of_pixels"):
        np.testing.assert_array_equal(table[name], straight[name])
    np.testing.assert_allclose(table["omega"], straight["omega"], atol=1e-6)


def test_lost_frames_cut_blobs_and_leave_the_angles_of_all_others(scan, recipe, straight, tmp_path, capfd):
    order = np.delete(np.arange(240), LOST)
    table = blobs_of(stored(tmp_path / "s.h5", scan, order), tmp_path, recipe)
    assert "4 frames missing after frame 99" in capfd.readouterr().err
    assert table.gaps == ((100, 104),)
    assert table.shape == straight.shape
    beside = (table["frame_stop"] == 100) | (table["frame_start"] == 104)
    assert not ((table["frame_start"] < 104) & (table["frame_stop"] > 100)).any()
    assert (table["flags"][beside] & Flag.SCAN_END > 0).all()
    far = np.flatnonzero((np.abs(straight["frame"] - 102) > 70) & (straight["sum_intensity"] > 2000))
    for blob in far.tolist():
        away = np.hypot(table["s_raw"] - straight["s_raw"][blob], table["f_raw"] - straight["f_raw"][blob])
        assert np.abs(table["omega"] - straight["omega"][blob])[away < 1].min() < 0.3


def test_init_leaves_such_angles_to_the_file(scan, command, tmp_path):
    frames = stored(tmp_path / "s.h5", scan, np.delete(np.arange(240), LOST))
    code, _, err = command("init", frames, "-o", tmp_path / "r.toml")
    assert (code, "4 frames missing after frame 99" in err) == (0, True)
    assert not re.search(r"^omega = ", (tmp_path / "r.toml").read_text(), flags=re.MULTILINE)


def test_a_recipe_leaves_frames_out_and_a_run_says_which_ones_to(command, scan, recipe, tmp_path):
    settings = ("--set", 'scan.skip=[7, "20-24"]', "--set", "scan.last=200")
    code, _, err = command("run", recipe, "-o", tmp_path / "out", "--to", "segment", *settings)
    assert code == 0, err
    table = read_blobs(tmp_path / "out")
    assert (table.shape[0], table.gaps) == (201, ((7, 8), (20, 25)))
