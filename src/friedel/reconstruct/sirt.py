"""SIRT: weighted rounds of projecting, comparing and projecting back, never below zero, only in the support.

P. Gilbert, J. Theor. Biol. 36, 105 (1972), as A. van der Sluis and H. A. van der Vorst write it (Linear Algebra
Appl. 130, 257 (1990)): rows and columns of the projector are normalised by their sums, here within the support.
Pixels that are not known have no weight.
"""

import numpy as np

from friedel.kernels.reconstruct.bent_projectors import back_bent, forward_bent
from friedel.kernels.reconstruct.point_spread import spread_light
from friedel.kernels.reconstruct.projectors import back_columns, forward_columns
from friedel.model.arrays import AnyArray, Floats, Indices, Mask

REACH = 3.0
"""A point spread ends so many standard deviations from its middle."""
LEAST = 0.05
"""Paths and sums of weights shorter than this (voxels) are not divided by."""


class SirtSolver:
    """The projector of one grain, limited to a support bool [x,y,z], and its rounds.

    `blur` is the standard deviation of the point spread that projections are seen with, in pixels.
    """

    def __init__(
        self, slope: Floats, offset: Floats, support: Mask, pixels: tuple[int, ...], blur: float = 0.0
    ) -> None:
        self.slope, self.offset, self.pixels, self.blur = slope, offset, pixels, blur
        self.support = support
        self.spans = spans_of(support)
        self.paths = self.forward(support.astype(np.float32))

    def forward(self, volume: AnyArray) -> AnyArray:
        """Projections float32 (n,u,v) of a volume [x,y,z] that is zero outside the support."""
        out = np.zeros(self.pixels, dtype=np.float32)
        forward_columns(volume, self.spans, self.slope, self.offset, out)
        return blurred(out, self.blur)

    def back(self, images: AnyArray) -> AnyArray:
        """The transpose, within the support."""
        out = np.zeros(self.support.shape, dtype=np.float32)
        back_columns(blurred(images, self.blur), self.spans, self.slope, self.offset, out)
        out *= self.support
        return out

    def iterate(self, start: AnyArray, measured: AnyArray, weight: AnyArray, count: int) -> AnyArray:
        """`count` rounds from a volume: measured and weight float32 (n,u,v)."""
        paths = weight / np.maximum(self.paths, LEAST)
        paths[self.paths < LEAST] = 0.0
        sums = self.back(weight)
        share = np.where(sums > LEAST, 1.0 / np.maximum(sums, LEAST), 0.0).astype(np.float32)
        x = start
        for _ in range(count):
            missing = self.forward(x)
            np.subtract(measured, missing, out=missing)
            missing *= paths
            x = np.maximum(x + share * self.back(missing), 0.0)
        return x


class BentSolver(SirtSolver):
    """The projector of a grain whose voxels diffract each along its own beam.

    `matrix` (n,2,7) as the bent projectors take it; `turn` float64 [x,y,z,3] are the voxels' rotation vectors
    (rad).
    """

    def __init__(
        self, matrix: Floats, turn: Floats, support: Mask, pixels: tuple[int, ...], blur: float = 0.0
    ) -> None:
        self.matrix, self.pixels, self.support, self.blur = matrix, pixels, support, blur
        self.place = np.argwhere(support).astype(np.float64)
        self.turn = turn[support]
        self.ones = np.ones((len(matrix), 1))
        self.paths = self.forward(support.astype(np.float32))

    def forward(self, volume: AnyArray) -> AnyArray:
        """Projections float32 (n,u,v) of a volume [x,y,z] that is zero outside the support."""
        out = np.zeros(self.pixels, dtype=np.float32)
        values = volume[self.support].astype(np.float64)[:, None]
        forward_bent(self.place, self.turn, self.matrix, values, self.ones, out)
        return blurred(out, self.blur)

    def back(self, images: AnyArray) -> AnyArray:
        """The transpose, within the support."""
        values = np.zeros((len(self.place), 1))
        back_bent(blurred(images, self.blur), self.place, self.turn, self.matrix, self.ones, values)
        out = np.zeros(self.support.shape, dtype=np.float32)
        out[self.support] = values[:, 0]
        return out


def blurred(images: AnyArray, blur: float) -> AnyArray:
    """Images float32 (n,u,v) with a normal point spread of that standard deviation (pixels); its own transpose."""
    if blur <= 0:
        return images
    taps = np.exp(-0.5 * (np.arange(int(REACH * blur + 0.5) + 1) / blur) ** 2)
    taps /= 2.0 * taps.sum() - taps[0]
    out = np.empty(images.shape, dtype=np.float32)
    spread_light(np.ascontiguousarray(images, dtype=np.float32), taps.astype(np.float32), out)
    return out


def spans_of(support: Mask) -> Indices:
    """First voxel and one past the last of each column of support [x,y,z]: (x,y,2)."""
    spans = np.zeros((*support.shape[:2], 2), dtype=np.int64)
    some = support.any(axis=2)
    spans[..., 0] = np.where(some, support.argmax(axis=2), 0)
    spans[..., 1] = np.where(some, support.shape[2] - support[..., ::-1].argmax(axis=2), 0)
    return spans


def visual_hull(solver: SirtSolver, lit: AnyArray, known: AnyArray, agree: float) -> Mask:
    """Voxels that `agree` of the projections that can tell see as lit: the visual hull, robust to a few.

    The visual hull is A. Laurentini's, IEEE Trans. Pattern Anal. Mach. Intell. 16, 150 (1994).
    """
    seen = solver.back(known)
    bright = solver.back(lit * known)
    return np.asarray(solver.support & (bright >= agree * seen) & (seen > LEAST))
