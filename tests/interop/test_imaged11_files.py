"""ImageD11 reads our grains and our geometry, and we read its parameters."""

import json

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from friedel.errors import InputError
from friedel.io.export import export_grain_map, export_parameters
from friedel.io.import_parameters import import_parameters
from friedel.kernels import bragg
from friedel.model.setup import Axis, Beam, Detector, Setup
from friedel.recipe.phase import PhaseParams
from friedel.recipe.setup import SetupParams
from tests.grain_maps import AL, FE, TI, grains_of, sample_map

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::SyntaxWarning", "ignore::FutureWarning"
)

GRAINS, _, _ = sample_map()
TILTED = Detector.from_distance(5500.0, 7.0, (190.0, 201.0), tilt_deg=(0.7, -1.3, 2.1), flip=("rows",))


def parameters_of(path):
    from ImageD11.parameters import parameters

    found = parameters()
    found.loadparameters(str(path))
    return found.parameters


def theirs_um(values, row, col):
    """Lab positions of pixels by ImageD11."""
    from ImageD11.transform import compute_xyz_lab

    return compute_xyz_lab(np.array([row, col]), **values).T


def ours_um(imported, row, col):
    return SetupParams.build(imported.setup).setup().detector.position_um(row, col)


def pixels(count=200, seed=1):
    return np.random.default_rng(seed).uniform(0, 2000, (2, count))


# --- grains


def test_imaged11_reads_our_grains(tmp_path):
    from ImageD11.grain import read_grain_file

    export_grain_map(tmp_path / "grains.map", GRAINS)
    back = read_grain_file(str(tmp_path / "grains.map"))
    assert len(back) == len(GRAINS)
    for i, grain in enumerate(back):
        np.testing.assert_allclose(grain.ubi, GRAINS.UBI[i], rtol=1e-14)
        np.testing.assert_allclose(grain.translation, GRAINS.position_um[i], rtol=1e-14)
        np.testing.assert_allclose(grain.U, GRAINS.U[i], atol=1e-9)
        assert grain.name.strip() == f"{i + 1}:{GRAINS.phases[GRAINS.phase[i]]}"
        assert int(grain.npks) == np.diff(GRAINS.blob_pointer)[i]


def test_grains_of_one_phase_can_be_picked(tmp_path):
    from ImageD11.grain import read_grain_file

    export_grain_map(tmp_path / "grains.map", GRAINS, phase=1)
    assert len(read_grain_file(str(tmp_path / "grains.map"))) == (GRAINS.phase == 1).sum() > 0
    export_grain_map(tmp_path / "none.map", grains_of([]))
    assert read_grain_file(str(tmp_path / "none.map")) == []


# --- geometry, out and in


def detectors():
    yield TILTED
    for flip in ((), ("rows",), ("cols",), ("rows", "cols")):
        yield Detector.from_distance(3094.0, 3.5, (255.5, 250.0), flip=flip)
        yield Detector.from_distance(3094.0, 3.5, (255.5, 250.0), flip=flip, tilt_deg=(-3.0, 2.0, 5.0))
    rng = np.random.default_rng(8)
    for turn in Rotation.random(10, random_state=4).as_matrix():
        if abs(turn[0, 0]) > 0.1:  # the beam meets the plane
            yield Detector(rng.normal(size=3) * 4000, turn[:, 1] * 3.0, turn[:, 2] * 4.5)


@pytest.mark.parametrize("number", range(len(list(detectors()))))
@pytest.mark.parametrize("sense", [1, -1])
def test_a_geometry_goes_to_imaged11_and_back_without_a_change(tmp_path, number, sense):
    detector = list(detectors())[number]
    row, col = pixels()
    ours = detector.position_um(row, col)
    size = np.linalg.norm(detector.u_um)
    export_parameters(tmp_path / "a.par", Setup(Beam(43.0), detector, Axis(sense)), AL)
    values = parameters_of(tmp_path / "a.par")
    np.testing.assert_allclose(theirs_um(values, row, col) / size, ours / size, atol=1e-6)
    assert values["omegasign"] == sense
    back = import_parameters(tmp_path / "a.par")
    np.testing.assert_allclose(ours_um(back, row, col) / size, ours / size, atol=1e-6)
    assert back.setup["rotation"] == {1: "+z", -1: "-z"}[sense]
    assert back.setup["energy_keV"] == pytest.approx(43.0)


