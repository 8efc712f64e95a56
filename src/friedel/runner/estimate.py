"""What a run will take: memory by the plan, disk by the files, time by a short measurement."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from friedel.errors import CapacityError
from friedel.io import open_scan
from friedel.recipe import Recipe
from friedel.runner.executors import local_executor
from friedel.runner.pipeline import plan_for
from friedel.runner.plan import GB, Plan
from friedel.survey import measure_speed

CLEAN_BYTES = 1.0
"""A clean int16 pixel after bitshuffle-LZ4 (measured: 0.7 to 1.1 on simulated scans)."""
BLOB_SHARE = 0.002
"""Part of the voxels that end up in blobs.h5, at 16 bytes each (simulated scans: 0.0005 to 0.002)."""
BLOB_BYTES = 16


@dataclass(frozen=True, slots=True)
class Estimate:
    """Memory and disk in bytes, time to the blobs in seconds. `free_disk` is what the output's disk has left.

    `grains` says that the run goes on from there: how long that takes depends on how many there are.
    """

    plan: Plan
    disk_bytes: int
    free_disk: int
    read_s: float
    work_s: float
    frames: int
    threads: int
    grains: bool = False

    @property
    def seconds(self) -> float:
        """From the raw frames to the blobs."""
        return self.read_s + self.work_s

    def lines(self) -> dict[str, str]:
        """As the command prints it."""
        fps = self.frames / max(self.seconds, 1e-9)
        then = {"then": "pairs, grains and map: some seconds more, some minutes for a thousand grains"}
        return {
            "memory": f"{self.plan.total_bytes / GB:.2f} GB of {self.plan.budget_bytes / GB:.2f} GB allowed",
            "disk": f"{self.disk_bytes / GB:.2f} GB of {self.free_disk / GB:.1f} GB free",
            "time": f"about {_duration(self.seconds)} to the blobs ({fps:.0f} frames/s, {self.threads} threads)",
            "reading": f"about {_duration(self.read_s)} of it",
            **(then if self.grains else {}),
        }


def estimate_run(recipe: Recipe, out: Path) -> Estimate:
    """Look at the scan, work on a small part of it, and add up. Raises `CapacityError` when it will not fit."""
    scan = open_scan(recipe.scan.frames, recipe.scan)
    plan = plan_for(recipe, scan)
    with local_executor(recipe.run.threads) as executor:
        speed = measure_speed(scan, recipe, executor)
        threads = executor.threads
    frames, rows, cols = scan.shape
    pixels = rows * cols
    backgrounds = -(-frames // recipe.preprocess.step) if recipe.preprocess.background != "none" else 0
    disk = 4 * backgrounds * pixels + BLOB_BYTES * BLOB_SHARE * frames * pixels
    if recipe.preprocess.keep_clean:
        disk += CLEAN_BYTES * frames * pixels
    free = shutil.disk_usage(_existing(out)).free
    if disk > free:
        raise CapacityError(
            str(out), rule=f"the results need about {disk / GB:.2f} GB of disk", got=f"{free / GB:.2f} GB free"
        )
    return Estimate(
        plan, int(disk), free, frames * speed.read_s, frames * speed.work_s, frames, threads, recipe.has_grains
    )


def _existing(path: Path) -> Path:
    path = path.absolute()
    return next(folder for folder in (path, *path.parents) if folder.is_dir())


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
