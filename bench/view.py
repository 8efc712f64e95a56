"""How fast the page answers, in a real headless browser: from the input to the picture that shows it.

    python -m bench.view [FOLDER]

Three simulated scans are made in FOLDER (kept there, and reused) or in a temporary folder: 48 frames of 2048 ×
2048, 720 of 512 × 512, and 1800 of 640 × 640 with 300 grains. Server and browser share this machine's cores, as on
a laptop. Every figure is a median of what the page itself measures, from the event on a slider to the frame of the
display in which the new picture stands; nothing that is shown was there before (other frames, other thresholds).
Also: what the server adds to the packages that are needed anyway.
"""

import importlib.metadata
import io
import statistics
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from bench._bench import report
from bench._scans import friedel as command
from friedel.viewer.server import PageServer
from tests.chromium import launched

WIDE = ("frames=48", "rows=2048", "cols=2048", "turn_deg=12", "grains=120", "sample.radius_um=300",
        "sample.height_um=400", "sample.voxel_um=7")  # fmt: skip
"""The frames of a usual detector; a part of a turn, so that they are as full as such frames are."""
LONG = ("frames=720",)
LARGE = ("frames=1800", "rows=640", "cols=640", "grains=300")
FLAGS = ("--no-sandbox",)
"""As root, and no more: Chromium itself chooses how to draw, here without a graphics card."""
REPEATS = 15
GOALS_MS = {
    "new frame on screen": 200.0,
    "contrast": 20.0,
    "sub-volume of 50 Mvoxel solved and drawn": 150.0,
    "whole 720 × 512 × 512 solved and drawn": 500.0,
    "whole 1800 × 640 × 640 solved and drawn": 2000.0,
    "its sub-volume solved and drawn": 150.0,
}
"""Whole scans alike for a voxel: the work is that of bright voxels, of which the largest scan has 29 million."""
ADDED = ("starlette", "uvicorn", "h11", "click", "anyio", "idna", "sniffio")
MOST_ADDED_MB = 3.0
MOST_S = 300.0
WAIT = """([ms]) => new Promise((done, fail) => {
  const end = performance.now() + ms;
  const look = () => { let ok = false; try { ok = CONDITION; } catch {}
    if (ok) done(); else if (performance.now() < end) setTimeout(look, 20); else fail(new Error(`CONDITION`)); };
  look();
})"""
MEASURE = """([selector, value, counter, event]) => new Promise((done) => {
  const input = document.querySelector(selector), before = friedel.counters[counter];
  requestAnimationFrame(() => {
    const began = performance.now();
    input.value = value;
    input.dispatchEvent(new Event(event, {bubbles: true}));
    const look = () => friedel.counters[counter] > before
      ? requestAnimationFrame(() => done(performance.now() - began)) : requestAnimationFrame(look);
    look();
  });
})"""
"""What was asked for in this frame of the display is painted when the next one begins."""


def main(folder: Path) -> int:
    """Measure, print, and say whether all goals are met."""
    medians: dict[str, float] = {}
    with launched(FLAGS) as browser:
        scans = (("wide", WIDE, of_wide), ("long", LONG, of_long), ("large", LARGE, of_large))
        for name, settings, measure in scans:
            server = PageServer(scan(folder, name, settings))
            server.begin()
            page = browser.new_context(viewport={"width": 1920, "height": 1080}).new_page()
            page.goto(server.address)
            ready(page)
            for title, figures in measure(page).items():
                medians[title] = statistics.median(figures)
                print(f"{title:42s} {medians[title]:7.1f} ms   goal {GOALS_MS[title]:4.0f}   "
                      f"{min(figures):.0f} to {max(figures):.0f} in {len(figures)}", flush=True)  # fmt: skip
            page.close()
            server.close()
    megabytes = added_megabytes()
    print(f"{'wheels beside the core':42s} {megabytes:7.2f} MB   goal {MOST_ADDED_MB:4.0f}")
    worst = max(*(medians[name] / goal for name, goal in GOALS_MS.items()), megabytes / MOST_ADDED_MB)
    return report("the page's slowest answer over its goal (frame, contrast, solve)", worst, 1.0, "lower")


