"""A small simulated scan with all its results, its page from `friedel view`, and a browser that looks at it."""

import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

import friedel
from friedel.viewer.server import PageServer
from tests.browser.view import View, given_back
from tests.chromium import launched

SMALL = (
    "frames=180",
    "rows=128",
    "cols=128",
    "grains=3",
    "pixel_um=12",
    "sample.radius_um=100",
    "sample.height_um=120",
    "light.spot_counts=120",
)


@pytest.fixture(scope="session")
def scanned(tmp_path_factory):
    """A folder with s.h5, s.toml and s/, the output of the whole run; nobody writes into it."""
    folder = tmp_path_factory.mktemp("scanned")
    friedel.simulate(folder / "s.h5", preset="small", seed=3, settings=SMALL)
    friedel.run(folder / "s.toml", folder / "s", report=False)
    return folder


@pytest.fixture
def copied(scanned, tmp_path):
    """The same, to write into."""
    return shutil.copytree(scanned, tmp_path / "copied")


@pytest.fixture(scope="package")
def browser():
    """Chromium. Of the package: while it is open no other event loop can run in this thread."""
    with launched() as chromium:
        yield chromium


@pytest.fixture(scope="package")
def address(scanned):
    """Where `friedel view RECIPE --no-browser` serves the scan."""
    command = [sys.executable, "-m", "friedel", "view", str(scanned / "s.toml"), "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.send_signal(signal.SIGINT)
        assert server.wait(30) == 0


@contextmanager
def looking(browser, address, *, expected=(), **options):
    """A browser of its own kind: nothing is shared with others."""
    context = browser.new_context(viewport={"width": 1280, "height": 720}, **options)
    view = View(context, address, expected=expected)
    try:
        yield view
        view.check()
    finally:
        context.close()


@pytest.fixture
def view(browser, address):
    """The page of the scan, loaded; the draft is given back afterwards."""
    with looking(browser, address) as one:
        one.open()
        yield one
        given_back(one)


@pytest.fixture
def another(browser, address):
    """A second browser on the same server, not loaded yet."""
    with looking(browser, address) as one:
        yield one


@pytest.fixture
def serve(browser):
    """Pages of other recipes and folders: `serve(path, ...)` gives one, loaded."""
    opened = []

    def begin(path, *, state="", **options):
        server = PageServer(path)
        server.begin()
        page = looking(browser, server.address, **options)
        opened.append((server, page))
        return page.__enter__().open(state)

    yield begin
    for server, page in reversed(opened):
        try:
            page.__exit__(None, None, None)
        finally:
            server.close()
