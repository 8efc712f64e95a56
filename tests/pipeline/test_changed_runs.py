"""Runs one after another in one folder, with other parameters, from and to any stage: the folder is always that of
one fresh run, says what it lacks, and nothing that was complete is lost on the way."""

import json
import random
import shutil
import warnings

import numpy as np
import pytest

import friedel
from friedel.errors import FriedelError, OutputError, RecipeError
from friedel.output_folder.files import (
    CLEAN,
    EARLIER,
    GRAIN_STAGES,
    GRAINS,
    STAGES,
    VOLUME,
)
from friedel.output_folder.record import read_run_record
from friedel.recipe import Recipe
from friedel.recipe.settings import PATHS
from friedel.runner import grain_stages
from friedel.runner.stage_hashes import OF_SEGMENT, OF_THE_SCAN, READ_BY
from tests.fake_stages import CIF, contents, copied, hashes, run, sound, standing_in, write_inputs
from tests.grain_maps import volume_of

SECTIONS = ("preprocess", "segment", "match", "index", "reconstruct", "assemble")
TRIED = (
    True, False, "none", "float32", "sigma", "counts", "literal", "watershed", "off", 0.4, 0.9, 0.005, 1.5, 2.5,
    12.0, 30.0, 40, 1, 2, 5, 7, 6, 18, [2, 2, 1], [9, 9, 5], [[0, 0, 4, 4]], "beam",
)  # fmt: skip
"""Values one of which is another valid one for nearly every parameter."""
ONLY_ONE = {"segment.method", "segment.noise"}
"""Parameters that have no other value here."""


@pytest.fixture(scope="module")
def patch():
    with standing_in() as patch:
        yield patch


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    return write_inputs(tmp_path_factory.mktemp("inputs"))


@pytest.fixture(scope="module")
def whole(patch, recipe, tmp_path_factory):
    """A complete run."""
    return run(recipe, tmp_path_factory.mktemp("whole") / "out")


@pytest.fixture(scope="module")
def fresh(patch, recipe, tmp_path_factory):
    """What a run with some settings leaves in a new folder."""
    made = {}

    def make(settings=(), last="assemble"):
        key = json.dumps([[*settings], last])
        if key not in made:
            out = tmp_path_factory.mktemp("fresh") / "out"
            if last in GRAIN_STAGES and not any(one.startswith(("preprocess", "segment")) for one in settings):
                copied(make((), "segment"), out)
            made[key] = run(recipe, out, settings, to_stage=last)
        return made[key]

    return make


def other_values():
    """KEY=VALUE for one other valid value of every parameter of every stage, and the keys without one."""
    found, none = {}, []
    for section in SECTIONS:
        params = Recipe.model_fields[section].annotation
        for one in params.declared():
            key, default = f"{section}.{one.name}", json.loads(json.dumps(one.default))
            for value in TRIED:
                try:
                    with warnings.catch_warnings(action="ignore"):
                        changed = params.build({one.name: value})
                except RecipeError:
                    continue
                if getattr(changed, one.name) != one.default and value != default:
                    found[key] = f"{key}={json.dumps(value)}"
                    break
            else:
                none.append(key)
    return found, none


def test_every_parameter_of_every_stage_has_another_value_to_try():
    assert {*other_values()[1]} <= ONLY_ONE


def last_of(out):
    return [*read_run_record(out).stages][-1]


def tells_the_truth(out):
    """Whether `verify` is content exactly where all stages are there."""
    missing = [name for name in STAGES if name not in read_run_record(out).stages]
    try:
        friedel.verify(out)
    except OutputError as error:
        return bool(missing) and all(name in str(error) for name in missing)
    return not missing


