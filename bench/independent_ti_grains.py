"""Titanium of an independent simulator, made raw-looking by our detector, through the whole pipeline.

    python -m bench.independent_ti_grains DATA_FOLDER [NAME...]

Its noise-free stack gets direct beam, absorption, glow, noise, hot pixels, zingers and darks; the recipe is that of
`friedel init` with the geometry from the data's own description. Without names: the whole turn, and half of it
alone. A grain is found within 0.3 deg and 0.3 of the mean grain radius.

Maps are judged at the voxels of the data's own map (5 um). What perfect ones of the same voxels would reach there
is printed beside it: voxels of a pixel (7 um) that all have the right grain at their centres reach .956 at most, so
`assemble.finer = 2`. For comparison: the Voronoi cells of the true centroids in the same cylinder. What each voxel
says of itself is judged at its own centre, by the data's mesh.
"""

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import h5py
import numpy as np
from scipy.spatial import cKDTree

import friedel
from bench._scans import friedel as command
from friedel.evaluator.confidence import calibration
from friedel.io.store import RawWriter, read_grains, read_volume
from friedel.model.crystal import Phase
from friedel.model.grains import GrainVolume, Status
from friedel.simulator import SimulationParams, make_setup
from friedel.simulator.detector import make_camera

NEAR_DEG, NEAR_RADII = 0.3, 0.3
SAMPLE = {"shape": "cylinder", "radius_um": 200.0, "height_um": 380.0}
DARKS = 10
FINER = ("assemble.finer=2",)
MOST_WRONG = 0.02
"""Of the voxels that are called measured."""
SURE, RIGHT = (0.85, 0.95), 0.85
"""Of voxels with confidences between these, so many are right at least."""
NEAREST, CHUNK = 40, 20_000
"""Tetrahedra that a place may be in, and places that are looked up at a time."""


class Case(NamedTuple):
    """Settings of a run, and the least agreement of its map."""

    settings: tuple[str, ...]
    agreement: float


CASES: Mapping[str, Case] = {
    "whole-turn": Case(FINER, 0.96),
    "half-turn": Case(("scan.last=179", *FINER), 0.90),
}


@dataclass(frozen=True, eq=False)
class Truth:
    """The data's own: orientations, centroids (um) and volumes (um3) of its grains, its map [z,y,x] of voxels
    (um), and the corners (t,4,3) of the tetrahedra that it is from, with their grains (t), from 0."""

    U: np.ndarray
    centre: np.ndarray
    volume: np.ndarray
    labels: np.ndarray
    voxel: float
    corners: np.ndarray
    owner: np.ndarray

    @classmethod
    def read(cls, path: Path) -> Self:
        """From the data's file."""
        with h5py.File(path) as file:
            labels = np.ascontiguousarray(file["grain_map"][:].transpose(2, 1, 0)).astype(np.int32)
            corners, owner = file["mesh_coord_um"][:][file["mesh_enod"][:]], file["element_grain"][:]
            voxel = float(file["grain_map"].attrs["voxel_um"])
            return cls(file["U"][:], file["centroid_um"][:], file["volume_um3"][:], labels, voxel, corners, owner)

    @property
    def axes(self) -> list[np.ndarray]:
        """Centres (um) of the map's voxels along z, y, x."""
        return [(np.arange(n) + 0.5 - n / 2) * self.voxel for n in self.labels.shape]

    def at(self, places: np.ndarray) -> np.ndarray:
        """The grains (n), from 1, at places (n,3): 0 outside of all."""
        tree = cKDTree(self.corners.mean(axis=1))
        edges = (self.corners[:, 1:] - self.corners[:, :1]).transpose(0, 2, 1)
        inverse = np.linalg.inv(edges)
        out = np.zeros(len(places), dtype=np.int64)
        for start in range(0, len(places), CHUNK):
            some = places[start : start + CHUNK]
            near = tree.query(some, NEAREST)[1]
            part = np.einsum("pkij,pkj->pki", inverse[near], some[:, None] - self.corners[near, 0])
            inside = np.minimum(part.min(axis=-1), 1.0 - part.sum(axis=-1))
            best = inside.argmax(axis=1)
            rows = np.arange(len(some))
            found = inside[rows, best] >= -1e-9
            out[start : start + CHUNK] = np.where(found, self.owner[near[rows, best]] + 1, 0)
        return out

    def on(self, volume: GrainVolume) -> np.ndarray:
        """The grains at the centres of a map's voxels [z,y,x]."""
        shape = volume.grain_id.shape
        axes = [volume.origin_um[2 - i] + (np.arange(n) + 0.5) * volume.voxel_um for i, n in enumerate(shape)]
        z, y, x = np.meshgrid(*axes, indexing="ij")
        return self.at(np.stack([x, y, z], axis=-1).reshape(-1, 3)).reshape(shape)

    def seen_by(self, volume: GrainVolume, labels: np.ndarray) -> np.ndarray:
        """Labels of a map's voxels [z,y,x] at the centres of the data's own voxels."""
        places = [
            np.floor((axis - volume.origin_um[2 - i]) / volume.voxel_um).astype(np.int64)
            for i, axis in enumerate(self.axes)
        ]
        known = [(at >= 0) & (at < n) for at, n in zip(places, labels.shape, strict=True)]
        out = labels[np.ix_(*(np.clip(at, 0, n - 1) for at, n in zip(places, labels.shape, strict=True)))]
        return np.where(known[0][:, None, None] & known[1][:, None] & known[2], out, 0)


