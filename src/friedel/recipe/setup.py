"""The recipe's section [setup]: the instrument as people write it down, turned into `model.setup.Setup`."""

from typing import Literal, Self

import numpy as np
from pydantic import ValidationInfo, field_validator, model_validator

from friedel.model.leaning_axis import leaning
from friedel.model.setup import MOST_LEAN_DEG, Axis, Beam, Detector, SampleShape, Setup
from friedel.params import Params, parameter
from friedel.recipe.plausible import DISTANCE, ENERGY, PIXEL, SAMPLE

Vector = tuple[float, float, float]
MOST_ABSORPTION = 1000.0
"""1/mm: more, and hardly any light leaves the grain that it comes from."""
BY_DISTANCE = ("distance_um", "pixel_um", "centre_px")
BY_VECTORS = ("origin_um", "u_um", "v_um")
MOST_TILT_DEG = (180.0, 89.0, 89.0)
"""About x a detector turns in its plane, by any angle; about y and z it still sees the sample from the front."""


class DetectorParams(Params):
    """The detector by distance, pixel and centre, or by three vectors in the lab frame."""

    distance_um: float | None = parameter(
        None, "From the rotation axis to the detector: 100 to 2e7.", unit="um", gt=0
    )
    pixel_um: float | None = parameter(None, "Edge of a pixel: 0.1 to 1000.", unit="um", gt=0)
    centre_px: tuple[float, float] | None = parameter(
        None, "[col, row] where the beam through the rotation axis hits, on the detector.", unit="px"
    )
    tilt_deg: Vector = parameter((0.0, 0.0, 0.0), "Tilts about x, y, z: R = Rx·Ry·Rz as ImageD11.", unit="deg")
    flip: tuple[Literal["cols", "rows"], ...] = parameter(
        (), "Reverses cols (which grow towards +y), rows (which grow towards -z), or both."
    )
    origin_um: Vector | None = parameter(None, "Lab position of the centre of pixel (0,0).", unit="um")
    u_um: Vector | None = parameter(None, "From one pixel to the next along the columns.", unit="um")
    v_um: Vector | None = parameter(None, "From one pixel to the next along the rows.", unit="um")

    @field_validator("distance_um", "pixel_um")
    @classmethod
    def _plausible(cls, value: float | None, info: ValidationInfo) -> float | None:
        if value is not None:
            (DISTANCE if info.field_name == "distance_um" else PIXEL).check(value)
        return value

    @field_validator("tilt_deg")
    @classmethod
    def _plausible_tilt(cls, value: Vector) -> Vector:
        if any(abs(tilt) > most for tilt, most in zip(value, MOST_TILT_DEG, strict=True)):
            most = ", ".join(f"{one:g}" for one in MOST_TILT_DEG)
            raise ValueError(f"must be at most {most} deg (other detectors have origin_um, u_um, v_um)")
        return value

    @field_validator("origin_um", "u_um", "v_um")
    @classmethod
    def _plausible_vector(cls, value: Vector | None, info: ValidationInfo) -> Vector | None:
        length = float(np.linalg.norm(value)) if value is not None else 0.0
        if length > 0:
            (DISTANCE if info.field_name == "origin_um" else PIXEL).check(length)
        return value

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        by_distance = [name for name in BY_DISTANCE if getattr(self, name) is not None]
        by_vectors = [name for name in BY_VECTORS if getattr(self, name) is not None]
        if by_distance and by_vectors:
            raise ValueError(f"either {', '.join(BY_DISTANCE)} or {', '.join(BY_VECTORS)}, not parts of both")
        if len(by_distance) != 3 and len(by_vectors) != 3:
            raise ValueError(f"needs all of {', '.join(BY_DISTANCE)}, or all of {', '.join(BY_VECTORS)}")
        if by_vectors and (self.flip or any(self.tilt_deg)):
            raise ValueError("tilt_deg and flip go with distance_um; the vectors say everything")
        if self.u_um and self.v_um and np.linalg.norm(np.cross(self.u_um, self.v_um)) == 0:
            raise ValueError("u_um and v_um must span a plane")
        return self

    def detector(self) -> Detector:
        """The plane as three vectors."""
        if self.distance_um is not None and self.pixel_um is not None and self.centre_px is not None:
            return Detector.from_distance(
                self.distance_um, self.pixel_um, self.centre_px, tilt_deg=self.tilt_deg, flip=self.flip
            )
        return Detector(np.array(self.origin_um), np.array(self.u_um), np.array(self.v_um))


