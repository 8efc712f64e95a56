"""Segment, run and save as the page asks for them: what it shows is what runs."""

import sys
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp

from friedel.io.store import read_blobs
from friedel.model.blobs import COLUMN
from friedel.recipe import load_recipe
from friedel.viewer import running
from friedel.viewer.routes_mask import paint_runs, runs_of
from tests.explorer_source import read_as_stored
from tests.oracles_segment import same_bytes
from tests.viewer_scan import FRAMES, numbers, page_of, run, settled, write_recipe, write_scan

GEOMETRY = """
[setup]
energy_keV = 40.0
detector = { distance_um = 1000.0, pixel_um = 7.0, centre_px = [40.0, 24.0] }
sample = { shape = "cylinder", radius_um = 100.0, height_um = 100.0 }

[[phase]]
name = "Al"
lattice = [4.05, 4.05, 4.05, 90, 90, 90]
spacegroup = "F m -3 m"
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A page whose scan was looked at as a whole."""
    recipe = write_recipe(tmp_path_factory.mktemp("page"))
    with recipe.open("a") as file:
        file.write(GEOMETRY)
    with page_of(recipe) as client:
        yield client


@pytest.fixture
def fresh(tmp_path):
    """One for changes."""
    with page_of(write_recipe(tmp_path)) as client:
        yield client


def draft_of(page):
    return page.get("api/session").json()["recipe"]["segment"]


def solved(page, scope="whole", **changes):
    body = {"client": "me", "seq": time.monotonic_ns(), "segment": {**draft_of(page), **changes}, "scope": scope}
    response = page.post("api/solve", json={**body, "frame": 20})
    assert response.status_code == 200, response.text
    return response.json()


def finished(page, seconds=100):
    """Wait for the run that was started; the facts about it."""
    end = time.monotonic() + seconds
    while (facts := page.get("api/progress").json()["run"])["state"] in ("running", "stopping"):
        assert time.monotonic() < end
        time.sleep(0.05)
    return facts


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"seed_threshold": 80.0, "tolerance": 0.3, "min_size": [2, 2, 2]},
        {"unit": "sigma", "noise": "local", "seed_threshold": 12.0, "grow_min": 6.0},
        {"exclude": ["beam", [0, 0, 12, 48]], "reject_touching_excluded": True, "grow_max": 45.0},
    ],
)
def test_a_run_of_the_saved_recipe_gives_the_blobs_that_the_page_showed(fresh, changes):
    segment = {**draft_of(fresh), **changes}
    answer = fresh.post("api/draft", json={"client": "me", "section": "segment", "values": segment})
    assert answer.status_code == 200, answer.text
    settled(fresh.session.scan_pass)
    said = solved(fresh, **changes)
    shown = fresh.session.solver.solutions.get(said["solution"])
    assert said["kept"] == len(shown.table) > 0
    assert fresh.post("api/save", json={"client": "me", "write": True}).status_code == 200
    out = run(fresh.session.project.recipe_path)
    stored = read_blobs(out)
    assert stored.threshold_unit == shown.table.threshold_unit
    assert same_bytes(stored, read_as_stored(shown.table))
    numbers_, about = numbers(fresh.get("api/table", params={"solution": said["solution"]}))
    for name, column in zip(about["columns"][:-1], numbers_, strict=False):
        np.testing.assert_array_equal(column, stored.columns[name].astype(np.float32), err_msg=name)


def test_the_table_says_which_columns_it_has_and_why_rows_were_rejected(page):
    said = solved(page, min_size=[6, 6, 1])
    values, about = numbers(page.get("api/table", params={"solution": said["solution"]}))
    assert about["columns"] == [*COLUMN, "reason"]
    assert about["kept"] == said["kept"]
    reasons = [about["reasons"][int(code)] for code in values[-1][about["kept"] :]]
    assert {name: reasons.count(name) for name in set(reasons)} == said["rejected"]
    few, about = numbers(page.get("api/table", params={"solution": said["solution"], "columns": "reason,IMax_int"}))
    assert few.shape[0] == 2
    assert page.get("api/table", params={"solution": said["solution"], "columns": "x"}).status_code == 422
    assert page.get("api/table", params={"solution": "nothing"}).status_code == 409


