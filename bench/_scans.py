"""Scans for the benches, and the command line that runs on them."""

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np


def friedel(*arguments: str | Path) -> str:
    """Run the command `friedel` as a user would, and return what it says; its failure is the bench's."""
    command = [sys.executable, "-m", "friedel", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def simulated(folder: Path, *settings: str, seed: int = 3) -> tuple[Path, Path]:
    """Simulate `scan.h5` and let `friedel init` guess its recipe; both paths."""
    scan, recipe = folder / "scan.h5", folder / "recipe.toml"
    options = [part for setting in settings for part in ("--set", setting)]
    friedel("simulate", scan, "--seed", str(seed), *options)
    friedel("init", scan, "-o", recipe)
    return scan, recipe


def datasets(path: Path) -> dict[str, np.ndarray]:
    """Every dataset of a file."""
    found: dict[str, np.ndarray] = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None
        )
    return found


def identical(one: Path, other: Path) -> bool:
    """Whether two files hold the same datasets, to the byte."""
    a, b = datasets(one), datasets(other)
    return a.keys() == b.keys() and all(
        a[name].dtype == b[name].dtype and a[name].tobytes() == b[name].tobytes() for name in a
    )
