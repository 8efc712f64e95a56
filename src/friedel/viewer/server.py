"""The web server: the page's files, the routes, and the guard in front of them."""

import os
import secrets
import socket
import threading
import webbrowser
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from getpass import getuser
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

from friedel.errors import FriedelError, InputError
from friedel.explorer.scan_pass import ScanPass
from friedel.explorer.solving import Solver
from friedel.runner.progress import log
from friedel.viewer import routes_frames, routes_grains, routes_mask, routes_run, routes_segment, routes_session
from friedel.viewer.guard import Guard
from friedel.viewer.project import Project
from friedel.viewer.prompt_heads import PromptHeads
from friedel.viewer.session import Refused, Session

STATIC = Path(__file__).parent / "static"
OWN_ADDRESS = "127.0.0.1"
ROUTES = (routes_session, routes_frames, routes_mask, routes_segment, routes_grains, routes_run)


FILE_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
"""What browsers must be told: they run no script and take no style sheet that comes as something else."""


class PageFiles(StaticFiles):
    """The page's files, asked for again every time: a newer friedel must not meet an older page.

    Their types are ours, whatever the machine's own table of endings says.
    """

    async def get_response(self, path: str, scope: Scope) -> Response:
        """One file, of the folder or of a folder in it."""
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        kind = FILE_TYPES.get(Path(path).suffix)
        if kind is not None and "content-type" in response.headers:
            response.headers["Content-Type"] = kind
        return response


def make_session(path: Path | str) -> Session:
    """Everything behind one page, of RECIPE.toml or OUT; the pass over the scan begins when the server does."""
    project = Project.open(path)
    if not project.path.exists() and not project.out.exists():
        raise InputError(
            str(path), rule="no such recipe or output folder", way_out="`friedel init SCAN` writes one"
        )
    scan_pass = ScanPass(project)
    return Session(project, scan_pass, Solver(scan_pass, project.executor, project.quiet))


def make_app(session: Session, *, token: str, allow_hosts: Iterable[str] = (), port: int = 0) -> ASGIApp:
    """The application, guarded."""

    async def index(_: Request) -> FileResponse:
        return FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})

    @asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        session.scan_pass.start()
        yield
        session.close()

    app = Starlette(
        routes=[
            Route("/", index),
            *(route for module in ROUTES for route in module.routes(session)),
            Mount("/static", PageFiles(directory=STATIC)),
        ],
        lifespan=life,
        exception_handlers={
            Refused: _refused,
            FriedelError: _wrong,
            HTTPException: _missing,
            Exception: _broken,
        },
    )
    app.router.redirect_slashes = False  # such an answer would repeat the whole address, its token too
    return Guard(app, token=token, allow_hosts=allow_hosts, port=port)


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refused)
    key = {"key": error.key} if error.key else {}
    return JSONResponse({"error": error.text, **key}, status_code=error.status)


async def _wrong(_: Request, error: Exception) -> JSONResponse:
    """Bad values are 422 with the parameter that they are about, all else that went wrong knowingly 409."""
    assert isinstance(error, FriedelError)
    if isinstance(error, InputError):
        return JSONResponse({"error": str(error), "key": error.what}, status_code=422)
    return JSONResponse({"error": str(error)}, status_code=409)


async def _missing(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail.lower()}, status_code=error.status_code)


async def _broken(_: Request, error: Exception) -> JSONResponse:
    text = (str(error).splitlines() or [""])[0]
    return JSONResponse({"error": f"{type(error).__name__}: {text}"}, status_code=500)


class PageServer:
    """A session with its server on a port of this machine: `run` it here, or `begin` it in a thread."""

    def __init__(self, path: Path | str, *, port: int = 0, allow_hosts: Iterable[str] = ()) -> None:
        self.session = make_session(path)
        try:
            self._socket = _bound(port)
        except InputError:
            self.session.close()
            raise
        self.port = int(self._socket.getsockname()[1])
        self.token = secrets.token_urlsafe(24)
        self.session.address = f"http://{OWN_ADDRESS}:{self.port}/"  # answers never hold the token
        self.session.ssh = self.ssh
        app = make_app(self.session, token=self.token, allow_hosts=allow_hosts, port=self.port)
        config = uvicorn.Config(
            app, http=PromptHeads, ws="none", log_config=None, log_level="critical", access_log=False,
            server_header=False, timeout_graceful_shutdown=2, timeout_keep_alive=75, proxy_headers=False,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> str:
        """Where the page is, with the token."""
        return f"http://{OWN_ADDRESS}:{self.port}/?token={self.token}"

    @property
    def ssh(self) -> str:
        """What makes the same address work on another computer."""
        return f"ssh -N -L {self.port}:{OWN_ADDRESS}:{self.port} {_user()}@{socket.gethostname()}"

    def run(self, *, browser: bool) -> None:
        """Serve until an interrupt, which comes out as `KeyboardInterrupt` once all is closed."""
        if browser:
            opener = threading.Timer(0.5, _open, (self.address,))
            opener.daemon = True
            opener.start()
        self._server.run(sockets=[self._socket])

    def begin(self) -> None:
        """Serve in a thread of its own."""
        self._thread = threading.Thread(target=self.run, kwargs={"browser": False}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End what `begin` began."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(timeout=10.0)


def _bound(port: int) -> socket.socket:
    # asyncio sends small packets at once only where the protocol is named: else the end of an answer waits 40 ms
    # for the browser to acknowledge its beginning.
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if os.name == "posix":  # elsewhere it would let two servers have one port
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((OWN_ADDRESS, port))
        bound.listen(128)  # whoever reads the address may use it at once
    except (OSError, OverflowError) as error:
        bound.close()
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError("--port", rule=f"cannot be used: {reason}", got=port, way_out="leave it out") from None
    return bound


def _user() -> str:
    try:
        return getuser()
    except (KeyError, OSError):  # a container without that user
        return "user"


def _open(address: str) -> None:
    try:
        webbrowser.open(address)
    except webbrowser.Error as error:
        log.debug(f"no browser: {error}")