def test_the_noise_along_a_row_is_what_values_were_divided_by(page):
    scope = {"scope": "sub", "unit": "sigma", "seed_threshold": 10.0, "grow_min": 4.0}
    said = solved(page, **scope, noise="local")
    assert said["noise"] == "local"
    image = page.session.scan_pass.baseline.sigma_image
    row, about = numbers(page.get("api/noise", params={"solution": said["solution"], "row": 7}))
    np.testing.assert_array_equal(row, image[7])
    assert about["shape"] == [image.shape[1]]
    assert page.get("api/noise", params={"solution": said["solution"], "row": len(image)}).status_code == 422
    said = solved(page, **scope, noise="scan")
    assert said["noise"] is None
    assert page.get("api/noise", params={"solution": said["solution"], "row": 7}).status_code == 409


@pytest.mark.parametrize("scope", ["whole", "sub"])
def test_outlines_are_the_voxels_of_the_table(page, scope):
    said = solved(page, scope)
    table = page.session.solver.solutions.get(said["solution"]).table
    voxels = table.voxels
    for axis, line, start, at in (
        ("frame", voxels.row, voxels.col, voxels.frame),
        ("row", voxels.frame, voxels.col, voxels.row),
        ("col", voxels.frame, voxels.row, voxels.col),
    ):
        place = int(at[len(at) // 2])
        runs, _ = numbers(page.get("api/outlines", params={"solution": said["solution"], axis: place}))
        here = at == place
        assert runs[:, 2].sum() == here.sum()
        found = {(int(a), int(b) + k) for a, b, n, _ in runs for k in range(int(n))}
        assert found == set(zip(line[here].tolist(), start[here].tolist(), strict=True))


def test_a_blob_is_shown_with_its_film(page):
    said = solved(page)
    for row in range(said["kept"]):
        facts = page.get("api/blob", params={"solution": said["solution"], "id": row}).json()
        assert facts["reason"] == "kept"
        assert facts["partner"] is facts["grain"] is None
        stills, about = numbers(page.get("api/film", params={"solution": said["solution"], "id": row}))
        top = max(
            stills[
                (f - about["start"]) % FRAMES, y - about["row0"], x - about["col0"] : x - about["col0"] + n
            ].max()
            for f, y, x, n in about["runs"]
        )
        assert top == pytest.approx(facts["IMax_int"])
    assert page.get("api/blob", params={"solution": said["solution"], "id": 9999}).status_code == 422
    assert page.get("api/film", params={"solution": said["solution"], "id": -1}).status_code == 422


def test_a_newer_request_overtakes_an_older_one(page):
    body = {"client": "two", "segment": draft_of(page), "scope": "sub", "frame": 3}
    assert page.post("api/solve", json={**body, "seq": 10}).status_code == 200
    late = page.post("api/solve", json={**body, "seq": 9})
    assert (late.status_code, late.json()["error"]) == (409, "overtaken")


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"segment": {"seed_threshold": -1.0}}, 422),
        ({"segment": {"seed_treshold": 1.0}}, 422),
        ({"segment": {"noise": "/etc/passwd"}}, 422),
        ({"segment": {"exclude": ["/etc/passwd"]}}, 422),
        ({"segment": 7}, 422),
        ({"scope": "all"}, 422),
        ({"frame": "x"}, 422),
        ({"seq": 1 << 80}, 422),
        ({"segment": {"unit": "counts", "seed_threshold": 0.5, "grow_min": 0.1}}, 409),
    ],
)
def test_what_cannot_be_solved_is_one_line(page, changes, status):
    body = {"client": "three", "seq": 1, "segment": draft_of(page), "scope": "sub", "frame": 3} | changes
    answer = page.post("api/solve", json=body)
    assert answer.status_code == status, answer.text
    assert "\n" not in answer.json()["error"]
    assert page.post("api/solve", json={**body, **changes, "client": ["x"]}).status_code == status


