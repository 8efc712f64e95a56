"""VTK, which ParaView is built on, opens our volumes."""

import numpy as np
import pytest
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonCore import reference
from vtkmodules.vtkIOHDF import vtkHDFReader
from vtkmodules.vtkIOXdmf2 import vtkXdmfReader

from friedel.io.export import export_vtkhdf, export_xdmf
from friedel.io.store import read_volume, write_volume
from friedel.model.orientation import ipf_colours
from tests.grain_maps import grains_of, sample_map, volume_of

GRAINS, VOLUME, PHASES = sample_map()
LAYERS = ("grain_id", "status", "density")


def opened(reader, path):
    reader.SetFileName(str(path))
    reader.Update()
    image = reader.GetOutputDataObject(0)
    return image.GetBlock(0) if hasattr(image, "GetBlock") else image


def layer(image, name):
    values = vtk_to_numpy(image.GetCellData().GetArray(name))
    cols, rows, depth = (n - 1 for n in image.GetDimensions())
    return values.reshape(depth, rows, cols, *values.shape[1:])


def check(image, names=LAYERS, volume=VOLUME):
    # VTK walks x fastest, then y, then z, as our arrays [z,y,x] lie in memory
    assert image.GetOrigin() == pytest.approx(tuple(volume.origin_um))
    assert image.GetSpacing() == pytest.approx((volume.voxel_um,) * 3)
    for name in names:
        np.testing.assert_array_equal(layer(image, name), getattr(volume, name), err_msg=name)


def test_a_volume_opens_with_its_layers_in_place(tmp_path):
    write_volume(tmp_path / "volume.h5", VOLUME)
    check(opened(vtkHDFReader(), tmp_path / "volume.h5"))


def test_a_voxel_is_where_its_grain_is(tmp_path):
    label = np.zeros((3, 4, 5), np.int32)
    label[2, 1, 3] = 1
    write_volume(tmp_path / "volume.h5", volume_of(label, 2.0, (10, 20, 30)))
    image = opened(vtkHDFReader(), tmp_path / "volume.h5")
    cell = image.FindCell([10 + 3.5 * 2, 20 + 1.5 * 2, 30 + 2.5 * 2], None, 0, 1e-9, reference(0), [0] * 3, [0] * 8)
    assert image.GetCellData().GetArray("grain_id").GetValue(cell) == 1


def test_an_exported_volume_opens_with_its_colours(tmp_path):
    export_vtkhdf(tmp_path / "map.vtkhdf", VOLUME, GRAINS, PHASES, axis=(1, 0, 0))
    image = opened(vtkHDFReader(), tmp_path / "map.vtkhdf")
    check(image)
    colours = layer(image, "ipf_colour")
    grain = int(VOLUME.grain_id[VOLUME.grain_id > 0][0]) - 1
    wanted = ipf_colours(GRAINS.U[[grain]], PHASES[GRAINS.phase[grain]], (1, 0, 0))[0]
    assert (colours[VOLUME.grain_id == grain + 1] == wanted).all()
    assert not colours[VOLUME.grain_id == 0].any()
    np.testing.assert_array_equal(layer(image, "phase")[VOLUME.grain_id == 0], 0)
    for name in LAYERS:
        np.testing.assert_array_equal(getattr(read_volume(tmp_path / "map.vtkhdf"), name), getattr(VOLUME, name))


def test_an_xdmf_file_opens_with_its_layers_in_place(tmp_path):
    heavy = export_xdmf(tmp_path / "map.xdmf", VOLUME, GRAINS, PHASES)
    assert heavy == tmp_path / "map.xdmf.h5"
    image = opened(vtkXdmfReader(), tmp_path / "map.xdmf")
    check(image)
    assert layer(image, "ipf_colour").shape == (*VOLUME.grain_id.shape, 3)
    np.testing.assert_array_equal(layer(image, "ipf_colour")[VOLUME.grain_id == 0], 0)


def test_an_xdmf_pair_may_move_to_another_folder(tmp_path):
    export_xdmf(tmp_path / "a/map.xdmf", VOLUME, GRAINS, PHASES)
    (tmp_path / "a").rename(tmp_path / "b")
    check(opened(vtkXdmfReader(), tmp_path / "b/map.xdmf"))


def test_a_map_without_grains_opens(tmp_path):
    empty = volume_of(np.zeros((2, 3, 4)))
    export_vtkhdf(tmp_path / "map.vtkhdf", empty, grains_of([]), PHASES)
    check(opened(vtkHDFReader(), tmp_path / "map.vtkhdf"), volume=empty)
