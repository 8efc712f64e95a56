"""Odd scans and wrong numbers through the command line: a map of what is there, or none and the reason."""

import json

import pytest

import friedel
from friedel.io.store import read_attributes, read_blobs, read_grains, read_pairs, read_volume
from friedel.model.blobs import Flag
from friedel.recipe import load_recipe
from tests.unit.test_cif import cif

SCAN = (
    "frames=720",
    "rows=192",
    "cols=192",
    "grains=5",
    "pixel_um=9.3",
    "sample.radius_um=110",
    "sample.height_um=140",
    "light.spot_counts=60",
)
AS_GIVEN = (
    "--set", "preprocess.half_window=80", "--set", "preprocess.half_step=10", "--set", "setup.calibrate=off",
)  # fmt: skip


@pytest.fixture
def simulated(tmp_path, command):
    """Simulate with further settings; the recipe."""

    def make(*settings):
        options = [part for setting in (*SCAN, *settings) for part in ("--set", setting)]
        assert command("simulate", tmp_path / "scan.h5", "--preset", "small", "--seed", "4", *options)[0] == 0
        return tmp_path / "scan.toml"

    return make


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The recipe of the scan without anything odd."""
    return friedel.simulate(
        tmp_path_factory.mktemp("odd") / "scan.h5", preset="small", seed=4, settings=SCAN
    ).recipe


def judged(recipe, out):
    numbers = friedel.evaluate(out, recipe.with_suffix("").with_suffix(".truth.h5"))
    return numbers["grains"], numbers.get("volume")


def all_there(grains):
    return grains["found"] == grains["truth"] and grains["false"] == grains["duplicate"] == 0


def test_an_axis_that_leans_is_found_and_the_map_is_that_of_a_straight_one(simulated, tmp_path, command):
    recipe, out = simulated("lean_deg=-0.4"), tmp_path / "out"
    code, *_ = command("run", recipe, "-o", out, "--to", "assemble", *AS_GIVEN[:4])
    assert code == 0
    looks = json.loads((out / "run.json").read_text())["stages"]["index"]["measured"]["calibration"]
    lean = next(look for look in looks if look["by"] == "axis")["quantities"][0]
    assert lean["name"] == "axis lean"
    assert lean["after"] == pytest.approx(-0.4, abs=0.02)
    assert read_attributes(out / "grains.h5")["setup"]["lean_deg"] == pytest.approx(-0.4, abs=0.02)
    grains, volume = judged(recipe, out)
    assert all_there(grains)
    assert grains["misorientation_deg"]["median"] < 0.03
    assert volume["voxel_agreement"] > 0.9
    # blobs stay as they were found, and what is exported says the lean
    friedel.export(out, "imaged11")
    written = dict(line.split(None, 1) for line in (out / "grains.par").read_text().splitlines() if line)
    assert float(written["wedge"]) == pytest.approx(0.4, abs=0.02)


def test_one_grain_alone_is_a_map(simulated, tmp_path, command):
    recipe = simulated("grains=1")
    assert command("run", recipe, "-o", tmp_path / "out", *AS_GIVEN)[0] == 0
    grains, volume = judged(recipe, tmp_path / "out")
    assert all_there(grains)
    assert volume["voxel_agreement"] > 0.9


def test_blobs_cut_at_the_ends_of_the_scan_are_known_and_do_no_harm(simulated, tmp_path, command):
    recipe = simulated("turn_deg=300", "frames=600")
    code, _, said = command("run", recipe, "-o", tmp_path / "out", *AS_GIVEN)
    assert code == 0
    assert "only 80 % of the scan can have partners" in said
    blobs = read_blobs(tmp_path / "out" / "blobs.h5")
    assert ((blobs["flags"] & Flag.SCAN_END) != 0).any()
    grains, volume = judged(recipe, tmp_path / "out")
    assert all_there(grains)
    assert volume["voxel_agreement"] > 0.9
    assert (read_grains(tmp_path / "out" / "grains.h5").completeness > 0.8).all()


def test_twins_and_the_pieces_they_leave_of_their_parents_are_one_grain_each(simulated, tmp_path, command):
    recipe = simulated("grains=8", "sample.twin_fraction=0.6")
    assert command("run", recipe, "-o", tmp_path / "out", *AS_GIVEN)[0] == 0
    grains, volume = judged(recipe, tmp_path / "out")
    assert grains["truth"] >= 12
    assert all_there(grains)
    assert volume["dice"]["min"] > 0.7


def test_grains_whose_spots_leave_the_detector_are_found_and_have_a_shape(simulated, tmp_path, command):
    recipe = simulated("centre_px=[80.0, 112.0]")
    assert command("run", recipe, "-o", tmp_path / "out", *AS_GIVEN)[0] == 0
    blobs = read_blobs(tmp_path / "out" / "blobs.h5")
    assert ((blobs["flags"] & Flag.EDGE) != 0).sum() >= 10
    grains, volume = judged(recipe, tmp_path / "out")
    assert all_there(grains)
    assert volume["voxel_agreement"] > 0.9


def test_a_grain_beyond_the_border_of_the_sample_in_the_recipe_is_left_out_and_the_others_found(
    made, tmp_path, command
):
    smaller = ("--set", "setup.sample.radius_um=70")
    assert command("run", made, "-o", tmp_path / "out", *AS_GIVEN, *smaller)[0] == 0
    grains, _ = judged(made, tmp_path / "out")
    assert grains["false"] == grains["duplicate"] == 0
    assert grains["found"] >= 2


@pytest.mark.parametrize(
    ("energy", "words"),
    [
        (30.0, "check energy, lattice, distance, centre and rotation"),
        (46.0, "check lattice, energy and distance"),
        (60.0, "check lattice, energy and distance"),
    ],
)
def test_a_wrong_energy_gives_no_false_map_and_says_what_to_check(made, tmp_path, command, energy, words):
    code, _, said = command("run", made, "-o", tmp_path / "out", *AS_GIVEN, "--set", f"setup.energy_keV={energy}")
    assert code == 0
    assert len(read_grains(tmp_path / "out" / "grains.h5")) == 0
    assert words in said
    assert "map of 0 voxels" in said
    assert not read_volume(tmp_path / "out" / "volume.h5").grain_id.any()


def test_an_energy_that_is_a_little_off_is_told_by_the_rings(made, tmp_path, command):
    said = command("run", made, "-o", tmp_path / "out", *AS_GIVEN, "--set", "setup.energy_keV=41")[2]
    assert "rings differ from the lattice's by" in said
    assert judged(made, tmp_path / "out")[0]["false"] == 0


def test_no_pairs_at_all_end_in_an_empty_map(made, tmp_path, command):
    narrow = ("--set", "match.tune=false", "--set", "match.two_theta_tol_deg=0.000001")
    code, _, said = command("run", made, "-o", tmp_path / "out", *AS_GIVEN, *narrow)
    assert code == 0
    assert "no Friedel pairs, no grains: check energy, lattice, rotation sense, centre and distance" in said
    assert len(read_pairs(tmp_path / "out" / "pairs.h5")) == 0
    assert len(read_grains(tmp_path / "out" / "grains.h5")) == 0
    assert not read_volume(tmp_path / "out" / "volume.h5").grain_id.any()
    assert command("report", tmp_path / "out")[0] == 0


def test_a_crystal_of_unknown_atoms_gets_its_map_and_the_report_says_so(made, tmp_path, command):
    out = tmp_path / "out"
    unknown = ("--set", "phase.0.spacegroup=209")  # its atoms could be anywhere; aluminium obeys it too
    code, _, said = command("run", made, "-o", out, *AS_GIVEN, *unknown, "--report")
    assert code == 0, said
    assert "phase Al: its atoms are not known" in said
    assert "Al: strengths of its families from the scan: " in said
    grains, volume = judged(made, out)
    assert all_there(grains)
    assert volume["voxel_agreement"] > 0.9
    report = (out / "report.html").read_text()
    assert "one strength for each family, from the scan" in report
    assert "strengths (median 1, never seen 0)" in report


def test_a_simulation_of_a_cif_writes_a_recipe_that_names_it(tmp_path):
    (tmp_path / "al.cif").write_text(cif([4.0495] * 3 + [90] * 3, [("Al", 0, 0, 0)], symbol="F m -3 m"))
    settings = ("frames=60", "rows=48", "cols=48", "grains=1", f'phase=[{{name="Al", cif="{tmp_path}/al.cif"}}]')
    recipe = friedel.simulate(tmp_path / "scan.h5", preset="small", settings=settings).recipe
    assert 'cif = "al.cif"' in recipe.read_text()
    assert load_recipe(recipe).phase[0].phase().spacegroup == "F m -3 m"