def test_a_detector_near_upright_gets_small_tilts_and_no_swap(tmp_path):
    export_parameters(tmp_path / "a.par", Setup(Beam(43.0), TILTED))
    values = parameters_of(tmp_path / "a.par")
    found = [np.degrees(values[f"tilt_{axis}"]) for axis in "xyz"]
    np.testing.assert_allclose(found, [0.7, -1.3, 2.1], atol=1e-9)
    assert [values[name] for name in ("o11", "o12", "o21", "o22")] == [1, 0, 0, 1]


@pytest.mark.parametrize("phase", [AL, FE, TI])
def test_a_cell_goes_to_imaged11_and_back(tmp_path, phase):
    export_parameters(tmp_path / "a.par", Setup(Beam(43.0), TILTED), phase)
    imported = import_parameters(tmp_path / "a.par")
    (back,) = imported.phase
    assert tuple(back["lattice"]) == phase.lattice
    assert PhaseParams.build({**back, "name": phase.name}).phase().laue_class == phase.laue_class
    assert any("space group" in note for note in imported.notes)
    assert any("atoms" in note for note in imported.notes)


@pytest.mark.parametrize("o", [(1, 0, 0, -1), (1, 0, 0, 1), (-1, 0, 0, -1), (0, 1, 1, 0), (0, -1, 1, 0)])
def test_a_file_that_imaged11_itself_wrote_puts_pixels_where_imaged11_does(tmp_path, o):
    from ImageD11.transformer import transformer

    written = transformer().parameterobj  # its own defaults, for what is not said here
    rng = np.random.default_rng(7)
    tilts = dict(zip(("tilt_x", "tilt_y", "tilt_z"), rng.uniform(-0.05, 0.05, 3), strict=True))
    names = dict(zip(("o11", "o12", "o21", "o22"), o, strict=True))
    written.set_parameters({**tilts, **names, "omegasign": -1.0, "y_center": 1010.5, "wavelength": 0.2846})
    written.saveparameters(str(tmp_path / "theirs.par"))
    row, col = pixels()
    values = parameters_of(tmp_path / "theirs.par")
    imported = import_parameters(tmp_path / "theirs.par")
    np.testing.assert_allclose(ours_um(imported, row, col), theirs_um(values, row, col), atol=1e-6 * 50)
    assert imported.setup["rotation"] == "-z"
    assert imported.setup["energy_keV"] == pytest.approx(12.398419843 / 0.2846)
    assert tuple(imported.phase[0]["lattice"]) == (4.1569, 4.1569, 4.1569, 90.0, 90.0, 90.0)


def test_what_imaged11_cannot_describe_is_refused(tmp_path):
    along = Detector([1000, 0, 50], [3, 0, 0], [0, 3, 0])
    skew = Detector([1000, 0, 0], [0, 3, 0], [0, 1, 3])
    for detector, rule in ((along, "must meet its plane"), (skew, "right angles")):
        with pytest.raises(InputError, match=rule):
            export_parameters(tmp_path / "a.par", Setup(Beam(43.0), detector))
    assert not list(tmp_path.iterdir())


