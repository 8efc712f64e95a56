"""How far results are off, over how far they say that they may be: simulated scans from frames to the map.

    python -m bench.pulls [FOLDER] [NAME...]

Without names all variants: plain, a point spread with a tail to one side, mosaicity, bent grains, a sample that
absorbs what it diffracts, one that drifts; then, for the map alone, denser, dimmer, another crystal. Each is a
small scan (720 frames of 192 x 192 pixels) of a few seeds; FOLDER keeps them. A pull is (found - true) / claimed,
as wide as a standard normal where that is honest: position and orientation of each grain by components along the
sample's axes, centre and distance of the detector fitted again from a recipe that is off by pixels and percents.
Then the map: how many of its measured voxels are wrong, and how many of those with a confidence near .9 are right.
"""

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

import friedel
from bench.calibration import pulls as pulls_of_fit
from bench.calibration import wrong
from bench.grain_scans import TITANIUM
from friedel.calibrator.from_pairs import CalibrateParams, fit_to_pairs
from friedel.calibrator.from_spots import fit_to_spots
from friedel.calibrator.geometry import detector_parameters
from friedel.calibrator.ring_fit import TILT_DEG
from friedel.evaluator import match_grains
from friedel.index import IndexParams, index
from friedel.io.store import read_grains, read_truth
from friedel.match import MatchParams, match
from friedel.model.absorption import Absorption, body_of
from friedel.model.grains import Status
from friedel.output_folder.reader import OutputFolder

SIZE = {"frames": 720, "rows": 192, "cols": 192, "grains": 20, "sample.radius_um": 100.0, "sample.height_um": 130.0}
"""Of a scan, beside what the preset `small` says. Its detector's tilts are dealt out as `TILT_DEG` says."""
LOW, HIGH, FEW = 0.8, 1.25, 30
MOST_WRONG = 0.02
"""Of the voxels that are called measured."""
LEAST_VOXELS, MOST_OFF = 2000, 0.05
"""Of the bins of confidence that are judged: how far what is right may be from what is said."""
AXES = "xyz"
STATUSES = [kind.name.lower() for kind in Status if kind is not Status.EMPTY]


class Variant(NamedTuple):
    """A kind of scan: settings of the simulation, seeds, and whether its pulls are judged or only its map."""

    settings: Mapping[str, Any]
    seeds: tuple[int, ...]
    pulls: bool = True


VARIANTS: Mapping[str, Variant] = {
    "plain": Variant({}, (1, 2, 14, 15)),
    "skewed": Variant({"camera.tail_px": 0.8}, (3, 4)),
    "mosaic": Variant({"sample.mosaicity_deg": 0.3}, (5, 6, 18, 19)),
    "bent": Variant({"sample.gradient_deg": 2.0}, (20, 21, 22, 23)),
    "absorbing": Variant(
        {"sample.absorption_per_um": 0.0021, "sample.absorb_spots": "true", "grains": 40}, (24, 25)
    ),
    "drift": Variant({"motion.drift_um": [0.0, 14.0, 10.0]}, (7, 8, 16, 17)),
    "mosaic-0.5": Variant({"sample.mosaicity_deg": 0.5}, (9,), pulls=False),
    "dense": Variant({"grains": 80}, (10,), pulls=False),
    "dim": Variant({"light.spot_counts": 12.0}, (11,), pulls=False),
    "titanium": Variant({"phase": f"[{TITANIUM}]"}, (12,), pulls=False),
    "half-turn": Variant({"turn_deg": 180.0, "frames": 360}, (13,), pulls=False),
}


@dataclass
class Found:
    """Pulls by quantity."""

    values: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, pulls: Sequence[float]) -> None:
        """More pulls of a quantity; what was not claimed is not judged."""
        self.values.setdefault(name, []).extend(float(one) for one in pulls if np.isfinite(one))

    def merge(self, other: "Found") -> None:
        """All pulls of another one too."""
        for name, pulls in other.values.items():
            self.add(name, pulls)

    def lines(self) -> Iterator[str]:
        """A line for each quantity."""
        for name, pulls in self.values.items():
            robust, middle = 1.4826 * float(np.median(np.abs(pulls))), float(np.median(pulls))
            yield f"  {name:16} {width(pulls):5.2f} (robust {robust:.2f}, median {middle:+.2f}, of {len(pulls)})"


def width(pulls: Sequence[float]) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(pulls))))


