"""What a simulated scan is like: every number of it, declared once."""

from typing import Literal, Self

from pydantic import field_validator, model_validator

from friedel.model.motion import Motion
from friedel.params import Params, parameter

Vector = tuple[float, float, float]


class SimulatedPhase(Params):
    """One kind of crystal in the sample."""

    name: str = parameter("Al", "An element, or any name when atoms or a cif are given.", min_length=1)
    lattice: tuple[float, float, float, float, float, float] = parameter(
        (4.0495, 4.0495, 4.0495, 90.0, 90.0, 90.0), "a, b, c, alpha, beta, gamma.", unit="Angstrom and deg"
    )
    spacegroup: str = parameter("F m -3 m", "Hermann-Mauguin symbol or number.")
    atoms: tuple[tuple[str, float, float, float], ...] = parameter(
        (), "Rows [element, x, y, z]; an element in fcc, bcc, simple cubic or hcp needs none."
    )
    cif: str = parameter("", "A CIF file in place of lattice, spacegroup and atoms.")
    b_iso: float = parameter(0.5, "Debye-Waller factor of the atoms.", unit="Angstrom^2", ge=0)
    fraction: float = parameter(1.0, "Its share of the grains, relative to the other phases'.", gt=0)

    @field_validator("spacegroup", mode="before")
    @classmethod
    def _number_as_text(cls, value: object) -> object:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class SpecimenParams(Params):
    """The piece of metal and its grains."""

    shape: Literal["cylinder", "box"] = parameter("cylinder", "Cylinder about the rotation axis, or a box.")
    radius_um: float = parameter(157.5, "Of the cylinder.", unit="um", gt=0)
    height_um: float = parameter(252.0, "Of the cylinder.", unit="um", gt=0)
    size_um: Vector = parameter((300.0, 250.0, 252.0), "Of the box: x, y, z.", unit="um")
    voxel_um: float = parameter(
        0.0, "Voxel of the grains and of the true map; 0 = one pixel (spots then err by 1 %).", unit="um", ge=0
    )
    size_spread: float = parameter(0.2, "Lognormal spread of the grains' radii.", ge=0, le=1)
    lloyd_passes: int = parameter(2, "Passes that make grains equiaxed; 0 leaves them as they fall.", ge=0, le=50)
    waviness_um: float = parameter(0.0, "Amplitude of wavy, non-convex grain boundaries.", unit="um", ge=0)
    twin_fraction: float = parameter(0.0, "Part of the grains that holds a twin lamella.", ge=0, le=1)
    mosaicity_deg: float = parameter(0.04, "Standard deviation of a voxel's orientation.", unit="deg", ge=0, le=5)
    gradient_deg: float = parameter(
        0.1, "Lattice rotation from one end of a grain to the other.", unit="deg", ge=0, le=5
    )
    sub_grain_fraction: float = parameter(
        0.0, "Part of the grains whose lattice rotation is not even but a step in the middle.", ge=0, le=1
    )
    absorption_per_um: float = parameter(0.0006, "Linear absorption of the direct beam.", unit="1/um", ge=0)
    absorb_spots: bool = parameter(
        False, "Diffracted light is absorbed too, on its way in and out; else the recipe says that it is not."
    )
    map: str = parameter("", "A grain map, or an output folder, whose grains are taken instead of grown ones.")
    map_fit: Literal["whole", "cut", "scale"] = parameter(
        "whole", "The sample is as large as the map; or the map is cut, or scaled, to the sample's size."
    )
    map_voxel_um: float | Vector = parameter(
        0.0, "Edge of the map's voxels, or edges along x, y, z; 0 = as the file says.", unit="um"
    )
    map_crop: tuple[int, int, int, int, int, int] = parameter(
        (0, 0, 0, 0, 0, 0), "Voxels of the map [x0, y0, z0, x1, y1, z1) that are taken; zeros = all."
    )
    map_orientations: Literal["voxel", "grain", "random"] = parameter(
        "voxel", "Each voxel stands as the map says, or as its grain does on average; or grains by chance."
    )
    map_min_voxels: int = parameter(1, "Grains of the map with fewer of the sample's voxels are air.", ge=1)

    @model_validator(mode="after")
    def _edges(self) -> Self:
        edges = self.map_voxel_um if isinstance(self.map_voxel_um, tuple) else (self.map_voxel_um,)
        if min(edges) < 0 or (any(edges) and not all(edges)):
            raise ValueError("map_voxel_um must be positive, or 0 for what the file says")
        return self

    @property
    def map_voxel_given(self) -> bool:
        """Whether the map's voxel is not as its file says."""
        return self.map_voxel_um not in (0.0, (0.0, 0.0, 0.0))

    @property
    def extent_um(self) -> Vector:
        """x, y, z of the box around it."""
        return self.size_um if self.shape == "box" else (2 * self.radius_um, 2 * self.radius_um, self.height_um)