class SampleParams(Params):
    """Where the sample can be."""

    shape: Literal["cylinder", "box"] | None = parameter(None, "Cylinder about the rotation axis, or a box.")
    radius_um: float | None = parameter(None, "Of the cylinder.", unit="um", gt=0)
    height_um: float | None = parameter(None, "Of the cylinder.", unit="um", gt=0)
    size_um: Vector | None = parameter(None, "Of the box: x, y, z.", unit="um")
    mask: str | None = parameter(None, '"absorption" (from the direct beam), or a file with a mask.')

    @field_validator("radius_um", "height_um")
    @classmethod
    def _plausible(cls, value: float | None) -> float | None:
        if value is not None:
            SAMPLE.check(value)
        return value

    @field_validator("size_um")
    @classmethod
    def _plausible_size(cls, value: Vector | None) -> Vector | None:
        if value is not None and min(value) > 0:  # else the rule below says it
            SAMPLE.check(*value)
        return value

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = {name for name in ("radius_um", "height_um", "size_um", "mask") if getattr(self, name) is not None}
        needed = {"cylinder": {"radius_um", "height_um"}, "box": {"size_um"}, None: {"mask"}}[self.shape]
        if given != needed:
            what = f'shape = "{self.shape}"' if self.shape else "a sample without shape"
            raise ValueError(f"{what} needs {' and '.join(sorted(needed))} and nothing else")
        if self.size_um is not None and min(self.size_um) <= 0:
            raise ValueError("size_um must be positive")
        return self

    def sample(self) -> SampleShape:
        """As the model has it."""
        if self.radius_um is not None and self.height_um is not None:
            return SampleShape("cylinder", (2 * self.radius_um, 2 * self.radius_um, self.height_um))
        if self.size_um is not None:
            return SampleShape("box", self.size_um)
        if self.mask in (None, "absorption"):
            return SampleShape("absorption")
        return SampleShape("file", path=str(self.mask))


class SetupParams(Params):
    """The instrument: beam, detector, rotation axis, sample."""

    energy_keV: float = parameter(sentence="Photon energy of the beam: 5 to 500.", unit="keV", gt=0)
    calibrate: Literal["auto", "on", "off"] = parameter(
        "auto",
        "Whether centre and distance are refined from the pairs, and with tilts from the grains.",
    )
    rotation: Literal["+z", "-z"] = parameter("+z", "Sense of the rotation stage about z (up); -z is clockwise.")
    lean_deg: float = parameter(
        0.0,
        "How far the top of the rotation axis leans downstream, out of the plane across the beam.",
        unit="deg",
        ge=-MOST_LEAN_DEG,
        le=MOST_LEAN_DEG,
    )
    detector: DetectorParams = parameter(sentence="Where the detector is.")
    distortion: tuple[str, ...] = parameter(
        (),
        "How far pixels lie beside a plane grid: [a spline file of Fit2D], or [dx, dy], two images as ImageD11 has "
        "them, of what is added to col and to row.",
    )
    sample: SampleParams = parameter(
        default_factory=lambda: SampleParams(mask="absorption"), sentence="Where the sample can be."
    )
    absorption_per_mm: float | None = parameter(
        None,
        "Linear absorption of the beam by the sample; default: as the direct beam shows it. 0 = none is corrected.",
        unit="1/mm",
        ge=0,
        le=MOST_ABSORPTION,
    )

    @field_validator("energy_keV")
    @classmethod
    def _plausible(cls, value: float) -> float:
        ENERGY.check(value)
        return value

    @field_validator("distortion")
    @classmethod
    def _one_or_two(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(value) > 2 or not all(value):
            raise ValueError("must be one spline file, or two images: dx, dy")
        return value

    def setup(self) -> Setup:
        """Beam, detector, axis and sample as values. Raises `SetupError` for what cannot be."""
        straight = Setup(
            Beam(self.energy_keV),
            self.detector.detector(),
            Axis(1 if self.rotation == "+z" else -1),
            self.sample.sample(),
        )
        return leaning(straight, self.lean_deg) if self.lean_deg else straight
