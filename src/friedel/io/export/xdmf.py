"""The map for programs that read XDMF: a small XML file beside an HDF5 file with the layers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

from friedel.io.atomic import atomic
from friedel.io.export.vtkhdf import coloured_layers
from friedel.io.volume_store import layers_of, write_volume
from friedel.model.arrays import AnyArray
from friedel.model.crystal import Phase
from friedel.model.grains import GrainTable, GrainVolume
from friedel.model.lattice_bends import bend_layers

_NUMBERS = {"i": "Int", "u": "UInt", "f": "Float"}


def export_xdmf(
    path: str | Path,
    volume: GrainVolume,
    grains: GrainTable,
    phases: Sequence[Phase],
    *,
    axis: tuple[float, float, float] = (0.0, 0.0, 1.0),
) -> Path:
    """Write `path` (XML) and, beside it, the layers as `path.h5`; gives the path of the second.

    The layers are those of `export_vtkhdf`, and the second file is one. Raises `OutputError`.
    """
    path = Path(path)
    heavy = path.with_name(f"{path.name}.h5")  # never the name of a result: grains.h5 is one
    extra = coloured_layers(volume, grains, phases, axis)
    write_volume(heavy, volume, extra=extra)
    layers = {
        **layers_of(volume),
        **bend_layers(volume),
        **extra,
    }
    tree = ElementTree.ElementTree(_document(volume, layers, heavy.name))
    ElementTree.indent(tree)
    with atomic(path) as partial:
        tree.write(partial, encoding="utf-8", xml_declaration=True)
    return heavy


def _document(volume: GrainVolume, layers: Mapping[str, AnyArray], heavy: str) -> ElementTree.Element:
    """Points are one more than voxels; all lists run z, y, x."""
    root = ElementTree.Element("Xdmf", Version="3.0")
    grid = ElementTree.SubElement(ElementTree.SubElement(root, "Domain"), "Grid", Name="grains", GridType="Uniform")
    points = " ".join(str(size + 1) for size in volume.grain_id.shape)
    ElementTree.SubElement(grid, "Topology", TopologyType="3DCoRectMesh", Dimensions=points)
    geometry = ElementTree.SubElement(grid, "Geometry", GeometryType="ORIGIN_DXDYDZ")
    origin = [float(value) for value in volume.origin_um[::-1]]
    for numbers in (origin, [float(volume.voxel_um)] * 3):
        item = ElementTree.SubElement(
            geometry, "DataItem", Format="XML", NumberType="Float", Precision="8", Dimensions="3"
        )
        item.text = " ".join(map(repr, numbers))
    for name, layer in layers.items():
        kind = "Vector" if layer.ndim == 4 else "Scalar"
        attribute = ElementTree.SubElement(grid, "Attribute", Name=name, AttributeType=kind, Center="Cell")
        number = "UChar" if layer.dtype == "u1" else _NUMBERS[layer.dtype.kind]
        item = ElementTree.SubElement(
            attribute,
            "DataItem",
            Format="HDF",
            NumberType=number,
            Precision=str(layer.dtype.itemsize),
            Dimensions=" ".join(map(str, layer.shape)),
        )
        item.text = f"{heavy}:/VTKHDF/CellData/{name}"
    return root
