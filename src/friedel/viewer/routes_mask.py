"""The mask of bad pixels, painted on the picture."""

from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from friedel.model.arrays import Mask
from friedel.viewer.encode import array_response
from friedel.viewer.session import Refused, Session, flag

MOST_RUNS = 100_000


def routes(session: Session) -> list[Route]:
    """api/mask."""

    async def paint(request: Request) -> JSONResponse:
        body = await session.require_control(request)
        masked = await session.in_thread(painted, session, str(body.get("op", "")), body.get("runs", []))
        return JSONResponse({"masked": masked, "revision": session.revision})

    async def mask(request: Request) -> Response:
        here = session.scan.mask
        return array_response(
            here.view(np.uint8), pack=flag(request, "pack"), edited=session.subject.mask is not None
        )

    return [Route("/api/mask", mask), Route("/api/mask", paint, methods=["POST"])]


def painted(session: Session, op: str, runs: Any) -> int:
    """Change the mask; how many pixels are masked now. Raises `Refused` 422."""
    subject = session.subject
    with subject.lock:
        mask = session.scan.mask.copy()
        if op == "clear":
            subject.set_mask(None)
            session.sweep.refresh()
            return int(np.count_nonzero(session.scan.mask))
        if op not in ("paint", "erase"):
            raise Refused(422, "op must be paint, erase or clear", "op")
        paint_runs(mask, runs, value=op == "paint")
        subject.set_mask(mask)
    session.sweep.refresh()
    return int(np.count_nonzero(mask))


def paint_runs(mask: Mask, runs: Any, *, value: bool) -> None:
    """Set runs [row, col0, col1) of a mask; what lies outside is cut off. Raises `Refused` 422."""
    if not isinstance(runs, list) or len(runs) > MOST_RUNS:
        raise Refused(422, f"runs must be a list of at most {MOST_RUNS}", "runs")
    rows, cols = mask.shape
    for run in runs:
        if not (isinstance(run, list) and len(run) == 3 and all(type(part) is int for part in run)):
            raise Refused(422, "a run is [row, col0, col1]", "runs")
        row, first, last = run
        if 0 <= row < rows:
            mask[row, max(first, 0) : min(max(last, 0), cols)] = value