def test_frames_beyond_the_scan_are_taken_as_its_ends(page):
    body = {"client": "four", "seq": 1, "segment": draft_of(page), "scope": "sub"}
    for frame in (-5, FRAMES, 10**9):
        assert page.post("api/solve", json={**body, "frame": frame}).status_code in (200, 422)


def test_voxels_below_the_floor_are_collected_in_the_background(fresh):
    bright = fresh.session.scan_pass.bright
    low = {"seed_threshold": 30.0, "grow_min": 0.7 * bright.floor, "tolerance": 0.0, "max_bright_fraction": 0.3}
    body = {"client": "me", "seq": 1, "segment": {**draft_of(fresh), **low}, "scope": "whole", "frame": 0}
    answer = fresh.post("api/solve", json=body)
    assert answer.status_code == 409
    assert "collected again" in answer.json()["error"]
    settled(fresh.session.scan_pass)
    assert fresh.post("api/solve", json={**body, "seq": 2}).status_code == 200


def test_distributions_have_the_unit_of_the_thresholds(page):
    for unit, noise in (("counts", "scan"), ("sigma", "scan"), ("sigma", "local")):
        values = {**draft_of(page), "unit": unit, "noise": noise}
        page.post("api/draft", json={"client": "me", "section": "segment", "values": values})
        settled(page.session.scan_pass)
        sigma = page.get("api/session").json()["baseline"]["sigma"] if unit == "counts" else 1.0
        found = page.get("api/histogram").json()
        assert (found["unit"], found["sigma"]) == (unit, pytest.approx(sigma))
        assert len(found["edges"]) == len(found["counts"]) + 1 == len(found["noise"]) + 1
        curve = page.get("api/elbow", params={"scope": "whole"}).json()
        lengths = {len(curve[name]) for name in ("thresholds", "bright_fraction", "blobs", "seeds")}
        assert lengths == {24}
        assert page.get("api/elbow", params={"scope": "sub", "frame": 30}).status_code == 200
    values = {**draft_of(page), "unit": "counts", "noise": "scan"}
    page.post("api/draft", json={"client": "me", "section": "segment", "values": values})
    settled(page.session.scan_pass)


def test_pairs_are_counted_and_thresholds_proposed(page):
    found = page.post("api/pairable", json={"client": "me", "segment": draft_of(page)}).json()
    assert "error" not in found, found
    assert set(found) == {"pairs", "null", "blobs", "fraction"}
    assert found["blobs"] == solved(page)["kept"]
    assert page.post("api/propose", json={"client": "me"}).json() == {}
    end = time.monotonic() + 60
    while (state := page.get("api/progress").json()["propose"])["state"] == "running":
        assert time.monotonic() < end
        time.sleep(0.02)
    assert state["state"] == "done", state
    assert page.post("api/propose", json={"client": "me", "stop": True}).status_code == 200
    assert page.post("api/propose", json={"client": "somebody"}).status_code == 409


def test_without_a_geometry_pairs_are_refused(fresh):
    answer = fresh.post("api/pairable", json={"client": "me", "segment": draft_of(fresh)})
    assert (answer.status_code, "[setup]" in answer.json()["error"]) == (409, True)


