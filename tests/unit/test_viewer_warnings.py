"""What parameters warn of is told on the page, not on the server's terminal."""

import time
import traceback
import warnings

from tests.viewer_scan import page_of, settled, write_recipe


def test_a_warning_of_the_parameters_never_reaches_the_servers_terminal(tmp_path, monkeypatch):
    printed = []
    monkeypatch.setattr(
        warnings,
        "showwarning",
        lambda text, *_: printed.append(f"{text}\n{''.join(traceback.format_stack()[-12:])}"),
    )
    with page_of(write_recipe(tmp_path)) as page, warnings.catch_warnings():
        warnings.simplefilter("always")
        draft = page.get("api/session").json()["recipe"]["segment"]
        turned = {**draft, "seed_threshold": 12.0, "grow_min": 20.0}
        answer = page.post("api/draft", json={"client": "me", "section": "segment", "values": turned})
        assert answer.status_code == 200, answer.text
        settled(page.session.scan_pass)
        body = {"client": "me", "seq": time.monotonic_ns(), "segment": turned, "frame": 20}
        for scope in ("sub", "whole"):
            found = page.post("api/solve", json={**body, "scope": scope})
            assert found.status_code == 200, found.text
        assert page.get("api/elbow?scope=whole&frame=20").status_code == 200
        assert page.get("api/histogram?frame=20").status_code == 200
        assert page.get("api/session").status_code == 200
        assert page.post("api/save", json={"client": "me", "write": True}).status_code == 200
        assert page.get("api/session").status_code == 200
        settled(page.session.scan_pass)
    assert not printed, printed[0]
