"""The page Frames: boxes are dragged and pixels painted on the picture; sections, course and contrast follow."""

import pytest

from tests.browser.view import given_back


@pytest.fixture
def frames(view):
    """The page with a fitted picture, the scan swept."""
    view.tab("frames")
    view.until("friedel.counters.frame > 0 && friedel.state.get().cursor")
    return view.settled()


def test_the_beam_box_is_dragged_on_the_picture_and_the_draft_changes(frames):
    col0, row0, col1, row1 = frames.state("preprocess", "beam")
    frames.page.keyboard.press("d")
    middle = (col0 + col1) / 2, (row0 + row1) / 2
    frames.drag(frames.place("frames", *middle), frames.place("frames", middle[0] + 9, middle[1] - 7))
    moved = [col0 + 9, row0 - 7, col1 + 9, row1 - 7]
    assert frames.state("preprocess", "beam") == moved
    frames.settled()
    assert frames.js("friedel.state.get().session.recipe.preprocess.beam") == moved
    frames.drag(frames.place("frames", moved[2], moved[3]), frames.place("frames", moved[2] + 5, moved[3] + 4))
    assert frames.state("preprocess", "beam") == [*moved[:2], moved[2] + 5, moved[3] + 4]
    frames.page.keyboard.press("Control+z")
    frames.page.keyboard.press("Control+z")
    assert frames.state("preprocess", "beam") == [col0, row0, col1, row1]
    frames.page.keyboard.press("Control+Shift+z")
    assert frames.state("preprocess", "beam") == moved
    frames.settled()


def test_a_beam_box_or_margin_that_is_wrong_says_so_while_it_is_dragged(frames):
    note = frames.panel("frames").locator(".light-note")
    mouse, (col0, row0, col1, row1) = frames.page.mouse, frames.state("preprocess", "beam")
    margin = frames.state("preprocess", "margin")
    assert note.is_hidden()
    held(frames, "d", (col1, row1), (col1 - 12, row1))
    said = "preprocess.beam: the direct beam goes on beyond the box (right)"
    frames.until(f"document.querySelector('#panel-frames .light-note').textContent.includes('{said}')")
    assert frames.state("preprocess", "beam") == [col0, row0, col1, row1]  # nothing is let go yet
    mouse.up()
    assert frames.state("preprocess", "beam") == [col0, row0, col1 - 12, row1]
    assert note.is_visible()
    frames.page.keyboard.press("Control+z")
    note.wait_for(state="hidden")
    left = margin[0]
    held(frames, "m", ((left[0] + left[2]) / 2, (left[1] + left[3]) / 2), ((col0 + col1) / 2, (row0 + row1) / 2))
    frames.until(
        "document.querySelector('#panel-frames .light-note').textContent.includes('the sample shadows the margin')"
    )
    assert frames.state("preprocess", "margin") == margin
    mouse.up()
    frames.page.keyboard.press("Control+z")
    note.wait_for(state="hidden")
    form = frames.panel("frames").locator("[data-name='margin'] input").first
    form.fill("40")
    form.press("Enter")
    note.get_by_text("two strips must fit into the beam box").wait_for()
    assert note.get_attribute("data-state") == "refused"
    form.evaluate("e => e.blur()")
    frames.page.keyboard.press("Control+z")
    note.wait_for(state="hidden")


def held(view, key, start, end):
    """Take a tool and drag with it, without letting go."""
    view.page.keyboard.press(key)
    view.page.mouse.move(*view.place("frames", *start))
    view.page.mouse.down()
    view.page.mouse.move(*view.place("frames", *end), steps=5)


def test_a_margin_box_is_drawn_dragged_and_removed(frames):
    before = frames.state("preprocess", "margin")
    frames.page.keyboard.press("m")
    frames.drag(frames.place("frames", 10, 12), frames.place("frames", 20, 30))
    drawn = frames.state("preprocess", "margin")
    assert len(drawn) == len(before) + 1
    assert drawn[-1] == pytest.approx([10, 12, 20, 30], abs=1)
    frames.page.keyboard.press("Delete")
    assert frames.state("preprocess", "margin") == before


def test_pixels_are_painted_erased_and_forgotten(frames):
    panel = frames.panel("frames")
    frames.page.keyboard.press("p")
    frames.drag(frames.place("frames", 20, 20), frames.place("frames", 40, 20))
    masked = panel.get_by_text("pixels masked")
    painted = int(masked.text_content().split()[0])
    assert painted > 60
    frames.page.keyboard.press("e")
    frames.drag(frames.place("frames", 30, 20), frames.place("frames", 40, 20))
    frames.until(f"!document.querySelector('#panel-frames').textContent.includes('{painted} pixels masked')")
    erased = int(masked.text_content().split()[0])
    assert erased < painted
    for key, count in (("z", f"{painted} pixels masked"), ("z", "No pixel is masked"),
                       ("y", f"{painted} pixels masked"), ("y", f"{erased} pixels masked")):  # fmt: skip
        frames.page.keyboard.press(f"Control+{key}")
        frames.until(f"document.querySelector('#panel-frames').textContent.includes('{count}')")
    frames.page.keyboard.press("Escape")
    panel.get_by_role("button", name="Clear").click()
    frames.page.locator("dialog[open]").get_by_role("button", name="Clear").click()
    frames.until("document.querySelector('#panel-frames').textContent.includes('No pixel is masked')")


