"""Saving a recipe: what people wrote stays, what changed is written, and what is read back is the draft."""

import math
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from friedel.errors import RecipeError
from friedel.io.images import mask_image, read_images
from friedel.recipe import Recipe, build_recipe, dump, load_recipe
from friedel.viewer.saving import mask_file, recipe_file, run_command, save, saving_for, saving_of, unsaved, updated

WRITTEN = """\
# My scan, please do not touch.
[scan]
frames = "raw/s.h5"   # on the big disk
omega = { start_deg = 0.0, step_deg = 0.5 }
# dark =

[segment]   # found with Anna
unit = "sigma"
seed_threshold = 12      # Anna's value
# a long line
# over two lines
min_size = [
  3, 3,   # x, y
  1,
]
exclude = [10, 20, 30, 40]

# How it runs
[run]
threads = 2
"""
SETUP = {
    "energy_keV": 40.0,
    "detector": {"distance_um": 3000.0, "pixel_um": 7.0, "centre_px": [63.5, 63.5]},
}
ALUMINIUM = {"name": "Al", "lattice": [4.05, 4.05, 4.05, 90, 90, 90], "spacegroup": "F m -3 m"}


def changed(path, **sections):
    """The recipe of a file with some values changed."""
    values = load_recipe(path).model_dump(exclude_none=True)
    for name, part in sections.items():
        values[name] = {**values.get(name, {}), **part} if isinstance(part, dict) else part
    return build_recipe(values)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(WRITTEN)
    return path


def lines_changed(saving):
    """Lines that go and lines that come."""
    lines = saving.diff.splitlines()[2:]
    return [x[1:] for x in lines if x.startswith("-")], [x[1:] for x in lines if x.startswith("+")]


def test_a_draft_like_its_file_changes_nothing(file, tmp_path):
    saving = saving_of(file, load_recipe(file), tmp_path / "mine", masked=False)
    assert saving.text == WRITTEN
    assert not saving.changes
    assert saving.plain() == {"diff": "", "command": f"friedel run {file}", "path": str(file)}


def test_only_the_value_that_changed_is_written_and_comments_stay(file, tmp_path):
    draft = changed(file, segment={"seed_threshold": 14.5})
    saving = saving_of(file, draft, tmp_path / "mine", masked=False)
    assert lines_changed(saving) == (
        ["seed_threshold = 12      # Anna's value"],
        ["seed_threshold = 14.5      # Anna's value"],
    )


def test_a_key_that_was_not_there_comes_after_the_one_before_it_with_its_sentence(file, tmp_path):
    draft = changed(file, segment={"tolerance": 0.2, "grow_max": math.inf, "noise": "local"})
    text = saving_of(file, draft, tmp_path / "mine", masked=False).text
    lines = text.splitlines()
    seed = lines.index("seed_threshold = 12      # Anna's value")
    assert lines[seed + 1].startswith("# A blob grows down to this fraction of its seed's maximum.")
    assert lines[seed + 2] == "tolerance = 0.2"
    assert lines.index('noise = "local"') < seed
    assert "grow_max" not in text
    assert text.index("# How it runs") > text.index("tolerance = 0.2")


def test_a_value_takes_the_place_of_the_comment_that_stood_for_it(file, tmp_path):
    draft = changed(file, scan={"dark": 100.0})
    saving = saving_of(file, draft, tmp_path / "mine", masked=False)
    assert lines_changed(saving) == (["# dark ="], ["dark = 100.0"])


def test_sections_that_were_not_there_come_at_the_end_with_their_sentences(file, tmp_path):
    draft = changed(file, setup=SETUP, phase=[ALUMINIUM], preprocess={"despeckle": 5})
    saving = saving_of(file, draft, tmp_path / "mine", masked=False)
    assert saving.text.startswith(WRITTEN)
    assert "# The instrument: beam, detector, rotation axis, sample.\n[setup]\n" in saving.text
    assert saving.text.count("[[phase]]") == 1
    assert "\n[index]" not in saving.text


def test_infinities_boxes_and_truth_values_are_written_as_recipes_have_them(file, tmp_path):
    draft = changed(file, segment={"grow_max": 50.0, "exclude": ["beam", [1, 2, 3, 4]], "reject_edge": True})
    save(saving_of(file, draft, tmp_path / "mine", masked=False), None)
    assert load_recipe(file) == draft
    back = changed(file, segment={"grow_max": math.inf, "reject_edge": False})
    saving = saving_of(file, back, tmp_path / "mine", masked=False)
    assert "+grow_max = inf\n" in saving.diff
    save(saving, None)
    assert load_recipe(file) == back


def test_values_that_are_taken_away_are_gone(file, tmp_path):
    draft = changed(file, setup=SETUP, phase=[ALUMINIUM])
    save(saving_of(file, draft, tmp_path / "mine", masked=False), None)
    values = draft.model_dump(exclude_none=True)
    without = build_recipe({name: part for name, part in values.items() if name not in ("setup", "phase")})
    saving = saving_of(file, without, tmp_path / "mine", masked=False)
    assert "[setup]" not in saving.text
    assert "phase" not in saving.text
    save(saving, None)
    assert load_recipe(file) == without


