"""What the page is about: recipes and folders in every state, drafts, and paths that stay as they are."""

import json
import math
import shutil

import numpy as np
import pytest

from friedel.errors import RecipeError, ScanError
from friedel.recipe import Recipe
from friedel.viewer.drafts import from_plain, paths_in, plain, schema
from friedel.viewer.project import Project
from tests.viewer_scan import run, write_recipe


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A recipe whose run went as far as the blobs."""
    recipe = write_recipe(tmp_path_factory.mktemp("finished"))
    run(recipe)
    return recipe


@pytest.fixture
def opened():
    """Opens projects, and ends their threads afterwards."""
    made = []

    def make(path):
        made.append(Project.open(path))
        return made[-1]

    yield make
    for project in made:
        project.executor.close()


def copied(finished, tmp_path):
    """The same recipe with its scan and run in another folder, to be spoiled."""
    shutil.copytree(finished.parent, tmp_path / "copy")
    return tmp_path / "copy" / finished.name


def texts(project):
    return [f"{one.where}: {one.text} ({one.way_out})" for one in project.troubles]


def test_a_recipe_with_its_run(finished, opened):
    project = opened(finished)
    assert project.troubles == []
    assert project.out == finished.with_suffix("")
    assert project.text.startswith("# mine")
    assert project.scan.shape == (60, 48, 80)
    assert project.finished("preprocess")
    assert project.finished("segment")
    assert not project.finished("match")
    assert len(project.results.blobs)
    assert project.results.grains is None
    assert not project.of_folder


def test_an_output_folder_is_its_own_recipe(finished, opened):
    project = opened(finished.with_suffix(""))
    assert project.of_folder
    assert project.troubles == []
    assert project.scan.shape == (60, 48, 80)
    assert project.finished("segment")


def test_a_recipe_that_is_no_toml_leaves_what_the_folder_tells(finished, tmp_path, opened):
    recipe = copied(finished, tmp_path)
    recipe.write_text("[segment\nseed_threshold = ", encoding="utf-8")
    project = opened(recipe)
    assert "is not TOML" in texts(project)[0]
    assert project.saved.segment.seed_threshold == 60
    assert len(project.results.blobs)
    assert project.scan is not None


def test_a_wrong_section_leaves_the_others(finished, tmp_path, opened):
    recipe = copied(finished, tmp_path)
    text = recipe.read_text(encoding="utf-8").replace("half_window = 10", "half_window = -10")
    recipe.write_text(text + "\n[nonsense]\na = 1\n", encoding="utf-8")
    project = opened(recipe)
    assert any("preprocess.half_window" in text for text in texts(project))
    assert any("nonsense" in text for text in texts(project))
    assert project.recipe.segment.seed_threshold == 60
    assert project.recipe.preprocess.half_window == 250
    assert project.scan is not None


def test_a_wrong_value_leaves_the_rest_of_its_section(finished, tmp_path, opened):
    recipe = copied(finished, tmp_path)
    text = recipe.read_text(encoding="utf-8").replace("tolerance = 0.1", "tolerance = 7\nseed_treshold = 3", 1)
    recipe.write_text(text, encoding="utf-8")
    project = opened(recipe)
    said = " ".join(texts(project))
    assert said.count("segment.tolerance") == 1
    assert "its default stands in for it" in said
    assert "seed_treshold" in said
    assert (project.recipe.segment.seed_threshold, project.recipe.segment.tolerance) == (60, 0.1)


def test_files_that_are_not_as_the_run_left_them_are_named(finished, tmp_path, opened):
    recipe = copied(finished, tmp_path)
    (recipe.with_suffix("") / "background.h5").unlink()
    assert any("left them: background.h5" in text for text in texts(opened(recipe)))


def test_a_file_of_the_same_size_with_other_content_is_named_and_its_stage_is_not_done(finished, tmp_path, opened):
    recipe = copied(finished, tmp_path)
    file = recipe.with_suffix("") / "blobs.h5"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    project = opened(recipe)
    assert any("left them: blobs.h5" in text for text in texts(project))
    assert not project.finished("segment")


def test_a_scan_that_vanished_and_comes_back(finished, tmp_path, opened):
    recipe = copied(finished, tmp_path)
    scan = recipe.parent / "scan.h5"
    scan.rename(recipe.parent / "away.h5")
    project = opened(recipe)
    assert "no such file" in texts(project)[0]
    assert project.scan is None
    assert len(project.results.blobs)
    (recipe.parent / "away.h5").rename(scan)
    project.open_scan()
    assert project.troubles == []
    assert project.scan is not None


def test_a_run_that_stopped_half_way_is_told(finished, tmp_path, opened):
    recipe = copied(finished, tmp_path)
    record = recipe.with_suffix("") / "run.json"
    values = json.loads(record.read_text(encoding="utf-8"))
    del values["stages"]["segment"]
    record.write_text(json.dumps(values), encoding="utf-8")
    project = opened(recipe)
    assert any("ended after preprocess: segment is missing" in text for text in texts(project))
    assert project.finished("preprocess")


@pytest.mark.parametrize(
    ("name", "content"), [("run.json", b"{"), ("blobs.h5", b"no blobs"), ("recipe.toml", b"[old]\nkey = 1\n")]
)
def test_a_folder_of_another_time_is_read_as_far_as_it_goes(name, content, finished, tmp_path, opened):
    recipe = copied(finished, tmp_path)
    (recipe.with_suffix("") / name).write_bytes(content)
    project = opened(recipe)
    results = project.results
    assert results.record is None or name != "run.json"
    assert results.blobs is None or name != "blobs.h5"
    assert results.recipe is None or name != "recipe.toml"
    assert any(name in text for text in texts(project))
    assert project.scan is not None


def test_results_are_read_again_when_a_run_changes_them(finished, tmp_path, opened):
    recipe = copied(finished, tmp_path)
    project = opened(recipe)
    before = project.results
    assert project.results is before
    shutil.rmtree(recipe.with_suffix(""))
    assert project.results is not before
    assert project.results.blobs is None
    assert not project.finished("preprocess")


def test_drafts_are_validated_and_nothing_changes_when_they_are_wrong(finished, opened):
    project = opened(finished)
    saved = project.saved
    assert project.draft("segment", {"grow_max": "inf", "tolerance": 0.3}).segment.tolerance == 0.3
    assert project.recipe.segment.seed_threshold == 60
    assert project.revision == 2
    for section, values, word in [
        ("segment", {"tolerance": 2}, r"segment\.tolerance"),
        ("segment", {"tolerrance": 0.2}, "did you mean"),
        ("nothing", {}, "is no section"),
        ("segment", [1], "segment"),
        ("segment", "text", "segment"),
        ("preprocess", {"half_step": 11}, "half_step"),
        ("setup", {"energy_keV": 40}, "detector"),
    ]:
        with pytest.raises(RecipeError, match=word):
            project.draft(section, values)
    assert project.revision == 2
    assert project.saved is saved
    with pytest.raises(ScanError):
        project.draft("scan", {"grid": [7, 1], "grid_kind": "quadrants"})
    assert project.recipe.scan == saved.scan
    assert project.scan is not None


def test_parameters_of_a_section_leave_the_draft_alone(finished, opened):
    project = opened(finished)
    assert project.section("segment", {"tolerance": 0.4}).tolerance == 0.4
    assert project.recipe.segment.tolerance == 0.1


@pytest.mark.parametrize(
    ("section", "values"),
    [
        ("scan", {"frames": "/etc/passwd"}),
        ("scan", {"dark": "../secret.h5"}),
        ("scan", {"mask": "/etc/shadow"}),
        ("scan", {"omega": {"path": "/etc/passwd"}}),
        ("segment", {"noise": "/etc/passwd"}),
        ("segment", {"exclude": ["beam", "/etc/passwd"]}),
        ("setup", {"energy_keV": 40, "detector": {}, "sample": {"mask": "/etc/passwd"}}),
        ("phase", [{"name": "x", "cif": "/etc/passwd"}]),
    ],
)
def test_no_path_of_the_page_is_taken(section, values, finished, opened):
    project = opened(finished)
    with pytest.raises(RecipeError, match="paths cannot be changed in the page"):
        project.draft(section, values)


def test_paths_of_the_recipe_may_stay(finished, opened):
    project = opened(finished)
    assert list(paths_in(project.saved)) == [str(finished.parent / "scan.h5")]
    project.draft("scan", {"frames": "scan.h5", "saturation": "inf"})
    assert math.isinf(project.recipe.scan.saturation)
    project.draft("segment", {"exclude": "none", "noise": "local"})
    assert project.recipe.segment.excluded == ()


def test_an_edited_mask_belongs_to_the_scan_until_it_is_cleared(finished, opened):
    project = opened(finished)
    mask = np.zeros((48, 80), bool)
    mask[3] = True
    project.set_mask(mask)
    assert project.scan.mask[3].all()
    assert not project.original_mask.any()
    assert not project.finished("preprocess")
    project.set_mask(None)
    assert project.finished("preprocess")


def test_plain_values_come_back(finished, opened):
    recipe = opened(finished).recipe
    there = json.loads(json.dumps(plain(recipe), allow_nan=False))
    assert there["segment"]["grow_max"] == "inf"
    assert Recipe.build({k: v for k, v in from_plain(there).items() if v is not None}) == recipe


def test_forms_learn_of_ranges_units_choices_and_tables():
    rows = {name: {row["name"]: row for row in section} for name, section in schema().items()}
    assert list(rows) == list(Recipe.model_fields)
    assert json.dumps(rows, allow_nan=False)
    segment = rows["segment"]
    assert segment["tolerance"] | {"minimum": 0, "maximum": 1} == segment["tolerance"]
    assert segment["seed_threshold"]["exclusiveMinimum"] == 0
    assert segment["connectivity"]["choices"] == [6, 18, 26]
    assert segment["grow_max"]["default"] == "inf"
    assert rows["preprocess"]["half_window"]["unit"] == "frames"
    assert {field["name"] for field in rows["setup"]["detector"]["fields"]} >= {"distance_um", "tilt_deg"}
    assert all(row["sentence"] for section in rows.values() for row in section.values())
