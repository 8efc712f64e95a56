"""A folder that holds results of other settings: what the page says, and the two ways that it offers."""

import sys
import time
import warnings

import pytest

import friedel
from friedel.errors import OutputError
from friedel.viewer import running
from tests.viewer_scan import page_of, run, write_recipe

CLIENT = {"client": "me"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A recipe beside the folder of its run, and a page on which a mask was painted and saved since."""
    folder = tmp_path_factory.mktemp("masked")
    recipe = write_recipe(folder)
    run(recipe, to_stage="preprocess")
    with page_of(recipe) as page:
        assert page.get("/api/session").json()["refused"] is None
        page.post("/api/mask", json={**CLIENT, "op": "paint", "runs": [[3, 4, 9]]})
        page.post("/api/save", json={**CLIENT, "write": True})
        yield page


@pytest.fixture
def commands(monkeypatch, finished):
    """Commands that the page would have started; they are at their end when a test is."""
    said = []

    def command(recipe, out, **how):
        said.append((out, how["restart"]))
        return [sys.executable, "-c", ""]

    monkeypatch.setattr(running, "command", command)
    yield said
    while finished.get("/api/progress").json()["run"]["state"] == "running":
        time.sleep(0.01)


def test_after_a_saved_mask_the_page_says_what_a_run_would_say(finished, commands):
    facts = finished.get("/api/session").json()
    assert not facts["file"]["unsaved"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(OutputError) as refused:
            friedel.run(facts["file"]["path"], report=False)
    assert facts["refused"]["text"] == str(refused.value)
    assert "other settings" in facts["refused"]["text"]
    assert "--restart" in facts["refused"]["text"]
    answer = finished.post("/api/run", json={**CLIENT, "to": "preprocess"})
    assert (answer.status_code, answer.json()["error"]) == (409, str(refused.value))
    assert commands == []


def test_one_way_is_to_replace_what_is_there(finished, commands):
    out = finished.session.project.out
    assert finished.post("/api/run", json={**CLIENT, "to": "preprocess", "restart": True}).status_code == 200
    assert commands == [(out, True)]
    assert finished.session.project.out == out


def test_the_other_way_is_a_folder_of_its_own_which_the_page_turns_to(finished, commands):
    out = finished.session.project.out
    other = out.with_name(f"{out.name}-2")
    assert finished.get("/api/session").json()["refused"]["other"] == str(other)
    other.mkdir()  # somebody was faster
    third = out.with_name(f"{out.name}-3")
    revision = finished.session.revision
    assert finished.post("/api/run", json={**CLIENT, "to": "preprocess", "elsewhere": True}).status_code == 200
    assert commands == [(third, False)]
    facts = finished.get("/api/session").json()
    assert facts["out"] == str(third)
    assert facts["refused"] is None
    assert facts["file"]["command"].endswith(f"-o {third}")
    assert not facts["file"]["unsaved"]
    assert facts["revision"] > revision


def test_a_page_that_was_given_a_folder_saves_beside_that_folder_wherever_runs_go(tmp_path):
    recipe = write_recipe(tmp_path)
    run(recipe, to_stage="preprocess")
    recipe.unlink()
    with page_of(tmp_path / "scan") as page:
        project = page.session.project
        saved = page.post("/api/save", json={**CLIENT, "write": True}).json()["path"]
        project.turn_to(project.free_folder)
        facts = page.get("/api/session").json()
        assert saved == facts["file"]["path"] == str(recipe)
        assert not facts["file"]["unsaved"]
        assert facts["troubles"] == []


@pytest.mark.parametrize("damage", ["garbage", "foreign", "missing"])
def test_whatever_a_run_refuses_of_a_folder_is_said(damage, tmp_path):
    recipe = write_recipe(tmp_path)
    run(recipe, to_stage="preprocess")
    record = tmp_path / "scan" / "run.json"
    if damage == "garbage":
        record.write_text("{")
    elif damage == "missing":
        record.unlink()
    else:
        text = record.read_text()
        fingerprint = text.partition('"fingerprint": "')[2].partition('"')[0]
        record.write_text(text.replace(fingerprint, "0" * len(fingerprint)))
    with page_of(recipe, wait=False) as page:
        said = page.get("/api/session").json()["refused"]["text"]
    words = {"garbage": "cannot be understood", "foreign": "another scan", "missing": "without a run.json"}
    assert words[damage] in said
    assert "--restart" in said
