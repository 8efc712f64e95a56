"""Headless Chromium for the tests and the bench of the web page: found, started, and put there where it is missing.

    python -m tests.chromium      # finds or installs it, and says where it is

`CHROMIUM=/path` names another one.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Playwright, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    *("--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
    *("--disable-gpu-rasterization", "--disable-gpu-compositing"),
)
"""As root, and WebGL without a graphics card."""
MISSING = (
    "no Chromium for the tests of the web page: put one on the PATH (apt install chromium), "
    "or run `playwright install chromium`, or name one in CHROMIUM"
)


def find(playwright: Playwright) -> str | None:
    """The browser's program, None where there is none."""
    named = os.environ.get("CHROMIUM")
    if named:
        return shutil.which(named)
    own = playwright.chromium.executable_path
    return next((path for name in NAMES if (path := shutil.which(name))), own if Path(own).exists() else None)


@contextmanager
def launched(flags: tuple[str, ...] = FLAGS) -> Iterator[Browser]:
    """A browser without a window. Raises `RuntimeError` where there is none: tests fail then, they do not skip."""
    with sync_playwright() as playwright:
        program = find(playwright)
        if program is None:
            raise RuntimeError(MISSING)
        browser = playwright.chromium.launch(executable_path=program, args=list(flags))
        try:
            yield browser
        finally:
            browser.close()


def install() -> str | None:
    """Find it, or put it there by whatever means this machine offers; its program."""
    ways = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    if shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        apt = "apt-get install -y -q chromium || { apt-get update -q && apt-get install -y -q chromium; }"
        ways.insert(0, ["sh", "-c", apt])
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with sync_playwright() as playwright:
        for way in [[], *ways]:
            if way:
                subprocess.run(way, check=False, stdout=sys.stderr, env=environment)
            program = find(playwright)
            if program is not None:
                return program
    return None


if __name__ == "__main__":
    program = install()
    if program is None:
        sys.exit(MISSING)
    sys.stdout.write(f"{program}\n")
