"""A scan so small that a run through all stages takes a fraction of a second, and what a run of it must give."""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import friedel
from friedel import cli
from friedel.output_folder.files import RESULTS, STAGES
from tests.faults.forking import outcome

SCAN = (
    "frames=180",
    "rows=96",
    "cols=104",
    "grains=2",
    "pixel_um=14",
    "sample.radius_um=100",
    "sample.height_um=120",
    "light.spot_counts=60",
)
RECIPE = (
    "preprocess.half_window=45",
    "preprocess.half_step=9",
    "preprocess.keep_clean=true",
    "segment.seed_threshold=60",
    "segment.grow_min=20",
    "segment.seed_min_voxels=5",
    "segment.min_size=[3,3,1]",
)


@dataclass(frozen=True)
class Tiny:
    """The folder with the scan, that where all was `made`, and the hashes that each result may have: those of a
    whole run, and those `allowed` on the way there; `other` are those of another scan of the same shape."""

    folder: Path
    made: Path
    whole: dict[str, str]
    allowed: dict[str, set[str]]
    other: dict[str, set[str]]

    @property
    def recipe(self) -> Path:
        """Ready to run."""
        return self.folder / "scan.toml"

    def spoilable(self, folder: Path) -> "Tiny":
        """The same scan in another folder, where it may be spoiled."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("scan.h5", "scan.toml"):
            shutil.copy(self.folder / name, folder / name)
        return Tiny(folder, self.made, self.whole, self.allowed, self.other)

    def start(self, out: Path, stage: str) -> None:
        """Make the folder as a run leaves it that was to stop after a stage; nothing without a stage."""
        if stage:
            shutil.copytree(self.made / "stopped" / stage, out)

    def run(self, out: Path, said: Path, before: Callable[[], object] = lambda: None, *more: str) -> int:
        """`friedel run` into `out` in a copy of this process, which first does `before`: its exit code."""
        return outcome(lambda: self.command(out, before, *more), said)

    def command(self, out: Path, before: Callable[[], object] = lambda: None, *more: str) -> int:
        """The same in this process, which is one of its own: it never comes back."""
        settings = [part for setting in RECIPE for part in ("--set", setting)]
        sys.argv = ["friedel", "run", str(self.recipe), "-o", str(out), "--no-report", "-q", *settings, *more]
        os.environ.pop("FRIEDEL_PROGRESS", None)
        before()
        cli.main()

    def wrong(self, out: Path) -> list[str]:
        """What of the results that stand in a folder is not as it must be; those that are not there are right."""
        return [name for name, digest in hashes(out).items() if digest not in self.allowed[name]]

    def of_the_other(self, out: Path) -> bool:
        """Whether all results that stand in a folder are those of the other scan."""
        return all(digest in self.other[name] for name, digest in hashes(out).items())

    def unfinished(self, out: Path) -> list[str]:
        """What is not as after an undisturbed run, leftovers included."""
        found = hashes(out)
        differs = [name for name in self.whole if found.get(name) != self.whole[name]]
        return differs + [path.name for path in out.iterdir() if path.name.startswith(".")]


def hashes(out: Path) -> dict[str, str]:
    """Of the results in a folder."""
    files = [out / name for name in RESULTS if (out / name).is_file()]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def vouched(out: Path) -> dict[str, str]:
    """What `run.json` says about the results, where there is one."""
    if not (out / "run.json").exists():
        return {}
    stages = json.loads((out / "run.json").read_text())["stages"]
    return {name: one["sha256"] for stage in stages.values() for name, one in stage["outputs"].items()}


def make_tiny(folder: Path) -> Tiny:
    """Simulate it, and run it undisturbed: whole, and stopped after each stage. Kernels are compiled after that."""
    friedel.simulate(folder / "scan.h5", preset="small", seed=5, settings=SCAN)
    allowed = _undisturbed(folder)
    friedel.simulate(folder / "other" / "scan.h5", preset="small", seed=6, settings=SCAN)
    shutil.copy(folder / "scan.toml", folder / "other" / "scan.toml")
    whole = hashes(folder / "whole")
    if set(whole) != set(RESULTS):
        raise AssertionError(f"a whole run must leave {sorted(RESULTS)}, got {sorted(whole)}")
    return Tiny(folder, folder, whole, allowed, _undisturbed(folder / "other"))


def _undisturbed(folder: Path) -> dict[str, set[str]]:
    """Run the scan of a folder stage by stage: the hashes that each result has on the way."""
    allowed: dict[str, set[str]] = {}
    for stage in STAGES:
        out = friedel.run(
            folder / "scan.toml", folder / "whole", to_stage=stage, report=False,
            settings=[*RECIPE, "run.threads=1"],
        )  # fmt: skip
        shutil.copytree(out, folder / "stopped" / stage)
        for name, digest in hashes(out).items():
            allowed.setdefault(name, set()).add(digest)
    return allowed