def geometry(meta: dict) -> dict:
    """The section [setup] that the data's description asks for."""
    row, col = meta["centre_row_col"]
    detector = {"distance_um": meta["distance_um"], "pixel_um": meta["pixel_um"], "centre_px": [col, row]}
    return {"energy_keV": meta["keV"], "detector": {**detector, "flip": ["rows"]}, "sample": SAMPLE}


def make_raw(folder: Path, meta: dict, path: Path) -> None:
    """The stack behind our detector model, as a raw scan."""
    with h5py.File(folder / "ti_hcp_stack.h5") as file:
        stack = file["stack"][:]
    frames, rows, cols = stack.shape
    row, col = meta["centre_row_col"]
    params = SimulationParams.build(
        {
            "frames": frames, "rows": rows, "cols": cols, "energy_keV": meta["keV"],
            "distance_um": meta["distance_um"], "pixel_um": meta["pixel_um"], "centre_px": [col, row],
            "flip": ["rows"], "sample": SAMPLE, "seed": 7,
        }
    )  # fmt: skip
    camera = make_camera(params, make_setup(params), np.random.default_rng(7))
    dark = np.stack([camera.dark(k) for k in range(DARKS)])
    with RawWriter(path, stack.shape, dark=dark, omega_start_deg=0.0, omega_step_deg=360 / frames) as writer:
        for k in range(frames):
            writer.append(camera.record(stack[k].astype(np.float32) + camera.background(k), k)[None])


def write_recipe(folder: Path, scan: Path, meta: dict, recipe: Path) -> None:
    """`friedel init`'s recipe, with geometry and crystal put in."""
    phase = {"name": "Ti", "cif": str((folder / "ti_hcp.cif").resolve())}
    friedel.init(scan, recipe, settings={"setup": geometry(meta), "phase": [phase]})


def nearest(
    grains_u: np.ndarray, at: np.ndarray, truth_u: np.ndarray, truth_at: np.ndarray, phase: Phase
) -> np.ndarray:
    """Angle (deg), distance (um) and row of the true grain that is nearest to each grain in angle: (n, 3)."""
    out = []
    for U, place in zip(grains_u, at, strict=True):
        angle = np.array([float(phase.misorientation_deg(U, true)) for true in truth_u])
        away = np.linalg.norm(truth_at - place, axis=1)
        best = int(np.argmin(angle + 1e-3 * away))
        out.append((angle[best], away[best], best))
    return np.array(out).reshape(-1, 3)


def agreement(map_ids: np.ndarray, truth: np.ndarray) -> float:
    """Voxels right over the union of both maps' voxels."""
    return float(np.count_nonzero((map_ids == truth) & (truth > 0)) / np.count_nonzero((map_ids > 0) | (truth > 0)))


