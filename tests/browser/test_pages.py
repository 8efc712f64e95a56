"""Every page opens and shows something, in light and dark, and asks nobody but its server."""

import threading

import numpy as np

from friedel.explorer.scan_state import ScanState
from tests.browser.view import TABS

PICTURES = {
    "frames": ".picture canvas, .xomega canvas, .yomega canvas, .course canvas, .contrast-plot canvas",
    "segment": ".picture canvas, .xomega canvas, .yomega canvas, .line canvas, .histogram canvas",
    "grains": ".detector canvas, .angles canvas",
    "volume": ".solid-view canvas, .slices canvas",
    "run": ".stage-list, .estimate",
    "save": ".diff",
}
DRAWN = {
    "frames": "friedel.counters.frame > 0 && friedel.counters.section > 1 && friedel.counters.course > 0",
    "segment": "friedel.counters.solve > 0 && friedel.counters.outline > 2",
    "grains": "friedel.counters.spots > 1",
    "volume": "friedel.solid?.labels",
    "run": "document.querySelector('.estimate .verdict')",
    "save": "document.querySelector('.diff').childElementCount",
}


def test_every_page_draws_all_its_pictures_in_light_and_in_dark(view):
    view.until("friedel.state.get().progress?.pass.state === 'done'")
    for name in TABS:
        panel = view.tab(name)
        view.until(DRAWN[name])
        boxes = [box for box in (one.bounding_box() for one in panel.locator(PICTURES[name]).all()) if box]
        assert len(boxes) >= len(PICTURES[name].split(",")), name
        for scheme in ("light", "dark"):
            view.page.emulate_media(color_scheme=scheme)
            shot = view.shot()
            header = np.median(shot[2:30].reshape(-1, 3), axis=0).mean()
            assert header > 170 if scheme == "light" else header < 90, (name, header)
            for box in boxes:
                assert box["width"] < 20 or _colours(shot, box) > 3, (name, scheme, box)


def _colours(shot, box):
    top, left = max(int(box["y"]), 0), max(int(box["x"]), 0)
    part = shot[top : top + int(box["height"]), left : left + int(box["width"])].reshape(-1, 3)
    return len(np.unique(part.astype(np.int64) @ [1 << 16, 1 << 8, 1]))


def test_the_switch_and_its_key_go_through_light_dark_and_the_systems_own(view):
    says = view.page.locator("#header [aria-label^='Colours:']")
    seen = []
    for _ in range(3):
        seen.append((says.get_attribute("aria-label"), view.js("getComputedStyle(document.body).backgroundColor")))
        says.click()
    assert len({text for text, _ in seen}) == 3
    assert len({ground for _, ground in seen}) == 2
    view.page.keyboard.press("t")
    assert says.get_attribute("aria-label") != seen[0][0]


def test_digits_open_the_pages_and_a_question_mark_the_help(view):
    for digit, name in enumerate(TABS, 1):
        view.page.keyboard.press(str(digit))
        view.until(f"document.querySelector('#panel-{name}:not([hidden])')?.childElementCount")
    view.page.keyboard.press("?")
    helped = view.page.locator("dialog.help")
    assert "Segment" in helped.text_content()
    helped.get_by_label("Close").click()
    view.until("!document.querySelector('dialog')")
    view.page.locator("#header [aria-label^='Help']").click()
    view.page.keyboard.press("Escape")
    view.until("!document.querySelector('dialog')")


def test_the_address_holds_the_state_for_others_and_over_a_reload(view, another):
    view.tab("segment")
    view.settled()
    view.page.locator("#panel-segment [data-value='whole']").click()
    view.page.locator("#panel-segment [aria-label='Frame'][type='text']").fill("37")
    view.page.keyboard.press("Enter")
    view.js("friedel.state.set({cursor: {row: 21, col: 99}, curve: 'root', map: 'viridis'})")
    view.until("['tab=segment', 'frame=37', 'scope=whole', 'at=21,99'].every(part => location.hash.includes(part))")
    wanted = {key: view.state(key) for key in ("tab", "frame", "cursor", "scope", "curve", "map")}
    view.page.reload()
    view.until("window.friedel?.ready")
    assert {key: view.state(key) for key in wanted} == wanted
    another.open(view.js("location.hash").removeprefix("#"))
    assert {key: another.state(key) for key in wanted} == wanted


def test_an_edit_that_is_not_saved_outlives_a_reload(view):
    view.tab("segment")
    view.settled()
    box = view.panel("segment").locator("[data-name='seed_threshold'] input.number")
    box.fill("19")
    box.press("Enter")
    view.settled()
    view.page.reload()
    view.until("window.friedel?.ready")
    assert view.state("segment", "seed_threshold") == 19
    assert view.settled().page.locator("[data-name='seed_threshold'] input.number").input_value() == "19"


def test_a_page_that_was_open_before_the_scan_was_measured_learns_what_was_found(copied, serve, monkeypatch):
    measure, now = ScanState.at, threading.Event()

    def late(*arguments):
        assert now.wait(60)
        return measure(*arguments)

    monkeypatch.setattr(ScanState, "at", late)
    view = serve(copied / "s.toml", expected=(409,))
    assert view.state("session", "baseline") is None
    view.tab("segment")
    view.until("document.querySelector('#panel-segment').textContent.includes('The scan is being measured')")
    now.set()
    view.until("friedel.state.get().session.baseline?.sigma > 0")
    view.until("friedel.state.get().solution?.kept > 0")
