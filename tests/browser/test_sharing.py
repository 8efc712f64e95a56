"""Several people at one server, and the page below a proxy's path."""

from urllib.parse import urlsplit

from tests.browser.conftest import looking
from tests.browser.proxy import PREFIX, below_a_path
from tests.browser.view import TABS, given_back


def threshold(view, value):
    number = view.panel("segment").locator("[data-name='seed_threshold'] input.number")
    number.fill(str(value))
    number.press("Enter")


def test_a_second_person_sees_the_changes_of_the_first_but_cannot_make_any(view, another):
    view.tab("segment")
    view.settled()
    threshold(view, 33)
    view.settled()
    another.open("tab=segment")
    badge = another.page.locator("#header .badge")
    another.until("document.querySelector('#header .badge').dataset.state === 'taken'")
    another.settled()
    assert another.state("segment", "seed_threshold") == 33
    assert another.js(
        "document.querySelector('#panel-segment form, #panel-segment .form').closest('[inert]') !== null"
    )
    another.until("document.querySelector('#panel-segment').textContent.includes('shaded 1 to 5')")  # it is drawn
    assert another.grips("segment", ".histogram", "ew-resize", least=0) == []
    assert another.grips("segment", ".line", "ns-resize", least=0) == []
    for name in ("[data-slot='B']", ".elbow header button", ".pairable header button"):
        assert another.panel("segment").locator(name).first.is_disabled(), name
    another.page.keyboard.press("x")
    assert another.state("slots", "shown") == "A"
    answer = another.js(
        """import(new URL('static/lib/api.js', document.baseURI))
             .then(({post}) => post('api/draft', {section: 'segment', values: {seed_threshold: 7}}))
             .then(() => 'taken', error => error.message)"""
    )
    assert "control" in answer
    another.settled()
    assert another.state("segment", "seed_threshold") == view.state("segment", "seed_threshold") == 33
    another.page.locator("#panel-segment [aria-label='Next frame (→)']").click()
    assert another.state("frame") == 1
    view.page.locator("#header .badge").click()
    another.until("document.querySelector('#header .badge').dataset.state === 'free'")
    badge.click()
    another.until("document.querySelector('#header .badge').dataset.state === 'mine'")
    view.until("document.querySelector('#header .badge').dataset.state === 'taken'")
    threshold(another, 44)
    another.settled()
    view.until("friedel.state.get().segment.seed_threshold === 44")
    given_back(another)


def test_ones_own_tab_is_in_control_at_once_when_it_is_loaded_or_opened_again(view, another):
    mine = "document.querySelector('#header .badge').dataset.state === 'mine'"
    view.tab("segment")
    view.settled()
    threshold(view, 33)
    view.settled().until(mine)
    view.page.reload()
    view.until("window.friedel?.ready && friedel.state.get().progress")
    assert view.js(mine)
    another.open()
    another.until("document.querySelector('#header .badge').dataset.state === 'taken'")
    view.again()  # the tab before it ended without a word, as one that crashed
    view.open("tab=segment")
    view.until("friedel.state.get().progress")
    assert view.js(mine)
    another.until("document.querySelector('#header .badge').dataset.state === 'taken'")
    threshold(view, 34)
    view.settled()
    assert view.js("friedel.state.get().session.recipe.segment.seed_threshold") == 34


def test_the_whole_page_works_below_a_proxys_path(browser, address):
    parts = urlsplit(address)
    with below_a_path(parts.port) as outside, looking(browser, f"{outside}?{parts.query}") as view:
        asked = []
        view.page.on("request", lambda request: asked.append(urlsplit(request.url).path))
        view.open()
        for name in TABS:
            view.tab(name)
        view.tab("segment")
        view.settled()
        threshold(view, 31)
        view.settled()
        assert view.js("friedel.state.get().session.recipe.segment.seed_threshold") == 31
        view.page.reload()
        view.until("window.friedel?.ready")
        assert view.state("segment", "seed_threshold") == 31
        assert len(asked) > 40
        assert all(path.startswith(f"{PREFIX}/") for path in asked)
        given_back(view)


def test_without_the_token_there_is_nothing_to_see(browser, address):
    parts = urlsplit(address)
    with looking(browser, f"http://{parts.netloc}/", expected=[403]) as view:
        assert view.page.goto(view.address).status == 403
        assert view.page.goto(f"{view.address}?token=guessed").status == 403
