"""Peak resident memory of a run at 1,000 and at 4,000 frames: it must not grow with the scan.

    python -m bench.memory

Each run is a process of its own, measured by the operating system; `memory_gb` of the recipe is checked too.
"""

import os
import sys
import tempfile
from pathlib import Path

from bench._bench import report
from bench._scans import friedel, simulated

MEMORY_GB = 1.0
FRAMES = (1000, 4000)


def peak_gb(recipe: Path, out: Path) -> float:
    """Largest resident memory of `friedel run` in GB (10^9 bytes)."""
    arguments = ["-m", "friedel", "run", str(recipe), "-o", str(out), "--to", "segment"]
    arguments += ["--set", "run.threads=2", "--set", f"run.memory_gb={MEMORY_GB}", "-q"]
    pid = os.posix_spawn(sys.executable, [sys.executable, *arguments], os.environ)
    _, status, usage = os.wait4(pid, 0)
    if status:
        sys.exit(f"friedel run failed with status {os.waitstatus_to_exitcode(status)}")
    return usage.ru_maxrss * 1024 / 1e9


def main() -> int:
    """Measure and print."""
    peaks = {}
    with tempfile.TemporaryDirectory() as temporary:
        for frames in FRAMES:
            folder = Path(temporary) / str(frames)
            folder.mkdir()
            scan, recipe = simulated(folder, f"frames={frames}", f"turn_deg={360 * frames / max(FRAMES)}")
            friedel("run", recipe, "-o", folder / "warm", "--to", "segment")  # compiles the kernels
            peaks[frames] = peak_gb(recipe, folder / "out")
            print(f"{frames} frames: {peaks[frames]:.3f} GB resident at most (memory_gb = {MEMORY_GB})")
            scan.unlink()
    ratio = peaks[FRAMES[1]] / peaks[FRAMES[0]]
    missed = report("peak resident memory at 4,000 over 1,000 frames", ratio, goal=1.1, better="lower")
    if max(peaks.values()) > MEMORY_GB:
        print(f"more than memory_gb = {MEMORY_GB}", file=sys.stderr)
        return 1
    return missed


if __name__ == "__main__":
    sys.exit(main())
