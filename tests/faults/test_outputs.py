"""Output folders whose files were damaged, replaced or lost: the next run makes them right or refuses, and whoever
reads them is told; nothing is used that the run has not left so."""

import itertools
import json
import os
import random
import re
import shutil

import pytest

import friedel
from friedel.errors import FriedelError, InputError, OutputError
from friedel.io.store import read_blobs
from friedel.model.truth import Truth
from friedel.output_folder.files import BACKGROUND, BLOBS, CLEAN, EARLIER, GRAINS, PAIRS, RECIPE, RECORD, STAGES
from friedel.output_folder.record import read_run_record
from friedel.runner.results import judge
from tests.fake_stages import contents, copied, hashes, run, sound, standing_in, write_inputs

ROUNDS = 8 * int(os.environ.get("FRIEDEL_FAULTS", "1"))
"""Folders with several faults at once, for each of the seeds."""
KEEP = "preprocess.keep_clean=true"


@pytest.fixture(scope="module", autouse=True)
def _patch():
    with standing_in() as patch:
        yield patch


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    return write_inputs(tmp_path_factory.mktemp("inputs"))


@pytest.fixture(scope="module")
def whole(recipe, tmp_path_factory):
    return run(recipe, tmp_path_factory.mktemp("whole") / "out", [KEEP])


@pytest.fixture(scope="module")
def other(recipe, tmp_path_factory):
    """With other parameters in every stage."""
    settings = ["segment.tolerance=0.9", "match.factor=5.0", "index.strain=true", "reconstruct.iterations=10"]
    return run(recipe, tmp_path_factory.mktemp("other") / "out", [*settings, "assemble.fill=none", KEEP])


def flip(path, other, draw):
    """Other bits in the same place, under the same times."""
    state, content = path.stat(), bytearray(path.read_bytes())
    content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    path.write_bytes(content)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def truncate(path, other, draw):
    os.truncate(path, draw.randrange(path.stat().st_size))


def lengthen(path, other, draw):
    with path.open("ab") as file:
        file.write(b"\0")


def delete(path, other, draw):
    path.unlink()


def replace(path, other, draw):
    """By the result of the same scan with other parameters."""
    shutil.copyfile(other / path.name, path)


def fill(path, other, draw):
    """With zeros, as a machine that lost its power may leave a file."""
    path.write_bytes(bytes(path.stat().st_size))


FAULTS = (flip, truncate, lengthen, delete, replace, fill)
RESULTS = (BACKGROUND, CLEAN, BLOBS, PAIRS, GRAINS, "shapes.h5", "volume.h5")