def test_imaged11_predicts_our_spots_from_the_files_that_it_gets(tmp_path):
    from ImageD11 import transform
    from ImageD11.grain import read_grain_file

    setup = Setup(Beam(43.0), TILTED)
    export_grain_map(tmp_path / "grains.map", GRAINS, phase=0)
    export_parameters(tmp_path / "a.par", setup, AL)
    values = parameters_of(tmp_path / "a.par")
    plane = bragg.detector_frame(TILTED.origin_um, TILTED.u_um, TILTED.v_um)
    hkl = AL.reflections(0.7).hkl
    for row, grain in zip(
        np.flatnonzero(GRAINS.phase == 0), read_grain_file(str(tmp_path / "grains.map")), strict=True
    ):
        ours = bragg.predict(hkl @ (GRAINS.U[row] @ AL.B).T, GRAINS.position_um[row], setup.beam.wavelength, plane)
        g = np.linalg.inv(grain.ubi) @ hkl[ours.reflection].T
        two_theta, eta, omega = transform.uncompute_g_vectors(g, values["wavelength"])
        place = dict(zip(("t_x", "t_y", "t_z"), grain.translation, strict=True))
        apart = np.full(len(ours.row), np.inf)
        for one in (0, 1):
            col, line = transform.compute_xyz_from_tth_eta(two_theta, eta[one], omega[one], **{**values, **place})
            turn = np.degrees(ours.omega) - omega[one]
            off = np.hypot(ours.col - col, ours.row - line) + np.abs((turn + 180) % 360 - 180)
            apart = np.minimum(apart, off)
        assert len(apart) > 100
        assert apart.max() < 1e-6


# --- parameters that ImageD11 wrote

HAND = {
    "cell__a": 4.04, "cell__b": 4.04, "cell__c": 4.04, "cell_alpha": 90.0, "cell_beta": 90.0, "cell_gamma": 90.0,
    "cell_lattice_[P,A,B,C,I,F,R]": "F", "chi": 0.0, "distance": 151000.5, "fit_tolerance": 0.5,
    "o11": 0, "o12": -1, "o21": 1, "o22": 0, "omegasign": -1.0, "t_x": 5.0, "t_y": 0, "t_z": 0,
    "tilt_x": 0.01, "tilt_y": -0.02, "tilt_z": 0.03, "wavelength": 0.2, "wedge": 0.0,
    "y_center": 1040.5, "y_size": 47.0, "z_center": 980.25, "z_size": 48.0,
}  # fmt: skip


def par_file(folder, **changes):
    from ImageD11.parameters import parameters

    values = {name: value for name, value in {**HAND, **changes}.items() if value is not None}
    parameters(**values).saveparameters(str(folder / "hand.par"))
    return folder / "hand.par"


@pytest.mark.parametrize(
    "o", [(-1, 0, 0, 1), (1, 0, 0, 1), (-1, 0, 0, -1), (1, 0, 0, -1), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, -1, 0)]
)
@pytest.mark.parametrize("z_size", [47.0, 48.0, -47.0])
def test_pixels_are_where_imaged11_puts_them(tmp_path, o, z_size):
    path = par_file(tmp_path, **dict(zip(("o11", "o12", "o21", "o22"), o, strict=True)), z_size=z_size)
    row, col = pixels()
    ours, theirs = ours_um(import_parameters(path), row, col), theirs_um(parameters_of(path), row, col)
    np.testing.assert_allclose(ours / 47.0, theirs / 47.0, atol=1e-6)


def test_a_file_that_imaged11_wrote_becomes_a_recipe(tmp_path):
    imported = import_parameters(par_file(tmp_path, o11=-1, o12=0, o21=0, o22=1, z_size=47.0))
    assert imported.setup["detector"]["centre_px"] == [1040.5, 980.25]
    assert imported.setup["rotation"] == "-z"
    assert imported.setup["energy_keV"] == pytest.approx(12.398419843 / 0.2)
    assert imported.phase[0]["spacegroup"] == "F m -3 m"
    assert any("position of one grain" in note for note in imported.notes)


def test_a_space_group_by_number_is_taken_as_it_is(tmp_path):
    imported = import_parameters(par_file(tmp_path, **{"cell_lattice_[P,A,B,C,I,F,R]": 227}))
    assert imported.phase[0]["spacegroup"] == "F d -3 m"
    assert not any("space group" in note for note in imported.notes)


