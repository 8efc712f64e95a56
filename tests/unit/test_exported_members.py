"""The public list, locked: a change here belongs into the changelog."""

import subprocess
import sys

import friedel

PUBLIC = [
    "BlobTable",
    "FriedelError",
    "FriedelWarning",
    "Recipe",
    "Scan",
    "__version__",
    "calibrate",
    "demo",
    "estimate",
    "evaluate",
    "explore",
    "export",
    "import_parameters",
    "init",
    "init_each",
    "inspect",
    "open_scan",
    "read_blobs",
    "read_grains",
    "read_pairs",
    "read_truth",
    "read_volume",
    "report",
    "run",
    "run_each",
    "simulate",
    "verify",
    "view",
]


def test_the_public_list_is_this_one():
    assert sorted(friedel.__all__) == [name for name in PUBLIC if name != "inspect"]
    assert sorted(dir(friedel)) == PUBLIC


def test_every_public_name_is_there_and_documented():
    for name in PUBLIC:
        if name != "__version__":
            assert getattr(friedel, name).__doc__


def test_a_name_that_is_not_public_is_an_attribute_error():
    assert not hasattr(friedel, "nothing_of_that_name")


def test_importing_the_package_imports_nothing_else():
    code = "import sys\nbefore = set(sys.modules)\nimport friedel\nprint(sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "numpy" not in done.stdout
    assert "pydantic" not in done.stdout


def test_importing_every_room_leaves_the_commands_functions():
    import friedel.commands
    import friedel.explorer
    import friedel.reporter
    import friedel.runner.pipeline
    import friedel.simulator
    import friedel.survey

    for name in ("run", "report", "simulate", "evaluate", "explore"):
        assert callable(getattr(friedel, name))
