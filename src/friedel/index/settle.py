"""All grains together: who gets which blob, fitted again with what is theirs, errors from what is left over."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from friedel.index.candidate import Candidate
from friedel.index.families import families
from friedel.index.params import IndexParams
from friedel.index.scatter import FLOOR_PX, FLOOR_STEPS, NORMAL, Tolerances
from friedel.index.scene import Scene
from friedel.index.sharing import melt, share
from friedel.kernels import bragg
from friedel.kernels.index.assignment import assign, lost_claims, nobody
from friedel.kernels.index.blob_lookup import COUNTED, candidates, predict_spots
from friedel.kernels.index.fit_grain import gauss_newton, residual_of
from friedel.model.arrays import AnyArray, Floats, Indices

CHOICES = 4
"""Blobs that a spot may want."""
LEAST_SPOTS = 4
LEAST_LOG_SPREAD = 0.05
LEAST = 0.002
"""Steps and pixels: no fit relies on blobs being better than this."""


@dataclass(frozen=True, slots=True, eq=False)
class Settled:
    """Grains and what is theirs, one entry per spot that has a blob, grain by grain.

    `grain`, `reflection`, `blob` (m), `shared`, `counted`, `melted` (m) bool: serves another grain too, expected,
    lies in the blob but off its centre (never fitted); `solution` (m) 0 or 1 of the reflection's two spots;
    `place` (m,3) where the spot was seen: rad, px, px; `residual` (m,3) predicted minus that. Per grain: `crystal`
    (n), `U`, `position`, `expected` (n) spots to be counted on, `volume` (n) relative, `family` (n) the same for
    pieces of one.
    """

    crystal: Indices
    family: Indices
    U: Floats
    position: Floats
    expected: Indices
    volume: Floats
    grain: Indices
    reflection: Indices
    solution: Indices
    blob: Indices
    shared: AnyArray
    counted: AnyArray
    melted: AnyArray
    place: Floats
    residual: Floats

    def __len__(self) -> int:
        return len(self.crystal)

    def per_grain(self, mask: AnyArray) -> Indices:
        """Entries of each grain that `mask` (m) has."""
        return np.bincount(self.grain[mask], minlength=len(self)).astype(np.int64)

    @property
    def found(self) -> Indices:
        """Expected spots that have a blob, per grain."""
        return self.per_grain(self.counted)


def settle_all(
    scene: Scene, grains: Sequence[Candidate], tolerances: Tolerances, params: IndexParams, rounds: int = 3
) -> tuple[Settled, Scene]:
    """Blobs given to grains by residual, then by intensity; grains fitted; errors measured. Repeated.

    A spot that loses its blob to a spot of another grain shares it when both come from parallel lattice planes
    (twins); otherwise it goes without.
    """
    settled = _start(scene, grains)
    for _ in range(rounds):
        settled = _give(scene, settled, tolerances, params)
        settled = _fitted(scene, settled)
        scene = scene.with_error(*_errors(scene, settled))
    return _give(scene, settled, tolerances, params), scene


def _start(scene: Scene, grains: Sequence[Candidate]) -> Settled:
    n = len(grains)
    none = np.zeros(0, dtype=np.int64)
    family, U = families(scene, grains)
    return Settled(
        np.array([g.crystal for g in grains], dtype=np.int64),
        family,
        U,
        np.array([g.position for g in grains]).reshape(n, 3),
        np.zeros(n, dtype=np.int64),
        np.full(n, np.nan),
        *(none,) * 4,
        *(none.astype(bool),) * 3,
        *(np.zeros((0, 3)),) * 2,
    )


def _give(scene: Scene, settled: Settled, tolerances: Tolerances, params: IndexParams) -> Settled:
    """Predict every spot and give out the blobs."""
    n = len(settled)
    sizes = np.array([2 * len(scene.crystals[c].hkl) for c in settled.crystal], dtype=np.int64)
    first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    total = int(first[-1])
    spots, state, g = np.zeros((total, 4)), np.zeros(total, dtype=np.int64), np.zeros((total, 3))
    blobs, squares = np.full((total, CHOICES), -1, dtype=np.int64), np.zeros((total, CHOICES))
    strength = np.full(total, np.nan)
    for i in range(n):
        crystal, part = scene.crystals[settled.crystal[i]], slice(first[i], first[i + 1])
        vectors = crystal.hkl @ (settled.U[i] @ crystal.B).T
        predict_spots(
            vectors,
            settled.position[i],
            scene.wavelength,
            scene.plane,
            tuple(scene.window),
            spots[part],
            state[part],
        )
        candidates(
            spots[part], state[part], tuple(scene.grid), scene.error, params.tolerance, blobs[part], squares[part]
        )
        g[part] = np.repeat(vectors, 2, axis=0)
        f2 = np.repeat(crystal.reflections.f_squared, 2) / crystal.phase.cell_volume**2
        two_theta = np.repeat(crystal.two_theta, 2)
        strength[part] = f2 * _factor(two_theta, np.maximum(spots[part][:, 3], 0.02))
    grain_of = np.repeat(np.arange(n), sizes)
    spot, choice = np.nonzero(blobs >= 0)
    blob, square = blobs[spot, choice], squares[spot, choice]
    counts = np.maximum(scene.blobs["sum_intensity"][blob], 1e-12)
    log_volume = np.log(counts / strength[spot])
    cost = square + _intensity_cost(scene, blob, log_volume, settled.volume[grain_of[spot]])
    order = np.argsort(cost, kind="stable")
    of_spot, of_blob, wish = nobody(total), nobody(len(scene.blobs)), nobody(total)
    assign(order, spot, blob, of_spot, of_blob)
    lost_claims(order, spot, blob, of_spot, wish)
    family_of, direction = settled.family[grain_of], tolerances.direction_rad
    shared = share(of_spot, of_blob, wish, g, family_of, direction)
    melted = melt(scene, spots, state, g, family_of, of_spot, of_blob, shared, direction)
    has = np.flatnonzero(of_spot >= 0)
    places = scene.grid.place[of_spot[has]]
    off = spots[has, :3] - places
    off[:, 0] = (np.mod(off[:, 0] + np.pi, 2 * np.pi) - np.pi) * spots[has, 3]
    counted = state == COUNTED
    own = np.log(np.maximum(scene.blobs["sum_intensity"][of_spot[has]], 1e-12) / strength[has])
    whole = (scene.grid.slack[of_spot[has]].max(axis=1) == 0) & ~shared[has]
    return replace(
        settled,
        expected=np.bincount(grain_of[counted], minlength=n).astype(np.int64),
        volume=_medians(own[whole], grain_of[has][whole], n),
        grain=grain_of[has],
        reflection=(has - first[grain_of[has]]) // 2,
        solution=(has - first[grain_of[has]]) % 2,
        blob=of_spot[has],
        shared=shared[has],
        counted=counted[has],
        melted=melted[has],
        place=places,
        residual=off,
    )


def _factor(two_theta: Floats, sine: Floats) -> Floats:
    """Lorentz and polarisation factor, from |sin eta|."""
    eta = np.arcsin(np.minimum(sine, 1.0))
    return np.asarray(bragg.lorentz(two_theta, eta) * bragg.polarisation(two_theta, eta))


def _intensity_cost(scene: Scene, blob: Indices, log_volume: Floats, known: Floats) -> Floats:
    """Squared misfit of a blob's counts to its grain's volume (log), at most 9; 0 where the volume is not known."""
    off = log_volume - known
    use = np.isfinite(off)
    if use.sum() < 10:
        return np.zeros(len(blob))
    spread = max(float(np.median(np.abs(off[use]))) * NORMAL, LEAST_LOG_SPREAD)
    return np.where(use, np.minimum((off / spread) ** 2, 9.0), 0.0)


def _medians(values: Floats, grain: Indices, n: int) -> Floats:
    """Median of each grain's values, NaN without any."""
    order = np.lexsort((values, grain))
    pointer = np.searchsorted(grain[order], np.arange(n + 1))
    out = np.full(n, np.nan)
    for i in range(n):
        if pointer[i + 1] > pointer[i]:
            out[i] = np.median(values[order[pointer[i] : pointer[i + 1]]])
    return out