@pytest.mark.parametrize("file", RESULTS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_result_with_any_fault_is_told_by_verify_and_made_anew_by_the_next_run(
    whole, other, recipe, tmp_path, file, fault
):
    out = copied(whole, tmp_path / "out")
    fault(out / file, other, random.Random(3))
    if hashes(out) == hashes(whole):
        return  # the other parameters do not change this one
    with pytest.raises(OutputError, match=f"{file} (is missing|has changed since the run)"):
        friedel.verify(out)
    run(recipe, out, [KEEP])
    assert hashes(out) == hashes(whole)
    friedel.verify(out)
    assert not (out / EARLIER).exists()


@pytest.mark.parametrize("seed", range(2))
def test_many_faults_and_any_runs_end_in_the_same_results(whole, other, recipe, tmp_path, seed):
    draw = random.Random(seed)
    for _ in range(ROUNDS):
        out = copied(whole, tmp_path / "out")
        told = []
        for file in draw.sample(RESULTS, draw.randint(1, 4)):
            fault = draw.choice(FAULTS)
            fault(out / file, other, draw)
            told.append((file, fault.__name__))
        first, last = sorted(draw.choices(range(len(STAGES)), k=2))
        run(recipe, out, [KEEP], from_stage=STAGES[first], to_stage=STAGES[last])
        expected = contents(whole)
        for file, values in contents(out, STAGES[: last + 1]).items():
            same = {name for name, value in values.items() if value == expected[file][name]}
            of_the_map = {"grains/volume_um3", "grains/completeness_with_faint"}  # which the map tells
            assert {*values} - same <= of_the_map, told
        run(recipe, out, [KEEP])
        assert hashes(out) == hashes(whole), told
        friedel.verify(out)


@pytest.mark.parametrize(
    ("first", "file"), [("index", BLOBS), ("match", BLOBS), ("assemble", PAIRS), ("index", PAIRS)]
)
def test_flipped_bytes_of_an_input_are_never_used(whole, recipe, tmp_path, first, file, caplog):
    if (first, file) == ("match", PAIRS):
        return  # which match makes
    out = copied(whole, tmp_path / "out")
    flip(out / file, None, random.Random(1))
    run(recipe, out, [KEEP], from_stage=first)
    assert f"{file} is not as the run left it" in caplog.text
    assert hashes(out) == hashes(whole)


def test_flipped_bytes_of_an_input_are_refused_when_it_cannot_be_made_again(whole, recipe, tmp_path):
    out, inputs = copied(whole, tmp_path / "out"), copied(recipe.parent, tmp_path / "inputs")
    (inputs / "frames.npy").unlink()
    flip(out / BLOBS, None, random.Random(1))
    before = hashes(out)
    with pytest.raises(InputError, match=r"frames\.npy"):
        run(inputs / "recipe.toml", out, [KEEP], from_stage="index")
    assert hashes(out) == before


def test_clean_frames_with_flipped_bytes_are_not_segmented(whole, recipe, tmp_path, caplog):
    out = copied(whole, tmp_path / "out")
    flip(out / CLEAN, None, random.Random(1))
    run(recipe, out, [KEEP], from_stage="segment")
    assert hashes(out) == hashes(whole)


@pytest.mark.parametrize("fault", [flip, truncate, fill, replace])
def test_commands_that_read_results_refuse_those_that_have_changed(whole, other, tmp_path, fault):
    out = copied(whole, tmp_path / "out")
    fault(out / GRAINS, other, random.Random(4))
    words = r"grains\.h5: has changed since the run \(`friedel run .*` makes it anew\)"
    for call in (
        lambda: friedel.export(out, "imaged11", tmp_path / "g.map"),
        lambda: friedel.export(out, "vtkhdf", tmp_path / "m.vtkhdf"),
        lambda: friedel.export(out, "parquet", tmp_path / "b.parquet"),  # blobs, which are told whose they are
        lambda: friedel.calibrate(out),
        lambda: judge(out, Truth(read_blobs(out / BLOBS))),
    ):
        with pytest.raises(OutputError, match=words):
            call()
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("file", [BLOBS, GRAINS])
def test_a_report_leaves_out_what_has_changed_and_says_so(whole, tmp_path, file):
    out = copied(whole, tmp_path / "out")
    flip(out / file, None, random.Random(1))
    with pytest.warns(friedel.FriedelWarning, match=rf"leaves out .*{file}: has changed since the run"):
        page = friedel.report(out)
    assert f"{file} has changed since the run" in page.read_text()


def test_a_lost_or_damaged_recipe_is_written_again(whole, recipe, tmp_path):
    for damage in (lambda path: path.unlink(), lambda path: path.write_bytes(b"\0\xff = ["), flip_text):
        out = copied(whole, tmp_path / "out")
        damage(out / RECIPE)
        with pytest.raises(OutputError, match=r"recipe\.toml (is missing|cannot be used)"):
            friedel.verify(out)
        run(recipe, out, [KEEP])
        assert (out / RECIPE).read_text() == (whole / RECIPE).read_text()
        assert hashes(out) == hashes(whole)
        friedel.verify(out)


def flip_text(path):
    path.write_text(path.read_text().replace("half_window = 5", 'half_window = "five"'))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"text"', "\0" * 50, '{"stages": {}}', "[" * 10_000])
def test_a_record_that_is_none_is_refused_and_a_restart_makes_all_anew(whole, recipe, tmp_path, text):
    out = copied(whole, tmp_path / "out")
    (out / RECORD).write_text(text)
    for call in (lambda: run(recipe, out, [KEEP]), lambda: friedel.verify(out)):
        with pytest.raises(OutputError, match=r"run\.json: cannot be understood.*--restart begins anew"):
            call()
    assert hashes(out) == hashes(whole)
    run(recipe, out, [KEEP], restart=True)
    assert hashes(out) == hashes(whole)
    assert sound(out)


def wrong_values(values, path=()):
    """A record with one of its values replaced by one of another type, for each of its values."""
    for key in values if isinstance(values, dict) else range(min(len(values), 2)):
        for wrong in ("text", None, -1e300, [], {}, True):
            if type(wrong) is not type(values[key]):
                yield (*path, key), wrong
        if isinstance(values[key], dict | list) and len(path) < 4:
            yield from wrong_values(values[key], (*path, key))


def put(values, path, wrong):
    *way, last = path
    for key in way:
        values = values[key]
    values[last] = wrong


def test_wrong_values_in_a_record_are_refused_or_do_no_harm(whole, recipe, tmp_path):
    out = copied(whole, tmp_path / "out")
    text = (out / RECORD).read_text()
    cases = [*wrong_values(json.loads(text))]
    draw = random.Random(2)
    for path, wrong in draw.sample(cases, min(len(cases), 60 * ROUNDS // 8)):
        values = json.loads(text)
        put(values, path, wrong)
        (out / RECORD).write_text(json.dumps(values))
        kept = refused(friedel.verify, out) + refused(friedel.export, out, "csv", tmp_path / "b.csv")
        if refused(run, recipe, out, [KEEP]):
            assert kept, (path, wrong)
        assert hashes(out) == hashes(whole), (path, wrong)


def refused(call, *arguments):
    """Whether a call ends in an error of ours; every other one is a failure."""
    try:
        call(*arguments)
    except FriedelError:
        return True
    return False


def test_a_record_of_the_future_is_read_as_far_as_it_is_understood(whole, recipe, tmp_path):
    out = copied(whole, tmp_path / "out")
    values = json.loads((out / RECORD).read_text())
    values["weather"], values["versions"]["friedel"] = "fine", "99.0"
    for stage in values["stages"].values():
        stage["mood"] = "good"
        for output in stage["outputs"].values():
            output["colour"] = "blue"
    (out / RECORD).write_text(json.dumps(values))
    friedel.verify(out)
    run(recipe, out, [KEEP])
    assert hashes(out) == hashes(whole)


def test_a_record_without_the_set_up_of_match_has_it_done_again(whole, recipe, tmp_path):
    out = copied(whole, tmp_path / "out")
    values = json.loads((out / RECORD).read_text())
    for damage in (lambda measured: measured.pop("setup"), lambda measured: measured["setup"].update(u_um="wide")):
        damage(values["stages"]["match"]["measured"])
        (out / RECORD).write_text(json.dumps(values))
        run(recipe, out, [KEEP], from_stage="index")
        assert hashes(out) == hashes(whole)
        assert friedel.verify(out)
        values = json.loads((out / RECORD).read_text())


def test_two_recipes_one_after_another_in_one_folder_each_give_their_own_result(whole, other, recipe, tmp_path):
    out, blobs_alone = copied(whole, tmp_path / "out"), tmp_path / "blobs.toml"
    text = recipe.read_text()
    text = re.sub(r'"(\w+\.\w+)"', rf'"{recipe.parent}/\1"', text)
    blobs_alone.write_text(text[: text.index("[[phase]]")])  # the set-up has the detector's distortion
    run(blobs_alone, out, [KEEP])
    assert hashes(out) == hashes(whole)  # blobs are as they were, and so is what came of them
    run(blobs_alone, out, [KEEP, "segment.tolerance=0.9"])
    assert {*hashes(out)} == {BACKGROUND, CLEAN, BLOBS}
    assert hashes(out / EARLIER).keys() >= {BLOBS, PAIRS, GRAINS, "volume.h5"}  # which this run does not make
    friedel.verify(out)
    run(out / EARLIER / RECIPE, out)
    assert hashes(out) == hashes(whole)
    assert not (out / EARLIER).exists()


def test_a_link_in_the_place_of_what_is_set_aside_is_not_followed(whole, recipe, tmp_path):
    out, elsewhere = copied(whole, tmp_path / "out"), tmp_path / "elsewhere"
    elsewhere.mkdir()
    (out / EARLIER).symlink_to(elsewhere)
    with pytest.raises(OutputError, match="earlier: must be a folder"):
        run(recipe, out, [KEEP, "reconstruct.iterations=10"])
    assert [*elsewhere.iterdir()] == []
    assert hashes(out) == hashes(whole)


class Killed(BaseException):
    """The end of a process, for as much as files can tell."""


def test_killed_at_any_rename_of_a_changed_run_nothing_complete_is_lost_and_the_next_run_finishes(
    whole, recipe, tmp_path, monkeypatch
):
    settings, count = [KEEP, "match.factor=5.0", "index.strain=true"], 0
    expected = hashes(run(recipe, copied(whole, tmp_path / "expected"), settings))
    for number in itertools.count(1):
        out, calls = copied(whole, tmp_path / "out"), itertools.count(1)

        def killed(source, target, calls=calls, number=number):
            if next(calls) == number:
                raise Killed
            os.rename(source, target)

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", killed)
            try:
                run(recipe, out, settings)
                break
            except Killed:
                count += 1
        assert {*hashes(whole).values()} <= {*hashes(out).values(), *hashes(out / EARLIER).values()}, number
        assert not [*read_run_record(out).damaged(out)] or refused(friedel.verify, out), number
        back = draw_back(out, tmp_path / "back") if number % 3 == 0 else None
        run(recipe, out, settings)
        assert hashes(out) == expected, number
        assert friedel.verify(out)
        assert not (out / EARLIER).exists(), number
        if back is not None:
            run(recipe, back, [KEEP])
            assert hashes(back) == hashes(whole), number
    assert count > 15


def draw_back(out, target):
    """A copy of a folder with all that was set aside moved back."""
    copied(out, target)
    for path in (target / EARLIER).glob("*"):
        shutil.move(path, target / path.name)
    return target
