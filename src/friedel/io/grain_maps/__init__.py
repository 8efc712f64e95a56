"""Grain maps of others and of ours as `GrainMap`: what is in them, in our axes and crystal frame."""

from pathlib import Path

import h5py

from friedel.errors import FriedelError, InputError
from friedel.io.foreign import parsing
from friedel.io.grain_maps.dream3d import is_dream3d, read_dream3d
from friedel.io.grain_maps.grain_mapper import is_grain_mapper, read_grain_mapper
from friedel.io.grain_maps.numpy_map import read_numpy
from friedel.io.grain_maps.own import is_own, read_folder, read_own
from friedel.io.grain_maps.parts import Wanted
from friedel.io.grain_maps.tensor_map import is_grain_list, is_tensor_map, read_tensor_map
from friedel.io.hdf5_file import opened
from friedel.io.paths import NUMPY
from friedel.model.grain_map import GrainMap

__all__ = ["Wanted", "read_grain_map"]

KNOWN = "an output folder, volume.h5, GrainMapper3D, DREAM.3D, a TensorMap of ImageD11, .npy or .npz"
_RULE = "is not a grain map that can be used"


def read_grain_map(text: str, orientations: Wanted = "voxel") -> GrainMap:
    """The map in a file, a file::group or an output folder.

    `orientations` says which are needed: those of voxels where the file has them (else of grains), those of grains
    where it has them (else of voxels), or none ("random"). Raises `InputError` that names the file and what is
    missing or wrong in it.
    """
    name, _, inner = text.partition("::")
    path = Path(name)
    if path.is_dir():
        found = read_folder(path, orientations)
    elif path.name.lower().endswith(tuple(NUMPY)):
        with parsing(path, InputError, rule=_RULE):
            found = read_numpy(path, orientations)
    else:
        with opened(path, InputError, rule=_RULE) as file:
            found = _read(file, inner, text, orientations)
    if orientations != "random" and found.U is None and found.quaternion is None:
        way_out = "sample.map_orientations = 'random', or an .npz with U"
        raise InputError(text, rule="tells how no grain stands", way_out=way_out)
    return found


def _read(file: h5py.File, inner: str, name: str, wanted: Wanted) -> GrainMap:
    """Raises `FriedelError` for a file that is none of the known maps."""
    if is_dream3d(file):
        return read_dream3d(file, name, wanted, inner)
    group = file[inner] if inner else file
    if not isinstance(group, h5py.Group):
        raise FriedelError(inner, rule="must be a group")
    if is_grain_mapper(group):
        return read_grain_mapper(group, name, wanted)
    if is_own(group):
        return read_own(group, name, wanted)
    if is_tensor_map(group):
        return read_tensor_map(group, name, wanted)
    if is_grain_list(group):
        raise FriedelError("a list of grains", rule="tells where grains are, but not their shapes")
    raise FriedelError("its layout", rule=f"must be one of {KNOWN}")
