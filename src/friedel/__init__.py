"""friedel: from a diffraction contrast tomography scan to a 3D map of a metal's grains.

Every command is a function here; nothing heavy is imported before it is used.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    **dict.fromkeys(
        (
            "calibrate",
            "demo",
            "estimate",
            "evaluate",
            "explore",
            "export",
            "import_parameters",
            "init",
            "inspect",
            "report",
            "run",
            "simulate",
            "verify",
            "view",
        ),
        "friedel.commands",
    ),
    **dict.fromkeys(("init_each", "run_each"), "friedel.many_scans"),
    "open_scan": "friedel.io",
    **dict.fromkeys(("read_blobs", "read_grains", "read_pairs", "read_volume"), "friedel.output_folder.tables"),
    "read_truth": "friedel.io.store",
    "Recipe": "friedel.recipe",
    "Scan": "friedel.model.scan",
    "BlobTable": "friedel.model.blobs",
    "FriedelError": "friedel.errors",
    "FriedelWarning": "friedel.errors",
}

__all__ = ["__version__", *sorted(_HOMES.keys() - {"inspect"})]  # noqa: PLE0604
"""What `from friedel import *` gives: nothing that Python's own library has too."""


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'friedel' has no attribute {name!r}")


def __dir__() -> list[str]:
    return ["__version__", *sorted(_HOMES)]