@pytest.mark.parametrize(
    "text",
    [
        "segment.seed_threshold = 12.0\nsegment.unit = 'sigma'\n",
        "[setup]\nenergy_keV = 30.0\n[setup.detector]\n"
        "distance_um = 1000.0\npixel_um = 1.0 # small\ncentre_px = [1, 1]\n",
        "segment = { seed_threshold = 12.0 }\n",
        "[segment]\r\nseed_threshold = 12.0 # on Windows\r\n",
        "[[phase]]\nname = 'A'\nlattice = [4, 4, 4, 90, 90, 90]\nspacegroup = '225'\n",
        "",
    ],
)
def test_whatever_way_a_recipe_is_written_what_is_read_back_is_the_draft(text, tmp_path):
    path = tmp_path / "r.toml"
    path.write_bytes(text.encode())
    draft = changed(
        path,
        segment={"seed_threshold": 20.0, "grow_min": 3.0},
        setup=SETUP,
        phase=[ALUMINIUM, {**ALUMINIUM, "name": "B"}],
    )
    save(saving_of(path, draft, tmp_path / "r", masked=False), None)
    assert load_recipe(path) == draft
    for kept in ("# small", "# on Windows"):
        assert (kept in text) == (kept in path.read_text())


def test_wrong_and_unknown_keys_of_the_file_give_way(tmp_path):
    path = tmp_path / "r.toml"
    path.write_text(
        "[segment]\nseed_treshold = 3 # typo\nseed_threshold = 'high'\n[sgment]\nx = 1\n[run]\nthreads = 1\n"
    )
    draft = build_recipe({"segment": {"seed_threshold": 8.0}, "run": {"threads": 1}})
    save(saving_of(path, draft, tmp_path / "r", masked=False), None)
    assert load_recipe(path) == draft


def test_a_file_that_is_no_toml_is_refused(tmp_path):
    path = tmp_path / "r.toml"
    path.write_text("[segment\n")
    with pytest.raises(RecipeError, match="is not TOML"):
        saving_of(path, Recipe(), tmp_path / "r", masked=False)
    assert path.read_text() == "[segment\n"


def test_a_file_that_is_not_there_is_written_whole(tmp_path):
    path = tmp_path / "new.toml"
    draft = build_recipe({"scan": {"frames": str(tmp_path / "s.h5")}})
    saving = saving_of(path, draft, tmp_path / "new", masked=False)
    assert save(saving, None) is None
    assert path.read_text() == dump(build_recipe({"scan": {"frames": "s.h5"}}))
    assert load_recipe(path) == draft


def test_what_somebody_else_wrote_is_kept_beside_and_what_we_wrote_is_not(file, tmp_path):
    first = saving_of(file, changed(file, run={"threads": 1}), tmp_path / "mine", masked=False)
    kept = save(first, None)
    assert kept == Path(f"{file}.bak")
    assert kept.read_text() == WRITTEN
    second = saving_of(file, changed(file, run={"threads": 4}), tmp_path / "mine", masked=False)
    assert save(second, None, ours=first.text) is None
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine.toml", "mine.toml.bak"]


def test_a_painted_mask_lies_beside_the_recipe_which_names_it(file, tmp_path):
    mask = np.zeros((5, 7), bool)
    mask[2, 3:6] = True
    saving = saving_of(file, load_recipe(file), tmp_path / "mine", masked=True)
    assert saving.plain()["mask_path"] == str(tmp_path / "mine.mask.tif") == str(mask_file(file))
    assert '+mask = "mine.mask.tif"\n' in saving.diff
    save(saving, mask)
    assert load_recipe(file).scan.mask == str(tmp_path / "mine.mask.tif")
    found = mask_image(read_images(str(mask_file(file)), tmp_path), (5, 7), "")
    np.testing.assert_array_equal(found, mask)


def test_a_folders_recipe_is_the_file_beside_it(tmp_path):
    out = tmp_path / "run.1"
    assert recipe_file(out / "recipe.toml", out, of_folder=True) == tmp_path / "run.1.toml"
    assert recipe_file(tmp_path / "r.toml", tmp_path / "r", of_folder=False) == tmp_path / "r.toml"


def test_the_command_says_where_only_if_it_must():
    assert run_command(Path("/a/r.toml"), Path("/a/r")) == "friedel run /a/r.toml"
    assert run_command(Path("/a/my r.toml"), Path("/b")) == "friedel run '/a/my r.toml' -o /b"


@settings(max_examples=60, deadline=None)
@given(
    seed=st.floats(0.1, 1e6),
    tolerance=st.sampled_from([0.0, 0.1, 1 / 3, 1.0]),
    sizes=st.tuples(*[st.integers(1, 400)] * 3),
    exclude=st.sampled_from(["beam", "none", [1, 2, 3, 4], ["beam", [1, 2, 3, 4]]]),
    saddle=st.sampled_from([0.0, 0.7]),
)
def test_any_draft_comes_back_as_it_was(seed, tolerance, sizes, exclude, saddle):
    folder = Path("/somewhere")
    draft = build_recipe(
        {
            "scan": {"frames": "/somewhere/raw/s.h5"},
            "segment": {
                "seed_threshold": seed, "grow_min": 0.05, "tolerance": tolerance, "max_size": [500, 500, 500],
                "min_size": list(sizes), "exclude": exclude, "saddle": saddle,
            },
        }
    )  # fmt: skip
    text = updated(WRITTEN, draft, folder)
    assert "# My scan, please do not touch." in text
    assert "# How it runs" in text
    assert updated(text, draft, folder) == text


def test_whether_anything_is_unsaved_is_known_without_the_new_text(file, tmp_path):
    of_one = {"lock": nullcontext(), "path": file, "out": tmp_path / "o", "of_folder": False}
    for draft in (load_recipe(file), changed(file, segment={"tolerance": 0.3})):
        for mask in (None, np.ones((2, 2), bool)):
            for path in (file, tmp_path / "other.toml"):
                project = SimpleNamespace(recipe=draft, mask=mask, recipe_path=path, **of_one)
                saving = saving_for(project)
                assert unsaved(project) == (saving.path, saving.changes)
    file.write_text("[scan\n")
    project.recipe_path = file
    with pytest.raises(RecipeError, match="not TOML"):
        unsaved(project)