class LightParams(Params):
    """The beam, and the light that falls where no spot is."""

    spot_counts: float = parameter(
        100.0, "Over the rotation, of a pixel-sized voxel's strongest reflection at eta = 90.", unit="counts", ge=0
    )
    beam_counts: float = parameter(20000.0, "Direct beam beside the sample.", unit="counts", ge=0)
    beam_margin_px: float = parameter(12.0, "How far the beam reaches past the sample's sides.", unit="px", ge=0)
    beam_below_px: float = parameter(3.0, "How far it reaches above and below the sample.", unit="px", ge=0)
    extinction: float = parameter(1.0, "Part of a spot's light that is missing from the direct beam.", ge=0, le=1)
    glow_counts: float = parameter(300.0, "Glow at the centre, falling off radially.", unit="counts", ge=0)
    glow_radius_px: float = parameter(
        0.0, "Where it has fallen to 1/e; 0 = a sixth of the columns.", unit="px", ge=0
    )
    glow_floor: float = parameter(10.0, "Glow far from the centre.", unit="counts", ge=0)
    oscillation: float = parameter(0.03, "Amplitude of the source's oscillation.", ge=0, lt=0.5)
    oscillation_turns: float = parameter(9.0, "Oscillations in the scan.", ge=0)
    drift: float = parameter(0.02, "Slow change of the intensity from first to last frame.", gt=-0.5, lt=0.5)
    lost_frames: tuple[int, int] = parameter(
        (0, 0), "Frames [from, to) without any light; the truth still tells of their spots."
    )
    flicker: float = parameter(0.003, "Standard deviation of the intensity from frame to frame.", ge=0, lt=0.1)


class CameraParams(Params):
    """The detector as it is."""

    point_spread_px: float = parameter(0.8, "Standard deviation of the point spread.", unit="px", ge=0, le=10)
    tail_px: float = parameter(
        0.0,
        "Length of an exponential tail of the point spread towards higher rows and columns; its mean stays.",
        unit="px",
        ge=0,
        le=10,
    )
    gain: float = parameter(1.0, "Counts per photon.", gt=0)
    read_noise: float = parameter(3.0, "Standard deviation without light.", unit="counts", ge=0)
    offset: float = parameter(100.0, "Counts without light.", unit="counts", ge=0)
    offset_spread: float = parameter(2.0, "Fixed pattern of the offset, standard deviation.", unit="counts", ge=0)
    hot_fraction: float = parameter(0.0001, "Part of the pixels that are hot.", ge=0, le=0.1)
    hot_counts: float = parameter(400.0, "Mean of what a hot pixel adds; it flickers.", unit="counts", ge=0)
    zingers: float = parameter(3.0, "Cosmic hits a frame, mean.", ge=0, le=10000)
    zinger_counts: float = parameter(3000.0, "Mean of what a hit adds.", unit="counts", ge=0)
    saturation: int = parameter(65535, "Largest raw value.", unit="counts", gt=0, le=65535)
    dark_frames: int = parameter(10, "Frames without light that are recorded too.", ge=1, le=1000)
    grid: tuple[int, int] = parameter((1, 1), "Rows and columns of the tiles of one stored image.")
    grid_kind: Literal["frames", "quadrants"] = parameter(
        "frames", "A tile is a frame of its own, or a part of the frame with its own gain and offset."
    )
    tile_gain_spread: float = parameter(0.03, "Spread of the quadrants' gains.", ge=0, lt=0.3)
    tile_offset_spread: float = parameter(10.0, "Spread of the quadrants' offsets.", unit="counts", ge=0)


class MotionParams(Params):
    """How the sample moves during the scan; grains of the truth are where they were in the first frame."""

    drift_um: Vector = parameter((0.0, 0.0, 0.0), "Along x, y, z of the lab, from first to last frame.", unit="um")
    slip_um: tuple[float, float] = parameter(
        (0.0, 0.0), "Along x, y of the sample's own frame, from first to last frame.", unit="um"
    )
    jump_um: Vector = parameter((0.0, 0.0, 0.0), "Along x, y, z of the lab, at once.", unit="um")
    jump_slip_um: tuple[float, float] = parameter(
        (0.0, 0.0), "Along x, y of the sample's own frame, at once.", unit="um"
    )
    jump_frame: int = parameter(0, "The first frame after the jump; 0 = the one in the middle.", ge=0)
    wobble_z_um: float = parameter(0.0, "Amplitude of the axis' way up and down, once a turn.", unit="um")
    wobble_xy_um: float = parameter(
        0.0, "Radius of a circle of the axis, once a turn against the rotation.", unit="um"
    )


