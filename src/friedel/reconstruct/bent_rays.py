"""How the spots of a bent grain differ from those of a perfect one: each voxel's own omega and beam.

A lattice that is turned by a small rotation vector r (radians, sample frame) diffracts at another omega and into
another direction; both are linear in r for a degree and more. So each frame of a spot shows a part of the grain:
the part whose r gives it this omega.
"""

from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from friedel.kernels import bragg
from friedel.kernels.reconstruct import spot_projections
from friedel.model.arrays import AnyArray, Floats, Indices
from friedel.model.blobs import BlobTable
from friedel.model.setup import Setup
from friedel.reconstruct.projections import Projections, to_detector
from friedel.reconstruct.rays import DiffractionModel, Rays, wrapped

STEP_RAD = np.radians(0.05)
"""Of the rotations whose difference quotient is the rate."""


class TurnRates(NamedTuple):
    """What one radian of lattice rotation about x, y, z of the sample does to a spot: `omega` (n,3) radians,
    `place` (n,2,3) on the ideal plane in um (along y', z'), nan where the spot would end."""

    omega: Floats
    place: Floats

    @property
    def known(self) -> AnyArray:
        """Spots (n) that stay spots."""
        return np.asarray(np.isfinite(self.omega).all(axis=1) & np.isfinite(self.place).all(axis=(1, 2)))


def turn_rates(diffraction: DiffractionModel, rays: Rays, UB: Floats, centre_um: Floats) -> TurnRates:
    """The rates of a grain's spots, from its UB (3,3) and the place of its centre."""
    g = rays.hkl @ UB.T
    omega, place = np.empty((len(g), 3)), np.empty((len(g), 2, 3))
    for axis in range(3):
        ends = []
        for sign in (1.0, -1.0):
            turn = Rotation.from_rotvec(sign * STEP_RAD * np.eye(3)[axis])
            ends.append(_nearest(diffraction, turn.apply(g), rays.omega, centre_um))
        change = (ends[0] - ends[1]) / (2 * STEP_RAD)
        omega[:, axis] = wrapped((ends[0] - ends[1])[:, 0]) / (2 * STEP_RAD)
        place[:, :, axis] = change[:, 1:]
    back = np.linalg.inv(to_detector(rays, diffraction.plane))
    return TurnRates(omega, np.einsum("nij,njk->nik", back, place))


def _nearest(diffraction: DiffractionModel, g: Floats, omega: Floats, centre_um: Floats) -> Floats:
    """Omega, row, col (n,3) of the spot of each g (n,3) that is nearest to an omega (n); nan where there is
    none."""
    found = bragg.predict(g, centre_um, diffraction.setup.beam.wavelength, diffraction.plane)
    away = np.abs(wrapped(found.omega - omega[found.reflection]))
    order = np.lexsort((away, found.reflection))
    reflection, first = np.unique(found.reflection[order], return_index=True)
    best = order[first]
    out = np.full((len(g), 3), np.nan)
    out[reflection] = np.column_stack([found.omega, found.row, found.col])[best]
    return out


class OmegaImages:
    """What a grain's spots say about omega: for each ideal pixel the mean omega of its light.

    Mean omegas are `wrapped` differences from the spot's own predicted omega, in radians.
    """

    def __init__(self, rays: Rays, blobs: BlobTable, setup: Setup, spots: Projections) -> None:
        self._light, self._windows = spots.light, spots.windows
        self._image, self._turn = spots.image, blobs.shape[0] if blobs.wrapped else 0
        frames = np.arange(max(int(spots.light.frames.max(initial=1)), 1))
        frame = spots.light.first[:, None] + frames + 0.5
        recorded = np.asarray(blobs.omega_start_deg + frame * blobs.omega_step_deg, dtype=np.float64)
        if setup.axis.lean_deg:  # spots of an axis that leans are told as if it did not
            middle = blobs.omega_start_deg + (blobs["frame"] + 0.5) * blobs.omega_step_deg
            recorded += (blobs["omega"] - middle)[rays.blob][:, None]
        self._omega = wrapped(setup.lab_omega_rad(recorded) - rays.omega[:, None])

    @property
    def frames(self) -> Indices:
        """In how many frames each spot (n) is."""
        return self._light.frames

    def read(self, rng: np.random.Generator | None = None) -> AnyArray:
        """Mean omega float32 (n,u,v), 0 where there is no light; with `rng` each spot's frames are shuffled
        first."""
        omega, light = self._omega, self._light
        if rng is not None:
            omega = omega.copy()
            for n, count in enumerate(light.frames.tolist()):
                omega[n, :count] = omega[n, rng.permutation(count)]
        images = np.zeros(self._windows.shape, dtype=np.float32)
        spot_projections.sum_with_omega(
            light.rows, self._windows.corner, light.pointer, light.voxels, light.intensity, light.first,
            self._turn, omega, images,
        )  # fmt: skip
        moment, _ = self._windows.read(images)
        return np.divide(moment, self._image, out=np.zeros_like(moment), where=self._image > 0)