def made(folder: Path, name: str, settings: Mapping[str, object], seed: int) -> Path:
    """The output folder of a scan, simulated and run, or what an earlier call left."""
    out = folder / f"{name}-{seed}"
    if not (out / "volume.h5").exists():
        scan = folder / f"{name}-{seed}.h5"
        tilts = TILT_DEG * np.random.default_rng([seed, 1]).standard_normal(3)
        every = {**SIZE, "tilt_deg": [round(float(tilt), 4) for tilt in tilts], **settings}
        lines = [f"{key}={value}" for key, value in every.items()]
        files = friedel.simulate(scan, preset="small", seed=seed, settings=lines)
        friedel.run(files.recipe, out, report=False)
        scan.unlink()
    return out


def turned(found: np.ndarray, true: np.ndarray, symmetry: np.ndarray) -> np.ndarray:
    """Rotation vectors (n,3), deg, sample frame, from true orientations (n,3,3) to those found."""
    out = []
    for U, other in zip(found, true, strict=True):
        ways = Rotation.from_matrix(U @ np.swapaxes(other @ symmetry, 1, 2)).as_rotvec(degrees=True)
        out.append(ways[np.argmin(np.linalg.norm(ways, axis=1))])
    return np.array(out).reshape(-1, 3)


def pulls_of_grains(out: Path) -> Found:
    """Positions and orientations of the grains of a run."""
    folder, found = OutputFolder(out), Found()
    grains, truth = read_grains(out / "grains.h5"), read_truth(Path(f"{out}.truth.h5")).grains
    assert truth is not None
    same = match_grains(grains, truth, folder.phases)
    away = grains.position_um[same.result] - truth.position_um[same.truth]
    angle = turned(grains.U[same.result], truth.U[same.truth], folder.phases[0].symmetry)
    claimed = grains.position_error_xyz_um[same.result], grains.orientation_error_xyz_deg[same.result]
    for name, off, sure in (("position", away, claimed[0]), ("orientation", angle, claimed[1])):
        for axis in range(3):
            found.add(f"{name} {AXES[axis]}", (off[:, axis] / sure[:, axis]).tolist())
    return found


def pulls_of_motion(out: Path, drift_um: Sequence[float]) -> Found:
    """Terms of a sample's drift, and the centre in the first frame: what the run itself found."""
    folder, found = OutputFolder(out), Found()
    recipe, setup = folder.recipe, folder.setup
    assert recipe is not None
    assert recipe.setup is not None
    assert setup is not None
    given, used = (detector_parameters(one.detector) for one in (recipe.setup.setup(), setup))
    told = {one["name"]: one for one in folder.stages["index"].measured["motion"]["quantities"]}
    for axis, true in zip(AXES, drift_um, strict=True):
        if one := told.get(f"drift {axis}"):
            found.add(f"drift {axis}", [(one["after"] - true) / one["uncertainty"]])
    if one := told.get("offset y"):
        moved = (used.centre_px - given.centre_px) * used.pixel_um
        found.add("centre (motion)", [(moved + one["after"]) / one["uncertainty"]])
    return found


def pulls_of_calibration(out: Path, seed: int) -> Found:
    """Centre and distance, from pairs and from spots of grains, from a recipe that is wrong."""
    folder, found = OutputFolder(out), Found()
    blobs, phases = folder.blobs, folder.phases
    recipe = folder.recipe
    assert blobs is not None
    assert recipe is not None
    assert recipe.setup is not None
    setup = recipe.setup.setup()
    by_pairs = fit_to_pairs(blobs, wrong(setup, seed, blobs.shape[1]), phases, CalibrateParams())
    pairs = match(blobs, by_pairs.setup, phases, MatchParams())
    told = folder.stages["index"].measured.get("absorption")
    body = body_of(setup.sample)
    absorption = Absorption(told["per_mm"] / 1000, body) if told and body else None
    grains = index(blobs, pairs, by_pairs.setup, phases, IndexParams(), absorption=absorption)
    by_spots = fit_to_spots(blobs, grains, by_pairs.setup, phases)
    # pairs know no absorption: what they find is the start for the spots
    for source, fit in (("pairs", by_pairs), ("spots", by_spots))[1 if absorption else 0 :]:
        for quantity, (_, _, pull) in pulls_of_fit(fit, setup).items():
            if not quantity.startswith("tilt"):
                found.add(f"{quantity} ({source})", [pull])
    return found


