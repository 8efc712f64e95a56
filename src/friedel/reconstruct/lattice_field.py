"""How the lattice is turned from place to place in a grain: a smooth field of rotation vectors, from its spots.

A frame of a spot shows the part of the grain whose lattice fulfils Bragg's law there. So each pixel of a spot has a
mean omega, and this is the mean, along its ray, of `rate · r` over the voxels, weighted with their density: the
projection of the field r along one of its components. Sixty spots project three components from sixty sides. The
field is a polynomial in the place, of the order that foretells best the spots that were left out of its fit; voxels
fall where their own beams take them, so the fit is repeated with the field that it found (Gauss-Newton).

What tells a field from chance is the same fit on the same spots with the frames of each shuffled. Only differences
within spots count: the grain's own orientation, and what shifts a spot as a whole, have no part in it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from friedel.kernels.reconstruct.bent_projectors import forward_parts
from friedel.model.arrays import AnyArray, Floats, Indices

ORDERS = (1, 2, 3)
FOLDS = 5
GAIN = 0.03
"""A higher order must explain so much more of the spots that were left out: with 0.01 noise of an independent
simulation was fitted, and voxels were a tenth worse than with the plain gradient."""
ROUNDS = 3
NOTHING = 0.1
"""A fit that foretells less is not repeated with its field."""
EXPLAINED = 0.25
"""A field must foretell so much of what the omegas inside left-out spots vary; less is biased by the frames'
length, and nobody asks what chance foretells."""
FIRST_VIEW = 0.3
"""Pixels whose ray meets less of the grain than this (voxels) are not asked."""
RIDGE = 1e-6
BLUR_PX = 0.7
"""Of the projected field: what scintillator and thresholds make of a sharp image."""


class BentVoxels(NamedTuple):
    """Voxels of a grain: `place` (n,3) in the box, `density` (n), and `turn` (n,3), their rotation vectors
    (rad)."""

    place: Floats
    density: Floats
    turn: Floats


class SpotViews(NamedTuple):
    """What the spots see: `matrix` (p,2,7) and the `rates` of omega (p,3) as the bent projectors take them;
    measured `omega` (p,u,v), the mean omega of each pixel, with `weight` (p,u,v); `fold` (p) 0 to `FOLDS` - 1 says
    which are left out together: spots that see the same."""

    matrix: Floats
    rates: Floats
    omega: AnyArray
    weight: AnyArray
    fold: Indices

    def take(self, which: Indices) -> "SpotViews":
        """Some of the spots."""
        matrix, rates, omega, weight, fold = self
        return SpotViews(matrix[which], rates[which], omega[which], weight[which], fold[which])


@dataclass(frozen=True, slots=True, eq=False)
class Polynomial:
    """A field of rotation vectors (rad): `coefficients` (terms,3) of monomials in the place relative to `centre`,
    over `scale`, less the mean."""

    order: int
    centre: Floats
    scale: float
    coefficients: Floats
    mean: Floats

    def at(self, place: Floats) -> Floats:
        """Rotation vectors (n,3) at places (n,3)."""
        return monomials((place - self.centre) / self.scale, self.order) @ self.coefficients - self.mean


def monomials(x: Floats, order: int) -> Floats:
    """All products of 1 to `order` of the three coordinates of x (n,3), lower orders first."""
    terms = [combinations_with_replacement(range(3), degree) for degree in range(1, order + 1)]
    return np.stack([np.prod(x[:, list(term)], axis=1) for degree in terms for term in degree], axis=1)


class _Normal(NamedTuple):
    """Normal equations of each spot: `matrix` (p,m,m), `right` (p,m), `total` (p) sum of weighted squares."""

    matrix: Floats
    right: Floats
    total: Floats


class Fit(NamedTuple):
    """A field, the part of the left-out spots' variance that it foretells, and the largest part by chance (nan
    where the first is below `EXPLAINED`); and the fields `without` the spots of each fold."""

    field: Polynomial
    explained: float
    null: float
    without: tuple[Polynomial, ...] = ()


def fit_field(
    voxels: BentVoxels,
    views: SpotViews,
    shuffled: Callable[[], Sequence[AnyArray]] = list,
    start: Polynomial | None = None,
) -> Fit:
    """The field of a grain's voxels, and of `shuffled` omega images (each p,u,v) how much it explains by chance.

    `start` is a field that is nearly right. The order rises as long as spots that were left out are foretold
    better.
    """
    fitter = _Fitter(voxels, views)
    if start is not None:
        fitter.voxels = voxels._replace(turn=start.at(voxels.place))
    order = ORDERS[0] if start is None else start.order
    for _ in range(ROUNDS if start is None else 1):
        field, explained = fitter.round(order)
        if explained < NOTHING:
            break
    for higher in ORDERS[order:]:
        richer, foretold = fitter.round(higher)
        if foretold < explained + GAIN:
            break
        field, explained = richer, foretold
    if explained < EXPLAINED:
        return Fit(field, explained, np.nan)
    look = fitter.look(field.order)
    chance = [fitter.foretold(look, omega) for omega in shuffled()]
    return Fit(field, explained, max([0.0, *chance]), fitter.without_folds(look, field.order))


class _Fitter:
    """Rounds of the fit: the voxels fall where the last field takes them, spots that fit badly lose weight."""

    def __init__(self, voxels: BentVoxels, views: SpotViews) -> None:
        self.voxels, self.views = voxels, views
        self.centre = np.average(voxels.place, axis=0, weights=voxels.density)
        self.scale = float(np.sqrt(((voxels.place - self.centre) ** 2).sum(axis=1).mean()))
        self.spots = np.ones(len(views.omega))

    def round(self, order: int) -> tuple[Polynomial, float]:
        """A field of an order, and what it foretells of spots that were left out."""
        normal = self.look(order).equations(self.views.omega)
        explained = _foretold(normal, self.spots, self.views.fold)
        solution = _solve(normal, self.spots)
        field = self._field(solution, order)
        if explained >= NOTHING:
            self.spots = _trust(_left(normal, solution))
            self.voxels = self.voxels._replace(turn=field.at(self.voxels.place))
        return field, explained

    def look(self, order: int) -> "_Look":
        """What the spots see of a field of an order."""
        basis = monomials((self.voxels.place - self.centre) / self.scale, order)
        return _Look.of(_project(self.voxels, self.views, basis), self.views)

    def foretold(self, look: "_Look", omega: AnyArray) -> float:
        """The part of left-out omega images (p,u,v) that those of the others foretell."""
        return _foretold(look.equations(omega), self.spots, self.views.fold)

    def without_folds(self, look: "_Look", order: int) -> tuple[Polynomial, ...]:
        """The field of an order from all spots but those of each fold."""
        normal, fold = look.equations(self.views.omega), self.views.fold
        return tuple(
            self._field(_solve(normal, np.where(fold == part, 0.0, self.spots)), order) for part in range(FOLDS)
        )

    def _field(self, solution: Floats, order: int) -> Polynomial:
        raw = Polynomial(order, self.centre, self.scale, solution.reshape(3, -1).T, np.zeros(3))
        mean = np.average(raw.at(self.voxels.place), axis=0, weights=self.voxels.density)
        return Polynomial(order, self.centre, self.scale, raw.coefficients, mean)


def _project(voxels: BentVoxels, views: SpotViews, basis: Floats) -> AnyArray:
    """Means of the basis (n,m) along the rays: float32 (p,u,v,m), less their mean in each spot; 0 outside."""
    held = voxels.density[:, None] * np.column_stack([np.ones(len(basis)), basis])
    images = np.zeros((*views.omega.shape, held.shape[1]), dtype=np.float32)
    forward_parts(voxels.place, voxels.turn, views.matrix, held, images)
    images = ndimage.gaussian_filter(images, (0, BLUR_PX, BLUR_PX, 0))
    depth = images[..., :1]
    return np.divide(images[..., 1:], depth, out=np.zeros_like(images[..., 1:]), where=depth > FIRST_VIEW)


class _Look(NamedTuple):
    """What spots see of a basis, pixels (i) of a spot in a row: `weight` (p,i), `basis` (p,i,m) with the weights in
    it and less its mean in each spot, and the left side of the equations of each spot (p,3m,3m), its `rates`
    (p,3)."""

    weight: Floats
    basis: Floats
    matrix: Floats
    rates: Floats

    @classmethod
    def of(cls, seen: AnyArray, views: SpotViews) -> "_Look":
        """From what they see, (p,u,v,m)."""
        spots, terms = len(seen), seen.shape[-1]
        weight = (views.weight * (seen != 0).any(axis=-1)).reshape(spots, -1).astype(np.float64)
        basis = seen.reshape(spots, -1, terms).astype(np.float64)
        sums = np.maximum(weight.sum(axis=1), 1e-30)
        basis -= (weight[:, None, :] @ basis) / sums[:, None, None]
        weighted = basis * weight[..., None]
        gram = weighted.transpose(0, 2, 1) @ basis
        outer = np.einsum("pi,pj->pij", views.rates, views.rates)
        matrix = np.einsum("pij,pab->piajb", outer, gram).reshape(spots, 3 * terms, 3 * terms)
        return cls(weight, weighted, matrix, views.rates)

    def equations(self, omega: AnyArray) -> _Normal:
        """Each spot's equations for omega images (p,u,v): a column for each component of the field and each
        monomial, components first."""
        m = omega.reshape(self.weight.shape).astype(np.float64)
        sums = np.maximum(self.weight.sum(axis=1), 1e-30)
        m -= (np.einsum("pi,pi->p", self.weight, m) / sums)[:, None]
        right = (m[:, None, :] @ self.basis)[:, 0]
        right = np.einsum("pi,pa->pia", self.rates, right).reshape(len(m), -1)
        return _Normal(self.matrix, right, np.einsum("pi,pi->p", self.weight, m**2))


def _solve(normal: _Normal, spots: Floats) -> Floats:
    matrix = np.einsum("p,pab->ab", spots, normal.matrix)
    right = spots @ normal.right
    ridge = RIDGE * max(float(np.trace(matrix)) / len(matrix), 1e-30)
    return np.asarray(np.linalg.solve(matrix + ridge * np.eye(len(matrix)), right))


def _left(normal: _Normal, solution: Floats) -> Floats:
    """Weighted sum of squares of each spot that a solution leaves."""
    left = normal.total - 2 * normal.right @ solution
    return np.asarray(left + np.einsum("a,pab,b->p", solution, normal.matrix, solution))


def _foretold(normal: _Normal, spots: Floats, fold: Indices) -> float:
    """The part of the left-out spots' sum of squares that fits of the others foretell."""
    left = np.zeros(len(spots))
    for part in range(FOLDS):
        out = fold == part
        solution = _solve(normal, np.where(out, 0.0, spots))
        left[out] = _left(normal, solution)[out]
    total = float(spots @ normal.total)
    return 1.0 - float(spots @ left) / total if total > 0 else 0.0


def _trust(left: Floats) -> Floats:
    """Weights of the spots, by what the field leaves of them."""
    typical = float(np.median(left[left > 0])) if (left > 0).any() else 1.0
    return np.asarray(1.0 / (1.0 + (np.maximum(left, 0.0) / (4 * typical)) ** 2))
