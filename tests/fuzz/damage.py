"""Bytes of a valid file, damaged."""

from collections.abc import Callable, Mapping
from random import Random

NUMBERS = (
    0,
    1,
    2,
    127,
    128,
    255,
    256,
    32767,
    65535,
    65536,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**40,
    2**63 - 1,
    2**64 - 1,
)
HEAD = 4096
"""Most of what a format says about itself is here."""


def damaged(data: bytes, rng: Random) -> bytes:
    """The same with one to four damages."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        data = rng.choice(tuple(DAMAGES.values()))(data, rng)
    return data


def _place(data: bytes, rng: Random) -> int:
    """Anywhere, but more often where headers are."""
    end = len(data)
    if rng.random() < 0.6:
        end = min(HEAD, end)
    return rng.randrange(max(end, 1))


def _block(data: bytes, rng: Random) -> tuple[int, int]:
    start = _place(data, rng)
    return start, min(len(data), start + rng.choice((1, 2, 4, 8, 16, 64, 512, 4096)))


def _flip(data: bytes, rng: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        if changed:
            changed[_place(data, rng)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _byte(data: bytes, rng: Random) -> bytes:
    start, stop = _block(data, rng)
    return data[:start] + bytes([rng.choice((0, 255, rng.randrange(256)))]) * (stop - start) + data[stop:]


def _number(data: bytes, rng: Random) -> bytes:
    size = rng.choice((1, 2, 4, 8))
    start = _place(data, rng)
    value = (rng.choice(NUMBERS) % (1 << 8 * size)).to_bytes(size, rng.choice(("little", "big")))
    return data[:start] + value + data[start + size :]


def _cut(data: bytes, rng: Random) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _remove(data: bytes, rng: Random) -> bytes:
    start, stop = _block(data, rng)
    return data[:start] + data[stop:]


def _double(data: bytes, rng: Random) -> bytes:
    start, stop = _block(data, rng)
    return data[:stop] + data[start:]


def _move(data: bytes, rng: Random) -> bytes:
    start, stop = _block(data, rng)
    to = _place(data, rng)
    return data[:to] + data[start:stop] + data[to + stop - start :]


def _insert(data: bytes, rng: Random) -> bytes:
    place = _place(data, rng)
    return data[:place] + bytes(rng.randrange(256) for _ in range(rng.choice((1, 3, 16)))) + data[place:]


DAMAGES: Mapping[str, Callable[[bytes, Random], bytes]] = {
    "flip": _flip, "byte": _byte, "number": _number, "cut": _cut,
    "remove": _remove, "double": _double, "move": _move, "insert": _insert,
}  # fmt: skip