def scan(folder: Path, name: str, settings: tuple[str, ...]) -> Path:
    """A simulated scan's recipe, as `friedel init` guesses it; made where it is not there."""
    path, recipe = folder / f"{name}.h5", folder / f"{name}.toml"
    if not path.exists():
        options = [part for setting in settings for part in ("--set", setting)]
        command("simulate", path, "--seed", "3", *options)
        command("init", path, "-o", recipe)
    return recipe


def of_wide(page: Page) -> dict[str, list[float]]:
    """Large frames: seen, regreyed, and solved a few at a time."""
    page.keyboard.press("c")
    until(page, "friedel.counters.frame > 1 && friedel.counters.section > 1 && friedel.counters.course > 0")
    frames = [(5 + 17 * k) % 48 for k in range(REPEATS)]  # never beside one that was shown: those are made ahead
    slider = "#panel-frames input[type=range][aria-label=Frame]"
    shown = repeated(page, [[slider, str(frame), "frame", "input"] for frame in frames])
    until(page, "!document.querySelector('#panel-frames .picture canvas').hidden")
    white = "#panel-frames [aria-label^='White']"
    regreyed = repeated(page, [[white, str(100 + 3 * k), "contrast", "change"] for k in range(2 * REPEATS)], 100)
    return {
        "new frame on screen": shown,
        "contrast": regreyed,
        "sub-volume of 50 Mvoxel solved and drawn": solved(page, "sub"),
    }


def of_long(page: Page) -> dict[str, list[float]]:
    """A whole scan, solved while a threshold moves."""
    return {"whole 720 × 512 × 512 solved and drawn": solved(page, "whole")}


def of_large(page: Page) -> dict[str, list[float]]:
    """The same of a larger scan, and of the frames around one of it."""
    return {
        "whole 1800 × 640 × 640 solved and drawn": solved(page, "whole"),
        "its sub-volume solved and drawn": solved(page, "sub"),
    }


def solved(page: Page, scope: str) -> list[float]:
    """The seed threshold's slider moved, from one place to the next."""
    page.locator("#tab-segment").click()
    until(page, "friedel.state.get().solution")
    page.locator(f"#panel-segment [data-value={scope}]").click()
    until(page, f"friedel.state.get().solution.scope === '{scope}'")
    until(page, "document.querySelector('#panel-segment .result .busy').hidden")
    places = [480 + 7 * k for k in range(REPEATS)]
    slider = "#panel-segment [data-name=seed_threshold] input[type=range]"
    return repeated(page, [[slider, str(place), "solve", "input"] for place in places])


def repeated(page: Page, changes: list[list[str]], pause_ms: float = 400) -> list[float]:
    """Milliseconds of each change but the first, with pauses as short as a hand makes them."""
    taken = []
    for change in changes:
        taken.append(float(page.evaluate(MEASURE, change)))
        page.wait_for_timeout(pause_ms)
    return taken[1:]


def ready(page: Page) -> None:
    """Until the scan is swept: what comes then is measured undisturbed."""
    until(page, "window.friedel.ready && friedel.state.get().progress.pass.state === 'done'")


def until(page: Page, condition: str) -> Any:
    """Until a condition holds in the page."""
    return page.evaluate(WAIT.replace("CONDITION", condition), [1000 * MOST_S])


def added_megabytes() -> float:
    """The packages that only the server needs, packed as wheels are."""
    return sum(packed(name) for name in ADDED) / 1e6


def packed(name: str) -> int:
    """Bytes of one installed package in a zip file; 0 where it is not installed, being no longer needed."""
    try:
        files = importlib.metadata.files(name) or []
    except importlib.metadata.PackageNotFoundError:
        return 0
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as wheel:
        for file in files:
            if "__pycache__" not in file.parts and ".." not in file.parts:
                wheel.write(str(file.locate()), str(file))
    return buffer.tell()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
        sys.exit(main(Path(sys.argv[1])))
    with tempfile.TemporaryDirectory() as temporary:
        sys.exit(main(Path(temporary)))
