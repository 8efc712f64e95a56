"""The one pass from raw frames to blobs, and the shorter one from clean frames that were kept."""

import time
import warnings
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from typing import Any, Self

import numpy as np

from friedel.errors import FriedelWarning, ScanError
from friedel.io import open_scan
from friedel.io.clean_store import CleanStore, read_clean
from friedel.io.store import BackgroundWriter, write_blobs
from friedel.model.arrays import Image
from friedel.model.baseline import Baseline
from friedel.model.blobs import BlobTable
from friedel.model.distortion import undistorted
from friedel.model.scan import unbridged
from friedel.model.stream import CleanBlock, Executor
from friedel.output_folder.files import BACKGROUND, BLOBS, CLEAN
from friedel.output_folder.record import StageRecord, output_of
from friedel.preprocess import clean_blocks, measure_baseline
from friedel.preprocess.probe_frames import probe_numbers
from friedel.runner.compiling import compiling
from friedel.runner.job import Job
from friedel.runner.prefetch import prefetched
from friedel.runner.progress import Progress, log, shown, warnings_kept
from friedel.runner.scratch import FileScratch
from friedel.segment.double_threshold import segment

Stages = dict[str, StageRecord]


def from_raw(job: Job, *, blobs: bool) -> Stages:
    """Preprocess, and segment in the same pass if `blobs`; returns the records of the finished stages.

    Files appear only when the pass went through: a run that is stopped leaves no half of anything.
    """
    clock = Clock()
    with warnings_kept() as warned, compiling() as clock.compiled:
        baseline = _measured(job)
        with ExitStack() as files, shown(job.progress, "frames", job.scan.shape[0]) as progress:
            notes = files.enter_context(Notes(files.enter_context(_background_writer(job, baseline))))
            blocks = clean_blocks(
                job.scan,
                job.recipe.preprocess,
                baseline,
                windows_per_block=job.plan.windows_per_block,
                executor=job.executor,
                observer=notes,
            )
            if job.recipe.preprocess.keep_clean:
                blocks = _stored(blocks, files.enter_context(_clean_store(job, baseline)), job.executor)
            if job.executor.threads > 1:
                blocks = files.enter_context(closing(prefetched(blocks)))
            blocks = clock.watched(blocks, progress)
            table = _segmented(job, blocks, baseline) if blobs else None
            deque(blocks, maxlen=0)  # what is left of them: all, when nobody wants blobs
            notes.finish()
            _check_probes(job, baseline, notes.corrupt_frames)
            _check_unchanged(job)
            job.begin_output("preprocess")  # the files take their places when this block ends
        wrong_dark = any(text.startswith("scan.dark:") for text in baseline.warnings)
        notes.warn(job.scan.frames.shape, told=wrong_dark)
        with ThreadPoolExecutor(1) as beside:
            preprocess = beside.submit(_preprocess_record, job, baseline, notes, clock, warned)
            segmented = {} if table is None else {"segment": _segment_record(job, table, clock, warned)}
            return {"preprocess": preprocess.result(), **segmented}


def from_clean(job: Job) -> Stages:
    """Segment the frames of `clean.h5` that an earlier run kept."""
    clock = Clock()
    with warnings_kept() as warned, compiling() as clock.compiled:
        baseline = _measured(job)
        with shown(job.progress, "frames", job.scan.shape[0]) as progress:
            bridged: set[int] = set()
            blocks = clock.watched(_noted(read_clean(job.out / CLEAN, job.executor), bridged), progress)
            table = _segmented(job, blocks, baseline)
            _check_probes(job, baseline, bridged)
        job.begin_output("segment")
        return {"segment": _segment_record(job, table, clock, warned)}


