"""Recipes: read, changed, refused by name, and written so that they read back the same."""

import math
import tomllib
from pathlib import Path

import pytest

from friedel.errors import RecipeError, SetupError
from friedel.io import ScanParams
from friedel.preprocess import PreprocessParams
from friedel.recipe import (
    PhaseParams,
    Recipe,
    RunParams,
    SetupParams,
    build_recipe,
    dump,
    load_recipe,
    relative_to,
)
from friedel.recipe.settings import PATHS, parse_value
from friedel.recipe.setup import DetectorParams
from friedel.segment import SegmentParams

DISTANCE = {"distance_um": 3094.0, "pixel_um": 3.5, "centre_px": [255.5, 255.5]}
SETUP = {"energy_keV": 40.0, "detector": DISTANCE}
AL = {"name": "Al", "lattice": [4.0495, 4.0495, 4.0495, 90, 90, 90], "spacegroup": "F m -3 m"}
FULL = {
    "scan": {"frames": "/data/raw.h5::/entry/data/frames", "dark": 5.0, "omega": {"step_deg": 0.1}},
    "segment": {"seed_threshold": 40.0, "exclude": ["beam", [1, 2, 3, 4]], "grow_max": math.inf},
    "setup": {**SETUP, "rotation": "-z", "sample": {"shape": "cylinder", "radius_um": 200, "height_um": 300}},
    "phase": [AL, {**AL, "name": "Ni", "families": [[1, 1, 1], [2, 0, 0]]}],
    "run": {"threads": 2, "memory_gb": 1.5},
}


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    path = tmp_path / "sub" / "recipe.toml"
    path.parent.mkdir()
    path.write_text('[scan]\nframes = "raw.h5::/a/b"\ndark = "dark.edf"\n[segment]\nseed_threshold = 30\n')
    return path


def test_a_recipe_that_was_written_reads_back_the_same():
    recipe = build_recipe(FULL)
    for comments in (True, False):
        assert build_recipe(tomllib.loads(dump(recipe, comments=comments))) == recipe


def test_the_written_recipe_spells_out_every_default():
    values = tomllib.loads(dump(build_recipe(FULL)))
    assert values["segment"]["grow_max"] == math.inf
    assert values["segment"]["tolerance"] == 0.1
    assert values["run"]["executor"] == "local"
    for name, section in (("preprocess", Recipe().preprocess), ("segment", Recipe().segment)):
        assert set(values[name]) == set(type(section).model_fields)


def test_the_written_recipe_explains_every_value():
    text = dump(build_recipe(FULL), {"segment.seed_threshold": "Eight times the noise."})
    lines = text.splitlines()
    where = lines.index("seed_threshold = 40.0")
    assert lines[where - 1] == "# Eight times the noise."
    assert lines[where - 2].startswith("# A blob starts where voxels reach this.")
    for number, line in enumerate(lines):
        if " = " in line and not line.startswith("#"):
            assert lines[number - 1].startswith("#")


def test_paths_begin_at_the_recipes_folder_and_those_of_settings_at_the_working_folder(recipe_file, tmp_path):
    recipe = load_recipe(recipe_file, ["scan.mask=m.edf"], folder=tmp_path)
    assert recipe.scan.frames == f"{recipe_file.parent}/raw.h5::/a/b"
    assert recipe.scan.dark == f"{recipe_file.parent}/dark.edf"
    assert recipe.scan.mask == f"{tmp_path}/m.edf"


def test_paths_in_lists_are_paths_too(tmp_path):
    settings = ['segment.exclude=["beam", [0, 0, 4, 4], "bad.tif"]', 'phase=[{name="Al", cif="al.cif"}]']
    recipe = load_recipe(None, settings, folder=tmp_path)
    assert recipe.segment.exclude == ("beam", (0, 0, 4, 4), f"{tmp_path}/bad.tif")
    assert recipe.phase[0].cif == f"{tmp_path}/al.cif"
    moved = relative_to(recipe, tmp_path)
    assert moved.segment.exclude == ("beam", (0, 0, 4, 4), "bad.tif")
    assert moved.phase[0].cif == "al.cif"


