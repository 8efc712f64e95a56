"""The three colours of the map's status, as people with and without all three kinds of cones see them."""

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from friedel.model.colours import STATUS_COLOURS
from tests.eyes import LACKING, lab, rgb_of

STATIC = Path(__file__).parents[2] / "src" / "friedel" / "viewer" / "static"
SEEN = {lacking: [lab(rgb_of(colour), lacking) for colour in STATUS_COLOURS.values()] for lacking in LACKING}


@pytest.mark.parametrize("lacking", LACKING)
def test_measured_contested_and_dilated_are_told_apart(lacking):
    for one, other in combinations(SEEN[lacking], 2):
        assert np.linalg.norm(one - other) > 45


@pytest.mark.parametrize("lacking", LACKING)
def test_they_differ_in_lightness_too(lacking):
    for one, other in combinations(SEEN[lacking], 2):
        assert abs(one[0] - other[0]) > 10


def test_page_and_report_have_the_same_colours():
    names = {status.name.lower(): colour for status, colour in STATUS_COLOURS.items()}
    css = (STATIC / "lib" / "style.css").read_text(encoding="utf-8")
    assert {name: re.findall(rf"--{name}: ([^;]+);", css) for name in names} == {
        name: [colour] for name, colour in names.items()
    }
    pages = "".join(path.read_text(encoding="utf-8") for path in STATIC.rglob("*.*s") if path.name != "style.css")
    assert not [colour for colour in names.values() if colour in pages]
