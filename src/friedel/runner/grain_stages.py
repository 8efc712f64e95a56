"""The stages from blobs to the map: each reads the files of those before it, and writes its own."""

import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from friedel.assemble import assemble
from friedel.calibrator import (
    CalibrationRequest,
    choose_lean,
    choose_motion,
    choose_scale,
    choose_setup,
    same_geometry,
)
from friedel.calibrator.sense import MIRRORED
from friedel.describe import describe as describe_map
from friedel.errors import FriedelWarning, InputError, RecipeError, ScanError
from friedel.index import index
from friedel.io.setup_record import load_setup, setup_record, setup_with
from friedel.io.shape_store import write_shapes
from friedel.io.store import read_indexed_volumes, write_grains, write_pairs, write_volume
from friedel.match import match
from friedel.model.absorption import Absorption, body_of
from friedel.model.blobs import BlobTable
from friedel.model.crystal import Phase
from friedel.model.explained import Explained, explained
from friedel.model.families import used_reflections
from friedel.model.grains import GrainTable, Status
from friedel.model.leaning_axis import of_straight_axis
from friedel.model.pairs import PairTable
from friedel.model.setup import Setup
from friedel.model.shapes import GrainShape, SampleMask
from friedel.model.still_sample import of_still_sample
from friedel.output_folder.files import BLOBS, GRAIN_STAGES, GRAINS, PAIRS, RECORD, SHAPES, VOLUME
from friedel.output_folder.reader import OutputFolder
from friedel.output_folder.record import RunRecord, StageRecord, output_of
from friedel.reconstruct import absorption_of_spots, fit_strengths, reconstruct
from friedel.runner.absorbing import judged, recorded, sample_absorption
from friedel.runner.clean_again import frames_again
from friedel.runner.compiling import compiling
from friedel.runner.grain_figures import about_bends, bends_of_grains, completeness_with_faint, spots_by_way
from friedel.runner.job import Job
from friedel.runner.progress import log, warnings_kept
from friedel.runner.specimen import height_doubt, sample_in_beam, sample_mask

Counts = dict[str, Any]
FRAMES_NOT_READ = "frames_not_read_again"
"""What a record of reconstruct says where it did without: the next run does it again."""


class Done(NamedTuple):
    """What a stage hands back: the files that it wrote, numbers of things, and what it found out."""

    files: list[str]
    counts: Counts
    measured: Mapping[str, Any] = {}


