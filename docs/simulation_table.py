"""Makes the table of docs/simulation.md from the declarations: `python docs/simulation_table.py`."""

import re
import runpy
from pathlib import Path

from friedel.simulator import SimulationParams

FOLDER = Path(__file__).parent
PAGE = FOLDER / "simulation.md"
TABLE = re.compile(r"(?<=<!-- keys -->\n).*?(?=<!-- end of keys -->)", re.DOTALL)


def keys() -> str:
    """A heading and a table for the scan as a whole, and for every table inside it."""
    recipe_page = runpy.run_path(str(FOLDER / "recipe_page.py"))
    fields = SimulationParams.model_fields.items()
    inner = {name: found for name, field in fields if (found := recipe_page["classes"](field.annotation))}
    text = f"### The scan\n\n{recipe_page['table'](SimulationParams, inner)}"
    for name, found in inner.items():
        text += "#" + recipe_page["tables"](name, *found, many=name == "phase")
    return text


def page() -> str:
    """The page with the table in its place."""
    return TABLE.sub(lambda _: keys(), PAGE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
