"""Requests to the page that its own scripts would not send."""

import json
import warnings
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz.damage import damaged
from tests.fuzz.kind import BrokenContractError
from tests.fuzz.texts import ODD_TEXTS, odd_value
from tests.viewer_scan import HOST, PORT, TOKEN, page_of, write_recipe

PATHS = (
    "/", "/api/session", "/api/progress", "/api/control", "/api/draft", "/api/frame", "/api/section",
    "/api/course", "/api/grains", "/api/spots", "/api/grain", "/api/voxel", "/api/volume", "/api/colours",
    "/api/key", "/api/mask", "/api/estimate", "/api/stop", "/api/log", "/api/save", "/api/solve", "/api/table",
    "/api/outlines", "/api/noise", "/api/blob", "/api/film", "/api/histogram", "/api/elbow", "/api/pairable",
    "/api/propose", "/api/light", "/static/index.html", "/static/lib/state.js", "/nothing", "/api/", "//",
    "/static/../server.py", "/api/session/",
)  # fmt: skip
NAMES = (
    "kind", "index", "step", "axis", "at", "start", "stop", "frame", "row", "col", "client", "channel", "seq",
    "solution", "columns", "id", "x", "y", "z", "layer", "phase", "size", "scope", "known", "from", "pack", "token",
)  # fmt: skip
WORDS = (
    "raw",
    "clean",
    "background",
    "row",
    "col",
    "0",
    "1",
    "5",
    "-1",
    "59",
    "60",
    "1e3",
    "9" * 30,
    "grain_id",
    "whole",
    "sub",
)
KEYS = (
    "client", "section", "values", "segment", "scope", "seq", "frame", "slot", "op", "runs", "take", "release",
    "stop", "write", "columns",
)  # fmt: skip
SECRET = "7b2f-never-in-an-answer"


class Requests:
    """The application behind the page, asked without a browser."""

    name, share, patience_s = "request", 65, 120.0

    def prepare(self, folder: Path) -> None:
        """One page, which answers all of them."""
        self._stack = ExitStack()
        warnings.simplefilter("ignore")
        self._page = self._stack.enter_context(page_of(write_recipe(folder), token=SECRET))
        del self._page.headers["cookie"]
        self._solution = ""

    def one(self, rng: Random) -> str:
        """A request; what comes back is of the contract: no 5xx, one line of reason, no secret."""
        method = rng.choice(("GET",) * 6 + ("POST",) * 5 + ("HEAD", "PUT", "OPTIONS"))
        path, known = rng.choice(PATHS), rng.random() < 0.95
        query = [(rng.choice(NAMES), self._word(rng)) for _ in range(rng.choice((0, 1, 2, 4, 8)))]
        headers = {"cookie": f"friedel-{PORT}={SECRET}"} if known else {"cookie": f"friedel-{PORT}={TOKEN}"}
        odd = {
            "host": rng.choice(("evil.org", "[::1", "", HOST)),
            "origin": rng.choice(("null", "http://x", f"http://{HOST}")),
            "content-type": "text/html", "range": "bytes=0-", "if-none-match": "*", "accept-encoding": "x",
            "if-modified-since": "x", "cookie": rng.choice(("=", ";;", "a=b; {}", "\xff")), "x-y": "z" * 5000,
        }  # fmt: skip
        headers |= {name: value for name, value in odd.items() if rng.random() < 0.05}
        content = self._body(rng) if method in ("POST", "PUT") else b""
        raw = {name: value.encode("latin-1") for name, value in headers.items()}
        answer = self._page.request(
            method, path, params=query, headers=raw, content=content, follow_redirects=False
        )
        self._check(answer, path, method)
        return f"{answer.status_code // 100}xx"

    def _word(self, rng: Random) -> str:
        if self._solution and rng.random() < 0.15:
            return self._solution
        return rng.choice(WORDS) if rng.random() < 0.7 else rng.choice(ODD_TEXTS)

    def _body(self, rng: Random) -> bytes:
        what = rng.randrange(10)
        if what == 0:
            return rng.choice(
                (b"", b"[" * 50_000, b'{"a":' * 50_000, b"\xff", b"NaN", b"1e999", b'{"client": "\\ud800"}')
            )
        body: dict[str, Any] = {rng.choice(KEYS): odd_value(rng) for _ in range(rng.choice((0, 1, 3, 6)))}
        if rng.random() < 0.7:
            body["client"] = "a"
        if rng.random() < 0.4:
            body["segment"] = {"seed_threshold": rng.choice((60.0, 80.0, odd_value(rng))), "grow_min": 30.0}
        if rng.random() < 0.3:
            body |= {
                "section": rng.choice(("segment", "preprocess", "phase", "setup", "x")),
                "values": odd_value(rng),
            }
        if rng.random() < 0.2:
            body |= {"op": rng.choice(("paint", "erase", "clear")), "runs": odd_value(rng)}
        body.pop("write", None)  # nothing is written here
        text = json.dumps(body).encode()
        return damaged(text, rng) if what == 1 else text

    def _check(self, answer: Any, path: str, method: str) -> None:
        if answer.status_code >= 500:
            raise BrokenContractError(f"{answer.status_code}: {answer.text[:500]}")
        if SECRET in answer.text or any(SECRET in value for value in answer.headers.values()):
            raise BrokenContractError(f"the token is in the answer to {method} {path}")
        if path.startswith("/api/") and answer.headers.get("cache-control") != "no-store":
            raise BrokenContractError(f"the answer to {path} may be kept: {answer.headers.get('cache-control')}")
        if answer.status_code >= 400 and method != "HEAD" and not str(answer.json()["error"]).strip():
            raise BrokenContractError(f"refused without a word: {answer.text[:500]}")
        if path == "/api/solve" and answer.status_code == 200:
            self._solution = str(answer.json()["solution"])