def test_only_a_saved_recipe_runs_and_its_run_is_the_shells(fresh):
    project = fresh.session.project
    values = {**draft_of(fresh), "seed_threshold": 75.0}
    fresh.post("api/draft", json={"client": "me", "section": "segment", "values": values})
    answer = fresh.post("api/run", json={"client": "me", "to": "segment"})
    assert (answer.status_code, "not saved" in answer.json()["error"]) == (409, True)
    assert fresh.get("api/session").json()["file"]["unsaved"] is True
    preview = fresh.post("api/save", json={"client": "me", "write": False}).json()
    assert "-seed_threshold = 60.0" in preview["diff"]
    assert "seed_threshold = 60.0" in project.recipe_path.read_text()
    fresh.post("api/save", json={"client": "me", "write": True})
    assert fresh.post("api/save", json={"client": "me"}).json()["diff"] == ""
    assert project.recipe_path.read_text().startswith("# mine\n")
    assert fresh.get("api/session").json()["file"]["unsaved"] is False
    started = fresh.post("api/run", json={"client": "me", "to": "segment"})
    assert started.status_code == 200, started.text
    again = fresh.post("api/run", json={"client": "me", "to": "segment"})
    assert (again.status_code, "at work" in again.json()["error"]) == (409, True)
    facts = finished(fresh)
    assert (facts["state"], facts["exit"], facts["stage"]) == ("done", 0, "report"), fresh.get("api/log").json()
    log = fresh.get("api/log", params={"from": 0}).json()
    assert f"{len(read_blobs(project.out))} blobs" in log["text"]
    assert fresh.get("api/log", params={"from": log["next"]}).json() == {"text": "", "next": log["next"]}
    shown = fresh.session.solver.solutions.get(solved(fresh)["solution"])
    assert same_bytes(read_blobs(project.out), read_as_stored(shown.table))
    assert fresh.get("api/session").json()["has"]["blobs"]


def test_a_run_is_stopped_from_the_page(fresh):
    assert fresh.post("api/stop", json={"client": "me"}).status_code == 409
    assert fresh.post("api/run", json={"client": "me", "to": "preprocess"}).status_code == 200
    assert fresh.post("api/stop", json={"client": "me"}).status_code == 200
    facts = finished(fresh)
    assert facts["state"] == ("done" if facts["exit"] == 0 else "stopped"), facts
    assert facts["text"] in ("", "interrupted", "interrupted: what is finished is kept")  # or before it began
    assert fresh.post("api/run", json={"client": "me", "to": "x"}).status_code == 422


@given(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)))
def test_a_mask_is_its_runs(mask):
    painted = np.zeros_like(mask)
    paint_runs(painted, runs_of(mask), value=True)
    np.testing.assert_array_equal(painted, mask)


def test_what_a_stroke_changed_can_be_taken_back(fresh):
    before = fresh.session.scan.mask.copy()
    stroke = {"client": "me", "op": "paint"}
    fresh.post("api/mask", json={**stroke, "runs": [[2, 3, 6], [3, 0, 4]]})
    said = fresh.post("api/mask", json={**stroke, "runs": [[2, 0, 9], [3, 1, 3]]}).json()
    assert (said["painted"], said["erased"]) == ([[2, 0, 3], [2, 6, 9]], [])
    said = fresh.post("api/mask", json={"client": "me", "op": "clear"}).json()
    assert (said["painted"], said["erased"], said["masked"]) == ([], [[2, 0, 9], [3, 0, 4]], before.sum())


def test_a_painted_mask_is_saved_and_what_runs_has_it(fresh):
    project = fresh.session.project
    before = solved(fresh)["kept"]
    x, y = (int(fresh.session.solver.solutions.get(solved(fresh)["solution"]).table[name][0]) for name in
                   ("IMax_f", "IMax_s"))  # fmt: skip
    runs = [[row, x - 4, x + 5] for row in range(y - 4, y + 5)]
    fresh.post("api/mask", json={"client": "me", "op": "paint", "runs": runs})
    settled(fresh.session.scan_pass)
    assert solved(fresh)["kept"] < before
    said = fresh.post("api/save", json={"client": "me", "write": True}).json()
    assert said["mask_path"].endswith("scan.mask.tif")
    settled(fresh.session.scan_pass)
    shown = fresh.session.solver.solutions.get(solved(fresh)["solution"]).table
    assert load_recipe(project.recipe_path).scan.mask == said["mask_path"]
    assert same_bytes(read_blobs(run(project.recipe_path)), read_as_stored(shown))
    assert "mask_path" not in fresh.post("api/save", json={"client": "me"}).json()


