"""Running and saving: what it will take, start and stop, the log, and the recipe's file."""

import threading
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from friedel.errors import FriedelError
from friedel.explorer.heard_warnings import warnings_heard
from friedel.recipe import Recipe
from friedel.viewer.running import Running, estimated
from friedel.viewer.saving import Saving, save, saving_for
from friedel.viewer.session import Refused, Session, read_body, whole


def routes(session: Session) -> list[Route]:
    """api/estimate, run, stop, log, save."""
    page = RunPage(session)
    session.facts["run"] = page.facts
    session.endings.append(page.running.close)

    async def estimate(_: Request) -> JSONResponse:
        return JSONResponse(await session.in_thread(page.estimate))

    async def run(request: Request) -> JSONResponse:
        body = await session.require_control(request)
        await session.in_thread(page.run, body)
        return JSONResponse(page.facts())

    async def stop(request: Request) -> JSONResponse:
        await session.require_control(request)
        page.running.stop()
        return JSONResponse(page.facts())

    async def log(request: Request) -> JSONResponse:
        text, following = page.running.log(session.project.out, whole(request, "from", 0))
        return JSONResponse({"text": text, "next": following})

    async def save_to(request: Request) -> JSONResponse:
        write = (await read_body(request)).get("write") is True
        if write:
            await session.require_control(request)
        return JSONResponse(await session.in_thread(page.save, write=write))

    return [
        Route("/api/estimate", estimate),
        Route("/api/run", run, methods=["POST"]),
        Route("/api/stop", stop, methods=["POST"]),
        Route("/api/log", log),
        Route("/api/save", save_to, methods=["POST"]),
    ]


class RunPage:
    """What these routes share."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lock = threading.Lock()
        self._written = ""
        self.running = Running(lambda begun: session.scan_pass.hold(on=begun))

    def facts(self) -> dict[str, Any]:
        """For api/progress."""
        return self.running.facts(self._session.project.out)

    def estimate(self) -> dict[str, Any]:
        """Of the draft."""
        return estimated(self._draft(), self._session.project.out)

    def run(self, body: dict[str, Any]) -> None:
        """Start, from the recipe's file: what runs is what stands there. `elsewhere` takes a new folder beside OUT.

        Raises `Refused` 409 where the draft is not in the file, `OutputError` where the folder holds other results.
        """
        with self._lock:
            with warnings_heard():
                saving = saving_for(self._session.project)
            if saving.changes:
                raise Refused(409, f"the draft is not saved: {saving.path.name} would run as it is; save it first")
            to, restart = str(body.get("to") or "assemble"), body.get("restart") is True
            project = self._session.project
            out = project.free_folder if body.get("elsewhere") is True else project.out
            if out == project.out and not restart and (refused := project.refused) is not None:
                raise refused
            self.running.start(saving.path, out, to=to, restart=restart)
            if out != project.out:
                project.turn_to(out)

    def save(self, *, write: bool) -> dict[str, Any]:
        """What would be written, or is."""
        project = self._session.project
        with self._lock, project.lock:
            with warnings_heard():  # they were told when the draft was read
                saving = saving_for(project)
            if write and saving.changes:
                save(saving, None if project.mask is None else self._session.scan.mask, ours=self._written)
                self._written = saving.text
                self._taken(saving)
        return saving.plain()

    def _taken(self, saving: Saving) -> None:
        """The file is the draft now: a mask that was painted is the recipe's from now on."""
        self._session.project.saved_to(saving.path)
        self._session.scan_pass.refresh()

    def _draft(self) -> Recipe:
        recipe = self._session.project.recipe
        if recipe is None:
            raise FriedelError("the recipe", rule="cannot be used")
        return recipe