def entry_arrays(scene: Scene, settled: Settled, i: int) -> tuple[Floats, Floats, Floats]:
    """hkl (m,3), what was seen (m,3) and its errors (m,3) of the spots that grain i is fitted to."""
    mine = (settled.grain == i) & ~settled.melted
    blob = settled.blob[mine]
    hkl = scene.crystals[settled.crystal[i]].hkl[settled.reflection[mine]]
    return hkl, settled.place[mine], np.sqrt(scene.spread**2 + scene.grid.slack[blob] ** 2)


def _fitted(scene: Scene, settled: Settled) -> Settled:
    U, position = settled.U.copy(), settled.position.copy()
    for i in range(len(settled)):
        hkl, seen, errors = entry_arrays(scene, settled, i)
        if len(hkl) >= LEAST_SPOTS:
            U[i], position[i], _ = gauss_newton(
                U[i],
                scene.crystals[settled.crystal[i]].B,
                position[i],
                hkl,
                seen,
                errors,
                scene.wavelength,
                scene.plane,
                4,
            )
    residual, out, hit = settled.residual.copy(), np.zeros(3), np.zeros(2)
    for entry, i in enumerate(settled.grain):
        crystal = scene.crystals[settled.crystal[i]]
        place = settled.place[entry]
        h = crystal.hkl[settled.reflection[entry]]
        if residual_of(U[i] @ crystal.B, position[i], h, place, scene.wavelength, scene.plane, hit, out):
            residual[entry] = out
    return replace(settled, U=U, position=position, residual=residual)


def _errors(scene: Scene, settled: Settled) -> tuple[Floats, Floats]:
    """Robust standard deviation of the residuals of whole blobs, each axis; as before where there are few.

    As blobs are looked for, which is not taken too small, and as they are weighted in a fit.
    """
    whole = (scene.grid.slack[settled.blob].max(axis=1, initial=0.0) == 0) & ~settled.melted
    if whole.sum() < 5 * LEAST_SPOTS:
        return scene.error, scene.spread
    spread = NORMAL * np.median(np.abs(settled.residual[whole]), axis=0)
    unit = np.array([np.radians(abs(scene.blobs.omega_step_deg)), 1.0, 1.0])
    floor = np.array([FLOOR_STEPS, FLOOR_PX, FLOOR_PX])
    return np.maximum(spread, floor * unit), np.maximum(spread, LEAST * unit)
