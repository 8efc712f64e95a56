"""Making the next thing while this one is used."""

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def prefetched(items: Iterator[Item]) -> Generator[Item, None, None]:
    """The same items; while one is used, the next is made in a thread of its own.

    Preprocessing and segmentation each have stretches that only one core can work on: side by side they fill them
    for each other. What an item holds must last until the next but one is begun, as that of a `CleanBlock` does:
    use it before asking for the next. An error comes where its item would have; whoever stops early waits until
    the item that is being made is done.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="friedel-ahead") as maker:
        coming = maker.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = maker.submit(next, items, None)
            yield item
