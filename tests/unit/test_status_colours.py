"""The three colours of the map's status, as people with and without all three kinds of cones see them."""

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from friedel.model.colours import STATUS_COLOURS

STATIC = Path(__file__).parents[2] / "src" / "friedel" / "viewer" / "static"
LMS = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]])
"""Linear RGB to cones; as the two below from Vienot, Brettel & Mollon, Color Res. Appl. 24 (1999) 243."""
LACKING = {
    "": np.eye(3),
    "deuteranopia": np.array([[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]]),
    "protanopia": np.array([[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]]),
}
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def lab(colour: str, lacking: str) -> np.ndarray:
    """CIELAB of a colour as it is seen."""
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.linalg.inv(LMS) @ LACKING[lacking] @ LMS @ linear, 0, 1)
    x, y, z = np.cbrt(np.maximum(XYZ @ seen / (XYZ @ np.ones(3)), 1e-3))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("lacking", LACKING)
def test_measured_contested_and_dilated_are_told_apart(lacking):
    for one, other in combinations(STATUS_COLOURS.values(), 2):
        assert np.linalg.norm(lab(one, lacking) - lab(other, lacking)) > 25  # 2.3 is just noticed


@pytest.mark.parametrize("lacking", LACKING)
def test_they_differ_in_lightness_too(lacking):
    for one, other in combinations(STATUS_COLOURS.values(), 2):
        assert abs(lab(one, lacking)[0] - lab(other, lacking)[0]) > 10


def test_page_and_report_have_the_same_colours():
    names = {status.name.lower(): colour for status, colour in STATUS_COLOURS.items()}
    css = (STATIC / "lib" / "style.css").read_text(encoding="utf-8")
    assert {name: re.findall(rf"--{name}: ([^;]+);", css) for name in names} == {
        name: [colour] for name, colour in names.items()
    }
    pages = "".join(path.read_text(encoding="utf-8") for path in STATIC.rglob("*.*s") if path.name != "style.css")
    assert not [colour for colour in names.values() if colour in pages]
