"""Texts that people write: recipes, `--set`, CIF, `.par`, columns of angles."""

from pathlib import Path
from random import Random
from typing import Any

import tomlkit

from friedel.io.images import read_angles
from friedel.io.import_parameters import import_parameters
from friedel.recipe import build_recipe, dump, load_recipe
from friedel.recipe.settings import apply_settings
from friedel.viewer.drafts import schema
from tests.fuzz.damage import damaged
from tests.fuzz.kind import BrokenContractError, command, told

RECIPE: dict[str, Any] = {
    "scan": {"frames": "nothing.h5", "dark": 100, "omega": {"start_deg": 0.0, "step_deg": 0.5}},
    "preprocess": {"beam": [10, 10, 30, 30], "half_window": 20, "half_step": 3},
    "segment": {"seed_threshold": 50.0, "grow_min": 7.0, "min_size": [5, 5, 1]},
    "setup": {
        "energy_keV": 40.0,
        "detector": {"distance_um": 3000.0, "pixel_um": 3.5, "centre_px": [20.0, 20.0]},
        "sample": {"shape": "cylinder", "radius_um": 100, "height_um": 100},
    },
    "phase": [{"name": "Al", "lattice": [4.05, 4.05, 4.05, 90, 90, 90], "spacegroup": "F m -3 m"}],
    "run": {"threads": 1},
}
ODD_NUMBERS = (
    0,
    1,
    -1,
    3,
    2**31,
    -(2**63),
    10**30,
    0.0,
    -0.0,
    0.5,
    1e-300,
    1e300,
    -1e308,
    float("inf"),
    float("nan"),
)
ODD_TEXTS = (
    "", " ", "auto", "none", "scan", "absorption", "x" * 3000, "a.h5::/b", "::", "~", "/", "..", "/dev/null", "*",
    "[", "\n", "ß", "\ufeff", "💥", "1e5", "true", "null", "{}", "%s", "{0}", "Al", "F m -3 m", "225", "+z", "P 1",
)  # fmt: skip
CIF = """data_al
_cell_length_a 4.05
_cell_length_b 4.05
_cell_length_c 4.05
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'F m -3 m'
loop_
_symmetry_equiv_pos_as_xyz
'x,y,z'
'-x,-y,z'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
_atom_site_B_iso_or_equiv
Al1 Al 0 0 0 1.0 0.5
"""
PAR = """cell__a 4.05
cell__b 4.05
cell__c 4.05
cell_alpha 90
cell_beta 90
cell_gamma 90
cell_lattice_[P,A,B,C,I,F,R] F
chi 0.0
distance 3000.0
o11 1
o12 0
o21 0
o22 -1
omegasign 1
tilt_x 0.001
tilt_y 0.0
tilt_z 0.0
wavelength 0.31
wedge 0.0
y_center 20.5
y_size 3.5
z_center 20.5
z_size 3.5
"""


def odd_value(rng: Random, depth: int = 0) -> Any:
    """A value of any kind."""
    kind = rng.randrange(9 if depth < 3 else 6)
    if kind < 2:
        return rng.choice(ODD_NUMBERS)
    if kind < 4:
        return rng.choice(ODD_TEXTS)
    if kind == 4:
        return rng.random() < 0.5
    if kind == 5:
        return rng.choice((rng.uniform(-1e3, 1e3), rng.randrange(-1000, 1000)))
    if kind == 6:
        return {rng.choice(("start_deg", "mask", "shape", "x", "")): odd_value(rng, depth + 1)}
    return [odd_value(rng, depth + 1) for _ in range(rng.choice((0, 1, 2, 3, 4, 6)))]


