"""Compiling is timed where it happens, and only there."""

import time

from numba import njit

from friedel.runner.compiling import compiling


def test_only_what_is_compiled_counts():
    @njit
    def inner(x):
        return x + 1

    @njit
    def outer(x):
        return inner(x) * 2

    with compiling() as spent:
        assert spent() == 0
        begin = time.perf_counter()
        outer(3)
        first = spent()
        assert 0 < first <= time.perf_counter() - begin
        outer(4)
        assert spent() == first
        outer(3.5)
        assert spent() > first
    after = spent()
    inner(2j)
    assert spent() == after
