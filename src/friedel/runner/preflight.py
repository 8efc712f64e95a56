"""A recipe checked whole before the first frame is read: what any stage will need is there, and fits together."""

import os
import shutil
import warnings
from pathlib import Path

import numpy as np

from friedel.errors import CapacityError, FriedelWarning, InputError, OutputError, RecipeError, SetupError
from friedel.io.store import read_volume
from friedel.model.crystal import Phase
from friedel.model.families import beam_hit_px, farthest_two_theta_rad, used_reflections
from friedel.model.reflections import check_number
from friedel.model.scan import Scan
from friedel.model.setup import Setup
from friedel.output_folder.files import GRAIN_STAGES, STAGES
from friedel.preprocess.direct_beam import check_strips, checked_box
from friedel.recipe import Recipe
from friedel.recipe.plausible import LENGTHS, Plausible
from friedel.runner.job import distortion_of
from friedel.runner.plan import GB
from friedel.runner.segment_images import SegmentImages, read_segment_images

CLEAN_BYTES = 1.0
"""A clean int16 pixel after bitshuffle-LZ4 (measured: 0.7 to 1.1 on simulated scans)."""
BLOB_SHARE = 0.002
"""Part of the voxels that end up in blobs.h5 (simulated scans: 0.0005 to 0.002)."""
BLOB_BYTES = 2.5
"""Of the file for each of them, table and all (simulated scans: 2.1 to 2.6)."""
BACKGROUND_BYTES = 1.0
"""Of a pixel of a background (simulated scans: 0.7 to 1.2)."""
SHAPES = "reconstruct"


def crystals_of(recipe: Recipe, last: str | None = None) -> tuple[Phase, ...]:
    """The crystals of a recipe, for a run that ends with the stage `last` (default: all); warns of what is odd.

    Nothing of the scan is needed. Raises `SetupError` for a crystal that cannot be or whose file cannot be read.
    """
    if not _reaches(last, GRAIN_STAGES[0]):
        return ()
    phases = tuple(phase.phase() for phase in recipe.phase)
    for text in dict.fromkeys(text for phase in phases for text in phase.oddities()):
        warnings.warn(text, FriedelWarning, stacklevel=3)
    return phases


def check_recipe(recipe: Recipe, scan: Scan, phases: tuple[Phase, ...], last: str | None = None) -> SegmentImages:
    """Whether recipe and scan fit together, for a run that ends with the stage `last` (default: all).

    Returns the images that [segment] names, which are read for it. Raises `InputError`s that name the key.
    """
    _check_boxes(recipe, scan)
    images = read_segment_images(recipe.segment, scan)
    distortion_of(recipe, scan.shape)
    if recipe.setup is not None and _reaches(last, GRAIN_STAGES[0]):
        setup = recipe.setup.setup()
        _check_centre(recipe, setup, scan)
        _check_voxel(recipe.reconstruct.voxel_um, setup)
        for number, phase in enumerate(phases):
            _check_phase(f"phase.{number}", phase, setup, scan, shapes=_reaches(last, SHAPES))
        if phases and setup.sample.kind == "file" and _reaches(last, SHAPES):
            _check_sample(setup.sample.path)
    return images


