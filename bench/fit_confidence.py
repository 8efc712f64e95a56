"""The numbers of the confidence of voxels, fitted to simulated scans; again when shapes are made in another way.

    python -m bench.fit_confidence [FOLDER]

Scans as different as a map may come from (mosaicity up to 1 deg, dense, dim, a point spread with a tail, bent
grains, another crystal, half and quarter turns), of seeds that `bench.pulls` does not use. What is printed goes
into `ErrorModel` of `friedel/assemble/confidence.py`; `python -m bench.pulls` then says whether it holds on others.
"""

import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from bench.grain_scans import TITANIUM
from bench.pulls import made
from friedel.assemble import assemble_with_lead
from friedel.assemble.boundary_places import BoundaryPlaces, MapLayers, boundary_places
from friedel.assemble.confidence import MODEL, ErrorModel, ShapeQuality, right_chance, shape_quality
from friedel.evaluator import match_grains
from friedel.evaluator.confidence import calibration, labels_at
from friedel.io.store import read_truth
from friedel.output_folder.reader import OutputFolder

SCANS: Mapping[str, Mapping[str, object]] = {
    "plain": {},
    "mosaic-0.2": {"sample.mosaicity_deg": 0.2},
    "mosaic-0.5": {"sample.mosaicity_deg": 0.5},
    "mosaic-1": {"sample.mosaicity_deg": 1.0},
    "dense": {"grains": 60},
    "crowded": {"grains": 120},
    "dim": {"light.spot_counts": 10.0},
    "faint": {"light.spot_counts": 4.0},
    "tail": {"camera.tail_px": 1.2},
    "bent": {"sample.gradient_deg": 1.0},
    "titanium": {"phase": f"[{TITANIUM}]"},
    "half-turn": {"turn_deg": 180.0, "frames": 360},
    "quarter-turn": {"turn_deg": 90.0, "frames": 180},
}
FIRST_SEED = 101
ROUNDS, STEPS = 2, 1500
LEAST = 1e-4
"""No voxel counts as if it had been said to be surer."""


class Voxels(NamedTuple):
    """Of one map: places, grain and status of its voxels, the quality of its shapes, and what is right."""

    places: BoundaryPlaces
    label: np.ndarray
    status: np.ndarray
    quality: ShapeQuality
    right: np.ndarray

    def chance(self, model: ErrorModel) -> np.ndarray:
        """What a model says of them."""
        return np.clip(right_chance(*self[:4], model), LEAST, 1 - LEAST)


def voxels_of(out: Path) -> Voxels:
    """From the output folder of a simulated scan."""
    folder, truth = OutputFolder(out), read_truth(Path(f"{out}.truth.h5"))
    grains, shapes, setup, recipe = folder.grains, folder.shapes, folder.setup, folder.recipe
    assert grains is not None
    assert shapes is not None
    assert setup is not None
    assert recipe is not None
    assert truth.grains is not None
    assert truth.volume is not None
    volume, lead = assemble_with_lead(shapes, grains, recipe.assemble, sample=setup.sample)
    same = match_grains(grains, truth.grains, folder.phases)
    here = volume.grain_id > 0
    name = np.concatenate([[-1], same.truth_of(len(grains))]) + 1
    right = name[volume.grain_id[here]] == labels_at(volume, truth.volume)[here]
    layers = MapLayers(volume.grain_id, volume.status, lead, recipe.assemble.finer)
    quality = shape_quality(shapes, len(grains))
    return Voxels(
        boundary_places(layers),
        volume.grain_id[here],
        volume.status[here],
        quality,
        right & (name[volume.grain_id[here]] > 0),
    )


def fitted(maps: list[Voxels]) -> ErrorModel:
    """The model under which what is right is likeliest, every number positive."""

    def loss(logs: np.ndarray) -> float:
        model = ErrorModel(*np.exp(logs).tolist())
        total = 0.0
        for one in maps:
            chance = one.chance(model)
            total -= float(np.log(np.where(one.right, chance, 1 - chance)).sum())
        return total / sum(len(one.right) for one in maps)

    start = np.log(np.array(MODEL))
    for _ in range(ROUNDS):
        options = {"maxiter": STEPS, "xatol": 1e-3, "fatol": 1e-7}
        start = minimize(loss, start, method="Nelder-Mead", options=options).x
    return ErrorModel(*np.exp(start).tolist())


def main(folder: Path) -> int:
    """Fit and print."""
    maps = [voxels_of(made(folder, f"fit-{name}", SCANS[name], FIRST_SEED + row)) for row, name in enumerate(SCANS)]
    model = fitted(maps)
    for name, one in zip(SCANS, maps, strict=True):
        found = calibration(one.chance(model), one.right)
        print(f"{name}: {np.mean(~one.right):.4f} wrong, confidence off by {found['error']:.4f}")
    whole = calibration(
        np.concatenate([one.chance(model) for one in maps]), np.concatenate([one.right for one in maps])
    )
    for one in whole["bins"]:
        print(f"  said {one['said']:.3f}, right {one['right']:.3f} ({one['voxels']} voxels)")
    print(json.dumps({name: float(f"{value:.4g}") for name, value in model._asdict().items()}))
    return 0


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(main(Path(sys.argv[1])))
    with tempfile.TemporaryDirectory() as temporary:
        sys.exit(main(Path(temporary)))
