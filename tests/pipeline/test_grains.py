"""From a raw scan to the map through the pipeline: what it finds, what it refuses to find, and what it resumes."""

import csv
import json
import shutil
import warnings

import h5py
import numpy as np
import pytest

import friedel
from friedel.errors import FriedelWarning, OutputError
from friedel.io.setup_record import load_setup, setup_record
from friedel.io.store import read_attributes, read_blobs, read_description, read_grains, read_pairs, read_volume
from friedel.match import match
from friedel.model.blobs import COLUMNS, TRUTH_COLUMNS
from friedel.output_folder.files import CLEAN, EXPORT_FILES, RESULTS, STAGE_FILES
from friedel.output_folder.reader import OutputFolder
from friedel.output_folder.record import read_run_record
from friedel.recipe import load_recipe
from tests.documented import differences

SCAN = (
    "frames=720",
    "rows=192",
    "cols=192",
    "grains=6",
    "pixel_um=9.3",
    "sample.radius_um=120",
    "sample.height_um=150",
    "light.spot_counts=60",
)
WINDOW = ("preprocess.half_window=80", "preprocess.half_step=10")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A scan with six grains, and the recipe of `init` with the simulation's geometry."""
    folder = tmp_path_factory.mktemp("grains")
    files = friedel.simulate(folder / "scan.h5", preset="small", seed=2, settings=SCAN)
    recipe = friedel.init(folder / "scan.h5", folder / "recipe.toml", settings=WINDOW)
    text = files.recipe.read_text(encoding="utf-8")
    recipe.write_text(recipe.read_text(encoding="utf-8") + "\n" + _geometry(text), encoding="utf-8")
    return recipe, files.truth


def _geometry(text: str) -> str:
    """The sections [setup] and [[phase]] of a recipe."""
    lines, keep = [], False
    for line in text.splitlines():
        if line.startswith("["):
            keep = line.startswith(("[setup", "[[phase"))
        if keep and not line.startswith("#"):
            lines.append(line)
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def out(made, tmp_path_factory):
    """A finished run."""
    recipe, _ = made
    return friedel.run(recipe, tmp_path_factory.mktemp("map") / "out", settings={"setup.calibrate": "off"})


def test_every_grain_is_found_where_it_is_and_none_is_invented(made, out):
    numbers = friedel.evaluate(out, made[1])
    assert numbers["grains"]["found"] == numbers["grains"]["truth"] == 6
    assert numbers["grains"]["false"] == numbers["grains"]["duplicate"] == 0
    assert numbers["grains"]["misorientation_deg"]["median"] < 0.05
    assert numbers["volume"]["voxel_agreement"] > 0.9
    assert numbers["pairs"]["precision"] > 0.9


def test_every_dataset_of_a_run_and_of_a_truth_is_documented_as_it_is(made, out):
    for name in set(RESULTS) - {CLEAN}:
        assert differences(out / name) == [], name
    with h5py.File(made[1]) as truth:
        assert {"peaks", "rejected", "voxels", "grains", "VTKHDF"} == set(truth)
        assert {column.name for column in (*COLUMNS, *TRUTH_COLUMNS)} == set(truth["peaks"])


def test_an_estimate_counts_blobs_and_grains_before_anything_runs(made, out):
    said = friedel.estimate(made[0], settings={"setup.calibrate": "off"})
    blobs = len(read_blobs(out))
    assert blobs / 1.5 < said.blobs < 1.5 * blobs
    assert said.later is not None
    assert 3 < said.later.grains < 12
    assert said.seconds > said.blobs_s + said.later.shapes_s > 0
    assert (out / "blobs.h5").stat().st_size / 2 < said.disk_bytes
    lines = said.lines()
    assert "to the map" in lines["time"]
    assert all(f"{stage} " in lines["then"] for stage in ("pairs", "grains", "shapes", "map"))


def test_the_files_of_the_map_fit_together(out):
    grains, volume = read_grains(out / "grains.h5"), read_volume(out / "volume.h5")
    assert volume.grain_id.max() == len(grains)
    voxels = np.bincount(volume.grain_id.ravel(), minlength=len(grains) + 1)[1:]
    assert np.allclose(grains.volume_um3, voxels * volume.voxel_um**3)
    about = read_description(out / "grains.h5")
    assert about is not None
    assert np.array_equal(about.grains["n_voxels"], voxels)
    assert len(read_pairs(out / "pairs.h5")) > 3 * read_pairs(out / "pairs.h5").null_pairs
    assert friedel.verify(out)