def check_output(recipe: Recipe, scan: Scan, out: Path) -> tuple[int, int]:
    """Bytes that the blobs of a run will need, and bytes that are free.

    Raises `OutputError` for a folder that cannot be written to, `CapacityError` for a disk that is too small.
    """
    folder = _existing(out)
    if out.exists() and not out.is_dir():
        raise OutputError(str(out), rule="is a file, not a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(str(out), rule="cannot be written to", got=f"{folder} is read-only")
    need, free = disk_bytes(recipe, scan), shutil.disk_usage(folder).free
    check_disk(out, need, free)
    return need, free


def check_disk(out: Path, need: int, free: int) -> None:
    """Raises `CapacityError` where the results need more bytes than are free."""
    if need > free:
        raise CapacityError(
            str(out), rule=f"the results need about {need / GB:.2f} GB of disk", got=f"{free / GB:.2f} GB free"
        )


def disk_bytes(recipe: Recipe, scan: Scan, voxels: float | None = None) -> int:
    """What backgrounds, blobs of so many `voxels` (default: of a usual scan) and clean frames take on the disk."""
    frames, rows, cols = scan.shape
    pixels = rows * cols
    backgrounds = -(-frames // recipe.preprocess.step) if recipe.preprocess.background != "none" else 0
    disk = BACKGROUND_BYTES * backgrounds * pixels + BLOB_BYTES * (
        BLOB_SHARE * frames * pixels if voxels is None else voxels
    )
    if recipe.preprocess.keep_clean:
        disk += CLEAN_BYTES * frames * pixels
    return int(disk)


def _reaches(last: str | None, stage: str) -> bool:
    return last is None or STAGES.index(last) >= STAGES.index(stage)


def _existing(path: Path) -> Path:
    path = path.absolute()
    return next(folder for folder in (path, *path.parents) if folder.is_dir())


def _check_boxes(recipe: Recipe, scan: Scan) -> None:
    given, shape = recipe.preprocess, scan.shape[1:]
    beam = None if isinstance(given.beam, str) else checked_box("preprocess.beam", given.beam, shape)
    if isinstance(given.margin, tuple):
        for box in given.margin:
            checked_box("preprocess.margin", box, shape)
    if isinstance(given.margin, int) and beam is not None and given.normalise == "margin":
        check_strips(given.margin, beam)
    for one in recipe.segment.excluded:
        if not isinstance(one, str):
            checked_box("segment.exclude", one, shape)


def _check_centre(recipe: Recipe, setup: Setup, scan: Scan) -> None:
    """The beam meets the detector, unless three vectors say on purpose that it does not."""
    _, rows, cols = scan.shape
    given = recipe.setup.detector.centre_px if recipe.setup is not None else None
    hit = beam_hit_px(setup.detector)
    if hit is not None and -0.5 <= hit[0] <= rows - 0.5 and -0.5 <= hit[1] <= cols - 0.5:
        return
    if given is None:
        text = "the beam through the rotation axis misses the detector that setup.detector places"
        warnings.warn(text, FriedelWarning, stacklevel=4)
        return
    raise RecipeError(
        "setup.detector.centre_px",
        rule=f"must lie on the detector of {cols} × {rows} pixels: it is [col, row] in pixels",
        got=list(given),
        way_out="a detector beside the beam is placed by origin_um, u_um, v_um",
    )


def _check_voxel(voxel_um: float, setup: Setup) -> None:
    """A voxel is about as large as a pixel; 0 stands for one."""
    pixel = float(np.linalg.norm(setup.detector.u_um))
    try:
        if voxel_um > 0:
            Plausible(pixel / 16, pixel * 64, "um (1/16 to 64 pixels)", LENGTHS).check(voxel_um)
    except ValueError as error:
        raise RecipeError("reconstruct.voxel_um", rule=str(error), got=voxel_um) from None


def _check_phase(key: str, phase: Phase, setup: Setup, scan: Scan, *, shapes: bool) -> None:
    """Some reflection can be seen, and there are not more than can be listed."""
    try:
        used_reflections(phase, setup, scan.shape[1:])
        if shapes:
            farthest = farthest_two_theta_rad(setup.detector, scan.shape[1:])
            check_number(phase.B, 0.5 * setup.beam.wavelength / np.sin(farthest / 2), f"phase {phase.name}")
    except SetupError as error:
        if error.what == "families":
            raise SetupError(f"{key}.families", rule=error.rule, got=error.got, way_out=error.way_out) from None
        raise


def _check_sample(path: str) -> None:
    """The mask of the sample is a volume that holds something."""
    try:
        volume = read_volume(path)
    except InputError as error:
        raise RecipeError("setup.sample.mask", rule=str(error)) from None
    if not (volume.grain_id > 0).any():
        raise RecipeError("setup.sample.mask", rule="must hold voxels of the sample: all are 0", got=path)
