"""Who may ask at all: the token, the names this server answers to, the origin of changes, the size of bodies."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from anyio import Semaphore, fail_after, move_on_after
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from friedel.runner.progress import log

OWN_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
MOST_BODY = 2_000_000
LARGE_AT_A_TIME = 24
MOST_SENDING_S = 120.0
"""Whoever takes longer for one answer has left without saying so."""
MOST_COMING_S = 15.0
"""A body is here in this time, or the connection ends: half of one must not keep anybody waiting."""
MOST_COMING_BYTES = 64_000_000
"""What all bodies that are coming in may take together."""
_LIGHT = frozenset({"/api/progress", "/api/control", "/api/session", "/api/stop", "/api/log"})
_READS = frozenset({"GET", "HEAD"})
SAFE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Refusal(Exception):  # noqa: N818  (an answer like others)
    """A request that is answered here: status and one line."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


class _Room:
    """Bytes of all bodies that are coming in."""

    def __init__(self) -> None:
        self._bytes = 0

    def take(self, size: int) -> None:
        """Take more, or give back. Raises `Refusal` where there are too many."""
        self._bytes += size
        if size > 0 and self._bytes > MOST_COMING_BYTES:
            raise Refusal(503, "too much is coming in at once: try again")


class _Body:
    """What comes in with one request, up to the limit; `coming` until its end is seen."""

    def __init__(self, receive: Receive, room: _Room, *, coming: bool) -> None:
        self._receive, self._room, self.coming = receive, room, coming
        self._bytes = 0

    async def whole(self) -> Message:
        """All of it as one message. Raises `Refusal` for one that is too large or slow, `ClientDisconnect`."""
        pieces: list[bytes] = []
        try:
            with fail_after(MOST_COMING_S):
                while self.coming:
                    pieces.append(await self._next())
        except TimeoutError:
            raise Refusal(408, "the body did not come in time") from None
        finally:
            self._room.take(-self._bytes)
        return {"type": "http.request", "body": b"".join(pieces), "more_body": False}

    async def _next(self) -> bytes:
        message = await self._receive()
        if message["type"] != "http.request":
            raise ClientDisconnect
        piece: bytes = message.get("body", b"")
        self._bytes += len(piece)
        self._room.take(len(piece))
        if self._bytes > MOST_BODY:
            raise Refusal(413, "the body is too large")
        self.coming = message.get("more_body", False)
        return piece


class Guard:
    """Wraps an application: refuses what must not reach it, and puts the safety headers on every answer."""

    def __init__(self, app: ASGIApp, *, token: str, allow_hosts: Iterable[str], port: int) -> None:
        self._app, self._token = app, token
        self._names = OWN_NAMES | {name.strip().lower().rstrip(".") for name in allow_hosts}
        self.cookie = f"friedel-{port}"
        self._mark = _mark_of(token)
        self._large = Semaphore(LARGE_AT_A_TIME)
        self._room = _Room()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # there are no others here
            await send({"type": "websocket.close", "code": 1008})
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        answer = self._safe(send, scope, headers)
        if refusal is not None:
            await refuse(answer, *refusal)
            return
        coming = "transfer-encoding" in headers or headers.get("content-length", "0") != "0"
        body = _Body(receive, self._room, coming=coming)
        try:
            left = [await body.whole()]  # before its turn: whoever sends slowly keeps no other from it

            async def heard() -> Message:
                return left.pop() if left else await receive()

            await self._in_turn(scope, heard, answer)
        except Refusal as refused:
            await refuse(answer, refused.status, refused.text)
        except ClientDisconnect:
            log.debug(f"nobody waits for {scope['path']} any more")
        except Exception:  # noqa: BLE001  (the page knows that something is wrong; the terminal is told what)
            log.exception(f"internal error in the answer to {scope['method']} {scope['path']}")

    async def _in_turn(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers that may be large are few at a time until they are sent: they wait in memory for slow lines."""
        if not scope["path"].startswith("/api/") or scope["path"] in _LIGHT:
            await self._app(scope, receive, send)
            return
        async with self._large:
            with move_on_after(MOST_SENDING_S):
                await self._app(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        """Status and text, or None where the request may pass."""
        hosts = headers.getlist("host")
        if len(hosts) != 1 or host_name(hosts[0]) not in self._names:
            name = host_name(hosts[0])[:80] if hosts else ""
            return 403, f"this server does not answer to {name!r} (start it with --allow-host NAME for a proxy)"
        if not self._knows_token(scope, headers):
            return 403, "the address lacks the right token: open the one that friedel view printed"
        if scope["method"] not in _READS and not self._own_origin(headers, hosts[0]):
            return 403, "changes are taken from the page of this server only"
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > MOST_BODY:
            return 413, "the body is too large"
        return None

    def _knows_token(self, scope: Scope, headers: Headers) -> bool:
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        return any(_same(text, self._token) for text in query.get("token", [])) or self._has_cookie(headers)

    def _has_cookie(self, headers: Headers) -> bool:
        return any(_same(text, known) for text in self._cookies(headers) for known in (self._mark, self._token))

    def _cookies(self, headers: Headers) -> list[str]:
        found = []
        for line in headers.getlist("cookie"):
            for pair in line.split(";"):  # one by one: a foreign cookie that is odd must not hide ours
                try:
                    jar = SimpleCookie(pair.strip())
                except CookieError:
                    continue
                found += [jar[self.cookie].value] if self.cookie in jar else []
        return found

    def _own_origin(self, headers: Headers, host: str) -> bool:
        """Browsers name the origin of every change; programs that are no browsers name none."""
        origins = headers.getlist("origin")
        if not origins:
            return headers.get("sec-fetch-site", "same-origin") in {"same-origin", "none"}
        parts = urlsplit(origins[0]) if len(origins) == 1 else urlsplit("")
        if parts.scheme not in {"http", "https"}:
            return False
        name = host_name(parts.netloc)
        return parts.netloc.lower() == host.lower() or (name in self._names and name not in OWN_NAMES)

    def _safe(self, send: Send, scope: Scope, headers: Headers) -> Send:
        give = scope["path"] == "/" and not self._has_cookie(headers)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                out = MutableHeaders(scope=message)
                for name, value in SAFE_HEADERS.items():
                    out[name] = value
                if scope["path"].startswith("/api/"):
                    out["Cache-Control"] = "no-store"
                if give and message["status"] == 200:
                    # no Path: the browser takes the page's folder, which is right below a proxy too
                    out.append("Set-Cookie", f"{self.cookie}={self._mark}; HttpOnly; SameSite=Strict")
            await send(message)

        return answer


async def refuse(send: Send, status: int, text: str) -> None:
    """A whole answer that says why not, after which the connection ends: a body may not have been read."""
    body = json.dumps({"error": text}).encode()
    headers = [
        (b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"), (b"cache-control", b"no-store"),
    ]  # fmt: skip
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def host_name(netloc: str) -> str:
    """Of `name:port`, `[::1]:port` or `name`; "" for what is none of these."""
    text = netloc.strip().lower()
    if text.startswith("["):
        name, bracket, rest = text[1:].partition("]")
        return name if bracket and (not rest or (rest[0] == ":" and rest[1:].isdigit())) else ""
    name, colon, port = text.partition(":")
    return name.rstrip(".") if not colon or port.isdigit() else ""


def _mark_of(token: str) -> str:
    """What a browser keeps in place of the token, which no answer holds: it does not lead back to it."""
    digest = hmac.digest(token.encode(), b"friedel cookie", hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode())
