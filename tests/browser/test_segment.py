"""The page Segment: thresholds dragged, blobs clicked, settings compared, and the answers that follow."""

import re

import numpy as np
import pytest


def test_sections_of_a_page_that_begins_with_segment_go_through_a_spot(another):
    another.open("tab=segment")
    another.until("friedel.state.get().cursor !== null")
    cursor, beam = another.state("cursor"), another.state("session", "baseline", "beam")
    row, col = cursor["row"], cursor["col"]
    assert not (beam[0] <= col < beam[2] and beam[1] <= row < beam[3])


@pytest.fixture
def segment(view):
    """The page with an answer for the whole scan on screen."""
    panel = view.tab("segment")
    view.settled()
    panel.get_by_role("radio", name="whole scan").click()
    view.until("friedel.state.get().solution?.scope === 'whole'")
    return view.settled()


def test_a_blob_that_is_clicked_shows_the_numbers_of_the_table(segment):
    table, kept = segment.table()
    row = int(np.argmax(table["sum_intensity"][:kept]))
    frame = round(table["IMax_o"][row] / 2 - 0.5)
    blob = segment.clicked(frame, table["IMax_f"][row], table["IMax_s"][row])
    assert blob == row
    card = segment.panel("segment").locator(".leaf.blob")
    terms, values = card.locator("dt").all_text_contents(), card.locator("dd").all_text_contents()
    facts = {name: [float(part) for part in re.findall(r"\d+\.?\d*", re.sub(r"(?<=\d)\s(?=\d{3})", "", value))]
             for name, value in zip(terms, values, strict=True)}  # fmt: skip
    assert facts["voxels"] == [table["Number_of_pixels"][row]]
    assert facts["of its seed"] == [table["seed_voxels"][row]]
    assert facts["box"] == [table[f"{a}_stop"][row] - table[f"{a}_start"][row] for a in ("col", "row", "frame")]
    assert facts["centre col, row"] == pytest.approx([table["f_raw"][row], table["s_raw"][row]], rel=1e-4)
    assert facts["sum"] == pytest.approx([table["sum_intensity"][row]], rel=1e-5)
    assert facts["maximum M"] == pytest.approx([table["IMax_int"][row]], rel=1e-4)
    assert "kept" in card.locator(".ledger").text_content()
    shown = card.locator(".film button")
    assert shown.count() >= table["frame_stop"][row] - table["frame_start"][row]
    shown.last.click()
    assert segment.state("frame") >= frame
    card.get_by_role("button", name="go to peak").click()
    assert segment.state("frame") == frame


def test_a_neighbour_partner_or_grain_in_the_card_is_followed(segment):
    table, kept = segment.table()
    frames = np.round(table["IMax_o"] / 2 - 0.5).astype(int)
    linked = next(
        row
        for row in np.argsort(-table["sum_intensity"][:kept]).tolist()
        if segment.js(
            "fetch(`api/blob?solution=${friedel.state.get().solution.solution}&id=${it}`).then(r => r.json())"
            ".then(b => b.partner !== null && b.grain !== null)",
            row,
        )
    )
    segment.clicked(int(frames[linked]), table["IMax_f"][linked], table["IMax_s"][linked])
    card = segment.panel("segment").locator(".leaf.blob")
    card.locator(".relation", has_text="Partner").locator("button").click()
    segment.until(f"friedel.state.get().selection.blob !== {linked}")
    partner = segment.state("selection", "blob")
    segment.until(f"friedel.state.get().frame === {frames[partner]}")
    segment.until("document.querySelector('#panel-segment .leaf.blob').textContent.includes('Grain')")
    link = card.locator(".relation", has_text="Grain").locator("button")
    named = link.text_content()
    link.click()
    segment.until("friedel.state.get().tab === 'grains' && friedel.state.get().selection.grain !== null")
    segment.until("document.querySelector('#panel-grains .grain-card header')")
    assert named.capitalize() in segment.page.locator("#panel-grains .grain-card header").text_content()


def test_thresholds_that_are_dragged_on_the_histogram_change_the_solution_and_its_counts(segment):
    panel = segment.panel("segment")
    asked = segment.state("segment")
    answer = segment.state("solution")
    low, seed, top = segment.grips("segment", ".histogram", "ew-resize")
    segment.drag(seed, (seed[0] - 45, seed[1]), steps=12)
    segment.settled()
    less = segment.state("solution")
    assert segment.state("segment", "seed_threshold") < asked["seed_threshold"]
    assert (less["kept"], less["solution"]) != (answer["kept"], answer["solution"])
    assert str(less["kept"]) == re.sub(
        r"\D", "", panel.locator(".result .counts").locator("> *").first.text_content()
    )
    segment.drag(low, (low[0] + 12, low[1]))
    segment.settled()
    assert segment.state("segment", "grow_min") > asked["grow_min"]
    assert segment.state("solution", "volume_px") < less["volume_px"]
    segment.drag(top, (top[0] - 60, top[1]))
    segment.settled()
    assert segment.state("segment", "grow_max") != "inf"
    number = panel.locator("[data-name='seed_threshold'] input.number").input_value()
    assert float(number) == segment.state("segment", "seed_threshold")


