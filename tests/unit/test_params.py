"""Parameters: declared once, strict, and named in every error."""

import math
from typing import Literal

import pytest

from friedel.errors import RecipeError
from friedel.params import Params, parameter


class Inner(Params):
    step_deg: float = parameter(0.1, "What each frame integrates.", unit="deg")


class Example(Params):
    threshold: float = parameter(50.0, "Starts a blob.", unit="counts", gt=0)
    voxels: int = parameter(10, "At least so many.", ge=1, le=1000)
    kind: Literal["a", "b"] = parameter("a", "One of two.")
    box: tuple[int, int, int, int] | Literal["auto"] = parameter("auto", "Columns and rows.")
    inner: Inner | None = parameter(None, "Something inside.")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"threshold": "50"}, ["threshold", "valid number", "'50'"]),
        ({"threshold": True}, ["threshold", "valid number", "True"]),
        ({"threshold": 0}, ["threshold", "greater than 0", "got 0"]),
        ({"threshold": math.nan}, ["threshold", "finite number", "nan"]),
        ({"threshold": math.inf}, ["threshold", "finite number", "inf"]),
        ({"voxels": 2.5}, ["voxels", "valid integer", "2.5"]),
        ({"voxels": True}, ["voxels", "valid integer", "True"]),
        ({"voxels": 0}, ["voxels", "greater than or equal to 1"]),
        ({"kind": "c"}, ["kind", "'a' or 'b'", "'c'"]),
        ({"box": [1, 2, 3]}, ["box", "auto", "[1, 2, 3]"]),
        ({"tresholds": 3.0}, ["tresholds", "unknown key", "did you mean 'threshold'?"]),
        ({"inner": {"stepdeg": 3.0}}, ["inner.stepdeg", "unknown key", "did you mean 'step_deg'?"]),
        ({"inner": {"step_deg": "x"}}, ["inner.step_deg", "valid number"]),
        ({"inner": 5}, ["inner", "got 5"]),
    ],
)
def test_an_error_names_the_key_the_rule_and_the_value(values, words):
    with pytest.raises(RecipeError) as caught:
        Example.build(values, "section")
    text = str(caught.value)
    assert text.startswith("section.")
    assert "\n" not in text
    for word in words:
        assert word in text


def test_all_mistakes_are_named_each_value_once():
    with pytest.raises(RecipeError) as caught:
        Example.build({"tresholds": 3.0, "box": [1, 2, 3], "inner": {"step_deg": "x"}}, "section")
    lines = str(caught.value).splitlines()
    assert sorted(line.split(":")[0] for line in lines) == [
        "section.box",
        "section.inner.step_deg",
        "section.tresholds",
    ]
    assert len(caught.value.others) == 2


def test_no_name_of_a_type_appears_in_the_key():
    with pytest.raises(RecipeError, match=r"^s\.box\.1: "):
        Example.build({"box": [1, "x", 3, 4]}, "s")


def test_a_whole_number_serves_for_a_float_and_a_list_for_a_tuple():
    built = Example.build({"threshold": 7, "box": [1, 2, 3, 4]})
    assert built.threshold == 7.0
    assert isinstance(built.threshold, float)
    assert built.box == (1, 2, 3, 4)


def test_infinity_survives_where_it_is_allowed():
    class Open(Params):
        """One parameter."""

        most: float = parameter(math.inf, "No limit.", gt=0, allow_inf_nan=True)

    assert Open.build({"most": math.inf}).most == math.inf
    with pytest.raises(RecipeError, match="most"):
        Open.build({"most": math.nan})


def test_a_changed_copy_is_validated():
    assert Example().replaced(voxels=3).voxels == 3
    with pytest.raises(RecipeError):
        Example().replaced(voxels=0)


def test_parameters_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        Example().voxels = 3


def test_every_parameter_is_a_row_with_type_default_unit_rule_and_sentence():
    rows = {row.name: row for row in Example.declared()}
    assert list(rows) == ["threshold", "voxels", "kind", "box", "inner"]
    assert rows["threshold"] == ("threshold", "number", 50.0, "counts", "> 0", "Starts a blob.")
    assert rows["voxels"].rule == ">= 1, <= 1000"
    assert rows["kind"].type == '"a" | "b"'
