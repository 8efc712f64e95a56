"""How long numba compiled: once per installation, and no part of a run's speed."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from numba.core import event


class _Stopwatch(event.Listener):  # type: ignore[misc]
    """Seconds in which at least one thread compiled."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._depth, self._since, self.seconds = 0, 0.0, 0.0

    def on_start(self, event: object) -> None:
        """A kernel, or one that it calls."""
        with self._lock:
            if self._depth == 0:
                self._since = time.perf_counter()
            self._depth += 1

    def on_end(self, event: object) -> None:
        """The same is done."""
        with self._lock:
            self._depth -= 1
            if self._depth == 0:
                self.seconds += time.perf_counter() - self._since


@contextmanager
def compiling() -> Iterator[Callable[[], float]]:
    """A function that tells how many seconds went into it since the block began; kernels from a cache cost none."""
    watch = _Stopwatch()
    with event.install_listener("numba:compile", watch):
        yield lambda: watch.seconds
