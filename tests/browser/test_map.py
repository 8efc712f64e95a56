"""The pages of grains and of their map: what is seen is what the files hold, and one leads to the other."""

import numpy as np
import pytest

from friedel.io.store import read_blobs, read_grains, read_volume
from friedel.model.grains import Status
from tests.browser.conftest import looking

RAY = """(() => {
  const {solid} = friedel;
  const rays = solid.camera.rays(solid.width, solid.height);
  const from = rays.start.map((v, k) => v + it[0] * rays.across[k] + (solid.height - it[1]) * rays.upwards[k]);
  const found = solid.voxelAt(it[0], it[1]);
  return {from, way: rays.forward, reach: rays.reach, found: found && [found.x, found.y, found.z, found.label]};
})()"""


@pytest.fixture(scope="module")
def stored(scanned):
    out = scanned / "s"
    return read_volume(out / "volume.h5"), read_grains(out / "grains.h5"), read_blobs(out / "blobs.h5")


@pytest.fixture(params=["webgl", "canvas"])
def map_page(request, browser, address):
    """The map, drawn by WebGL2 and without it."""
    with looking(browser, address + ("" if request.param == "webgl" else "&gl=0")) as view:
        view.open("tab=volume&grain=1")
        view.until("friedel.solid?.bestDone")
        name = view.js("friedel.solid.renderer.name")
        assert (name == "Canvas2D") == (request.param == "canvas")
        yield view


def first_along(volume, from_, way, reach, cut):
    """The first voxel with a grain, by small steps; z, y, x."""
    for t in np.arange(0, reach * 1.2, 0.002):
        place = np.array(from_) + t * np.array(way)
        x, y, z = np.floor(place).astype(int)
        depth, rows, cols = volume.grain_id.shape
        inside = 0 <= x < cols and 0 <= y < rows and 0 <= z < depth
        if (
            inside
            and volume.grain_id[z, y, x]
            and not (cut is not None and all(cut[0] <= place) and all(place < cut[1]))
        ):
            return x, y, z
    return None


def test_a_ray_meets_the_voxel_that_lies_before_the_viewer(map_page, stored):
    volume, _, _ = stored
    width, height = map_page.js("[friedel.solid.width, friedel.solid.height]")
    cut = map_page.js("[friedel.solid.scene.cutLow, friedel.solid.scene.cutHigh]")
    hits = 0
    for across, down in [(0.5, 0.5), (0.4, 0.62), (0.62, 0.34), (0.3, 0.45), (0.55, 0.7), (0.02, 0.02)]:
        ray = map_page.js(RAY, [across * width, down * height])
        expected = first_along(volume, ray["from"], ray["way"], ray["reach"], np.array(cut))
        assert (ray["found"] is None) == (expected is None)
        if expected is not None:
            x, y, z = expected
            assert ray["found"] == [x, y, z, int(volume.grain_id[z, y, x])]
            hits += 1
    assert hits >= 4


def test_the_picture_shows_the_colours_of_the_grains_and_hides_what_is_switched_off(map_page, stored):
    volume, _, _ = stored
    assert map_page.js("friedel.solid.field.count") == np.count_nonzero(volume.grain_id)
    box = map_page.page.locator(".solid-view").bounding_box()
    shot = map_page.shot()
    part = shot[int(box["y"]) : int(box["y"] + box["height"]), int(box["x"]) : int(box["x"] + box["width"])].astype(
        int
    )
    assert (np.ptp(part, axis=2) > 60).mean() > 0.08  # something coloured
    for status in (Status.MEASURED, Status.CONTESTED):
        map_page.page.locator(f".toggle:has-text('{status.name.lower()}')").click()
        left = (volume.grain_id > 0) & (volume.status != status)
        map_page.until(f"friedel.solid.field.count === {np.count_nonzero(left)}")
        map_page.page.locator(f".toggle:has-text('{status.name.lower()}')").click()
    map_page.until(f"friedel.solid.field.count === {np.count_nonzero(volume.grain_id)}")
    map_page.page.locator(".toggle:has-text('Only this grain')").click()
    map_page.until(f"friedel.solid.field.count === {np.count_nonzero(volume.grain_id == 1)}")