@pytest.mark.parametrize("section", SECTIONS)
def test_a_changed_parameter_gives_what_a_fresh_run_with_it_gives(whole, fresh, recipe, tmp_path, section):
    for key, setting in other_values()[0].items():
        if not key.startswith(f"{section}."):
            continue
        out = copied(whole, tmp_path / "out")
        try:
            expected = fresh([setting])
        except FriedelError:  # not with these frames: then all is as it was
            with pytest.raises(FriedelError):
                run(recipe, out, [setting])
            assert hashes(out) == hashes(whole), setting
            assert tells_the_truth(out), setting
            continue
        run(recipe, out, [setting])
        assert contents(out) == contents(expected), setting
        assert sound(out), setting
        assert tells_the_truth(out), setting
        assert not (out / EARLIER).exists(), setting


@pytest.mark.parametrize("first", STAGES)
def test_from_any_stage_a_complete_run_gives_the_same_bytes(whole, recipe, tmp_path, first):
    out = copied(whole, tmp_path / "out")
    run(recipe, out, from_stage=first)
    assert hashes(out) == hashes(whole)
    assert sound(out)
    assert not (out / EARLIER).exists()


CHANGES = (
    (), ("assemble.fill=none",), ("reconstruct.iterations=10",), ("index.strain=true",), ("index.min_pairs=5",),
    ("match.factor=5.0",), ("segment.tolerance=0.9",), ("preprocess.keep_clean=true",),
    ("index.strain=true", "reconstruct.iterations=10"), ("segment.tolerance=0.9", "index.strain=true"),
)  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_after_any_runs_the_folder_is_that_of_one_fresh_run_and_nothing_is_lost(
    whole, fresh, recipe, tmp_path, seed
):
    draw, alone = random.Random(seed), [(setting,) for setting in other_values()[0].values()]
    out, complete = copied(whole, tmp_path / "out"), hashes(whole)
    for _ in range(6):
        settings = draw.choice(CHANGES if draw.random() < 0.5 else alone)
        first, last = sorted(draw.choices(range(len(STAGES)), k=2))
        options = {
            **({"from_stage": STAGES[first]} if draw.random() < 0.4 else {}),
            **({"to_stage": STAGES[last]} if draw.random() < 0.7 else {}),
            **({"restart": True} if draw.random() < 0.1 else {}),
        }
        said, before = (seed, settings, options), hashes(out)
        last = options.get("to_stage", "assemble")
        try:
            fresh(settings, last)
        except FriedelError:  # not with these frames
            with pytest.raises(FriedelError):
                run(recipe, out, settings, **options)
            assert hashes(out) == before, said
            continue
        run(recipe, out, settings, **options)
        done = STAGES[: STAGES.index(last) + 1]
        expected, got = contents(fresh(settings, last), done), contents(out, done)
        extended = last != "assemble" and last_of(out) == "assemble"
        for file, values in expected.items():
            if file == "pairs.h5" and last == "match" and "index" in read_run_record(out).stages:
                continue  # indexing, which nothing has changed, has written them with its own set-up
            for name, value in values.items():
                assert got[file][name] == value or (extended and name == "grains/volume_um3"), (said, file, name)
        assert {*got} - {CLEAN} == {*expected} - {CLEAN}, said
        assert sound(out), said
        assert tells_the_truth(out), said
        if last_of(out) == "assemble":
            assert not (out / EARLIER).exists(), said
            complete = hashes(out)
        there = {*hashes(out).values(), *hashes(out / EARLIER).values()}
        assert {content for file, content in complete.items() if file != CLEAN} <= there, said
    run(recipe, out)
    (out / CLEAN).unlink(missing_ok=True)
    assert contents(out) == contents(whole)


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("stage", ["match", "index", "reconstruct", "assemble"])
def test_a_run_that_fails_in_a_stage_leaves_the_last_complete_result_and_the_next_one_finishes(
    whole, fresh, recipe, tmp_path, stage, restart, patch
):
    def fail(*_, **__):
        raise OutputError("the disk", rule="is full")

    settings = ["segment.tolerance=0.9"]
    out = copied(whole, tmp_path / "out")
    with pytest.MonkeyPatch.context() as now:
        now.setattr(grain_stages, stage, fail)
        with pytest.raises(OutputError, match="is full"):
            run(recipe, out, settings, restart=restart)
    assert sound(out)
    assert tells_the_truth(out)
    assert {*hashes(whole).values()} <= {*hashes(out).values(), *hashes(out / EARLIER).values()}
    run(recipe, out, settings)
    assert contents(out) == contents(fresh(settings))
    assert not (out / EARLIER).exists()


