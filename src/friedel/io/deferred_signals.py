"""Signals while a library that takes no exception is on the stack: heard afterwards."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any


class DeferredSignals:
    """Signals that came while one of `calls` was on the stack; `deliver` hands them to whom they were for."""

    def __init__(self, calls: frozenset[CodeType]) -> None:
        self._calls = calls
        self._usual: dict[int, Callable[[int, FrameType | None], Any]] = {}
        self._waiting: list[int] = []

    def deliver(self) -> None:
        """Call the handlers that had to wait; one that raises, as Ctrl-C's does, raises here."""
        while self._waiting:
            number = self._waiting.pop(0)
            self._usual[number](number, None)

    def begin(self) -> None:
        """Stand in for every handler that is written in Python."""
        for number in signal.valid_signals():
            handler = signal.getsignal(number)
            if callable(handler) and not isinstance(handler, signal.Handlers):
                self._usual[number] = handler
                signal.signal(number, self._hear)

    def end(self) -> None:
        """Put the handlers back, where nobody has set others meanwhile."""
        for number, handler in self._usual.items():
            if signal.getsignal(number) == self._hear:
                signal.signal(number, handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self._inside(frame):
            self._waiting.append(number)
        else:
            self._usual[number](number, frame)

    def _inside(self, frame: FrameType | None) -> bool:
        while frame is not None:
            if frame.f_code in self._calls:
                return True
            frame = frame.f_back
        return False


@contextmanager
def deferred_signals(*calls: Callable[..., Any]) -> Iterator[DeferredSignals]:
    """In this block no signal's handler runs while one of `calls` is on the stack; at its end it does.

    Python runs handlers between any two steps of Python code in the main thread, and what they raise appears there.
    In a function that a library in C calls that is in the middle of the library, which goes on as if nothing had
    been, or crashes. In another thread nothing has to be done: handlers do not run there.
    """
    deferred = DeferredSignals(frozenset(call.__code__ for call in calls))
    if threading.current_thread() is not threading.main_thread():
        yield deferred
        return
    deferred.begin()
    try:
        yield deferred
    finally:
        deferred.end()
        deferred.deliver()
