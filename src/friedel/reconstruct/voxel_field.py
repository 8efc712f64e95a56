"""A lattice rotation for each voxel of a grain, where a smooth field does not explain its spots.

The unknowns are the rotation vectors r of all voxels. What the spots see of them is linear, as in `lattice_field`;
neighbours are held together by a penalty that grows with the square of a small difference and hardly more with a
large one, so that a boundary between sub-grains stays sharp (S. Geman and D. McClure, Bull. Int. Stat. Inst. 52, 5
(1987)). It is solved by conjugate gradients, the weights of the penalty renewed a few times (iteratively reweighted
least squares), from the smooth field. Whether it is believed, spots decide that were left out of both.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from friedel.kernels.reconstruct.bent_projectors import back_bent, forward_bent
from friedel.model.arrays import AnyArray, Floats, Indices
from friedel.reconstruct.lattice_field import BLUR_PX, FIRST_VIEW, FOLDS, GAIN, BentVoxels, Fit, SpotViews

STRENGTH = 0.3
"""Of the penalty, over the squares of the field where the spots are not explained at all."""
SHARP = 0.3
"""Steps larger than this part of the smooth field's are boundaries."""
GLANCE, LOOK, FIT = (1, 3), (2, 6), (4, 12)
"""Renewals of the penalty's weights, and steps of conjugate gradients between: to see whether it is worth a look,
where left-out spots decide, and for the field itself, whose boundaries sharpen from renewal to renewal."""
FIRST_FOLDS = 2
"""Of the folds, a glance at so many tells whether to go on."""
WORTH = 0.04
"""Where the smooth field leaves less of the spots than this unexplained, nothing else is tried."""


class VoxelFit(NamedTuple):
    """Rotation vectors `turn` (n,3) of the voxels, less their mean, and what they foretell of left-out spots."""

    turn: Floats
    explained: float


def fit_voxels(voxels: BentVoxels, views: SpotViews, smooth: Fit) -> VoxelFit | None:
    """A rotation for each voxel, from a smooth field; None where spots left out are not foretold better by it."""
    if not smooth.without or smooth.explained > 1.0 - WORTH:
        return None
    tomograph = _Tomograph(voxels._replace(turn=smooth.field.at(voxels.place)), views)
    links = _links(voxels.place)

    def left_out(effort: tuple[int, int], folds: int) -> Floats:
        """Sums of squares of spots left out: what voxels leave, what the smooth field leaves, and the whole."""
        sums = np.zeros(3)
        for part in range(folds):
            mine, start = views.fold == part, smooth.without[part].at(voxels.place)
            turn = _solved(tomograph, links, np.where(mine, 0.0, 1.0), start, effort)
            sums += [one[mine].sum() for one in (tomograph.left(turn), tomograph.left(start), tomograph.total)]
        return sums

    own, even, _ = left_out(GLANCE, FIRST_FOLDS)
    if own >= even:
        return None
    own, even, total = left_out(LOOK, FOLDS)
    if even - own < GAIN * total:
        return None
    turn = _solved(tomograph, links, np.ones(len(views.fold)), smooth.field.at(voxels.place), FIT)
    return VoxelFit(turn - np.average(turn, axis=0, weights=voxels.density), float(1.0 - own / total))


