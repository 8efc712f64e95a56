"""No kernel without a slow twin."""

import ast
import importlib
from functools import reduce
from pathlib import Path

import pytest

import friedel
from friedel import kernels
from tests.oracles import NOTHING_TO_COMPARE, TWINS

TESTS = Path(__file__).parents[1]
ROOM = Path(kernels.__path__[0])
LISTED = [kernel for twin in TWINS for kernel in twin.kernels.split()]


def functions_of_kernels():
    """Public functions (stage.module.function) that the modules of the room define."""
    names = set()
    for path in sorted(ROOM.rglob("*.py")):
        module = ".".join(path.relative_to(ROOM).with_suffix("").parts)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
        names |= {f"{module}.{name}" for name in functions if not name.startswith("_")}
    return names


def names_used(tree):
    """What a module takes from friedel.kernels, as stage.module.name."""
    modules = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or not f"{node.module}.".startswith("friedel.kernels."):
            continue
        room = node.module.removeprefix("friedel.kernels").lstrip(".")
        for alias in node.names:
            name = f"{room}.{alias.name}".lstrip(".")
            modules[alias.asname or alias.name] = name
            yield name
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            yield f"{modules[node.value.id]}.{node.attr}"


def public_kernels():
    """Functions of the room that another room takes."""
    root = Path(friedel.__file__).parent
    files = [path for path in root.rglob("*.py") if ROOM not in path.parents]
    used = {name for path in files for name in names_used(ast.parse(path.read_text(encoding="utf-8")))}
    return used & functions_of_kernels()


def test_every_public_kernel_is_listed_once_and_nothing_else():
    assert len(LISTED) == len(set(LISTED))
    missing = public_kernels() - set(LISTED) - NOTHING_TO_COMPARE
    assert not missing, f"name the slow twin of {', '.join(sorted(missing))} in tests/oracles.py"
    assert set(LISTED) | NOTHING_TO_COMPARE <= functions_of_kernels()


@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: twin.kernels.split()[0])
def test_twins_and_their_tests_are_there(twin):
    file, name = twin.test.split("::")
    text = (TESTS / file).read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    if twin.slow:
        parts = twin.slow.split(".")
        assert parts[-1] in text
        module = next(n for n in range(len(parts), 0, -1) if is_module(".".join(parts[:n])))
        reduce(getattr, parts[module:], importlib.import_module(".".join(parts[:module])))


def is_module(name):
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        return False
    return True
