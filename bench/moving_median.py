"""The exact moving median against numpy.median along axis 0: window 501, step 51, one thread.

python -m bench.moving_median
"""

import platform
from pathlib import Path

import numba
import numpy as np

from bench._bench import interleaved, report
from friedel.kernels.preprocess.bit_planes import TILE
from friedel.kernels.preprocess.moving_median import moving_median_uint16

WINDOW, STEP, BACKGROUNDS = 501, 51, 10
PIXELS = 128 * TILE
NUMPY_PIXELS = PIXELS
GOALS = {"AVX-512": 100.0, "AVX2": 60.0}


def vectors() -> str:
    """The widest vectors that the processor counts bits in."""
    info = Path("/proc/cpuinfo")
    flags = info.read_text().split() if info.exists() else []
    return "AVX-512" if "avx512bw" in flags else "AVX2"


def stack() -> np.ndarray:
    """Frames [frame, pixel] like those of a detector: glow, noise, and a spot here and there."""
    rng = np.random.default_rng(7)
    frames = (BACKGROUNDS - 1) * STEP + WINDOW
    level = rng.uniform(100, 2000, PIXELS)
    raw = rng.poisson(level, (frames, PIXELS))
    raw += np.where(rng.random(raw.shape) < 0.002, rng.integers(100, 20000, raw.shape), 0)
    return raw.clip(0, 65535).astype(np.uint16)


def main() -> int:
    """Measure, compare bit for bit, and print."""
    frames = stack()
    starts = STEP * np.arange(BACKGROUNDS)
    stops = starts + WINDOW
    out = np.empty((BACKGROUNDS, PIXELS), np.float32)

    def ours() -> None:
        moving_median_uint16(frames, starts, stops, 0, PIXELS // TILE, out)

    one = np.empty((1, NUMPY_PIXELS), np.float32)
    window = frames[:WINDOW]

    def theirs() -> None:
        one[0] = np.median(window[:, :NUMPY_PIXELS], axis=0)

    ours()
    for b in (0, BACKGROUNDS // 2, BACKGROUNDS - 1):
        want = np.median(frames[starts[b] : stops[b], : 2 * TILE], axis=0)
        if not np.array_equal(out[b, : 2 * TILE], want):
            raise SystemExit("the moving median differs from numpy.median")
    medians = interleaved({"friedel": ours, "numpy": theirs}, repeats=9)
    per_median = {"friedel": medians["friedel"] / out.size, "numpy": medians["numpy"] / one.size}
    print(f"{platform.machine()} {vectors()}, numba {numba.__version__}, numpy {np.__version__}")
    for name, seconds in per_median.items():
        print(f"{name:8s} {seconds * 1e9:8.1f} ns per median")
    goal = GOALS[vectors()]
    claim = f"exact moving median over numpy.median, window {WINDOW}, step {STEP}, one thread, {vectors()}"
    return report(claim, per_median["numpy"] / per_median["friedel"], goal, "higher")


if __name__ == "__main__":
    raise SystemExit(main())