class Notes:
    """Hands backgrounds and gains on to their file, and counts what preprocessing met on its way.

    Backgrounds are written in a thread of its own, one at a time, while preprocessing goes on.
    """

    def __init__(self, writer: BackgroundWriter) -> None:
        self._writer = writer
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="friedel-background")
        self._writing: Future[None] | None = None
        self.corrupt_frames: dict[int, str] = {}
        self.clipped_voxels = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(wait=True)

    def background(self, index: int, centre: int, image: Image) -> None:
        """One background image, which nobody changes afterwards."""
        self.finish()
        self._writing = self._thread.submit(self._writer.background, index, centre, image)

    def finish(self) -> None:
        """Wait for the image that is being written; what went wrong with it appears here."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def gains(self, start: int, gains: Image) -> None:
        """Gains of some frames."""
        self._writer.gains(start, gains)

    def corrupt(self, frame: int, why: str) -> None:
        """A frame whose neighbour stands in."""
        self.corrupt_frames[frame] = why
        log.debug(f"frame {frame} {why}: its neighbour stands in")

    def clipped(self, voxels: int) -> None:
        """Voxels beyond the range of the fixed-point numbers."""
        self.clipped_voxels += voxels

    def warn(self, shape: tuple[int, int, int], *, told: bool) -> None:
        """Say once what happened many times; `told` if it is known already why values leave the range."""
        bad = np.zeros(shape[0], np.bool_)
        bad[[*self.corrupt_frames]] = True
        for start, stop in unbridged(bad):
            why = self.corrupt_frames[start]
            text = f"frames {start} to {stop - 1} cannot be used ({why}): nothing is known of them, as in a gap"
            warnings.warn(text, FriedelWarning, stacklevel=2)
            bad[start:stop] = False
        if bad.any():
            first = int(np.argmax(bad))
            text = f"{np.count_nonzero(bad)} of {shape[0]} frames were corrupt, the first is frame {first}"
            warnings.warn(f"{text} ({self.corrupt_frames[first]})", FriedelWarning, stacklevel=2)
        if self.clipped_voxels and not told:
            text = f"{self.clipped_voxels} voxels left the range of the fixed-point numbers"
            warnings.warn(f'{text}; preprocess.arithmetic = "float32" holds them', FriedelWarning, stacklevel=2)


class Clock:
    """Tells apart the time for making clean blocks from the time for using them."""

    def __init__(self) -> None:
        self.started = datetime.now(UTC).isoformat(timespec="seconds")
        self._begin = time.perf_counter()
        self.making = 0.0
        self.compiled: Callable[[], float] = float  # in both; see `compiling`

    def watched(self, blocks: Iterable[CleanBlock], progress: Progress) -> Iterator[CleanBlock]:
        """The same blocks; the progress follows them."""
        source = iter(blocks)
        while True:
            before = time.perf_counter()
            block = next(source, None)
            self.making += time.perf_counter() - before
            if block is None:
                return
            yield block
            progress.reach(block.stop)

    @property
    def total(self) -> float:
        """Seconds since it was made."""
        return time.perf_counter() - self._begin


def baseline_facts(baseline: Baseline) -> dict[str, Any]:
    """What `run.json` keeps of a baseline: all but the image."""
    return {
        "sample": list(baseline.probe_frames),
        "beam": list(baseline.beam) if baseline.beam else None,
        "margins": [list(box) for box in baseline.margins],
        "reference_level": baseline.reference_level,
        "scale": baseline.scale,
        "offset": baseline.offset,
        "sigma": baseline.sigma,
        "dead_pixels": 0 if baseline.dead is None else int(baseline.dead.sum()),
    }


def _measured(job: Job) -> Baseline:
    baseline = measure_baseline(job.scan, job.recipe.preprocess, job.executor)
    for text in baseline.warnings:
        warnings.warn(text, FriedelWarning, stacklevel=2)
    log.debug(f"noise {baseline.sigma:.3g} counts, beam {baseline.beam}, margins {list(baseline.margins)}")
    return baseline


def _noted(blocks: Iterable[CleanBlock], bridged: set[int]) -> Iterator[CleanBlock]:
    """The same blocks; `bridged` gets the numbers of the frames whose neighbours stand in."""
    for block in blocks:
        bridged.update((block.start + np.flatnonzero(block.replaced)).tolist())
        yield block


def _check_probes(job: Job, baseline: Baseline, corrupt: Container[int]) -> None:
    """Raises `ScanError` where a frame could be read in the pass, and not when noise and beam were measured.

    On a disk that is well they would be others. `corrupt` are the frames that could not be read in the pass.
    """
    unseen = set(probe_numbers(job.scan)) - set(baseline.probe_frames)
    at_first = [frame for frame in unseen if frame not in corrupt]
    if at_first:
        way_out = "look after the disk, and run again"
        rule = "could not be read at first, and could be later"
        raise ScanError(f"frame {min(at_first)} of {job.scan.name}", rule=rule, way_out=way_out)


def _check_unchanged(job: Job) -> None:
    """Raises `ScanError` where somebody has written to the scan during the pass: its frames are of two scans."""
    now = open_scan(job.recipe.scan.frames, job.recipe.scan)
    if now.fingerprint != job.scan.fingerprint:
        way_out = "run again when nobody writes to it any more"
        raise ScanError(job.scan.name, rule="has changed while it was read", way_out=way_out)


def _background_writer(job: Job, baseline: Baseline) -> BackgroundWriter:
    frames, rows, cols = job.scan.shape
    params = job.recipe.preprocess
    count = -(-frames // params.step) if params.background != "none" else 0
    return BackgroundWriter(
        job.out / BACKGROUND,
        (count, rows, cols),
        frames=frames,
        tiles=len(job.scan.tiles),
        noise=baseline.sigma_image,
        dead=baseline.dead,
    )


def _clean_store(job: Job, baseline: Baseline) -> CleanStore:
    # a median of an even number of values may lie between two fixed-point steps, a mean anywhere
    whole = job.recipe.preprocess.arithmetic == "fixed" and job.recipe.preprocess.average == 1
    quantum = 0.5 / baseline.scale if whole else None
    return CleanStore(job.out / CLEAN, job.scan.shape, quantum=quantum)


def _stored(blocks: Iterable[CleanBlock], store: CleanStore, executor: Executor) -> Iterator[CleanBlock]:
    for block in blocks:
        store.append_block(block, executor)
        yield block


def _segmented(job: Job, blocks: Iterable[CleanBlock], baseline: Baseline) -> BlobTable:
    with FileScratch(job.out) as scratch:
        found = segment(
            blocks,
            job.scan.shape,
            job.recipe.segment,
            baseline=baseline,
            exclude=job.segment_images.outside(job.recipe.segment, baseline.beam),
            mask=job.scan.mask,
            omega_start_deg=job.scan.omega_start_deg,
            omega_step_deg=job.scan.omega_step_deg,
            wrap=job.recipe.segment.wraps(job.scan.full_turn),
            gaps=job.scan.gaps,
            noise_image=job.segment_images.noise,
            executor=job.executor,
            scratch=scratch,
        )
        return undistorted(found, job.distortion)


def _preprocess_record(job: Job, baseline: Baseline, notes: Notes, clock: Clock, warned: list[str]) -> StageRecord:
    files = [BACKGROUND, *([CLEAN] if job.recipe.preprocess.keep_clean else [])]
    return StageRecord(
        hash=job.hashes["preprocess"],
        started=clock.started,
        seconds=clock.making,
        counts={
            "frames": job.scan.shape[0],
            "missing_frames": job.scan.shape[0] - len(job.scan.present),
            "corrupt_frames": len(notes.corrupt_frames),
            "clipped_voxels": notes.clipped_voxels,
            "windows_per_block": job.plan.windows_per_block,
            "threads": job.executor.threads,
        },
        measured={
            **baseline_facts(baseline),
            "compiling_s": round(clock.compiled(), 2),
            "corrupt_frames": {str(frame): why for frame, why in notes.corrupt_frames.items()},
        },
        warnings=list(warned),
        outputs={name: output_of(job.out / name) for name in files},
    )


def _segment_record(job: Job, table: BlobTable, clock: Clock, warned: list[str]) -> StageRecord:
    write_blobs(
        job.out / BLOBS,
        table,
        {
            "recipe_segment": job.recipe.segment.model_dump(),
            "recipe_preprocess": job.recipe.preprocess.model_dump(),
            "scan_fingerprint": job.scan.fingerprint,
        },
        job.executor,
    )
    reasons = table.counts_by_reason()
    log.info(f"{len(table)} blobs, {len(table.reason) - len(table)} seeds rejected")
    return StageRecord(
        hash=job.hashes["segment"],
        started=clock.started,
        seconds=clock.total - clock.making,
        counts={
            "blobs": len(table),
            "rejected": {name: count for name, count in reasons.items() if count and name != "kept"},
            "voxels": len(table.voxels),
            "threads": job.executor.threads,
        },
        measured={"compiling_s": round(clock.compiled(), 2)},
        warnings=[*job.warned, *warned],
        outputs={BLOBS: output_of(job.out / BLOBS)},
    )
