"""Bad input: one line, the right exit code, nothing lost."""

import re
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

import friedel
from friedel.errors import OutputError
from friedel.reporter import write_report

FRAMES = (40, 24, 32)


def write_scan(path: Path, frames: np.ndarray, *, dark: float | None = 100.0, step: float | None = 1.0) -> Path:
    """A plain HDF5 scan with the attributes that a run needs."""
    with h5py.File(path, "w") as file:
        data = file.create_dataset("entry/data/frames", data=frames, chunks=(1, *frames.shape[1:]))
        if step is not None:
            data.attrs["omega_step_deg"], data.attrs["omega_start_deg"] = step, 0.0
        if dark is not None:
            file["entry/dark"] = np.full(frames.shape[1:], dark, np.uint16)
    return path


def frames_of(dtype: str = "u2") -> np.ndarray:
    """Noise with one spot."""
    frames = np.random.default_rng(1).normal(200, 3, FRAMES)
    frames[18:21, 5:10, 5:11] += 500
    return frames.round().astype(dtype)


RECIPE = """
[scan]
frames = "{frames}"
[preprocess]
beam = "none"
normalise = "none"
half_window = 10
half_step = 2
[segment]
seed_threshold = 60
grow_min = 20
min_size = [1, 1, 1]
"""


@pytest.fixture
def recipe_for(tmp_path: Path) -> Callable[[Path | str], Path]:
    def write(frames: Path | str) -> Path:
        path = tmp_path / "r.toml"
        path.write_text(RECIPE.format(frames=frames))
        return path

    return write


def refused(result: tuple[int, str, str], code: int, *words: str) -> None:
    """One line on standard error, and the exit code."""
    got, out, err = result
    lines = [line for line in err.splitlines() if line.startswith("friedel: ")]
    assert (got, len(lines), out) == (code, 1, ""), err
    assert "Traceback" not in err
    for word in words:
        assert word in lines[0], lines[0]


def test_the_scan_of_these_tests_runs_when_nothing_is_wrong(recipe_for, tmp_path, command):
    recipe = recipe_for(write_scan(tmp_path / "s.h5", frames_of()))
    assert command("run", recipe, "-o", tmp_path / "out")[0] == 0
    assert len(friedel.read_blobs(tmp_path / "out" / "blobs.h5")) == 1


def test_a_truncated_file_is_refused(recipe_for, scan, tmp_path, command):
    short = tmp_path / "short.h5"
    short.write_bytes(scan.read_bytes()[:200_000])
    refused(command("run", recipe_for(short), "-o", tmp_path / "out"), 2, "short.h5", "truncated")
    assert not (tmp_path / "out").exists()


def test_a_file_of_another_kind_is_refused(recipe_for, tmp_path, command):
    foreign = tmp_path / "notes.h5"
    foreign.write_text("this is no HDF5 file")
    refused(command("run", recipe_for(foreign), "-o", tmp_path / "out"), 2, "notes.h5", "is not an HDF5 file")
    refused(command("inspect", foreign), 2, "notes.h5")
    refused(command("init", foreign, "-o", tmp_path / "i.toml"), 2, "notes.h5")


def test_a_missing_file_and_a_wrong_dataset_are_refused(recipe_for, tmp_path, command):
    good = write_scan(tmp_path / "s.h5", frames_of())
    refused(command("run", recipe_for(tmp_path / "no.h5"), "-o", tmp_path / "out"), 2, "no.h5", "no such file")
    refused(command("run", recipe_for(f"{good}::/entry/x"), "-o", tmp_path / "out"), 2, "::/entry/x")
    refused(command("run", recipe_for(f"{good}::/entry/dark"), "-o", tmp_path / "out"), 2, "entry/dark")


def test_a_scan_without_dark_or_angles_is_refused_by_name(recipe_for, tmp_path, command):
    bare = write_scan(tmp_path / "s.h5", frames_of(), dark=None, step=None)
    recipe = recipe_for(bare)
    out = tmp_path / "out"
    refused(command("run", recipe, "-o", out, "--set", "scan.omega.step_deg=1"), 2, "dark")
    refused(command("run", recipe, "-o", out, "--set", "scan.dark=100"), 2, "omega")
    assert command("run", recipe, "-o", out, "--set", "scan.dark=100", "--set", "scan.omega.step_deg=1")[0] == 0