class StageInputs:
    """What the stages share: blobs, crystals and set-ups, read when first asked for.

    `record` gives what `run.json` says at the moment.
    """

    def __init__(self, job: Job, record: Callable[[], RunRecord]) -> None:
        recipe = job.recipe
        if recipe.setup is None:
            raise RecipeError("setup", rule="is needed for the stages after segment")
        self.job, self.record = job, record
        self.phases: tuple[Phase, ...] = tuple(phase.phase() for phase in recipe.phase)
        self.request = CalibrationRequest(
            replace(recipe.setup.setup(), distortion=job.distortion), self.phases,
            recipe.setup.calibrate, recipe.match, recipe.run.seed, watcher=job.progress,
        )  # fmt: skip
        self._blobs: BlobTable | None = None
        self._mask: list[tuple[Setup, SampleMask | None]] = []

    def mask(self, setup: Setup) -> SampleMask | None:
        """Where the sample is, looked at once for each geometry."""
        if not self._mask or not same_geometry(self._mask[-1][0], setup):
            self._mask.append((setup, sample_mask(self.job, setup)))
        return self._mask[-1][1]

    def absorption(self, setup: Setup) -> Absorption | None:
        """How the sample absorbs, from the recipe or the direct beam."""
        recipe, seen = self.job.recipe.setup, self.record().stages.get("preprocess")
        if recipe is None or recipe.absorption_per_mm == 0:
            return None
        margins = seen.measured.get("margins", []) if seen else []
        return sample_absorption(self.job, setup, self.mask(setup), self.beam, margins)

    def absorption_of_index(self, setup: Setup) -> Absorption | None:
        """The absorption that indexing corrected."""
        measured = self.record().stages["index"].measured
        known = "absorption" in measured
        return recorded(measured, body_of(self.mask(setup) or setup.sample)) if known else None

    def absorption_of_spots(self, setup: Setup, grains: GrainTable, absorption: Absorption) -> tuple[float, float]:
        """What the spots of grains say of it: 1/um and its error."""
        return absorption_of_spots(self.still_blobs(setup, grains), grains, setup, self.phases, absorption)

    @property
    def oddities(self) -> tuple[str, ...]:
        """What is odd about the crystals: said before the first frame is read, recorded with the first stage."""
        return tuple(dict.fromkeys(text for phase in self.phases for text in phase.oddities()))

    @property
    def blobs(self) -> BlobTable:
        """The blobs of `blobs.h5`, as they were found."""
        if self._blobs is None:
            folder = OutputFolder(self.job.out)
            self._blobs = folder.needed(folder.found_blobs, BLOBS)
        return self._blobs

    def still_blobs(self, setup: Setup, grains: GrainTable | None = None) -> BlobTable:
        """The same as if the sample had not moved, nor its axis leant, as the set-up says; `grains`, where there
        are some, say of their blobs exactly how far they lie beside."""
        return of_straight_axis(of_still_sample(self.blobs, setup), setup, grains)

    def setup(self, file: str) -> Setup:
        """The set-up that a stage left in its file: the recipe's, as far as it was not calibrated."""
        return load_setup(self.job.out / file, self.request.given)

    @property
    def matched_setup(self) -> Setup:
        """The set-up that match ended with; `pairs.h5` may have that of the grains already."""
        return setup_with(self.record().stages["match"].measured.get("setup"), self.request.given, RECORD)

    def pairs(self, setup: Setup) -> PairTable:
        """The pairs with a set-up: those of `pairs.h5` where they were matched with it, else matched anew."""
        if same_geometry(setup, self.setup(PAIRS)):
            folder = OutputFolder(self.job.out)
            return folder.needed(folder.pairs, PAIRS)
        return self.match(setup)

    def match(self, setup: Setup) -> PairTable:
        """The blobs matched with a set-up."""
        recipe = self.job.recipe
        return match(
            self.still_blobs(setup), self.within_beam(setup), self.phases, recipe.match,
            seed=recipe.run.seed, watcher=self.job.progress,
        )  # fmt: skip

    def within_beam(self, setup: Setup) -> Setup:
        """A sample whose outline is still to be seen in the direct beam lies in the beam: as large as its box."""
        if setup.sample.kind != "absorption":
            return setup
        return replace(setup, sample=sample_in_beam(setup, self.beam))

    @property
    def beam(self) -> Sequence[int] | None:
        """The direct beam's box as it was measured: col0, row0, col1, row1."""
        preprocess = self.record().stages.get("preprocess")
        return preprocess.measured.get("beam") if preprocess else None


def run_stage(name: str, inputs: StageInputs) -> StageRecord:
    """Do one of the stages after segment; its files are in their places when it returns."""
    job = inputs.job
    started, begin = datetime.now(UTC).isoformat(timespec="seconds"), time.perf_counter()
    with warnings_kept() as warned, compiling() as compiled:
        done = STAGE[name](inputs)
    return StageRecord(
        hash=job.hashes[name],
        started=started,
        seconds=time.perf_counter() - begin,
        counts={**done.counts, "threads": job.executor.threads},
        measured={"compiling_s": round(compiled(), 2), **done.measured},
        warnings=[*(inputs.oddities if name == GRAIN_STAGES[0] else ()), *warned],
        outputs={file: output_of(job.out / file) for file in done.files},
    )


def _match(inputs: StageInputs) -> Done:
    job = inputs.job
    given = inputs.request.given
    # pairs know no lean: where the recipe gives one, they are those of a straight axis
    decision = choose_setup(inputs.still_blobs(given), replace(inputs.request, given=inputs.within_beam(given)))
    decision = replace(decision, setup=replace(decision.setup, sample=given.sample))
    _log_calibration(decision.lines)
    if doubt := height_doubt(decision.setup, inputs.beam):
        warnings.warn(f"match: {doubt}", FriedelWarning, stacklevel=2)
    pairs = inputs.match(decision.setup)
    log.info(pairs.message)
    setup = setup_record(decision.setup)
    job.begin_output("match")
    write_pairs(job.out / PAIRS, pairs, {"setup": setup})
    return Done([PAIRS], _counts_of(pairs), {"calibration": [*decision.records], "setup": setup})


