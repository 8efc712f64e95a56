"""What the page is about: recipes and folders in every state, drafts, and paths that stay as they are."""

import json
import math
import shutil

import numpy as np
import pytest

from friedel.errors import RecipeError, ScanError
from friedel.recipe import Recipe
from friedel.viewer.drafts import from_plain, paths_in, plain, schema
from friedel.viewer.subject import Subject
from tests.viewer_scan import run, write_recipe


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A recipe whose run went as far as the blobs."""
    recipe = write_recipe(tmp_path_factory.mktemp("finished"))
    run(recipe)
    return recipe


@pytest.fixture
def opened():
    """Opens subjects, and ends their threads afterwards."""
    made = []

    def make(path):
        made.append(Subject.open(path))
        return made[-1]

    yield make
    for subject in made:
        subject.executor.close()


def copied(finished, tmp_path):
    """The same recipe with its scan and run in another folder, to be spoiled."""
    shutil.copytree(finished.parent, tmp_path / "copy")
    return tmp_path / "copy" / finished.name


def texts(subject):
    return [f"{one.where}: {one.text} ({one.way_out})" for one in subject.troubles]


def test_a_recipe_with_its_run(finished, opened):
    subject = opened(finished)
    assert subject.troubles == []
    assert subject.out == finished.with_suffix("")
    assert subject.text.startswith("# mine")
    assert subject.scan.shape == (60, 48, 80)
    assert subject.finished("preprocess")
    assert subject.finished("segment")
    assert not subject.finished("match")
    assert len(subject.results.blobs)
    assert subject.results.grains is None
    assert not subject.of_folder


def test_an_output_folder_is_its_own_recipe(finished, opened):
    subject = opened(finished.with_suffix(""))
    assert subject.of_folder
    assert subject.troubles == []
    assert subject.scan.shape == (60, 48, 80)
    assert subject.finished("segment")


def test_a_recipe_that_is_no_toml_leaves_what_the_folder_tells(finished, tmp_path, opened):
    recipe = copied(finished, tmp_path)
    recipe.write_text("[segment\nseed_threshold = ", encoding="utf-8")
    subject = opened(recipe)
    assert "is not TOML" in texts(subject)[0]
    assert subject.saved.segment.seed_threshold == 60
    assert len(subject.results.blobs)
    assert subject.scan is not None


def test_a_wrong_section_leaves_the_others(finished, tmp_path, opened):
    recipe = copied(finished, tmp_path)
    text = recipe.read_text(encoding="utf-8").replace("half_window = 10", "half_window = -10")
    recipe.write_text(text + "\n[nonsense]\na = 1\n", encoding="utf-8")
    subject = opened(recipe)
    assert any("preprocess.half_window" in text for text in texts(subject))
    assert any("nonsense" in text for text in texts(subject))
    assert subject.recipe.segment.seed_threshold == 60
    assert subject.recipe.preprocess.half_window == 250
    assert subject.scan is not None


def test_a_wrong_value_leaves_the_rest_of_its_section(finished, tmp_path, opened):
    recipe = copied(finished, tmp_path)
    text = recipe.read_text(encoding="utf-8").replace("tolerance = 0.1", "tolerance = 7\nseed_treshold = 3", 1)
    recipe.write_text(text, encoding="utf-8")
    subject = opened(recipe)
    said = " ".join(texts(subject))
    assert said.count("segment.tolerance") == 1
    assert "its default stands in for it" in said
    assert "seed_treshold" in said
    assert (subject.recipe.segment.seed_threshold, subject.recipe.segment.tolerance) == (60, 0.1)


def test_files_that_are_not_as_the_run_left_them_are_named(finished, tmp_path, opened):
    recipe = copied(finished, tmp_path)
    (recipe.with_suffix("") / "background.h5").unlink()
    assert any("left them: background.h5" in text for text in texts(opened(recipe)))


def test_a_scan_that_vanished_and_comes_back(finished, tmp_path, opened):
    recipe = copied(finished, tmp_path)
    scan = recipe.parent / "scan.h5"
    scan.rename(recipe.parent / "away.h5")
    subject = opened(recipe)
    assert "no such file" in texts(subject)[0]
    assert subject.scan is None
    assert len(subject.results.blobs)
    (recipe.parent / "away.h5").rename(scan)
    subject.open_scan()
    assert subject.troubles == []
    assert subject.scan is not None


def test_a_run_that_stopped_half_way_is_told(finished, tmp_path, opened):
    recipe = copied(finished, tmp_path)
    record = recipe.with_suffix("") / "run.json"
    values = json.loads(record.read_text(encoding="utf-8"))
    del values["stages"]["segment"]
    record.write_text(json.dumps(values), encoding="utf-8")
    subject = opened(recipe)
    assert any("ended after preprocess: segment is missing" in text for text in texts(subject))
    assert subject.finished("preprocess")


@pytest.mark.parametrize(
    ("name", "content"), [("run.json", b"{"), ("blobs.h5", b"no blobs"), ("recipe.toml", b"[old]\nkey = 1\n")]
)
def test_a_folder_of_another_time_is_read_as_far_as_it_goes(name, content, finished, tmp_path, opened):
    recipe = copied(finished, tmp_path)
    (recipe.with_suffix("") / name).write_bytes(content)
    subject = opened(recipe)
    results = subject.results
    assert results.record is None or name != "run.json"
    assert results.blobs is None or name != "blobs.h5"
    assert results.recipe is None or name != "recipe.toml"
    assert any(name in text for text in texts(subject))
    assert subject.scan is not None


def test_results_are_read_again_when_a_run_changes_them(finished, tmp_path, opened):
    recipe = copied(finished, tmp_path)
    subject = opened(recipe)
    before = subject.results
    assert subject.results is before
    shutil.rmtree(recipe.with_suffix(""))
    assert subject.results is not before
    assert subject.results.blobs is None
    assert not subject.finished("preprocess")


def test_drafts_are_validated_and_nothing_changes_when_they_are_wrong(finished, opened):
    subject = opened(finished)
    saved = subject.saved
    assert subject.draft("segment", {"grow_max": "inf", "tolerance": 0.3}).segment.tolerance == 0.3
    assert subject.recipe.segment.seed_threshold == 60
    assert subject.revision == 2
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
            subject.draft(section, values)
    assert subject.revision == 2
    assert subject.saved is saved
    with pytest.raises(ScanError):
        subject.draft("scan", {"grid": [7, 1], "grid_kind": "quadrants"})
    assert subject.recipe.scan == saved.scan
    assert subject.scan is not None


def test_parameters_of_a_section_leave_the_draft_alone(finished, opened):
    subject = opened(finished)
    assert subject.section("segment", {"tolerance": 0.4}).tolerance == 0.4
    assert subject.recipe.segment.tolerance == 0.1


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
    subject = opened(finished)
    with pytest.raises(RecipeError, match="paths cannot be changed in the page"):
        subject.draft(section, values)


def test_paths_of_the_recipe_may_stay(finished, opened):
    subject = opened(finished)
    assert list(paths_in(subject.saved)) == [str(finished.parent / "scan.h5")]
    subject.draft("scan", {"frames": "scan.h5", "saturation": "inf"})
    assert math.isinf(subject.recipe.scan.saturation)
    subject.draft("segment", {"exclude": "none", "noise": "local"})
    assert subject.recipe.segment.excluded == ()


def test_an_edited_mask_belongs_to_the_scan_until_it_is_cleared(finished, opened):
    subject = opened(finished)
    mask = np.zeros((48, 80), bool)
    mask[3] = True
    subject.set_mask(mask)
    assert subject.scan.mask[3].all()
    assert not subject.original_mask.any()
    assert not subject.finished("preprocess")
    subject.set_mask(None)
    assert subject.finished("preprocess")


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
