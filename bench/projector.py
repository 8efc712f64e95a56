"""The projector pair by columns against scipy.sparse with the same weights in a matrix, one thread.

`python -m bench.projector`: 100^3 voxels, 40 projections of 150^2 pixels, forward plus back, float32, taken in
turns. The matrix holds 160 million weights, one piece a projection; the time to build it does not count.
"""

import sys
import time

import numpy as np

from bench._bench import interleaved, report

EDGE = 100
PROJECTIONS = 40
PIXELS = 150
GOAL_SECONDS = 0.25
GOAL_RATIO = 8.0


def geometry(count: int = PROJECTIONS, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Slopes (n,2,2) and offsets (n,2) of spots of a grain in the middle, as in a near-field set-up."""
    rng = np.random.default_rng(seed)
    omega, eta = rng.uniform(0, 2 * np.pi, (2, count))
    two_theta = np.radians(rng.uniform(7, 15, count))
    iy, iz = -np.tan(two_theta) * np.sin(eta), np.tan(two_theta) * np.cos(eta)
    c, s = np.cos(omega), np.sin(omega)
    slope = np.moveaxis(np.array([[s - c * iy, c + s * iy], [-c * iz, s * iz]]), -1, 0)
    middle = (EDGE - 1) / 2
    offset = (PIXELS - 1) / 2 - slope.sum(axis=2) * middle - np.array([0.0, middle])
    return np.ascontiguousarray(slope), offset


def matrix_of(slope: np.ndarray, offset: np.ndarray):
    """The same weights of one projection as a sparse matrix (pixels, voxels), float32."""
    from scipy import sparse

    i, j, k = np.indices((EDGE, EDGE, EDGE)).reshape(3, -1)
    u = slope[0, 0] * i + slope[0, 1] * j + offset[0]
    v = slope[1, 0] * i + slope[1, 1] * j + k + offset[1]
    col, row = np.floor(u).astype(np.int32), np.floor(v).astype(np.int32)
    a, b = u - col, v - row
    pixels, weights = [], []
    for side in range(4):
        right, up = divmod(side, 2)
        c, r = col + right, row + up
        on = (c >= 0) & (c < PIXELS) & (r >= 0) & (r < PIXELS)
        pixels.append(np.where(on, c * PIXELS + r, 0))
        weights.append(np.where(on, (a if right else 1 - a) * (b if up else 1 - b), 0.0))
    voxels = np.tile(np.arange(i.size, dtype=np.int32), 4)
    entries = (np.concatenate(weights).astype(np.float32), (np.concatenate(pixels), voxels))
    return sparse.csr_matrix(entries, shape=(PIXELS * PIXELS, i.size))


def main() -> int:
    """Measure, print, and say whether the claims hold."""
    from friedel.kernels.reconstruct.projectors import back_columns, forward_columns

    slope, offset = geometry()
    spans = np.zeros((EDGE, EDGE, 2), np.int64)
    spans[..., 1] = EDGE
    rng = np.random.default_rng(1)
    volume = rng.random((EDGE, EDGE, EDGE), dtype=np.float32)
    images = rng.random((PROJECTIONS, PIXELS, PIXELS), dtype=np.float32)
    start = time.perf_counter()
    pieces = [matrix_of(slope[p], offset[p]) for p in range(PROJECTIONS)]
    print(f"matrix: {sum(m.nnz for m in pieces) / 1e6:.0f} M weights, built in {time.perf_counter() - start:.1f} s")

    def columns() -> tuple[np.ndarray, np.ndarray]:
        there, back = np.zeros_like(images), np.zeros_like(volume)
        forward_columns(volume, spans, slope, offset, there)
        back_columns(images, spans, slope, offset, back)
        return there, back

    def sparse() -> tuple[np.ndarray, np.ndarray]:
        x, there, back = volume.ravel(), np.empty_like(images), np.zeros(volume.size, np.float32)
        for p, matrix in enumerate(pieces):
            there[p] = (matrix @ x).reshape(PIXELS, PIXELS)
            back += matrix.T @ images[p].ravel()
        return there, back.reshape(volume.shape)

    for name, mine, other in zip(("forward", "back"), columns(), sparse(), strict=True):
        off = np.abs(mine - other).max() / np.abs(other).max()
        print(f"{name}: largest difference {off:.1e} of the largest")
    seconds = interleaved({"friedel": columns, "scipy.sparse": sparse}, repeats=5)
    for name, value in seconds.items():
        print(f"{name:12s} {value:7.3f} s forward and back")
    slow = report(
        "projector pair, forward and back, seconds on one thread", seconds["friedel"], GOAL_SECONDS, "lower"
    )
    ratio = seconds["scipy.sparse"] / seconds["friedel"]
    return slow | report(
        "projector pair against scipy.sparse with the same weights (speed)", ratio, GOAL_RATIO, "higher"
    )


if __name__ == "__main__":
    sys.exit(main())
