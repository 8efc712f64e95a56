"""Many inputs in processes of their own: a crash or a hang ends its process, and is known by its input."""

import faulthandler
import multiprocessing
import os
import queue
import resource
import shutil
import threading
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz.kinds import KINDS

BATCH = 50
STARTING_S = 180.0
"""A process imports everything and makes its files in this time."""
MOST_MEMORY_BYTES = 3_000_000_000
"""What one input may make a process grow to: files are small, whatever they say."""
STARVED = 6.0
"""Who does not answer for so many times its patience hangs, even if it does nothing meanwhile."""
FAILURES = ("broken", "crash", "hang", "memory")


def rng_of(kind: str, number: int) -> Random:
    """The numbers that make an input: the same ones everywhere."""
    return Random(f"{kind}:{number}")


@dataclass
class Tally:
    """What came of the inputs of each kind, and those that failed: kind, number, how, and what was said."""

    found: dict[str, Counter[str]] = field(default_factory=dict)
    seconds: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[str, int, str, str]] = field(default_factory=list)

    def note(self, kind: str, number: int, outcome: str, said: str, seconds: float) -> None:
        """One input."""
        self.found.setdefault(kind, Counter())[outcome] += 1
        self.seconds[kind] += seconds
        if outcome in FAILURES:
            self.failures.append((kind, number, outcome, said))

    def distinct(self) -> Iterable[tuple[str, int, str, str, int]]:
        """One failure of each sort (by where its traceback ends), and how many of the sort there are."""
        sorts: dict[tuple[str, ...], list[tuple[str, int, str, str]]] = {}
        for one in self.failures:
            places = [line.strip() for line in one[3].splitlines() if "/friedel/" in line or "/tests/" in line]
            last = one[3].strip().splitlines()[-1:]
            sort = (one[2], *places[-1:], *(text.partition(":")[0] for text in last))
            sorts.setdefault(sort, []).append(one)
        for members in sorts.values():
            yield *members[0], len(members)

    @property
    def inputs(self) -> int:
        """All of them."""
        return sum(sum(counts.values()) for counts in self.found.values())

    def lines(self) -> Iterable[str]:
        """A table."""
        for kind, counts in sorted(self.found.items()):
            said = ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())
            each = 1000 * self.seconds[kind] / sum(counts.values())
            yield f"{kind:12s} {sum(counts.values()):7d} inputs, {each:6.1f} ms each: {said}"
        failed = Counter(outcome for _, _, outcome, _ in self.failures)
        bad = ", ".join(f"{failed[outcome]} {outcome}" for outcome in FAILURES)
        yield f"{'all':12s} {self.inputs:7d} inputs: {bad}"


def numbers_of(total: int, names: Iterable[str] = ()) -> dict[str, range]:
    """How many inputs of each kind make up a total."""
    chosen = {name: kind for name, kind in KINDS.items() if not names or name in set(names)}
    shares = sum(kind.share for kind in chosen.values())
    return {name: range(max(1, -(-total * kind.share // shares))) for name, kind in chosen.items()}


def fuzz(wanted: dict[str, range], folder: Path, workers: int, until: float = float("inf")) -> Tally:
    """Try inputs by kind and number, in `workers` processes that work in `folder`; stops when the clock says so."""
    batches: queue.SimpleQueue[tuple[str, list[int]]] = queue.SimpleQueue()
    cut = [
        (name, list(numbers[i : i + BATCH]))
        for name, numbers in wanted.items()
        for i in range(0, len(numbers), BATCH)
    ]
    Random(0).shuffle(cut)
    for one in cut:
        batches.put(one)
    tally, lock = Tally(), threading.Lock()

    def work(number: int) -> None:
        worker = _Worker(folder / f"worker{number}")
        try:
            while time.monotonic() < until:
                try:
                    kind, numbers = batches.get_nowait()
                except queue.Empty:
                    return
                for result in worker.results(kind, numbers):
                    with lock:
                        tally.note(*result)
        finally:
            worker.end()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return tally


def _processor_s(process: int) -> float:
    """Processor time that a process has used, all threads; infinite where it is gone."""
    try:
        return time.clock_gettime(~process << 3 | 2)  # CPUCLOCK_SCHED of clock_getcpuclockid(3)
    except OSError:
        return float("inf")


class _Worker:
    """A process that tries inputs; started again after one that ended it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: Any = None
        self._line: Connection

    def _answers(self, patience_s: float) -> bool:
        """Whether it answers in time; a busy machine that gave it no processor counts for nothing, up to a
        limit."""
        began, used = time.monotonic(), _processor_s(self._process.pid)
        while not self._line.poll(1.0):
            waited, worked = time.monotonic() - began, _processor_s(self._process.pid) - used
            if worked >= patience_s or waited >= STARVED * patience_s:
                return False
        return True

    def results(self, kind: str, numbers: list[int]) -> Iterable[tuple[str, int, str, str, float]]:
        """What comes of each of a batch."""
        left = list(numbers)
        while left:
            self._begin()
            self._line.send((kind, left))
            patience = STARTING_S
            for number in list(left):
                started = time.monotonic()
                try:
                    ended = self._answers(patience)
                    outcome, said, seconds = self._line.recv() if ended else ("hang", "", patience)
                except EOFError:
                    outcome, said, seconds = "crash", self._last_words(), time.monotonic() - started
                if outcome == "unprepared":
                    raise RuntimeError(f"{kind} cannot begin: {said}")
                left.remove(number)
                yield kind, number, outcome, said, seconds
                patience = KINDS[kind].patience_s
                if outcome in ("crash", "hang", "memory"):
                    self.end()
                    break

    def end(self) -> None:
        """Stop the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None

    def _begin(self) -> None:
        if self._process is not None:
            return
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        context = multiprocessing.get_context("spawn")
        self._line, there = context.Pipe()
        self._process = context.Process(target=_serve, args=(there, str(self._folder)), daemon=True)
        self._process.start()
        there.close()

    def _last_words(self) -> str:
        """What the process said last, its stack where it crashed included."""
        if self._process is not None:
            self._process.join(5)
        code = self._process.exitcode if self._process is not None else None
        text = (self._folder / "said.txt").read_text(errors="replace")[-3000:]
        return f"exit code {code}\n{text}"


def _serve(line: Connection, folder: str) -> None:
    """In the process: inputs in, outcomes out."""
    said = os.open(Path(folder) / "said.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(said, stream)
    faulthandler.enable()
    warnings.simplefilter("ignore")
    prepared: set[str] = set()
    while True:
        try:
            kind, numbers = line.recv()
        except EOFError:
            return
        if kind not in prepared:
            home = Path(folder) / kind
            home.mkdir()
            try:
                KINDS[kind].prepare(home)
            except Exception:
                line.send(("unprepared", traceback.format_exc(), 0.0))
                raise
            prepared.add(kind)
        for number in numbers:
            line.send(_one(kind, number))


def _one(kind: str, number: int) -> tuple[str, str, float]:
    """Outcome, what was said about it, seconds."""
    before, said = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, ""
    begin = time.monotonic()
    try:
        outcome = KINDS[kind].one(rng_of(kind, number))
    except Exception:  # noqa: BLE001  (this is what is looked for)
        outcome, said = "broken", traceback.format_exc()
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if 1024 * after > MOST_MEMORY_BYTES and after > 1.2 * before:
        outcome, said = "memory", f"grew from {before} to {after} kB"
    return outcome, said, time.monotonic() - begin
