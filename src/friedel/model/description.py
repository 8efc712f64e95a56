"""What a map is for: columns about each grain and about each boundary between two grains."""

from collections.abc import Mapping
from dataclasses import dataclass

from friedel.errors import FriedelError
from friedel.model.arrays import AnyArray
from friedel.model.blobs import Column

GRAIN_COLUMNS: tuple[Column, ...] = (
    Column("n_voxels", "i8", "voxels", "voxels in the map"),
    Column("diameter_um", "f8", "um", "diameter of the sphere of the same volume"),
    Column("centre_um", "f8", "um", "centre of the voxels: x, y, z, sample frame"),
    Column("semi_axes_um", "f8", "um", "half axes of the ellipsoid with the same moments, longest first"),
    Column("axes", "f8", "", "directions of these axes, one a row, sample frame"),
    Column("aspect_ratio", "f8", "", "middle over longest and shortest over longest axis"),
    Column("neighbours", "i8", "", "grains that share a voxel's face with it"),
    Column("boundary_area_um2", "f8", "um^2", "area of the boundaries with other grains"),
    Column("on_surface", "i8", "", "1 if it touches a voxel of no grain or the volume's end"),
    Column("schmid_factor", "f8", "", "largest over the slip systems for the load axis; nan without slip systems"),
    Column("slip_plane", "i8", "", "Miller indices (hkl) of that system"),
    Column("slip_direction", "i8", "", "Miller indices [uvw] of that system"),
    Column("slip_normal", "f8", "", "unit normal of that plane, sample frame"),
    Column("slip_vector", "f8", "", "unit vector of that direction, sample frame"),
)
BOUNDARY_COLUMNS: tuple[Column, ...] = (
    Column("grain_id_a", "i8", "", "number of a grain"),
    Column("grain_id_b", "i8", "", "number of a grain, larger than grain_id_a"),
    Column("misorientation_deg", "f8", "deg", "between the two lattices; nan between phases"),
    Column("area_um2", "f8", "um^2", "area, from crossings along 13 directions"),
    Column("faces", "i8", "", "faces between voxels of the two"),
    Column("normal", "f8", "", "mean unit normal from a to b, sample frame; 0 where it closes on itself"),
)


@dataclass(frozen=True, slots=True, eq=False)
class Description:
    """Columns over grains (`GRAIN_COLUMNS`) and boundaries (`BOUNDARY_COLUMNS`); `load_axis`: sample frame."""

    grains: Mapping[str, AnyArray]
    boundaries: Mapping[str, AnyArray]
    load_axis: tuple[float, float, float] = (0.0, 0.0, 1.0)

    def __post_init__(self) -> None:
        for what, columns, schema in (
            ("grains", self.grains, GRAIN_COLUMNS),
            ("boundaries", self.boundaries, BOUNDARY_COLUMNS),
        ):
            if set(columns) != {column.name for column in schema}:
                raise FriedelError(f"description of {what}", rule="must have exactly the columns of its schema")