class SimulationParams(Params):
    """A simulated scan: sample, geometry, light, camera. The same numbers give the same bytes."""

    seed: int = parameter(0, "Of everything random.", ge=0, le=2**31 - 1)
    grains: int = parameter(80, "Grains before twinning.", ge=1, le=1_000_000)
    frames: int = parameter(3600, "Frames of the scan.", ge=3)
    rows: int = parameter(512, "Rows of the detector.", unit="px", ge=8)
    cols: int = parameter(512, "Columns of the detector.", unit="px", ge=8)
    omega_start_deg: float = parameter(0.0, "Where the first exposure begins.", unit="deg")
    turn_deg: float = parameter(
        360.0, "What the frames cover together; negative turns back.", unit="deg", ge=-360, le=360
    )
    energy_keV: float = parameter(40.0, "Photon energy.", unit="keV", gt=0)
    rotation: Literal["+z", "-z"] = parameter("+z", "Sense of the rotation stage about z (up); -z is clockwise.")
    lean_deg: float = parameter(
        0.0,
        "How far the top of the axis leans downstream; the detector is told by the beam.",
        unit="deg",
        ge=-5,
        le=5,
    )
    distance_um: float = parameter(3094.0, "From the rotation axis to the detector.", unit="um", gt=0)
    pixel_um: float = parameter(3.5, "Edge of a pixel.", unit="um", gt=0)
    centre_px: tuple[float, float] | None = parameter(
        None, "[col, row] where the beam through the axis hits; default: the middle.", unit="px"
    )
    tilt_deg: Vector = parameter((0.0, 0.0, 0.0), "Tilts about x, y, z: R = Rx·Ry·Rz as ImageD11.", unit="deg")
    flip: tuple[Literal["cols", "rows"], ...] = parameter((), "Reverses cols, rows, or both.")
    phase: tuple[SimulatedPhase, ...] = parameter((SimulatedPhase(),), "The crystals.", min_length=1)
    sample: SpecimenParams = parameter(SpecimenParams(), "The piece of metal and its grains.")
    light: LightParams = parameter(LightParams(), "The beam and the glow.")
    camera: CameraParams = parameter(CameraParams(), "The detector as it is.")
    motion: MotionParams = parameter(MotionParams(), "How the sample moves.")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.turn_deg == 0:
            raise ValueError("turn_deg must not be 0")
        rows, cols = self.camera.grid
        if rows < 1 or cols < 1:
            raise ValueError("camera.grid must be at least [1, 1]")
        if self.camera.grid_kind == "frames" and self.frames % (rows * cols):
            raise ValueError("frames must be a multiple of the tiles of camera.grid")
        if self.camera.grid_kind == "quadrants" and (self.rows % rows or self.cols % cols):
            raise ValueError("rows and cols must be multiples of camera.grid")
        if min(self.sample.size_um) <= 0:
            raise ValueError("sample.size_um must be positive")
        return self

    @property
    def moved(self) -> Motion | None:
        """The sample's motion; None where it stands still."""
        given = self.motion
        terms = {
            **dict(zip(("drift x", "drift y", "drift z"), given.drift_um, strict=True)),
            **dict(zip(("drift stage x", "drift stage y"), given.slip_um, strict=True)),
            **dict(zip(("jump x", "jump y", "jump z"), given.jump_um, strict=True)),
            **dict(zip(("jump stage x", "jump stage y"), given.jump_slip_um, strict=True)),
            **{"wobble z cos": given.wobble_z_um, "wobble xy cos": given.wobble_xy_um},
        }
        if not any(terms.values()):
            return None
        jumps = any(value for name, value in terms.items() if name.startswith("jump"))
        return Motion.of(terms, self.frames, (given.jump_frame or self.frames // 2) if jumps else 0)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(frames, rows, cols)."""
        return self.frames, self.rows, self.cols

    @property
    def omega_step_deg(self) -> float:
        """What each frame integrates."""
        return self.turn_deg / self.frames

    @property
    def full_turn(self) -> bool:
        """Whether the last frame touches the first."""
        return abs(self.turn_deg) == 360.0

    @property
    def centre(self) -> tuple[float, float]:
        """(col, row) where the beam through the axis hits."""
        return self.centre_px or ((self.cols - 1) / 2, (self.rows - 1) / 2)

    @property
    def voxel_um(self) -> float:
        """Edge of a voxel of the grains."""
        return self.sample.voxel_um or self.pixel_um


def small(seed: int = 0) -> SimulationParams:
    """A scan for demonstrations: 1440 frames of 0.25 degrees, 256 × 256 pixels, 15 grains, made in seconds."""
    return SimulationParams(
        seed=seed,
        grains=15,
        frames=1440,
        rows=256,
        cols=256,
        pixel_um=7.0,
        sample=SpecimenParams(radius_um=126.0, height_um=168.0, mosaicity_deg=0.06),
        light=LightParams(spot_counts=60.0, beam_margin_px=10.0),
    )
