"""How every page looks: from 900 px on nothing overlaps, is cut or scrolls sideways; wide windows are used."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from friedel.io.store import read_volume
from friedel.model.colours import STATUS_COLOURS
from tests.browser.conftest import looking
from tests.browser.view import given_back
from tests.eyes import lab, rgb_of

MEASURE = (Path(__file__).parent / "geometry.js").read_text(encoding="utf-8")
SIZES = {900: 720, 1280: 720, 2560: 1440}
"""Of windows, width and height in px."""


@pytest.fixture(scope="module")
def seen(browser, address):
    """One page for all tests here; its scan is swept."""
    with looking(browser, address) as view:
        view.open()
        view.until("friedel.state.get().progress?.pass.state === 'done'")
        yield view
        given_back(view)


def begin(view, state):
    """Bring the page into a state, in a usual window."""
    view.page.set_viewport_size({"width": 1280, "height": SIZES[1280]})
    state(view)


def pressed(view, name, value):
    view.panel(name).locator(f"[data-value='{value}']").first.click()


def frames(view):
    view.tab("frames")
    view.until("friedel.counters.frame > 0 && friedel.counters.section > 1 && friedel.counters.course > 0")


def painting(view):
    frames(view)
    pressed(view, "frames", "paint")


def segment(view):
    view.tab("segment")
    view.settled()


def blob(view):
    """The largest blob, clicked: its card with all that is said about one."""
    segment(view)
    table, kept = view.table()
    best = int(np.argmax(table["Number_of_pixels"][:kept]))
    frame = round(table["IMax_o"][best] / view.state("session", "scan", "omega_step_deg") - 0.5)
    view.clicked(frame, table["IMax_f"][best], table["IMax_s"][best])


def look(view):
    segment(view)
    pressed(view, "segment", "look")


def curves(view):
    segment(view)
    pressed(view, "segment", "curves")
    view.until("document.querySelector('.pairable .pair-text').textContent")


def grains(view):
    view.tab("grains")
    view.until("friedel.counters.spots > 1")
    view.page.keyboard.press("Escape")


def grain(view):
    """One grain and one of its spots."""
    grains(view)
    view.panel("grains").locator("tr[data-grain]").first.click()
    view.until("document.querySelector('#panel-grains .grain-card .facts')?.checkVisibility()")
    spot = view.js("Number(document.querySelector('#panel-grains .spot-list tr[data-blob]').dataset.blob)")
    view.js("friedel.state.set({spot: it})", spot)
    view.until("document.querySelector('#panel-grains .spot-line').textContent")


def volume(view):
    view.tab("volume")
    view.until("friedel.solid?.labels")
    pressed(view, "volume", "ipf_z")


def status(view):
    volume(view)
    pressed(view, "volume", "status")


def run(view):
    view.tab("run")
    view.until("document.querySelector('.estimate .verdict')")


def save(view):
    """Something has changed."""
    segment(view)
    box = view.panel("segment").locator("[data-name='seed_threshold'] input.number")
    box.fill("19")
    box.press("Enter")
    view.settled()
    view.tab("save")
    view.until("document.querySelector('.diff .added')")


def helped(view):
    run(view)
    view.page.keyboard.press("?")


PAGES = (frames, curves, grain, volume, run, save)
STATES = (frames, painting, curves, look, blob, grains, grain, volume, status, run, save, helped)


LAID_ON = """((where) => {
  const host = document.querySelector(where), text = document.createElement('span');
  const {x, y} = host.getBoundingClientRect();
  text.textContent = 'too much', text.style.cssText = `position: fixed; left: ${x}px; top: ${y}px`;
  host.parentElement.append(text);
  const {wrong} = MEASURED;
  text.remove();
  return wrong;
})('#panel-run .stage-name')""".replace("MEASURED", MEASURE)


def test_what_lies_on_something_else_is_found(seen):
    begin(seen, run)
    assert any('"too much" lies on' in one or 'lies on span. "too much"' in one for one in seen.js(LAID_ON))


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_nothing_overlaps_or_is_cut_and_a_wide_window_is_used(seen, state):
    begin(seen, state)
    measured = {width: resized(seen, width) for width in SIZES}
    if state is helped:
        seen.page.keyboard.press("Escape")
    assert not any(one["wrong"] for one in measured.values()), {w: one["wrong"] for w, one in measured.items()}
    if state in PAGES:
        usual, wide = measured[1280], measured[2560]
        assert usual["smallest"] >= 10.9
        assert wide["rem"] >= 1.4 * usual["rem"]
        assert wide["smallest"] >= 1.4 * usual["smallest"] >= 15
        assert wide["left"] <= 0.02 * 2560
        assert wide["right"] >= 0.98 * 2560


def resized(view, width):
    """What is measured in a window of another size, once the page has drawn itself anew."""
    view.page.set_viewport_size({"width": width, "height": SIZES[width]})
    view.js("new Promise((done) => requestAnimationFrame(() => setTimeout(() => requestAnimationFrame(done), 30)))")
    return view.js(MEASURE)


@pytest.fixture
def eyes_of(seen):
    """Chromium's own emulation of eyes that lack something; with all cones again afterwards."""
    through = seen.page.context.new_cdp_session(seen.page)

    def see(eyes):
        through.send("Emulation.setEmulatedVisionDeficiency", {"type": eyes})

    yield see
    see("none")
    through.detach()


