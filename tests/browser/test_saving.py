"""A recipe is saved and run: what comes out is exactly what the page showed."""

import tomllib

import numpy as np

import friedel
from bench._scans import identical


def test_the_run_of_the_saved_recipe_gives_exactly_the_blobs_that_the_page_showed(copied, serve):
    recipe = copied / "s.toml"
    text = "# my own remark\n" + recipe.read_text()
    recipe.write_text(text)
    view = serve(recipe)
    shown, kept, voxels = chosen_by_hand(view)
    panel = saved(view, recipe, text)
    assert f"friedel run {recipe}" in panel.locator(".copy-line code").first.text_content()
    ran(view)
    found = friedel.read_blobs(copied / "s" / "blobs.h5")
    assert len(found) == kept
    assert len(found.reason) == len(shown["reason"])
    for name, values in shown.items():
        column = found.reason if name == "reason" else found.columns[name]
        np.testing.assert_array_equal(values, column.astype(np.float32), err_msg=name)
    assert voxels == {frame: runs_of(found, frame) for frame in voxels}
    again = friedel.run(recipe, copied / "shell", to_stage="segment", report=False)
    assert identical(again / "blobs.h5", copied / "s" / "blobs.h5")


def chosen_by_hand(view):
    """Change parameters of both sections; the table of the whole scan, and outlines of some frames."""
    view.tab("frames")
    view.until("friedel.counters.frame > 0")
    view.settled().page.keyboard.press("d")
    col0, row0, col1, row1 = view.state("preprocess", "beam")
    view.drag(view.place("frames", col1, row1), view.place("frames", col1 + 3, row1 + 2))
    assert view.state("preprocess", "beam") == [col0, row0, col1 + 3, row1 + 2]
    panel = view.tab("segment")
    view.settled()
    panel.get_by_role("radio", name="whole scan").click()
    _, seed, _ = view.grips("segment", ".histogram", "ew-resize")
    view.drag(seed, (seed[0] - 20, seed[1]))
    tolerance = panel.locator("[data-name='tolerance'] input[type='range']")
    tolerance.fill("450")
    view.until("friedel.state.get().solution?.scope === 'whole'")
    view.settled()
    shown, kept = view.table()
    assert str(kept) == panel.locator(".result .counts > *").first.text_content()
    voxels = {frame: outlines(view, frame) for frame in range(0, 180, 30)}
    assert sum(map(len, voxels.values())) > 20
    return shown, kept, voxels


def outlines(view, frame):
    """Voxels of a frame with their rows of the table, as the page draws them."""
    runs = view.js(
        """import(new URL('static/lib/api.js', document.baseURI)).then(({getArray}) =>
             getArray('api/outlines', {params: {solution: friedel.state.get().solution.solution, frame: it}}))
           .then(({data}) => Array.from(data))""",
        frame,
    )
    return {
        (row, col, of)
        for row, start, length, of in np.reshape(runs, (-1, 4)).tolist()
        for col in range(start, start + length)
    }


def runs_of(found, frame):
    """The same of a file of blobs."""
    voxels = found.voxels
    counts = np.diff(voxels.pointer)
    of = np.repeat(np.arange(len(counts)), counts)
    here = voxels.frame % found.shape[0] == frame
    return set(zip(voxels.row[here].tolist(), voxels.col[here].tolist(), of[here].tolist(), strict=True))


def saved(view, recipe, text):
    """Look at the difference, then save; comments are kept."""
    panel = view.tab("save")
    view.until("document.querySelector('#panel-save .diff .added')")
    added = panel.locator(".diff .added > span:last-child").all_text_contents()
    draft = view.js("friedel.state.get().session.recipe")
    assert f"seed_threshold = {draft['segment']['seed_threshold']}" in added
    assert len(panel.locator(".diff .removed").all()) == len(added)
    assert recipe.read_text() == text
    panel.get_by_role("button", name="Save the recipe").click()
    view.until(
        "document.querySelector('#panel-save h2').textContent === 'Saved' || document.querySelector('.toast')"
    )
    view.until("friedel.state.same(friedel.state.get().session.recipe, friedel.state.get().session.saved)")
    after = recipe.read_text()
    assert after.startswith("# my own remark\n")
    comments = [line for line in text.splitlines() if line.startswith("#")]
    assert [line for line in after.splitlines() if line.startswith("#")] == comments
    values = tomllib.loads(after)
    assert values["segment"]["seed_threshold"] == draft["segment"]["seed_threshold"]
    assert values["preprocess"]["beam"] == draft["preprocess"]["beam"]
    return panel


def ran(view):
    """Run up to the blobs with the page's own button."""
    panel = view.tab("run")
    view.until("document.querySelector('#panel-run .estimate .verdict')")
    panel.get_by_role("radio", name="segment").or_(panel.get_by_label("Run up to segment")).first.click()
    panel.locator("button.primary").click()
    view.until("['running', 'done'].includes(friedel.state.get().progress.run.state)")
    view.until("friedel.state.get().progress.run.state === 'done'")
    view.until(
        "friedel.state.get().session.stages.segment && document.querySelector('#panel-run .log').textContent"
    )


def test_a_run_is_stopped_and_says_so(copied, serve):
    view = serve(copied / "s.toml", state="tab=run")
    panel = view.panel("run")
    view.until("document.querySelector('#panel-run .estimate .verdict')")
    panel.locator("#restart").check()
    panel.locator("button.primary").click()
    view.until("friedel.state.get().progress.run.state === 'running'")
    panel.get_by_role("button", name="Stop").click()
    view.until("friedel.state.get().progress.run.state === 'stopped'")
    assert "stopped" in panel.locator(".outcome").text_content()


def test_a_painted_mask_is_saved_beside_the_recipe_and_used_by_it(copied, serve):
    view = serve(copied / "s.toml")
    view.until("friedel.counters.frame > 0")
    view.settled().page.keyboard.press("p")
    view.drag(view.place("frames", 20, 20), view.place("frames", 30, 20))
    view.until("document.querySelector('#panel-frames').textContent.includes('pixels masked')")
    panel = view.tab("save")
    view.until("document.querySelector('#panel-save').textContent.includes('s.mask.tif')")
    panel.get_by_role("button", name="Save the recipe").click()
    view.until("friedel.state.get().session.saved.scan.mask")
    assert (copied / "s.mask.tif").exists()
    scan = tomllib.loads((copied / "s.toml").read_text())["scan"]
    assert scan["mask"] == "s.mask.tif"
    ran_elsewhere(view, copied)


def ran_elsewhere(view, copied):
    """The folder holds the results without the mask: the page says so, and a click runs into another folder."""
    before = (copied / "s" / "run.json").read_bytes()
    panel = view.tab("run")
    panel.locator(".stage-row").first.click()  # preprocess
    said = panel.locator(".refused")
    assert "holds the results of this scan with other settings" in said.text_content()
    assert panel.locator("button.primary").is_disabled()
    assert said.get_by_role("button", name="Replace them (--restart)").is_enabled()
    said.get_by_role("button", name="Keep them, run into s-2").click()
    view.until("friedel.state.get().progress.run.state === 'done'")
    view.until("friedel.state.get().session.stages.preprocess && !friedel.state.get().session.stages.segment")
    assert view.state("session", "out") == str(copied / "s-2")
    assert view.state("session", "stale") == []
    assert said.is_hidden()
    assert f"-o {copied / 's-2'}" in panel.locator(".toolbar code").text_content()
    assert (copied / "s" / "run.json").read_bytes() == before
