"""Messages stay short, whatever a file holds where a value belongs."""

import pytest

from friedel.errors import FriedelError, InputError, RecipeError, brief, few_lines

LONG = [
    "x" * 1_000_000,
    "ab " * 300_000,
    "\n" * 1_000_000,
    "1\n" * 500_000,
    "\x1b[2J" * 200_000,
    "é\udcff" * 300_000,
]


@pytest.mark.parametrize("value", LONG, ids=["word", "words", "empty lines", "lines", "escapes", "no text"])
@pytest.mark.parametrize("where", ["what", "rule", "got", "way_out"])
def test_a_megabyte_as_value_is_quoted_by_its_ends_on_one_line(value, where):
    parts = {"what": "scan.frames", "rule": "no such file", "got": None, "way_out": "", where: value}
    text = str(InputError(parts.pop("what"), **parts))
    assert len(text) < 1_000
    assert len(text.splitlines()) <= 1
    assert "x" * 201 not in text
    text.encode()  # what a terminal can show
    assert "\x1b" not in text
    if where == "got":
        assert len(text) < 250


def test_what_is_short_is_said_as_it_is():
    text = str(FriedelError("scan.dark", rule="must be an image", got=[1, 2], way_out="or a number"))
    assert text == "scan.dark: must be an image, got [1, 2] (or a number)"


def test_a_number_of_too_many_digits_is_no_further_error():
    assert brief(10**5000) == "a number of too many digits"


def test_many_mistakes_are_at_most_four_lines():
    first = RecipeError("a", rule="is wrong")
    assert str(first) == "a: is wrong"
    first.others = tuple(RecipeError(f"b{number}", rule="is wrong") for number in range(3))
    assert len(str(first).splitlines()) == 4
    first.others = tuple(RecipeError(f"b{number}", rule="is wrong") for number in range(100))
    assert str(first).splitlines() == ["a: is wrong", "b0: is wrong", "b1: is wrong", "and 98 more"]
    assert few_lines(str(first)) == str(first).splitlines()


@pytest.mark.parametrize("arguments", [
    ["inspect", "{}"], ["init", "s.h5", "--set", "{}"], ["init", "s.h5", "--set", "scan.frames={}"],
    ["init", "s.h5", "--set", "segment.{}=1"], ["init", "s.h5", "--set", 'segment.growth="{}"'], ["{}"],
    ["run", "r.toml", "--{}"], ["run", "r.toml", "--from", "{}"], ["export", ".", "--format", "{}"],
])  # fmt: skip
def test_the_command_line_quotes_little_of_what_it_was_given(arguments, capsys, monkeypatch, tmp_path):
    from friedel.cli import run_command

    monkeypatch.chdir(tmp_path)
    for value in LONG[:4]:
        code = run_command([argument.format(value) for argument in arguments])
        said = capsys.readouterr().err
        assert code in (1, 2)
        assert 0 < len(said.splitlines()) <= 4
        assert max(map(len, said.splitlines())) < 1_000, arguments
        assert "x" * 201 not in said