def told_apart(three):
    """Three colours: by far more than what is just noticed (2.3), and in lightness too."""
    for one, other in combinations(lab(np.array(three)), 2):
        assert np.linalg.norm(one - other) > 35, three
        assert abs(one[0] - other[0]) > 8, three


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_bar_legend_and_slices_show_the_three_statuses_in_colours_that_deuteranopes_tell_apart(
    seen, scanned, eyes_of, scheme
):
    seen.page.emulate_media(color_scheme=scheme)
    begin(seen, status)
    seen.page.set_viewport_size({"width": 900, "height": 720})
    layer = contested_layer(read_volume(scanned / "s" / "volume.h5"))
    seen.js("friedel.state.set({cross: it, selection: {...friedel.state.get().selection, grain: null}})", layer)
    for eyes in ("none", "deuteranopia"):
        eyes_of(eyes)
        bar, legend = swatches(seen, ".bar"), swatches(seen, ".legend")
        slices = shot(seen, ".slices").reshape(-1, 3)
        told_apart(legend)
        np.testing.assert_allclose(bar, legend, atol=3)
        for one in legend:
            assert (np.abs(slices - one).max(axis=-1) <= 3).sum() > 20
        if eyes == "none":
            np.testing.assert_allclose(legend, [rgb_of(one) for one in STATUS_COLOURS.values()], atol=2)


def test_deuteranopes_tell_the_three_statuses_apart_in_the_shaded_solid_too(seen, eyes_of):
    begin(seen, status)
    seen.page.set_viewport_size({"width": 900, "height": 480})
    eyes_of("deuteranopia")
    toggles = [seen.panel("volume").get_by_role("button", name=name) for name in NAMES]
    for button in toggles:
        button.click()
    nothing, found = still(seen), []
    for button in toggles:
        button.click()
        something = still(seen)
        drawn = np.abs(something - nothing).max(axis=-1) > 12
        assert drawn.sum() > 20
        found.append(np.median(something[drawn], axis=0))
        button.click()
    for button in toggles:
        button.click()
    told_apart(found)


NAMES = [status.name.lower() for status in STATUS_COLOURS]


def contested_layer(volume):
    """Where to put the cross, x, y, z, so that all three statuses are seen in the slices."""
    held = volume.grain_id > 0
    counts = np.array(
        [[(held[z] & (volume.status[z] == one)).sum() for one in STATUS_COLOURS] for z in range(len(held))]
    )
    best = int(np.argmax(counts.min(axis=1)))
    assert counts[best].min() > 0
    return [0, 0, best]


def shot(view, selector):
    """A part of what stands on the screen, [row, col, colour]."""
    box = view.panel("volume").locator(selector).bounding_box()
    left, top = int(np.ceil(box["x"])), int(np.ceil(box["y"]))
    return view.shot()[top : int(box["y"] + box["height"]), left : int(box["x"] + box["width"])].astype(int)


def swatches(view, where):
    """The colours of the three names in a legend."""
    boxes = [one.bounding_box() for one in view.panel("volume").locator(f"{where} .swatch").all()]
    picture = view.shot()
    middle = [(int(b["y"] + b["height"] / 2), int(b["x"] + b["width"] / 2)) for b in boxes]
    return [picture[at].astype(int) for at in middle]


def still(view):
    """The solid once it is drawn as well as it can be."""
    view.js("new Promise((done) => requestAnimationFrame(done))")
    view.until("friedel.solid.bestDone && !friedel.solid.queue.length")
    return shot(view, ".solid-view")
