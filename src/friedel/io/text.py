"""Text as people meant it: byte order marks, other encodings and line ends of other systems are taken away."""

import codecs
import stat
from pathlib import Path

import numpy as np

from friedel.errors import InputError

MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins as the mark of UTF-16 does
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
LARGEST = 64_000_000
"""Bytes; a text that a person could have written is shorter."""
NO_TEXT = frozenset(map(chr, range(32))) - frozenset("\t\n\v\f\r\x1a")
"""Characters that no text holds; the last one that may be there is how DOS ends a file."""
LONGEST_LINE = 100_000


def read_text(path: Path, *, kind: type[InputError] = InputError) -> str:
    r"""The text of a file with lines that end in "\n", without a byte order mark.

    UTF-8, UTF-16 and UTF-32 are told by their mark, UTF-16 without one by its zeros; else it is UTF-8, or Latin-1
    (Windows' variety) where it cannot be. Raises `FileNotFoundError`, and an error of the given `kind` for a file
    that cannot be read or holds no text.
    """
    try:
        about = path.stat()
        if not (stat.S_ISREG(about.st_mode) or stat.S_ISDIR(about.st_mode)):
            raise kind(str(path), rule="is no file")  # a pipe would be waited for
        if about.st_size > LARGEST:
            raise kind(str(path), rule=f"is no text: more than {LARGEST // 1_000_000} MB")
        data = path.read_bytes()
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise kind(str(path), rule=f"cannot be read: {reason}") from None
    text = decoded(data)
    if text is None:
        raise kind(str(path), rule="is not a text file")
    return text


def line_end(path: Path) -> str:
    r"""How lines end in a file: "\r\n" where the first one does in an 8-bit text, else "\n"."""
    try:
        with path.open("rb") as file:
            return "\r\n" if file.readline(LONGEST_LINE).endswith(b"\r\n") else "\n"
    except OSError:
        return "\n"


def decoded(data: bytes) -> str | None:
    """The text that bytes stand for; None where they are no text."""
    text = _without_mark(data)
    if text is None or NO_TEXT & set(text):
        return None
    return text.removesuffix("\x1a").replace("\r\n", "\n").replace("\r", "\n")


def text_in(value: object) -> str:
    """The text of an attribute or dataset of HDF5, also of an array of one, without mark and blanks around it."""
    values = np.asarray(value).ravel()
    if not len(values) or values.dtype.kind not in "SUO":
        return ""
    first = values[0]
    text = decoded(bytes(first).rstrip(b"\0")) if isinstance(first, bytes) else str(first)
    return (text or "").strip("\ufeff\0 \t\r\n")


def _without_mark(data: bytes) -> str | None:
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return _decode(data[len(mark) :], encoding)
    if b"\0" in data:
        text = _decode(data, "utf-16-be" if data[:1] == b"\0" else "utf-16-le")
        return text if text is not None and sum(map(str.isascii, text)) > len(text) / 2 else None
    text = _decode(data, "utf-8")
    if text is not None:
        return text
    text = _decode(data, "cp1252")
    return data.decode("latin-1") if text is None else text


def _decode(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None