def test_frames_that_are_not_numbers_are_replaced_and_too_many_refused(recipe_for, tmp_path, command):
    frames = frames_of("f4")
    frames[7] = np.nan
    write_scan(tmp_path / "s.h5", frames)
    code, _, said = command("run", recipe_for(tmp_path / "s.h5"), "-o", tmp_path / "out")
    assert code == 0
    assert "1 of 40 frames were corrupt, the first is frame 7" in said
    frames[10:30] = np.nan
    write_scan(tmp_path / "s.h5", frames)
    refused(command("run", recipe_for(tmp_path / "s.h5"), "-o", tmp_path / "out2"), 2, "corrupt")
    assert not (tmp_path / "out2" / "blobs.h5").exists()


def test_a_scan_of_zeros_is_refused(recipe_for, tmp_path, command):
    write_scan(tmp_path / "s.h5", np.zeros(FRAMES, np.uint16))
    refused(command("run", recipe_for(tmp_path / "s.h5"), "-o", tmp_path / "out"), 2, "constant")


def test_fewer_than_three_frames_are_refused(recipe_for, tmp_path, command):
    write_scan(tmp_path / "s.h5", frames_of()[:2])
    refused(command("run", recipe_for(tmp_path / "s.h5"), "-o", tmp_path / "out"), 2, "at least 3 frames", "got 2")


def test_a_scan_shorter_than_the_window_is_warned_about(recipe_for, tmp_path, command):
    recipe = recipe_for(write_scan(tmp_path / "s.h5", frames_of()))
    code, _, said = command("run", recipe, "-o", tmp_path / "out", "--set", "preprocess.half_window=250")
    assert code == 0
    assert "warning: " in said
    assert "window" in said


def test_thresholds_out_of_order_are_refused_or_warned_about(recipe_for, tmp_path, command):
    recipe = recipe_for(write_scan(tmp_path / "s.h5", frames_of()))
    out = tmp_path / "out"
    refused(command("run", recipe, "-o", out, "--set", "segment.grow_max=10"), 2, "grow_min", "grow_max")
    code, _, said = command("run", recipe, "-o", out, "--set", "segment.grow_min=70")
    assert code == 0
    assert said.count("grow_min = 70 is above seed_threshold = 60") == 1
    assert "grow_min" in (out / "run.json").read_text()


def test_a_threshold_in_the_noise_is_refused_with_advice(recipe_for, tmp_path, command):
    recipe = recipe_for(write_scan(tmp_path / "s.h5", frames_of()))
    settings = ["--set", "segment.grow_min=0.1", "--set", "segment.tolerance=0"]
    refused(command("run", recipe, "-o", tmp_path / "out", *settings), 1, "raise segment.grow_min")


def test_the_folder_of_another_scan_is_refused_and_left_alone(recipe_for, tmp_path, command):
    recipe = recipe_for(write_scan(tmp_path / "s.h5", frames_of()))
    out = tmp_path / "out"
    assert command("run", recipe, "-o", out)[0] == 0
    blobs = (out / "blobs.h5").read_bytes()
    other = recipe_for(write_scan(tmp_path / "t.h5", frames_of()[::-1]))
    refused(command("run", other, "-o", out), 1, "another scan", "--restart")
    assert (out / "blobs.h5").read_bytes() == blobs
    assert command("run", other, "-o", out, "--restart")[0] == 0
    assert (out / "blobs.h5").read_bytes() != blobs


def test_results_without_a_record_are_not_overwritten(recipe_for, tmp_path, command):
    recipe = recipe_for(write_scan(tmp_path / "s.h5", frames_of()))
    out = tmp_path / "out"
    out.mkdir()
    (out / "grains.h5").write_bytes(b"mine")
    refused(command("run", recipe, "-o", out), 1, "without a run.json", "grains.h5")
    (out / "run.json").write_text("{")
    refused(command("run", recipe, "-o", out), 1, "run.json", "--restart")
    assert (out / "grains.h5").read_bytes() == b"mine"


def test_a_file_where_the_folder_should_be_is_refused(recipe_for, tmp_path, command):
    recipe = recipe_for(write_scan(tmp_path / "s.h5", frames_of()))
    (tmp_path / "out").write_text("a file")
    refused(command("run", recipe, "-o", tmp_path / "out"), 1, "is a file, not a folder")