def _index(inputs: StageInputs) -> Done:
    """The grains; a set-up that changes here changes the pairs too, so that both files speak of one geometry."""
    job, matched = inputs.job, inputs.matched_setup
    pairs_with = cache(inputs.pairs)
    known: list[GrainTable] = []
    absorption = inputs.absorption(matched)

    @cache
    def grains_with(setup: Setup) -> GrainTable:
        pairs, before = pairs_with(setup), known[-1] if known else None
        grains = index(
            inputs.still_blobs(setup, before), pairs, inputs.within_beam(setup), inputs.phases, job.recipe.index,
            absorption=absorption, executor=job.executor, watcher=job.progress,
        )  # fmt: skip
        known.append(grains)
        return grains

    first, given = grains_with(matched), absorption
    absorption, told = judged(given, lambda one: inputs.absorption_of_spots(matched, first, one))
    if absorption is not given:
        known.clear()
        grains_with.cache_clear()
    decision = choose_setup(
        inputs.blobs, inputs.request, setup=matched, grains=grains_with(matched), index=grains_with
    )
    _log_calibration(decision.lines)
    scale = choose_scale(inputs.blobs, inputs.request, decision.setup, grains_with)
    _log_calibration(scale.lines)
    leans = choose_lean(inputs.blobs, inputs.request, scale.setup, grains_with)
    _log_calibration(leans.lines)
    moving = choose_motion(inputs.blobs, inputs.request, leans.setup, grains_with)
    _log_calibration(moving.lines)
    setup = moving.setup
    grains, pairs = grains_with(setup), pairs_with(setup)
    found = {"grains": len(grains), "completeness": _median(grains.completeness)}
    counts = {**found, "null_completeness": _median(grains.null_completeness)}
    if not same_geometry(setup, matched):
        log.info(f"with the set-up of the grains: {pairs.message}")
        counts |= _counts_of(pairs)
    if setup.axis.sign != inputs.request.given.axis.sign:
        sense = "+z" if setup.axis.sign > 0 else "-z"
        warnings.warn(f"index: {MIRRORED.format(sense=sense)}", FriedelWarning, stacklevel=2)
    share = explained(inputs.blobs, grains)
    counts |= {"explained_blobs": share.blobs, "explained_light": share.light}
    _tell(grains, pairs, share)
    measured = {
        "calibration": [*decision.records, *scale.records, *leans.records],
        "motion": moving.records[0],
        **told,
        **_strengths(inputs, grains, setup, absorption),
    }
    return Done(_write_grains_and_pairs(inputs, setup, grains, pairs), counts, measured)


def _strengths(
    inputs: StageInputs, grains: GrainTable, setup: Setup, absorption: Absorption | None
) -> Mapping[str, Any]:
    """Of phases whose atoms are not known, how strong the families are: 1 for the median one, 0 if never seen."""
    found: dict[str, dict[str, float]] = {}
    for phase in (
        fit_strengths(inputs.still_blobs(setup, grains), grains, setup, inputs.phases, absorption)
        if len(grains)
        else ()
    ):
        if phase.knows_atoms:
            continue
        used = used_reflections(phase, setup, inputs.blobs.shape[1:]).representative.tolist()
        strengths = {**{tuple(hkl): 0.0 for hkl in used}, **phase.strengths}
        ordered = sorted(strengths.items(), key=lambda entry: -entry[1])
        found[phase.name] = {" ".join(map(str, hkl)): round(value, 4) for hkl, value in ordered}
        told = ", ".join(f"{{{name}}} {value:.2g}" for name, value in found[phase.name].items())
        log.info(f"{phase.name}: strengths of its families from the scan: {told}")
    return {"strengths": found} if found else {}


def _write_grains_and_pairs(inputs: StageInputs, setup: Setup, grains: GrainTable, pairs: PairTable) -> list[str]:
    """`grains.h5`, and `pairs.h5` where it is of another set-up; names of the files that are indexing's then.

    Pairs of the set-up that match ended with are match's alone.
    """
    job, attributes = inputs.job, {"setup": setup_record(setup)}
    job.begin_output("index")
    if not same_geometry(setup, inputs.setup(PAIRS)):
        write_pairs(job.out / PAIRS, pairs, attributes)
    write_grains(job.out / GRAINS, grains, attributes)
    return [GRAINS] if same_geometry(setup, inputs.matched_setup) else [GRAINS, PAIRS]


def _log_calibration(lines: Iterable[str]) -> None:
    for line in lines:
        log.info(f"calibrate: {line}")


def _counts_of(pairs: PairTable) -> Counts:
    return {"pairs": len(pairs), "null_pairs": pairs.null_pairs, "candidates": pairs.candidates}


def _tell(grains: GrainTable, pairs: PairTable, share: Explained) -> None:
    """What indexing found, and what is odd about it; grains judge pairs, and where there are none, chance does."""
    for note in grains.notes if len(grains) else grains.notes[1:]:
        if len(grains):  # a map, and something about it that is odd
            warnings.warn(f"index: {note}", FriedelWarning, stacklevel=2)
        else:
            log.info(note)
    log.info(
        f"{len(grains)} grains, median completeness {_median(grains.completeness):.2f}; they explain "
        f"{100 * share.blobs:.0f} % of the blobs and {100 * share.light:.0f} % of the light"
    )
    if len(grains) and share.doubt:
        warnings.warn(f"index: {share.doubt}", FriedelWarning, stacklevel=2)
    if not len(grains):
        if pairs.doubt:
            log.info(pairs.doubt)
        why = grains.notes[0] if grains.notes else "check energy, lattice, distance, centre and rotation"
        warnings.warn(f"index: no grain explains more spots than chance would; {why}", FriedelWarning, stacklevel=2)


