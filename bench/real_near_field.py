"""Real near-field spots (gold, HEXOMAP) through `friedel run`, against the 2D spots of the original authors.

    python -m bench.real_near_field DATA_FOLDER

A 2D spot is the authors' blob in one frame. It lies in one of our blobs if that blob has a pixel of it, which a
spot without any pixel of 4 counts (the threshold) cannot: their share is printed too, and so is the stricter
figure, more than half of the spot's pixels in one blob. A frame of a blob holds a single spot if no second spot of
the authors has a pixel in it.
"""

import json
import sys
import tempfile
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np

from bench._bench import AS_IT_IS
from bench._scans import friedel

RECIPE = """
[scan]
frames = "scan.h5::/frames"
dark = 0
omega = {{ start_deg = {start}, step_deg = {step} }}
{as_it_is}[segment]
seed_threshold = 4.0
grow_min = 4.0
min_size = [1, 1, 1]
max_size = [100000, 100000, 100000]
seed_min_voxels = 1
exclude = "none"
"""
SMALLEST = 20
THRESHOLD = 4


def densify(spots: dict[str, np.ndarray], path: Path) -> None:
    """Write the list of bright pixels as frames; a pixel that appears twice in a frame takes the larger value."""
    frames, rows, cols = (int(n) for n in spots["shape"])
    order = np.argsort(spots["frame"], kind="stable")
    bounds = np.searchsorted(spots["frame"][order], np.arange(frames + 1))
    with h5py.File(path, "w") as file:
        out = file.create_dataset(
            "frames",
            (frames, rows, cols),
            "u2",
            chunks=(1, rows, cols),
            compression=hdf5plugin.Bitshuffle(cname="lz4"),
        )
        image = np.zeros((rows, cols), np.uint16)
        for k in range(frames):
            mine = order[bounds[k] : bounds[k + 1]]
            y, x = spots["y"][mine], spots["x"][mine]
            np.maximum.at(image, (y, x), spots["intensity"][mine])
            out[k] = image
            image[y, x] = 0


def compare(spots: dict[str, np.ndarray], out: Path) -> dict[str, float]:
    """Figures of the blobs in `out` against the authors' spots."""
    _, rows, cols = (int(n) for n in spots["shape"])

    def key(frame: np.ndarray, row: np.ndarray, col: np.ndarray) -> np.ndarray:
        return (frame.astype(np.int64) * rows + row) * cols + col

    with h5py.File(out / "blobs.h5") as file:
        kept = len(file["peaks/spot3d_id"])
        pointer = file["voxels/blob_ptr"][: kept + 1]
        end = int(pointer[-1])
        voxel = key(*(file[f"voxels/{name}"][:end] for name in ("frame", "row", "col")))
    blob = np.repeat(np.arange(kept), np.diff(pointer))
    order = np.argsort(voxel)
    pixel = key(spots["frame"], spots["y"], spots["x"])
    at = np.minimum(np.searchsorted(voxel[order], pixel), end - 1)
    owner = np.where(voxel[order][at] == pixel, blob[order][at], -1)

    names, spot, size = np.unique(
        spots["frame"].astype(np.int64) * 65536 + spots["peak_id"], return_inverse=True, return_counts=True
    )
    inside = owner >= 0
    held, count = np.unique(np.stack([spot[inside], owner[inside]]), axis=1, return_counts=True)
    most = held[0][2 * count > size[held[0]]]
    big = np.flatnonzero(size >= SMALLEST)
    bright = np.unique(spot[spots["intensity"] >= THRESHOLD])
    _, spots_here = np.unique(np.stack([held[1], names[held[0]] // 65536]), axis=1, return_counts=True)
    return {
        "spots": len(names),
        "spots_of_20_pixels": len(big),
        "of_them_below_threshold": 1 - float(np.isin(big, bright).mean()),
        "of_them_in_a_blob": float(np.isin(big, held[0]).mean()),
        "of_them_more_than_half_in_one_blob": float(np.isin(big, most).mean()),
        "blobs": kept,
        "blob_frames_with_a_single_spot": float((spots_here == 1).mean()),
    }


def main(data: Path) -> int:
    """Run and print."""
    with np.load(data / "real_near_field" / "hexomap_Au_det0_sparse.npz") as archive:
        spots = {name: archive[name] for name in archive.files}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        densify(spots, folder / "scan.h5")
        text = RECIPE.format(
            as_it_is=AS_IT_IS, start=float(spots["omega_start_deg"]), step=float(spots["omega_step_deg"])
        )
        (folder / "recipe.toml").write_text(text)
        friedel("run", folder / "recipe.toml", "-o", folder / "out", "--to", "segment")
        figures = compare(spots, folder / "out")
    met = figures["of_them_in_a_blob"] >= 0.94 and figures["blob_frames_with_a_single_spot"] >= 0.95
    print(json.dumps({"claim": "real near-field spots linked as their authors saw them", **figures, "met": met}))
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