def test_a_dark_brighter_than_the_frames_is_warned_about(recipe_for, tmp_path, command):
    recipe = recipe_for(write_scan(tmp_path / "s.h5", frames_of(), dark=30000))
    code, _, said = command("run", recipe, "-o", tmp_path / "out")
    assert code == 0
    assert "warning: scan.dark: the dark is brighter than the frames" in said
    assert "float32" not in said  # that would hold them, but not help
    code, seen, _ = command("inspect", tmp_path / "s.h5")
    assert code == 0
    assert "brighter than the frames" in seen


@pytest.mark.parametrize(
    "settings",
    [
        {"scan.mask": "one.npy"},
        {"scan.mask": "one.npy", "segment.unit": "sigma", "segment.noise": "local"},
        {"segment.seed_threshold": 1e6},
        {"segment.seed_min_voxels": 10**6},
        {"preprocess.background": "none", "segment.max_bright_fraction": 1.0},
        {"preprocess.beam": [0, 0, 32, 24], "segment.exclude": "beam"},
        {"dead": 16},
    ],
)
def test_a_run_with_little_to_show_has_a_report(recipe_for, tmp_path, settings, command):
    frames = frames_of("f4")
    frames[:, :, : settings.pop("dead", 0)] = np.nan
    recipe = recipe_for(write_scan(tmp_path / "s.h5", frames))
    mask = np.ones(FRAMES[1:], np.uint8)
    mask[12, 12] = 0  # all but one pixel
    np.save(tmp_path / "one.npy", mask)
    settings = {key: str(tmp_path / value) if value == "one.npy" else value for key, value in settings.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", friedel.FriedelWarning)
        out = friedel.run(recipe, tmp_path / "out", settings=settings)
    page = write_report(out).read_text()  # warnings, also those of matplotlib, are errors here
    page = re.sub(r"data:[^\"']*", "", page)
    assert "nan" not in page.lower().replace("name", "")


def test_warnings_that_a_script_ignores_are_kept_in_the_record_and_not_shown(recipe_for, tmp_path):
    frames = frames_of("f4")
    frames[:, :, :16] = np.nan
    recipe = recipe_for(write_scan(tmp_path / "s.h5", frames))
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("ignore", friedel.FriedelWarning)
        out = friedel.run(recipe, tmp_path / "out")
    assert not [one for one in shown if issubclass(one.category, friedel.FriedelWarning)]
    assert "are no numbers" in (out / "run.json").read_text()


def test_all_mistakes_of_a_recipe_are_said_at_once(recipe, tmp_path, command):
    settings = (
        "--set",
        "preprocess.half_window=-1",
        "--set",
        "segment.tolerance=7",
        "--set",
        "setup.energy_keV=-4",
    )
    code, out, err = command("run", recipe, "-o", tmp_path / "out", *settings)
    assert (code, out) == (2, "")
    assert [line.split(":")[1].strip() for line in err.splitlines() if line.startswith("friedel: ")] == [
        "preprocess.half_window", "segment.tolerance", "setup.energy_keV", "setup.detector",
    ]  # fmt: skip


def test_a_dark_above_the_frames_is_named_and_nothing_else_is_compared_with_it(recipe, tmp_path, command):
    wrong = ("scan.dark=60000", "preprocess.margin=[[8, 8, 12, 16]]", "preprocess.beam=[8, 8, 40, 24]")
    settings = [part for setting in wrong for part in ("--set", setting)]
    code, _, err = command("run", recipe, "-o", tmp_path / "out", "--to", "preprocess", *settings)
    assert code == 0, err
    assert "scan.dark: the dark is brighter than the frames" in err
    assert "% of that of the beam" not in err


def test_a_beam_box_outside_the_image_is_refused(recipe, tmp_path, command):
    arguments = ["run", recipe, "-o", tmp_path / "out", "--set"]
    refused(command(*arguments, "preprocess.beam=[10, 10, 500, 40]"), 2, "preprocess.beam", "500")
    refused(command(*arguments, "preprocess.margin=[[0, 0, 10, 500]]"), 2, "preprocess.margin", "500")
    refused(command(*arguments, "segment.exclude=[0, 0, 10, 500]"), 2, "segment.exclude", "500")


def test_a_margin_that_the_sample_shadows_is_warned_about(recipe_for, tmp_path, command):
    frames = np.random.default_rng(1).normal(200, 3, FRAMES)
    frames[:, 8:16, 8:24] += 5000
    frames[10:20, 8:16, 8:12] -= 3000  # something passes through the left strip
    recipe = recipe_for(write_scan(tmp_path / "s.h5", frames.round().astype("u2")))
    settings = ["preprocess.beam=[8, 8, 24, 16]", "preprocess.margin=3", "preprocess.normalise=margin"]
    settings.append("segment.max_bright_fraction=1.0")
    options = [part for setting in settings for part in ("--set", setting)]
    code, _, said = command("run", recipe, "-o", tmp_path / "out", *options)
    assert code == 0
    assert "warning: preprocess.margin: the sample shadows the margin" in said


def beam_scan() -> np.ndarray:
    """A direct beam [20:60, 20:80] whose middle a turning sample shadows, a glow, an oscillating source."""
    rng, frames = np.random.default_rng(3), 40
    y, x = np.mgrid[:80, :100]
    image = 60 + 900 * np.exp(-np.hypot(x - 50, y - 40) / 20)
    image = np.repeat(image[None], frames, axis=0)
    image[:, 20:60, 20:80] = 6000
    for k in range(frames):
        reach = 14 + 4 * np.cos(np.pi * k / frames)
        image[k, 20:60, round(50 - reach) : round(50 + reach)] *= 0.55
    source = 1 + 0.05 * np.sin(np.arange(frames) * 0.7)
    return np.clip(rng.poisson(image * source[:, None, None]) + rng.normal(100, 4, image.shape), 0, 65535).astype(
        "u2"
    )


@pytest.mark.parametrize(
    ("beam", "margin", "words"),
    [
        ("[20, 20, 80, 60]", "[[23, 20, 27, 60], [73, 20, 77, 60]]", ""),
        ("[20, 20, 80, 60]", "[[23, 20, 27, 60]]", ""),
        ("[20, 20, 80, 60]", "5", ""),
        ('"auto"', '"auto"', ""),
        ("[18, 18, 82, 62]", "[[25, 25, 29, 55]]", ""),
        ("[20, 20, 80, 60]", "[[45, 25, 55, 55]]", "preprocess.margin: the sample shadows the margin"),
        ("[20, 20, 80, 60]", "[[31, 25, 35, 55], [65, 25, 69, 55]]", "preprocess.margin: the sample shadows"),
        ("[20, 20, 80, 60]", "[[33, 20, 37, 60]]", "preprocess.margin: the sample shadows the margin"),
        ("[20, 20, 80, 60]", "25", "preprocess.margin: the sample shadows the margin"),
        ("[20, 20, 80, 60]", "[[0, 0, 10, 10]]", "preprocess.margin: it lies outside the direct beam"),
        (
            "[26, 20, 80, 60]",
            "[[28, 20, 30, 60]]",
            "preprocess.beam: the direct beam goes on beyond the box (left)",
        ),
        ("[30, 30, 70, 50]", "3", "preprocess.beam: the direct beam goes on beyond the box (top, bottom, "),
    ],
)
def test_a_margin_or_a_beam_box_that_does_not_fit_is_warned_about(
    recipe_for, tmp_path, command, beam, margin, words
):
    recipe = recipe_for(write_scan(tmp_path / "s.h5", beam_scan()))
    settings = [f"preprocess.beam={beam}", f"preprocess.margin={margin}", "preprocess.normalise=margin"]
    settings += ["segment.max_bright_fraction=1.0", "segment.seed_threshold=400", "segment.grow_min=200"]
    options = [part for setting in settings for part in ("--set", setting)]
    code, _, said = command("run", recipe, "-o", tmp_path / "out", *options)
    assert code == 0, said
    warned = [line for line in said.splitlines() if line.startswith("warning: preprocess.")]
    assert any(words in line for line in warned) if words else warned == []


def test_init_warns_of_what_a_run_would_warn_of_or_stop_at(tmp_path, command):
    frames = frames_of()
    write_scan(tmp_path / "dark.h5", frames, dark=5000)
    code, _, said = command("init", tmp_path / "dark.h5", "-o", tmp_path / "r.toml")
    assert code == 0
    assert "warning: scan.dark: the dark is brighter than the frames" in said
    frames[::5] = 0
    write_scan(tmp_path / "zeros.h5", frames)
    code, _, said = command("init", tmp_path / "zeros.h5", "-o", tmp_path / "r.toml")
    assert code == 0
    assert "have one value everywhere: a run stops at more than 2%" in said
    refused(command("run", tmp_path / "r.toml", "-o", tmp_path / "out"), 2, "corrupt")


def test_init_chooses_a_window_that_a_short_scan_can_fill(tmp_path, command):
    write_scan(tmp_path / "s.h5", frames_of())
    assert command("init", tmp_path / "s.h5", "-o", tmp_path / "r.toml")[0] == 0
    text = (tmp_path / "r.toml").read_text()
    assert "half_window = 9\n" in text
    assert "half_step = 1\n" in text
    assert "The scan has 40 frames" in text
    code, _, said = command("run", tmp_path / "r.toml", "-o", tmp_path / "out")
    assert code == 0
    assert "longer than the scan" not in said
    friedel.init(tmp_path / "s.h5", tmp_path / "r.toml", settings="preprocess.half_window=250")
    assert "half_window = 250\n" in (tmp_path / "r.toml").read_text()


def test_a_run_that_does_not_fit_is_refused_with_what_would(recipe, tmp_path, command):
    result = command("run", recipe, "-o", tmp_path / "out", "--set", "run.memory_gb=0.2")
    refused(result, 3, "run.memory_gb", "needs at least", "got 0.20 GB")
    assert not (tmp_path / "out").exists()


def test_choices_that_do_not_exist_are_refused(recipe, tmp_path, command):
    arguments = ["run", recipe, "-o", tmp_path / "out"]
    refused(command(*arguments, "--set", "segment.method=unet"), 2, "segment.method", "'double_threshold'")
    refused(command(*arguments, "--set", "run.executor=dask"), 2, "run.executor", "'local'")


def test_an_empty_folder_name_is_refused(recipe, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    refused(command("run", recipe, "-o", ""), 2, "-o", "must name a folder")
    assert list(tmp_path.iterdir()) == []


def test_a_pattern_that_the_shell_expanded_is_explained(tmp_path, command):
    for name in ("inspect", "init"):
        refused(command(name, "a.edf", "b.edf", "c.edf"), 2, "quote a pattern")
    refused(command("report", "a", "b"), 2, "friedel report --help")


def test_a_folder_without_results_is_no_output_folder(tmp_path, command):
    for name in ("report", "verify"):
        refused(command(name, tmp_path / "none"), 2, "none")
    refused(command("export", tmp_path / "none", "--format", "csv"), 2, "blobs.h5")
    refused(command("evaluate", tmp_path / "none", tmp_path / "t.h5"), 2, "t.h5", "no such file")


def test_a_file_that_has_changed_since_the_run_is_found(recipe, tmp_path, command):
    out = friedel.run(recipe, tmp_path / "out")
    assert command("verify", out)[0] == 0
    with (out / "blobs.h5").open("r+b") as file:
        file.seek(5000)
        file.write(b"x")
    refused(command("verify", out), 1, "blobs.h5 has changed since the run", f"friedel run {out}/recipe.toml")
    shutil.move(out / "background.h5", tmp_path / "b.h5")
    refused(command("verify", out), 1, "background.h5 is missing")


def test_a_recipe_that_is_there_is_kept_by_init(scan, tmp_path, command):
    path = tmp_path / "r.toml"
    for text in ("mine", "mine too"):
        path.write_text(text)
        code, _, said = command("init", scan, "-o", path)
        assert code == 0
        assert "was already there and is now" in said
    assert (tmp_path / "r.toml.bak").read_text() == "mine"
    assert (tmp_path / "r.toml.bak2").read_text() == "mine too"
    assert path.read_text().startswith("# Written by")


def test_a_recipe_survives_an_init_that_cannot_write(scan, tmp_path, monkeypatch):
    path = tmp_path / "r.toml"
    path.write_text("mine")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OutputError, match="no space left"):
        friedel.init(scan, path)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("r.toml", "mine")]


