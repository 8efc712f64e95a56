"""One item ahead: order, errors, and an early end."""

import threading
from contextlib import closing

import pytest

from friedel.runner.prefetch import prefetched


def test_items_come_in_order_and_each_is_made_while_the_one_before_is_used():
    begun = [threading.Event() for _ in range(4)]

    def make():
        for number, event in enumerate(begun):
            event.set()
            yield number

    seen = []
    for number in prefetched(make()):
        assert number + 1 == len(begun) or begun[number + 1].wait(10)
        assert number + 2 >= len(begun) or not begun[number + 2].is_set()
        seen.append(number)
    assert seen == [0, 1, 2, 3]


def test_an_error_comes_where_its_item_would_have():
    def make():
        yield 1
        raise ValueError("the second")

    items = prefetched(make())
    assert next(items) == 1
    with pytest.raises(ValueError, match="the second"):
        next(items)


def test_whoever_stops_early_leaves_no_thread_behind():
    before = threading.active_count()
    with closing(prefetched(iter(range(100)))) as items:
        assert next(items) == 0
    assert threading.active_count() == before
