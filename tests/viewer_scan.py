"""A small scan on disk with its recipe, and the page's application for it, asked without a browser."""

import json
import time
import warnings
from contextlib import contextmanager

import numpy as np

import friedel
from friedel.explorer.heard_warnings import warnings_heard
from friedel.io.store import RawWriter
from friedel.recipe import dump, load_recipe, relative_to
from friedel.viewer.server import make_app, make_session
from tests.unit.test_preprocess import beam_scan

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its notes about versions of other packages
    from starlette.testclient import TestClient

FRAMES = 60
TOKEN = "a-token"
PORT = 8123
HOST = f"127.0.0.1:{PORT}"
SETTINGS = (
    "preprocess.half_window=10",
    "preprocess.half_step=3",
    "preprocess.beam=[20,10,60,34]",
    "preprocess.margin=5",
    "segment.seed_threshold=60",
    "segment.grow_min=30",
    "segment.min_size=[1,1,1]",
    "run.threads=1",
)


def write_scan(path, frames=FRAMES):
    """Beam, glow, noise, some spots, a saturated square, a hot pixel and one corrupt frame."""
    raw = beam_scan(frames)
    for number, (frame, row, col) in enumerate([(8, 6, 8), (20, 40, 70), (33, 5, 66), (34, 44, 12), (50, 24, 70)]):
        raw[frame : frame + 2, row - 2 : row + 3, col - 2 : col + 3] += 150 + 40 * number
    raw[5, 20:24, 30:40] = 65535
    raw[31] = raw[31, 0, 0]
    raw[40, 5, 5] = 50000
    dark = np.full(raw.shape[1:], 100, np.uint16)
    with RawWriter(path, raw.shape, dark=dark, omega_start_deg=0.0, omega_step_deg=6.0) as writer:
        writer.append(raw)
    return raw


def write_recipe(folder, *settings):
    """`scan.h5` and `scan.toml` in a folder; the recipe's path."""
    write_scan(folder / "scan.h5")
    recipe = load_recipe(None, ["scan.frames=scan.h5", *SETTINGS, *settings], folder=folder)
    path = folder / "scan.toml"
    path.write_text("# mine\n" + dump(relative_to(recipe, folder)), encoding="utf-8")
    return path


def run(recipe, **how):
    """`friedel run` without a report and without its warnings, which the scan is full of.

    Threads of a page that was open before may still hear warnings: so they are heard here in the same way.
    """
    with warnings_heard():
        return friedel.run(recipe, report=False, **how)


@contextmanager
def page_of(path, *, token=TOKEN, allow_hosts=(), base_url=f"http://{HOST}", wait=True):
    """A client of the page's application, which already holds the token; the session is `client.session`."""
    session = make_session(path)
    app = make_app(session, token=token, allow_hosts=allow_hosts, port=PORT)
    with TestClient(app, base_url=base_url, raise_server_exceptions=False) as client:
        client.session = session
        if token:
            client.headers["cookie"] = f"friedel-{PORT}={token}"
        if wait:
            settled(session.scan_pass)
        yield client


def settled(scan_pass, seconds=60.0):
    """Wait until a pass over a scan has nothing to do."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and (scan_pass.state in ("waiting", "running") or scan_pass.busy):
        time.sleep(0.01)
    return scan_pass.state


def numbers(response):
    """An array answer: values, and what its header says."""
    assert response.status_code == 200, response.text
    about = json.loads(response.headers["x-friedel-array"])
    stored = np.frombuffer(response.content, about["dtype"]).reshape(about["shape"])
    values = stored.astype(np.float64) * about["scale"] + about["offset"]
    if "invalid" in about:
        values[stored == about["invalid"]] = np.nan
    return values, about
