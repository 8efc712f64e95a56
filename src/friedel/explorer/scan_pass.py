"""One pass over the whole scan, in the background: its backgrounds, and all voxels that any blob may ever hold."""

import threading
import traceback
from collections.abc import Iterator

from friedel.errors import CapacityError, FriedelError
from friedel.explorer.backgrounds import NoBackgrounds, PassBackgrounds, StoredBackgrounds
from friedel.explorer.collected import CollectedVoxels
from friedel.explorer.collecting import Around, Collector, floor_of
from friedel.explorer.heard_warnings import warnings_heard
from friedel.explorer.pass_inputs import PassInputs, ScanAndRecipe, inputs_of
from friedel.explorer.scan_state import ScanState, first_guess
from friedel.explorer.sub_volume import SubVolume, SubVolumes
from friedel.io.sources import held_bytes
from friedel.model.arrays import Frames, Image
from friedel.model.baseline import Baseline
from friedel.model.scan import Scan
from friedel.model.stream import CleanBlock
from friedel.output_folder.files import BACKGROUND
from friedel.preprocess import buffer_bytes, clean_blocks
from friedel.runner.executors import Alone, Threads, give_way, local_executor, usable_cores
from friedel.runner.plan import PROGRAM_BYTES, budget, plan_blocks, usable_memory
from friedel.runner.progress import log
from friedel.segment import SegmentParams
from friedel.segment.bright import BrightVoxels
from friedel.segment.exclude import noise_per_pixel

_CHANGES_END_S = 0.4
"""Parameters that change in quick succession begin one pass, not many."""
_SHARE = 0.5
"""Part of the memory that a run would take."""


class Cancelled(Exception):  # noqa: N818  (nothing went wrong)
    """The parameters have changed meanwhile."""


