"""A recipe is checked whole before the first frame is read: by run, by estimate and by the page."""

import time

import h5py
import numpy as np
import pytest

import friedel
from friedel.errors import CapacityError, InputError, OutputError
from friedel.io import open_scan
from friedel.model.crystal import Phase
from friedel.recipe import load_recipe
from friedel.runner import passes, preflight
from friedel.survey import speed
from friedel.viewer.project import Project
from tests.mistakes import MISTAKES, RECIPE, pairs, written
from tests.pipeline.test_bad_input import write_scan


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    folder = tmp_path_factory.mktemp("preflight")
    write_scan(folder / "s.h5", np.random.default_rng(1).normal(200, 3, (40, 24, 32)).round().astype("u2"))
    path = folder / "r.toml"
    path.write_text(RECIPE)
    return path


@pytest.fixture(autouse=True)
def _no_frame_is_worked_on(monkeypatch):
    def refuse(*_):
        raise AssertionError("frames were worked on")

    for place in (passes, speed):
        monkeypatch.setattr(place, "measure_baseline", refuse)


def test_a_recipe_without_mistakes_goes_on_to_the_frames(recipe):
    with pytest.raises(AssertionError, match="frames were worked on"):
        friedel.estimate(recipe)


@pytest.mark.parametrize(("setting", "words"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_refused_in_one_line_within_seconds(recipe, command, setting, words, tmp_path):
    for arguments in (("run", recipe, "-o", tmp_path / "out"), ("estimate", recipe)):
        begin = time.monotonic()
        code, out, said = command(*arguments, "--set", setting)
        assert time.monotonic() - begin < 5
        assert (code, out, said.count("\n")) == (2, "", 1), said
        assert words in said
    assert not (tmp_path / "out").exists()


def test_mistakes_in_pairs_are_refused_in_a_line_each_or_in_one(recipe, command, tmp_path):
    for number, (one, other) in enumerate(pairs()):
        settings = [part for name in (one, other) for part in ("--set", MISTAKES[name][0])]
        arguments = ("estimate", recipe) if number % 4 else ("run", recipe, "-o", tmp_path / "out")
        code, out, said = command(*arguments, *settings)
        named = [name for name in (one, other) if MISTAKES[name][1] in said]
        assert (code, out) == (2, ""), (one, other, said)
        assert 1 <= said.count("\n") == len(named), (one, other, said)
    assert not (tmp_path / "out").exists()


def test_the_page_names_what_a_run_would_refuse_alone_and_in_pairs(recipe):
    for names in [*((name,) for name in MISTAKES), *pairs()[::9]]:
        wrong = written(recipe.with_name("wrong.toml"), *(MISTAKES[name][0] for name in names))
        told = " ".join(f"{one.text} ({one.way_out})" for one in Project.open(wrong).troubles)
        assert any(MISTAKES[name][1] in told for name in names), (names, told)


def test_what_a_shorter_run_does_not_need_is_not_checked(recipe):
    wrong = load_recipe(recipe, ["phase.0.spacegroup=FCC"])
    assert preflight.crystals_of(wrong, "segment") == ()
    with pytest.raises(InputError, match="FCC"):
        preflight.crystals_of(wrong, "match")


def test_a_number_is_as_good_as_its_text(recipe):
    for text in ('"225"', "225", '"F m -3 m"'):
        given = load_recipe(recipe, [f"phase.0.spacegroup={text}"])
        assert given.phase[0].phase().spacegroup == "F m -3 m"
    assert load_recipe(recipe, ["phase.0.spacegroup=225"]) == load_recipe(recipe, ['phase.0.spacegroup="225"'])


def test_odd_crystals_are_warned_of_before_the_first_frame(recipe):
    heavy = load_recipe(recipe, ['phase=[{name="Pb", lattice=[2.9,2.9,2.9,90,90,90], spacegroup=225}]'])
    with pytest.warns(friedel.FriedelWarning, match="g/cm³"):
        preflight.crystals_of(heavy)


def test_more_reflections_than_anything_can_use_are_refused_at_once(recipe):
    begin = time.monotonic()
    large = load_recipe(
        recipe, ['phase=[{name="x", lattice=[190,190,190,90,90,90], spacegroup=1, atoms=[["C",0,0,0]]}]']
    )
    scan = open_scan(large.scan.frames, large.scan)
    with pytest.raises(InputError, match="too many reflections"):
        preflight.check_recipe(large, scan, preflight.crystals_of(large))
    with pytest.raises(InputError, match="too many reflections"):
        Phase.from_lattice("x", [1e3] * 3 + [90] * 3, "P 1", atoms=[["C", 0, 0, 0]]).reflections(1.0)
    with pytest.raises(InputError, match="at most 1000 Angstrom"):
        Phase.from_lattice("x", [1e9] * 3 + [90] * 3, "P 1")
    with pytest.raises(InputError, match="too long or too flat"):
        Phase.from_lattice("x", [900, 900, 900, 60, 60, 119.9999], "P 1", atoms=[["C", 0, 0, 0]]).reflections(3.0)
    assert time.monotonic() - begin < 5


def test_a_mask_of_the_sample_holds_something(recipe, tmp_path):
    path = tmp_path / "mask.h5"
    with h5py.File(path, "w") as file:
        file["x"] = 1
    given = load_recipe(recipe, [f'setup.sample={{mask="{path}"}}'])
    scan = open_scan(given.scan.frames, given.scan)
    with pytest.raises(InputError, match=r"setup\.sample\.mask: .*not a volume of grains"):
        preflight.check_recipe(given, scan, preflight.crystals_of(given))
    preflight.check_recipe(given, scan, preflight.crystals_of(given), "index")


def test_an_output_that_cannot_be_written_is_refused(recipe, tmp_path, monkeypatch):
    given = load_recipe(recipe)
    scan = open_scan(given.scan.frames, given.scan)
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="not a folder"):
        preflight.check_output(given, scan, tmp_path / "file")
    monkeypatch.setattr(preflight.os, "access", lambda *_: False)
    with pytest.raises(OutputError, match="read-only"):
        preflight.check_output(given, scan, tmp_path / "out")
    monkeypatch.undo()
    usage = preflight.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda _: usage._replace(free=10))
    with pytest.raises(CapacityError, match="of disk"):
        preflight.check_output(given, scan, tmp_path / "out")
