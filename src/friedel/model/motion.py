"""How the sample moved during a scan: a few numbers that give where it stood at every frame, in the lab frame."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from friedel.errors import SetupError
from friedel.model.arrays import Floats

DIRECTIONS = ("x", "y", "z", "stage x", "stage y")
"""Of a shift: along x, y, z of the lab, or along x and y of the sample's own frame, which turns with the stage."""
SHAPES = ("drift", "curve", "jump")
"""A shift grows evenly up to its value in the last frame; is largest in the middle of the scan and zero at its
ends; comes at once."""
WOBBLES = ("wobble z cos", "wobble z sin", "wobble xy cos", "wobble xy sin")
"""Once a turn: up and down, and in a circle against the rotation. A circle with the rotation is a place."""
OFFSETS = ("offset x", "offset y")
"""Where the axis stood in the first frame, besides the place that the detector gives it."""
TERMS = (*(f"{shape} {direction}" for shape in SHAPES for direction in DIRECTIONS), *WOBBLES, *OFFSETS)
JUMPS = slice(2 * len(DIRECTIONS), 3 * len(DIRECTIONS))


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """Displacement of the sample during a scan of `frames` frames, against the place that the set-up gives it.

    `values` in um, one for each of `TERMS`; `jump_frame` is the first frame after the jump (0: there is
    none). Drift, curve and jump are zero in the first frame: grains are where they were then.
    """

    values: Floats
    frames: int
    jump_frame: float = 0.0

    def __post_init__(self) -> None:
        values = np.asarray(self.values, dtype=np.float64)
        if values.shape != (len(TERMS),) or not np.isfinite(values).all():
            raise SetupError("motion", rule=f"must be {len(TERMS)} finite numbers", got=values.tolist())
        if self.frames < 1 or not np.isfinite(self.jump_frame):
            raise SetupError("motion", rule="must say of how many frames it is", got=self.frames)
        object.__setattr__(self, "values", values)

    @classmethod
    def of(cls, terms: Mapping[str, float], frames: int, jump_frame: float = 0.0) -> Self:
        """From some of `TERMS` in um; the others are 0. Raises `KeyError` for another name."""
        values = np.zeros(len(TERMS))
        for name, value in terms.items():
            values[TERM[name]] = value
        return cls(values, frames, jump_frame)

    @property
    def terms(self) -> dict[str, float]:
        """The terms that are not 0, in um."""
        return {name: float(value) for name, value in zip(TERMS, self.values, strict=True) if value}

    def displacement_um(self, frame: Floats, omega_rad: Floats) -> Floats:
        """Where the sample is in the lab (n,3) against where it would be without motion.

        `frame` (n) counts centroids, as the blobs' column does; `omega_rad` (n) is the angle of the equations.
        """
        out = np.zeros((len(frame), 3))
        for value, column in zip(self.values, basis(frame, omega_rad, self.frames, self.jump_frame), strict=True):
            if value:
                out += value * column
        return out

    def record(self) -> dict[str, Any]:
        """As plain values."""
        return {"terms_um": self.terms, "frames": self.frames, "jump_frame": self.jump_frame}

    @classmethod
    def from_record(cls, values: Mapping[str, Any]) -> Self:
        """What `record` gave. Raises `KeyError`, `TypeError`, `ValueError` or `SetupError` for anything else."""
        terms = {str(name): float(value) for name, value in values["terms_um"].items()}
        return cls.of(terms, int(values["frames"]), float(values["jump_frame"]))


TERM = {name: number for number, name in enumerate(TERMS)}


def basis(frame: Floats, omega_rad: Floats, frames: int, jump_frame: float = 0.0) -> Floats:
    """Displacement in the lab for one um of each term: (terms, n, 3)."""
    time = np.clip((np.asarray(frame, dtype=np.float64) + 0.5) / frames, 0.0, 1.0)
    after = (time * frames >= jump_frame) & (jump_frame > 0)
    directions = directions_of(omega_rad)
    shapes = [course[:, None] * directions for course in (time, 4 * time * (1 - time), after.astype(np.float64))]
    c, s, none = np.cos(omega_rad), np.sin(omega_rad), np.zeros(len(time))
    wobbles = np.array([(none, none, c), (none, none, s), (c, -s, none), (s, c, none)]).swapaxes(1, 2)
    return np.concatenate([*shapes, wobbles, directions[:2]])


def directions_of(omega_rad: Floats) -> Floats:
    """Each of `DIRECTIONS` in the lab, at some angles of the equations: (5, n, 3)."""
    c, s = np.cos(omega_rad), np.sin(omega_rad)
    none, one = np.zeros(len(c)), np.ones(len(c))
    lab = [(one, none, none), (none, one, none), (none, none, one)]
    return np.array([*lab, (c, s, none), (-s, c, none)]).swapaxes(1, 2)


def shift_px(displacement_um: Floats, k: Floats, plane: Floats) -> Floats:
    """How far spots (n,2: row, col) are moved on the detector when their grains are by (n,3), their rays along k
    (n,3), of any length; `plane` is `bragg.detector_frame(...)`."""
    _, normal, dual_u, dual_v = plane
    away = displacement_um - ((displacement_um @ normal) / (k @ normal))[:, None] * k
    return np.column_stack([away @ dual_v, away @ dual_u])
