"""Results in the formats of other programs."""

from friedel.io.export.dream3d import export_dream3d
from friedel.io.export.grain_table import export_grains
from friedel.io.export.imaged11 import export_grain_map, export_parameters, export_peaks
from friedel.io.export.tables import export_table
from friedel.io.export.vtkhdf import export_vtkhdf
from friedel.io.export.xdmf import export_xdmf

__all__ = [
    "export_dream3d",
    "export_grain_map",
    "export_grains",
    "export_parameters",
    "export_peaks",
    "export_table",
    "export_vtkhdf",
    "export_xdmf",
]
