"""`friedel view` and `friedel.view`: the printed address opens, an interrupt ends it, a notebook shows it."""

import json
import signal
import socket
import urllib.error
import urllib.request
from importlib.machinery import ModuleSpec

import pytest

import friedel
from friedel.errors import InputError
from friedel.viewer import notebook
from tests.pipeline.conftest import spawn


def get(address, path="", token=True):
    """Status and body of a page below a printed address."""
    base, _, mark = address.partition("?")
    query = f"?{mark}" if token else ""
    try:
        with urllib.request.urlopen(f"{base}{path}{query}", timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 0), ("SIGTERM", 0)])
def test_the_printed_address_opens_until_an_interrupt(name, code, recipe):
    with spawn("view", recipe, "--no-browser") as process:
        try:
            address, ssh = process.stdout.readline().rstrip("\n"), process.stdout.readline()
            port = address.removeprefix("http://127.0.0.1:").partition("/")[0]
            assert address.startswith(f"http://127.0.0.1:{port}/?token=")
            assert len(address.partition("token=")[2]) >= 32
            assert f"ssh -N -L {port}:127.0.0.1:{port} " in ssh
            assert get(address)[0] == 200
            assert get(address, token=False)[0] == 403
            facts = json.loads(get(address, "api/session")[1])
            assert facts["scan"]["frames"] == 240
            assert facts["address"] == address.partition("?")[0]  # no answer holds the token
        finally:
            process.send_signal(getattr(signal, name))
        rest, errors = process.communicate(timeout=30)
    assert (process.returncode, rest, errors) == (code, "", "")


def test_a_port_can_be_chosen_and_one_that_is_taken_is_refused(recipe, command):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, errors = command("view", recipe, "--port", str(port), "--no-browser")
        assert code == 2
        assert "--port" in errors
    with friedel.view(recipe, port=port) as page:
        assert f":{port}/" in page.address
    assert command("view", recipe, "--port", "70000")[0] == 2


def test_what_is_not_there_is_refused_and_what_is_broken_is_served(tmp_path, command):
    code, _, errors = command("view", tmp_path / "nothing.toml", "--no-browser")
    assert code == 2
    assert "no such recipe or output folder" in errors
    broken = tmp_path / "broken.toml"
    broken.write_text("[segment", encoding="utf-8")
    with friedel.view(broken) as page:
        facts = json.loads(get(page.address, "api/session")[1])
    assert "is not TOML" in facts["troubles"][0]["text"]


def test_an_ended_page_answers_no_more(recipe):
    page = friedel.view(recipe)
    assert get(page.address)[0] == 200
    page.close()
    page.close()
    with pytest.raises(urllib.error.URLError):
        get(page.address)


@pytest.mark.parametrize(
    ("hub", "servers", "expected"),
    [
        ("", [], "/proxy/"),
        ("/user/maria/", [], "/user/maria/proxy/"),
        ("", [{"pid": 1, "base_url": "/other/"}, {"pid": 77, "base_url": "/lab/"}], "/lab/proxy/"),
        ("", [{"pid": 1, "base_url": "/other/"}], "/other/proxy/"),
    ],
)
def test_a_notebook_shows_the_page_below_its_own_proxy(hub, servers, expected, recipe, monkeypatch):
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", hub)
    monkeypatch.setenv("JPY_PARENT_PID", "77")
    monkeypatch.setattr(notebook, "_running_servers", lambda: servers)
    monkeypatch.setattr(notebook, "find_spec", lambda name: ModuleSpec(name, None))
    with friedel.view(recipe) as page:
        shown = page._repr_html_()
        port = page.address.split(":")[2].partition("/")[0]
    assert f'<iframe src="{expected}{port}/?token=' in shown
    assert page.address in shown


def test_without_a_proxy_a_notebook_shows_a_link(recipe, monkeypatch):
    monkeypatch.setattr(notebook, "find_spec", lambda _: None)
    with friedel.view(recipe) as page:
        assert "<iframe" not in page._repr_html_()
        assert f'href="{page.address}"' in page._repr_html_()
        assert page.address in repr(page)


def test_notes_of_notebook_servers_are_read(tmp_path, monkeypatch):
    (tmp_path / "jpserver-7.json").write_text('{"pid": 7, "base_url": "/x/"}', encoding="utf-8")
    (tmp_path / "jpserver-8.json").write_text("{", encoding="utf-8")
    (tmp_path / "jpserver-9.json").write_text("[]", encoding="utf-8")

    class Paths:
        @staticmethod
        def jupyter_runtime_dir():
            return str(tmp_path)

    monkeypatch.setattr(notebook, "find_spec", lambda name: ModuleSpec(name, None))
    monkeypatch.setattr(notebook, "import_module", lambda _: Paths)
    assert notebook._running_servers() == [{"pid": 7, "base_url": "/x/"}]


def test_a_page_of_nothing_is_an_error(tmp_path):
    with pytest.raises(InputError):
        friedel.view(tmp_path / "nothing")
