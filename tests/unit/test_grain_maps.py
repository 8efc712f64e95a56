"""Grain maps of other programs, made by hand in their layouts: what is read means what they mean."""

import h5py
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from friedel.errors import InputError
from friedel.io.export import export_dream3d, export_vtkhdf
from friedel.io.grain_maps import read_grain_map
from friedel.io.store import write_grains, write_volume
from friedel.model.crystal import Phase
from friedel.model.crystal_frames import busing_levy, turned_to_a, x_along_a
from friedel.model.orientation import ipf_colours
from tests.grain_maps import AL, TI, grains_of, sample_map, volume_of

LABEL = np.array([[[0, 7, 7], [4, 4, 0]], [[0, 7, 7], [4, 4, 0]]])
TWO = Rotation.from_euler("ZXZ", [[10, 20, 30], [200, 70, 110]], degrees=True)
TRICLINIC = (4.0, 5.0, 6.0, 80.0, 95.0, 105.0)


def per_voxel(values, label=LABEL):
    """Values of grains 4 and 7 in their voxels."""
    values = np.asarray(values)
    out = np.zeros((*label.shape, *values.shape[1:]), values.dtype)
    out[label == 4], out[label == 7] = values[0], values[1]
    return out


def orientations(found):
    """U of the two grains, from the first voxel of each."""
    if found.quaternion is None:
        return found.U
    q = np.array([found.quaternion[found.grain_id == row][0] for row in (1, 2)])
    return Rotation.from_quat(q, scalar_first=True).as_matrix()


# --- crystal frames


@pytest.mark.parametrize("lattice", [AL.lattice, TI.lattice, TRICLINIC])
def test_b_is_that_of_the_crystal(lattice):
    group = {AL.lattice: "F m -3 m", TI.lattice: "P 63/m m c"}.get(lattice, "P 1")
    phase = Phase.from_lattice("X", lattice, group, atoms=[["Al", 0, 0, 0]])
    np.testing.assert_allclose(busing_levy(lattice), phase.B, atol=1e-12)


@pytest.mark.parametrize("lattice", [AL.lattice, TI.lattice, TRICLINIC])
def test_a_frame_with_x_along_a_and_z_along_c_star_is_found(lattice):
    turn, B = x_along_a(lattice), busing_levy(lattice)
    a, c_star = np.linalg.inv(B)[0], B @ [0, 0, 1]
    np.testing.assert_allclose(turn @ [1, 0, 0], a / np.linalg.norm(a), atol=1e-12)
    np.testing.assert_allclose(turn @ [0, 0, 1], c_star / np.linalg.norm(c_star), atol=1e-12)
    assert np.linalg.det(turn) == pytest.approx(1.0)


def test_in_hexagonal_lattices_both_frames_of_others_are_one():
    np.testing.assert_allclose(turned_to_a(TI.B), x_along_a(TI.lattice), atol=1e-12)


# --- GrainMapper3D


def grain_mapper(path, phases=(("Aluminum", AL.lattice),), version=5, **changes):
    """A file in its layout; a change to None leaves a dataset out."""
    U = TWO.as_matrix()
    data = {
        "LabDCT/Data/GrainId": LABEL.astype(np.int32),
        "LabDCT/Data/PhaseId": (LABEL > 0).astype(np.uint8),
        "LabDCT/Data/Mask": (LABEL > 0).astype(np.uint8),
        "LabDCT/Data/Completeness": np.where(LABEL > 0, 0.8, np.nan).astype(np.float32),
        "LabDCT/Data/Rodrigues": per_voxel(rodrigues(U)).astype(np.float32),
        "LabDCT/Spacing": [0.002, 0.002, 0.004],
        "LabDCT/Extent": [0.006, 0.004, 0.008],
        "LabDCT/Center": [0.5, 0.0, 0.0],
        "Version": [version],
    }
    with h5py.File(path, "w") as file:
        for number, (name, cell) in enumerate(phases, start=1):
            file[f"PhaseInfo/Phase{number:02d}/Name"] = [name]
            file[f"PhaseInfo/Phase{number:02d}/UnitCell"] = cell
            file[f"PhaseInfo/Phase{number:02d}/SpaceGroup"] = [225]
        for name, values in {**data, **changes}.items():
            if values is not None:
                file[name] = values
    return path


def rodrigues(U):
    vector = Rotation.from_matrix(U).as_rotvec()
    angle = np.linalg.norm(vector, axis=1, keepdims=True)
    return vector / angle * np.tan(angle / 2)


