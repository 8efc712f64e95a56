"""Ctrl-C and SIGTERM are heard within two seconds, whatever is at work."""

import signal
import subprocess
import sys
import time

import pytest

PROGRAM = """
import sys, time
{imports}
def busy(*_, **__):
    print("busy", file=sys.stderr, flush=True)
    {work}
import friedel.commands
friedel.commands.{function} = busy
from friedel.cli import main
sys.argv = ["friedel", *{arguments}]
main()
"""
KERNEL = """
from numba import njit
@njit(nogil=True)
def forever():
    x = 1
    while x != 0:
        x = x * 3 + 1 | 1
    return x
"""
POOL = """
forever = lambda: None
from friedel.runner.executors import local_executor
def pool():
    with local_executor(2) as executor:
        list(executor.map(lambda _: time.sleep(60), range(4)))
"""
SWALLOWED = """
class Deaf:
    def __del__(self):
        time.sleep(60)
def swallowed():
    try:
        time.sleep(60)
    except BaseException:
        time.sleep(60)
"""
INSPECT = ("inspect_scan", ["inspect", "SCAN"])


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("imports", "work"),
    [
        (KERNEL, "forever()"),
        (POOL, "pool()"),
        ("import numpy as np", "np.sort(np.random.default_rng(0).random(150_000_000))"),
        (SWALLOWED, "swallowed()"),
        ("import gc", "Deaf = type('Deaf', (), {'__del__': lambda self: time.sleep(60)}); Deaf(); time.sleep(60)"),
    ],
    ids=["kernel", "pool", "numpy", "swallowed", "finalizer"],
)
def test_a_signal_ends_the_command_within_two_seconds(tmp_path, sign, imports, work):
    program = PROGRAM.format(imports=imports, work=work, function=INSPECT[0], arguments=INSPECT[1])
    process = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    assert process.stderr is not None
    (tmp_path / "SCAN").write_text("")
    assert process.stderr.readline() == "busy\n"
    time.sleep(0.3)
    begin = time.monotonic()
    process.send_signal(sign)
    time.sleep(0.1)
    process.send_signal(sign)  # whoever presses twice gets no traceback
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130, said
    assert said.splitlines()[-1] == "friedel: interrupted: nothing was written", said
    assert "Traceback" not in said
    assert time.monotonic() - begin < 2.5  # two seconds, on a machine that does other things
