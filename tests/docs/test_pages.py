"""What the documentation shows must run, and what is generated must be up to date."""

import importlib
import re
import runpy
from pathlib import Path

import pytest

import friedel
from friedel.output_folder.files import EVALUATION, EXPORT_FILES, LOG, RECIPE, RECORD, REPORT, RESULTS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def python_blocks(page: Path) -> str:
    return "\n".join(re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL))


@pytest.fixture(scope="module")
def readers_folder(tmp_path_factory):
    """Where somebody types what one page after the other shows; a run that is already there is not run again."""
    return tmp_path_factory.mktemp("reader")


@pytest.mark.parametrize("page", [page for page in PAGES if python_blocks(page)], ids=lambda page: page.stem)
def test_python_blocks_of_a_page_run(page, readers_folder, monkeypatch):
    monkeypatch.chdir(readers_folder)
    exec(compile(python_blocks(page), str(page), "exec"), {"__name__": "page"})


def test_the_recipe_page_is_what_the_declarations_say():
    made = runpy.run_path(str(ROOT / "docs" / "recipe_page.py"))["page"]()
    assert (ROOT / "docs" / "recipe.md").read_text(encoding="utf-8") == made, (
        "run `python docs/recipe_page.py > docs/recipe.md`"
    )


@pytest.mark.parametrize(("page", "script"), [("simulation", "simulation_table"), ("output", "output_page")])
def test_tables_within_a_page_are_what_the_code_says(page, script):
    made = runpy.run_path(str(ROOT / "docs" / f"{script}.py"))["page"]()
    assert (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8") == made, f"run `python docs/{script}.py`"


def test_the_page_of_the_output_folder_has_every_file_in_it():
    text = (ROOT / "docs" / "output.md").read_text(encoding="utf-8")
    ours = {*RESULTS, RECIPE, RECORD, LOG, REPORT, EVALUATION}
    assert set(re.findall(r"^\| `([\w.]+)` \|", text, re.MULTILINE)) == ours
    exports = (ROOT / "docs" / "exports.md").read_text(encoding="utf-8")
    for format_name, names in EXPORT_FILES.items():
        assert f"`{format_name}`" in exports
        assert all(f"`{name}`" in exports for name in names if not name.endswith("parquet"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_changelog_has_an_entry_for_this_version():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## \[([^\]]+)\]", text, re.MULTILINE)[0] == friedel.__version__


def test_the_architecture_page_and_its_pictures_are_what_the_code_says():
    architecture = runpy.run_path(str(ROOT / "docs" / "architecture_page.py"))
    for path, text in architecture["made"]().items():
        assert path.read_text(encoding="utf-8") == text, f"run `python docs/architecture_page.py` for {path.name}"
    for _, _, noun, _ in architecture["DATA"]:
        module, name = noun.rsplit(".", 1)
        assert hasattr(importlib.import_module(f"friedel.{module}"), name)


def names_in_the_glossary() -> list[str]:
    rows = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").splitlines()
    cells = [row.split("|")[-2] for row in rows if row.startswith("| **")]
    return [name for cell in cells for name in re.findall(r"`([\w.]+)`", cell)]


@pytest.mark.parametrize("name", names_in_the_glossary())
def test_what_the_glossary_says_is_in_the_code_is_there(name):
    """A name is a module, something in one, or a member of something in one, from `friedel` on."""
    parts = name.split(".")
    for n in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(("friedel", *parts[:n])))
        except ModuleNotFoundError:
            continue
        for part in parts[n:]:
            fields = getattr(found, "model_fields", None) or getattr(found, "__dataclass_fields__", {})
            found = fields[part] if part in fields else getattr(found, part)
        return
    raise AssertionError(f"friedel.{name} is not there")
