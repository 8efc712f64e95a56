"""Every control of every page is used: parameters change and come back, all others answer without a complaint."""

import pytest

from tests.browser.view import TABS

ELSEWHERE = ("Save the recipe", "Run up to assemble", "Stop", "Propose", "Clear")
"""What changes files, or ends things: tests of their own use it."""
VISIBLE = "e => e.checkVisibility() && !e.disabled && !e.closest('[inert]')"
SAID = "e => e.getAttribute('aria-label') || e.textContent.trim() || e.title || e.id"


@pytest.mark.parametrize(("tab", "section"), [("frames", "preprocess"), ("segment", "segment")])
def test_every_parameter_changes_through_its_control_and_comes_back_with_undo(view, tab, section):
    panel = view.tab(tab)
    view.settled()
    for more in panel.locator("details.more").all():
        more.evaluate("e => { e.open = true; }")
    view.expected.add(422)  # some values do not go with others: the form says so
    before = view.state(section)
    names = [one.get_attribute("data-name") for one in panel.locator(".field[data-name]").all()]
    shown = {row["name"] for row in view.js("friedel.state.get().session.schema[it]", section)} - {"method"}
    assert set(names) == shown
    for name in names:
        for control in panel.locator(f".field[data-name='{name}'] :is(input, select, button)").all():
            if not control.evaluate(VISIBLE):
                continue
            steps = view.js("friedel.state.history().undo")
            if _change(control):
                assert view.state(section, name) != before[name], (name, control.evaluate(SAID))
            for _ in range(view.js("friedel.state.history().undo") - steps):
                assert view.js("friedel.state.undo()")
            assert view.state(section) == before, name
    view.settled()


def _change(control):
    """Another value through a control; False where it is a button that is chosen already."""
    kind = control.evaluate("e => e.type ?? e.tagName")
    if kind == "button":
        chosen = control.get_attribute("aria-checked") == "true"
        control.click()
        return not chosen
    if kind == "checkbox":
        control.click()
    elif kind == "range":
        control.focus()
        control.press("Home" if float(control.input_value()) > 0 else "End")
    elif kind == "select-one":
        control.select_option(
            index=(control.evaluate("e => e.selectedIndex") + 1) % control.locator("option").count()
        )
    else:
        control.fill(_another(control.input_value()))
        control.press("Enter")
    return True


def _another(text):
    try:
        number = float(text)
    except ValueError:
        return {"beam": "[[1, 1, 5, 5]]", "local": "scan"}.get(text, "5")
    return (
        "777"
        if number == float("inf")
        else str(int(number) + 1)
        if number >= 1
        else str(round(number / 2 + 0.1, 3))
    )


@pytest.mark.parametrize("tab", TABS)
def test_every_button_slider_and_choice_is_used_without_a_complaint(view, tab):
    if tab == "volume":  # drawn without a graphics card: every pixel takes its time
        view.page.set_viewport_size({"width": 900, "height": 600})
    panel = view.tab(tab)
    view.settled()
    if tab in ("grains", "volume"):
        view.until("friedel.spots" if tab == "grains" else "friedel.solid?.labels")
    if tab == "run":
        view.until("document.querySelector('.estimate .verdict')")
    used = set()
    while left := _unused(panel, used):
        control = left[0]
        used.add(control.evaluate(SAID))
        _use(view, control)
        view.check()
    assert len(used) > {"frames": 20, "segment": 18, "grains": 12, "volume": 18, "run": 7, "save": 2}[tab]


def _unused(panel, used):
    """Controls that are seen now, parameters aside."""
    script = f"""(all, used) => all.map((e, i) => [i, ({SAID})(e), ({VISIBLE})(e) && !e.closest('.field')])
        .filter(([, says, here]) => here && !used.includes(says)).map(([i]) => i)"""
    controls = panel.locator("input, select, button, tr[data-grain]")
    found = controls.evaluate_all(script, [*used, *ELSEWHERE])
    return [controls.nth(i) for i in found[:1]]


def _use(view, control):
    kind = control.evaluate("e => e.type ?? e.tagName")
    if kind == "select-one":
        for index in range(control.locator("option").count()):
            control.select_option(index=index)
    elif kind == "range":
        control.focus()
        for key in ("ArrowRight", "PageUp", "ArrowLeft", "Home"):
            control.press(key)
    elif kind == "text":
        control.fill(_another(control.input_value()))
        control.press("Enter")
    else:
        control.click()
    tab = view.state("tab")
    if view.page.locator("dialog[open]").count():
        view.page.locator("dialog[open] button").first.click()
    elif tab != view.js("document.querySelector('.panel-host:not([hidden])').dataset.tab"):
        view.until(f"!document.querySelector('#panel-{tab}').hidden")


def test_a_parameter_out_of_its_range_says_so_beside_it_and_is_not_taken(view):
    panel = view.tab("segment")
    view.settled()
    view.expected.add(422)
    field = panel.locator(".field[data-name='tolerance']")
    number = field.locator("input.number")
    number.fill("1.5")
    number.press("Enter")
    wrong = "document.querySelector('#panel-segment .field[data-name=tolerance]').classList.contains('wrong')"
    view.until(wrong)
    assert "less than or equal to 1" in field.text_content()
    assert view.js("friedel.state.get().session.recipe.segment.tolerance") <= 1
    view.page.keyboard.press("Escape")
    assert view.js("friedel.state.undo()")
    view.settled()
    view.until(f"!{wrong}")
