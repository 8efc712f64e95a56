"""How far calibration is off, over how far it says that it may be: simulated scans with wrong recipes.

    python -m bench.calibration [FOLDER] [SCANS]

Each scan (15 grains, 900 frames of 256 x 256 pixels) has a detector whose tilts are dealt out as wide as the fit to
pairs assumes, and is segmented. Its recipe is off by 2 to 5 px and by 1 to 3 % of the distance, and knows of no
tilt. Centre and distance are fitted to the pairs, grains are indexed with that, and all of it is fitted to their
spots. A pull is (found - true) / claimed: as wide as a standard normal where the claim is honest. The claim here is
the root mean square of all pulls of pairs and of spots, whichever is farther from 1 on a logarithmic scale.
"""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

import friedel
from bench._bench import report
from friedel.calibrator.evidence import Evidence
from friedel.calibrator.from_pairs import CalibrateParams, fit_to_pairs
from friedel.calibrator.from_spots import fit_to_spots
from friedel.calibrator.geometry import detector_parameters
from friedel.calibrator.ring_fit import TILT_DEG
from friedel.index import IndexParams, index
from friedel.io.store import read_blobs
from friedel.match import MatchParams, match
from friedel.model.blobs import BlobTable
from friedel.model.crystal import Phase
from friedel.model.setup import Detector, Setup
from friedel.recipe import load_recipe

SCANS = 10
FRAMES, EDGE = 900, 256
OFF_PX, OFF_PART = (2.0, 5.0), (0.01, 0.03)
GOAL = 1.25


class Blobs(NamedTuple):
    """A segmented scan and what is true of it."""

    blobs: BlobTable
    setup: Setup
    phases: tuple[Phase, ...]


def segmented(folder: Path, seed: int) -> Blobs:
    """Simulated and segmented, or what an earlier call left in the folder."""
    scan, out = folder / f"s{seed}.h5", folder / f"out{seed}"
    tilts = TILT_DEG * np.random.default_rng([seed, 1]).standard_normal(3)
    if not (out / "blobs.h5").exists():
        settings = {"frames": FRAMES, "rows": EDGE, "cols": EDGE, "tilt_deg": [round(float(t), 4) for t in tilts]}
        files = friedel.simulate(scan, preset="small", seed=seed, settings=settings)
        friedel.run(files.recipe, out, to_stage="segment", report=False)
    recipe = load_recipe(scan.with_suffix(".toml"))
    assert recipe.setup is not None
    return Blobs(read_blobs(out), recipe.setup.setup(), tuple(one.phase() for one in recipe.phase))


def wrong(setup: Setup, seed: int, edge: int = EDGE) -> Setup:
    """A recipe's set-up as somebody measured it with a ruler; `edge` is the detector's, in pixels."""
    rng = np.random.default_rng([seed, 2])
    true = detector_parameters(setup.detector)
    aside, away = rng.uniform(*OFF_PX) * rng.choice([-1, 1]), rng.uniform(*OFF_PART) * rng.choice([-1, 1])
    centre = (true.centre_px + aside, (edge - 1) / 2)
    return replace(setup, detector=Detector.from_distance(true.distance_um * (1 + away), true.pixel_um, centre))


def pulls(found: Evidence, setup: Setup) -> dict[str, tuple[float, float, float]]:
    """By quantity: how far it is off, how far it may be, and their ratio."""
    true = detector_parameters(setup.detector)
    truth = {true.centre_name: true.centre_px, "distance": true.distance_um}
    truth |= {f"tilt {axis}": tilt for axis, tilt in zip("xyz", true.tilt_deg, strict=True)}
    off = {one.name: (one.after - truth[one.name], one.uncertainty) for one in found.changes}
    return {name: (value, sure, value / sure) for name, (value, sure) in off.items()}


def width(values: Sequence[float]) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(values))))


def main(folder: Path, scans: int) -> int:
    """Measure and print."""
    every: dict[str, dict[str, list[tuple[float, float, float]]]] = {"pairs": {}, "spots": {}}
    for seed in range(scans):
        one = segmented(folder, seed)
        given = wrong(one.setup, seed)
        by_pairs = fit_to_pairs(one.blobs, given, one.phases, CalibrateParams())
        pairs = match(one.blobs, by_pairs.setup, one.phases, MatchParams())
        grains = index(one.blobs, pairs, by_pairs.setup, one.phases, IndexParams())
        by_spots = fit_to_spots(one.blobs, grains, by_pairs.setup, one.phases)
        for name, found in (("pairs", by_pairs), ("spots", by_spots)):
            told = pulls(found, one.setup)
            for quantity, values in told.items():
                every[name].setdefault(quantity, []).append(values)
            line = ", ".join(f"{quantity} {v[0]:+.3f} +- {v[1]:.3f}" for quantity, v in told.items())
            print(f"scan {seed}, {len(grains)} grains, {name}: {line}", flush=True)
    worst = 1.0
    for name, quantities in every.items():
        for quantity, values in quantities.items():
            off, sure, pull = np.array(values).T
            print(
                f"{name}, {quantity}: off by {width(off):.3f}, said {width(sure):.3f}, pull {width(pull):.2f} "
                f"(farthest {np.abs(pull).max():.1f}, {len(pull)} of {scans} scans)"
            )
        together = width([value[2] for values in quantities.values() for value in values])
        print(f"{name}: pulls {together:.2f}")
        worst = max(worst, together, 1 / together)
    return report("pulls of a calibration, from 1 at most", worst, GOAL, "lower")


if __name__ == "__main__":
    count = int(sys.argv[2]) if len(sys.argv) > 2 else SCANS
    if len(sys.argv) > 1:
        sys.exit(main(Path(sys.argv[1]), count))
    with tempfile.TemporaryDirectory() as temporary:
        sys.exit(main(Path(temporary), count))