def compare(truth: Truth, out: Path) -> dict[str, Any]:
    """Figures of the map in `out` against the data's own."""
    grains, found = read_grains(out / "grains.h5"), read_volume(out / "volume.h5")
    match = nearest(grains.U, grains.position_um, truth.U, truth.centre, phase_of(out))
    radius = float(np.mean((3 * truth.volume / (4 * np.pi)) ** (1 / 3)))
    good = (match[:, 0] <= NEAR_DEG) & (match[:, 1] <= NEAR_RADII * radius)
    which = np.where(good, match[:, 2].astype(int) + 1, 0)
    labels = np.concatenate([[0], np.where(which > 0, which, -1)])[found.grain_id]
    exact = truth.on(found)
    return {
        "grains": len(grains),
        "found": len(set(which[which > 0])),
        "of": len(truth.U),
        "false": int(np.count_nonzero(~good)),
        "misorientation_median_deg": float(np.median(match[:, 0])),
        "position_median_um": float(np.median(match[:, 1])),
        "mean_radius_um": radius,
        "voxel_um": found.voxel_um,
        "voxel_agreement": agreement(truth.seen_by(found, labels), truth.labels),
        "with_all_voxels_right": agreement(truth.seen_by(found, exact), truth.labels),
        "at_own_voxels": agreement(labels, exact),
        "voronoi_of_true_centroids": agreement(voronoi(truth), truth.labels),
        **dict(sureness(found, labels == exact)),
    }


def voronoi(truth: Truth) -> np.ndarray:
    """The nearest true centroid of each voxel of the data's map within the cylinder."""
    z, y, x = np.meshgrid(*truth.axes, indexing="ij")
    cells = cKDTree(truth.centre).query(np.stack([x, y, z], axis=-1))[1] + 1
    cells[(np.hypot(x, y) > SAMPLE["radius_um"]) | (np.abs(z) > SAMPLE["height_um"] / 2)] = 0
    return cells


def sureness(found: GrainVolume, right: np.ndarray) -> Iterator[tuple[str, float]]:
    """How many voxels are wrong by status, and how many right by confidence."""
    for kind in (Status.MEASURED, Status.CONTESTED, Status.DILATED):
        if (found.status == kind).any():
            yield f"{kind.name.lower()}_wrong", float(np.mean(~right[found.status == kind]))
    here = found.grain_id > 0
    assert found.confidence is not None
    told = calibration(found.confidence[here], right[here])
    yield "confidence_off_by", told["error"]
    for one in told["bins"]:
        yield f"right_of_{one['said']:.2f}", one["right"]
        if (one["from"], one["to"]) == SURE:
            yield "right_of_nine_in_ten", one["right"]


def phase_of(out: Path) -> Phase:
    """The crystal that the run used."""
    from friedel.recipe import load_recipe

    return load_recipe(out / "recipe.toml").phase[0].phase()


def is_met(figures: Mapping[str, Any], least: float) -> bool:
    """Whether a map is as good, and as sure of itself, as it should be."""
    return bool(
        figures["found"] == figures["of"]
        and figures["false"] == 0
        and figures["voxel_agreement"] >= max(least, figures["voronoi_of_true_centroids"])
        and figures["measured_wrong"] <= MOST_WRONG
        and figures.get("right_of_nine_in_ten", 1.0) >= RIGHT
    )


def main(data: Path, names: Sequence[str]) -> int:
    """Make, run, compare and print."""
    unknown = [name for name in names if name not in CASES]
    if unknown:
        sys.exit(f"no such part of the scan: {', '.join(unknown)}; there are {', '.join(CASES)}")
    folder, every = data / "independent_ti", {}
    meta, truth = json.loads((folder / "ti_hcp_meta.json").read_text()), Truth.read(folder / "ti_hcp_grains.h5")
    with tempfile.TemporaryDirectory() as temporary:
        scan, recipe = Path(temporary) / "scan.h5", Path(temporary) / "recipe.toml"
        make_raw(folder, meta, scan)
        write_recipe(folder, scan, meta, recipe)
        for name in names or CASES:
            out, settings = Path(temporary) / name, CASES[name].settings
            command("run", recipe, "-o", out, *(part for one in settings for part in ("--set", one)))
            figures = compare(truth, out)
            every[name] = {**figures, "met": is_met(figures, CASES[name].agreement)}
            print(name, json.dumps(every[name]), flush=True)
    met = all(figures["met"] for figures in every.values())
    print(json.dumps({"claim": "grains of an independent simulator, from raw-looking frames", **every, "met": met}))
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
