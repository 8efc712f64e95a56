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
        before, after = await session.in_thread(painted, session, str(body.get("op", "")), body.get("runs", []))
        changes = {"painted": runs_of(after & ~before), "erased": runs_of(before & ~after)}
        return JSONResponse({"masked": int(np.count_nonzero(after)), "revision": session.revision, **changes})

    async def mask(request: Request) -> Response:
        baseline = session.scan_pass.baseline
        dead = None if baseline is None else baseline.dead
        here = session.scan.mask if dead is None else session.scan.mask | dead
        return array_response(
            here.view(np.uint8), pack=flag(request, "pack"), edited=session.project.mask is not None
        )

    return [Route("/api/mask", mask), Route("/api/mask", paint, methods=["POST"])]


def painted(session: Session, op: str, runs: Any) -> tuple[Mask, Mask]:
    """Change the mask: what it was, and what it is now. Raises `Refused` 422."""
    project = session.project
    with project.lock:
        before = session.scan.mask
        after = before.copy()
        if op == "clear":
            project.set_mask(None)
            after = session.scan.mask
        elif op in ("paint", "erase"):
            paint_runs(after, runs, value=op == "paint")
            project.set_mask(after)
        else:
            raise Refused(422, "op must be paint, erase or clear", "op")
    session.scan_pass.refresh()
    return before, after


def runs_of(mask: Mask) -> list[list[int]]:
    """A mask as `paint_runs` takes it; the first `MOST_RUNS` of its runs."""
    edges = np.diff(mask.astype(np.int8), axis=1, prepend=0, append=0)
    (row, first), (_, last) = np.nonzero(edges == 1), np.nonzero(edges == -1)
    runs: list[list[int]] = np.stack([row, first, last], axis=1)[:MOST_RUNS].tolist()
    return runs


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