def test_a_folder_is_saved_to_the_recipe_beside_it(tmp_path, monkeypatch):
    write_scan(tmp_path / "scan.h5")
    recipe = write_recipe(tmp_path)
    out = run(recipe, out=tmp_path / "elsewhere")
    with page_of(out) as page:
        values = {**draft_of(page), "seed_threshold": 70.0}
        page.post("api/draft", json={"client": "me", "section": "segment", "values": values})
        said = page.post("api/save", json={"client": "me", "write": True}).json()
        assert said["path"] == str(tmp_path / "elsewhere.toml")
        assert said["command"] == f"friedel run {tmp_path / 'elsewhere.toml'}"
        assert load_recipe(said["path"]).segment.seed_threshold == 70.0
        assert load_recipe(out / "recipe.toml").segment.seed_threshold == 60.0
        about = page.get("api/session").json()["file"]
        assert about == {"path": said["path"], "command": said["command"], "unsaved": False, "exists": True}
        monkeypatch.setattr(
            running, "command", lambda *words, **_: [sys.executable, "-c", f"print({str(words[:2])!r})"]
        )
        assert page.post("api/run", json={"client": "me", "to": "segment"}).status_code == 200
        assert finished(page)["state"] == "done"
        assert str(tmp_path / "elsewhere.toml") in page.get("api/log").json()["text"]


def test_an_unsaved_folder_says_so_as_the_run_does(tmp_path):
    out = run(write_recipe(tmp_path), out=tmp_path / "elsewhere")
    with page_of(out) as page:
        about = page.get("api/session").json()["file"]
        assert (about["unsaved"], about["exists"]) == (True, False)
        assert page.post("api/run", json={"client": "me", "to": "segment"}).status_code == 409


def test_a_run_has_the_machine_for_itself_and_its_folder_is_not_called_unfinished(tmp_path, monkeypatch):
    recipe = write_recipe(tmp_path)
    out = run(recipe, to_stage="preprocess")
    with page_of(recipe) as page:
        assert not page.get("api/session").json()["stale"]
        until = out / "end"
        code = (
            "import sys, time, pathlib; from friedel.runner.lock import locked\n"
            "with locked(pathlib.Path(sys.argv[1])):\n"
            "    print('here', flush=True)\n"
            "    while not pathlib.Path(sys.argv[2]).exists(): time.sleep(0.02)"
        )
        monkeypatch.setattr(running, "command", lambda *_, **__: [sys.executable, "-c", code, str(out), str(until)])
        assert page.post("api/run", json={"client": "me", "to": "segment"}).status_code == 200
        wait_for(lambda: "here" in page.get("api/log").json()["text"])
        said = page.get("api/session").json()
        assert (said["troubles"], said["stale"]) == ([], [])
        values = {**said["recipe"]["preprocess"], "half_window": 12}
        page.post("api/draft", json={"client": "me", "section": "preprocess", "values": values})
        wait_for(lambda: page.session.scan_pass.state == "stopped")
        until.touch()
        wait_for(lambda: page.session.scan_pass.state == "done")
        assert finished(page)["state"] == "done"


def wait_for(happened, seconds=30.0):
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_an_estimate_is_lines(fresh):
    found = fresh.get("api/estimate").json()
    assert found["fits"] is True
    assert any(line.startswith("memory: ") for line in found["lines"])


def test_somebody_else_may_look_but_not_run_or_save(page):
    page.post("api/control", json={"client": "me", "take": True})
    for path in ("run", "stop", "save", "propose"):
        answer = page.post(f"api/{path}", json={"client": "another", "write": True})
        assert (answer.status_code, answer.json()["error"]) == (409, "somebody else is in control")
    assert "diff" in page.post("api/save", json={"client": "another"}).json()