@pytest.mark.parametrize("version", [4, 5])
def test_a_map_of_grain_mapper_is_read(tmp_path, version):
    found = read_grain_map(str(grain_mapper(tmp_path / "a.h5", version=version)))
    np.testing.assert_array_equal(found.grain_id, np.select([LABEL == 4, LABEL == 7], [1, 2], 0))
    assert found.number.tolist() == [4, 7]
    assert found.voxel_um.tolist() == [2.0, 2.0, 4.0]
    assert found.phases[0].name == "Aluminum"
    assert found.phases[0].lattice == AL.lattice
    np.testing.assert_allclose(orientations(found), TWO.as_matrix(), atol=1e-6)


# of three grains of a measured map (github.com/AxelHenningsson/crispy, MIT): Rodrigues and IPF001; its colours are
# about the square root of ours
THEIR_VECTORS = np.array(
    [[-0.1281526, -0.3696879, -0.3665695], [-0.1232177, -0.2301121, 0.3100142], [-0.1495893, -0.2699886, 0.2295242]]
)
THEIR_COLOURS = np.array([[0.2135, 0.9966, 0.0702], [0.9989, 0.0231, 0.9447], [0.7759, 0.2082, 0.9899]])


def test_grains_of_grain_mapper_have_the_colours_that_it_gave_them(tmp_path):
    label = np.array([[[1, 2, 3]]])
    changes = {f"LabDCT/Data/{name}": None for name in ("PhaseId", "Mask", "Completeness")}
    changes |= {
        "LabDCT/Data/GrainId": label,
        "LabDCT/Data/Rodrigues": THEIR_VECTORS[None, None],
        "LabDCT/Extent": None,
    }
    found = read_grain_map(str(grain_mapper(tmp_path / "a.h5", **changes)))
    U = Rotation.from_quat(found.quaternion[0, 0], scalar_first=True).as_matrix()
    here, turned_back = (np.sqrt(ipf_colours(V, AL) / 255.0) for V in (U, np.swapaxes(U, 1, 2)))
    assert np.abs(here - THEIR_COLOURS).max() < 0.2
    assert np.abs(turned_back - THEIR_COLOURS).max(axis=1).min() > 0.5


def test_a_hexagonal_crystal_of_grain_mapper_has_x_along_a(tmp_path):
    path = grain_mapper(
        tmp_path / "a.h5",
        (("Ti", TI.lattice),),
        **{"LabDCT/Data/Rodrigues": np.zeros((*LABEL.shape, 3), np.float32)},
    )
    U = orientations(read_grain_map(str(path)))[0]
    a, c = np.linalg.inv(U @ TI.B)[[0, 2]]
    np.testing.assert_allclose(a / np.linalg.norm(a), [1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(c / np.linalg.norm(c), [0, 0, 1], atol=1e-6)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("Quaternion", per_voxel(TWO.as_quat(scalar_first=True))),
        ("EulerZXZ", per_voxel(np.radians([[10.0, 20.0, 30.0], [200.0, 70.0, 110.0]]))),
    ],
)
def test_orientations_of_grain_mapper_may_be_written_otherwise(tmp_path, name, values):
    path = grain_mapper(tmp_path / "a.h5", **{"LabDCT/Data/Rodrigues": None, f"LabDCT/Data/{name}": values})
    np.testing.assert_allclose(orientations(read_grain_map(str(path))), TWO.as_matrix(), atol=1e-6)


def test_a_voxel_that_grain_mapper_says_twice_and_differently_is_not_taken(tmp_path):
    found = read_grain_map(str(grain_mapper(tmp_path / "a.h5", **{"LabDCT/Extent": [0.06, 0.04, 0.008]})))
    assert found.voxel_um is None
    assert found.oddities == ("its voxel is 2 × 2 × 4 um by Spacing but 20 × 20 × 4 um by Extent",)


def test_grains_of_several_phases_keep_theirs(tmp_path):
    kind = np.select([LABEL == 4, LABEL == 7], [2, 1], 0)
    phases = (("Al", AL.lattice), ("Ti", TI.lattice))
    found = read_grain_map(str(grain_mapper(tmp_path / "a.h5", phases, **{"LabDCT/Data/PhaseId": kind})))
    assert [found.phases[row].name for row in found.phase] == ["Ti", "Al"]


