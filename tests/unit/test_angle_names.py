"""The angle of the rotation is omega wherever the program says something; psi is explained in one place."""

import re
from pathlib import Path

SAID = Path(__file__).parents[2] / "src" / "friedel"
KINDS = (".py", ".js", ".css", ".html")
OTHERS = re.compile(r"[ωψ]|\bpsi\b|x.?psi|y.?psi", re.IGNORECASE)


def test_page_and_report_call_the_rotation_omega_and_psi_is_explained_once():
    files = [path for room in ("viewer", "reporter") for path in (SAID / room).rglob("*") if path.suffix in KINDS]
    assert len(files) > 50
    found = [
        (path.name, line.strip())
        for path in files
        for line in path.read_text(encoding="utf-8").splitlines()
        if OTHERS.search(line)
    ]
    assert [name for name, _ in found] == ["help.js"], found
    assert "omega" in found[0][1]


def test_the_glossary_explains_psi_once():
    docs = SAID.parents[1] / "docs"
    lines = [
        line
        for path in [*docs.glob("*.md"), docs.parent / "README.md"]
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"ψ|\bpsi\b", line)
    ]
    assert len(lines) == 1
    assert lines[0].startswith("| **omega** |")
