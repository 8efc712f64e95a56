"""Connections on which a request's head does not come in time are ended: they would stay for ever."""

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_HEAD_S = 30.0
"""From the first byte of a connection that waits for a request to the end of its head."""


class PromptHeads(H11Protocol):
    """uvicorn's connection, with a deadline for what comes before a body (`Guard` has one for the body)."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A new connection: its first head is waited for."""
        super().connection_made(transport)
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        """Some bytes; whatever ends a head ends the waiting for it."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        elif self._deadline is None:
            self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end of it."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait_for_head(self) -> None:
        self._deadline = self.loop.call_later(MOST_HEAD_S, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
