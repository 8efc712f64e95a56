"""Spots, pairs, grains and their map."""

import threading
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from friedel.viewer.encode import array_response
from friedel.viewer.grain_facts import SPOT_COLUMNS, GrainFacts
from friedel.viewer.map_layers import LAYERS, MOST_STEP, colours_of, key_image, layer, map_of, voxel_facts
from friedel.viewer.session import Refused, Session, flag, one_of, whole

MOST_KEY = 600


class FactsInForce:
    """The facts about what the output folder holds now; made again when a run has changed it."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lock = threading.Lock()
        self._facts: GrainFacts | None = None

    def __call__(self) -> GrainFacts:
        """Call from a worker thread: files are read."""
        results = self._session.project.results
        with self._lock:
            if self._facts is None or self._facts.results is not results:
                self._facts = GrainFacts(results)
            return self._facts


def routes(session: Session) -> list[Route]:
    """api/grains, api/spots, api/grain, api/voxel, api/volume, api/colours, api/key."""
    facts = FactsInForce(session)

    async def grains(_: Request) -> JSONResponse:
        return JSONResponse(await session.in_thread(lambda: facts().table))

    async def spots(request: Request) -> Response:
        def work() -> Response:
            about = scan_of_spots(facts())
            return array_response(facts().spots, pack=flag(request, "pack"), columns=list(SPOT_COLUMNS), **about)

        return await session.in_thread(work)

    async def grain(request: Request) -> JSONResponse:
        number = whole(request, "id")
        return JSONResponse(await session.in_thread(lambda: facts().grain(number)))

    async def voxel(request: Request) -> JSONResponse:
        x, y, z = (whole(request, name) for name in "xyz")
        return JSONResponse(await session.in_thread(lambda: voxel_facts(facts(), x, y, z)))

    async def volume(request: Request) -> Response:
        name, step = one_of(request, "layer", LAYERS), _within(request, "step", MOST_STEP)

        def work() -> Response:
            return array_response(layer(map_of(facts().results), name, step), pack=flag(request, "pack"))

        return await session.in_thread(work)

    async def colours(_: Request) -> JSONResponse:
        return JSONResponse(await session.in_thread(lambda: colours_of(facts())))

    async def key(request: Request) -> Response:
        phase, size = whole(request, "phase", 0), _within(request, "size", MOST_KEY, 200)
        return await session.in_thread(lambda: array_response(key_image(facts().results, phase, size)))

    return [
        Route("/api/grains", grains),
        Route("/api/spots", spots),
        Route("/api/grain", grain),
        Route("/api/voxel", voxel),
        Route("/api/volume", volume),
        Route("/api/colours", colours),
        Route("/api/key", key),
    ]


def scan_of_spots(facts: GrainFacts) -> dict[str, Any]:
    """Shape of the scan that the blobs are of, where the beam meets the detector, and how the pairs compare."""
    blobs, pairs, setup = facts.results.blobs, facts.results.pairs, facts.results.setup
    about: dict[str, Any] = {"frames": 0, "rows": 0, "cols": 0, "wrapped": False, "pairs": 0, "null_pairs": None}
    if blobs is not None:
        frames, rows, cols = blobs.shape
        about |= {"frames": frames, "rows": rows, "cols": cols, "wrapped": blobs.wrapped}
        about |= {"omega_start_deg": blobs.omega_start_deg, "omega_step_deg": blobs.omega_step_deg}
    if pairs is not None:
        about |= {"pairs": len(pairs), "null_pairs": pairs.null_pairs, "message": pairs.message}
    about["angles"] = setup is not None
    return about


def _within(request: Request, name: str, most: int, default: int = 1) -> int:
    value = whole(request, name, default)
    if not 1 <= value <= most:
        raise Refused(422, f"{name} must lie in 1..{most}", name)
    return value
