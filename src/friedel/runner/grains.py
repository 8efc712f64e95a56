"""The stages from blobs to the map: each reads the files of those before it, and writes its own."""

import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np

from friedel.assemble import assemble
from friedel.calibrator import CalibrateParams, Calibration, calibrate, choose_sense, refine_setup
from friedel.describe import describe as describe_map
from friedel.errors import FriedelWarning, RecipeError
from friedel.index import index
from friedel.io.setup_record import load_setup, setup_record
from friedel.io.shape_store import write_shapes
from friedel.io.store import (
    read_attributes,
    read_blobs,
    read_pairs,
    write_grains,
    write_pairs,
    write_volume,
)
from friedel.match import match
from friedel.model.blobs import BlobTable
from friedel.model.crystal import Phase
from friedel.model.grains import GrainTable, Status
from friedel.model.setup import Setup
from friedel.model.shapes import SampleMask
from friedel.output_folder.files import GRAINS, SHAPES
from friedel.output_folder.reader import OutputFolder
from friedel.output_folder.record import StageRecord, output_of
from friedel.reconstruct import reconstruct
from friedel.runner.compiling import compiling
from friedel.runner.geometry import calibration_record, sense_record
from friedel.runner.job import Job
from friedel.runner.progress import log, warnings_kept
from friedel.runner.sample import sample_mask

Counts = dict[str, Any]
STAYS = "the geometry of the recipe stays: another one would not give clearly more pairs"
SURE = 3.0
"""Standard deviations of the number of pairs, by which a better geometry must have more of them."""
LEAST_GRAINS = 3
"""With fewer, the other sense of the rotation is tried too."""


class Done(NamedTuple):
    """What a stage hands back: the files that it wrote, numbers of things, and what it found out."""

    files: list[str]
    counts: Counts
    measured: Mapping[str, Any] = {}


class Materials:
    """What the stages share: blobs, crystals and the set-up, read when first asked for."""

    def __init__(self, job: Job) -> None:
        if job.recipe.setup is None:
            raise RecipeError("setup", rule="is needed for the stages after segment")
        self.job = job
        self.phases: tuple[Phase, ...] = tuple(phase.phase() for phase in job.recipe.phase)
        self._given = job.recipe.setup.setup()
        self.calibrate = job.recipe.setup.calibrate
        self._blobs: BlobTable | None = None
        self._mask: list[SampleMask | None] = []

    def mask(self, setup: Setup) -> SampleMask | None:
        """Where the sample is, looked at once."""
        if not self._mask:
            self._mask.append(sample_mask(self.job, setup))
        return self._mask[0]

    @property
    def blobs(self) -> BlobTable:
        """The blobs of `blobs.h5`."""
        if self._blobs is None:
            self._blobs = read_blobs(self.job.out / "blobs.h5")
        return self._blobs

    @property
    def given(self) -> Setup:
        """The set-up of the recipe."""
        return self._given

    def setup(self, file: str) -> Setup:
        """The set-up that a stage left in its file: the recipe's, as far as it was not calibrated."""
        return load_setup(self.job.out / file, self._given)


def run_stage(name: str, materials: Materials) -> StageRecord:
    """Do one of the stages after segment; its files are in their places when it returns."""
    job = materials.job
    started, begin = datetime.now(UTC).isoformat(timespec="seconds"), time.perf_counter()
    with warnings_kept() as warned, compiling() as compiled:
        done = STAGE[name](materials)
    return StageRecord(
        hash=job.hashes[name],
        started=started,
        seconds=time.perf_counter() - begin,
        counts={**done.counts, "threads": job.executor.threads},
        measured={"compiling_s": round(compiled(), 2), **done.measured},
        warnings=list(warned),
        outputs={file: output_of(job.out / file) for file in done.files},
    )


def _match(materials: Materials) -> Done:
    job, setup, phases = materials.job, materials.given, materials.phases
    looked: list[dict[str, Any]] = []
    if materials.calibrate != "off":
        setup, record = _told(calibration_of(materials), setup, "pairs", always=materials.calibrate == "on")
        looked.append(record)
    pairs = match(materials.blobs, setup, phases, job.recipe.match, seed=job.recipe.run.seed)
    log.info(pairs.message)
    job.begin_output("match")
    write_pairs(job.out / "pairs.h5", pairs, {"setup": setup_record(setup)})
    counts = {"pairs": len(pairs), "null_pairs": pairs.null_pairs, "candidates": pairs.candidates}
    return Done(["pairs.h5"], counts, {"calibration": looked})


