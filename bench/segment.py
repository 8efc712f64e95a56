"""The double threshold, complete with all columns and voxels, against labelling the seeds alone (cc3d).

`python -m bench.segment`: both see the same float32 volume with about 5 % of its voxels above the floor, one thread
each, taken in turns. cc3d labels v >= seed_threshold; it neither grows, claims, streams nor measures.
"""

import sys
from functools import partial

import numpy as np

from bench._bench import interleaved, report
from friedel.model.stream import CleanBlock
from friedel.segment import SegmentParams, segment

SHAPE = (320, 600, 600)
BLOCK = 80
NOISE = 2.0
SEED_THRESHOLD = 50.0
GOAL = 2.0
CLAIM = SegmentParams(seed_threshold=SEED_THRESHOLD, max_bright_fraction=0.5)


def clean_volume(shape: tuple[int, int, int] = SHAPE, seed: int = 1) -> np.ndarray:
    """Clean frames as after preprocessing: noise around zero, and blobs that are flat along the rotation.

    Peaks from 40 to 20,000 counts, some of them touching, some long streaks along the rotation, a few hot voxels.
    """
    rng = np.random.default_rng(seed)
    volume = np.empty(shape, np.float32)
    for frame in volume:
        rng.standard_normal(out=frame, dtype=np.float32)
    volume *= NOISE
    for index in range(int(np.prod(shape) / 8.8e4)):
        centre = rng.uniform(0, shape)
        radius = np.array([np.exp(rng.uniform(0, 2.3)), *rng.uniform(4, 14, 2)])
        peak = np.exp(rng.uniform(np.log(40), np.log(20_000)))
        add_blob(volume, centre, radius, peak)
        if index % 10 == 0:
            add_blob(volume, centre + radius * (0.5, 1.3, 0.5), radius, peak * np.exp(rng.uniform(-3, 0)))
    for _ in range(20):
        add_blob(volume, rng.uniform(0, shape), np.array([rng.uniform(50, 150), 6.0, 6.0]), 500.0)
    hot = rng.integers(0, volume.size, volume.size // 500_000)
    volume.reshape(-1)[hot] += rng.uniform(50, 5000, hot.size).astype(np.float32)
    return volume


def add_blob(volume: np.ndarray, centre: np.ndarray, radius: np.ndarray, peak: float) -> None:
    """Add a Gaussian, 2 sigma at the radius, out to 1.6 radii."""
    low = np.maximum(np.floor(centre - 1.6 * radius), 0).astype(int)
    high = np.minimum(np.ceil(centre + 1.6 * radius) + 1, volume.shape).astype(int)
    axes = np.ogrid[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    distance = sum(((x - c) / r) ** 2 for x, c, r in zip(axes, centre, radius, strict=True))
    piece = volume[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    piece += np.where(distance < 2.5, peak * np.exp(-2.0 * distance), 0.0).astype(np.float32)


def complete(volume: np.ndarray, params: SegmentParams) -> int:
    """Everything that a run finds in it, in blocks as a run has them; how many rows there are."""
    none = np.empty(0, np.int64)
    cuts = range(0, len(volume), BLOCK)
    blocks = (CleanBlock(k, volume[k : k + BLOCK], none, np.zeros(BLOCK, bool)) for k in cuts)
    table = segment(
        blocks, volume.shape, params, baseline=None, exclude=None, mask=None, omega_start_deg=0.0,
        omega_step_deg=0.05, wrap=False,
    )  # fmt: skip
    return len(table.reason)


def main() -> int:
    """Measure, print, and say whether the claim holds."""
    import cc3d

    volume = clean_volume()

    def labels_only() -> int:
        return int(cc3d.connected_components(volume >= SEED_THRESHOLD, connectivity=26).max())

    print(f"{volume.shape} voxels, {np.mean(volume >= 7):.1%} above the floor, {np.mean(volume >= 50):.1%} seeds")
    print(f"{complete(volume, CLAIM)} seeds in the ledger; cc3d labels {labels_only()}")
    seconds = interleaved({"friedel": partial(complete, volume, CLAIM), "cc3d": labels_only}, repeats=5)
    for name, value in seconds.items():
        print(f"{name:8s} {value:6.3f} s  {1e9 * value / volume.size:5.2f} ns/voxel")
    ratio = seconds["friedel"] / seconds["cc3d"]
    return report("double threshold, complete, over cc3d.label of the seeds (time)", ratio, GOAL, "lower")


if __name__ == "__main__":
    sys.exit(main())
