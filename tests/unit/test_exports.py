"""Exports hold what they promise, read with h5py and csv against the layouts of other programs."""

import csv

import h5py
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from friedel.describe import describe
from friedel.errors import InputError
from friedel.io.export import export_dream3d, export_grains, export_vtkhdf
from friedel.model.crystal import Phase
from tests.grain_maps import AL, TI, grains_of, sample_map, volume_of

GRAINS, VOLUME, PHASES = sample_map()
CONTAINER = "DataContainers/ImageDataContainer"


@pytest.fixture
def dream3d(tmp_path):
    export_dream3d(tmp_path / "map.dream3d", VOLUME, GRAINS, PHASES)
    with h5py.File(tmp_path / "map.dream3d") as file:
        yield file


# --- DREAM.3D


def test_a_dream3d_file_has_the_geometry_of_the_map(dream3d):
    assert dream3d.attrs["FileVersion"] == b"7.0"
    geometry = dream3d[f"{CONTAINER}/_SIMPL_GEOMETRY"]
    assert geometry["DIMENSIONS"][()].tolist() == [6, 5, 4]
    assert geometry["SPACING"][()].tolist() == [2.5] * 3
    assert geometry["ORIGIN"][()].tolist() == [-6.0, 1.5, 20.0]
    assert geometry.attrs["GeometryTypeName"] == b"ImageGeometry"


@pytest.mark.parametrize(
    ("matrix", "kind", "size"),
    [("CellData", 3, [6, 5, 4]), ("CellFeatureData", 7, [6]), ("CellEnsembleData", 11, [3])],
)
def test_every_array_of_a_dream3d_file_says_its_type_and_sizes(dream3d, matrix, kind, size):
    group = dream3d[f"{CONTAINER}/{matrix}"]
    assert group.attrs["AttributeMatrixType"].tolist() == [kind]
    assert group.attrs["TupleDimensions"].tolist() == size
    types = {"int32": "int32_t", "uint32": "uint32_t", "float32": "float"}
    for name, array in group.items():
        assert array.attrs["TupleDimensions"].tolist() == size, name
        assert array.attrs["DataArrayVersion"].tolist() == [2]
        if array.attrs["ObjectType"] == b"StringDataArray":
            assert len(array) == 3
            continue
        assert array.shape == (*size[::-1], *array.attrs["ComponentDimensions"].tolist()), name
        assert array.attrs["ObjectType"].decode() == f"DataArray<{types[array.dtype.name]}>"
        axes = ",".join(f"{axis}={n}" for axis, n in zip("xyz", size, strict=False))
        assert array.attrs["Tuple Axis Dimensions"].decode() == axes


def test_the_cells_of_a_dream3d_file_hold_their_grains_values(dream3d):
    cells, features = dream3d[f"{CONTAINER}/CellData"], dream3d[f"{CONTAINER}/CellFeatureData"]
    ids = cells["FeatureIds"][..., 0]
    np.testing.assert_array_equal(ids, VOLUME.grain_id)
    np.testing.assert_array_equal(cells["EulerAngles"][()], features["AvgEulerAngles"][()][ids])
    np.testing.assert_array_equal(cells["Phases"][..., 0][ids > 0], GRAINS.phase[ids[ids > 0] - 1] + 1)
    assert not cells["Phases"][..., 0][ids == 0].any()


def test_the_ensembles_of_a_dream3d_file_are_the_phases(dream3d):
    group = dream3d[f"{CONTAINER}/CellEnsembleData"]
    assert group["CrystalStructures"][:, 0].tolist() == [999, 1, 0]
    np.testing.assert_allclose(group["LatticeConstants"][1:], [AL.lattice, TI.lattice], rtol=1e-6)
    assert group["PhaseName"].asstr()[()].tolist() == ["Unknown", "Al", "Ti"]


def test_cubic_orientations_of_a_dream3d_file_are_passive_angles_and_quaternions(dream3d):
    features = dream3d[f"{CONTAINER}/CellFeatureData"]
    angles, quats = features["AvgEulerAngles"][1:], features["AvgQuats"][1:]
    # Bunge: sample to crystal = Z(phi2) X(Phi) Z(phi1) of turned axes; both must say the same
    passive = np.swapaxes(Rotation.from_euler("ZXZ", angles).as_matrix(), -1, -2)
    np.testing.assert_allclose(Rotation.from_quat(quats).as_matrix(), passive, atol=1e-6)
    cubic = GRAINS.phase == 0
    np.testing.assert_allclose(np.swapaxes(passive, -1, -2)[cubic], GRAINS.U[cubic], atol=1e-6)