def toml_value(value: Any) -> str:
    """As TOML writes it, except that it may be what TOML does not allow."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name or 'empty'} = {toml_value(part)}" for name, part in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    return str(tomlkit.item(value).as_string())


def recipe_text(rng: Random) -> str:
    """A recipe with one to five parameters that are odd, missing, unknown or double."""
    values: dict[str, Any] = {name: dict(part) if isinstance(part, dict) else part for name, part in RECIPE.items()}
    extra: list[str] = []
    known = schema()
    for _ in range(rng.choice((1, 1, 2, 5))):
        section = rng.choice((*known, "unknown"))
        rows = [row["name"] for row in known.get(section, [])]
        key = rng.choice((*rows, rng.choice(("x", "Scan", "seed-threshold"))))
        here = values.setdefault(section, {})
        if isinstance(here, list):
            here = values[section] = [dict(one) for one in here]
            here = here[0]
        what = rng.randrange(10)
        if what == 0:
            here.pop(key, None)
        elif what == 1:
            values.pop(section, None)
        elif what == 2:
            extra.append(f"[{section}]\n{key} = {toml_value(odd_value(rng))}\n")
        elif what == 3:
            depth = rng.choice((3, 100, 5000, 100_000))
            extra.append(f"[deep]\nx = {rng.choice(('[', '{x = ', '[[')) * depth}")
        else:
            here[key] = odd_value(rng)
    lines = []
    for section, part in values.items():
        for one in part if isinstance(part, list) else [part]:
            lines.append(f"[[{section}]]" if isinstance(part, list) else f"[{section}]")
            lines += [f"{key or 'empty'} = {toml_value(value)}" for key, value in one.items()]
    return "\n".join([*lines, *extra]) + "\n"


class Recipes:
    """`recipe.toml`, read as every command reads it."""

    name, share, patience_s = "recipe", 250, 20.0

    def prepare(self, folder: Path) -> None:
        """Nothing but the folder."""
        self._path = folder / "recipe.toml"
        (folder / "al.cif").write_text(CIF)

    def one(self, rng: Random) -> str:
        """A text, in any encoding."""
        data = recipe_text(rng).encode(rng.choice(("utf-8",) * 8 + ("utf-16", "utf-8-sig")), errors="replace")
        self._path.write_bytes(damaged(data, rng) if rng.random() < 0.3 else data)
        if rng.random() < 0.02:
            return command("run", self._path, "-o", self._path.with_suffix(""))
        return told(self._read)

    def _read(self) -> None:
        recipe = load_recipe(self._path)
        if recipe.setup is not None:
            recipe.setup.setup()
        for phase in recipe.phase:
            phase.phase()
        again = self._path.with_name("again.toml")
        again.write_text(dump(recipe), encoding="utf-8")
        if load_recipe(again) != recipe:
            raise BrokenContractError("a recipe that was written is read as another one")


class Settings:
    """`--set KEY=VALUE`."""

    name, share, patience_s = "set", 240, 20.0

    def prepare(self, folder: Path) -> None:
        """Nothing but the folder."""
        self._folder = folder

    def one(self, rng: Random) -> str:
        """One to three settings."""
        known = schema()
        settings = []
        for _ in range(rng.choice((1, 1, 3))):
            section = rng.choice(tuple(known))
            key = f"{section}.{rng.choice([row['name'] for row in known[section]])}"
            key = rng.choice(
                (key,) * 6 + ("", ".", "a..b", section, f"{key}.x", f"{section}.0.name", "phase.0.cif")
            )
            value = toml_value(odd_value(rng)) if rng.random() < 0.7 else rng.choice(ODD_TEXTS)
            text = f"{key}{rng.choice(('=',) * 9 + ('',))}{value}"
            if rng.random() < 0.2:
                text = damaged(text.encode(), rng).decode("utf-8", "replace")
            if rng.random() < 0.01:
                text = f"{key}={'[' * 20_000}"
            settings.append(text)
        if rng.random() < 0.02:
            options = [part for text in settings for part in ("--set", text)]
            return command("inspect", self._folder / "nothing.h5", *options)
        return told(lambda: build_recipe(apply_settings(dict(RECIPE), settings, self._folder)))


class Cifs:
    """A CIF, and the crystal that it is."""

    name, share, patience_s = "cif", 60, 20.0

    def prepare(self, folder: Path) -> None:
        """Nothing but the folder."""
        self._path = folder / "al.cif"

    def one(self, rng: Random) -> str:
        """A damaged text, or one whose lines are missing, double or have other values."""
        lines = CIF.splitlines()
        for _ in range(rng.choice((0, 1, 1, 2))):
            at = rng.randrange(len(lines))
            word = rng.choice(("?", ".", "0", "-1", "1e400", "nan", "90(3)", "''", "Xx", "P 1", "loop_", "data_"))
            head = lines[at].split(" ")[0]
            lines[at : at + 1] = rng.choice(([], [lines[at]] * 2, [f"{head} {word}"], [word]))
        data = "\n".join(lines).encode()
        self._path.write_bytes(damaged(data, rng) if rng.random() < 0.6 else data)
        phase = {"name": "x", "cif": str(self._path)}
        return told(lambda: self._crystal(phase))

    def _crystal(self, phase: dict[str, str]) -> None:
        build_recipe({"phase": [phase]}).phase[0].phase()


class Pars:
    """ImageD11's `.par`."""

    name, share, patience_s = "par", 60, 20.0

    def prepare(self, folder: Path) -> None:
        """Nothing but the folder."""
        self._path = folder / "al.par"

    def one(self, rng: Random) -> str:
        """A damaged text, or one with odd values."""
        lines = PAR.splitlines()
        for _ in range(rng.choice((0, 1, 1, 3))):
            at = rng.randrange(len(lines))
            word = rng.choice(("", "nan", "inf", "-1", "0", "1e400", "x", "231", "١"))
            lines[at : at + 1] = rng.choice(([], [lines[at]] * 2, [f"{lines[at].split(' ')[0]} {word}"]))
        data = "\n".join(lines).encode()
        self._path.write_bytes(damaged(data, rng) if rng.random() < 0.6 else data)
        if rng.random() < 0.02:
            return command("import-parameters", self._path, "-o", self._path.with_suffix(".toml"))
        return told(self._read)

    def _read(self) -> None:
        found = import_parameters(self._path)
        build_recipe({"setup": dict(found.setup), "phase": [dict(phase) for phase in found.phase]})


class AngleTexts:
    """A column of angles."""

    name, share, patience_s = "angles", 20, 20.0

    def prepare(self, folder: Path) -> None:
        """Nothing but the folder."""
        self._folder = folder

    def one(self, rng: Random) -> str:
        """A damaged text."""
        path = self._folder / rng.choice(("a.txt", "a.csv", "a.dat"))
        values = [rng.choice((str(k / 2), str(k / 2), "x", "", "# x", "1 2", "nan")) for k in range(8)]
        data = "\n".join(values).encode()
        path.write_bytes(damaged(data, rng) if rng.random() < 0.5 else data)
        return told(lambda: read_angles(str(path), self._folder))
