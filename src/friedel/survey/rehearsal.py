"""How long the stages after the blobs take: each done on a small made-up piece with the recipe's own parameters.

Times are this machine's, now, with as many threads as the run will have. What is made up: grains at random, of one
size, whose spots lie where the recipe's geometry puts them.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from friedel.assemble import assemble
from friedel.describe import describe
from friedel.errors import FriedelError
from friedel.index import index
from friedel.kernels import bragg
from friedel.match import match
from friedel.model.arrays import Floats
from friedel.model.blobs import COLUMNS, BlobTable, Voxels
from friedel.model.crystal import Phase
from friedel.model.families import used_reflections
from friedel.model.grains import GrainTable
from friedel.model.pairs import PairTable
from friedel.model.scan import Scan
from friedel.model.setup import SampleShape, Setup
from friedel.model.shapes import GrainShape, Grid
from friedel.model.stream import Executor
from friedel.recipe import Recipe
from friedel.reconstruct.density import Data, fit_density
from friedel.reconstruct.sirt import SirtSolver
from friedel.survey.content import Content

FEW_GRAINS, MORE_GRAINS = 4, 40
"""Grains of two made-up tables: what takes as long for both does not depend on their number (the search for
chance), the rest grows with the spots."""
SPOT_PX, SPOT_DEG, MISSING, WRONG = 0.3, 0.03, 0.1, 0.1
"""How exact the made-up spots are, how many are missing, and how many belong to nothing."""
BLUR_PX = 0.7
"""Point spread of the made-up shapes."""
GROWTH = 0.35
"""The time for pairs and grains grows with this power more than the number of spots (measured: 0.2 to 0.5)."""
CALIBRATION = 4.0
"""Calibration takes as long as so many searches for pairs (measured: 3.5 to 4.5 for 30,000 spots)."""
LARGEST = 32.0
"""Radius (voxels) of the largest grain that is made up: the time for larger ones grows with their volume."""
BEFORE_FIT = 1.6
"""A shape takes so many times its fit: blobs are summed over frames and parted from their neighbours before (1.4 to
1.8 on simulated scans)."""
WITH_PARTS = 3.0
"""All of the shapes take so many times the first ones: blobs are parted and shapes made again (2.5 to 3.4 for 60 to
350 grains in 256 x 256 pixels)."""
MAP_EDGE, MAP_GRAINS = 64, 8
"""Of the made-up map, in voxels."""
TYPICAL_EDGE_PX = 20.0
"""Of a spot, where none was seen."""


@dataclass(frozen=True, slots=True)
class LaterStages:
    """Seconds from the blobs to the map, by stage, and how many grains that is for."""

    grains: float
    pairs_s: float
    grains_s: float
    shapes_s: float
    map_s: float

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.pairs_s + self.grains_s + self.shapes_s + self.map_s


@dataclass(frozen=True, slots=True, eq=False)
class MadeUp:
    """Blobs of grains that nobody has seen, and these: how they stand (n,3,3), where (n,3) um they are."""

    blobs: BlobTable
    U: Floats
    position_um: Floats
    spots_a_grain: float


def rehearse(
    scan: Scan, recipe: Recipe, phases: tuple[Phase, ...], content: Content, executor: Executor
) -> LaterStages:
    """Each stage after the blobs on a small piece, in proportion to what the scan holds.

    Raises `InputError`s of a recipe that no run could use.
    """
    if recipe.setup is None:
        raise FriedelError("setup", rule="is needed for the stages after segment")
    setup = recipe.setup.setup()
    rng = np.random.default_rng(1)
    grid = Grid.of(setup, recipe.reconstruct.voxel_um)
    few, made = (make_up(scan, setup, phases, rng, content, count) for count in (FEW_GRAINS, MORE_GRAINS))
    grains = content.blobs / max(made.spots_a_grain, 1.0)
    volume = _sample_um3(setup.sample)
    radius_um = _radius_um(content, setup)
    if volume:
        radius_um = (0.75 / np.pi * volume / max(grains, 1.0)) ** (1 / 3)
    volume = volume or grains * 4 / 3 * np.pi * radius_um**3
    more = content.blobs / max(len(made.blobs), 1)
    more *= max(more, 1.0) ** GROWTH

    def matched(blobs: BlobTable) -> PairTable:
        return match(blobs, setup, phases, recipe.match)

    def indexed(blobs: BlobTable) -> Callable[[], object]:
        pairs = matched(blobs)
        return lambda: index(blobs, pairs, setup, phases, recipe.index, executor=executor)

    seconds_of(lambda: matched(few.blobs), times=2)
    pairs_s = seconds_of(lambda: matched(made.blobs)) * more
    pairs_s *= 1.0 + (CALIBRATION if recipe.setup.calibrate != "off" else 0.0)
    chance_s = seconds_of(indexed(few.blobs), times=2)
    grains_s = chance_s + max(seconds_of(indexed(made.blobs)) - chance_s, 0.1 * chance_s) * more
    shape_s = _shape_s(radius_um / grid.voxel_um, made.spots_a_grain, recipe, rng, executor)
    map_s = _map_s(recipe, phases, rng, radius_um / grid.voxel_um) * volume / grid.voxel_um**3
    return LaterStages(grains, pairs_s, grains_s, WITH_PARTS * BEFORE_FIT * shape_s * grains, map_s)


def seconds_of(work: Callable[[], object], times: int = 1) -> float:
    """Of the fastest of some goes: in the first one kernels may have to be compiled."""
    seconds = []
    for _ in range(times):
        begin = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def _radius_um(content: Content, setup: Setup) -> float:
    """Of a grain, as its spots show it."""
    return 0.5 * (content.edge_px or TYPICAL_EDGE_PX) * float(np.linalg.norm(setup.detector.u_um))


def _sample_um3(sample: SampleShape) -> float:
    """Of a sample whose size is known; else zero."""
    if sample.kind not in ("cylinder", "box"):
        return 0.0
    return float(np.prod(sample.size_um)) * (np.pi / 4 if sample.kind == "cylinder" else 1.0)


def make_up(
    scan: Scan, setup: Setup, phases: tuple[Phase, ...], rng: np.random.Generator, content: Content, count: int
) -> MadeUp:
    """Blobs of some grains at random, with errors, gaps and strangers."""
    rows, cols = scan.shape[1:]
    half = np.array(setup.sample.size_um) / 2
    if not _sample_um3(setup.sample):  # room for so many grains as their spots are large
        half = np.full(3, _radius_um(content, setup) * count ** (1 / 3))
    turns = Rotation.random(count, rng=rng).as_matrix()
    places = rng.uniform(-0.7, 0.7, (count, 3)) * half
    detector = setup.detector
    plane = bragg.detector_frame(detector.origin_um, detector.u_um, detector.v_um)
    listed_of = [used_reflections(phase, setup, scan.shape[1:]) for phase in phases]
    parts = []
    for i, (U, place) in enumerate(zip(turns, places, strict=True)):
        phase, listed = phases[i % len(phases)], listed_of[i % len(phases)]
        spots = bragg.predict(listed.hkl @ (U @ phase.B).T, place, setup.beam.wavelength, plane).only(0.1)
        strength = listed.f_squared[spots.reflection] * bragg.lorentz(spots.two_theta, spots.eta)
        parts.append(np.column_stack([np.degrees(spots.omega), spots.row, spots.col, strength, np.sin(spots.eta)]))
    found = np.concatenate(parts)
    found = found[(found[:, 1:3] > 2).all(axis=1) & (found[:, 1] < rows - 3) & (found[:, 2] < cols - 3)]
    turn = abs(scan.shape[0] * scan.omega_step_deg)
    found = found[np.mod(found[:, 0], 360.0) < turn]
    each = len(found) / count
    found = found[rng.random(len(found)) >= MISSING]
    strangers = found[rng.integers(0, max(len(found), 1), int(WRONG * len(found)))].copy()
    strangers[:, 0] = rng.uniform(0, turn, len(strangers))
    found = np.concatenate([found, strangers])
    found[:, 0] += SPOT_DEG * rng.normal(size=len(found)) / np.maximum(np.abs(found[:, 4]), 0.1)
    found[:, 1:3] += SPOT_PX * rng.normal(size=(len(found), 2))
    return MadeUp(_table(found, scan, content), turns, places, each)


def _table(spots: Floats, scan: Scan, content: Content) -> BlobTable:
    """Blobs of one size without voxels; `spots` are rows of omega (deg), row, col, intensity, sin eta."""
    n, step = len(spots), abs(scan.omega_step_deg)
    omega, row, col = np.mod(spots[:, 0], 360.0), spots[:, 1], spots[:, 2]
    edge = max(content.edge_px or TYPICAL_EDGE_PX, 2.0)
    long = 0.05 / np.maximum(np.abs(spots[:, 4]), 0.1)
    frames = np.maximum(4 * long / step, 1).astype(np.int64)
    columns = {column.name: np.zeros(n, dtype=column.dtype) for column in COLUMNS}
    columns |= {
        "spot3d_id": np.arange(n, dtype=np.int64),
        **dict.fromkeys(("s_raw", "sc"), row),
        **dict.fromkeys(("f_raw", "fc"), col),
        "omega": omega * np.sign(scan.omega_step_deg),
        "frame": omega / step - 0.5,
        "sum_intensity": 1e4 * spots[:, 3] / max(float(spots[:, 3].mean()) if n else 1.0, 1e-30),
        "Number_of_pixels": (0.7 * edge**2 * frames).astype(np.int64) + 1,
        **dict.fromkeys(("sigs", "sigf"), np.full(n, edge / 4)),
        "sigo": long,
    }
    columns["IMax_int"] = columns["sum_intensity"] / columns["Number_of_pixels"] * 4
    columns["threshold"] = 0.1 * columns["IMax_int"]
    for name, middle, size in (("row", row, edge), ("col", col, edge), ("frame", omega / step, frames)):
        columns[f"{name}_start"] = np.rint(middle - size / 2).astype(np.int64)
        columns[f"{name}_stop"] = np.rint(middle + size / 2).astype(np.int64) + 1
    nothing = np.zeros(0, dtype=np.int64)
    voxels = Voxels(np.zeros(n + 1, dtype=np.int64), nothing, nothing, nothing, nothing.astype(np.float32))
    none_rejected = np.zeros(n, dtype=np.uint8)
    return BlobTable(columns, none_rejected, voxels, scan.shape, 0.0, scan.omega_step_deg, scan.full_turn)


def _shape_s(
    radius: float, spots_a_grain: float, recipe: Recipe, rng: np.random.Generator, executor: Executor
) -> float:
    """Seconds for the shape of one grain of that radius (voxels), all threads being at work on others."""
    params, larger = recipe.reconstruct, max(radius / LARGEST, 1.0) ** 3
    radius = float(np.clip(radius, 1.0, LARGEST))
    views = int(np.clip(min(params.projections, spots_a_grain), params.fewest_projections, 200))
    reach = radius + params.margin_px
    edge = 2 * int(np.ceil(reach)) + 1
    half = np.array([int(np.ceil(reach + 2)), int(np.ceil(1.3 * reach + 2))])
    omega, lean = rng.uniform(0, 2 * np.pi, views), rng.uniform(-0.2, 0.2, views)
    slope = np.moveaxis(
        np.array([[np.sin(omega), np.cos(omega)], [-np.cos(omega) * lean, np.sin(omega) * lean]]), -1, 0
    )
    middle = (edge - 1) / 2
    offset = half - slope @ np.full(2, middle) - np.array([0.0, middle])
    x, y, z = np.ogrid[:edge, :edge, :edge]
    ball = ((x - middle) ** 2 + (y - middle) ** 2 + (z - middle) ** 2 <= radius**2).astype(np.float32)
    support = np.broadcast_to((x - middle) ** 2 + (y - middle) ** 2 <= reach**2, ball.shape)
    size = (views, *(2 * half + 1).tolist())
    image = SirtSolver(slope, offset, np.ascontiguousarray(support), size).forward(ball)
    known = np.ones(size, dtype=np.float32)

    cylinder = np.ascontiguousarray(support)
    data = Data(image / np.float32(image.sum() / views), known, np.ones(views), cylinder)

    def one(_: int) -> None:
        fit_density(data, params, lambda part: SirtSolver(slope, offset, part, size, BLUR_PX))

    return seconds_of(lambda: list(executor.map(one, range(executor.threads))), times=2) / executor.threads * larger


def _map_s(recipe: Recipe, phases: tuple[Phase, ...], rng: np.random.Generator, radius: float) -> float:
    """Seconds for each voxel of the map."""
    radius = min(radius, MAP_EDGE / 4)
    edge = 2 * int(np.ceil(radius)) + 1
    x, y, z = (np.mgrid[:edge, :edge, :edge] - (edge - 1) / 2) / radius
    density = np.asarray(1.5 - np.sqrt(x**2 + y**2 + z**2), dtype=np.float32).clip(0)
    nothing = np.zeros(0)
    corners = rng.integers(0, max(MAP_EDGE - edge, 1), (MAP_GRAINS, 3)) - MAP_EDGE // 2
    shapes = [
        GrainShape(i, density, corner.astype(float), 1.0, 0.5, 0.0, 0, nothing, nothing, nothing)
        for i, corner in enumerate(corners)
    ]
    turns = Rotation.random(MAP_GRAINS, rng=rng).as_matrix()
    row = np.zeros(MAP_GRAINS)
    ubi = np.asarray(np.linalg.inv(turns @ phases[0].B), dtype=np.float64)
    grains = GrainTable(
        turns, ubi, corners.astype(float), row, np.zeros(MAP_GRAINS, np.int64),
        np.zeros(MAP_GRAINS + 1, np.int64), np.zeros(0, np.int64), np.zeros(0, bool), row, row, row,
    )  # fmt: skip
    sample = SampleShape("box", (float(MAP_EDGE),) * 3)
    # however little these grains measure: a map that is filled takes longest
    params = recipe.assemble.model_copy(update={"fill": "none" if recipe.assemble.fill == "none" else "mask"})

    def one() -> None:
        volume = assemble(shapes, grains, params, sample=sample)
        describe(grains, volume, phases)

    return seconds_of(one) / MAP_EDGE**3