def test_hexagonal_orientations_of_a_dream3d_file_have_x_along_a(tmp_path):
    grains = grains_of([np.eye(3)], [0], (TI,))
    export_dream3d(tmp_path / "a.dream3d", volume_of([[[1]]]), grains, (TI,))
    with h5py.File(tmp_path / "a.dream3d") as file:
        angles = file[f"{CONTAINER}/CellFeatureData/AvgEulerAngles"][1]
    x_of_their_crystal = Rotation.from_euler("ZXZ", angles).as_matrix()[:, 0]
    a = np.linalg.inv(TI.B)[0]
    np.testing.assert_allclose(x_of_their_crystal, a / np.linalg.norm(a), atol=1e-6)


def test_a_map_without_grains_is_still_a_dream3d_file(tmp_path):
    export_dream3d(tmp_path / "a.dream3d", volume_of(np.zeros((2, 2, 2))), grains_of([]), (AL,))
    with h5py.File(tmp_path / "a.dream3d") as file:
        assert file[f"{CONTAINER}/CellFeatureData/Phases"].shape == (1, 1)


@pytest.mark.parametrize(
    "group", ["P 1", "P 2/m", "P m m m", "P 4/m", "P 4/m m m", "P 6/m", "P m -3", "P -3", "P -3 m 1"]
)
def test_every_laue_class_has_a_number_of_dream3d(tmp_path, group):
    lattice = {"1": "-3"}.get(group, group)
    cell = [3, 3, 5, 90, 90, 120] if "6" in group or group.startswith("P -3") else [3, 3, 3, 90, 90, 90]
    phase = Phase.from_lattice(lattice, cell, group, atoms=[["Al", 0, 0, 0]])
    export_dream3d(tmp_path / "a.dream3d", volume_of([[[1]]]), grains_of([np.eye(3)], [0], (phase,)), (phase,))
    with h5py.File(tmp_path / "a.dream3d") as file:
        assert file[f"{CONTAINER}/CellEnsembleData/CrystalStructures"][1, 0] <= 10


# --- what does not belong together


@pytest.mark.parametrize("export", [export_dream3d, export_vtkhdf])
def test_a_map_of_other_grains_or_phases_is_refused(tmp_path, export):
    with pytest.raises(InputError, match="must be among the 1 grains"):
        export(tmp_path / "a", volume_of([[[2]]]), grains_of([np.eye(3)]), (AL,))
    with pytest.raises(InputError, match="every phase"):
        export(tmp_path / "a", volume_of([[[1]]]), grains_of([np.eye(3)]), ())
    assert not list(tmp_path.iterdir())


# --- tables


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_table_of_grains_has_one_row_each_that_reads_back(tmp_path):
    description = describe(GRAINS, VOLUME, PHASES)
    export_grains(GRAINS, tmp_path / "grains.csv", description=description)
    rows = rows_of(tmp_path / "grains.csv")
    assert len(rows) == len(GRAINS)
    for i, row in enumerate(rows):
        assert row["phase_name"] == GRAINS.phases[GRAINS.phase[i]]
        assert [float(row[f"position_um_{x}"]) for x in "xyz"] == GRAINS.position_um[i].tolist()
        ubi = [float(row[f"UBI_{a}{b}"]) for a in range(3) for b in range(3)]
        assert ubi == GRAINS.UBI[i].ravel().tolist()
        angles = [float(row[name]) for name in ("phi1_deg", "Phi_deg", "phi2_deg")]
        turned = Rotation.from_euler("ZXZ", angles, degrees=True).as_matrix()
        np.testing.assert_allclose(turned, GRAINS.U[i], atol=1e-9)
        assert int(row["neighbours"]) == description.grains["neighbours"][i]
        assert float(row["axes_12"]) == description.grains["axes"][i, 1, 2]


def test_a_table_of_no_grains_has_its_heading(tmp_path):
    grains, _, phases = sample_map(0)
    export_grains(
        grains, tmp_path / "full.csv", description=describe(grains, volume_of(np.zeros((2, 2, 2))), phases)
    )
    assert rows_of(tmp_path / "full.csv") == []
    heading = (tmp_path / "full.csv").read_text().strip().split(",")
    assert {"grain_id", "rodrigues_x", "axes_22", "slip_plane_0"} <= set(heading)


def test_a_table_of_grains_can_be_parquet_and_nothing_else(tmp_path):
    from pyarrow import parquet

    export_grains(GRAINS, tmp_path / "grains.parquet", "parquet", description=describe(GRAINS, VOLUME, PHASES))
    back = parquet.read_table(tmp_path / "grains.parquet")
    assert back.num_rows == len(GRAINS)
    assert back.schema.field("diameter_um").metadata[b"unit"] == b"um"
    with pytest.raises(InputError, match="must be parquet or csv"):
        export_grains(GRAINS, tmp_path / "grains.txt", "txt")