def test_clipping_takes_away_what_lies_outside(map_page, stored):
    volume, _, _ = stored
    map_page.page.locator(".toggle:has-text('Cut corner')").click()
    cols = volume.grain_id.shape[2]
    slider = map_page.page.locator("[data-axis=x] input").first
    slider.fill(str(cols // 2))
    assert map_page.js("friedel.solid.scene.low[0]") == cols // 2
    width, height = map_page.js("[friedel.solid.width, friedel.solid.height]")
    found = [map_page.js(RAY, [a * width, b * height])["found"] for a in (0.3, 0.5, 0.7) for b in (0.4, 0.6)]
    assert any(found)
    assert all(one[0] >= cols // 2 for one in found if one)


def test_a_voxel_leads_to_its_grain_its_spots_and_their_frames(view, stored):
    volume, grains, blobs = stored
    view.tab("volume")
    view.until("friedel.solid?.labels")
    slice_ = view.page.locator("[data-slice=xy]")
    box = slice_.bounding_box()
    slice_.click(position={"x": box["width"] / 2, "y": box["height"] / 2})
    view.until("friedel.state.get().selection.grain !== null")
    grain = view.state("selection", "grain")
    x, y, z = view.state("cross")
    assert volume.grain_id[z, y, x] == grain + 1
    view.page.locator("#panel-volume .grain-card button:has-text('spots')").click()
    view.until("document.querySelectorAll('#panel-grains .spot-list tbody tr').length > 0")
    mine = grains.blobs[grains.blob_pointer[grain] : grains.blob_pointer[grain + 1]]
    rows = view.page.locator("#panel-grains .spot-list tbody tr")
    assert sorted(int(row.get_attribute("data-blob")) for row in rows.all()) == sorted(mine.tolist())
    blob = int(rows.first.get_attribute("data-blob"))
    rows.first.click()
    view.until("friedel.state.get().tab === 'segment'")
    frame = round(float(blobs["frame"][blob])) % blobs.shape[0]
    view.until("friedel.state.get().selection.blob !== null")
    assert abs(view.state("frame") - frame) <= blobs["frame_stop"][blob] - blobs["frame_start"][blob]
    assert view.state("cursor") == {"row": int(blobs["IMax_s"][blob]), "col": int(blobs["IMax_f"][blob])}
    assert (view.state("spot"), view.state("selection", "grain")) == (blob, grain)
    card = view.panel("segment").locator(".leaf.blob")
    card.get_by_text(f"grain {grain + 1}").wait_for()
    assert card.is_visible()
    assert marked(view, blobs["IMax_f"][blob], blobs["IMax_s"][blob])
    view.page.keyboard.press("o")  # without the outlines of all others
    view.page.wait_for_timeout(100)
    assert marked(view, blobs["IMax_f"][blob], blobs["IMax_s"][blob])


def marked(view, col, row):
    """Whether a white line stands beside a pixel of the frame on the page Segment."""
    view.settled()
    x, y = view.place("segment", float(col) + 0.5, float(row) + 0.5)
    near = view.shot()[round(y) - 25 : round(y) + 25, round(x) - 25 : round(x) + 25]
    return int((near == 255).all(axis=2).sum()) > 20


def test_what_is_chosen_is_one_thing_on_all_pages(view, stored):
    _, grains, blobs = stored
    mine = [grains.blobs[a:b].tolist() for a, b in zip(grains.blob_pointer, grains.blob_pointer[1:], strict=False)]
    spot = next(blob for blob in mine[1] if blob not in mine[0] and blob not in mine[2])
    view.open(f"tab=grains&grain=1&spot={spot}").page.reload()  # of another grain: the spot is what was looked at
    view.until("window.friedel?.ready && friedel.state.get().selection.grain === 1")
    view.page.get_by_text("Grain 2", exact=True).first.wait_for()
    assert view.state("spot") == spot
    view.tab("volume")
    view.until("friedel.solid?.labels")
    view.js("import(new URL('static/lib/state.js', document.baseURI)).then(s => s.chooseGrain(0))")
    assert (view.state("spot"), view.state("selection")) == (None, {"blob": None, "grain": 0})
    view.until("location.hash.includes('tab=volume') && location.hash.includes('grain=1')")
    view.tab("segment")
    view.settled()
    blob = mine[2][0]
    frame = round(float(blobs["IMax_o"][blob] / blobs.omega_step_deg - 0.5))
    chosen = view.clicked(frame, blobs["IMax_f"][blob], blobs["IMax_s"][blob])
    view.until("friedel.state.get().selection.grain === 2")
    assert view.state("spot") == blob
    view.tab("grains")
    view.panel("grains").get_by_text("Grain 3", exact=True).wait_for()
    assert view.state("selection", "blob") == chosen
    for tab in ("grains", "segment"):
        view.until(f"location.hash.includes('tab={tab}')")
        view.page.go_back()
    view.until("friedel.state.get().tab === 'volume' && friedel.state.get().selection.grain === 0")
    assert (view.state("spot"), view.state("selection")) == (None, {"blob": None, "grain": 0})


def test_a_spot_that_is_clicked_is_the_one_below_the_pointer(view, stored):
    _, grains, blobs = stored
    view.tab("grains")
    view.until("friedel.counters.spots > 1 && friedel.spots.detector.size.width > 0")
    blob = int(grains.blobs[0])
    place = view.js(
        "(() => { const v = friedel.spots.detector, p = v.toScreen(it[1] + 0.5, it[0] + 0.5), "
        "b = v.host.getBoundingClientRect(); return [b.left + p.x, b.top + p.y]; })()",
        [float(blobs["s_raw"][blob]), float(blobs["f_raw"][blob])],
    )
    view.page.mouse.click(*place)
    view.until("friedel.state.get().spot !== null && friedel.state.get().spot !== undefined")
    spot = view.state("spot")
    near = np.hypot(blobs["s_raw"] - blobs["s_raw"][blob], blobs["f_raw"] - blobs["f_raw"][blob])
    assert near[spot] <= near[blob] + 0.05
    view.page.keyboard.press("Escape")
    assert view.state("spot") is None


def test_the_list_of_grains_begins_with_the_least_trusted_and_is_filtered(view, stored):
    _, grains, _ = stored
    view.tab("grains")
    view.until("document.querySelectorAll('#panel-grains tr[data-grain]').length > 0")
    trust = view.js("fetch('api/grains').then(r => r.json()).then(g => g.columns.trust)")
    rows = view.page.locator("#panel-grains tr[data-grain]")
    listed = [int(row.get_attribute("data-grain")) for row in rows.all()]
    assert listed == np.argsort(trust, kind="stable").tolist()
    view.page.locator("#panel-grains .filter input").fill("grain < 2")
    assert [int(row.get_attribute("data-grain")) for row in rows.all()] == [0]
    view.page.locator("#panel-grains .filter input").fill("")
    assert rows.count() == len(grains)