def test_a_recipe_that_was_edited_is_kept_by_simulate(tmp_path, command):
    arguments = ["simulate", tmp_path / "s.h5", "--preset", "small", "--set", "frames=40", "--set", "grains=1"]
    arguments += ["--set", "rows=48", "--set", "cols=40"]
    assert command(*arguments)[0] == 0
    written = (tmp_path / "s.toml").read_text()
    assert command(*arguments)[0] == 0
    assert not (tmp_path / "s.toml.bak").exists()  # nothing was lost
    (tmp_path / "s.toml").write_text("mine")
    code, _, said = command(*arguments)
    assert code == 0
    assert "was already there and is now" in said
    assert (tmp_path / "s.toml.bak").read_text() == "mine"
    assert (tmp_path / "s.toml").read_text() == written


def test_the_truth_of_another_scan_is_warned_about(recipe_for, tmp_path, command):
    size = {"frames": 40, "rows": 48, "cols": 40, "grains": 1}
    files = [friedel.simulate(tmp_path / f"{n}.h5", preset="small", seed=n, settings=size) for n in (1, 2)]
    out = tmp_path / "out"
    settings = ("segment.max_bright_fraction=1.0", "preprocess.half_window=30", "scan.saturation=5000")
    options = [part for setting in settings for part in ("--set", setting)]
    assert command("run", files[0].recipe, "-o", out, "--to", "segment", *options)[0] == 0
    assert "another scan" not in command("evaluate", out, files[0].truth)[2]
    code, text, said = command("evaluate", out, files[1].truth)
    assert code == 0
    assert "precision" in text
    assert said.count("warning: ") == 1
    assert "2.truth.h5 is the truth of another scan" in said


