"""Each mistake that people make in a recipe: estimate and run exit with 2 and one line, within seconds.

    python -m bench.bad_recipes

In processes of their own, imports included, as a user waits for them; one by one, and some in pairs (all pairs are
in the tests). What counts is the processor's time: on a shared machine an answer takes longer than that.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np

from bench._bench import report
from tests.mistakes import MISTAKES, pairs, written

MOST_S = 5.0
SOME = 12
"""Every so many pairs."""


def scan(path: Path) -> None:
    """Frames without anything in them: nobody looks at them."""
    frames = np.random.default_rng(1).normal(200, 3, (40, 24, 32)).round().astype("u2")
    with h5py.File(path, "w") as file:
        file["entry/data/frames"], file["entry/dark"] = frames, np.full((24, 32), 100, "u2")
        file["entry/data/frames"].attrs["omega_start_deg"] = 0.0
        file["entry/data/frames"].attrs["omega_step_deg"] = 9.0


def answer(*arguments: str | Path) -> tuple[float, int, str]:
    """Seconds of the processor, exit code and what was said."""
    command = [sys.executable, "-m", "friedel", *map(str, arguments)]
    before = os.times()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return spent, done.returncode, done.stdout + done.stderr


def main() -> int:
    """Print what each was answered."""
    slowest, wrong = 0.0, 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        scan(folder / "s.h5")
        for names in [*((name,) for name in MISTAKES), *pairs()[::SOME]]:
            recipe = written(folder / "r.toml", *(MISTAKES[name][0] for name in names))
            for arguments in (("estimate", recipe), ("run", recipe, "-o", folder / "out")):
                seconds, code, said = answer(*arguments)
                right = code == 2 and 1 <= said.count("\n") <= len(names) and not (folder / "out").exists()
                slowest, wrong = max(slowest, seconds), wrong + (not right)
                shown = said.strip().splitlines()[-1] if said.strip() else ""
                print(f"{'' if right else 'WRONG '}{' + '.join(names):40s} {seconds:4.1f} s  {shown}", flush=True)
    print(f"slowest {slowest:.1f} s of the processor; {wrong} wrong")
    code = report(f"a wrong recipe is refused, over {MOST_S:g} s", slowest / MOST_S, goal=1.0, better="lower")
    return 1 if wrong else code


if __name__ == "__main__":
    sys.exit(main())