def test_every_stage_leaves_the_files_that_it_is_said_to_make(out):
    for name, stage in read_run_record(out).stages.items():
        left = {*stage.outputs}
        assert {*STAGE_FILES[name]} - {CLEAN} <= left <= {*RESULTS}
    assert OutputFolder.open(out).missing == []


def test_a_finished_run_has_nothing_to_do_and_later_stages_run_alone(made, out, command):
    code, _, said = command("run", made[0], "-o", out, "--set", "setup.calibrate=off")
    assert code == 0
    assert "nothing to do" in said
    before = read_run_record(out).stages
    friedel.run(made[0], out, settings={"setup.calibrate": "off", "assemble.fill": "none"})
    after = read_run_record(out).stages
    assert after["index"] == before["index"]
    assert after["assemble"].hash != before["assemble"].hash
    assert not np.any(read_volume(out / "volume.h5").status == 3)
    friedel.run(made[0], out, settings={"setup.calibrate": "off"})


@pytest.mark.parametrize("format_name", EXPORT_FILES)
def test_every_format_is_exported(out, tmp_path, format_name):
    path = friedel.export(out, format_name, tmp_path / EXPORT_FILES[format_name][0])
    assert path.stat().st_size > 100


def test_one_number_names_a_grain_in_every_file(out, tmp_path):
    """The voxels of a number lie about the place that every export gives under that number."""
    from ImageD11.columnfile import columnfile
    from ImageD11.grain import read_grain_file
    from pyarrow import parquet

    volume, blobs = read_volume(out / "volume.h5"), friedel.read_blobs(out / "blobs.h5")
    with h5py.File(out / "grains.h5") as file:
        number, place = file["grains/grain_id"][()], file["grains/position_um"][()]
        first, second = (file[f"boundaries/grain_id_{end}"][()] for end in "ab")
    assert number.tolist() == list(range(1, len(place) + 1))
    centre = {n: _centre(volume, n) for n in number.tolist()}
    for n, at in zip(number.tolist(), place, strict=True):
        assert min(number.tolist(), key=lambda m, at=at: np.linalg.norm(at - centre[m])) == n
    label = volume.grain_id
    touching = {
        tuple(sorted((int(a), int(b))))
        for axis in range(3)
        for a, b in zip(np.delete(label, -1, axis).ravel(), np.delete(label, 0, axis).ravel(), strict=True)
        if a != b and a and b
    }
    assert set(zip(first.tolist(), second.tolist(), strict=True)) == touching

    friedel.export(out, "csv", tmp_path / "b.csv")
    with (tmp_path / "b_grains.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["grain_id"]) for row in rows] == number.tolist()
    assert [float(row["position_um_x"]) for row in rows] == place[:, 0].tolist()
    friedel.export(out, "parquet", tmp_path / "b.parquet")
    table = parquet.read_table(tmp_path / "b_grains.parquet")
    assert table["grain_id"].to_pylist() == number.tolist()
    np.testing.assert_array_equal(table["position_um_z"].to_numpy(), place[:, 2])
    spots = parquet.read_table(tmp_path / "b.parquet").to_pydict()
    grains = friedel.read_grains(out / "grains.h5")
    for row in range(len(grains)):
        mine = grains.blobs[grains.blob_pointer[row] : grains.blob_pointer[row + 1]]
        alone = ~grains.shared[grains.blob_pointer[row] : grains.blob_pointer[row + 1]]
        assert {spots["grain_id"][blob] for blob in mine[alone]} == {row + 1}
        # the planes that a blob is labelled with diffract to where the blob is: a pixel is .17 deg
        g = np.linalg.inv(grains.UBI[row]) @ [[spots[axis][blob] for blob in mine[alone]] for axis in "hkl"]
        bragg = 2 * np.degrees(np.arcsin(np.linalg.norm(g, axis=0) * 12.39842 / 40.0 / 2))
        off = np.abs(np.array(spots["two_theta"])[mine[alone]] - bragg)
        assert np.median(off) < 0.03
        assert off.max() < 0.5
        order = np.argsort(bragg)
        rings = np.array(spots["ring"])[mine[alone]][order]
        assert rings[0] >= 1
        assert (np.diff(rings) >= 0).all()

    friedel.export(out, "imaged11", tmp_path / "grains.map")
    for row, grain in enumerate(read_grain_file(str(tmp_path / "grains.map"))):
        assert int(grain.name.split(":")[0]) == number[row]
        np.testing.assert_allclose(grain.translation, place[row])
    peaks = columnfile(str(tmp_path / "grains.flt"))
    assert peaks.nrows == len(blobs)
    np.testing.assert_array_equal(peaks.grain_id, spots["grain_id"][: len(blobs)])
    np.testing.assert_array_equal(peaks.labels, peaks.grain_id - 1)
    friedel.export(out, "dream3d", tmp_path / "map.dream3d")
    with h5py.File(tmp_path / "map.dream3d") as file:
        found = {}
        file.visititems(lambda name, item: found.update({name.rsplit("/", 1)[-1]: item}))
        np.testing.assert_array_equal(found["FeatureIds"][()][..., 0], volume.grain_id)
        np.testing.assert_allclose(found["Centroids"][()][number], place, rtol=1e-6)


def _centre(volume, number):
    where = np.argwhere(volume.grain_id == number)[:, ::-1]
    return volume.origin_um + (where.mean(axis=0) + 0.5) * volume.voxel_um


def test_the_same_grains_for_any_number_of_threads(made, out, tmp_path):
    one = friedel.run(made[0], tmp_path / "one", settings={"setup.calibrate": "off", "run.threads": 1})
    for name in ("pairs.h5", "grains.h5", "shapes.h5", "volume.h5"):
        with h5py.File(one / name) as a, h5py.File(out / name) as b:
            a.visititems(
                lambda key, item, b=b: (
                    None
                    if not isinstance(item, h5py.Dataset)
                    else np.testing.assert_array_equal(item[()], b[key][()])
                )
            )


def test_a_mirrored_rotation_gives_no_grain_and_says_so(made, tmp_path, command):
    settings = ("--set", "setup.rotation=-z", "--set", "setup.calibrate=off", "--to", "index")
    code, _, said = command("run", made[0], "-o", tmp_path / "out", *settings)
    assert code == 0
    assert len(read_grains(tmp_path / "out" / "grains.h5")) == 0
    assert "no grain explains more spots than chance" in said


def test_calibration_finds_the_sense_of_the_rotation(made, tmp_path, command):
    settings = ("--set", "setup.rotation=-z", "--set", "setup.calibrate=auto", "--to", "index")
    code, _, said = command("run", made[0], "-o", tmp_path / "out", *settings)
    assert code == 0
    assert len(read_grains(tmp_path / "out" / "grains.h5")) == 6
    assert "+z" in said
    stages = json.loads((tmp_path / "out" / "run.json").read_text())["stages"]
    first, *_ = stages["match"]["measured"]["calibration"]
    assert (first["by"], first["changed"]) == ("pairs", False)
    assert first["pairs"][0] > 5 * first["null_pairs"][0]
    assert {one["name"] for one in first["quantities"]} >= {"centre column", "distance"}
    assert stages["index"]["measured"]["calibration"][0]["by"] == "grains"
    assert "columns are flipped (setup.detector.flip), and then the map is mirrored" in said
    page = friedel.report(tmp_path / "out").read_text(encoding="utf-8")
    first_warning = page.partition('aria-label="Warnings"')[2].partition("<li>")[2].partition("</li>")[0]
    assert "the sense of rotation was changed to +z" in first_warning


def test_a_wrong_lattice_gives_no_false_map(made, tmp_path):
    recipe, _ = made
    text = recipe.read_text(encoding="utf-8").replace("4.0495", "3.6150")
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(text.replace('frames = "', f'frames = "{recipe.parent}/', 1), encoding="utf-8")
    with pytest.warns(FriedelWarning, match="no grain explains"):
        out = friedel.run(wrong, tmp_path / "out", to_stage="index", settings={"setup.calibrate": "off"})
    assert len(read_grains(out / "grains.h5")) == 0


def test_half_a_turn_goes_on_to_the_map(tmp_path, command):
    settings = [part for setting in (*SCAN, "turn_deg=180", "frames=720") for part in ("--set", setting)]
    assert command("simulate", tmp_path / "scan.h5", "--preset", "small", *settings)[0] == 0
    arguments = ("--set", "preprocess.half_window=80", "--set", "segment.max_bright_fraction=1.0")
    code, _, said = command("run", tmp_path / "scan.toml", "-o", tmp_path / "out", *arguments)
    assert code == 0
    assert "pairs across the beam" in said
    numbers = friedel.evaluate(tmp_path / "out", tmp_path / "scan.truth.h5")
    assert numbers["pairs"]["across"]["precision"] > 0.9
    assert numbers["pairs"]["across"]["recall"] > 0.6
    found = numbers["grains"]
    assert (found["false"], found["duplicate"]) == (0, 0)
    assert found["found"] >= 0.8 * found["truth"]


def setups(out):
    """The set-up that each file of an output folder speaks of, where it does."""
    found = {path.name: read_attributes(path).get("setup") for path in sorted(out.glob("*.h5"))}
    return {name: setup for name, setup in found.items() if setup is not None}


def hashes(out):
    """What the files of pairs and grains hold, to the byte."""
    return {name: (out / name).read_bytes() for name in ("pairs.h5", "grains.h5")}


def sound(out):
    """Whether every file is as run.json says."""
    record = read_run_record(out)
    return record.outputs and not [*record.damaged(out)]


WRONG_SENSE = {"setup.rotation": "-z"}
WRONG_TILT = {"setup.calibrate": "on", "setup.detector.tilt_deg": [0.0, 1.0, 0.0]}  # pairs hardly show it, spots do


def run_quietly(recipe, out, settings, **options):
    """A run whose warnings are nobody's business here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FriedelWarning)
        return friedel.run(recipe, out, settings=settings, **options)


@pytest.fixture(scope="module")
def changed(made, tmp_path_factory):
    """A run in which calibration changes the set-up after indexing."""
    return run_quietly(made[0], tmp_path_factory.mktemp("changed") / "out", WRONG_SENSE)


@pytest.mark.parametrize("settings", [WRONG_SENSE, WRONG_TILT], ids=["sense", "spots"])
def test_all_files_speak_of_the_geometry_that_calibration_ended_with(made, changed, tmp_path, settings):
    out = changed if settings is WRONG_SENSE else run_quietly(made[0], tmp_path / "out", settings, to_stage="index")
    found, recipe = setups(out), load_recipe(out / "recipe.toml")
    assert set(found) == {"pairs.h5", "grains.h5"}
    assert found["pairs.h5"] == found["grains.h5"] != setup_record(recipe.setup.setup())
    stages = read_run_record(out).stages
    assert stages["match"].measured["setup"] != found["pairs.h5"]
    setup, phases = load_setup(out / "grains.h5", recipe.setup.setup()), [one.phase() for one in recipe.phase]
    expected = match(read_blobs(out), setup, phases, recipe.match, seed=recipe.run.seed)
    pairs = read_pairs(out / "pairs.h5")
    for name, values in expected.columns.items():
        np.testing.assert_array_equal(pairs[name], values, err_msg=name)
    assert (pairs.null_pairs, pairs.candidates) == (expected.null_pairs, expected.candidates)
    assert stages["index"].counts["pairs"] == len(pairs)
    assert stages["match"].outputs["pairs.h5"] != stages["index"].outputs["pairs.h5"]  # it belongs to both
    assert sound(out)


def test_indexing_again_gives_the_same_bytes(changed, made, command):
    before, map_before = hashes(changed), (changed / "volume.h5").read_bytes()
    arguments = ("run", made[0], "-o", changed, "--set", "setup.rotation=-z")
    code, _, said = command(*arguments)
    assert code == 0
    assert "nothing to do" in said
    for first in ("index", "match"):
        assert command(*arguments, "--from", first)[0] == 0
        assert hashes(changed) == before
        assert (changed / "volume.h5").read_bytes() == map_before
        assert "pairs.h5" in friedel.verify(changed)


def test_an_indexing_that_changes_nothing_brings_the_pairs_of_match_back(changed, made, tmp_path):
    few = {**WRONG_SENSE, "index.chance": 1e-300}  # no grain is believed, so nothing is refined
    plain, again = tmp_path / "plain", tmp_path / "again"
    for copy in (plain, again):
        shutil.copytree(changed, copy)
    run_quietly(made[0], plain, few, to_stage="index", from_stage="match")
    for first in (None, "index"):
        run_quietly(made[0], again, few, to_stage="index", from_stage=first)
        assert hashes(again) == hashes(plain)
        assert setups(again)["pairs.h5"] == read_run_record(again).stages["match"].measured["setup"]
        assert sound(again)
    run_quietly(made[0], again, WRONG_SENSE, to_stage="index")
    assert setups(again) == setups(changed)
    assert hashes(again)["pairs.h5"] == hashes(changed)["pairs.h5"]


def test_a_run_that_ends_between_pairs_and_grains_goes_on_rightly(changed, made, tmp_path, monkeypatch):
    def fail(*_):
        raise OutputError("grains.h5", rule="no space left")

    out = tmp_path / "out"
    shutil.copytree(changed, out)
    with monkeypatch.context() as patch:
        patch.setattr("friedel.runner.grain_stages.write_grains", fail)
        with pytest.raises(OutputError, match="no space left"):
            run_quietly(made[0], out, WRONG_SENSE, from_stage="match")
    assert "index" not in read_run_record(out).stages
    assert setups(out)["pairs.h5"] == setups(changed)["pairs.h5"]
    run_quietly(made[0], out, WRONG_SENSE)
    assert hashes(out) == hashes(changed)
    assert "pairs.h5" in friedel.verify(out)
