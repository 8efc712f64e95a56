"""Titanium scan of an independent simulator: isolated spots found, and where, by the double threshold.

    python -m bench.independent_ti DATA_FOLDER

Isolated: at least 20 voxels, no edge touched, and no other spot's label within two voxels of its own.
"""

import csv
import json
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
from scipy import ndimage

from bench._bench import AS_IT_IS
from bench._scans import friedel

RECIPE = """
[scan]
frames = "{stack}::/stack"
dark = 0
omega = {{ start_deg = 0.0, step_deg = 1.0 }}
{as_it_is}[segment]
seed_threshold = 100.0
tolerance = 0.1
min_size = [1, 1, 1]
max_size = [1000, 1000, 1000]
exclude = "none"
max_bright_fraction = 0.2
"""
NEAR = 2
SMALLEST = 20


def isolated(labels: np.ndarray, touches_edge: set[int]) -> list[int]:
    """Ids of the isolated spots."""
    count = np.bincount(labels.ravel())
    chosen = []
    wrapped = np.concatenate([labels[-NEAR:], labels, labels[:NEAR]])  # a full turn
    for spot, box in enumerate(ndimage.find_objects(wrapped), 1):
        if box is None or spot in touches_edge or count[spot] < SMALLEST:
            continue
        around = wrapped[tuple(slice(max(s.start - NEAR, 0), s.stop + NEAR) for s in box)]
        near = ndimage.binary_dilation(around == spot, np.ones((3, 3, 3)), iterations=NEAR)
        if not np.any(near & (around != 0) & (around != spot)):
            chosen.append(spot)
    return chosen


def compare(labels: np.ndarray, spots: dict[int, dict[str, str]], out: Path) -> dict[str, float]:
    """Figures of the blobs in `out` against the labels and the table of spots."""
    frames = len(labels)
    with h5py.File(out / "blobs.h5") as file:
        peaks = {name: file[f"peaks/{name}"][:] for name in ("s_raw", "f_raw", "frame", "Number_of_pixels")}
        pointer = file["voxels/blob_ptr"][: len(peaks["frame"]) + 1]
        voxels = tuple(file[f"voxels/{name}"][: int(pointer[-1])] for name in ("frame", "row", "col"))
    blobs = np.zeros(labels.shape, np.int32)
    blobs[voxels] = np.repeat(np.arange(1, len(pointer)), np.diff(pointer))
    chosen = isolated(labels, {spot for spot, row in spots.items() if int(row["touches_edge"])})
    found, off_px, off_frames = 0, [], []
    size = np.bincount(labels.ravel())
    order = np.argsort(labels, axis=None, kind="stable")
    start = np.concatenate([[0], np.cumsum(size)])
    for spot in chosen:
        owners = np.bincount(blobs.ravel()[order[start[spot] : start[spot + 1]]])
        owners[0] = 0
        best = int(owners.argmax())
        union = size[spot] + peaks["Number_of_pixels"][best - 1] - owners[best]
        if best == 0 or owners[best] < 0.5 * union:
            continue
        found += 1
        row = spots[spot]
        off_px.append(
            np.hypot(
                peaks["s_raw"][best - 1] - float(row["row_img"]), peaks["f_raw"][best - 1] - float(row["col_img"])
            )
        )
        omega = peaks["frame"][best - 1] + 0.5 - float(row["omega_deg"])
        off_frames.append(abs((omega + frames / 2) % frames - frames / 2))
    return {
        "isolated_spots": len(chosen),
        "found": found / len(chosen),
        "centroid_px_median": float(np.median(off_px)),
        "centroid_frames_median": float(np.median(off_frames)),
    }


def main(data: Path) -> int:
    """Run and print."""
    folder = data / "independent_ti"
    with open(folder / "ti_hcp_spots.csv", newline="") as file:
        spots = {int(row["spot_id"]): row for row in csv.DictReader(file)}
    with h5py.File(folder / "ti_hcp_stack.h5") as file:
        labels = file["labels"][:]
    with tempfile.TemporaryDirectory() as temporary:
        recipe = Path(temporary) / "recipe.toml"
        recipe.write_text(RECIPE.format(as_it_is=AS_IT_IS, stack=(folder / "ti_hcp_stack.h5").resolve()))
        friedel("run", recipe, "-o", Path(temporary) / "out", "--to", "segment")
        figures = compare(labels, spots, Path(temporary) / "out")
    met = (
        figures["found"] >= 0.97
        and figures["centroid_px_median"] <= 0.5
        and figures["centroid_frames_median"] <= 0.5
    )
    print(json.dumps({"claim": "isolated spots of an independent simulator", **figures, "met": met}))
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