class ScanPass:
    """Keeps a `ScanState` at a scan up to date: in a thread of its own once it is begun (`start`), else by
    `update`.

    `state` is "waiting", "running", "done", "failed" or "stopped"; `done` of `total` frames; `error` says why it
    failed; `generation` grows whenever what it knows becomes another. `look` is None until the scan is measured.
    """

    def __init__(self, source: ScanAndRecipe, *, executor: Threads | Alone | None = None) -> None:
        self.source = source
        self.state, self.error, self.text = "waiting", "", ""
        self.done, self.total, self.generation = 0, 0, 0
        self.scan_state: ScanState | None = None
        self.sub_volumes = SubVolumes()
        self._wanted: SegmentParams | None = None
        self._collected_for: SegmentParams | None = None
        self._noise: Image | None = None
        self._executor = executor or local_executor(max(1, usable_cores() - 1), quiet=True)
        self._wake = threading.Event()
        self._closed = self._stopped = self._held = self._again = self._at_work = False
        self._current: PassInputs | None = None
        self._thread = threading.Thread(target=self._work, name="friedel-pass", daemon=True)

    # -- what it knows

    @property
    def baseline(self) -> Baseline | None:
        """What one look at a few frames told; None before that."""
        scan_state = self.scan_state
        return None if scan_state is None else scan_state.baseline

    @property
    def bright(self) -> BrightVoxels | None:
        """All bright voxels of the scan, once they are collected."""
        scan_state = self.scan_state
        return None if scan_state is None else scan_state.bright

    @property
    def warnings(self) -> list[str]:
        """What looking at the scan warned of."""
        scan_state = self.scan_state
        return [] if scan_state is None else scan_state.warnings

    @property
    def scan(self) -> Scan | None:
        """The scan that the pass goes over."""
        scan_state = self.scan_state
        return self.source.scan if scan_state is None else scan_state.scan

    @property
    def collected(self) -> CollectedVoxels | None:
        """The bright voxels with what their levels are multiples of."""
        bright = self.bright
        return None if bright is None else CollectedVoxels(bright, self._noise)

    def sub_volume(self, around: Around) -> SubVolume:
        """Clean frames around one, or just [start, stop), held in memory. Raises `FriedelError`s."""
        scan_state, executor = self.known(), self.source.executor
        if isinstance(around, int):
            return self.sub_volumes.around(around, scan_state, self.generation, executor)
        start, stop = around
        return self.sub_volumes.exactly(start, stop, scan_state, self.generation, executor)

    def clean(self, start: int, stop: int) -> Frames:
        """Clean frames [start, stop), float32: the run's where `exact`, else a preview. Raises `FriedelError`."""
        return self.known().clean(start, stop, self.source.executor)

    def exact(self, start: int, stop: int) -> bool:
        """Whether clean frames [start, stop) are exactly those of the run."""
        scan_state = self.scan_state
        return scan_state is not None and scan_state.exact(start, stop)

    @property
    def busy(self) -> bool:
        """Whether it works, or is about to."""
        return self.state == "running" or self._wake.is_set() or self._at_work

    def known(self) -> ScanState:
        """The look at the scan. Raises `FriedelError` where there is none yet."""
        scan_state = self.scan_state
        if scan_state is None:
            why = self.error or "the scan is being measured: a moment"
            raise FriedelError("clean frames", rule=f"are not there yet ({why})")
        return scan_state

    # -- what it is told

    def start(self) -> None:
        """Begin."""
        self._thread.start()
        self.refresh()

    def update(self) -> None:
        """Bring it up to date in this thread, for who has not begun the other. Raises `FriedelError`s."""
        self._stopped = False
        self._wake.clear()
        try:
            self._once()
        finally:
            if self.state == "running":
                self.state = "stopped"

    def refresh(self) -> None:
        """Look whether the parameters have changed, and begin anew where they have."""
        self._stopped = False
        self._wake.set()

    def collect_for(self, params: SegmentParams, floor: float) -> None:
        """Collect again, so that blobs with these parameters, which need `floor`, can be found.

        Raises `CapacityError` where that was tried, and the memory did not do.
        """
        bright = self.bright
        if self.state == "running" and self._wanted == params:
            return
        if bright is not None and self._collected_for == params:
            raise CapacityError(
                "thresholds",
                rule=f"below {bright.floor:.4g} there are more voxels than can be kept",
                got=f"{floor:.4g}",
                way_out="raise segment.grow_min or segment.tolerance, or look at a part of the scan",
            )
        self._wanted = params
        self._again = True
        self.refresh()

    def stop(self) -> None:
        """Give up what is under way; `refresh` begins again."""
        self._stopped = True
        self._wake.set()

    def hold(self, *, on: bool) -> None:
        """Give up what is under way, and begin nothing until it is let go: a run needs cores and memory."""
        self._held = on
        self._wake.set()

    def close(self) -> None:
        """End the thread."""
        self._closed = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5.0)
        if self._executor is not self.source.executor:
            self._executor.close()

    # -- its thread

    def _work(self) -> None:
        give_way()
        while True:
            self._at_work = False
            self._wake.wait()
            self._at_work = True
            self._wake.clear()
            if self._closed:
                return
            if self._stopped or self._held:
                self._rest()
                continue
            try:
                if self._current is not None and self._wake.wait(_CHANGES_END_S):
                    raise Cancelled
                self._once()
            except Cancelled:
                self._wake.set()
            except FriedelError as error:
                self._fail(str(error))
            except MemoryError:
                self._fail("the memory is exhausted: lower run.memory_gb, or close other programs")
            except Exception as error:  # noqa: BLE001  (the page says so, and goes on with what there is)
                log.debug(traceback.format_exc())
                self._fail(f"{type(error).__name__}: {error}".splitlines()[0])

    def _rest(self) -> None:
        """What is done stays so as long as it is what the parameters ask for."""
        if self._stopped or self.state != "done" or self._current is None or self._outdated(self._current):
            self.state, self.text = "stopped", "waits for the run to end" if self._held else ""

    def _fail(self, text: str) -> None:
        self.state, self.error = "failed", text

    def _once(self) -> None:
        """One pass, or nothing where what is known is up to date."""
        before = self._current
        again, self._again = self._again, False
        inputs = inputs_of(self.source, self._wanted)
        if inputs is None:
            self.scan_state, self._current, self.state, self.error = None, None, "waiting", ""
            return
        same = before is not None and before.frames_key == inputs.frames_key and self.scan_state is not None
        if same and not again and self.bright is not None:
            self.state = "done"
            return
        self._current = inputs
        self.state, self.error, self.done, self.total = "running", "", 0, inputs.scan.shape[0]
        with warnings_heard() as heard:
            scan_state = self._passed(inputs, same=same)
        scan_state.warnings += [text for text in heard if text not in scan_state.warnings]
        self.generation += 1
        self.state, self.text, self.done = "done", "", self.total

    def _passed(self, inputs: PassInputs, *, same: bool) -> ScanState:
        scan_state = self.scan_state
        if not same or scan_state is None:
            self.text, self.scan_state, self._collected_for = "measuring", None, None
            self.generation += 1
            scan_state = ScanState.at(inputs.scan, inputs.preprocess, self.source.executor)
            self._find_backgrounds(inputs, scan_state)
            self.scan_state = scan_state
            self.generation += 1
        bright = self._collected_from(inputs, scan_state)
        self._noise = noise_per_pixel(inputs.segment, scan_state.baseline, inputs.segment_images.noise)
        self._collected_for = inputs.segment
        scan_state.bright = bright
        return scan_state

    def _find_backgrounds(self, inputs: PassInputs, scan_state: ScanState) -> None:
        """Those of a run with the same parameters, or room for new ones."""
        frames, rows, cols = inputs.scan.shape
        if inputs.preprocess.background == "none":
            return
        results = self.source.results
        usable = self.source.finished("preprocess") and results.unchanged(BACKGROUND)
        stored = results.backgrounds if usable else None
        count = -(-frames // inputs.preprocess.step)
        if stored is not None and len(stored) == count:
            scan_state.backgrounds = StoredBackgrounds(stored)
        else:
            scan_state.guess = first_guess(inputs.scan, self.source.executor)
            scan_state.backgrounds = PassBackgrounds(count, rows, cols)

    def _blocks(self, inputs: PassInputs, scan_state: ScanState) -> Iterator[CleanBlock]:
        """The pass as a run does it, or with backgrounds that are known."""
        frames = inputs.scan.shape[0]
        made = scan_state.backgrounds
        if isinstance(made, NoBackgrounds | StoredBackgrounds) or scan_state.exact(0, frames):
            return scan_state.cleaner.blocks(0, frames, self._executor)
        allowed = budget(inputs.memory_gb, usable_memory())
        held, threads = held_bytes(inputs.scan.frames), self._executor.threads

        def needed(windows: int) -> int:
            return held + buffer_bytes(inputs.preprocess, inputs.scan.shape, windows, threads)

        share = max(int(_SHARE * allowed), min(allowed, needed(1) + PROGRAM_BYTES))
        plan = plan_blocks(share, needed)
        assert isinstance(made, PassBackgrounds)
        return clean_blocks(
            inputs.scan,
            inputs.preprocess,
            scan_state.baseline,
            windows_per_block=plan.windows_per_block,
            executor=self._executor,
            observer=made,
        )

    def _collected_from(self, inputs: PassInputs, scan_state: ScanState) -> BrightVoxels:
        self.text = "looking at all frames"
        floor = floor_of(inputs.segment, scan_state.baseline)
        collector = Collector(
            inputs.scan, inputs.segment, scan_state.baseline, inputs.segment_images, floor, self._executor
        )
        for block in self._blocks(inputs, scan_state):
            if self._closed or self._stopped or self._held or (self._wake.is_set() and self._outdated(inputs)):
                raise Cancelled
            collector.take(block)
            self.done = block.stop
        return collector.joined()

    def _outdated(self, inputs: PassInputs) -> bool:
        """Whether something else is to be done now; whoever only asked has an answer then."""
        self._wake.clear()
        if self._again:
            return True
        try:
            now = inputs_of(self.source, self._wanted)
        except FriedelError:
            return True
        return now is None or now.frames_key != inputs.frames_key
