"""Frames, sections through them, and one pixel's course over the rotation."""

from dataclasses import asdict
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from friedel.errors import FriedelError, RecipeError
from friedel.explorer.display import clean_image, count_image
from friedel.explorer.light_check import LightCheck
from friedel.preprocess import PreprocessParams
from friedel.viewer.encode import array_response
from friedel.viewer.session import Refused, Session, flag, inside, one_of, read_body, whole

KINDS = ("raw", "background", "clean")
MOST_STEP = 64
COURSE_BYTES = 300_000_000
"""Raw bytes that are decoded for one course: a fraction of a second's worth."""


def routes(session: Session) -> list[Route]:
    """api/frame, api/section, api/course, api/light."""
    light = LightCheck(session.project)
    session.endings.append(light.forget)

    async def frame(request: Request) -> Response:
        kind, step = one_of(request, "kind", KINDS), whole(request, "step", 1)
        if not 1 <= step <= MOST_STEP:
            raise Refused(422, f"step must lie in 1..{MOST_STEP}", "step")
        index = inside(whole(request, "index"), session.scan.shape[0], "index")

        def work() -> Response:
            return array_response(session.pictures.get(kind, index, step), pack=flag(request, "pack"))

        return await session.while_wanted(request, work)

    async def section(request: Request) -> Response:
        kind, axis = one_of(request, "kind", ("clean", "raw")), one_of(request, "axis", ("row", "col"))
        frames, rows, cols = session.scan.shape
        at = inside(whole(request, "at"), rows if axis == "row" else cols, "at")
        start, stop = whole(request, "start", 0), whole(request, "stop", frames)
        middle = min(max((start + stop) // 2, 0), frames - 1)
        middle = inside(whole(request, "frame", middle), frames, "frame")

        pack = flag(request, "pack")
        return await session.while_wanted(request, cut, session, kind, axis, at, (start, stop), middle, pack=pack)

    async def course_of(request: Request) -> JSONResponse:
        frames, rows, cols = session.scan.shape
        row, col = inside(whole(request, "row"), rows, "row"), inside(whole(request, "col"), cols, "col")
        near = whole(request, "frame", -1)
        near = near if near == -1 else inside(near, frames, "frame")

        return JSONResponse(await session.while_wanted(request, course, session, row, col, near))

    async def light_of(request: Request) -> JSONResponse:
        values = (await read_body(request)).get("preprocess")
        return JSONResponse(await session.in_thread(told_of_light, session, light, values))

    return [
        Route("/api/frame", frame),
        Route("/api/section", section),
        Route("/api/course", course_of),
        Route("/api/light", light_of, methods=["POST"]),
    ]


def told_of_light(session: Session, light: LightCheck, values: Any) -> dict[str, Any]:
    """What a run with these values of [preprocess] would say of beam and margin: nothing is changed."""
    if not isinstance(values, dict):
        raise Refused(422, "preprocess must be a table", "preprocess")
    try:
        params = session.project.section("preprocess", values)
    except RecipeError as error:
        return {"refused": str(error), "warnings": []}
    assert isinstance(params, PreprocessParams)
    return asdict(light(params))


def cut(
    session: Session, kind: str, axis: str, at: int, wanted: tuple[int, int], middle: int, *, pack: bool
) -> Response:
    """One row or column of the frames that are held around `middle`, [frame, col] or [frame, row]."""
    held = session.sub_volume(middle)
    start, stop = max(held.start, wanted[0]), min(held.stop, wanted[1])
    if start >= stop:
        start, stop = held.start, held.stop
    part = slice(start - held.start, stop - held.start)
    volume = held.frames if kind == "clean" else held.raw(session.project.executor)
    image = np.ascontiguousarray(volume[part, at, :] if axis == "row" else volume[part, :, at])
    about: dict[str, Any] = {
        "kind": kind, "axis": axis, "at": at,  "start": start, "stop": stop, "preview": not held.exact,
    }  # fmt: skip
    encoded = (
        clean_image(image, held.scan_state.quantum, **about) if kind == "clean" else count_image(image, **about)
    )
    return array_response(encoded, pack=pack)


def course(session: Session, row: int, col: int, near: int) -> dict[str, Any]:
    """One pixel over the rotation: every k-th frame, and all frames that are held around `near` (-1: around none).

    `raw` as stored, `normalised` without the dark and times the frame's gain, `median` the background there (None
    where it is not known yet).
    """
    scan, scan_state = session.scan, session.scan_pass.scan_state
    count, rows, cols = scan.shape
    affordable = max(COURSE_BYTES // (rows * cols * scan.frames.dtype.itemsize), 32)
    every = -(-count // affordable)
    numbers = set(range(0, count, every))
    if every > 1 and near >= 0 and scan_state is not None:
        held = session.sub_volume(near)
        numbers |= set(range(held.start, held.stop))
    frames = sorted(numbers)

    def one(frame: int) -> tuple[float | None, float | None]:
        try:
            image = scan.frames.read(frame, frame + 1)[0]
        except FriedelError:
            return None, None
        value = float(image[row, col])
        return value, None if scan_state is None else scan_state.normalised(image, row, col)

    both = list(session.project.executor.map(one, frames))
    return {
        "frames": frames,
        "raw": [_number(value) for value, _ in both],
        "normalised": [_number(value) for _, value in both],
        "median": _medians(session, frames, row, col),
        "every": every,
    }


def _medians(session: Session, frames: list[int], row: int, col: int) -> list[float | None]:
    scan_state = session.scan_pass.scan_state
    if scan_state is None:
        return [None] * len(frames)
    known: dict[int, float | None] = {}
    for index in sorted({scan_state.cleaner.background_of(frame) for frame in frames}):
        known[index] = scan_state.background_at(index, row, col)
    return [known[scan_state.cleaner.background_of(frame)] for frame in frames]


def _number(value: float | None) -> float | None:
    return value if value is not None and np.isfinite(value) else None
