"""Who may ask what: tokens, names, origins, paths, sizes and crowds, against the application and a real server."""

import email.message
import http.client
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urljoin
from urllib.request import Request

import psutil
import pytest

from friedel.viewer.guard import host_name
from friedel.viewer.server import FILE_TYPES, STATIC, PageFiles, PageServer
from tests.viewer_scan import HOST, PORT, TOKEN, page_of, settled, write_recipe

COOKIE = {"cookie": f"friedel-{PORT}={TOKEN}"}


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    return write_recipe(tmp_path_factory.mktemp("guarded"))


@pytest.fixture(scope="module")
def page(recipe):
    """A client without any token; give `headers=COOKIE`."""
    with page_of(recipe, token=TOKEN, allow_hosts=["Hub.Example.org."]) as client:
        del client.headers["cookie"]
        yield client


@pytest.fixture(scope="module")
def server(recipe):
    """A real server on a port of its own."""
    made = PageServer(recipe)
    made.begin()
    settled(made.session.scan_pass)
    yield made
    made.close()


def ask(server, path, *, method="GET", headers=None, body=None, token=True):
    """One request as it is written, without a client that would tidy up the path."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        mark = {"Cookie": f"friedel-{server.port}={server.token}"} if token else {}
        connection.putrequest(method, path, skip_host=bool(headers and "Host" in headers))
        for name, value in {**mark, **(headers or {})}.items():
            connection.putheader(name, value)
        if body is not None and "Content-Length" not in (headers or {}):
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, answer.read(), dict(answer.getheaders())
    finally:
        connection.close()


PATHS = [
    "", "api/session", "api/frame?kind=raw&index=0", "nothing", "static/index.html", "static/lib/state.js",
    "static/nothing.js",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "query",
    ["", "token=", "token=b-token", f"token={TOKEN}x", f"token={TOKEN[:-1]}", f"Token={TOKEN}", "token=%ff"],
)
def test_without_the_right_token_nothing_is_answered(page, path, query):
    page.cookies.clear()
    answer = page.get(f"{path}{'&' if '?' in path else '?'}{query}")
    assert answer.status_code == 403
    assert "token" in answer.json()["error"]
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "cookie", [f"friedel-1={TOKEN}", f"friedel-{PORT}=wrong", f"friedel-{PORT}", "=;=;;", f"other={TOKEN}"]
)
def test_a_wrong_cookie_is_no_token(page, cookie):
    page.cookies.clear()
    assert page.get("api/session", headers={"cookie": cookie}).status_code == 403


def test_the_page_gives_the_token_as_a_cookie_that_works_below_a_proxy(page):
    page.cookies.clear()
    answer = page.get(f"?token={TOKEN}")
    assert answer.status_code == 200
    cookie = answer.headers["set-cookie"]
    name, _, rest = cookie.partition("=")
    mark, _, rest = rest.partition("; ")
    assert (name, rest) == (f"friedel-{PORT}", "HttpOnly; SameSite=Strict")
    assert len(mark) > 30
    assert TOKEN not in cookie
    assert "path" not in cookie.lower()  # the browser takes the folder of the page: /user/x/proxy/8123/
    for known in (COOKIE, {"cookie": f"{name}={mark}"}):
        assert page.get("api/progress", headers=known).status_code == 200
        assert "set-cookie" not in page.get("", headers=known).headers
    page.cookies.clear()
    assert page.get("api/progress", headers={"cookie": f"{name}={mark}x"}).status_code == 403
    assert page.get(f"api/progress?token={mark}").status_code == 403  # it is no token
    assert (
        page.get("api/progress", headers={"cookie": f"a=b; _xsrf=2|1; {COOKIE['cookie']}; {{}}=1"}).status_code
        == 200
    )


def test_a_browser_sends_the_cookie_to_all_of_the_page_below_a_proxy_and_to_nobody_else(page):
    class Answer:
        def __init__(self, headers):
            self._headers = email.message.Message()
            self._headers["Set-Cookie"] = headers["set-cookie"]

        def info(self):
            return self._headers

    page.cookies.clear()
    base = "http://hub.example.org/user/x/proxy/8123/"
    jar = CookieJar()
    jar.extract_cookies(Answer(page.get(f"?token={TOKEN}").headers), Request(f"{base}?token={TOKEN}"))
    for path, sent in [
        ("api/session", True),
        ("static/main.js", True),
        ("static/segment/page.js", True),
        ("../8124/", False),
        ("../../../y/", False),
    ]:
        request = Request(urljoin(base, path))
        jar.add_cookie_header(request)
        assert bool(request.get_header("Cookie")) == sent


@pytest.mark.parametrize(
    ("host", "status"),
    [
        (HOST, 200),
        ("localhost:8123", 200),
        ("LOCALHOST", 200),
        ("[::1]:9", 200),
        ("127.0.0.1", 200),
        ("hub.example.org", 200),
        ("hub.example.org:443", 200),
        ("evil.example.org", 403),
        ("127.0.0.1.evil.org", 403),
        ("localhost.evil.org:8123", 403),
        ("evil.org:127.0.0.1", 403),
        ("x@127.0.0.1:80", 403),
        ("[::1].evil.org", 403),
        ("0.0.0.0", 403),
        ("", 403),
    ],
)
def test_only_known_names_are_answered_to(page, host, status):
    assert page.get("api/progress", headers={**COOKIE, "host": host}).status_code == status


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 200),
        (f"http://{HOST}", 200),
        (f"https://{HOST}", 200),
        ("https://hub.example.org", 200),
        ("http://127.0.0.1:9999", 403),  # another server of this machine
        ("http://localhost:8123", 403),
        ("https://evil.example.org", 403),
        (f"http://{HOST}.evil.org", 403),
        (f"http://evil.org#{HOST}", 403),
        (f"http://evil.org@{HOST}x", 403),
        (f"file://{HOST}", 403),
        ("null", 403),
        ("", 403),
    ],
)
def test_changes_are_taken_from_the_own_page_only(page, origin, status):
    headers = COOKIE if origin is None else {**COOKIE, "origin": origin}
    assert page.post("api/control", json={"client": "a"}, headers=headers).status_code == status


def test_a_change_without_origin_from_another_site_is_refused(page):
    for site, status in (("same-origin", 200), ("none", 200), ("cross-site", 403), ("same-site", 403)):
        headers = {**COOKIE, "sec-fetch-site": site}
        assert page.post("api/control", json={"client": "a"}, headers=headers).status_code == status


@pytest.mark.parametrize(
    "path", ["", "api/session", "nothing", "api/frame?kind=raw&index=0", "static/lib/style.css"]
)
@pytest.mark.parametrize("headers", [COOKIE, {}], ids=["known", "unknown"])
def test_every_answer_forbids_outside_sources(page, path, headers):
    page.cookies.clear()
    answer = page.get(path, headers=headers)
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "frame-ancestors 'self'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "server" not in answer.headers


def test_methods_that_nobody_needs_are_refused(page):
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        assert page.request(method, "api/draft", headers=COOKIE).status_code in (403, 405)
    assert page.get("api/draft", headers=COOKIE).status_code == 405


def test_a_fault_of_ours_is_one_line_and_the_next_question_is_answered(page, monkeypatch, caplog):
    def broken(*_):
        raise RuntimeError("first line\nsecond line")

    monkeypatch.setattr(page.session.pictures, "get", broken)
    answer = page.get("api/frame?kind=raw&index=0", headers=COOKIE)
    assert (answer.status_code, answer.json()) == (500, {"error": "RuntimeError: first line"})
    assert "internal error in the answer to GET /api/frame" in caplog.text
    assert "Traceback" in caplog.text
    assert "second line" in caplog.text
    assert page.get("api/progress", headers=COOKIE).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/static/../server.py",
        "/static/../../../../../../../../etc/passwd",
        "/static/%2e%2e/server.py",
        "/static/..%2fserver.py",
        "/static/%2e%2e%2f%2e%2e%2f%2e%2e%2f%2e%2e%2fetc/passwd",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/..\\server.py",
        "/static/%00",
        "/static/",
        "/static/lib",
        "/static/lib/",
        "/static/lib/../../server.py",
        "/static/lib/%2e%2e/%2e%2e/server.py",
        "/static/lib/..%2f..%2fserver.py",
        "/static/lib/../../../../../../../../../etc/passwd",
        "/static/lib//etc/passwd",
        "/static/lib/%2fetc%2fpasswd",
        "/static/lib/..\\..\\server.py",
        "/static/lib/state.js/../../../server.py",
        "/static/lib%00/state.js",
        "/../../etc/passwd",
        "//etc/passwd",
        "/etc/passwd",
        "/api/../../etc/passwd",
        "/static/" + "a" * 5000,
    ],
)
def test_no_path_leads_out_of_the_pages_files(server, path):
    status, body, _ = ask(server, path)
    assert status in (400, 404)
    assert b"root:" not in body
    assert b"import" not in body


@pytest.mark.parametrize(
    "file", sorted(str(path.relative_to(STATIC)) for path in STATIC.rglob("*") if path.is_file())
)
def test_every_file_of_the_page_comes_as_what_it_is_and_is_asked_for_every_time(page, file):
    answer = page.get(f"static/{file}", headers=COOKIE)
    assert answer.status_code == 200
    assert answer.content == (STATIC / file).read_bytes()
    assert answer.headers["content-type"] == {**FILE_TYPES, ".html": "text/html; charset=utf-8"}[Path(file).suffix]
    assert answer.headers["cache-control"] == "no-cache"
    known = {**COOKIE, "if-none-match": answer.headers["etag"]}
    again = page.get(f"static/{file}", headers=known)
    assert (again.status_code, again.headers["cache-control"]) == (304, "no-cache")


def test_a_link_in_the_pages_folder_leads_nowhere(tmp_path):
    files = tmp_path / "static" / "lib"
    files.mkdir(parents=True)
    (tmp_path / "secret.js").write_text("secret")
    (files / "there.js").symlink_to(tmp_path / "secret.js")
    (files / "own.js").write_text("own")
    served = PageFiles(directory=tmp_path / "static")
    assert served.lookup_path("lib/there.js") == ("", None)
    assert served.lookup_path("lib/own.js")[0] == str(files / "own.js")


def test_a_body_that_says_how_large_it_is_is_refused_before_it_is_read(server):
    status, body, headers = ask(server, "/api/draft", method="POST", headers={"Content-Length": str(10**9)})
    assert (status, json.loads(body)) == (413, {"error": "the body is too large"})
    assert headers["connection"] == "close"


@pytest.mark.parametrize("path", ["/api/draft", "/api/session", "/nothing", "/"])
@pytest.mark.parametrize("chunked", [True, False], ids=["chunked", "with its length"])
def test_a_gigabyte_is_refused_early_and_takes_no_memory(server, chunked, path):
    before = psutil.Process().memory_info().rss
    sent = 0
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as line:
        length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {10**9}"
        cookie = f"Cookie: friedel-{server.port}={server.token}"
        line.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{cookie}\r\n{length}\r\n\r\n".encode())
        piece = b" " * (1 << 20)
        try:
            for _ in range(1000):
                line.sendall(b"100000\r\n" + piece + b"\r\n" if chunked else piece)
                sent += len(piece)
        except OSError:
            pass  # the server has hung up
    assert sent < 200e6
    assert psutil.Process().memory_info().rss - before < 100e6
    assert ask(server, "/api/progress")[0] == 200


def half_sent(server, path="/api/draft"):
    """A connection whose body stays half."""
    line = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    cookie = f"Cookie: friedel-{server.port}={server.token}"
    line.sendall(f'POST {path} HTTP/1.1\r\nHost: localhost\r\n{cookie}\r\nContent-Length: 900\r\n\r\n{{"a'.encode())
    return line


def test_bodies_that_are_half_sent_keep_nobody_waiting_and_have_a_deadline(server, monkeypatch):
    monkeypatch.setattr("friedel.viewer.guard.MOST_COMING_S", 3.0)
    lines = [half_sent(server) for _ in range(60)]
    begin = time.monotonic()
    for path in ("/api/session", "/api/frame?kind=raw&index=1", "/api/progress"):
        assert ask(server, path)[0] == 200
    assert time.monotonic() - begin < 2.5
    for line in lines:
        answer = b"".join(iter(lambda line=line: line.recv(4096), b""))
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"did not come in time" in answer
        line.close()
    assert ask(server, "/api/progress")[0] == 200


def test_all_bodies_that_are_coming_in_have_room_together(server, monkeypatch):
    monkeypatch.setattr("friedel.viewer.guard.MOST_COMING_S", 1.0)
    monkeypatch.setattr("friedel.viewer.guard.MOST_COMING_BYTES", 10)
    lines = [half_sent(server) for _ in range(8)]  # three bytes each
    answers = [line.recv(4096).split()[1] for line in lines]
    for line in lines:
        line.close()
    assert set(answers) == {b"408", b"503"}
    assert ask(server, "/api/control", method="POST", body=b'{"a":1}')[0] == 200


def test_a_head_that_does_not_come_ends_its_connection(server, monkeypatch):
    monkeypatch.setattr("friedel.viewer.prompt_heads.MOST_HEAD_S", 0.3)
    for sent in (b"", b"GET / HTTP/1.1\r\nHost: loc"):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as line:
            line.sendall(sent)
            assert line.recv(100) == b""
    cookie = f"Cookie: friedel-{server.port}={server.token}"
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as line:
        line.sendall(f"GET /api/progress HTTP/1.1\r\nHost: localhost\r\n{cookie}\r\n\r\n".encode())
        assert line.recv(12).endswith(b"200")
        time.sleep(0.6)  # between two requests the connection stays
        while line.recv(4096)[-1:] not in (b"}", b""):
            pass
        line.sendall(f"GET /api/progress HTTP/1.1\r\nHost: localhost\r\n{cookie}\r\n\r\n".encode())
        assert line.recv(12).endswith(b"200")


def test_deep_json_is_refused(page):
    for body in (b"[" * 200_000, b'{"a":' * 200_000, b'{"client": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"):
        answer = page.post("api/draft", content=body, headers=COOKIE)
        assert (answer.status_code, answer.json()) == (400, {"error": "the body must be JSON"})


def test_no_answer_holds_the_token_and_none_of_the_api_is_kept(server, caplog):
    paths = [
        f"/?token={server.token}",
        "/api/session",
        "/api/progress",
        "/api/log",
        "/api/estimate",
        "/nothing",
        "/api/x",
    ]
    paths += [f"/api/frame?index={server.token}", f"/static/{server.token}", f"/api/session/?token={server.token}"]
    for path in paths:
        for known in (True, False):
            status, body, headers = ask(server, path, token=known)
            assert server.token.encode() not in body, path
            assert not any(server.token in value for value in headers.values()), path
            if path.startswith("/api/") or status == 403:
                assert headers["cache-control"] == "no-store"
    assert server.token not in caplog.text


def test_whatever_clients_call_themselves_memory_stays_bounded(page):
    session = page.session
    for number in range(1500):
        client = f"{number}".ljust(200, "x")
        if number < 100:
            page.get(f"api/frame?index=0&kind=raw&client={client}&channel={client}&seq={number}", headers=COOKIE)
        session.control.alive(client[:64])
        session.solver._newest.register(client, number)
        session.newer(client, client, number)
    for number in range(5000):
        session.newer(f"n{number}", "c", number)
    assert len(session.control._seen) <= 1000
    assert len(session._newest) <= 4000
    assert len(session.solver._newest.numbers) <= 1000
    assert max(len(name) for name, _ in session._newest) <= 64


def test_a_chunked_body_beyond_the_limit_is_413(page):
    answer = page.post("api/draft", content=iter([b" " * 500_000] * 6), headers=COOKIE)
    assert (answer.status_code, answer.json()) == (413, {"error": "the body is too large"})
    assert page.post("api/draft", content=iter([b" " * 500_000] * 3), headers=COOKIE).status_code == 400


def test_odd_lengths_are_refused(page):
    for length in ("-1", "x", "1e9", "99999999999999999999999"):
        answer = page.post("api/control", content=b"{}", headers={**COOKIE, "content-length": length})
        assert answer.status_code == 413


def test_two_hundred_at_a_time_are_all_answered(server):
    before = psutil.Process().memory_info().rss
    paths = [
        *(f"/api/frame?kind={kind}&index={k % 60}" for k in range(50) for kind in ("clean", "raw")),
        *(f"/api/section?kind=clean&axis=row&at={k % 48}" for k in range(30)),
        *(f"/api/course?row={k % 48}&col=3" for k in range(20)),
        *("/api/session" for _ in range(20)),
        *("/api/progress?client=x" for _ in range(30)),
    ]
    assert len(paths) == 200
    barrier = threading.Barrier(200)

    def one(path):
        barrier.wait()
        return ask(server, path)[0]

    with ThreadPoolExecutor(200) as crowd:
        assert list(crowd.map(one, paths)) == [200] * 200
    assert psutil.Process().memory_info().rss - before < 300e6


def test_a_stranger_in_a_crowd_gets_nothing(server):
    with ThreadPoolExecutor(50) as crowd:
        found = list(crowd.map(lambda _: ask(server, "/api/session", token=False)[0], range(100)))
    assert found == [403] * 100


def test_two_hosts_or_none_are_refused(server):
    for lines in ("", "Host: localhost\r\nHost: evil.org\r\n"):
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as line:
            line.sendall(f"GET /?token={server.token} HTTP/1.0\r\n{lines}\r\n".encode())
            assert line.recv(12).split()[1] in (b"400", b"403")


@pytest.mark.parametrize(
    ("netloc", "name"),
    [("a:1", "a"), ("A.b.", "a.b"), ("[::1]:3", "::1"), ("[::1]x", ""), ("a:b", ""), ("::1", ""), ("", "")],
)
def test_names_of_hosts(netloc, name):
    assert host_name(netloc) == name
