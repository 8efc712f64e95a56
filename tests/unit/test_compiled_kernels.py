"""Kernels that were compiled are used again, until anything that they are made of changes."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from friedel.kernels import compiled

ROOT = Path(compiled.__file__).parent
CALLEE = """
from typing import NamedTuple
from friedel.kernels.compiled import njit
class Pair(NamedTuple):
    a: int
    b: int
@njit(cache=True)
def callee(x):
    return x + 1
"""
CALLER = """
from friedel.kernels.compiled import njit
from friedel.kernels.callee import callee
@njit(cache=True)
def caller(x):
    return callee(x) * 10
@njit(cache=True)
def both(pair):
    return pair.a + pair.b
"""
CALL = """
from friedel.kernels import callee, caller
pair = [one for name, one in vars(callee).items() if name.startswith("P")][-1]
print(caller.caller(3), caller.both(pair(1, 2)), sum(caller.caller.stats.cache_hits.values()))
"""


@pytest.fixture
def package(tmp_path):
    """A package with two kernel files, one of which calls the other."""
    kernels = tmp_path / "friedel" / "kernels"
    kernels.mkdir(parents=True)
    for folder in (kernels.parent, kernels):
        (folder / "__init__.py").write_text("")
    shutil.copy(ROOT / "compiled.py", kernels)
    (kernels / "callee.py").write_text(CALLEE)
    (kernels / "caller.py").write_text(CALLER)
    return kernels


def called(package):
    """What the caller gives, and how often it came from a cache."""
    places = {"PYTHONPATH": str(package.parents[1]), "XDG_CACHE_HOME": str(package.parents[1] / "own")}
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"} | places
    done = subprocess.run(
        [sys.executable, "-c", CALL], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return tuple(map(int, done.stdout.split()))


def folders(package):
    return sorted(path.name for path in (package / "__pycache__").iterdir() if path.is_dir())


def edited(path, old, new):
    """As an upgrade may do it: another text of the same size and age."""
    age = path.stat().st_mtime_ns
    path.write_text(path.read_text().replace(old, new))
    os.utime(path, ns=(age, age))


def test_kernels_are_compiled_once_and_again_when_a_callee_in_another_file_changes(package):
    assert called(package) == (40, 3, 0)
    assert called(package) == (40, 3, 1)
    before = folders(package)
    edited(package / "callee.py", "x + 1", "x + 2")
    edited(package / "callee.py", "Pair", "Part")
    shutil.rmtree(package / "__pycache__" / "nothing", ignore_errors=True)
    for file in (package / "__pycache__").glob("*.pyc"):
        file.unlink()  # Python itself looks at age and size alone
    assert called(package) == (50, 3, 0)
    assert called(package) == (50, 3, 1)
    assert len(folders(package)) == len(before)  # those of the old sources are gone
    assert not set(folders(package)) & set(before)


def test_damaged_caches_are_compiled_anew(package):
    called(package)
    for damage in (b"", b"\x80\x05nonsense", None):
        for file in package.rglob("*.nb[ic]"):
            file.write_bytes(file.read_bytes()[:-7] if damage is None else damage)
        assert called(package)[:2] == (40, 3)
        assert called(package) == (40, 3, 1)


def test_where_the_package_cannot_be_written_to_the_users_own_folder_serves(package):
    (package / "__pycache__").write_text("in the way")
    assert called(package) == (40, 3, 0)
    assert called(package) == (40, 3, 1)
    (package.parents[1] / "own").rename(package.parents[1] / "gone")
    (package.parents[1] / "own").write_text("in the way too")
    assert called(package) == (40, 3, 0)


def test_every_kernel_file_is_cached_so_and_its_imports_are_found():
    for path in ROOT.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        modules = set()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("friedel"):
                modules |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
            assert not isinstance(node, ast.ImportFrom) or node.level == 0
            if isinstance(node, ast.ImportFrom) and node.module == "numba":
                assert "njit" not in {name.name for name in node.names}, path
        places = {ROOT.parents[1].joinpath(*module.split(".")).with_suffix(".py") for module in modules}
        assert {place for place in places if place.is_file()} <= compiled.sources(path), path