class _Tomograph:
    """The linear map from rotations (n,3) to omega images (p,u,v), each less its mean, and its transpose."""

    def __init__(self, voxels: BentVoxels, views: SpotViews) -> None:
        self._voxels, self._views = voxels, views
        depth = np.zeros(views.omega.shape, dtype=np.float32)
        ones = np.ones((len(views.matrix), 1))
        forward_bent(voxels.place, voxels.turn, views.matrix, voxels.density[:, None], ones, depth)
        depth = _blurred(depth)
        self._share = np.divide(1.0, depth, out=np.zeros_like(depth), where=depth > FIRST_VIEW)
        self.weight = (views.weight * (depth > FIRST_VIEW)).astype(np.float64)
        self._sums = np.maximum(self.weight.sum(axis=(1, 2)), 1e-30)
        self.omega = self._centred(views.omega)
        self.total: Floats = (self.weight * self.omega**2).sum(axis=(1, 2))

    def _centred(self, images: AnyArray) -> Floats:
        mean = (self.weight * images).sum(axis=(1, 2)) / self._sums
        return np.asarray(images - mean[:, None, None])

    def see(self, turn: Floats) -> Floats:
        """Omega images of rotations."""
        out = np.zeros(self._share.shape, dtype=np.float32)
        values = self._voxels.density[:, None] * turn
        forward_bent(self._voxels.place, self._voxels.turn, self._views.matrix, values, self._views.rates, out)
        return self._centred(_blurred(out) * self._share)

    def back(self, images: Floats, spots: Floats) -> Floats:
        """The transpose of `see`, (n,3), of images weighted by pixel and by spot (p)."""
        light = self._centred(images) * self.weight * spots[:, None, None] * self._share
        out = np.zeros((len(self._voxels.place), 3))
        seen = _blurred(light.astype(np.float32))
        back_bent(seen, self._voxels.place, self._voxels.turn, self._views.matrix, self._views.rates, out)
        return out * self._voxels.density[:, None]

    def left(self, turn: Floats) -> Floats:
        """Weighted sum of squares of each spot that rotations leave."""
        return np.asarray((self.weight * (self.omega - self.see(turn)) ** 2).sum(axis=(1, 2)))


def _blurred(images: AnyArray) -> AnyArray:
    # zeros outside: the blur is its own transpose
    return np.asarray(ndimage.gaussian_filter(images, (0, BLUR_PX, BLUR_PX), mode="constant"))


class _Links(NamedTuple):
    """Neighbouring voxels: rows (m) `first` and `second`, of `voxels` voxels."""

    first: Indices
    second: Indices
    voxels: int

    def apart(self, turn: Floats) -> Floats:
        """Differences (m,3) of rotations (n,3)."""
        return np.asarray(turn[self.first] - turn[self.second])

    def pull(self, force: Floats) -> Floats:
        """The transpose of `apart`."""
        ends = ((self.first, 1.0), (self.second, -1.0))
        columns = [sum(sign * np.bincount(end, force[:, i], self.voxels) for end, sign in ends) for i in range(3)]
        return np.stack(columns, axis=1)


def _links(place: Floats) -> _Links:
    """Voxels that share a face, of places (n,3)."""
    at = np.rint(place - place.min(axis=0)).astype(np.int64)
    number = np.full(at.max(axis=0) + 2, -1, dtype=np.int64)
    number[tuple(at.T)] = np.arange(len(at))
    first, second = [], []
    for step in np.eye(3, dtype=np.int64):
        other = number[tuple((at + step).T)]
        first.append(np.flatnonzero(other >= 0))
        second.append(other[other >= 0])
    return _Links(np.concatenate(first), np.concatenate(second), len(at))


def _solved(tomograph: _Tomograph, links: _Links, spots: Floats, start: Floats, effort: tuple[int, int]) -> Floats:
    """Rotations (n,3) that explain spots of some weights (p), from a first guess."""
    total = max(float(spots @ tomograph.total), 1e-30)
    wanted = tomograph.back(tomograph.omega, spots) / total
    small = SHARP**2 * max(float((links.apart(start) ** 2).sum(axis=1).mean()), 1e-30)
    unit = STRENGTH / max(float((start**2).sum(axis=1).mean()), 1e-30) * len(links.first) / len(start) ** 2
    turn = start
    renewals, steps = effort
    for _ in range(renewals):
        hold = unit / (1.0 + (links.apart(turn) ** 2).sum(axis=1) / small)

        def normal(x: Floats, hold: Floats = hold) -> Floats:
            return tomograph.back(tomograph.see(x), spots) / total + links.pull(hold[:, None] * links.apart(x))

        turn = _conjugate_gradients(normal, wanted, turn, steps)
    return turn


def _conjugate_gradients(normal: Callable[[Floats], Floats], wanted: Floats, x: Floats, steps: int) -> Floats:
    """`steps` towards normal(x) = wanted.

    M. R. Hestenes and E. Stiefel, J. Res. Natl. Bur. Stand. 49, 409 (1952).
    """
    left = wanted - normal(x)
    way = left
    square = float((left * left).sum())
    for _ in range(steps):
        if square <= 0.0:
            break
        change = normal(way)
        step = square / float((way * change).sum())
        x, left = x + step * way, left - step * change
        before, square = square, float((left * left).sum())
        way = left + (square / before) * way
    return x
