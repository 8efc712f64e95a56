"""The other commands, as a user types them, and as functions of the package."""

import csv
import json
import subprocess
import sys
import tomllib
import warnings
from pathlib import Path

import pytest
import typer

import friedel
from friedel.cli import app, run_command

HEAVY = ("numpy", "numba", "h5py", "pydantic", "scipy", "matplotlib", "rich.progress", "gemmi")
TINY = ("frames=64", "rows=64", "cols=64", "grains=1")
COMMANDS = ("demo", "simulate", "inspect", "init", "estimate", "run", "evaluate", "report", "export", "verify")


def test_help_names_every_command_and_imports_nothing_heavy():
    code = (
        "import sys\nfrom friedel.cli import run_command\nrun_command(['--help'])\n"
        f"print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *text, heavy = done.stdout.splitlines()
    assert heavy == "[]"
    for name in COMMANDS:
        assert any(line.strip().startswith(name) for line in text)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_is_a_function_of_the_package(name, command):
    code, text, _ = command(name, "--help")
    assert code == 0
    assert len(text.splitlines()) > 3
    assert callable(getattr(friedel, name))
    assert getattr(friedel, name).__doc__


def test_the_version_is_printed(command):
    assert command("--version") == (0, f"friedel {friedel.__version__}\n", "")


def test_without_a_command_the_help_is_shown(command):
    code, _, said = command()
    assert code == 2
    assert "Commands" in said


def test_debug_shows_the_traceback():
    arguments = [sys.executable, "-m", "friedel", "inspect", "none.h5", "--debug"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "ScanError" in done.stderr


def test_inspect_says_what_is_in_a_scan(scan, command):
    code, text, _ = command("inspect", scan)
    assert code == 0
    for words in ("112 rows × 120 cols, uint16", "0° to 360° in steps of 1.5°, a full turn", "counts on average"):
        assert words in text


def test_inspect_lists_what_a_run_would_need(tmp_path, command):
    import numpy as np

    np.save(tmp_path / "bare.npy", np.random.default_rng(0).integers(100, 120, (5, 8, 8)).astype("u2"))
    code, text, _ = command("inspect", tmp_path / "bare.npy")
    assert code == 0
    problems = [line for line in text.splitlines() if line.startswith("problems")]
    assert any("dark" in line for line in problems)
    assert any("omega" in line for line in problems)


def test_init_writes_a_commented_recipe_that_says_where_its_numbers_come_from(scan, tmp_path, command):
    path = tmp_path / "r.toml"
    assert command("init", scan, "-o", path, "-q") == (0, f"{path}\n", "")
    text = path.read_text()
    values = tomllib.loads(text)
    assert values["scan"]["frames"] == str(scan)
    assert values["scan"]["omega"]["step_deg"] == 1.5
    assert len(values["preprocess"]["beam"]) == 4
    assert len(values["preprocess"]["margin"]) == 2
    assert values["segment"]["unit"] == "sigma"
    for words in ("Measured on 32 frames", "of a typical spot's maximum", "twice that of a raw frame"):
        assert words in " ".join(text.replace("#", " ").split())


def test_init_leaves_alone_what_the_user_settled(scan, tmp_path):
    settings = {"segment.seed_threshold": 77, "preprocess.beam": [40, 45, 80, 66], "scan.saturation": 50000}
    values = tomllib.loads(friedel.init(str(scan), tmp_path / "r.toml", settings=settings).read_text())
    assert values["segment"]["seed_threshold"] == 77.0
    assert values["segment"]["unit"] == "counts"
    assert values["preprocess"]["beam"] == [40, 45, 80, 66]
    assert values["scan"]["saturation"] == 50000.0


def test_frames_given_as_a_setting_overrule_the_scan(scan, tmp_path):
    path = friedel.init("nowhere.h5", tmp_path / "r.toml", settings={"scan.frames": str(scan)})
    assert tomllib.loads(path.read_text())["scan"]["frames"] == str(scan)


def test_a_recipe_beside_its_scan_has_a_relative_path_and_runs_from_anywhere(scan, tmp_path, monkeypatch):
    friedel.simulate(tmp_path / "d" / "s.h5", preset="small", settings=TINY)
    recipe = tmp_path / "d" / "s.toml"
    assert tomllib.loads(recipe.read_text())["scan"]["frames"] == "s.h5"
    monkeypatch.chdir(tmp_path)
    out = friedel.run("d/s.toml", settings=["preprocess.half_window=30"], to_stage="segment")
    assert out == Path("d/s")
    assert (tmp_path / "d" / "s" / "blobs.h5").exists()


def test_estimate_tells_memory_disk_and_time(recipe, command):
    code, text, _ = command("estimate", recipe)
    assert code == 0
    assert [line.split()[0] for line in text.splitlines()] == ["memory", "disk", "time", "reading"]
    code, _, said = command("estimate", recipe, "--set", "run.memory_gb=0.2")
    assert code == 3
    assert "needs at least" in said


def test_a_run_is_judged_against_the_truth(recipe, scan, tmp_path, command):
    out = friedel.run(recipe, tmp_path / "out")
    numbers = tmp_path / "m.json"
    code, text, _ = command("evaluate", out, scan.with_suffix(".truth.h5"), "--json", numbers)
    assert code == 0
    assert "recall isolated" in text
    blobs = json.loads(numbers.read_text())["blobs"]
    assert blobs["f1"]["0.5"] > 0.7
    assert not (out / "evaluation.json").exists()  # the folder is left alone
    before = (out.stat().st_mtime_ns, {path.name: path.stat().st_mtime_ns for path in out.iterdir()})
    assert command("evaluate", out, scan.with_suffix(".truth.h5"), "--json", numbers, "-q")[0] == 0
    assert before == (out.stat().st_mtime_ns, {path.name: path.stat().st_mtime_ns for path in out.iterdir()})
    assert command("evaluate", out, scan.with_suffix(".truth.h5"), "-v")[0] == 0
    assert json.loads((out / "evaluation.json").read_text())["blobs"] == blobs


def test_every_command_may_be_quiet_or_say_more():
    commands = typer.main.get_command(app).commands
    assert {*COMMANDS} < {*commands}
    for name, one in commands.items():
        options = {option for parameter in one.params for option in parameter.opts}
        assert {"-q", "--quiet", "-v", "--verbose"} <= options, name


def test_blobs_are_exported_with_all_their_columns(recipe, tmp_path, command):
    out = friedel.run(recipe, tmp_path / "out")
    code, text, _ = command("export", out, "--format", "csv")
    assert (code, text.strip()) == (0, str(out / "blobs.csv"))
    with (out / "blobs.csv").open() as file:
        rows = list(csv.DictReader(file))
    table = friedel.read_blobs(out / "blobs.h5")
    assert len(rows) == len(table.reason)
    assert float(rows[0]["s_raw"]) == table["s_raw"][0]
    assert command("export", out, "--format", "parquet", "-o", tmp_path / "b.parquet")[0] == 0
    assert (tmp_path / "b.parquet").exists()
    assert command("export", out, "--format", "vtkhdf")[0] == 2


def test_a_run_ends_with_its_report(recipe, tmp_path, monkeypatch):
    out = tmp_path / "out"
    assert run_command(["run", str(recipe), "-o", str(out), "-q"]) == 0
    page = (out / "report.html").read_text()
    assert "<html" in page
    monkeypatch.setattr("friedel.commands._report", lambda out: (out / "report.html").write_text("new"))
    friedel.run(recipe, out, report=True)
    assert (out / "report.html").read_text() == page  # it shows these results already
    assert run_command(["run", str(recipe), "-o", str(out), "-q", "--set", "segment.seed_threshold=61"]) == 0
    assert (out / "report.html").read_text() == "new"
    friedel.run(recipe, tmp_path / "other", report=False)
    assert not (tmp_path / "other" / "report.html").exists()


@pytest.mark.parametrize("error", [IndexError("list index out of range"), OSError(28, "No space"), RuntimeError()])
def test_a_report_that_fails_is_one_warning_and_the_run_a_success(recipe, tmp_path, monkeypatch, command, error):
    def fail(_: Path) -> None:
        raise error

    monkeypatch.setattr("friedel.commands._report", fail)
    code, text, said = command("run", recipe, "-o", tmp_path / "out", "--report")
    assert (code, text) == (0, f"{tmp_path / 'out'}\n")
    assert said.count("warning: no report was written: ") == 1
    assert "Traceback" not in said
    assert friedel.verify(tmp_path / "out")


def test_what_matplotlib_thinks_of_a_picture_is_no_warning_of_ours(tmp_path, monkeypatch, recwarn):
    def odd(out: Path) -> Path:
        warnings.warn("constrained_layout not applied", UserWarning, stacklevel=1)
        warnings.warn("the noise is odd", friedel.FriedelWarning, stacklevel=1)
        return out

    monkeypatch.setattr("friedel.reporter.write_report", odd)
    friedel.report(tmp_path)
    assert [str(warning.message) for warning in recwarn] == ["the noise is odd"]


def test_every_function_takes_paths(scan, tmp_path):
    assert friedel.inspect(scan) == friedel.inspect(str(scan))
    recipe = friedel.init(scan, tmp_path / "r.toml", settings={"scan.frames": scan})
    assert tomllib.loads(recipe.read_text())["scan"]["frames"] == str(scan)


def test_one_setting_may_be_a_plain_text(scan, tmp_path):
    recipe = friedel.init(scan, tmp_path / "r.toml", settings="segment.seed_threshold=77")
    assert tomllib.loads(recipe.read_text())["segment"]["seed_threshold"] == 77.0


def test_exports_go_where_the_user_says(recipe, tmp_path):
    out = friedel.run(recipe, tmp_path / "out")
    (tmp_path / "here").mkdir()
    for target, expected in (
        (tmp_path / "here", tmp_path / "here" / "blobs.csv"),
        (f"{tmp_path}/there/", tmp_path / "there" / "blobs.csv"),
        (tmp_path / "table", tmp_path / "table.csv"),
        (tmp_path / "x.txt", tmp_path / "x.txt"),
    ):
        assert friedel.export(out, "csv", target) == expected
        assert expected.read_text().startswith("spot3d_id,")


def test_the_report_is_one_page(recipe, tmp_path, command):
    out = friedel.run(recipe, tmp_path / "out")
    code, text, _ = command("report", out)
    assert (code, text.strip()) == (0, str(out / "report.html"))
    assert "<html" in (out / "report.html").read_text()


def test_simulations_take_a_file_settings_and_a_seed_in_this_order(tmp_path, command):
    config = tmp_path / "sim.toml"
    config.write_text("frames = 30\nrows = 48\ncols = 40\ngrains = 2\nseed = 4\n[camera]\noffset = 50.0\n")
    arguments = ["simulate", tmp_path / "s.h5", "--preset", "small", "--config", config]
    code, text, _ = command(*arguments, "--set", "grains=1", "--seed", "9", "-q")
    assert code == 0
    assert [Path(line).name for line in text.splitlines()] == ["s.h5", "s.truth.h5", "s.toml"]
    assert friedel.open_scan(tmp_path / "s.h5").shape == (30, 48, 40)
    assert len(friedel.read_truth(tmp_path / "s.truth.h5").grains) == 1
    assert command("simulate", tmp_path / "s.txt")[0] == 2
    assert command("simulate", tmp_path / "s.h5", "--preset", "huge")[0] == 2
    for setting, words in (
        ("grain=1", "did you mean 'grains'?"),
        ("qqq=1", "there is seed, grains, "),
        ("grains.number=0", "grains is a number, not a table that could hold 'number'"),
    ):
        code, _, said = command("simulate", tmp_path / "s.h5", "--set", setting)
        assert code == 2
        assert words in said
        assert "friedel init" not in said


@pytest.mark.parametrize("kind", ["frames", "quadrants"])
def test_a_simulation_of_grid_images_runs_with_its_own_recipe(tmp_path, kind):
    settings = [*TINY, "camera.grid=[2,2]", f"camera.grid_kind={kind}"]
    files = friedel.simulate(tmp_path / "g.h5", preset="small", settings=settings)
    out = friedel.run(files.recipe, tmp_path / "out", settings=["preprocess.half_window=30"], to_stage="segment")
    assert friedel.read_blobs(out / "blobs.h5").shape == (64, 64, 64)
