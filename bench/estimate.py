"""What `friedel estimate` says a run takes, over what it takes: three simulated scans of different size.

    python -m bench.estimate [NAME...]

Estimated and run one after the other, both with kernels compiled before; the report is not drawn. The claim is the
worst ratio of either to the other.
"""

import json
import sys
import tempfile
from pathlib import Path

import friedel
from bench._bench import report
from bench._scans import friedel as command

SCANS = {
    "small": ("--preset", "small"),
    "default": (),
    "many": tuple(
        part
        for setting in (
            "grains=300",
            "frames=1800",
            "rows=640",
            "cols=640",
            "sample.radius_um=190.0",
            "sample.height_um=300.0",
        )
        for part in ("--set", setting)
    ),
}
"""15 grains in 1440 frames of 256 × 256 pixels, 80 in 3600 of 512 × 512, 300 in 1800 of 640 × 640."""
GOAL = 2.0


def compared(folder: Path, name: str) -> float:
    """Estimated over taken seconds of one scan."""
    scan, recipe, out = folder / f"{name}.h5", folder / f"{name}.toml", folder / name
    if not recipe.exists():
        command("simulate", scan, "--seed", "5", *SCANS[name])
    friedel.estimate(recipe)
    said = friedel.estimate(recipe)
    friedel.run(recipe, out, report=False, restart=True)
    stages = json.loads((out / "run.json").read_text())["stages"]
    taken = {one: stage["seconds"] - stage["measured"].get("compiling_s", 0.0) for one, stage in stages.items()}
    total = sum(taken.values())
    for line in said.lines().values():
        print(f"  {line}")
    print("  " + ", ".join(f"{one} {seconds:.1f} s" for one, seconds in taken.items()))
    print(f"{name}: {said.seconds:.1f} s said, {total:.1f} s taken", flush=True)
    return said.seconds / total


def main(folder: Path, names: list[str]) -> int:
    """Measure and print."""
    worst = 1.0
    for name in names or list(SCANS):
        ratio = compared(folder, name)
        worst = max(worst, ratio, 1 / ratio)
    return report("estimated over taken time, or the inverse", worst, GOAL, "lower")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        sys.exit(main(Path(temporary), sys.argv[1:]))
