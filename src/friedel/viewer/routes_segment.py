"""Blobs: solved while parameters change, drawn, listed, looked at one by one; distributions, pairs, proposals."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from friedel.errors import FriedelError
from friedel.explorer.blob_details import film, relations, row_of_spot, table_of
from friedel.explorer.display import clean_image
from friedel.explorer.elbow import THRESHOLDS, ElbowCache, elbow
from friedel.explorer.histograms import Histogram, histogram
from friedel.explorer.outlines import Outlines
from friedel.explorer.pairable import (
    CalibratedCounter,
    PairCount,
    PairCounter,
    Proposer,
    ThresholdSearch,
    pairing_key,
)
from friedel.explorer.solution import Overtaken, Scope, Solution
from friedel.model.blobs import Reason
from friedel.recipe import Recipe
from friedel.runner.executors import give_way
from friedel.segment import SegmentParams
from friedel.viewer.encode import array_response
from friedel.viewer.session import Refused, Session, flag, inside, one_of, read_body, whole
from friedel.viewer.solution_facts import blob_facts, summary

Result = TypeVar("Result")
REASONS = [reason.text for reason in Reason]
_ELBOW_S = 0.3
"""So long thresholds are tried for one answer: the page draws what there is, and asks for the rest."""


def routes(session: Session) -> list[Route]:
    """api/solve, table, outlines, noise, blob, film, histogram, elbow, pairable, propose."""
    page = SegmentPage(session)
    session.facts["propose"] = lambda: page.proposer.state
    session.facts["solution"] = lambda: page.newest
    session.endings.append(page.close)

    async def solve(request: Request) -> JSONResponse:
        body = await read_body(request)
        return JSONResponse(await session.in_thread(page.solve, body))

    async def table(request: Request) -> Response:
        return await session.in_thread(page.table, request)

    async def outlines(request: Request) -> Response:
        return await session.in_thread(page.outlines, request)

    async def noise(request: Request) -> Response:
        return await session.in_thread(page.noise, request)

    async def blob(request: Request) -> JSONResponse:
        return JSONResponse(await session.in_thread(page.blob, request))

    async def film_of(request: Request) -> Response:
        return await session.in_thread(page.film, request)

    async def histogram_of(request: Request) -> JSONResponse:
        return JSONResponse(await session.in_thread(page.histogram, request))

    async def elbow_of(request: Request) -> JSONResponse:
        return JSONResponse(await session.in_thread(page.elbow, request))

    async def pairable(request: Request) -> JSONResponse:
        body = await read_body(request)
        return JSONResponse(await session.in_thread(page.pairable, body))

    async def propose(request: Request) -> JSONResponse:
        body = await session.require_control(request)
        await session.in_thread(page.propose, body)
        return JSONResponse({})

    return [
        Route("/api/solve", solve, methods=["POST"]),
        Route("/api/table", table),
        Route("/api/outlines", outlines),
        Route("/api/noise", noise),
        Route("/api/blob", blob),
        Route("/api/film", film_of),
        Route("/api/histogram", histogram_of),
        Route("/api/elbow", elbow_of),
        Route("/api/pairable", pairable, methods=["POST"]),
        Route("/api/propose", propose, methods=["POST"]),
    ]


class SegmentPage:
    """What these routes share; its methods are called in worker threads."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._solver = session.solver
        self._lock = threading.Lock()
        self._known: dict[str, tuple[object, Any]] = {}
        self._elbows = ElbowCache()
        self._counter = CalibratedCounter()
        self.proposer = Proposer()
        self.newest: str | None = None
        self._quiet = ThreadPoolExecutor(1, thread_name_prefix="friedel-aside", initializer=give_way)

    def close(self) -> None:
        """End what goes on in the background."""
        self.proposer.stop()
        self._quiet.shutdown(wait=False, cancel_futures=True)

    def solve(self, body: dict[str, Any]) -> dict[str, Any]:
        """Solve for the page; what a newer request has overtaken is dropped."""
        scope, seq, frame = body.get("scope", "sub"), body.get("seq", 0), body.get("frame", 0)
        params = self._params(body)
        channel = f"{str(body.get('client', ''))[:64]} {str(body.get('slot', ''))[:8]}"
        try:
            found = self._solver.solve(
                params, _scope(scope), around=_number(frame, "frame"), channel=channel, number=_number(seq, "seq")
            )
        except Overtaken:
            raise Refused(409, "overtaken") from None
        self.newest = found.id
        return {**summary(found), "seq": seq}

    def table(self, request: Request) -> Response:
        """All rows, kept ones first."""
        found = self._solution(request)
        names = request.query_params.get("columns")
        values, columns = table_of(found.blobs, names.split(",") if names else None, found.noise)
        return array_response(
            values, pack=flag(request, "pack"), columns=columns, reasons=REASONS, kept=len(found.blobs)
        )

    def outlines(self, request: Request) -> Response:
        """Runs on a frame or a section."""
        found = self._solution(request)
        frames = found.blobs.shape[0]
        start, stop = whole(request, "start", 0), whole(request, "stop", frames)
        index: Outlines = found.outlines
        query = request.query_params
        if "row" in query:
            runs = index.row(whole(request, "row"), start, stop)
        elif "col" in query:
            runs = index.col(whole(request, "col"), start, stop)
        else:
            runs = index.frame(whole(request, "frame"))
        return array_response(runs, pack=flag(request, "pack"))

    def noise(self, request: Request) -> Response:
        """What a solution's values were divided by along a row of the detector."""
        image = self._solution(request).noise
        row = inside(whole(request, "row"), self._session.scan.shape[1], "row")
        if image is None:
            raise Refused(409, "one number is the noise of all pixels")
        return array_response(image[row])

    def blob(self, request: Request) -> dict[str, Any]:
        """One row at length: that with an `id`, or that which is blob `spot` of the run (`id` None: none is)."""
        found, results = self._solution(request), self._session.project.results
        spot = whole(request, "spot", -1)
        row = row_of_spot(found, results.blobs, spot) if spot >= 0 else whole(request, "id")
        if row is None:
            return {"id": None}
        facts = blob_facts(found, row)
        return {**facts, **relations(found, row, results.blobs, results.pairs, results.grains)}

    def film(self, request: Request) -> Response:
        """The frames of one row."""
        scan_pass = self._session.scan_pass
        made = film(self._solution(request), whole(request, "id"), scan_pass.clean)
        scan_state = scan_pass.known()
        encoded = clean_image(
            made.frames,
            scan_state.quantum,
            start=made.start,
            step=made.step,
            row0=made.row0,
            col0=made.col0,
            runs=made.runs,
        )
        return array_response(encoded, pack=flag(request, "pack"))

    def histogram(self, request: Request) -> dict[str, Any]:
        """Values of the draft's scan: of all of it where that was looked through, else of the sub-volume."""
        params, held = self._draft().segment, self._session.sub_volume(whole(request, "frame", self._middle()))
        scope: Scope = "whole" if self._session.scan_pass.bright is not None else "sub"
        resegmenter = self._solver.resegmenter(params, scope, around=held.start)
        key = (*self._look(params), held.start, held.stop, held.exact, resegmenter.floor)

        def made() -> Histogram:
            return self._in_quiet_thread(
                lambda: histogram(resegmenter, params, held.frames, held.scan_state.value_step)
            )

        found: Histogram = self._once("histogram", key, made)
        return {
            "edges": found.edges.tolist(),
            "counts": found.counts.tolist(),
            "noise": found.noise.tolist(),
            "sigma": resegmenter.sigma / resegmenter.unit(params),
            "unit": params.unit,
            "scope": scope,
        }

    def elbow(self, request: Request) -> dict[str, Any]:
        """The curve for the draft's other parameters: with more than `known` thresholds, or all of them."""
        scope = _scope(one_of(request, "scope", ("whole", "sub")))
        params, known = self._draft().segment, whole(request, "known", THRESHOLDS)
        resegmenter = self._solver.resegmenter(params, scope, around=whole(request, "frame", self._middle()))
        alike = params.model_dump_json(exclude={"seed_threshold"})
        key = (scope, *self._look(params), resegmenter.start, resegmenter.stop, resegmenter.floor, alike)
        found = self._in_quiet_thread(
            lambda: self._elbows.after(key, lambda: elbow(resegmenter, params), known, _ELBOW_S)
        )
        return {**found.plain(), "unit": params.unit}

    def pairable(self, body: dict[str, Any]) -> dict[str, Any]:
        """Pairs of the whole scan with these parameters."""
        params, recipe, results = self._params(body), self._draft(), self._session.project.results

        def counted() -> PairCount:
            return self._counter.count(recipe, results, lambda: self._solver.whole_scan_table(params))

        key = (*pairing_key(recipe, results), self._session.scan_pass.generation, params)
        found: PairCount = self._once("pairable", key, counted)
        return found.plain()

    def propose(self, body: dict[str, Any]) -> None:
        """Begin or stop the search."""
        if body.get("stop"):
            self.proposer.stop()
            return
        recipe = self._draft()
        params, counter = recipe.segment, PairCounter.of_run(recipe, self._session.project.results)
        resegmenter = self._solver.resegmenter(params, "whole")
        self.proposer.start(lambda: ThresholdSearch(resegmenter, params, counter))

    def _look(self, params: SegmentParams) -> tuple[object, ...]:
        """What is looked at, and through what."""
        return self._session.scan_pass.generation, params.unit, params.noise, params.excluded

    def _once(self, name: str, key: tuple[object, ...], make: Any) -> Any:
        """What `make` gives, made again only for another key."""
        with self._lock:
            known = self._known.get(name)
        if known is not None and known[0] == key:
            return known[1]
        made = make()
        with self._lock:
            self._known[name] = key, made
        return made

    def _in_quiet_thread(self, work: Callable[[], Result]) -> Result:
        """Done in a thread that gives way: what is drawn beside the blobs must not hold up the blobs."""
        return self._quiet.submit(work).result()

    def _params(self, body: dict[str, Any]) -> SegmentParams:
        values = body.get("segment")
        if not isinstance(values, dict):
            raise Refused(422, "segment must be a table", "segment")
        params = self._session.project.section("segment", values)
        assert isinstance(params, SegmentParams)
        return params

    def _draft(self) -> Recipe:
        recipe = self._session.project.recipe
        if recipe is None:
            raise FriedelError("the recipe", rule="cannot be used")
        return recipe

    def _middle(self) -> int:
        return self._session.scan.shape[0] // 2

    def _solution(self, request: Request) -> Solution:
        return self._solver.solutions.get(request.query_params.get("solution", ""))


def _scope(text: Any) -> Scope:
    scopes: dict[str, Scope] = {"sub": "sub", "whole": "whole"}
    if not isinstance(text, str) or text not in scopes:
        raise Refused(422, "scope must be sub or whole", "scope")
    return scopes[text]


def _number(value: Any, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > 1 << 60:
        raise Refused(422, f"{name} must be a whole number", name)
    return value
