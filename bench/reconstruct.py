"""80 grains reconstructed and assembled from true blobs: seconds, and how right the map is, against Voronoi cells.

`python -m bench.reconstruct`: the default simulation. The baseline map gives every voxel of the sample to the
nearest true centre of mass: what shapes are worth shows in what is left of its errors.
"""

import sys
import time
from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from bench._bench import report

THREADS = 2
GOAL_SECONDS = 60.0
GOAL_AGREEMENT = 0.96
GOAL_DICE = 0.85
GOAL_ERRORS = 0.25


class Threads:
    """An executor of some threads, results in order."""

    threads = THREADS

    def map(self, work, items):
        """Do `work` on each item."""
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(self.threads) as pool:
            return iter(list(pool.map(work, items)))


def agreement(found: np.ndarray, true: np.ndarray) -> float:
    """Voxels right over the union of both maps' voxels."""
    return float(((found == true) & (true > 0)).sum() / ((found > 0) | (true > 0)).sum())


def smallest_dice(found: np.ndarray, true: np.ndarray) -> float:
    """Of the grains' overlaps, twice over the sum of both sizes."""
    count = int(true.max()) + 1
    both = np.bincount(true[found == true].ravel(), minlength=count)[1:]
    sizes = [np.bincount(np.minimum(a, count - 1).ravel(), minlength=count)[1:] for a in (found, true)]
    return float((2 * both / (sizes[0] + sizes[1])).min())


def main() -> int:
    """Measure, print, and say whether the claims hold."""
    from friedel.assemble import AssembleParams, assemble
    from friedel.reconstruct import ReconstructParams, reconstruct
    from friedel.simulator import SimulationParams, simulate

    simulation = simulate(SimulationParams(), executor=Threads())
    truth = simulation.truth
    hkl = np.column_stack([truth.blobs[name] for name in "hkl"])[truth.grains.blobs]
    grains = replace(truth.grains, hkl=hkl)
    print(f"{len(grains)} grains, {len(truth.blobs)} spots")
    work = (truth.blobs, grains, simulation.setup, simulation.phases, ReconstructParams())
    reconstruct(*work, executor=Threads())
    start = time.perf_counter()
    shapes = reconstruct(*work, executor=Threads())
    middle = time.perf_counter()
    volume = assemble(shapes, grains, AssembleParams(), sample=simulation.setup.sample)
    end = time.perf_counter()
    true = truth.volume.grain_id
    points = truth.volume.origin_um + (np.argwhere(true > 0)[:, ::-1] + 0.5) * truth.volume.voxel_um
    cells = np.zeros_like(true)
    cells[true > 0] = 1 + cKDTree(grains.position_um).query(points)[1]
    right, baseline = agreement(volume.grain_id, true), agreement(cells, true)
    print(f"reconstruct {middle - start:.1f} s on {THREADS} threads, assemble {end - middle:.1f} s")
    print(f"agreement {right:.4f}; Voronoi cells of the true centres {baseline:.4f}")
    codes = [
        report("80 grains reconstructed, seconds on two threads", middle - start, GOAL_SECONDS, "lower"),
        report("voxel agreement of the map from true blobs", right, GOAL_AGREEMENT, "higher"),
        report("smallest Dice of a grain", smallest_dice(volume.grain_id, true), GOAL_DICE, "higher"),
        report("errors left of Voronoi's of the true centres", (1 - right) / (1 - baseline), GOAL_ERRORS, "lower"),
    ]
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
