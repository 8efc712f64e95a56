"""Who may change things: one browser at a time, in whichever of its tabs."""

from friedel.viewer.control import LEAVE_S, Control
from tests.viewer_scan import page_of, write_recipe


def test_the_control_is_free_after_half_a_minute_of_silence():
    now = [0.0]
    control = Control(clock=lambda: now[0])
    assert control.take("a")
    now[0] = LEAVE_S - 1
    assert not control.take("b")
    control.alive("a")
    now[0] = 2 * LEAVE_S - 2
    assert not control.take("b")
    assert control.state("b") == {"mine": False, "taken": True}
    now[0] = 2 * LEAVE_S
    assert control.state("b") == {"mine": False, "taken": False}
    assert control.take("b")
    assert not control.take("a")
    assert not control.take("")
    for number in range(5000):
        control.alive(f"crowd {number}")
    assert len(control._seen) <= 1000
    assert control.take("b")


def test_who_comes_back_before_anybody_asked_is_in_control_at_once():
    control = Control(clock=lambda: 0.0)
    assert control.take("a")
    control.leave("a")
    assert control.state("b") == {"mine": False, "taken": False}
    assert control.state("a") == {"mine": True, "taken": False}
    control.alive("a")
    assert control.state("b") == {"mine": False, "taken": True}
    assert not control.take("b")
    control.leave("a")
    assert control.take("b")
    assert control.state("a") == {"mine": False, "taken": True}


def test_all_tabs_of_one_browser_are_one_and_no_answer_names_it(tmp_path):
    names = {"client": "tab 1", "browser": "firefox of a"}
    with page_of(write_recipe(tmp_path), wait=False) as page:
        assert page.post("/api/control", json={**names, "take": True}).json()["mine"]
        again = page.get("/api/progress", params={"client": "tab 2", "browser": "firefox of a"})
        other = page.get("/api/progress", params={"client": "tab 1", "browser": "firefox of b"})
        assert again.json()["control"] == {"mine": True, "taken": False}
        assert other.json()["control"] == {"mine": False, "taken": True}
        assert page.post("/api/draft", json={"client": "tab 1", "browser": "firefox of b"}).status_code == 409
        assert not any("firefox of a" in one.text for one in (again, other, page.get("/api/session")))
        assert not page.post("/api/control", json={**names, "release": True}).json()["mine"]
