"""The page's JavaScript: which module may import which, and that nothing leads out of it."""

import re
from graphlib import CycleError, TopologicalSorter
from pathlib import PurePosixPath

import pytest

from friedel.viewer.server import STATIC

SHARED, SHELL = "lib", "shell"
PAGES = {"frames", "segment", "grains", "volume", "run", "save"}
MODULES = sorted(path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*.js"))
STYLES = sorted(path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*.css"))
IMPORT = re.compile(r'^import (?:[^;"]*? from )?"([^"]+)";', re.MULTILINE)
TYPE_IMPORT = re.compile(r'\bimport\("([^"]+)"\)')
"""What a type in a comment names. main.js loads pages by names that it puts together: no import here."""
W3 = "http://www.w3.org/2000/svg"


def named(module, pattern):
    """The modules that one names, as paths below static/."""
    here = (STATIC / module).parent
    found = pattern.findall((STATIC / module).read_text(encoding="utf-8"))
    assert all(name.startswith(("./", "../")) for name in found), found
    return {(here / name).resolve().relative_to(STATIC.resolve()).as_posix() for name in found}


def room(module):
    return PurePosixPath(module).parent.as_posix()


def test_there_is_a_room_for_each_page_one_for_what_they_share_and_one_around_them():
    assert {room(module) for module in MODULES} == {".", SHARED, SHELL, *PAGES}
    assert [module for module in MODULES if room(module) == "."] == ["main.js"]


@pytest.mark.parametrize("name", sorted(PAGES))
def test_every_page_is_built_alike(name):
    text = (STATIC / name / "page.js").read_text(encoding="utf-8")
    assert re.search(r"^export function mount\(host, app\) \{$", text, re.MULTILINE)
    order = [
        f"class {name.title()}Page {{",
        "constructor(host, app) {",
        "this.layout = buildLayout(",
        "state.on(",
        "  show() {",
        "  hide() {",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    assert {"page.js", "layout.js", f"{name}.css"} <= {path.name for path in (STATIC / name).iterdir()}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_from_its_own_room_and_from_what_is_shared(module):
    allowed = {room(module), SHARED} | ({SHELL} if module == "main.js" else set())
    for other in named(module, IMPORT) | named(module, TYPE_IMPORT):
        assert other in MODULES, f"{module} imports {other}, which is not there"
        assert room(other) in allowed, f"{module} imports {other}"


def test_no_modules_import_each_other_in_a_circle():
    graph = {module: named(module, IMPORT) for module in MODULES}
    assert sum(map(len, graph.values())) > 200  # they are seen at all
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise AssertionError(" -> ".join(error.args[1])) from None


def test_every_module_has_a_use():
    used = {"main.js", *(f"{name}/page.js" for name in PAGES)}
    for module in MODULES:
        used |= named(module, IMPORT) | named(module, TYPE_IMPORT)
    assert set(MODULES) == used


@pytest.mark.parametrize("file", ["index.html", *MODULES, *STYLES])
def test_nothing_names_an_address_elsewhere_or_from_the_root(file):
    text = (STATIC / file).read_text(encoding="utf-8").replace(W3, "")
    assert not re.findall(r"\b(?:https?|wss?):", text)
    assert not re.findall(r"""(?:src|href|fetch|url)\s*[=(]\s*["'`]?/""", text)
    assert "@import" not in text
