"""What a run will take: memory by the plan, disk by the files, time by short measurements."""

import time
from dataclasses import dataclass
from pathlib import Path

from friedel.io import open_scan
from friedel.preprocess import measure_baseline
from friedel.recipe import Recipe
from friedel.runner.executors import local_executor
from friedel.runner.pipeline import plan_for
from friedel.runner.plan import GB, Plan
from friedel.runner.preflight import BLOB_BYTES, check_disk, check_output, check_recipe, crystals_of, disk_bytes
from friedel.survey import LaterStages, measure_content, measure_speed, rehearse

STORE_S = 8.0
"""Seconds for each GB of blobs: packed, written, hashed (measured: 5 to 9)."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Memory and disk in bytes, time to the blobs in seconds. `free_disk` is what the output's disk has left.

    `grains` says that the run goes on from there to the map, `later` how long that takes, where blobs were seen;
    `blobs` is how many the run will find.
    """

    plan: Plan
    disk_bytes: int
    free_disk: int
    read_s: float
    work_s: float
    frames: int
    threads: int
    blobs: float = 0.0
    later: LaterStages | None = None
    grains: bool = False

    @property
    def blobs_s(self) -> float:
        """From the raw frames to the blobs."""
        return self.read_s + self.work_s

    @property
    def seconds(self) -> float:
        """From the raw frames to the last stage that the recipe allows."""
        return self.blobs_s + (self.later.seconds if self.later else 0.0)

    def lines(self) -> dict[str, str]:
        """As the command prints it."""
        fps = self.frames / max(self.blobs_s, 1e-9)
        to_blobs = f"{_duration(self.blobs_s)} to the blobs ({fps:.0f} frames/s, {self.threads} threads)"
        lines = {
            "memory": f"{self.plan.total_bytes / GB:.2f} GB of {self.plan.budget_bytes / GB:.2f} GB allowed",
            "disk": f"{self.disk_bytes / GB:.2f} GB of {self.free_disk / GB:.1f} GB free",
            "time": f"about {to_blobs}",
            "reading": f"about {_duration(self.read_s)} of it",
        }
        if self.later is None:
            unknown = {"then": "pairs, grains and map: the frames looked at do not tell how long"}
            return {**lines, **(unknown if self.grains else {})}
        stages = {
            "pairs": self.later.pairs_s,
            "grains": self.later.grains_s,
            "shapes": self.later.shapes_s,
            "map": self.later.map_s,
        }
        shares = ", ".join(f"{name} {_duration(seconds)}" for name, seconds in stages.items())
        lines["time"] = f"about {_duration(self.seconds)} to the map, {to_blobs}"
        lines["then"] = f"{shares}: for about {_round(self.blobs)} blobs of {_round(self.later.grains)} grains"
        return lines


def estimate_run(recipe: Recipe, out: Path) -> Estimate:
    """Check the recipe, look at the scan, work on small parts of it, and add up.

    Raises `InputError` for a recipe that cannot run, `CapacityError` when it will not fit.
    """
    phases = crystals_of(recipe)
    scan = open_scan(recipe.scan.frames, recipe.scan)
    images = check_recipe(recipe, scan, phases)
    plan = plan_for(recipe, scan)
    _, free = check_output(recipe, scan, out)
    later = None
    with local_executor(recipe.run.threads) as executor:
        speed = measure_speed(scan, recipe, executor)
        threads = executor.threads
        begin = time.perf_counter()
        baseline = measure_baseline(scan, recipe.preprocess, executor)
        look_s = time.perf_counter() - begin
        exclude = images.outside(recipe.segment, baseline.beam)
        content = measure_content(scan, recipe, baseline, executor, exclude=exclude, noise=images.noise)
        to_map = recipe.has_grains and not scan.at_most_half_a_turn
        if to_map and content.blobs:
            later = rehearse(scan, recipe, phases, content, executor)
    disk = disk_bytes(recipe, scan, content.voxels if content.blobs else None)
    check_disk(out, disk, free)
    frames = scan.shape[0]
    work_s = look_s + frames * (speed.work_s + content.find_s) + STORE_S * content.voxels * BLOB_BYTES / GB
    return Estimate(
        plan, disk, free, frames * speed.read_s, work_s, frames, threads,
        content.blobs, later, to_map,
    )  # fmt: skip


def _round(count: float) -> str:
    """Two digits: it is not known better."""
    return f"{float(f'{count:.2g}'):,.0f}".replace(",", " ")


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
