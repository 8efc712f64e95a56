"""Raw bitshuffle-LZ4 frames -> blobs.h5, against only reading and decompressing them with the same threads.

    python -m bench.end_to_end [FOLDER]

The scan is simulated into FOLDER (kept there, and reused) or into a temporary folder.
"""

import shutil
import sys
import tempfile
from pathlib import Path

import friedel
from bench._bench import interleaved, report
from bench._scans import simulated
from friedel.runner.executors import Threads

SETTINGS = ("grains=20", "sample.radius_um=110.0", "sample.height_um=190.0")
"""The default scan with a smaller sample: 0.5 % of the voxels are in blobs, as in 7,200 frames of 2,000 × 2,000
pixels with 100,000 blobs, the most that is expected of a scan. (The default scan holds three times as many.)"""
THREADS = 2
BLOCK = 16


def main(folder: Path) -> int:
    """Measure and print."""
    scan_path, recipe = folder / "scan.h5", folder / "recipe.toml"
    if not recipe.exists():
        simulated(folder, *SETTINGS)
    scan = friedel.open_scan(scan_path)
    frames, rows, cols = scan.shape

    def read() -> None:
        with Threads(THREADS) as executor:
            starts = range(0, frames, BLOCK)
            for _ in executor.map(lambda a: scan.frames.read(a, min(a + BLOCK, frames)).shape, starts):
                pass

    def run() -> None:
        shutil.rmtree(folder / "out", ignore_errors=True)
        friedel.run(recipe, folder / "out", to_stage="segment", settings={"run.threads": THREADS}, report=False)

    run()  # compiles the kernels
    medians = interleaved({"read": read, "run": run}, repeats=5)
    pixels = frames * rows * cols
    for name, seconds in medians.items():
        print(f"{name:5s} {seconds:7.2f} s  {seconds / pixels * 1e9:6.2f} ns/pixel")
    claim = f"raw frames to blobs.h5 over reading and decompressing them, {THREADS} threads"
    return report(claim, medians["run"] / medians["read"], goal=8.0, better="lower")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(main(Path(sys.argv[1])))
    with tempfile.TemporaryDirectory() as temporary:
        sys.exit(main(Path(temporary)))
