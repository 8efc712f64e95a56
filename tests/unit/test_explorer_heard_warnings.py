"""Warnings are told to the thread that raised them."""

import threading
import warnings

from friedel.errors import FriedelWarning
from friedel.explorer.heard_warnings import warnings_heard


def test_warnings_of_several_threads_are_told_apart():
    found = {}
    barrier = threading.Barrier(4)

    def work(name):
        with warnings_heard() as heard:
            barrier.wait()
            for _ in range(20):
                warnings.warn(f"of {name}", FriedelWarning, stacklevel=1)
            barrier.wait()
        found[name] = heard

    before = warnings.showwarning
    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {name: [f"of {name}"] for name in "abcd"}
    assert warnings.showwarning is before
