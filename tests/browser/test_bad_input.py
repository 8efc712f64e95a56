"""What is broken is said in the page's first lines, and what there is can still be looked at."""

import json
import re

import friedel


def said(view):
    """The lines under the header."""
    view.until("!document.querySelector('#troubles').hidden")
    return view.page.locator("#troubles").text_content()


def test_a_recipe_with_a_wrong_value_says_which_and_shows_the_frames(copied, serve):
    recipe = copied / "s.toml"
    recipe.write_text(re.sub(r"tolerance = 0\.1\b", "tolerance = 3.0", recipe.read_text()))
    view = serve(recipe)
    assert "tolerance" in said(view)
    view.until("friedel.counters.frame > 0")
    view.tab("grains")
    view.until("friedel.spots && document.querySelectorAll('tr[data-grain]').length === 3")
    view.page.locator("#troubles button").first.click()
    view.until("document.querySelector('#troubles').hidden")


def test_a_recipe_that_is_no_toml_says_so_and_shows_the_results_beside_it(copied, serve):
    (copied / "s.toml").write_text("[scan\nframes = ")
    view = serve(copied / "s.toml")
    assert "recipe" in said(view)
    view.tab("volume")
    view.until("friedel.solid?.labels")


def test_a_scan_that_vanished_is_named_and_the_results_are_there(copied, serve):
    (copied / "s.h5").unlink()
    view = serve(copied / "s.toml")
    assert "s.h5" in said(view)
    assert "put it back" in said(view)
    view.until("document.querySelector('#panel-frames').textContent.includes('No frames to show')")
    view.tab("segment")
    view.until("document.querySelector('#panel-segment').textContent.includes('could not be opened')")
    view.tab("grains")
    view.until("friedel.spots && document.querySelectorAll('tr[data-grain]').length === 3")


def test_a_run_that_ended_half_way_says_what_is_missing(copied, serve):
    friedel.run(copied / "s.toml", copied / "half", to_stage="segment", report=False)
    view = serve(copied / "half")
    assert "match" in said(view)
    view.tab("run")
    view.until("document.querySelector('#panel-run .unsaved').textContent.includes('half.toml does not exist yet')")
    view.tab("save")
    view.until("document.querySelector('#panel-save h2').textContent.includes('new file')")
    view.tab("grains")
    view.until("document.querySelector('#panel-grains').textContent.includes('No grains yet')")
    view.until("friedel.counters.spots > 0")
    view.tab("volume")
    view.until("document.querySelector('#panel-volume').textContent.includes('No map yet')")
    view.tab("segment")
    view.settled()
    assert view.state("solution", "kept") > 0


def test_an_old_folder_with_damaged_files_shows_what_can_still_be_read(copied, serve):
    out = copied / "s"
    record = json.loads((out / "run.json").read_text())
    record["versions"]["friedel"] = "0.0.1"
    (out / "run.json").write_text(json.dumps(record))
    (out / "volume.h5").write_bytes((out / "volume.h5").read_bytes()[:900])
    (out / "background.h5").unlink()
    view = serve(out)
    view.tab("volume")
    assert "volume.h5" in said(view)
    view.until("document.querySelector('#panel-volume .empty')?.textContent.includes('gone or damaged')")
    view.tab("grains")
    view.until("document.querySelectorAll('tr[data-grain]').length === 3")
    stages = view.tab("run").locator(".stage-row")
    for name, damaged in (("preprocess", True), ("segment", False), ("assemble", True)):
        text = stages.filter(has_text=name).first.text_content()
        assert ("gone or damaged" in text, "other parameters" in text) == (damaged, False), text
    view.tab("segment")
    view.settled()
    assert view.state("solution", "kept") > 0


def test_a_recipe_without_geometry_goes_as_far_as_the_blobs(copied, serve, tmp_path):
    recipe = friedel.init(str(copied / "s.h5"), tmp_path / "bare.toml")
    view = serve(recipe, state="tab=segment")
    view.settled()
    assert view.state("solution", "kept") > 0
    assert "[setup]" in view.page.locator(".pair-text").text_content()
    view.tab("grains")
    view.until("document.querySelector('#panel-grains').textContent.includes('No spots yet')")
    view.panel("grains").get_by_role("button", name="Run").click()
    view.until("document.querySelector('#panel-run .primary').textContent.includes('segment')")