def verdicts(found: Found, variant: str = "") -> list[str]:
    """Quantities whose pulls are not of unit width; where they are few, within two standard errors.

    Of one `variant` these are always few, and only what grains say of themselves is judged.
    """
    out = []
    for name, pulls in found.values.items():
        slack = 1 + 2 / np.sqrt(2 * len(pulls)) if len(pulls) < FEW or variant else 1.0
        if variant and not name.startswith(("position", "orientation")):
            continue
        if not LOW / slack <= width(pulls) <= HIGH * slack:
            of = f"{variant}: " if variant else ""
            out.append(f"{of}pulls of {name} are {width(pulls):.2f} wide")
    return out


def judged_map(out: Path) -> dict[str, Any]:
    """What `friedel evaluate` says of the map."""
    scores: dict[str, Any] = friedel.evaluate(out, Path(f"{out}.truth.h5"))["volume"]
    return scores


def pooled(maps: Sequence[Mapping[str, Any]]) -> dict[float, tuple[int, float, float]]:
    """By the lower edge of each bin of confidence: voxels of all maps, what was said of them and what is right."""
    every: dict[float, list[tuple[int, float, float]]] = {}
    for scores in maps:
        for one in scores["confidence"]["bins"]:
            every.setdefault(one["from"], []).append((one["voxels"], one["said"], one["right"]))
    out = {}
    for low, parts in sorted(every.items()):
        count, said, right = np.array(parts).T
        out[low] = int(count.sum()), float(count @ said / count.sum()), float(count @ right / count.sum())
    return out


def tell_maps(name: str, maps: Sequence[Mapping[str, Any]]) -> list[str]:
    """Print wrong voxels and the calibration of confidences; what is not as it should be."""
    wrong_voxels = {kind: [one["wrong"][kind] for one in maps if kind in one["wrong"]] for kind in STATUSES}
    told = ", ".join(f"{kind} {100 * np.mean(parts):.1f} %" for kind, parts in wrong_voxels.items() if parts)
    bins = pooled(maps)
    count = sum(one[0] for one in bins.values())
    off = sum(voxels * abs(said - right) for voxels, said, right in bins.values()) / count
    print(f"{name}: wrong {told}; confidence off by {off:.4f} on average")
    print("   said  " + " ".join(f"{said:5.2f}" for _, said, _ in bins.values()))
    print("   right " + " ".join(f"{right:5.2f}" for _, _, right in bins.values()), flush=True)
    out = []
    if np.mean(wrong_voxels["measured"]) > MOST_WRONG:
        out.append(f"{name}: {100 * np.mean(wrong_voxels['measured']):.1f} % of the measured voxels are wrong")
    return out


def main(folder: Path, names: Sequence[str]) -> int:
    """Measure and print."""
    unknown = [name for name in names if name not in VARIANTS]
    if unknown:
        sys.exit(f"no such variant: {', '.join(unknown)}; there are {', '.join(VARIANTS)}")
    every, maps, failed = Found(), [], []
    for name in names or VARIANTS:
        variant, here, own = VARIANTS[name], Found(), []
        for seed in variant.seeds:
            out = made(folder, name, variant.settings, seed)
            own.append(judged_map(out))
            if variant.pulls:
                here.merge(pulls_of_grains(out))
                drift = variant.settings.get("motion.drift_um")
                here.merge(pulls_of_calibration(out, seed) if drift is None else pulls_of_motion(out, drift))
        if variant.pulls:
            print(f"{name}: widths of the pulls")
            print("\n".join(here.lines()))
        failed += verdicts(here, name) + tell_maps(name, own)
        every.merge(here)
        maps += own
    print("all: widths of the pulls")
    print("\n".join(every.lines()))
    failed += verdicts(every) + tell_maps("all", maps)
    failed += [
        f"of voxels with a confidence of {said:.2f}, {right:.2f} are right"
        for low, (voxels, said, right) in pooled(maps).items()
        if voxels >= LEAST_VOXELS and abs(said - right) > MOST_OFF
    ]
    figures = {name: round(width(pulls), 2) for name, pulls in every.values.items()}
    print(json.dumps({"claim": "results are as sure as they say", "pulls": figures, "failed": failed}))
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] not in VARIANTS:
        sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
    with tempfile.TemporaryDirectory() as temporary:
        sys.exit(main(Path(temporary), sys.argv[1:]))