def test_words_that_are_no_paths_stay_as_they_are(tmp_path):
    settings = ["segment.noise=local", "segment.exclude=none", "scan.dark=12"]
    recipe = load_recipe(None, settings, folder=tmp_path)
    assert (recipe.segment.noise, recipe.segment.exclude, recipe.scan.dark) == ("local", "none", 12.0)


def test_every_parameter_that_is_a_path_exists():
    sections = {"scan", "segment", "setup", "phase"}
    assert {key.split(".")[0] for key in PATHS} <= sections
    for key in ("scan.frames", "scan.dark", "scan.mask"):
        assert key in PATHS
        assert key.split(".")[1] in type(Recipe().scan).model_fields


def test_a_recipe_below_its_data_keeps_relative_paths(tmp_path):
    recipe = build_recipe({"scan": {"frames": f"{tmp_path}/a/raw.h5::/x", "mask": "/elsewhere/m.edf"}})
    moved = relative_to(recipe, tmp_path)
    assert moved.scan.frames == "a/raw.h5::/x"
    assert moved.scan.mask == "/elsewhere/m.edf"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("2.5", 2.5),
        ("true", True),
        ('"a b"', "a b"),
        ("a b", "a b"),
        ("raw.h5::/x", "raw.h5::/x"),
        ("[1, 2]", [1, 2]),
        ("{a = 1}", {"a": 1}),
        ("inf", math.inf),
        ("", ""),
        ("1\nother = 2", "1\nother = 2"),
    ],
)
def test_a_settings_value_is_toml_or_else_text(text, value):
    assert parse_value(text) == value


def test_settings_overrule_the_file_and_later_ones_the_earlier(recipe_file):
    settings = ["segment.seed_threshold=50", "segment.seed_threshold=60", "scan.omega.step_deg=0.1"]
    recipe = load_recipe(recipe_file, settings)
    assert recipe.segment.seed_threshold == 60.0
    assert recipe.scan.omega is not None
    assert recipe.scan.omega.step_deg == 0.1


def test_settings_may_be_a_mapping(recipe_file):
    assert load_recipe(recipe_file, {"run.threads": 3}).run.threads == 3


def test_one_setting_may_be_a_plain_text(recipe_file):
    assert load_recipe(recipe_file, "run.threads=3").run.threads == 3


@pytest.mark.parametrize("settings", [{"segment": {"tolerance": 0.3}}, ["segment={tolerance = 0.3}"]])
def test_a_table_given_as_a_setting_changes_what_it_names(recipe_file, settings):
    before = load_recipe(recipe_file, ["segment.seed_threshold=77"])
    dumped = recipe_file.with_name("d.toml")
    dumped.write_text(dump(before))
    after = load_recipe(dumped, settings)
    assert after.segment == before.segment.replaced(tolerance=0.3)


def test_a_path_among_the_settings_is_a_path(recipe_file, tmp_path):
    recipe = load_recipe(
        recipe_file, {"scan.frames": Path("a.h5"), "scan": {"dark": Path("d.h5")}}, folder=tmp_path
    )
    assert (recipe.scan.frames, recipe.scan.dark) == (str(tmp_path / "a.h5"), str(tmp_path / "d.h5"))


