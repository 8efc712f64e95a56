"""What all tests need, however they are started."""

import signal

from hypothesis import settings

settings.register_profile("friedel", deadline=None)  # speed belongs in benches: a busy machine is no failure
settings.load_profile("friedel")

if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):  # started in the background by a shell: children would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)
