"""The instrument: beam, detector plane and rotation axis, in the lab frame (x along the beam, z along the axis)."""

from dataclasses import dataclass, field

import numpy as np

from friedel.errors import SetupError
from friedel.model.arrays import Floats
from friedel.model.distortion import Distortion
from friedel.model.motion import Motion

KEV_ANGSTROM = 12.398419843
"""Photon energy times wavelength."""


def _vector(*values: float) -> Floats:
    return np.array(values, dtype=np.float64)


MOST_LEAN_DEG = 5.0
"""Of an axis that is meant to be across the beam."""
HIGHEST_KEV = 1000.0
"""Beyond it crystals diffract by thousandths of a degree, in more reflections than can be listed."""


@dataclass(frozen=True, slots=True)
class Beam:
    """A parallel monochromatic beam along x."""

    energy_keV: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.energy_keV) and self.energy_keV > 0):
            raise SetupError("energy_keV", rule="must be positive", got=self.energy_keV)
        if self.energy_keV > HIGHEST_KEV:
            rule = f"must be at most {HIGHEST_KEV:g}, in keV"
            raise SetupError("energy_keV", rule=rule, got=self.energy_keV)

    @property
    def wavelength(self) -> float:
        """In Angstrom."""
        return KEV_ANGSTROM / self.energy_keV


@dataclass(frozen=True, slots=True, eq=False)
class Detector:
    """A detector plane: no tilt angles, just three vectors in the lab frame.

    `origin_um` is the centre of pixel (row 0, col 0); `u_um` leads to the next column, `v_um` to the next row.
    """

    origin_um: Floats
    u_um: Floats
    v_um: Floats

    def __post_init__(self) -> None:
        for name in ("origin_um", "u_um", "v_um"):
            value = np.asarray(getattr(self, name), dtype=np.float64)
            if value.shape != (3,) or not np.isfinite(value).all():
                raise SetupError(f"detector {name}", rule="must be three finite numbers", got=value.tolist())
            object.__setattr__(self, name, value)
        if np.linalg.norm(np.cross(self.u_um, self.v_um)) == 0:
            raise SetupError("detector u_um, v_um", rule="must span a plane")

    @classmethod
    def from_distance(
        cls,
        distance_um: float,
        pixel_um: float,
        centre_px: tuple[float, float],
        *,
        tilt_deg: tuple[float, float, float] = (0.0, 0.0, 0.0),
        flip: tuple[str, ...] = (),
    ) -> "Detector":
        """The plane x = distance with col growing towards +y and row towards -z, then flipped and tilted.

        `centre_px` = (col, row) is where the beam through the rotation axis hits; the tilt R = Rx·Ry·Rz
        (ImageD11's) turns the plane about that point.
        """
        turn = rotation("x", tilt_deg[0]) @ rotation("y", tilt_deg[1]) @ rotation("z", tilt_deg[2])
        u = turn @ _vector(0, -pixel_um if "cols" in flip else pixel_um, 0)
        v = turn @ _vector(0, 0, pixel_um if "rows" in flip else -pixel_um)
        origin = _vector(distance_um, 0, 0) - centre_px[0] * u - centre_px[1] * v
        return cls(origin, u, v)

    @property
    def normal(self) -> Floats:
        """Unit vector u × v."""
        n = np.cross(self.u_um, self.v_um)
        return np.asarray(n / np.linalg.norm(n), dtype=np.float64)

    def position_um(self, row: Floats | float, col: Floats | float) -> Floats:
        """Lab position(s) [..., 3] of (fractional) pixels."""
        row, col = np.broadcast_arrays(np.asarray(row, float), np.asarray(col, float))
        return self.origin_um + col[..., None] * self.u_um + row[..., None] * self.v_um


@dataclass(frozen=True, slots=True)
class Axis:
    """The rotation axis is z; `sign` is +1 where r_lab = Rz(+omega) r_sample, -1 for a clockwise stage.

    `lean_deg` is how far its top leans downstream, 0 where the beam is at right angles to it: `model.leaning_axis`.
    """

    sign: int = 1
    lean_deg: float = 0.0

    def __post_init__(self) -> None:
        if self.sign not in (1, -1):
            raise SetupError("rotation", rule='must be "+z" or "-z"', got=self.sign)
        if not abs(self.lean_deg) <= MOST_LEAN_DEG:
            raise SetupError("lean_deg", rule=f"must be at most {MOST_LEAN_DEG:g} either way", got=self.lean_deg)

    @property
    def lean_rad(self) -> float:
        """The lean in radians."""
        return float(np.radians(self.lean_deg))


@dataclass(frozen=True, slots=True)
class SampleShape:
    """Where the sample can be: a cylinder about the axis, a box, or unknown.

    `kind` is "cylinder" (size_um = diameter, diameter, height), "box" (size_um = x, y, z), "absorption" or a file.
    """

    kind: str = "absorption"
    size_um: tuple[float, float, float] = (0.0, 0.0, 0.0)
    path: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Setup:
    """Beam, detector, axis and sample together; `motion` is how the sample moved (None: it did not).

    `distortion` is how far pixels lie beside the detector's plane grid (None: they do not); blobs have their `sc`
    and `fc` on that grid.
    """

    beam: Beam
    detector: Detector
    axis: Axis = field(default_factory=Axis)
    sample: SampleShape = field(default_factory=SampleShape)
    motion: Motion | None = None
    distortion: Distortion | None = None

    def lab_omega_rad(self, stage_omega_deg: Floats | float) -> Floats:
        """The angle of the equations, from the recorded stage angle: here, once, the sense is applied."""
        return np.radians(self.axis.sign * np.asarray(stage_omega_deg, dtype=np.float64))


def rotation(axis: str, angle_deg: float) -> Floats:
    """Right-handed rotation matrix (3, 3) about "x", "y" or "z"."""
    c, s = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = np.eye(3)
    matrix[i, i] = matrix[j, j] = c
    matrix[i, j], matrix[j, i] = -s, s
    return matrix