def test_what_lies_aside_can_be_moved_back(whole, recipe, tmp_path, caplog):
    out = copied(whole, tmp_path / "out")
    (out / "report.html").write_text("of the complete run")
    run(recipe, out, ["reconstruct.iterations=10"], to_stage="reconstruct")
    assert f"what these parameters replace lies in {out / EARLIER}" in caplog.text
    assert not (out / VOLUME).exists()
    assert (out / EARLIER / "report.html").exists()
    with pytest.raises(OutputError, match=r"assemble is missing; earlier/ holds grains.h5, shapes.h5, volume.h5"):
        friedel.verify(out)
    for path in (out / EARLIER).iterdir():
        shutil.move(path, out / path.name)
    friedel.verify(out)
    assert hashes(out) == hashes(whole)
    assert (out / "report.html").read_text() == "of the complete run"


def test_what_was_made_of_results_stays_until_they_change(whole, recipe, tmp_path):
    def fail(*_, **__):
        raise OutputError("the disk", rule="is full")

    out = copied(whole, tmp_path / "out")
    for name in ("report.html", "evaluation.json", "map.vtkhdf"):
        (out / name).write_text("of the complete run")
    before = {path.name for path in out.iterdir()}
    (out / ".lock").write_text("of a run that was killed")
    run(recipe, out)
    assert {path.name for path in out.iterdir()} == before
    with pytest.MonkeyPatch.context() as now:
        now.setattr(grain_stages, "index", fail)
        with pytest.raises(OutputError, match="is full"):
            run(recipe, out, ["index.min_pairs=5"])
    assert {path.name for path in out.iterdir()} == before


def test_nothing_is_touched_when_the_frames_are_gone(whole, recipe, tmp_path):
    out = copied(whole, tmp_path / "out")
    inputs = copied(recipe.parent, tmp_path / "inputs")
    (inputs / "frames.npy").unlink()
    for options in ({"restart": True}, {"from_stage": "segment"}, {"settings": ["preprocess.despeckle=5"]}):
        with pytest.raises(FriedelError, match=r"frames\.npy"):
            run(inputs / "recipe.toml", out, **options)
        assert hashes(out) == hashes(whole)
        friedel.verify(out)


def test_a_file_that_the_map_extended_is_that_of_indexing_again_without_the_map(whole, fresh, recipe, tmp_path):
    out = copied(whole, tmp_path / "out")
    settings = ["reconstruct.iterations=10"]
    run(recipe, out, settings, to_stage="reconstruct")
    assert hashes(out) == hashes(fresh(settings, "reconstruct"))
    assert (out / GRAINS).read_bytes() == (fresh((), "index") / GRAINS).read_bytes()
    stages = read_run_record(out).stages
    run(recipe, out, settings)
    assert read_run_record(out).stages["index"] == stages["index"]
    assert hashes(out) == hashes(fresh(settings))


def test_blobs_exported_earlier_stay_while_later_stages_change(whole, recipe, tmp_path):
    out = copied(whole, tmp_path / "out")
    friedel.export(out, "csv")
    run(recipe, out, ["index.min_pairs=5"])
    assert (out / "blobs.csv").exists()
    assert not (out / "blobs_grains.csv").exists()
    run(recipe, out, ["segment.tolerance=0.9"])
    assert not (out / "blobs.csv").exists()


def test_foreign_files_beside_what_was_set_aside_are_left_alone(whole, recipe, tmp_path):
    out = copied(whole, tmp_path / "out")
    (out / EARLIER).mkdir()
    (out / EARLIER / "notes.txt").write_text("mine")
    run(recipe, out, ["reconstruct.iterations=10"])
    assert [path.name for path in (out / EARLIER).iterdir()] == ["notes.txt"]


