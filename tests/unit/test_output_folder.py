"""The one reader of an output folder: what is there, what is missing and who writes it, what is of another
result."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from friedel.errors import FriedelError, InputError, OutputError, RecipeError
from friedel.io.setup_record import load_setup, setup_record
from friedel.io.store import count_blobs, write_blobs, write_grains, write_pairs
from friedel.model.setup import Axis, Detector, Setup
from friedel.output_folder.files import (
    BLOBS,
    EXPORT_FILES,
    GRAINS,
    PAIRS,
    RECIPE,
    RECORD,
    RESULTS,
    SHAPES,
    STAGE_FILES,
    STAGES,
    VOLUME,
    stage_of,
    way_to,
)
from friedel.output_folder.reader import OutputFolder
from friedel.output_folder.record import read_run_record
from friedel.runner.results import WRITERS
from tests.report_folder import make_folder
from tests.unit.test_reporter_grains import add_map, some_pairs, tiny_map


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return add_map(make_folder(tmp_path_factory.mktemp("folder") / "out"))


@pytest.fixture
def out(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "out")


def test_every_part_is_read_once(out):
    folder = OutputFolder.open(out)
    assert folder.blobs is folder.blobs
    assert len(folder.pairs) == len(folder.blobs) // 2 == count_blobs(out / BLOBS) // 2
    assert folder.volume.grain_id.max() == len(folder.grains) == len(folder.description.grains["n_voxels"])
    assert folder.recipe.segment.seed_threshold == 60
    assert [phase.name for phase in folder.phases] == ["Al"]
    assert list(folder.stages) == ["preprocess", "segment"]
    assert folder.warnings == ["frame 7 could not be read; its neighbour stands in"]
    assert folder.evaluation.keys() == {"blobs"}
    assert folder.missing == []


def test_every_result_has_one_stage_that_writes_it():
    assert tuple(STAGE_FILES) == STAGES
    assert len(set(RESULTS)) == len(RESULTS)
    assert (stage_of(GRAINS), stage_of(RECIPE)) == ("index", None)
    assert way_to(SHAPES) == "run it up to reconstruct"


def test_every_format_of_export_has_a_writer():
    assert WRITERS.keys() == EXPORT_FILES.keys()


@pytest.mark.parametrize(("file", "part", "stage"), [(BLOBS, "blobs", "segment"), (VOLUME, "volume", "assemble")])
def test_a_part_that_is_needed_and_not_there_is_named_with_its_stage(out, file, part, stage):
    (out / file).unlink()
    folder = OutputFolder(out)
    assert getattr(folder, part) is None
    assert folder.undamaged(None, file) is None
    assert folder.troubles == []
    with pytest.raises(InputError, match=rf"out: holds no {file} \(run it up to {stage}\)"):
        folder.needed(getattr(folder, part), file)


@pytest.mark.parametrize(
    ("file", "part"), [(BLOBS, "blobs"), (PAIRS, "pairs"), (RECORD, "record"), (RECIPE, "recipe")]
)
def test_a_damaged_part_raises_only_for_those_who_ask(out, file, part):
    (out / file).write_bytes(b"garbage = [")
    folder = OutputFolder(out)
    assert getattr(folder, part) is None
    with pytest.raises(FriedelError, match=file) as raised:
        folder.undamaged(None, file)
    assert isinstance(raised.value, OutputError if file == RECORD else InputError)
    assert [text.startswith(f"{file} ") for text in folder.missing] == [True] * len(folder.missing)


def test_results_after_a_gap_say_what_is_missing_before_them(out):
    (out / PAIRS).unlink()
    (out / GRAINS).unlink()
    assert OutputFolder(out).missing == [f"{PAIRS} is not in the folder", f"{GRAINS} is not in the folder"]


def test_tables_of_other_results_are_not_used(out):
    grains, _, _ = tiny_map(5000)
    write_grains(out / GRAINS, grains)
    pairs = OutputFolder(out).pairs
    write_pairs(out / PAIRS, replace(pairs, columns={**pairs.columns, "blob_b": pairs["blob_b"] + 5000}))
    folder = OutputFolder(out)
    assert folder.grains is None
    assert folder.description is None
    assert folder.pairs is None
    for said in ("grains.h5 is of other blobs or phases", "pairs.h5 is of other blobs"):
        assert any(said in text for text in folder.troubles)


def test_of_a_recipe_of_another_time_the_right_parts_are_used_and_the_wrong_ones_named(out):
    text = (out / RECIPE).read_text().replace("despeckle = 3", "despeckle = 4\nsharpen = true")
    (out / RECIPE).write_text(f"{text}\n[old]\nkey = 1\n")
    folder = OutputFolder(out)
    assert folder.recipe.preprocess.half_window == 6
    assert folder.recipe.preprocess.despeckle == 3
    (trouble,) = folder.missing
    for part in ("preprocess.despeckle", "preprocess.sharpen", "old"):
        assert part in trouble
    with pytest.raises(RecipeError, match="despeckle"):
        folder.needed(folder.recipe, RECIPE)


def test_the_set_up_in_force_is_the_one_that_a_file_was_made_with(out):
    folder = OutputFolder(out)
    given = folder.setup
    moved = Setup(given.beam, Detector.from_distance(310.0, 3.5, (20.0, 21.0)), Axis(-1), given.sample)
    write_pairs(out / PAIRS, some_pairs(len(folder.blobs)), {"setup": setup_record(moved)})
    assert setup_record(OutputFolder(out).setup_of(PAIRS)) == setup_record(moved)
    assert setup_record(OutputFolder(out).setup) == setup_record(given)  # these grains say nothing
    (out / GRAINS).unlink()
    assert (
        setup_record(OutputFolder(out).setup) == setup_record(load_setup(out / PAIRS, given)) == setup_record(moved)
    )


def test_a_folder_that_has_changed_is_read_anew(out):
    folder = OutputFolder(out)
    assert folder.renewed() is folder
    write_blobs(out / BLOBS, folder.blobs, {"growth": "literal"})
    (out / "evaluation.json").write_text(json.dumps({"blobs": {"result": 0}}))
    new = folder.renewed()
    assert new is not folder
    np.testing.assert_array_equal(new.blobs["sc"], folder.blobs["sc"])
    assert new.evaluation == {}
    assert "evaluation.json is of another result; `friedel evaluate` makes one" in new.troubles


def test_a_record_without_hashes_and_with_unknown_facts_is_read(out):
    values = json.loads((out / RECORD).read_text())
    values["stages"]["segment"]["weather"] = "fine"
    (out / RECORD).write_text(json.dumps(values))
    record = read_run_record(out)
    assert record.stages["segment"].seconds == 3.1
    assert not record.finished("segment", "a hash", lambda *_: True)
    assert OutputFolder(out).changed == []


def test_a_set_up_that_cannot_be_read_is_said_and_not_taken_for_calibrated(out):
    folder = OutputFolder(out)
    given = folder.recipe.setup.setup()
    assert folder.calibrated_setup is None  # these files do not say which one they were made with
    other = replace(given, detector=replace(given.detector, origin_um=given.detector.origin_um + 1.0))
    write_pairs(out / PAIRS, some_pairs(len(folder.blobs)), {"setup": setup_record(other)})
    assert OutputFolder(out).calibrated_setup.detector.origin_um[0] == other.detector.origin_um[0]
    for spoiled in ({**setup_record(other), "u_um": "wide"}, {"rotation": "+z"}):
        write_pairs(out / PAIRS, some_pairs(len(folder.blobs)), {"setup": spoiled})
        folder = OutputFolder(out)
        assert folder.calibrated_setup is None  # so the page calibrates, as a run would
        assert np.array_equal(folder.setup.detector.origin_um, given.detector.origin_um)
        assert any("pairs.h5 holds a set-up that cannot be" in text for text in folder.troubles)
        assert any("not calibrated" in text for text in folder.troubles)


@pytest.mark.parametrize("text", ["{", "{}", "[]", '{"versions": {}, "input": {}, "stages": {"segment": []}}'])
def test_a_record_that_is_none_is_refused_with_the_way_out(out, text):
    (out / RECORD).write_text(text)
    with pytest.raises(OutputError, match=r"cannot be understood.*--restart"):
        read_run_record(out)


def test_a_folder_that_no_run_made_is_no_output_folder(tmp_path):
    with pytest.raises(InputError, match="is not an output folder"):
        OutputFolder.open(tmp_path)
    with pytest.raises(InputError, match="no such output folder"):
        OutputFolder.open(tmp_path / "nowhere")
    assert OutputFolder(tmp_path).blobs is None
