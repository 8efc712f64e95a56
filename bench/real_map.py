"""A scan of measured grains: a part of a LabDCT map of aluminium is simulated, run, and compared with that map.

    python -m bench.real_map DATA_FOLDER

The map (`real_maps/labdct_Al1050_gm3d_v4.h5`) says its voxel twice and differently; its middle is scaled to fill a
cylinder. Grains that are not convex, lie in several pieces or are of a few voxels are those of the real metal.
"""

import json
import sys
import tempfile
from pathlib import Path

import friedel
from bench._scans import friedel as command
from friedel.io.store import read_truth

MAP = "real_maps/labdct_Al1050_gm3d_v4.h5"
CROP = [30, 30, 16, 80, 80, 48]
SCAN = ("frames=720", "rows=192", "cols=192", "pixel_um=7", "light.spot_counts=60", "sample.mosaicity_deg=0.06")
SAMPLE = ("sample.map_fit=scale", "sample.map_voxel_um=1", "sample.radius_um=112", "sample.height_um=154")
FOUND, AGREEMENT = 0.9, 0.9
FEWEST = 30
"""Voxels of the grains that count."""


def main(data: Path) -> int:
    """Simulate, run, compare and print."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        settings = (*SCAN, *SAMPLE, f"sample.map={data / MAP}", f"sample.map_crop={CROP}")
        options = [part for setting in settings for part in ("--set", setting)]
        scan, truth, recipe, out = (folder / name for name in ("scan.h5", "scan.truth.h5", "scan.toml", "out"))
        command("simulate", scan, "--seed", "11", *options, "--set", f"sample.map_min_voxels={FEWEST}")
        command("run", recipe, "-o", out)
        scores = friedel.evaluate(out, truth)
        true = len(read_truth(truth).grains or ())
    grains, volume = scores["grains"], scores["volume"]
    figures = {
        "grains": true,
        "found": grains["found"],
        "false": grains["false"],
        "misorientation_median_deg": grains["misorientation_deg"]["median"],
        "position_median_um": grains["position_um"]["median"],
        "voxel_agreement": volume["voxel_agreement"],
    }
    met = grains["found"] >= FOUND * true and grains["false"] == 0 and volume["voxel_agreement"] >= AGREEMENT
    print(json.dumps({"claim": "grains of a measured map, simulated and found again", **figures, "met": met}))
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
