"""What all tests need, however they are started."""

import signal

from hypothesis import settings

settings.register_profile("friedel", deadline=None)  # speed belongs in benches: a busy machine is no failure
settings.load_profile("friedel")

# A shell that starts the tests in the background has them ignore interrupts; their children would inherit it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
