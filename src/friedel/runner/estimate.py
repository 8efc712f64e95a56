"""What a run will take: memory by the plan, disk by the files, time by a short measurement."""

from dataclasses import dataclass
from pathlib import Path

from friedel.io import open_scan
from friedel.recipe import Recipe
from friedel.runner.executors import local_executor
from friedel.runner.pipeline import plan_for
from friedel.runner.plan import GB, Plan
from friedel.runner.preflight import check_output, check_recipe, crystals_of
from friedel.survey import measure_speed


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
    """Check the recipe, look at the scan, work on a small part of it, and add up.

    Raises `InputError` for a recipe that cannot run, `CapacityError` when it will not fit.
    """
    phases = crystals_of(recipe)
    scan = open_scan(recipe.scan.frames, recipe.scan)
    check_recipe(recipe, scan, phases)
    plan = plan_for(recipe, scan)
    disk, free = check_output(recipe, scan, out)
    with local_executor(recipe.run.threads) as executor:
        speed = measure_speed(scan, recipe, executor)
        threads = executor.threads
    frames = scan.shape[0]
    return Estimate(
        plan, disk, free, frames * speed.read_s, frames * speed.work_s, frames, threads, recipe.has_grains
    )


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
