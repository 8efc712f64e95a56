"""Parameters of the ESRF DCT code, in files made by hand after the descriptions of its fields."""

import h5py
import numpy as np
import pytest

from friedel.errors import InputError
from friedel.io.import_parameters import import_parameters
from friedel.recipe import Recipe
from friedel.recipe.setup import SetupParams

HAND = {
    "acq/energy": [[38.0]],
    "acq/dist": [[4.0]],
    "labgeo/beamdir": [[1.0, 0, 0]],
    "labgeo/rotdir": [[0, 0, 1.0]],
    "labgeo/rotpos": [[0.0, 0, 0]],
    "labgeo/labunit": "mm",
    "detgeo/pixelsizeu": [[1.4e-3]],
    "detgeo/pixelsizev": [[1.5e-3]],
    "detgeo/detrefu": [[1024.5]],
    "detgeo/detrefv": [[512.5]],
    "detgeo/detrefpos": [[4.0, 0.01, -0.02]],
    "detgeo/detdiru": [[0, 1.0, 0]],
    "detgeo/detdirv": [[0, 0, -1.0]],
    "cryst/name": "Al",
    "cryst/latticepar": [[4.05, 4.05, 4.05, 90, 90, 90.0]],
    "cryst/spacegroup": [[225.0]],
    "prep/fullrange": [[500.0]],
    "prep/fullint": [[50.0]],
    "seg/thr_seed": [[50.0]],
    "seg/thr_grow_rat": [[0.1]],
    "seg/thr_grow_low": [[7.0]],
    "seg/thr_grow_high": [[20.0]],
}


def esrf(folder, changes=None, root=""):
    with h5py.File(folder / "parameters.h5", "w") as file:
        for name, value in {**HAND, **(changes or {})}.items():
            if value is not None:
                file[root + name] = value
    return folder / "parameters.h5"


def detector_of(imported):
    return SetupParams.build(imported.setup).setup().detector


def test_the_reference_pixel_counts_from_one_and_lies_where_it_should(tmp_path):
    imported = import_parameters(esrf(tmp_path))
    detector = detector_of(imported)
    np.testing.assert_allclose(detector.position_um(511.5, 1023.5), [4000, 10, -20], atol=1e-9)
    np.testing.assert_allclose(detector.u_um, [0, 1.4, 0])
    np.testing.assert_allclose(detector.v_um, [0, 0, -1.5])
    assert imported.setup["energy_keV"] == 38.0
    assert imported.setup["rotation"] == "+z"
    assert imported.notes == ()


def test_a_spot_hits_the_pixel_that_the_codes_own_equation_gives(tmp_path):
    u, v = np.array([0.1, 0.99, 0.02]), np.array([0.05, 0.03, -1.0])
    changes = {"detgeo/detdiru": u, "detgeo/detdirv": v, "labgeo/rotpos": [0.002, -0.003, 0.1]}
    detector = detector_of(import_parameters(esrf(tmp_path, changes)))
    rng = np.random.default_rng(2)
    row, col = rng.uniform(0, 2000, (2, 50))
    u, v = u / np.linalg.norm(u), v / np.linalg.norm(v)
    # uv counts from 1: r = detrefpos + (u - detrefu) pixelsizeu detdiru + (v - detrefv) pixelsizev detdirv, in mm
    in_mm = np.array([4.0, 0.01, -0.02]) + (col + 1 - 1024.5)[:, None] * 1.4e-3 * u
    in_mm = in_mm + (row + 1 - 512.5)[:, None] * 1.5e-3 * v - [0.002, -0.003, 0]
    np.testing.assert_allclose(detector.position_um(row, col), in_mm * 1e3, atol=1e-6)


def test_all_values_make_a_recipe(tmp_path):
    imported = import_parameters(esrf(tmp_path))
    recipe = Recipe.build(
        {
            "setup": imported.setup,
            "phase": imported.phase,
            "preprocess": imported.preprocess,
            "segment": imported.segment,
        }
    )
    assert (recipe.preprocess.half_window, recipe.preprocess.half_step) == (250, 25)
    segment = recipe.segment
    assert (segment.seed_threshold, segment.tolerance, segment.grow_min, segment.grow_max) == (50, 0.1, 7, 20)
    assert recipe.phase[0].phase().laue_class == "m-3m"


