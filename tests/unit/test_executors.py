"""Threads: the order of the items, bounded, and errors where they belong."""

import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from friedel.runner.executors import AHEAD, NICE, Threads, local_executor, usable_cores


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_come_in_the_order_of_the_items(threads):
    with local_executor(threads) as executor:
        assert executor.threads == threads
        assert list(executor.map(lambda x: x * x, range(100))) == [x * x for x in range(100)]


def test_no_more_than_a_few_items_are_taken_ahead_of_the_results():
    taken = []

    def items():
        for number in range(1000):
            taken.append(number)
            yield number

    with Threads(3) as executor:
        results = executor.map(lambda x: x, items())
        for expected in range(20):
            assert next(results) == expected
            assert len(taken) <= expected + AHEAD * 3 + 1


def test_pieces_really_run_at_the_same_time():
    meeting = threading.Barrier(3, timeout=10)
    with Threads(3) as executor:
        assert sorted(executor.map(lambda _: meeting.wait(), range(3))) == [0, 1, 2]


@pytest.mark.parametrize("threads", [1, 4])
def test_an_error_appears_where_the_result_would(threads):
    def work(number):
        if number == 5:
            raise KeyError("five")
        return number

    with local_executor(threads) as executor:
        results = executor.map(work, range(1000))
        assert [next(results) for _ in range(5)] == [0, 1, 2, 3, 4]
        with pytest.raises(KeyError, match="five"):
            next(results)


def test_after_an_error_the_executor_still_works():
    with Threads(2) as executor:
        with pytest.raises(ZeroDivisionError):
            list(executor.map(lambda x: 1 // x, [1, 0, 1]))
        assert list(executor.map(lambda x: x + 1, [1, 2])) == [2, 3]


def test_an_error_of_the_items_appears_too():
    def items():
        yield 1
        raise OSError("disk")

    with Threads(2) as executor, pytest.raises(OSError, match="disk"):
        list(executor.map(lambda x: x, items()))


def test_a_piece_may_map_itself_without_waiting_forever():
    with Threads(2) as executor:
        nested = executor.map(lambda n: sum(executor.map(lambda x: x, range(n))), range(20))
        assert list(nested) == [sum(range(n)) for n in range(20)]


def test_an_abandoned_map_leaves_nothing_to_do():
    with Threads(2) as executor:
        results = executor.map(lambda x: x, range(100))
        next(results)
        results.close()
        assert list(executor.map(lambda x: -x, range(3))) == [0, -1, -2]


def test_zero_threads_means_all_usable_cores():
    with local_executor(0) as executor:
        assert executor.threads == usable_cores()


@pytest.mark.parametrize(
    ("text", "cores"), [("100000 100000", 1), ("50000 100000", 1), ("max 100000", 0), ("x", 0)]
)
def test_a_containers_quota_limits_the_cores(tmp_path, text, cores):
    (tmp_path / "cpu.max").write_text(text + "\n")
    unlimited = usable_cores(tmp_path / "none")
    assert usable_cores(tmp_path) == (min(cores, unlimited) if cores else unlimited)


def test_the_older_kind_of_quota_counts_too(tmp_path):
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("100000")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000")
    assert usable_cores(tmp_path) == 1
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("-1")
    assert usable_cores(tmp_path) == usable_cores(tmp_path / "none")


def test_quiet_pieces_wait_while_they_are_held_and_give_way():
    begun = []
    nice = os.getpriority(os.PRIO_PROCESS, 0)

    def work(item):
        begun.append(item)
        return os.getpriority(os.PRIO_PROCESS, 0)

    with Threads(2, quiet=True) as pool, ThreadPoolExecutor(1) as caller:
        with pool.held(), pool.held():
            waiting = caller.submit(lambda: list(pool.map(work, range(3))))
            time.sleep(0.05)
            assert not begun
        levels = waiting.result(10)
    assert sorted(begun) == [0, 1, 2]
    lower = min(nice + NICE, 19) if sys.platform == "linux" else nice
    assert set(levels) == {lower}
    assert os.getpriority(os.PRIO_PROCESS, 0) == nice