def test_a_file_without_a_cell_says_so(tmp_path):
    imported = import_parameters(par_file(tmp_path, cell__a=None))
    assert imported.phase == ()
    assert any("no cell" in note for note in imported.notes)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"wedge": 8.0}, "wedge .* must be at most 5 deg"),
        ({"chi": "x"}, "chi .* must be a number"),
        ({"distance": None}, r"must be an ImageD11 \.par"),
        ({"y_center": None}, "must give y_center"),
        ({"y_size": "wide"}, "y_size .* must be a number, got wide"),
        ({"wavelength": 0.0}, "wavelength .* not 0"),
        ({"o11": 0, "o12": 0}, "must span a plane"),
    ],
)
def test_a_geometry_that_cannot_be_taken_over_is_refused(tmp_path, changes, rule):
    with pytest.raises(InputError, match=rule):
        import_parameters(par_file(tmp_path, **changes))


# --- pars.json


def written_by_imaged11(folder):
    """A geometry and two crystals, as ImageD11's own classes save them."""
    from ImageD11.parameters import AnalysisSchema, parameters

    geometry = {"distance": 5000.0, "y_center": 100.0, "z_center": 120.0, "y_size": 7.0, "z_size": 7.0}
    geometry |= {"wavelength": 0.31, "tilt_x": 0.001, "tilt_y": 0.0, "tilt_z": 0.0, "o11": -1, "o12": 0, "o21": 0}
    geometry |= {"o22": -1, "omegasign": 1.0, "wedge": 0.0, "chi": 0.0}
    (folder / "pars").mkdir()
    parameters(**geometry).saveparameters(str(folder / "pars" / "geometry.par"))
    cells = {"Al": [4.05] * 3 + [90] * 3 + [225], "Ti": [2.95, 2.95, 4.68, 90, 90, 120, 194]}
    names = (
        "cell__a",
        "cell__b",
        "cell__c",
        "cell_alpha",
        "cell_beta",
        "cell_gamma",
        "cell_lattice_[P,A,B,C,I,F,R]",
    )
    for name, cell in cells.items():
        parameters(**dict(zip(names, cell, strict=True))).saveparameters(str(folder / f"{name}.par"))
    entries = {"geometry": {"file": "pars/geometry.par"}, "phases": {n: {"file": f"{n}.par"} for n in cells}}
    (folder / "pars.json").write_text(json.dumps(entries))
    return AnalysisSchema(str(folder / "pars.json"))


def test_a_pars_json_gives_the_geometry_and_all_crystals(tmp_path):
    theirs = written_by_imaged11(tmp_path)
    ours = import_parameters(tmp_path / "pars.json")
    row, col = pixels()
    np.testing.assert_allclose(
        ours_um(ours, row, col), theirs_um(theirs.geometry_pars_obj.parameters, row, col), atol=1e-9
    )
    assert [phase["name"] for phase in ours.phase] == ["Al", "Ti"] == list(theirs.phase_pars_obj_dict)
    for phase in ours.phase:
        values = theirs.phase_pars_obj_dict[phase["name"]].parameters
        assert phase["lattice"] == [values[f"cell_{name}"] for name in ("_a", "_b", "_c", "alpha", "beta", "gamma")]
    assert [phase["spacegroup"] for phase in ours.phase] == ["F m -3 m", "P 63/m m c"]
    assert not any("no cell" in note for note in ours.notes)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{", "JSON"),
        ("{}", "geometry"),
        ('{"geometry": {"file": "none.par"}}', "none.par"),
        ('{"geometry": {"file": "pars/geometry.par"}, "phases": [1]}', "phases"),
        ('{"geometry": {"file": "pars/geometry.par"}, "phases": {"Fe": {}}}', "Fe"),
        ('{"geometry": {"file": "pars/geometry.par"}, "phases": {"Fe": {"file": "pars/geometry.par"}}}', "cell"),
    ],
)
def test_a_broken_pars_json_is_refused_with_what_is_wrong(tmp_path, text, what):
    written_by_imaged11(tmp_path)
    (tmp_path / "pars.json").write_text(text)
    with pytest.raises(InputError, match=what):
        import_parameters(tmp_path / "pars.json")