NAN = per_voxel(rodrigues(TWO.as_matrix()))
NAN[0, 1, 0] = np.nan


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"LabDCT/Data/GrainId": None}, "no 'GrainId' in it"),
        ({"LabDCT/Data/Rodrigues": None}, "Rodrigues: must be there"),
        ({"LabDCT/Data/Rodrigues": np.zeros((2, 2, 4, 3))}, r"Rodrigues: must have shape \(2, 2, 3, 3\)"),
        ({"LabDCT/Data/Rodrigues": NAN}, r"are no numbers in 1 voxels that have a grain, such as \[0,1,0\]"),
        ({"LabDCT/Data/GrainId": 0 * LABEL}, "every voxel is without one"),
        ({"LabDCT/Data/GrainId": LABEL + 0.5}, "GrainId: must be whole numbers"),
        ({"LabDCT/Data/GrainId": LABEL[0]}, r"must be \[z,y,x\]"),
        ({"LabDCT/Data/PhaseId": 2 * (LABEL > 0)}, "PhaseId: must be 1 to 1 where there is a grain"),
        ({"LabDCT/Data/PhaseId": np.arange(12).reshape(2, 2, 3)}, "must be one in all voxels of a grain"),
        (
            {"LabDCT/Data/Rodrigues": None, "LabDCT/Data/Quaternion": np.full((2, 2, 3, 4), 0.6)},
            "Quaternion: must be quaternions of length 1, got 1.2 in 8 of 8",
        ),
        ({"LabDCT/Spacing": [0.0, 0.0, 0.0], "LabDCT/Extent": None}, "voxel size: must be positive"),
    ],
)
def test_a_map_of_grain_mapper_that_cannot_be_used_says_why(tmp_path, changes, message):
    with pytest.raises(InputError, match=message) as error:
        read_grain_map(str(grain_mapper(tmp_path / "a.h5", **changes)))
    assert str(tmp_path / "a.h5") in str(error.value)
    assert "\n" not in str(error.value)


def test_orientations_that_are_not_asked_for_may_be_missing(tmp_path):
    path = grain_mapper(tmp_path / "a.h5", **{"LabDCT/Data/Rodrigues": None})
    assert read_grain_map(str(path), "random").quaternion is None


# --- DREAM.3D


@pytest.mark.parametrize("wanted", ["voxel", "grain"])
@pytest.mark.parametrize("left_out", [(), ("Quats", "AvgQuats"), ("EulerAngles", "AvgEulerAngles")])
def test_what_we_export_for_dream3d_comes_back(tmp_path, wanted, left_out):
    grains, volume, phases = sample_map()
    export_dream3d(tmp_path / "a.dream3d", volume, grains, phases)
    with h5py.File(tmp_path / "a.dream3d", "a") as file:
        for part in ("CellData", "CellFeatureData"):
            group = file[f"DataContainers/ImageDataContainer/{part}"]
            for name in set(left_out) & set(group):
                del group[name]
    found = read_grain_map(str(tmp_path / "a.dream3d"), wanted)
    np.testing.assert_array_equal(found.grain_id, volume.grain_id)
    assert [found.phases[row].name for row in found.phase] == [phases[row].name for row in grains.phase]
    U = [orientation_of(found, row) for row in range(len(grains))]
    np.testing.assert_allclose(U, grains.U, atol=1e-5)
    assert found.voxel_um.tolist() == [2.5] * 3


def orientation_of(found, row):
    if found.U is not None:
        return found.U[row]
    first = found.quaternion[found.grain_id == row + 1][0]
    return Rotation.from_quat(first, scalar_first=True).as_matrix()


def dream3d_nx(path, structure=1, **changes):
    """A file of DREAM3D-NX: geometry in attributes; no lattice constants, no features."""
    data = {"FeatureIds": LABEL[..., None], "Phases": (LABEL > 0).astype(np.int32)[..., None]}
    data["EulerAngles"] = per_voxel(np.radians([[10.0, 20.0, 30.0], [200.0, 70.0, 110.0]]))
    with h5py.File(path, "w") as file:
        geometry = file.create_group("DataStructure/DataContainer")
        geometry.attrs["_DIMENSIONS"] = np.array(changes.pop("dimensions", [3, 2, 2]), np.uint64)
        geometry.attrs["_SPACING"] = np.array([1.0, 1.0, 2.0], np.float32)
        geometry.attrs["_ORIGIN"] = np.zeros(3, np.float32)
        for name, values in {**data, **changes}.items():
            if values is not None:
                geometry[f"Cell Data/{name}"] = values
        geometry["Cell Ensemble Data/CrystalStructures"] = np.array([[999], [structure]], np.uint32)
        geometry["Cell Ensemble Data/MaterialName"] = ["Invalid Phase", "Nickel"]
    return path