@pytest.mark.parametrize("turn", [(-1.0, "-z"), (2.0, "+z")])
def test_the_sense_is_in_the_axis(tmp_path, turn):
    imported = import_parameters(esrf(tmp_path, {"labgeo/rotdir": [0, 0, turn[0]]}))
    assert imported.setup["rotation"] == turn[1]


def test_an_axis_beside_the_origin_moves_the_detector(tmp_path):
    imported = import_parameters(esrf(tmp_path, {"labgeo/rotpos": [[0.5, 0.25, 9.0]]}))
    np.testing.assert_allclose(detector_of(imported).position_um(511.5, 1023.5), [3500, -240, -20], atol=1e-9)
    assert "axis" in imported.notes[0]


@pytest.mark.parametrize("root", ["parameters/", ""])
def test_older_layouts_are_read(tmp_path, root):
    moved = {name.replace("detgeo", "labgeo"): value for name, value in HAND.items() if name.startswith("detgeo")}
    gone = dict.fromkeys(name for name in HAND if name.startswith("detgeo"))
    codes = np.array([[ord(letter)] for letter in "mm"], dtype="u2")
    columns = {"labgeo/rotdir": [[0.0], [0.0], [1.0]], "labgeo/labunit": codes}
    imported = import_parameters(esrf(tmp_path, {**gone, **moved, **columns}, root))
    np.testing.assert_allclose(detector_of(imported).position_um(511.5, 1023.5), [4000, 10, -20], atol=1e-9)


def test_several_phases_are_read_in_order(tmp_path):
    two = {f"cryst/{name}": None for name in ("name", "latticepar", "spacegroup")}
    for number, name, lattice, group in (
        ("00", "Ti", [2.95, 2.95, 4.68, 90, 90, 120], 194),
        ("01", "beta", [3.3] * 3 + [90] * 3, 229),
    ):
        two |= {
            f"cryst/{number}/name": name,
            f"cryst/{number}/latticepar": lattice,
            f"cryst/{number}/spacegroup": [group],
        }
    imported = import_parameters(esrf(tmp_path, two))
    assert [phase["name"] for phase in imported.phase] == ["Ti", "beta"]
    assert imported.phase[0]["spacegroup"] == "P 63/m m c"
    assert any("'beta' is no element" in note for note in imported.notes)


def test_a_file_without_a_crystal_says_so(tmp_path):
    gone = dict.fromkeys(name for name in HAND if name.startswith(("cryst", "prep", "seg")))
    imported = import_parameters(esrf(tmp_path, gone))
    assert (imported.phase, imported.preprocess, imported.segment) == ((), {}, {})
    assert "no crystal" in imported.notes[0]


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"labgeo/beamdir": [0, 1.0, 0]}, "beamdir .* must be along x"),
        ({"labgeo/rotdir": [0, 0.1, 1.0]}, "rotdir .* must be along z"),
        ({"labgeo/rotdir": [0.0, 0, 0]}, "rotdir .* must be along z"),
        ({"labgeo/rotdir": None}, "rotdir .* must be three numbers"),
        ({"labgeo/labunit": "inch"}, "labunit .* must be one of"),
        ({"acq/energy": None}, "acq/energy .* must be given"),
        ({"detgeo/detrefpos": [1.0, 2.0]}, "detrefpos .* must be three numbers"),
        ({"detgeo/detrefu": None}, "must give detrefu"),
        ({"detgeo/pixelsizev": [0.0]}, "must not be 0"),
        ({"detgeo/detdirv": [0, 2.0, 0]}, "must span a plane"),
        ({"cryst/spacegroup": [300.0]}, "spacegroup"),
    ],
)
def test_a_geometry_that_cannot_be_taken_over_is_refused(tmp_path, changes, rule):
    with pytest.raises(InputError, match=rule):
        import_parameters(esrf(tmp_path, changes))


def test_other_files_are_refused(tmp_path):
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file["data"] = np.zeros(3)
    (tmp_path / "parameters.mat").write_bytes(b"MATLAB 5.0 MAT-file")
    (tmp_path / "text.par").write_text("a poem\nand more\n")
    (tmp_path / "image.par").write_bytes(b"\xff\xfe\x00\x01\x02")
    for name, rule in (
        ("scan.h5", r"must be parameters\.h5"),
        ("parameters.mat", "is a MATLAB file"),
        ("text.par", r"must be an ImageD11 \.par"),
        ("image.par", "not a text"),
        ("nothing.par", "no such file"),
    ):
        with pytest.raises(InputError, match=rule):
            import_parameters(tmp_path / name)
