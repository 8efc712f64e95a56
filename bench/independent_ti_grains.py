"""Titanium of an independent simulator, made raw-looking by our detector, through the whole pipeline.

    python -m bench.independent_ti_grains DATA_FOLDER

Its noise-free stack gets direct beam, absorption, glow, noise, hot pixels, zingers and darks; the recipe is that of
`friedel init` with the geometry from the data's own description. A grain is found within 0.3 deg and 0.3 of the
mean grain radius. For comparison: the Voronoi cells of the true centroids in the same cylinder.
"""

import json
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
from scipy.spatial import cKDTree

import friedel
from bench._scans import friedel as command
from friedel.io.store import RawWriter, read_grains, read_volume
from friedel.model.crystal import Phase
from friedel.simulator import SimulationParams, make_setup
from friedel.simulator.detector import make_camera

NEAR_DEG, NEAR_RADII, AGREEMENT = 0.3, 0.3, 0.85
SAMPLE = {"shape": "cylinder", "radius_um": 200.0, "height_um": 380.0}
DARKS = 10


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


def compare(folder: Path, out: Path) -> dict[str, float]:
    """Figures of the map in `out` against the data's own."""
    with h5py.File(folder / "ti_hcp_grains.h5") as file:
        truth = np.ascontiguousarray(file["grain_map"][:].transpose(2, 1, 0)).astype(np.int32)
        voxel = float(file["grain_map"].attrs["voxel_um"])
        U, centre, volume = file["U"][:], file["centroid_um"][:], file["volume_um3"][:]
    grains, found = read_grains(out / "grains.h5"), read_volume(out / "volume.h5")
    phase = phase_of(out)
    match = nearest(grains.U, grains.position_um, U, centre, phase)
    radius = float(np.mean((3 * volume / (4 * np.pi)) ** (1 / 3)))
    good = (match[:, 0] <= NEAR_DEG) & (match[:, 1] <= NEAR_RADII * radius)
    which = np.where(good, match[:, 2].astype(int) + 1, 0)
    axes = [(np.arange(n) + 0.5 - n / 2) * voxel for n in truth.shape]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    at = [
        np.floor((c - o) / found.voxel_um).astype(int)
        for c, o in zip((z, y, x), found.origin_um[::-1], strict=True)
    ]
    inside = np.all([(a >= 0) & (a < n) for a, n in zip(at, found.grain_id.shape, strict=True)], axis=0)
    ids = np.where(
        inside,
        found.grain_id[tuple(np.clip(a, 0, n - 1) for a, n in zip(at, found.grain_id.shape, strict=True))],
        0,
    )
    names = np.concatenate([[0], np.where(which > 0, which, -1)])
    cells = cKDTree(centre).query(np.stack([x, y, z], axis=-1))[1] + 1
    cells[(np.hypot(x, y) > SAMPLE["radius_um"]) | (np.abs(z) > SAMPLE["height_um"] / 2)] = 0
    return {
        "grains": len(grains),
        "found": len(set(which[which > 0])),
        "of": len(U),
        "false": int(np.count_nonzero(~good)),
        "misorientation_median_deg": float(np.median(match[:, 0])),
        "position_median_um": float(np.median(match[:, 1])),
        "mean_radius_um": radius,
        "voxel_agreement": agreement(names[ids], truth),
        "voronoi_of_true_centroids": agreement(cells, truth),
    }


def phase_of(out: Path) -> Phase:
    """The crystal that the run used."""
    from friedel.recipe import load_recipe

    return load_recipe(out / "recipe.toml").phase[0].phase()


def main(data: Path) -> int:
    """Make, run, compare and print."""
    folder = data / "independent_ti"
    meta = json.loads((folder / "ti_hcp_meta.json").read_text())
    with tempfile.TemporaryDirectory() as temporary:
        scan, recipe, out = (Path(temporary) / name for name in ("scan.h5", "recipe.toml", "out"))
        make_raw(folder, meta, scan)
        write_recipe(folder, scan, meta, recipe)
        command("run", recipe, "-o", out)
        figures = compare(folder, out)
    met = (
        figures["found"] == figures["of"]
        and figures["false"] == 0
        and figures["voxel_agreement"] >= max(AGREEMENT, figures["voronoi_of_true_centroids"])
    )
    print(
        json.dumps({"claim": "grains of an independent simulator, from raw-looking frames", **figures, "met": met})
    )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