def test_a_setting_may_change_one_phase_of_several(tmp_path):
    path = tmp_path / "r.toml"
    path.write_text(dump(build_recipe(FULL)))
    assert load_recipe(path, ["phase.1.name=nickel"]).phase[1].name == "nickel"
    with pytest.raises(RecipeError, match=r"phase\.2\.name"):
        load_recipe(path, ["phase.2.name=x"])


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("segment.seed_treshold=3", "segment.seed_treshold: unknown key .did you mean 'seed_threshold'?"),
        ("segmnt.seed_threshold=3", "segmnt: unknown key .did you mean 'segment'?"),
        ("segment.seed_threshold=true", "segment.seed_threshold: should be a valid number, got True"),
        ("segment.seed_threshold='3'", "segment.seed_threshold: should be a valid number, got '3'"),
        ("segment.seed_threshold=-3", "segment.seed_threshold: should be greater than 0, got -3"),
        ("preprocess.despeckle=4", "preprocess.despeckle: should be 1, 3, 5 or 7, got 4"),
        ("run.threads=1.5", "run.threads: should be a valid integer, got 1.5"),
        ("match.tolerance=3", "match.tolerance: unknown key"),
        ("run.threads", "--set: must read KEY=VALUE"),
        ("=3", "--set: must read KEY=VALUE"),
        ("run..threads=3", "--set: must read KEY=VALUE"),
        ("run.threads.x=3", "run.threads"),
        ("segment.seed_threshold.x=3", "segment.seed_threshold is a number, not a table"),
        ("scan.frames.x=3", "scan.frames"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_line_that_names_the_key(recipe_file, setting, words):
    with pytest.raises(RecipeError, match=words.replace("?", r"\?")) as caught:
        load_recipe(recipe_file, [setting])
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("value", ["inf", "-inf", "nan"])
def test_numbers_are_finite_but_where_infinity_means_something(value):
    open_ended = {"segment.grow_max", "scan.saturation"}
    sections = {"scan": ScanParams, "preprocess": PreprocessParams, "segment": SegmentParams, "run": RunParams}
    rows = [(name, row) for name, cls in sections.items() for row in cls.declared()]
    keys = [f"{name}.{row.name}" for name, row in rows if "number" in row.type]
    assert {*open_ended, "run.memory_gb", "segment.seed_threshold", "scan.dark"} <= set(keys)
    for key in keys:
        if value == "inf" and key in open_ended:
            load_recipe(None, [f"{key}=inf"])
        else:
            with pytest.raises(RecipeError, match=key):
                load_recipe(None, [f"{key}={value}"])


def test_thresholds_out_of_order_are_refused(recipe_file):
    with pytest.raises(RecipeError, match="grow_max: must not be below grow_min = 20, got 10"):
        load_recipe(recipe_file, ["segment.grow_min=20", "segment.grow_max=10"])


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"[scan\n", "is not TOML"), (b"\xff\xfe\x00", "not a text file"), (None, "no such file")],
)
def test_a_file_that_is_no_recipe_is_refused(tmp_path, content, words):
    path = tmp_path / "r.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RecipeError, match=words):
        load_recipe(path)


def test_the_setup_by_distance_is_the_plane_of_the_conventions():
    setup = SetupParams.build({**SETUP, "rotation": "-z"}).setup()
    assert setup.detector.position_um(255.5, 255.5).tolist() == [3094.0, 0.0, 0.0]
    assert setup.detector.u_um.tolist() == [0.0, 3.5, 0.0]
    assert setup.detector.v_um.tolist() == [0.0, 0.0, -3.5]
    assert setup.axis.sign == -1
    assert setup.sample.kind == "absorption"


def test_the_setup_by_vectors_takes_them_as_they_are():
    vectors = {"origin_um": [3000, -10, 10], "u_um": [0, 2, 0], "v_um": [0, 0, -2]}
    detector = SetupParams.build({"energy_keV": 40, "detector": vectors}).setup().detector
    assert detector.origin_um.tolist() == [3000.0, -10.0, 10.0]


