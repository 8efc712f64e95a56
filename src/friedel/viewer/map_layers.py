"""The map of grains as the page draws it: its layers, the colours of its grains, and the keys to them."""

from typing import Any

import numpy as np

from friedel.errors import FriedelError
from friedel.explorer.display import ScaledArray
from friedel.model.arrays import AnyArray
from friedel.model.colours import STATUS_COLOURS, TRIANGLES, by_number, by_orientation
from friedel.model.grains import GrainVolume, Status
from friedel.model.ipf_key import AXES, IPFKey, in_sector, make_ipf_key, stereographic
from friedel.output_folder.reader import OutputFolder
from friedel.viewer.grain_facts import GrainFacts, hexes, listed

LAYERS = ("grain_id", "status", "density", "confidence")
MOST_STEP = 16


def map_of(results: OutputFolder) -> GrainVolume:
    """The map. Raises `FriedelError` where there is none."""
    volume = results.volume
    if volume is None:
        raise FriedelError("map", rule="there is none yet", way_out="run to the stage assemble")
    return volume


def layer(volume: GrainVolume, name: str, step: int = 1) -> ScaledArray:
    """Every `step`-th voxel [z,y,x] of a layer, in as few bytes as hold it.

    Raises `FriedelError` for one that the map does not have.
    """
    every = slice(None, None, step)
    whole: AnyArray | None = getattr(volume, name)
    if whole is None:
        raise FriedelError(name, rule="is not in this map", way_out="run the stage assemble again")
    values = whole[every, every, every]
    about = {
        "layer": name,
        "step": step,
        "origin_um": listed(volume.origin_um),
        "voxel_um": volume.voxel_um * step,
        "whole": list(volume.grain_id.shape),
    }
    if name == "status":
        return ScaledArray(np.ascontiguousarray(values, np.uint8), meta=about)
    if name == "grain_id":
        few = int(volume.grain_id.max(initial=0)) < 65536
        return ScaledArray(np.ascontiguousarray(values, np.uint16 if few else np.int32), meta=about)
    top = float(values.max(initial=0.0)) or 1.0
    scaled = np.rint(np.clip(np.nan_to_num(values) / top, 0, 1) * 255)
    return ScaledArray(np.ascontiguousarray(scaled, np.uint8), top / 255, 0.0, about)


def voxel_facts(facts: GrainFacts, x: int, y: int, z: int) -> dict[str, Any]:
    """What is known about one voxel. Raises `FriedelError` outside of the map."""
    volume = map_of(facts.results)
    depth, rows, cols = volume.grain_id.shape
    if not (0 <= x < cols and 0 <= y < rows and 0 <= z < depth):
        raise FriedelError("voxel", rule=f"must lie in {cols} × {rows} × {depth} voxels", got=[x, y, z])
    grain = int(volume.grain_id[z, y, x]) - 1
    grains = facts.grains
    known = grain >= 0 and grains is not None
    blobs = [] if not known or grains is None else listed(facts.grain(grain)["spots"]["blob"])
    return {
        "grain": grain,
        "status": Status(int(volume.status[z, y, x])).name.lower(),
        "density": float(volume.density[z, y, x]),
        "confidence": None if volume.confidence is None else float(volume.confidence[z, y, x]),
        "position_um": listed(volume.origin_um + (np.array([x, y, z]) + 0.5) * volume.voxel_um),
        "blobs": blobs,
        "pairs": listed(facts.pairs_of(grain)) if known else [],
    }


def colours_of(facts: GrainFacts) -> dict[str, Any]:
    """Colours (#rrggbb) by row of the grain table, those of statuses by their code, and what explains them.

    `places` are where each grain stands in the key of its phase, as parts of the key's width and height from its
    upper left; None where its lattice has no key.
    """
    grains, phases = facts.grains, facts.results.phases
    status = ["#000000", *STATUS_COLOURS.values()]
    if grains is None:
        return {"grain": [], "ipf_x": [], "ipf_y": [], "ipf_z": [], "status": status, "keys": [], "places": {}}
    found: dict[str, Any] = {"grain": hexes(by_number(len(grains))), "status": status}
    places: dict[str, list[Any]] = {name: [None] * len(grains) for name in AXES}
    for name, axis in AXES.items():
        found[f"ipf_{name}"] = hexes(by_orientation(grains, phases, axis))
    keys = []
    for row, phase in enumerate(phases):
        mine = np.flatnonzero(grains.phase == row)
        keyed = phase.keyed_system in TRIANGLES
        keys.append({"phase": phase.name, "system": phase.crystal_system, "keyed": keyed, "grains": len(mine)})
        if not keyed:
            continue
        key = make_ipf_key(phase, 8)
        for name, axis in AXES.items():
            along = np.swapaxes(grains.U[mine], 1, 2) @ np.array(axis)
            for grain, place in zip(
                mine.tolist(), _in_key(key, in_sector(along, phase.crystal_system)), strict=True
            ):
                places[name][grain] = place
    return {**found, "keys": keys, "places": places}


def key_image(results: OutputFolder, phase: int, size: int) -> ScaledArray:
    """The key of one phase's colours as uint8 RGBA [row, col, 4], upper row first; its corners' names in the meta.

    Raises `FriedelError` where there is none.
    """
    phases = results.phases
    if not 0 <= phase < len(phases) or phases[phase].keyed_system not in TRIANGLES:
        raise FriedelError(f"phase {phase}", rule="has no key of orientations")
    key = make_ipf_key(phases[phase], size)
    image = np.ascontiguousarray(np.rint(255 * key.image[::-1]), np.uint8)
    left, right, bottom, top = key.box
    edge = np.column_stack([(key.edge[:, 0] - left) / (right - left), (top - key.edge[:, 1]) / (top - bottom)])
    corners = [edge[0], edge[1], edge[-1]]
    about = {"names": list(key.names), "corners": listed(np.array(corners)), "edge": listed(edge)}
    return ScaledArray(image, meta=about)


def _in_key(key: IPFKey, directions: AnyArray) -> list[list[float]]:
    left, right, bottom, top = key.box
    place = stereographic(directions)
    across, down = (place[:, 0] - left) / (right - left), (top - place[:, 1]) / (top - bottom)
    return listed(np.column_stack([across, down]))