def test_a_map_of_dream3d_nx_is_read_with_bunges_angles(tmp_path):
    found = read_grain_map(str(dream3d_nx(tmp_path / "a.dream3d")))
    np.testing.assert_allclose(orientations(found), TWO.as_matrix(), atol=1e-6)
    assert found.voxel_um.tolist() == [1.0, 1.0, 2.0]
    assert found.phases[0].name == "Nickel"


def test_a_hexagonal_crystal_of_dream3d_has_x_along_a_even_where_its_cell_is_not_told(tmp_path):
    path = dream3d_nx(tmp_path / "a.dream3d", structure=0, EulerAngles=np.zeros((*LABEL.shape, 3)))
    U = orientations(read_grain_map(str(path)))[0]
    a = np.linalg.inv(U @ TI.B)[0]
    np.testing.assert_allclose(a / np.linalg.norm(a), [1, 0, 0], atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"FeatureIds": None}, "FeatureIds: must be in one image geometry of /DataStructure, got none"),
        ({"EulerAngles": None}, "Quats, EulerAngles, AvgQuats, AvgEulerAngles: one of them must be there"),
        ({"dimensions": [3, 2, 9]}, "dimensions of the geometry: must be those of FeatureIds"),
        ({"Phases": 5 * (LABEL > 0)}, "Phases: must be 1 to 1 where there is a grain, got 5 of feature 4"),
        ({"Quats": np.zeros((*LABEL.shape, 4))}, "Quats: must be quaternions of length 1"),
    ],
)
def test_a_map_of_dream3d_that_cannot_be_used_says_why(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        read_grain_map(str(dream3d_nx(tmp_path / "a.dream3d", **changes)))


def test_of_several_geometries_one_is_named(tmp_path):
    path = dream3d_nx(tmp_path / "a.dream3d")
    with h5py.File(path, "a") as file:
        file.copy("DataStructure/DataContainer", "DataStructure/Other")
    with pytest.raises(InputError, match="say which: file::GROUP"):
        read_grain_map(str(path))
    assert len(read_grain_map(f"{path}::Other").number) == 2
    assert len(read_grain_map(f"{path}::/DataStructure/Other").number) == 2
    with pytest.raises(InputError, match="there is DataContainer, Other"):
        read_grain_map(f"{path}::Third")


# --- ours


def ours(folder, rotation=True, **changes):
    grains = grains_of(TWO.as_matrix()[::-1])
    volume = volume_of(np.select([LABEL == 4, LABEL == 7], [2, 1], 0), 3.0, (-4.5, 0.0, 6.0))
    field = np.full((*LABEL.shape, 3), np.nan, np.float32)
    field[0, 1, 0] = [0.0, 0.0, 2.0]
    if rotation:
        volume = type(volume)(
            volume.grain_id, volume.status, volume.density, volume.origin_um, volume.voxel_um, field
        )
    write_volume(folder / "volume.h5", volume)
    write_grains(folder / "grains.h5", grains)


@pytest.mark.parametrize("text", ["{}", "{}/volume.h5"])
def test_our_maps_are_read_with_the_rotation_of_each_voxel(tmp_path, text):
    ours(tmp_path)
    found = read_grain_map(text.format(tmp_path))
    assert found.phases[0].name == "Al"
    assert found.phases[0].lattice == pytest.approx(AL.lattice)
    assert found.origin_um.tolist() == [-4.5, 0.0, 6.0]
    U = Rotation.from_quat(found.quaternion[0, 1, :2], scalar_first=True).as_matrix()
    turned = Rotation.from_euler("z", 2.0, degrees=True).as_matrix() @ TWO.as_matrix()[0]
    np.testing.assert_allclose(U, [turned, TWO.as_matrix()[0]], atol=1e-6)
    np.testing.assert_allclose(read_grain_map(text.format(tmp_path), "grain").U, TWO.as_matrix()[::-1])


def test_our_map_without_its_grains_is_not_enough(tmp_path):
    ours(tmp_path)
    (tmp_path / "grains.h5").unlink()
    with pytest.raises(InputError, match=r"must be in grains\.h5 beside it"):
        read_grain_map(str(tmp_path / "volume.h5"))
    assert len(read_grain_map(str(tmp_path / "volume.h5"), "random").number) == 2
    (tmp_path / "volume.h5").unlink()
    with pytest.raises(InputError, match=r"must hold volume\.h5"):
        read_grain_map(str(tmp_path))


def test_grains_that_are_not_in_the_table_are_refused(tmp_path):
    ours(tmp_path)
    write_grains(tmp_path / "grains.h5", grains_of(TWO.as_matrix()[:1]))
    with pytest.raises(InputError, match="must be among the 1 grains of the table, got 2"):
        read_grain_map(str(tmp_path))


# --- numpy


@pytest.mark.parametrize(
    "arrays",
    [
        {"U": np.repeat(TWO.as_matrix(), [6, 1], axis=0)},
        {"quaternion": np.repeat(TWO.as_quat(scalar_first=True), [6, 1], axis=0)},
        {"quaternion": per_voxel(TWO.as_quat(scalar_first=True))},
    ],
)
def test_numpy_files_name_their_arrays(tmp_path, arrays):
    np.savez(tmp_path / "a.npz", grain_id=LABEL, voxel_um=2.5, **arrays)
    found = read_grain_map(str(tmp_path / "a.npz"))
    np.testing.assert_allclose(orientations(found), TWO.as_matrix(), atol=1e-6)
    assert found.voxel_um.tolist() == [2.5] * 3


def test_voxels_of_numpy_files_may_be_turned_further(tmp_path):
    rotation = np.zeros((*LABEL.shape, 3))
    rotation[..., 2] = 3.0
    np.savez(
        tmp_path / "a.npz", grain_id=LABEL, U=np.repeat(TWO.as_matrix(), [6, 1], axis=0), rotation_deg=rotation
    )
    about_z = Rotation.from_euler("z", 3.0, degrees=True)
    np.testing.assert_allclose(
        orientations(read_grain_map(str(tmp_path / "a.npz"))), (about_z * TWO).as_matrix(), atol=1e-6
    )


def test_numbers_alone_are_enough_where_orientations_are_drawn(tmp_path):
    np.save(tmp_path / "a.npy", LABEL)
    assert read_grain_map(str(tmp_path / "a.npy"), "random").number.tolist() == [4, 7]
    with pytest.raises(InputError, match="tells how no grain stands"):
        read_grain_map(str(tmp_path / "a.npy"))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"U": np.eye(3)[None]}, "U: must have 7 rows, for the highest number of a grain, got 1"),
        ({"U": 2 * np.repeat(TWO.as_matrix(), [6, 1], axis=0)}, "orientation of grain 4: must be proper rotations"),
        ({"u": np.eye(3)}, "array u: must be one of grain_id, U"),
        ({}, "must be in one of the arrays U and quaternion, got none"),
        ({"quaternion": np.ones((7, 4))}, "must be quaternions of length 1"),
        ({"quaternion": per_voxel(TWO.as_quat()), "rotation_deg": np.zeros((2, 2, 3, 3))}, "belongs to"),
        ({"U": np.repeat(TWO.as_matrix(), [6, 1], axis=0), "voxel_um": np.ones(2)}, "broadcast"),
    ],
)
def test_a_numpy_map_that_cannot_be_used_says_why(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", grain_id=LABEL, **arrays)
    with pytest.raises(InputError, match=message):
        read_grain_map(str(tmp_path / "a.npz"))


# --- what is none


def test_a_list_of_grains_and_other_files_are_no_maps(tmp_path):
    with h5py.File(tmp_path / "list.h5", "w") as file:
        file["Fe/0/ubi"], file["Fe/0/translation"] = np.eye(3), np.zeros(3)
    with pytest.raises(InputError, match="tells where grains are, but not their shapes"):
        read_grain_map(str(tmp_path / "list.h5"))
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["entry/data"] = np.zeros(3)
    with pytest.raises(InputError, match=r"must be one of an output folder, volume\.h5, GrainMapper3D"):
        read_grain_map(str(tmp_path / "other.h5"))
    with pytest.raises(InputError, match="no such file"):
        read_grain_map(str(tmp_path / "missing.h5"))
    (tmp_path / "text.h5").write_text("no map")
    with pytest.raises(InputError, match="is not an HDF5 file"):
        read_grain_map(str(tmp_path / "text.h5"))


def test_a_map_for_vtk_tells_no_orientations(tmp_path):
    grains, volume, phases = sample_map()
    export_vtkhdf(tmp_path / "map.vtkhdf", volume, grains, phases)
    with pytest.raises(InputError, match="orientations: must be in"):
        read_grain_map(str(tmp_path / "map.vtkhdf"))