def _index(materials: Materials) -> Done:
    job, setup = materials.job, materials.setup("pairs.h5")
    grains = _grains(materials, setup)
    looked: list[dict[str, Any]] = []
    if materials.calibrate != "off":
        if len(grains) < LEAST_GRAINS:
            sense = choose_sense(setup, lambda one: len(_grains(materials, one)))
            if sense.changed:
                warnings.warn(f"setup.{sense.line}", FriedelWarning, stacklevel=2)
                looked.append(sense_record(sense.line))
                setup, grains = sense.setup, _grains(materials, sense.setup)
        if len(grains) and (materials.calibrate == "on" or setup_record(setup) != setup_record(materials.given)):
            refined = refine_setup(materials.blobs, grains, setup, materials.phases)
            setup, record = _told(refined, setup, "spots", always=True)
            looked.append(record)
            grains = _grains(materials, setup)
    for note in grains.notes:
        if len(grains):  # a map, and something about it that is odd
            warnings.warn(f"index: {note}", FriedelWarning, stacklevel=2)
        else:
            log.info(note)
    log.info(f"{len(grains)} grains, median completeness {_median(grains.completeness):.2f}")
    if not len(grains):
        text = (
            "no grain explains more spots than chance would: check energy, lattice, distance, centre and rotation"
        )
        warnings.warn(f"index: {text}", FriedelWarning, stacklevel=2)
    job.begin_output("index")
    write_grains(job.out / "grains.h5", grains, {"setup": setup_record(setup)})
    found = {"grains": len(grains), "completeness": _median(grains.completeness)}
    counts = {**found, "null_completeness": _median(grains.null_completeness)}
    return Done(["grains.h5"], counts, {"calibration": looked})


def calibration_of(materials: Materials) -> Calibration:
    """What the pairs say about the geometry of the recipe."""
    recipe = materials.job.recipe
    return calibrate(
        materials.blobs, materials.given, materials.phases, CalibrateParams(accept=materials.calibrate == "on"),
        match_params=recipe.match, seed=recipe.run.seed,
    )  # fmt: skip


def _told(calibration: Calibration, given: Setup, by: str, *, always: bool) -> tuple[Setup, dict[str, Any]]:
    """The set-up to go on with, and the record of it; the log says what was changed, and how sure it is.

    Unless `always`, only more pairs than chance could add are a reason to change anything.
    """
    gain = calibration.pairs_after - calibration.null_after - calibration.pairs_before + calibration.null_before
    lines, setup, kept = calibration.lines, calibration.setup, calibration.lines
    if calibration.fitted and not always and gain <= SURE * max(calibration.pairs_before, 1) ** 0.5:
        lines, setup, kept = (STAYS,), given, (STAYS, *calibration.lines[1:])
    for line in lines:
        log.info(f"calibrate: {line}")
    return setup, calibration_record(by, calibration, kept, changed=setup is not given)


def _grains(materials: Materials, setup: Setup) -> GrainTable:
    job = materials.job
    if setup_record(setup) == read_attributes(job.out / "pairs.h5")["setup"]:
        pairs = read_pairs(job.out / "pairs.h5")
    else:  # pairs depend on the set-up
        pairs = match(materials.blobs, setup, materials.phases, job.recipe.match, seed=job.recipe.run.seed)
    return index(materials.blobs, pairs, setup, materials.phases, job.recipe.index, executor=job.executor)


def _reconstruct(materials: Materials) -> Done:
    job, setup, folder = materials.job, materials.setup("grains.h5"), OutputFolder(materials.job.out)
    grains = folder.needed(folder.grains, GRAINS)
    shapes = reconstruct(
        materials.blobs, grains, setup, materials.phases, job.recipe.reconstruct,
        executor=job.executor, mask=materials.mask(setup),
    )  # fmt: skip
    job.begin_output("reconstruct")
    write_shapes(job.out / "shapes.h5", shapes)
    return Done(["shapes.h5"], {"shapes": sum(1 for shape in shapes if shape.density.size)})


def _assemble(materials: Materials) -> Done:
    job, setup, folder = materials.job, materials.setup("grains.h5"), OutputFolder(materials.job.out)
    grains, shapes = folder.needed(folder.grains, GRAINS), folder.needed(folder.shapes, SHAPES)
    volume = assemble(shapes, grains, job.recipe.assemble, sample=setup.sample, mask=materials.mask(setup))
    voxels = np.bincount(volume.grain_id[volume.grain_id > 0] - 1, minlength=len(grains))
    grains = replace(grains, volume_um3=np.asarray(voxels * volume.voxel_um**3, dtype=np.float64))
    about = describe_map(grains, volume, materials.phases)
    job.begin_output("assemble")
    write_volume(job.out / "volume.h5", volume)
    write_grains(job.out / "grains.h5", grains, {"setup": setup_record(setup)}, description=about)
    filled = int(np.count_nonzero(volume.grain_id))
    share = {
        status.name.lower(): float(np.count_nonzero(volume.status == status) / max(filled, 1))
        for status in (Status.MEASURED, Status.CONTESTED, Status.DILATED)
    }
    log.info(f"map of {filled} voxels: " + ", ".join(f"{100 * part:.0f} % {name}" for name, part in share.items()))
    return Done(["volume.h5", "grains.h5"], {"voxels": filled, **share})


def _median(values: Any) -> float:
    return float(np.median(values)) if len(values) else 0.0


STAGE: Mapping[str, Callable[[Materials], Done]] = {
    "match": _match,
    "index": _index,
    "reconstruct": _reconstruct,
    "assemble": _assemble,
}


def covers_half_a_turn_at_most(job: Job) -> bool:
    """Whether no spot of the scan can have a partner half a turn away."""
    covered = job.scan.shape[0] * abs(job.scan.omega_step_deg)
    return covered <= 180.0 + 2 * abs(job.scan.omega_step_deg)