def test_the_double_threshold_on_one_line_is_dragged_too(segment):
    table, kept = segment.table()
    row = int(np.argmax(table["sum_intensity"][:kept]))
    frame = round(table["IMax_o"][row] / 2 - 0.5)
    segment.clicked(frame, table["IMax_f"][row], table["IMax_s"][row])
    before = segment.settled().state("segment")
    assert segment.counter("noise") > 0
    grips = segment.grips("segment", ".line", "ns-resize")
    assert len(grips) >= 2
    lowest = grips[-1]
    segment.drag(lowest, (lowest[0], lowest[1] - 14))
    segment.settled()
    assert segment.state("segment", "grow_min") > before["grow_min"]


def test_lines_stay_in_place_while_the_noise_of_their_row_is_not_here_yet(segment):
    table, kept = segment.table()
    row = int(np.argmax(table["sum_intensity"][:kept]))
    frame = round(table["IMax_o"][row] / 2 - 0.5)
    segment.until("friedel.counters.noise > 0 && document.querySelector('.line[data-drawn=true]')")
    known = segment.counter("noise")
    segment.page.route("**/api/noise*", lambda route: route.abort())
    segment.clicked(frame, table["IMax_f"][row], table["IMax_s"][row])
    segment.js("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    before = segment.state("segment", "grow_min")
    lowest = segment.grips("segment", ".line", "ns-resize")[-1]
    segment.drag(lowest, (lowest[0], lowest[1] - 14))
    segment.until(f"friedel.state.get().segment.grow_min > {before}")
    assert segment.counter("noise") == known
    segment.page.unroute("**/api/noise*")
    segment.settled()  # it is asked for again, nothing needs to be touched
    assert segment.counter("noise") > known


def test_edits_are_undone_and_done_again_by_buttons_and_keys(segment):
    panel = segment.panel("segment")
    first = segment.state("segment")
    counts = [segment.state("solution", "kept")]
    for value in ("40", "60"):
        number = panel.locator("[data-name='seed_threshold'] input.number")
        number.fill(value)
        number.press("Enter")
        segment.settled()
        counts.append(segment.state("solution", "kept"))
        segment.js(
            "friedel.state.edit('segment', {seed_min_voxels: 1 + friedel.state.get().segment.seed_min_voxels})"
        )
        segment.settled()
    for _ in range(4):
        panel.get_by_role("button", name="Undo").click()
    assert segment.state("segment") == first
    assert segment.settled().state("solution", "kept") == counts[0]
    number.press("Escape")
    for _ in range(3):
        segment.page.keyboard.press("Control+Shift+z")
    assert segment.state("segment", "seed_threshold") == 60
    assert segment.settled().state("solution", "kept") == pytest.approx(counts[2], abs=5)
    assert segment.js("friedel.state.get().session.recipe.segment.seed_threshold") == 60


def test_two_settings_are_compared_and_a_key_goes_from_one_to_the_other(segment):
    panel = segment.panel("segment")
    a = segment.state("segment")
    panel.locator("[data-slot='B']").click()
    number = panel.locator("[data-name='seed_threshold'] input.number")
    number.fill("70")
    number.press("Enter")
    segment.settled()
    slots = segment.state("slots")
    assert slots["shown"] == "B"
    assert slots["A"]["segment"] == a
    difference = slots["B"]["kept"] - slots["A"]["kept"]
    assert difference < 0
    assert panel.locator(".slots .difference").text_content() == f"−{-difference}"
    number.evaluate("e => e.blur()")
    segment.page.keyboard.press("x")
    assert segment.state("segment") == a
    segment.settled()
    assert segment.state("solution", "kept") == slots["A"]["kept"]


def test_a_reload_keeps_undo_and_both_settings(segment):
    first = segment.state("segment")
    segment.page.keyboard.press("x")
    segment.settled()
    segment.js("friedel.state.edit('segment', {seed_threshold: 80})")
    slots = segment.settled().state("slots")
    segment.page.reload()
    segment.until("window.friedel?.ready")
    segment.settled()
    assert segment.state("slots") == slots
    segment.panel("segment").get_by_role("button", name="Undo").click()
    assert segment.state("segment") == first


def hold(held, route):
    """Keep a request back; playwright wants a function of its own for each route."""
    held.append(route)


def test_an_answer_that_comes_late_is_filed_under_the_setting_that_it_is_of(segment):
    first = segment.state("solution", "kept")
    segment.page.keyboard.press("x")
    segment.settled()
    held = []
    segment.page.route("**/api/solve", lambda route: hold(held, route))
    segment.js("friedel.state.edit('segment', {seed_threshold: 80})")
    segment.page.wait_for_timeout(50)
    segment.page.keyboard.press("x")
    assert segment.state("slots", "shown") == "A"
    held.pop().continue_()
    segment.page.unroute("**/api/solve")
    segment.settled()
    slots = segment.state("slots")
    assert slots["B"]["segment"]["seed_threshold"] == 80
    assert slots["B"]["kept"] < slots["A"]["kept"] == first


def test_counts_and_outlines_fade_while_they_are_of_earlier_parameters(segment):
    faded = "getComputedStyle(document.querySelector('#panel-segment .kept-count')).opacity < 0.5"
    outlines = "getComputedStyle(document.querySelector('#panel-segment .picture canvas + canvas')).opacity < 0.5"
    held = []
    segment.page.route("**/api/solve", lambda route: hold(held, route))
    segment.js("friedel.state.edit('segment', {seed_threshold: 80})")
    assert not segment.js(faded)
    segment.until(f"{faded} && {outlines}")
    held.pop().continue_()
    segment.page.unroute("**/api/solve")
    segment.until(f"!({faded}) && !({outlines})")


def test_the_sub_volume_and_the_whole_scan_are_two_scopes(segment):
    frames = segment.js("friedel.state.get().session.scan.frames")
    assert segment.state("solution", "window") == [0, frames]
    segment.page.keyboard.press("w")
    segment.until("friedel.state.get().solution.scope === 'sub'")
    start, stop = segment.state("solution", "window")
    assert start <= segment.state("frame") < stop
    segment.page.keyboard.press("w")
    segment.until("friedel.state.get().solution.scope === 'whole'")


def test_classes_are_hidden_by_the_legend_and_the_picture_changes(segment):
    table, kept = segment.table()
    row = int(np.argmax(table["sum_intensity"][:kept]))
    frame = round(table["IMax_o"][row] / 2 - 0.5)
    segment.clicked(frame, table["IMax_f"][row], table["IMax_s"][row])
    legend = segment.panel("segment").locator(".legend-item[data-kind]").first
    legend.click()
    assert legend.get_attribute("aria-pressed") == "false"
    segment.page.mouse.click(*segment.place("segment", table["IMax_f"][row] + 0.5, table["IMax_s"][row] + 0.5))
    segment.until("friedel.state.get().selection.blob === null")
    legend.click()
    segment.page.mouse.click(*segment.place("segment", table["IMax_f"][row] + 0.5, table["IMax_s"][row] + 0.5))
    segment.until(f"friedel.state.get().selection.blob === {row}")


def test_the_elbow_suggests_a_threshold_and_takes_it(segment):
    panel = segment.panel("segment")
    panel.locator(".leaf-tabs [data-value='curves']").click()
    use = panel.locator(".elbow").get_by_role("button")
    segment.until("document.querySelector('#panel-segment .elbow button').checkVisibility()")
    wanted = float(use.text_content().split()[-1])
    use.click()
    assert segment.state("segment", "seed_threshold") == pytest.approx(wanted, rel=0.01)
    segment.settled()


def test_the_thresholds_with_most_pairs_are_proposed_and_applied(segment):
    panel = segment.panel("segment")
    panel.locator(".leaf-tabs [data-value='curves']").click()
    segment.until("document.querySelector('#panel-segment .pair-text').textContent.includes('pairs')")
    panel.get_by_role("button", name="Propose").click()
    segment.until("friedel.state.get().progress.propose.state === 'done'")
    best = segment.js("friedel.state.get().progress.propose.best")
    panel.locator(".proposal").get_by_role("button", name="Dismiss").wait_for()
    known = segment.js(
        """import(new URL('static/lib/api.js', document.baseURI))
             .then(({post}) => post('api/pairable', {segment: friedel.state.get().segment}))"""
    )
    apply = panel.locator(".proposal").get_by_role("button", name="Apply")
    assert apply.count() == (best["pairs"] - best["null"] > known["pairs"] - known["null"])
    if apply.count():
        apply.click()
        values = segment.state("segment")
        assert {name: values[name] for name in best["segment"]} == best["segment"]
    segment.settled()
