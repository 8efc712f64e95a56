"""Texts are read as meant, whoever's editor wrote them."""

import codecs
import os

import h5py
import numpy as np
import pytest

import friedel
from friedel.errors import FriedelError, InputError, RecipeError, SetupError
from friedel.io import open_scan
from friedel.io.cif import read_cif
from friedel.io.images import read_angles
from friedel.io.import_parameters import import_parameters
from friedel.io.text import read_text, text_in
from friedel.recipe import load_recipe
from friedel.viewer.saving import save, saving_of

WRITTEN = {
    "plain": lambda text: text.encode(),
    "utf-8 with a mark": lambda text: codecs.BOM_UTF8 + text.encode(),
    "utf-16": lambda text: text.encode("utf-16"),
    "utf-16, the other end first": lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
    "utf-16 without a mark": lambda text: text.encode("utf-16-le"),
    "utf-32": lambda text: text.encode("utf-32"),
    "Windows": lambda text: codecs.BOM_UTF8 + text.replace("\n", "\r\n").encode(),
    "Windows, utf-16": lambda text: text.replace("\n", "\r\n").encode("utf-16"),
    "an old Mac": lambda text: text.replace("\n", "\r").encode(),
    "Latin-1": lambda text: text.encode("latin-1"),
}
RECIPE = '# 3,5 µm pixels, gemessen für Müller\n[scan]\nframes = "raw.h5"\n\n[segment]\nseed_threshold = 71.0\n'
PAR = (
    "# for Müller, µm\ncell__a 4.05\ncell__b 4.05\ncell__c 4.05\ncell_alpha 90.0\ncell_beta 90.0\ncell_gamma 90.0\n"
    + (
        "cell_lattice_[P,A,B,C,I,F,R] F\ndistance 3000.0\ny_center 100.0\nz_center 90.0\ny_size 3.5\nz_size 3.5\n"
        "wavelength 0.3\no11 -1\no12 0\no21 0\no22 1\n"
    )
)
CIF = """# Müller, Å
data_al
_cell_length_a 4.0495
_cell_length_b 4.0495
_cell_length_c 4.0495
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'F m -3 m'
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Al 0 0 0
"""


@pytest.fixture(params=WRITTEN.values(), ids=WRITTEN)
def written(request, tmp_path):
    """Writes a text as some editor would, and gives the path."""

    def write(name, text):
        path = tmp_path / name
        path.write_bytes(request.param(text))
        return path

    return write


def test_a_text_is_the_same_from_every_editor(written):
    assert read_text(written("r.toml", RECIPE)) == RECIPE


def test_a_recipe_is_the_same_from_every_editor(written):
    assert load_recipe(written("r.toml", RECIPE)).segment.seed_threshold == 71.0


def test_a_par_file_is_the_same_from_every_editor(written):
    found = import_parameters(written("x.par", PAR))
    assert found.setup["detector"] == {"distance_um": 3000.0, "pixel_um": 3.5, "centre_px": [100.0, 90.0]}
    assert found.phase[0]["lattice"] == [4.05, 4.05, 4.05, 90, 90, 90]
    assert found.phase[0]["spacegroup"] == "F m -3 m"


def test_a_cif_is_the_same_from_every_editor(written):
    phase = read_cif(str(written("al.cif", CIF)), "Al")
    assert (phase.spacegroup, len(phase.cell_atoms), phase.lattice[0]) == ("F m -3 m", 4, 4.0495)


@pytest.mark.parametrize("name", ["angles.txt", "angles.csv"])
def test_a_list_of_angles_is_the_same_from_every_editor(written, tmp_path, name):
    path = written(name, "# psi, gemessen für Müller\n0.0\n0.5\n1.0\n")
    np.testing.assert_array_equal(read_angles(path.name, tmp_path).values, [0.0, 0.5, 1.0])


def test_what_the_page_saves_keeps_comments_and_line_ends(written, tmp_path):
    path = written("r.toml", RECIPE)
    before = path.read_bytes()
    draft = load_recipe(path).replaced(segment={"seed_threshold": 80.0})
    saving = saving_of(path, draft, tmp_path / "out", masked=False)
    assert [line for line in saving.diff.splitlines() if line.startswith(("+s", "-s"))] == [
        "-seed_threshold = 71.0",
        "+seed_threshold = 80.0",
    ]
    save(saving, None)
    assert read_text(path) == RECIPE.replace("71.0", "80.0")
    ends = b"\r\n" if before.count(b"\r\n") == RECIPE.count("\n") else b"\n"
    assert path.read_bytes() == RECIPE.replace("71.0", "80.0").encode().replace(b"\n", ends)
    assert path.with_name("r.toml.bak").read_bytes() == before


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"\x00\x01\x02\x03", b"\x89HDF\r\n\x1a\n\x00\x00", b"a\x00b"])
def test_what_is_no_text_is_refused(data, tmp_path):
    path = tmp_path / "x.toml"
    path.write_bytes(data)
    for kind in (InputError, RecipeError, SetupError):
        with pytest.raises(kind, match="not a text file"):
            read_text(path, kind=kind)
    with pytest.raises(FriedelError, match="not a text file"):
        friedel.estimate(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_text(tmp_path)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "r.toml")
    with pytest.raises(RecipeError, match="is no file"):
        load_recipe(tmp_path / "r.toml")


@pytest.mark.parametrize(
    "value",
    [
        "rad", b"rad", "\ufeffrad\r\n", codecs.BOM_UTF8 + b"rad\r\n", np.bytes_(b"rad"), np.array([b"rad"], "S8"),
        np.array(["rad"], object), b"rad\0\0",
    ],
)  # fmt: skip
def test_texts_in_hdf5_are_read_as_meant(value):
    assert text_in(value) == "rad"
    assert text_in(np.array([])) == text_in(3.0) == text_in(b"\xff\xfe\x00") == ""


def test_a_default_with_a_byte_order_mark_leads_to_the_frames(tmp_path):
    with h5py.File(tmp_path / "s.h5", "w") as file:
        data = file.create_dataset("entry/images", data=np.ones((4, 3, 2), np.uint16))
        file.create_dataset("entry/others", data=np.zeros((4, 3, 2), np.uint16))
        data.attrs["omega_step_deg"], data.attrs["omega_start_deg"] = 1.0, 0.0
        file["entry/dark"] = np.zeros((3, 2), np.uint16)
        file.attrs["default"], file["entry"].attrs["default"] = codecs.BOM_UTF8 + b"entry", "images\r\n"
    assert open_scan(tmp_path / "s.h5").name.endswith("entry/images")
