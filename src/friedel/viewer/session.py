"""What all requests share: the project, the pass over its scan, who may change it, which requests are overtaken."""

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

import anyio
from anyio.to_thread import run_sync
from starlette.requests import Request

from friedel.explorer.scan_pass import ScanPass
from friedel.explorer.solving import Solver
from friedel.explorer.sub_volume import SubVolume
from friedel.model.scan import Scan
from friedel.viewer.control import Control
from friedel.viewer.pictures import Pictures
from friedel.viewer.project import Project

Result = TypeVar("Result")
HEAVY_AT_A_TIME = 4
_MOST_CHANNELS = 4000


class Refused(Exception):  # noqa: N818  (an answer like others)
    """A request that gets an error: status, one line, and the parameter that it is about."""

    def __init__(self, status: int, text: str, key: str = "") -> None:
        super().__init__(text)
        self.status, self.text, self.key = status, text, key


class Session:
    """One server's state.

    `facts` are read by api/progress: name to what to call, filled by who knows them. `endings` are called when the
    server ends.
    """

    def __init__(self, project: Project, scan_pass: ScanPass, solver: Solver) -> None:
        self.project, self.scan_pass, self.solver = project, scan_pass, solver
        self.control = Control()
        self.pictures = Pictures(scan_pass)
        self.facts: dict[str, Callable[[], Any]] = {}
        self.endings: list[Callable[[], Any]] = []
        self.address = ""
        self.ssh = ""
        self._heavy = anyio.CapacityLimiter(HEAVY_AT_A_TIME)
        self._newest: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def revision(self) -> int:
        """Grows with every change that others should hear of."""
        return self.project.revision

    @property
    def scan(self) -> Scan:
        """The scan. Raises `Refused` where there is none."""
        scan = self.project.scan
        if scan is None:
            raise Refused(409, "there is no scan to look at")
        return scan

    def sub_volume(self, frame: int) -> SubVolume:
        """Clean frames around one, at most 50 Mvoxel, held in memory. Call from a worker thread."""
        return self.scan_pass.sub_volume(frame)

    def close(self) -> None:
        """End what works in the background."""
        self.pictures.close()
        self.scan_pass.close()
        for end in self.endings:
            end()
        self.project.executor.close()
        self.project.quiet.close()

    async def in_thread(self, work: Callable[..., Result], *arguments: Any, **named: Any) -> Result:
        """Do heavy work beside the event loop, a few at a time."""
        return await run_sync(partial(work, *arguments, **named), limiter=self._heavy, abandon_on_cancel=False)

    async def while_wanted(
        self, request: Request, work: Callable[..., Result], *arguments: Any, **named: Any
    ) -> Result:
        """`in_thread`, unless the request is overtaken before it gets its turn: `Refused` 409 then."""
        self.still_wanted(request)

        def in_turn() -> Result:
            self.still_wanted(request)
            return work(*arguments, **named)

        return await self.in_thread(in_turn)

    def still_wanted(self, request: Request) -> None:
        """Raise `Refused` 409 where a newer request of the same client and channel came meanwhile.

        `client`, `channel` and `seq` are in the query; without any of them nothing is overtaken.
        """
        query = request.query_params
        client, channel, seq = query.get("client", ""), query.get("channel", ""), query.get("seq", "")
        known = client and channel and seq.isascii() and seq.isdigit() and len(seq) < 20
        if known and self.newer(client, f"{request.url.path} {channel[:64]}", int(seq)):
            raise Refused(409, "overtaken")

    def newer(self, client: str, channel: str, seq: int) -> bool:
        """Note a request; whether a newer one of the same client and channel is known."""
        with self._lock:
            key = (client[:64], channel)
            newest = max(self._newest.pop(key, seq), seq)
            self._newest[key] = newest
            while len(self._newest) > _MOST_CHANNELS:
                self._newest.popitem(last=False)
            return newest > seq

    async def require_control(self, request: Request) -> dict[str, Any]:
        """The body of a request that changes something. Raises `Refused` 409 where somebody else is in control."""
        body = await read_body(request)
        if not body.get("client"):
            raise Refused(400, "client is missing")
        if not self.control.take(who(body)):
            raise Refused(409, "somebody else is in control")
        return body


async def read_body(request: Request) -> dict[str, Any]:
    """A JSON table. Raises `Refused` 400 for anything else."""
    try:
        body = json.loads(await request.body())
    except (ValueError, UnicodeDecodeError, RecursionError):
        raise Refused(400, "the body must be JSON") from None
    if not isinstance(body, dict):
        raise Refused(400, "the body must be a JSON table")
    return body


def who(asked: Mapping[str, Any]) -> str:
    """Who asks: the browser, or the page where it names none."""
    return str(asked.get("browser") or asked.get("client") or "")[:64]


def whole(request: Request, name: str, default: int | None = None) -> int:
    """A whole number of the query. Raises `Refused` 422 where it is none."""
    text = request.query_params.get(name)
    if text is None and default is not None:
        return default
    try:
        return int(text or "")
    except ValueError:
        raise Refused(422, f"{name} must be a whole number", name) from None


def inside(number: int, count: int, name: str) -> int:
    """A number that must lie in 0..count-1. Raises `Refused` 422 where it does not."""
    if not 0 <= number < count:
        raise Refused(422, f"{name} must lie in 0..{count - 1}", name)
    return number


def one_of(request: Request, name: str, choices: tuple[str, ...]) -> str:
    """A word of the query. Raises `Refused` 422 for others."""
    text = request.query_params.get(name, choices[0])
    if text not in choices:
        raise Refused(422, f"{name} must be one of {', '.join(choices)}", name)
    return text


def flag(request: Request, name: str) -> bool:
    """Whether the query says name=1."""
    return request.query_params.get(name) == "1"


__all__ = ["Refused", "Session", "flag", "inside", "one_of", "read_body", "who", "whole"]