def _reconstruct(inputs: StageInputs) -> Done:
    job, setup, folder = inputs.job, inputs.setup(GRAINS), OutputFolder(inputs.job.out)
    grains = folder.needed(folder.grains, GRAINS)
    shapes, trouble = _shapes(inputs, setup, grains)
    measured = {FRAMES_NOT_READ: trouble} if trouble else {}
    job.begin_output("reconstruct")
    write_shapes(job.out / SHAPES, shapes, job.executor)
    ways = spots_by_way(shapes)
    counts = {"shapes": sum(1 for shape in shapes if shape.density.size), **ways}
    if any(ways.values()):
        told = ", ".join(f"{number} {name.removeprefix('spots_')}" for name, number in ways.items())
        log.info(f"spots that the grains predict: {told}")
    if job.recipe.reconstruct.bent == "off":
        return Done([SHAPES], counts, measured)
    bent = sum(1 for shape in shapes if shape.rotation_deg.size)
    asked = sum(1 for shape in shapes if np.isfinite(shape.bend_explained))
    log.info(about_bends(bent, asked, counts["shapes"]))
    return Done([SHAPES], {**counts, "bent": bent}, measured)


def _shapes(inputs: StageInputs, setup: Setup, grains: GrainTable) -> tuple[list[GrainShape], str]:
    """The shapes, and why no faint spots were looked for, where that was asked and frames cannot be read again."""
    job = inputs.job
    known = inputs.still_blobs(setup, grains), grains, setup, inputs.phases, job.recipe.reconstruct
    options: dict[str, Any] = {"executor": job.executor, "mask": inputs.mask(setup), "watcher": job.progress}
    options["absorption"] = inputs.absorption_of_index(setup)
    trouble = ""
    if job.recipe.reconstruct.faint:
        try:
            frames = frames_again(job, inputs.record().stages["preprocess"].measured)
            found = reconstruct(*known, **options, frames=frames)
        except (ScanError, InputError) as error:
            trouble = str(error)
            text = f"reconstruct: faint spots are not looked for, since frames cannot be read again: {trouble}"
            warnings.warn(text, FriedelWarning, stacklevel=2)
        else:
            return found, ""
    return reconstruct(*known, **options), trouble


def _assemble(inputs: StageInputs) -> Done:
    job, setup, folder = inputs.job, inputs.setup(GRAINS), OutputFolder(inputs.job.out)
    grains, shapes = folder.needed(folder.grains, GRAINS), folder.needed(folder.shapes, SHAPES)
    volume = assemble(
        shapes, grains, job.recipe.assemble,
        sample=setup.sample, mask=inputs.mask(setup), watcher=job.progress,
    )  # fmt: skip
    voxels = np.bincount(volume.grain_id[volume.grain_id > 0] - 1, minlength=len(grains))
    indexed = read_indexed_volumes(job.out / GRAINS)
    grains = replace(
        grains, volume_um3=np.asarray(voxels * volume.voxel_um**3, dtype=np.float64),
        completeness_with_faint=completeness_with_faint(shapes, len(grains)),
        **bends_of_grains(volume, shapes, len(grains)),
    )  # fmt: skip
    about = describe_map(grains, volume, inputs.phases)
    job.begin_output("assemble")
    write_volume(job.out / VOLUME, volume)
    attributes = {"setup": setup_record(setup)}
    write_grains(job.out / GRAINS, grains, attributes, description=about, indexed_um3=indexed)
    filled = int(np.count_nonzero(volume.grain_id))
    share = {
        status.name.lower(): float(np.count_nonzero(volume.status == status) / max(filled, 1))
        for status in (Status.MEASURED, Status.CONTESTED, Status.DILATED)
    }
    log.info(f"map of {filled} voxels: " + ", ".join(f"{100 * part:.0f} % {name}" for name, part in share.items()))
    return Done([VOLUME, GRAINS], {"voxels": filled, **share})


def _median(values: Any) -> float:
    return float(np.median(values)) if len(values) else 0.0


STAGE: Mapping[str, Callable[[StageInputs], Done]] = {
    "match": _match,
    "index": _index,
    "reconstruct": _reconstruct,
    "assemble": _assemble,
}
