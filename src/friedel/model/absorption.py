"""Absorption: how much of a grain's light is left behind the sample, on its way in and on its way out.

Light of a voxel has come through the sample along the beam, and leaves it along the diffracted beam: exp(-mu (in +
out)) of it is left (Lambert and Beer). The centre of a spot is that of its grain weighted with this: where mu times
the length changes by little across a grain, it moves by the gradient of its logarithm times the grain's second
moments.
"""

from dataclasses import dataclass, field

import numpy as np

from friedel.kernels.absorption import BOX, CYLINDER, NO_VOXELS, VOXELS, Body, ways_ahead
from friedel.model.arrays import Floats, Mask
from friedel.model.leaning_axis import about_z
from friedel.model.setup import SampleShape
from friedel.model.shapes import SampleMask

BEAM = np.array([1.0, 0.0, 0.0])
OPPOSITE = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Absorption:
    """A sample's linear attenuation coefficient `per_um` (1/um), and the `body` that light passes through;
    `source` says how the coefficient is known."""

    per_um: float
    body: Body = field(repr=False)
    source: str = "recipe"

    def log_transmission(self, place_um: Floats, omega: Floats, k: Floats) -> Floats:
        """Natural logarithm (n) of what is left of light from `place_um` (n,3), sample frame, that is diffracted
        at `omega` (n) rad along unit `k` (n,3) of the lab."""
        beam = np.broadcast_to(BEAM, k.shape)
        ways = np.zeros(len(k)), np.zeros(len(k))
        place = np.ascontiguousarray(np.broadcast_to(place_um, k.shape), dtype=np.float64)
        for direction, way in zip((-beam, k), ways, strict=True):
            ways_ahead(place, np.ascontiguousarray(about_z(direction, -omega)), self.body, way)
        return np.asarray(-self.per_um * (ways[0] + ways[1]))

    def slopes(self, centre_um: Floats, reach_um: float, omega: Floats, k: Floats) -> Floats:
        """How that logarithm changes (n,3) along x, y, z of the sample, per um, about a centre (3): between points
        `reach_um` off it, or the centre where one of them is out of the sample."""
        places = centre_um + reach_um * OPPOSITE
        places = np.where(within(self.body, places)[:, None], places, centre_um)
        apart = np.abs(places - centre_um).sum(axis=1).reshape(3, 2).sum(axis=1)
        every = self.log_transmission(np.repeat(places, len(k), axis=0), np.tile(omega, 6), np.tile(k, (6, 1)))
        change = (every.reshape(6, len(k))[::2] - every.reshape(6, len(k))[1::2]).T
        return np.asarray(change / np.maximum(apart, 1e-9))


def within(body: Body, place_um: Floats) -> Mask:
    """Whether places (n,3) are in a body."""
    if body.kind == VOXELS:
        at = np.floor((place_um - body.corner) / body.voxel_um).astype(np.int64)[:, ::-1]
        there = ((at >= 0) & (at < body.inside.shape)).all(axis=1)
        return np.asarray(there & body.inside[tuple(np.where(there[:, None], at, 0).T)])
    inside = (np.abs(place_um) < body.half).all(axis=1)
    if body.kind == CYLINDER:
        inside &= np.hypot(place_um[:, 0], place_um[:, 1]) < body.half[0]
    return np.asarray(inside)


def body_of(sample: SampleShape | SampleMask) -> Body | None:
    """What light passes through; None of a sample of unknown shape."""
    if isinstance(sample, SampleMask):
        inside = np.ascontiguousarray(sample.inside)
        return Body(
            VOXELS, np.zeros(3), inside, np.array(sample.origin_um, dtype=np.float64), float(sample.voxel_um)
        )
    if sample.kind not in ("cylinder", "box"):
        return None
    kind = CYLINDER if sample.kind == "cylinder" else BOX
    return Body(kind, 0.5 * np.array(sample.size_um, dtype=np.float64), NO_VOXELS, np.zeros(3), 1.0)
