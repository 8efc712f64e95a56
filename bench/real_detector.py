"""Real detector frames (dark-field microscopy at ESRF ID03) from raw to blobs: real offset, noise and features.

    python -m bench.real_detector DATA_FOLDER

There is no truth; what is checked is what any right answer has: it runs from the raw file with `friedel init`'s
recipe, finds the bright features, and two different cuts of the scan give the same bytes: columns, voxels, reasons.
"""

import json
import sys
import tempfile
from pathlib import Path

from bench._scans import friedel, identical
from friedel.io.store import read_blobs

SETTINGS = ("scan.dark=2450", "scan.omega.start_deg=0.0", "scan.omega.step_deg=0.001")


def main(data: Path) -> int:
    """Run and print."""
    frames = data / "real_detector" / "rocking_id03.npz"
    options = [part for setting in SETTINGS for part in ("--set", setting)]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        recipe = folder / "recipe.toml"
        friedel("init", frames, "-o", recipe, *options)
        friedel("run", recipe, "-o", folder / "one", "--set", "run.threads=1", "--set", "run.memory_gb=1")
        friedel("run", recipe, "-o", folder / "two", "--set", "run.threads=2")
        one, two = folder / "one" / "blobs.h5", folder / "two" / "blobs.h5"
        same = identical(one, two)
        table = read_blobs(one)
    brightest = float(table["IMax_int"].max()) if len(table) else 0.0
    met = bool(same and len(table) >= 1 and brightest > 5000)
    figures = {
        "blobs": len(table),
        "voxels": len(table.voxels),
        "brightest_counts": brightest,
        "same_for_any_cut": same,
    }
    print(json.dumps({"claim": "real detector frames from raw to blobs", **figures, "met": met}))
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
