"""A simulated scan: nothing is drawn before it is asked for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from friedel.errors import SetupError
from friedel.model.arrays import AnyArray, Frames
from friedel.model.crystal import Phase
from friedel.model.grain_map import GrainMap
from friedel.model.scan import Box, Scan
from friedel.model.setup import Axis, Beam, Detector, SampleShape, Setup
from friedel.model.stream import Executor, Serial
from friedel.model.truth import Truth
from friedel.simulator.cells import Specimen
from friedel.simulator.detector import Camera, expected_frames, make_camera
from friedel.simulator.diffract import Diffraction, diffract
from friedel.simulator.measured import measured_cells
from friedel.simulator.params import SimulatedPhase, SimulationParams
from friedel.simulator.sample import make_specimen
from friedel.simulator.truth import make_truth

PIECE_BYTES = 48 * 2**20
"""Expected counts (float32) that one thread holds at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class Simulation:
    """A scan that could have been measured, and the truth about it.

    `dark` uint16 [frame, row, col] are the recorded frames without light. Raw frames come from `frames` or
    `blocks`, the same whatever is asked for first, and by how many threads.
    """

    params: SimulationParams
    setup: Setup
    phases: tuple[Phase, ...]
    dark: AnyArray
    truth: Truth
    camera: Camera
    specimen: Specimen
    diffraction: Diffraction

    @property
    def scan_shape(self) -> tuple[int, int, int]:
        """(frames, rows, cols), grid images taken apart."""
        return self.params.shape

    @property
    def stored_shape(self) -> tuple[int, int, int]:
        """Shape of what `blocks` yields in all: that of the scan, unless one image holds several frames."""
        frames, rows, cols = self.params.shape
        down, across = self._tiling
        return frames // (down * across), rows * down, cols * across

    @property
    def omega_start_deg(self) -> float:
        """Where the first exposure begins."""
        return self.params.omega_start_deg

    @property
    def omega_step_deg(self) -> float:
        """What each frame integrates."""
        return self.params.omega_step_deg

    @property
    def beam(self) -> Box | None:
        """Box of the direct beam."""
        return self.camera.beam_box

    def frames(self, start: int, stop: int) -> AnyArray:
        """Raw frames [start, stop), uint16 [frame, row, col]."""
        expected = expected_frames(self.camera, self.diffraction, start, stop)
        raw = np.empty(expected.shape, dtype=np.uint16)
        for index in range(stop - start):
            raw[index] = self.camera.record(expected[index], start + index)
        return raw

    def spots_alone(self, start: int, stop: int) -> Frames:
        """Noise-free counts of the spots at the mean light, float32 [frame, row, col]."""
        return expected_frames(self.camera, self.diffraction, start, stop, spots_only=True)

    def blocks(self, executor: Executor | None = None) -> Iterator[tuple[int, AnyArray]]:
        """All raw images in order as (number of the first, uint16 [image, row, col])."""
        frames, rows, cols = self.params.shape
        down, across = self._tiling
        tiles = down * across
        piece = max(1, PIECE_BYTES // (4 * rows * cols * tiles)) * tiles

        def work(start: int) -> tuple[int, AnyArray]:
            raw = self.frames(start, min(start + piece, frames))
            images = raw.reshape(-1, down, across, rows, cols).swapaxes(2, 3)
            return start // tiles, images.reshape(-1, down * rows, across * cols)

        yield from (executor or Serial()).map(work, range(0, frames, piece))

    def scan(self) -> Scan:
        """The scan without a file: frames are simulated when they are read."""
        dark = np.median(self.dark, axis=0).astype(np.float32)
        tiles = _boxes(self.params) if self.params.camera.grid_kind == "quadrants" else ()
        return Scan(
            _Frames(self),
            self.omega_start_deg,
            self.omega_step_deg,
            dark,
            np.zeros(dark.shape, dtype=bool),
            float(self.params.camera.saturation),
            tiles,
            "simulated scan",
        )

    def recipe(self) -> dict[str, Any]:
        """Sections that a recipe for this scan needs: `setup`, `phase`, and in `scan` what a file may not tell."""
        params = self.params
        sample = params.sample
        if sample.map and params.light.beam_counts > 0 and sample.absorption_per_um > 0:
            shape: dict[str, Any] = {"mask": "absorption"}  # a map need not fill the shape about it
        elif sample.shape == "cylinder":
            shape = {"shape": "cylinder", "radius_um": sample.radius_um, "height_um": sample.height_um}
        else:
            shape = {"shape": "box", "size_um": list(sample.size_um)}
        detector: dict[str, Any] = {
            "distance_um": params.distance_um,
            "pixel_um": params.pixel_um,
            "centre_px": list(params.centre),
        }
        if any(params.tilt_deg):
            detector["tilt_deg"] = list(params.tilt_deg)
        if params.flip:
            detector["flip"] = list(params.flip)
        return {
            "scan": {"saturation": params.camera.saturation, **_grid(params)},
            "setup": {
                "energy_keV": params.energy_keV,
                "rotation": params.rotation,
                "detector": detector,
                "sample": shape,
                **({} if sample.absorb_spots else {"absorption_per_mm": 0.0}),
            },
            "phase": [_recipe_phase(phase) for phase in self.phases],
        }

    @property
    def _tiling(self) -> tuple[int, int]:
        camera = self.params.camera
        return camera.grid if camera.grid_kind == "frames" else (1, 1)


def simulate(
    params: SimulationParams,
    *,
    executor: Executor | None = None,
    phases: Sequence[Phase] | None = None,
    grain_map: GrainMap | None = None,
) -> Simulation:
    """Grow grains, let them diffract, and work out the truth; frames follow when they are asked for.

    `phases` stand in for `params.phase` where those come from files (their fractions still count). `grain_map` is
    what is in the file `params.sample.map`: its grains are taken then, and the parameters get the size that they
    give the sample. Raises `SetupError` for what cannot be.
    """
    executor = executor or Serial()
    crystals = tuple(phases) if phases is not None else tuple(_phase(entry) for entry in params.phase)
    if len(crystals) != len(params.phase):
        raise SetupError("phases", rule=f"must be {len(params.phase)}, as in the parameters", got=len(crystals))
    for phase in crystals:
        if not phase.knows_atoms:
            raise SetupError(
                f"atoms of {phase.name}",
                rule="must be known: intensities follow from them",
                way_out="give atoms or a cif",
            )
    rng = np.random.default_rng([params.seed, 101])
    measured = None
    if params.sample.map:
        if grain_map is None:
            raise SetupError("sample.map", rule="must be read before", way_out="give grain_map to simulate()")
        cells, grid, params = measured_cells(params, grain_map, crystals, rng)
        measured = cells, grid
    setup = make_setup(params)
    specimen = make_specimen(params, crystals, rng, measured)
    camera = make_camera(params, setup, np.random.default_rng([params.seed, 102]), specimen)
    diffraction = diffract(params, setup, crystals, specimen, camera.taps, executor=executor)
    truth = make_truth(diffraction, specimen, camera, executor)
    dark = np.stack([camera.dark(frame) for frame in range(params.camera.dark_frames)])
    return Simulation(params, setup, crystals, dark, truth, camera, specimen, diffraction)


def make_setup(params: SimulationParams) -> Setup:
    """Beam, detector, axis and sample of the parameters."""
    sample = params.sample
    detector = Detector.from_distance(
        params.distance_um, params.pixel_um, params.centre, tilt_deg=params.tilt_deg, flip=params.flip
    )
    axis = Axis(1 if params.rotation == "+z" else -1)
    return Setup(Beam(params.energy_keV), detector, axis, SampleShape(sample.shape, sample.extent_um))


@dataclass(frozen=True, slots=True, eq=False)
class _Frames:
    """A `FrameSource` that simulates what is read."""

    simulation: Simulation

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.simulation.scan_shape

    @property
    def dtype(self) -> np.dtype[np.generic]:
        return np.dtype(np.uint16)

    def read(self, start: int, stop: int) -> AnyArray:
        return self.simulation.frames(start, stop)


def _phase(entry: SimulatedPhase) -> Phase:
    if entry.cif:
        raise SetupError(f"cif of {entry.name}", rule="must be read before", way_out="give phases to simulate()")
    return Phase.from_lattice(entry.name, entry.lattice, entry.spacegroup, atoms=entry.atoms, b_iso=entry.b_iso)


def _recipe_phase(phase: Phase) -> dict[str, Any]:
    """As a recipe says it, with the atoms where the name alone does not tell them."""
    entry = {"name": phase.name, "lattice": list(phase.lattice), "spacegroup": phase.spacegroup}
    try:
        known = Phase.from_lattice(phase.name, phase.lattice, phase.spacegroup).sites
    except SetupError:
        known = ()
    if [(site.element, site.xyz) for site in known] != [(site.element, site.xyz) for site in phase.sites]:
        entry["atoms"] = [[site.element, *site.xyz] for site in phase.sites]
    return entry


def _grid(params: SimulationParams) -> dict[str, Any]:
    camera = params.camera
    return {} if camera.grid == (1, 1) else {"grid": list(camera.grid), "grid_kind": camera.grid_kind}


def _boxes(params: SimulationParams) -> tuple[Box, ...]:
    down, across = params.camera.grid
    rows, cols = params.rows // down, params.cols // across
    return tuple(
        Box(j * cols, i * rows, (j + 1) * cols, (i + 1) * rows) for i in range(down) for j in range(across)
    )
