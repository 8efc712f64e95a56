"""One name, one class: who reads `Solver` in a traceback, or searches for it, shall find one."""

import ast
from collections import defaultdict
from pathlib import Path

import friedel

ROOT = Path(friedel.__file__).parent


def test_no_two_public_classes_share_a_name():
    places = defaultdict(list)
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path.relative_to(ROOT)))
    assert len(places) > 100
    shared = {name: files for name, files in places.items() if len(files) > 1}
    assert not shared
