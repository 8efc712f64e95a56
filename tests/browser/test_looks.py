"""How every page looks: from 900 px on nothing overlaps, is cut or scrolls sideways; wide windows are used."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from friedel.io.store import read_volume
from friedel.model.colours import STATUS_COLOURS
from tests.browser.conftest import looking
from tests.browser.view import given_back

MEASURE = (Path(__file__).parent / "geometry.js").read_text(encoding="utf-8")
SIZES = {900: 720, 1149: 760, 1150: 760, 1280: 720, 1749: 1000, 1750: 1000, 2560: 1440}
"""Of windows, width and height in px: small, usual and wide ones, and both sides of where pages change."""


@pytest.fixture(scope="module")
def seen(browser, address):
    """One page for all tests here; its scan is swept."""
    with looking(browser, address) as view:
        view.open()
        view.until("friedel.state.get().progress?.pass.state === 'done'")
        yield view
        given_back(view)


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
    """The brightest blob, clicked: its card with all that is said about one."""
    segment(view)
    table, kept = view.table()
    best = int(np.argmax(table["voxels"][:kept]))
    view.clicked(*(int(table[name][best]) for name in ("max_frame", "max_col", "max_row")))


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
    view.js("friedel.state.set({spot: null, selection: {...friedel.state.get().selection, grain: 0}})")
    view.until("document.querySelector('#panel-grains .grain-card .facts')?.checkVisibility()")
    view.js("friedel.state.set({spot: friedel.spots ? 0 : 0})")


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


STATES = (frames, painting, curves, look, blob, grains, grain, volume, status, run, save, helped)