def text_parameters(params, key=""):
    """Every parameter of a recipe that may hold any text, by its key."""
    schema = params.model_json_schema()
    definitions = schema.get("$defs", {})

    def walk(part, key):
        if "$ref" in part:
            yield from walk(definitions[part["$ref"].rsplit("/", 1)[-1]], key)
        for other in (*part.get("anyOf", ()), *([part["items"]] if isinstance(part.get("items"), dict) else ())):
            yield from walk(other, key)
        for item in part.get("prefixItems", ()):
            yield from walk(item, key)
        for name, inside in part.get("properties", {}).items():
            yield from walk(inside, f"{key}.{name}".strip("."))
        if part.get("type") == "string" and "enum" not in part and "const" not in part:
            yield key

    return {*walk(schema, key)}


def test_every_path_that_a_recipe_may_name_is_known_to_be_one_and_its_content_counts():
    words = {"phase.name", "phase.spacegroup", "phase.atoms", "scan.skip"}
    assert text_parameters(Recipe) - words == {*PATHS}
    parts = (OF_THE_SCAN, OF_SEGMENT, {*READ_BY})
    assert set().union(*parts) == {*PATHS}
    assert sum(map(len, parts)) == len(PATHS)


def edit(folder, key):
    """Change what is in the file that a parameter names, not its size; the first stage that depends on it."""
    if key == "phase.cif":
        (folder / "al.cif").write_text(CIF.format(a=4.06))
        return "match"
    if key == "setup.sample.mask":
        label = np.ones((4, 4, 4))
        label[0] = 0
        friedel.io.store.write_volume(folder / "sample.h5", volume_of(label, 20.0, (-40.0, -40.0, -40.0)))
        return "index"
    name = {"scan.omega.path": "angles.npy", "setup.distortion": "dx.npy"}.get(key, f"{key.split('.')[-1]}.npy")
    values = np.load(folder / name)
    values[..., -1] = values[..., -1] + 1
    np.save(folder / name, values)
    return "segment" if key.startswith("segment") or key == "setup.distortion" else "preprocess"


@pytest.mark.parametrize("key", sorted({*PATHS} - {"scan.frames"}))
def test_an_edited_input_redoes_what_depends_on_it_and_nothing_more(patch, recipe, tmp_path, key):
    inputs, out = copied(recipe.parent, tmp_path / "inputs"), tmp_path / "out"
    np.save(inputs / "angles.npy", np.arange(40) * 9.0)
    np.save(inputs / "exclude.npy", np.zeros((24, 24), np.uint8))
    settings = {"scan.omega.path": [f'scan.omega={{ path = "{inputs}/angles.npy" }}']}.get(
        key, [f"segment.exclude={inputs}/exclude.npy"]
    )
    recipe = inputs / "recipe.toml"
    run(recipe, out, settings)
    before = read_run_record(out).stages
    run(recipe, out, settings)
    assert read_run_record(out).stages == before
    stage = edit(inputs, key)
    if key == "scan.omega.path":
        np.save(inputs / "angles.npy", np.arange(40) * 9.0 + 1.0)
    run(recipe, out, settings)
    after = read_run_record(out).stages
    same = [name for name in STAGES if after[name] == before[name]]
    # without clean frames blobs are found in the raw ones, and preprocessing is done with them
    assert same == [*STAGES[: STAGES.index("preprocess" if stage == "segment" else stage)]]
    assert sound(out)
    assert contents(out) == contents(run(recipe, tmp_path / "fresh", settings))


def test_other_frames_of_the_same_size_are_another_scan(patch, recipe, whole, tmp_path):
    out, inputs = copied(whole, tmp_path / "out"), copied(recipe.parent, tmp_path / "inputs")
    frames = np.load(inputs / "frames.npy")
    frames[7, 3, 3] += 1
    np.save(inputs / "frames.npy", frames)
    with pytest.raises(OutputError, match="holds the results of another scan"):
        run(inputs / "recipe.toml", out)
    assert hashes(out) == hashes(whole)
