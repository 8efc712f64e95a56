"""`njit` as kernels use it: compiled once per installation, and again when what a kernel is made of changes.

Numba keeps what it compiled beside the source and looks at the age of that file alone. A kernel whose callee was
edited in another file went on with the old one, and a type that was renamed ended in a traceback. Here the folder
is named by all sources that a file is made of: its own and those that it imports, the versions of numba, numpy and
Python. What cannot be read from it, or not be written to it, is compiled.
"""

import hashlib
import platform
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator
from numba.misc.appdirs import AppDirs

_ROOT = Path(__file__).parent
_IMPORTS = re.compile(r"^\s*(?:from|import)\s+friedel\.kernels((?:\.\w+)*)(?:\s+import\s+([\w, ]+))?", re.MULTILINE)
_VERSIONS = f"{numba.__version__} {np.__version__} {platform.python_version()} {platform.machine()} {_ROOT}"


def njit(*, cache: bool = False, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """`numba.njit`, whose cache is as this module says."""

    def compiled(function: Callable[..., Any]) -> Any:
        kernel = numba.njit(**options)(function)
        if cache:
            with suppress(RuntimeError):  # no folder can be written to: compiled in every process
                kernel._cache = _KernelCache(function)
        return kernel

    return compiled


@cache
def sources(path: Path) -> frozenset[Path]:
    """The files that a kernel file is made of: itself, and those that it imports, and they."""
    found: set[Path] = set()
    waiting = [path]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += _imported(one)
    return frozenset(found)


@cache
def cache_name(path: Path) -> tuple[str, str]:
    """Name of the folder for one kernel file, and how those begin that were for older sources of it."""
    files = sorted(sources(path))
    digest = hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:16]
    versions = hashlib.sha256(f"{_VERSIONS} {path}".encode()).hexdigest()[:8]
    return f"{path.stem}-{versions}-{digest}", f"{path.stem}-{versions}-"


def _imported(path: Path) -> Iterator[Path]:
    for dotted, names in _IMPORTS.findall(path.read_text(encoding="utf-8")):
        base = _ROOT.joinpath(*dotted.split(".")[1:])
        for one in (base, *(base / name.strip() for name in names.split(","))):
            if one.name and one.with_suffix(".py").is_file():
                yield one.with_suffix(".py")


class _ByAllSources(_CacheLocator):  # type: ignore[misc]
    """Where the kernels of one file are kept."""

    def __init__(self, folder: Path, line: int) -> None:
        self._folder, self._line = folder, line

    def get_cache_path(self) -> str:
        """The folder."""
        return str(self._folder)

    def get_source_stamp(self) -> str:
        """What the content depends on, which the folder is named by."""
        return self._folder.name

    def get_disambiguator(self) -> str:
        """Two kernels of one file may have one name."""
        return str(self._line)

    @classmethod
    def from_function(cls, function: Callable[..., Any], file: str) -> "_ByAllSources | None":
        """The first folder that can be written to; None where there is none."""
        folder = _folder(Path(file))
        return None if folder is None else cls(folder, function.__code__.co_firstlineno)


@cache
def _folder(file: Path) -> Path | None:
    """Beside the source, else the user's own; numba's own setting (NUMBA_CACHE_DIR) comes first."""
    chosen = [Path(numba.config.CACHE_DIR)] if numba.config.CACHE_DIR else []
    own = Path(AppDirs(appname="friedel", appauthor=False).user_cache_dir)
    name, beginning = cache_name(file)
    for parent in (*chosen, file.parent / "__pycache__", own):
        folder = parent / name
        new = not folder.is_dir()
        try:
            _ByAllSources(folder, 0).ensure_cache_path()
        except OSError:
            continue
        if new:
            for older in parent.glob(f"{beginning}*"):
                if older != folder:
                    shutil.rmtree(older, ignore_errors=True)
        return folder
    return None


class _CompiledKernels(CompileResultCacheImpl):  # type: ignore[misc]
    _locator_classes = (_ByAllSources,)


class _KernelCache(FunctionCache):  # type: ignore[misc]
    """Numba's cache, except that files which cannot be used count as none: damaged ones, or a full disk."""

    _impl_class = _CompiledKernels

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """A kernel for these types; None where it has to be compiled."""
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # noqa: BLE001  (what reading damaged bytes as code raises can be anything)
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a kernel, if the disk takes it."""
        try:
            super().save_overload(sig, data)
        except Exception:  # noqa: BLE001  (the list of what is kept may be damaged too: begin it anew)
            with suppress(Exception):
                self.flush()
                super().save_overload(sig, data)
