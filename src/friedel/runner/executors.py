"""Who does the work: threads of this process. Kernels and decompression release the interpreter lock."""

import math
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from friedel.model.stream import Executor, Serial

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 2
"""Pieces that wait per thread: enough that no thread idles, few enough that results do not pile up."""

NICE = 10
"""What threads that give way are nicer than others: while both have work, they get a tenth of a core's time."""

_LONGEST_WAIT_S = 10.0
"""Quiet work goes on at last, however busy others are."""

_here = threading.local()


class Threads:
    """A pool of threads. Results come in the order of the items, and at most `AHEAD * threads` wait.

    Items are taken from the caller's thread, lazily. An exception of a piece appears where its result would,
    and what has not begun by then never begins. A piece that itself calls `map` gets it done in its own thread:
    waiting for the pool from inside the pool could wait forever. `quiet` threads give way to others (`give_way`),
    and wait as long as the pool is `held`.
    """

    def __init__(self, threads: int, *, quiet: bool = False) -> None:
        self._threads, self._quiet = threads, quiet
        self._holders, self._lock, self._free = 0, threading.Lock(), threading.Event()
        self._free.set()
        self._pool = ThreadPoolExecutor(
            threads, thread_name_prefix="friedel", initializer=_begin_worker, initargs=(quiet,)
        )

    @property
    def threads(self) -> int:
        """How many pieces run at a time."""
        return self._threads

    @contextmanager
    def held(self) -> Iterator[None]:
        """Begin no piece meanwhile: something else needs the cores. Only for `quiet` threads."""
        with self._lock:
            self._holders += 1
            self._free.clear()
        try:
            yield
        finally:
            with self._lock:
                self._holders -= 1
                if not self._holders:
                    self._free.set()

    def map(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Do `work` on each item."""
        return map(work, items) if getattr(_here, "worker", False) else self._map(work, items)

    def _map(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                waiting.append(self._pool.submit(self._do, work, item))
                if len(waiting) >= AHEAD * self._threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

    def _do(self, work: Callable[[Item], Result], item: Item) -> Result:
        if self._quiet:
            self._free.wait(_LONGEST_WAIT_S)
        return work(item)

    def close(self) -> None:
        """Let the running pieces end and start no other."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Alone(Serial):
    """`Serial` with the same life as `Threads`."""

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nothing can be held: each piece is done by who asks for it."""
        yield

    def close(self) -> None:
        """Nothing to end."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to end."""


def local_executor(threads: int = 0, *, quiet: bool = False) -> Threads | Alone:
    """The executor of this machine; 0 threads means every core that this process may use."""
    count = threads or usable_cores()
    return Threads(count, quiet=quiet) if count > 1 else Alone()


def give_way() -> None:
    """Let this thread have what cores others leave, for good. Only Linux has priorities of single threads."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), os.getpriority(os.PRIO_PROCESS, 0) + NICE)


def usable_cores(control_groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Cores that this process may use: its affinity, and the quota of its container or job."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    quota = _core_quota(control_groups)
    return max(1, min(count, math.ceil(quota)) if quota else count)


def _core_quota(control_groups: Path) -> float:
    """Cores the control group grants, 0 where it does not say (version 2, else version 1)."""
    try:
        quota, period = (control_groups / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota = (control_groups / "cpu" / "cpu.cfs_quota_us").read_text().strip()
            period = (control_groups / "cpu" / "cpu.cfs_period_us").read_text().strip()
        except OSError:
            return 0.0
    if not quota.isdigit() or not period.isdigit() or int(period) == 0:
        return 0.0
    return int(quota) / int(period)


def _begin_worker(quiet: bool) -> None:
    _here.worker = True
    if quiet:
        give_way()


__all__ = ["Alone", "Executor", "Threads", "give_way", "local_executor", "usable_cores"]
