"""`friedel run`: raw frames to blobs, whatever the threads and the memory; what is done is not done again."""

import json
import tomllib
from pathlib import Path

import h5py
import numpy as np
import pytest

import friedel
from friedel.errors import OutputError, RecipeError
from friedel.io import open_scan
from friedel.recipe import load_recipe
from friedel.runner.pipeline import plan_for


def datasets(path: Path) -> dict[str, np.ndarray]:
    """All datasets of an HDF5 file by name."""
    found = {}

    def take(name, item):
        if isinstance(item, h5py.Dataset):
            found[name] = item[()]

    with h5py.File(path, "r") as file:
        file.visititems(take)
    return found


def same_blobs(one: Path, other: Path) -> bool:
    """Whether every dataset of two `blobs.h5` is identical."""
    a, b = datasets(one / "blobs.h5"), datasets(other / "blobs.h5")
    assert a.keys() == b.keys()
    return all(a[name].dtype == b[name].dtype and np.array_equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module")
def finished(recipe, tmp_path_factory) -> Path:
    return friedel.run(recipe, tmp_path_factory.mktemp("run") / "out", settings=["run.threads=2"])


@pytest.mark.parametrize(
    "settings",
    [
        ["run.threads=1"],
        ["run.threads=3", "run.memory_gb=0.5"],
        ["run.threads=1", "run.memory_gb=0.45"],
        ["run.threads=2", "preprocess.keep_clean=true"],
    ],
)
def test_threads_and_memory_leave_every_dataset_as_it_is(recipe, finished, tmp_path, settings):
    assert same_blobs(friedel.run(recipe, tmp_path / "out", settings=settings), finished)


def test_the_folder_holds_what_ran_and_what_came_out(finished):
    names = {path.name for path in finished.iterdir()}
    assert names == {"recipe.toml", "run.json", "background.h5", "blobs.h5", "log.txt"}
    record = json.loads((finished / "run.json").read_text())
    assert list(record["stages"]) == ["preprocess", "segment"]
    assert record["input"]["shape"] == [240, 112, 120]
    segment = record["stages"]["segment"]
    assert segment["counts"]["blobs"] == len(friedel.read_blobs(finished / "blobs.h5")) > 50
    assert set(segment["outputs"]["blobs.h5"]) == {"sha256", "bytes"}
    assert record["stages"]["preprocess"]["measured"]["sigma"] > 0


def test_the_folders_recipe_has_absolute_paths_and_gives_the_same_blobs_again(finished, scan, tmp_path):
    values = tomllib.loads((finished / "recipe.toml").read_text())
    assert values["scan"]["frames"] == str(scan)
    assert same_blobs(friedel.run(finished / "recipe.toml", tmp_path / "again"), finished)


def test_there_is_one_background_for_each_step_and_one_gain_for_each_frame(finished):
    with h5py.File(finished / "background.h5") as file:
        assert file["entry/data/frames"].shape == (15, 112, 120)
        assert file["entry/data/centres"][:2].tolist() == [8, 25]
        gains, noise = file["entry/gains"][()], file["entry/noise"][()]
    assert noise.shape == (112, 120)
    assert 0 < noise.min() < noise.max()  # the outer detector is darker
    assert gains.shape == (240, 1)
    assert 0.9 < gains.min() < gains.max() < 1.1
    assert gains.std() > 0.005


def test_a_finished_run_is_left_alone(recipe, tmp_path, command):
    out = tmp_path / "out"
    assert command("run", recipe, "-o", out)[0] == 0
    before = {path: path.stat().st_mtime_ns for path in (out, *out.iterdir())}  # the folder's own: no lock either
    code, printed, said = command("run", recipe, "-o", out, "--set", "run.threads=1")
    assert code == 0
    assert "nothing to do" in said
    assert printed.strip() == str(out)
    assert before == {path: path.stat().st_mtime_ns for path in (out, *out.iterdir())}


def test_a_stage_that_is_missing_is_named_by_verify(recipe, tmp_path, command):
    out = friedel.run(recipe, tmp_path / "out", to_stage="preprocess")
    code, printed, said = command("verify", out)
    assert (code, printed) == (1, "")
    assert said.startswith(f"friedel: {out}: segment is missing (`friedel run {out}/recipe.toml -o {out}` makes")
    friedel.run(recipe, out)
    code, printed, said = command("verify", out)
    assert (code, printed.splitlines(), said) == (
        0, ["background.h5 is as the run left it", "blobs.h5 is as the run left it"], "",
    )  # fmt: skip


def test_changed_thresholds_are_segmented_anew_in_the_same_folder(recipe, tmp_path):
    out = friedel.run(recipe, tmp_path / "out")
    few = len(friedel.read_blobs(out / "blobs.h5"))
    friedel.run(recipe, out, settings=["segment.seed_threshold=400"])
    assert len(friedel.read_blobs(out / "blobs.h5")) < few


@pytest.mark.parametrize("key", ["noise", "exclude"])
def test_another_image_under_the_same_name_is_another_parameter(recipe, finished, tmp_path, key):
    settings = [f"segment.{key}={tmp_path / 'image.npy'}", *(["segment.unit=sigma"] if key == "noise" else [])]
    image = np.zeros((112, 120), np.float32)
    image[:, 60:] = 1
    np.save(tmp_path / "image.npy", image)
    out = friedel.run(recipe, tmp_path / "out", settings=settings)
    blobs = friedel.read_blobs(out / "blobs.h5")
    left = key == "exclude"  # without noise there is nothing to compare with
    assert (blobs.voxels.col < 60).all() if left else (blobs.voxels.col >= 60).all()
    assert blobs["flags"].max() & 4
    before = (out / "blobs.h5").stat().st_mtime_ns
    friedel.run(recipe, out, settings=settings)
    assert (out / "blobs.h5").stat().st_mtime_ns == before
    np.save(tmp_path / "image.npy", image[:, ::-1])
    friedel.run(recipe, out, settings=settings)
    blobs = friedel.read_blobs(out / "blobs.h5")
    assert (blobs.voxels.col >= 60).all() if left else (blobs.voxels.col < 60).all()
    np.save(tmp_path / "image.npy", image[:-1])
    with pytest.raises(RecipeError, match=rf"segment\.{key}: must have the shape of a frame"):
        friedel.run(recipe, out, settings=settings)


def test_the_file_says_how_frames_and_omega_belong_together(finished):
    with h5py.File(finished / "blobs.h5") as file:
        values = {"frame": file["peaks/frame"][()], **{name: file.attrs[name] for name in file.attrs}}
        omega = eval(str(file.attrs["omega_of_frame"]), {}, values)
        np.testing.assert_allclose(omega, file["peaks/omega"][()])


def test_an_image_without_noise_anywhere_is_refused(recipe, tmp_path):
    np.save(tmp_path / "n.npy", np.full((112, 120), np.nan))
    settings = ["segment.unit=sigma", f"segment.noise={tmp_path / 'n.npy'}"]
    with pytest.raises(RecipeError, match=r"segment\.noise: must be positive somewhere"):
        friedel.run(recipe, tmp_path / "out", settings=settings)


def test_other_settings_of_the_same_scan_are_named(recipe, finished):
    for setting, words in (
        ({"scan.omega": {"start_deg": 10.0, "step_deg": 1.5}}, "omega_start_deg was 0.0 and is 10.0"),
        ({"scan.saturation": 4000}, "saturation was 65535.0 and is 4000.0"),
        ({"scan.dark": 99}, "dark or mask"),
    ):
        with pytest.raises(OutputError, match=f"this scan with other settings: .*{words}"):
            friedel.run(recipe, finished, settings=setting)


def test_what_was_made_from_blobs_does_not_outlive_them(recipe, scan, tmp_path):
    out = friedel.run(recipe, tmp_path / "out")
    friedel.evaluate(out, scan.with_suffix(".truth.h5"))
    friedel.export(out, "csv")
    friedel.export(out, "parquet")
    (out / "report.html").write_text("old")
    views = [out / name for name in ("report.html", "evaluation.json", "blobs.csv", "blobs.parquet")]
    friedel.run(recipe, out)
    assert all(view.exists() for view in views)
    friedel.run(recipe, out, settings=["segment.seed_threshold=400"])
    assert not any(view.exists() for view in views)


def test_clean_frames_that_were_kept_are_segmented_without_the_raw_ones(recipe, tmp_path, finished, command):
    out = tmp_path / "out"
    keep = ["--set", "preprocess.keep_clean=true"]
    assert command("run", recipe, "-o", out, "--to", "preprocess", *keep)[0] == 0
    assert not (out / "blobs.h5").exists()
    code, _, said = command("run", recipe, "-o", out, *keep)
    assert code == 0
    assert "clean frames" in said
    assert same_blobs(out, finished)
    assert friedel.verify(out) == ["background.h5", "clean.h5", "blobs.h5"]


def test_from_segment_without_clean_frames_reads_the_raw_ones_and_says_so(recipe, tmp_path, finished, command):
    out = friedel.run(recipe, tmp_path / "out")
    code, _, said = command("run", recipe, "-o", out, "--from", "segment")
    assert code == 0
    assert "raw frames are read again" in said
    assert same_blobs(out, finished)


def test_clean_frames_of_other_parameters_do_not_stay(recipe, tmp_path):
    out = friedel.run(recipe, tmp_path / "out", settings=["preprocess.keep_clean=true"])
    friedel.run(recipe, out, settings=["preprocess.despeckle=1", "segment.max_bright_fraction=1.0"])
    assert not (out / "clean.h5").exists()
    assert friedel.verify(out) == ["background.h5", "blobs.h5"]


def test_without_a_setup_the_run_says_where_it_ends(recipe, tmp_path, command):
    _, _, said = command("run", recipe, "-o", tmp_path / "out")
    assert "no [setup] and [[phase]]: the run ends with the blobs" in said


def test_a_stage_after_segment_needs_geometry_and_crystal(recipe, tmp_path, command):
    code, _, said = command("run", recipe, "-o", tmp_path / "out", "--to", "index")
    assert code == 2
    assert said.endswith("friedel: --to index: needs [setup] and [[phase]] in the recipe (--to segment)\n")


def test_the_default_folder_is_the_recipes_name(recipe, tmp_path):
    mine = tmp_path / "mine.toml"
    mine.write_text((friedel.Recipe and recipe.read_text()).replace('frames = "', f'frames = "{recipe.parent}/', 0))
    assert friedel.run(mine) == tmp_path / "mine"


def test_no_background_and_no_normalisation_run_too(recipe, tmp_path):
    settings = ["preprocess.background=none", "preprocess.normalise=none", "segment.seed_threshold=3000"]
    settings += ["segment.grow_min=2000", "segment.max_bright_fraction=1.0"]
    out = friedel.run(recipe, tmp_path / "out", settings=settings)
    with h5py.File(out / "background.h5") as file:
        assert file["entry/data/frames"].shape == (0, 112, 120)


def test_quiet_says_nothing_but_the_result(recipe, tmp_path, command):
    out = tmp_path / "out"
    assert command("run", recipe, "-o", out, "-q") == (0, f"{out}\n", "")


def test_the_log_keeps_what_was_said(finished):
    text = (finished / "log.txt").read_text()
    assert "240 × 112 × 120" in text
    assert "blobs" in text


def test_the_plan_counts_the_chunks_that_reading_keeps(recipe, tmp_path):
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file.create_dataset("frames", (40, 2000, 2000), "u2", chunks=(10, 2000, 2000), compression="lzf")
        file.create_dataset("same", (40, 2000, 2000), "u2", chunks=(10, 2000, 2000), compression="gzip")
    options = {"scan.dark": 0, "scan.omega": {"step_deg": 1.0}, "preprocess.margin": "auto"}
    plans = {}
    for name in ("frames", "same"):
        settings = {**options, "scan.frames": f"{tmp_path / 's.h5'}::/{name}", "run.memory_gb": 3.0}
        values = load_recipe(recipe, settings)
        plans[name] = plan_for(values, open_scan(values.scan.frames, values.scan))
    assert plans["same"].buffer_bytes == plans["frames"].buffer_bytes + 2 * 10 * 2000 * 2000 * 2
