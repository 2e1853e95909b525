"""How a command that serves until it is ended hears that it should end."""

import signal


def listen_to_signals() -> None:
    """Raise KeyboardInterrupt for Ctrl-C, SIGTERM and a closed terminal."""
    # A shell that starts this in the background has SIGINT ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    # A closed terminal sends SIGHUP. `nohup` has it ignored, and so it stays.
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        signal.signal(signal.SIGHUP, signal.default_int_handler)