def test_what_is_painted_before_the_mask_has_come_stays(view):
    late = []
    view.page.route("**/api/mask?*", lambda route: late.append(route))  # noqa: PLW0108  (Playwright marks it)
    panel = view.tab("frames")
    view.until("friedel.counters.frame > 0 && friedel.state.get().cursor")
    view.page.keyboard.press("p")
    view.drag(view.place("frames", 20, 20), view.place("frames", 40, 20))
    masked = panel.get_by_text("pixels masked")
    painted = masked.text_content()
    view.page.unroute("**/api/mask?*")
    for one in late:
        one.continue_()
    view.until("performance.getEntriesByType('resource').filter(one => one.name.endsWith('api/mask')).length > 1")
    view.settled()
    assert masked.text_content() == painted
    view.page.keyboard.press("Control+z")
    view.until("document.querySelector('#panel-frames').textContent.includes('No pixel is masked')")


def test_a_click_puts_the_cross_there_and_sections_and_course_follow(frames):
    sections, courses = frames.counter("section"), frames.counter("course")
    frames.page.mouse.click(*frames.place("frames", 33.5, 88.5))
    assert frames.state("cursor") == {"row": 88, "col": 33}
    frames.until(f"friedel.counters.section > {sections} && friedel.counters.course > {courses}")
    frames.page.keyboard.press("Shift+ArrowRight")
    assert frames.state("cursor") == {"row": 88, "col": 34}
    box = frames.panel("frames").locator(".xomega").bounding_box()
    frames.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 0.75 * box["height"])
    assert frames.state("frame") > 90
    frames.until(f"friedel.state.get().frame === {frames.state('frame')} && friedel.counters.frame > 1")


def test_frames_go_on_by_keys_slider_and_play(frames):
    frames.panel("frames").locator(".picture").focus()
    frames.page.keyboard.press("ArrowRight")
    frames.page.keyboard.press("PageDown")
    assert frames.state("frame") == 11
    frames.page.keyboard.press("End")
    assert frames.state("frame") == 179
    frames.page.keyboard.press("Home")
    slider = frames.panel("frames").locator("input[aria-label='Frame'][type='range']")
    slider.fill("60")
    assert frames.state("frame") == 60
    shown = frames.counter("frame")
    frames.page.keyboard.press(" ")
    frames.until(f"friedel.counters.frame > {shown} + 3 && friedel.state.get().frame > 63")
    frames.page.keyboard.press(" ")


def test_contrast_is_the_browsers_own_affair(frames):
    frames.until("friedel.counters.course > 0")
    asked = []
    frames.page.on("request", lambda request: asked.append(request.url))
    black = frames.panel("frames").get_by_label("Black: counts shown darkest")
    before = frames.counter("contrast")
    black.fill("150")
    black.press("Enter")
    assert frames.state("contrasts", "raw")["low"] == 150
    assert frames.counter("contrast") > before
    _, white = frames.grips("frames", ".contrast-plot", "ew-resize")
    frames.drag(white, (white[0] - 25, white[1]))
    assert frames.state("contrasts", "raw")["auto"] is False
    assert not [url for url in asked if "/api/" in url and "/api/progress" not in url and "frame-ahead" not in url]


def test_the_wheel_zooms_a_drag_pans_and_a_double_click_fits(frames):
    at = frames.place("frames", 40, 40)
    frames.page.mouse.move(*at)
    frames.page.mouse.wheel(0, -400)
    frames.until("friedel.state.get().zoom?.scale > 0")
    zoomed = frames.state("zoom")
    frames.drag(at, (at[0] + 30, at[1] + 20))
    panned = frames.state("zoom")
    assert panned["scale"] == zoomed["scale"]
    assert panned["x0"] == pytest.approx(zoomed["x0"] - 30 / zoomed["scale"], abs=0.2)
    frames.page.mouse.dblclick(*at)
    frames.until("friedel.state.get().zoom === null")


def test_an_edit_taken_back_at_once_is_not_sent_and_takes_no_control(frames, another):
    before = frames.state("preprocess", "margin")
    frames.page.keyboard.press("m")
    frames.drag(frames.place("frames", 10, 12), frames.place("frames", 20, 30))
    frames.page.keyboard.press("Delete")
    assert frames.state("preprocess", "margin") == before
    frames.settled()
    another.open("tab=frames").until("friedel.counters.frame > 0")
    another.settled()
    another.page.keyboard.press("p")
    another.drag(another.place("frames", 20, 20), another.place("frames", 40, 20))
    another.panel("frames").get_by_text("pixels masked").wait_for()
    another.page.keyboard.press("Control+z")
    another.until("document.querySelector('#panel-frames').textContent.includes('No pixel is masked')")
    given_back(another)