def test_detector_files_that_are_gone_or_not_written_yet_are_one_line(recipe_for, tmp_path, command):
    frames = frames_of()
    with h5py.File(tmp_path / "eiger_0000.h5", "w") as file:
        file.create_dataset("entry/data", data=frames, chunks=(1, *frames.shape[1:]), compression="gzip")
    layout = h5py.VirtualLayout(frames.shape, frames.dtype)
    layout[...] = h5py.VirtualSource("eiger_0000.h5", "entry/data", frames.shape)
    with h5py.File(tmp_path / "master.h5", "w") as file:
        file.create_virtual_dataset("1.1/measurement/eiger", layout)
        file["1.1/title"], file["1.1/measurement/omega"] = "fscan", np.arange(40.0)
    arguments = ["run", recipe_for(tmp_path / "master.h5"), "--set", "scan.dark=100", "-o"]
    assert command(*arguments, tmp_path / "out")[0] == 0
    with h5py.File(tmp_path / "eiger_0000.h5", "w") as file:  # announced, half of it written
        data = file.create_dataset("entry/data", frames.shape, "u2", chunks=(1, *FRAMES[1:]), compression="gzip")
        data[:20] = frames[:20]
    refused(command(*arguments, tmp_path / "half"), 2, "corrupt")
    refused(command(*arguments, tmp_path / "out"), 1, "another scan")
    with h5py.File(tmp_path / "eiger_0000.h5", "w") as file:
        file.create_dataset("entry/data", data=frames[:20], chunks=(1, *FRAMES[1:]))  # shorter than announced
    refused(command(*arguments, tmp_path / "short"), 2, "corrupt", "master.h5")
    (tmp_path / "eiger_0000.h5").unlink()
    for name in ("run", "inspect", "init", "estimate"):
        where = arguments[1] if name in ("run", "estimate") else tmp_path / "master.h5"
        refused(command(name, where, "--set", "scan.dark=100"), 2, "eiger_0000.h5: no such file")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run"], "RECIPE"),
        (["rum", "x.toml"], "rum"),
        (["run", "r.toml", "--nonsense"], "--nonsense"),
        (["run", "none.toml"], "no such file"),
        (["run", "none"], "--from"),
        (["export", "out"], "--format"),
    ],
)
def test_wrong_use_is_one_line_and_two(tmp_path, monkeypatch, command, arguments, words):
    monkeypatch.chdir(tmp_path)
    if words == "--from":
        arguments, words = [*arguments, "--from", "nowhere"], "-o"
    refused(command(*arguments), 2, words)
