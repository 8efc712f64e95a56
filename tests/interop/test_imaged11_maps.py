"""Maps of ImageD11: its grains say how each voxel stands."""

import numpy as np
import pytest
from ImageD11.grain import grain
from ImageD11.unitcell import unitcell
from scipy.spatial.transform import Rotation

from friedel.errors import InputError
from friedel.io.grain_maps import read_grain_map
from tests.grain_maps import AL, LABELS, TI, tensor_map

CELL = unitcell((2.95, 2.95, 4.68, 90, 90, 120), "P")


def ubis():
    """UBI of the two grains, strained a little: rows are a, b, c."""
    strain = np.eye(3) + 1e-3 * np.random.default_rng(2).normal(size=(3, 3))
    U = Rotation.random(2, random_state=1).as_matrix()
    return np.linalg.inv(U @ CELL.B) @ strain


def made(path, **changes):
    phases = [(name, cell.tostring()) for name, cell in (("Ti", CELL), ("Al", unitcell(AL.lattice, "F")))]
    return tensor_map(path, ubis(), phases, **changes)


@pytest.mark.parametrize("inner", ["", "::TensorMap"])
def test_voxels_stand_as_imaged11_says(tmp_path, inner):
    found = read_grain_map(f"{made(tmp_path / 'a.h5')}{inner}")
    assert found.number.tolist() == [0, 3]
    assert found.voxel_um.tolist() == [1.0, 2.0, 5.0]
    assert [found.phases[row].name for row in found.phase] == ["Ti", "Al"]
    assert found.phases[0].lattice == pytest.approx(TI.lattice)
    for row, ubi in enumerate(ubis()):
        q = found.quaternion[found.grain_id == row + 1]
        U = Rotation.from_quat(q, scalar_first=True).as_matrix()
        np.testing.assert_allclose(U, np.broadcast_to(grain(ubi).U, U.shape), atol=1e-6)


HALF = np.full((*LABELS.shape, 3, 3), np.nan)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": None}, "maps/labels: must be there: which voxels make a grain, got UBI, phase_ids"),
        ({"UBI": HALF}, "are no numbers in 4 voxels that have a grain"),
        ({"UBI": np.zeros((1, 2, 4, 3, 3))}, "maps/UBI: must have shape"),
        ({"UBI": np.zeros((*LABELS.shape, 3, 3))}, "ingular|positive definite"),
        ({"phase_ids": np.full(LABELS.shape, 7)}, r"maps/phase_ids: must be one of \[0, 1\]"),
        ({"labels": np.full(LABELS.shape, -1)}, "every voxel is without one"),
    ],
)
def test_a_map_of_imaged11_that_cannot_be_used_says_why(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        read_grain_map(str(made(tmp_path / "a.h5", **changes)))
