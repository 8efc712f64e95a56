"""Several may look, one may change: who that is.

Who asks names their browser, which is the same in every tab and after one was closed: nobody waits for themselves.
"""

import threading
import time
from collections.abc import Callable

LEAVE_S = 30.0
"""Whoever gave no sign of life for so long has left."""
_MOST_CLIENTS = 1000


class Control:
    """Browsers by the names that they give themselves; the first who asks has the control.

    Who has left (`leave`, or half a minute of silence) has it still when they come back before anybody else asked.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: dict[str, float] = {}
        self._holder = ""

    def alive(self, client: str) -> None:
        """A sign of life."""
        with self._lock:
            self._note(client)

    def take(self, client: str) -> bool:
        """Ask for the control; whether `client` has it now."""
        with self._lock:
            self._note(client)
            if client and (not self._holder or self._gone(self._holder)):
                self._holder = client
            return bool(client) and self._holder == client

    def release(self, client: str) -> None:
        """Hand it over: whoever asks next has it."""
        with self._lock:
            if self._holder == client:
                self._holder = ""

    def leave(self, client: str) -> None:
        """A page was closed; the next sign of life of another one of the same browser takes this back."""
        with self._lock:
            self._seen.pop(client, None)

    def state(self, client: str) -> dict[str, bool]:
        """Whether it is `client`'s, and whether it is somebody else's."""
        with self._lock:
            mine = bool(client) and self._holder == client
            return {"mine": mine, "taken": bool(self._holder) and not mine and not self._gone(self._holder)}

    def _note(self, client: str) -> None:
        if not client:
            return
        if len(self._seen) >= _MOST_CLIENTS:
            self._seen = {name: seen for name, seen in self._seen.items() if not self._gone(name)}
            if len(self._seen) >= _MOST_CLIENTS:
                return
        self._seen[client] = self._clock()

    def _gone(self, client: str) -> bool:
        return self._clock() - self._seen.get(client, -LEAVE_S) >= LEAVE_S
