"""The map with colours for ParaView: ImageData in VTK's own HDF5 layout."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from friedel.errors import InputError
from friedel.io.volume_store import write_volume
from friedel.model.arrays import AnyArray
from friedel.model.crystal import Phase
from friedel.model.grains import GrainTable, GrainVolume
from friedel.model.orientation import ipf_colours


def export_vtkhdf(
    path: str | Path,
    volume: GrainVolume,
    grains: GrainTable,
    phases: Sequence[Phase],
    *,
    axis: tuple[float, float, float] = (0.0, 0.0, 1.0),
) -> None:
    """Write a copy of `volume.h5` with more layers: `ipf_colour` [z,y,x,3] along `axis`, `phase`, `completeness`.

    `phase` is the row of the phase list + 1, 0 where there is no grain. Raises `OutputError`.
    """
    write_volume(path, volume, extra=coloured_layers(volume, grains, phases, axis))


def coloured_layers(
    volume: GrainVolume, grains: GrainTable, phases: Sequence[Phase], axis: tuple[float, float, float]
) -> dict[str, AnyArray]:
    """Values of the grains, spread over their voxels; voxels of no grain are black."""
    check_grains(volume, grains, phases)
    colours = np.zeros((len(grains) + 1, 3), dtype=np.uint8)
    kind = np.zeros(len(grains) + 1, dtype=np.uint8)
    completeness = np.zeros(len(grains) + 1, dtype=np.float32)
    for row, phase in enumerate(phases):
        mine = np.flatnonzero(grains.phase == row)
        colours[mine + 1] = ipf_colours(grains.U[mine], phase, axis)
        kind[mine + 1] = row + 1
    completeness[1:] = grains.completeness
    where = volume.grain_id
    return {"ipf_colour": colours[where], "phase": kind[where], "completeness": completeness[where]}


def check_grains(volume: GrainVolume, grains: GrainTable, phases: Sequence[Phase]) -> None:
    """Raise `InputError` where the map, the grains and the phases are not of one run."""
    if int(volume.grain_id.max(initial=0)) > len(grains):
        raise InputError("grain_id", rule=f"must be among the {len(grains)} grains", got=int(volume.grain_id.max()))
    if len(grains) and int(np.max(grains.phase)) >= len(phases):
        raise InputError("phases", rule="must have every phase of the grains", got=[phase.name for phase in phases])