@pytest.mark.parametrize(
    ("detector", "words"),
    [
        ({}, "needs all of distance_um"),
        ({"distance_um": 3000.0, "pixel_um": 3.5}, "needs all of distance_um"),
        ({**DISTANCE, "u_um": [0, 1, 0]}, "not parts of both"),
        ({**DISTANCE, "pixel_um": 0}, "greater than 0"),
        ({**DISTANCE, "flip": ["up"]}, "'cols' or 'rows'"),
        ({"origin_um": [3000, 2, 3], "u_um": [0, 1, 0], "v_um": [0, 2, 0]}, "span a plane"),
        (
            {"origin_um": [3000, 2, 3], "u_um": [0, 1, 0], "v_um": [0, 0, 1], "flip": ["cols"]},
            "go with distance_um",
        ),
    ],
)
def test_half_a_detector_is_refused(detector, words):
    with pytest.raises(RecipeError, match=words):
        SetupParams.build({"energy_keV": 40, "detector": detector}, "setup")


@pytest.mark.parametrize(
    ("sample", "kind", "size"),
    [
        ({"shape": "cylinder", "radius_um": 200, "height_um": 300}, "cylinder", (400, 400, 300)),
        ({"shape": "box", "size_um": [1, 2, 3]}, "box", (1, 2, 3)),
        ({"mask": "absorption"}, "absorption", (0, 0, 0)),
        ({"mask": "/a/mask.h5::/x"}, "file", (0, 0, 0)),
    ],
)
def test_a_sample_is_a_shape_or_a_mask(sample, kind, size):
    shape = SetupParams.build({**SETUP, "sample": sample}).setup().sample
    assert (shape.kind, shape.size_um) == (kind, size)


@pytest.mark.parametrize(
    "sample",
    [
        {},
        {"shape": "cylinder", "radius_um": 200},
        {"shape": "box", "size_um": [1, 2, 3], "radius_um": 2},
        {"shape": "box", "size_um": [1, 0, 3]},
        {"shape": "cylinder", "radius_um": 1, "height_um": 1, "mask": "absorption"},
    ],
)
def test_half_a_sample_is_refused(sample):
    with pytest.raises(RecipeError, match=r"setup\.sample"):
        SetupParams.build({**SETUP, "sample": sample}, "setup")


def test_a_phase_becomes_a_crystal():
    phase = PhaseParams.build({**AL, "families": [[1, 1, 1]]}).phase()
    assert (phase.name, phase.families) == ("Al", ((1, 1, 1),))
    assert phase.cell_volume == pytest.approx(4.0495**3)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lattice": None}, "lattice"),
        ({"cif": "al.cif"}, "not both"),
        ({"lattice": [4.0, 4.0, 4.0, 90, 90]}, "too few entries"),
        ({"lattice": [4.0, 4.0, 0.0, 90, 90, 90]}, "must be positive"),
        ({"name": ""}, "at least 1"),
    ],
)
def test_half_a_phase_is_refused(change, words):
    values = {key: value for key, value in {**AL, **change}.items() if value is not None}
    with pytest.raises(RecipeError, match=words):
        PhaseParams.build(values, "phase")


def test_a_crystal_that_cannot_be_is_refused(tmp_path):
    with pytest.raises(SetupError, match="spacegroup of Al"):
        PhaseParams.build({**AL, "spacegroup": "nonsense"}).phase()
    with pytest.raises(SetupError, match="no such file"):
        PhaseParams.build({"name": "x", "cif": str(tmp_path / "none.cif")}).phase()


def test_a_run_ends_with_blobs_unless_setup_and_phase_are_there():
    assert build_recipe(FULL).has_grains
    assert not build_recipe({**FULL, "phase": []}).has_grains
    assert not build_recipe({"scan": FULL["scan"]}).has_grains


@pytest.mark.parametrize(("tilt", "fine"), [([170, -5, 5], True), ([0, 100, 0], False), ([0, 0, -200], False)])
def test_a_detector_is_not_seen_from_behind(tilt, fine):
    values = {"distance_um": 3000.0, "pixel_um": 3.5, "centre_px": [9.0, 9.0], "tilt_deg": tilt}
    if fine:
        assert DetectorParams.build(values, "detector").tilt_deg == tuple(tilt)
    else:
        with pytest.raises(RecipeError, match=r"tilt_deg: must be at most 180, 89, 89 deg"):
            DetectorParams.build(values, "detector")
