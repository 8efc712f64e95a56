"""Several recipes in one command, and recipes for all scans of a BLISS session."""

import shutil

import h5py
import numpy as np
import pytest

import friedel
from friedel.errors import InputError, Interrupted
from friedel.io.session import scans_of_session
from tests.pipeline.test_bad_input import RECIPE, frames_of, write_scan


@pytest.fixture
def three(tmp_path):
    """Recipes of three scans, the second without angles."""
    for name, step in (("a", 1.0), ("b", None), ("c", 0.5)):
        write_scan(tmp_path / f"{name}.h5", frames_of(), step=step)
        (tmp_path / f"{name}.toml").write_text(RECIPE.format(frames=f"{name}.h5"))
    return [tmp_path / f"{name}.toml" for name in "abc"]


def test_a_bad_scan_does_not_stop_the_others(three, tmp_path, command):
    code, out, said = command("run", *three)
    assert code == 2
    assert out.splitlines() == [str(tmp_path / "a"), str(tmp_path / "c")]
    assert (tmp_path / "a/blobs.h5").exists()
    assert (tmp_path / "c/blobs.h5").exists()
    [line] = [line for line in said.splitlines() if line.startswith("friedel: ")]
    assert line.startswith(f"friedel: {tmp_path / 'b.toml'}: ")
    table = said[said.index("┏") :]
    assert table.count("done") == 2
    assert table.count("failed") == 1
    assert "Traceback" not in said


def test_several_recipes_are_run_as_each_of_them_alone(three, tmp_path, command):
    first, _, last = three
    code, out, _ = command("run", first, last, "-o", tmp_path / "all", "-q")
    assert (code, out.split()) == (0, [str(tmp_path / "all/a"), str(tmp_path / "all/c")])
    alone = friedel.run(first, tmp_path / "alone", report=False)
    assert (tmp_path / "all/a/blobs.h5").read_bytes() == (alone / "blobs.h5").read_bytes()


def test_recipes_that_would_share_a_folder_are_refused_before_anything_runs(three, tmp_path):
    (tmp_path / "other").mkdir()
    other = shutil.copy(three[0], tmp_path / "other")
    with pytest.raises(InputError, match="must not have the output folder of"):
        friedel.run_each([three[0], other], tmp_path / "all")
    assert not (tmp_path / "all").exists()


def test_outcomes_say_what_became_of_each_scan(three, tmp_path):
    heard = []
    outcomes = friedel.run_each(three, tmp_path / "all", told=heard.append, report=False)
    assert heard == outcomes
    assert [one.exit_code for one in outcomes] == [0, 2, 0]
    assert [one.path.name for one in outcomes] == ["a", "b", "c"]
    assert outcomes[0].counts["blobs"] == len(friedel.read_blobs(outcomes[0].path))
    assert outcomes[1].counts == {}
    assert "omega" in outcomes[1].error


def test_an_interrupt_stops_them_all(three, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise Interrupted("interrupted")

    monkeypatch.setattr("friedel.many_scans.run", interrupted)
    with pytest.raises(Interrupted, match=r"a\.toml.*the same command goes on with the rest"):
        friedel.run_each(three, tmp_path / "all")


WINDOW = (
    "preprocess.half_window=10",
    "preprocess.half_step=2",
    "preprocess.beam=none",
    "preprocess.normalise=none",
)


@pytest.fixture
def session(tmp_path):
    """RAW_DATA of a session: two data sets with two scans and one, a master of the sample with links to all three,
    alignments, a file that is none."""
    raw = tmp_path / "RAW_DATA"
    for name, scans in (("al_ff1", ("1.1", "2.1")), ("al_ff2", ("1.1",))):
        (raw / "al" / name).mkdir(parents=True)
        with h5py.File(raw / "al" / name / f"{name}.h5", "w") as file:
            for scan in scans:
                file[f"{scan}/title"] = "fscan diffrz 0 1 40"
                file[f"{scan}/measurement/marana"] = frames_of()
                file[f"{scan}/measurement/diffrz"] = np.arange(40.0)
            file["9.1/title"], file["9.1/measurement/marana"] = "ct 1", frames_of()[:3]
            file["9.2/title"], file["9.2/measurement/marana"] = "dark", frames_of()[:5]
    with h5py.File(raw / "al/al.h5", "w") as file:
        for number, (name, scan) in enumerate((("al_ff1", "1.1"), ("al_ff1", "2.1"), ("al_ff2", "1.1")), 1):
            file[f"{number}.1"] = h5py.ExternalLink(f"{name}/{name}.h5", scan)
    (raw / "al/broken.h5").write_text("no HDF5")
    return raw


def test_every_scan_of_a_session_is_found_once_and_named_by_its_data_set(session):
    found = scans_of_session(session)
    assert [one.name for one in found] == ["al_ff1_1.1", "al_ff1_2.1", "al_ff2_1.1"]
    assert [one.frames for one in found] == [
        f"{session}/al/al_ff1/al_ff1.h5::/1.1/measurement/marana",
        f"{session}/al/al_ff1/al_ff1.h5::/2.1/measurement/marana",
        f"{session}/al/al_ff2/al_ff2.h5::/1.1/measurement/marana",
    ]


def test_init_writes_a_recipe_for_each_scan_of_a_session_and_they_run(session, tmp_path, command):
    small = [f"--set={key}" for key in WINDOW]
    code, out, said = command("init", session, "-o", tmp_path / "recipes", *small)
    names = ["al_ff1_1.1.toml", "al_ff1_2.1.toml", "al_ff2_1.1.toml"]
    assert code == 0, said
    assert out.splitlines() == [str(tmp_path / "recipes" / name) for name in names]
    code, out, said = command("run", *sorted((tmp_path / "recipes").glob("*.toml")), "--to", "segment")
    assert code == 0, said
    assert [len(friedel.read_blobs(folder)) > 0 for folder in out.splitlines()] == [True] * 3


def test_a_folder_without_scans_is_refused(tmp_path, command):
    with h5py.File(tmp_path / "table.h5", "w") as file:
        file["x"] = [1, 2]
    code, _, said = command("init", tmp_path)
    assert code == 2
    assert "holds no scans of a BLISS session" in said
