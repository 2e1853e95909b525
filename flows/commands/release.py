"""`./portcullis release <use case>`: the flow, attended, with Prefect's API for as long as it runs."""

import argparse
import os
import signal
import sys

from tasks.case import load_case


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("use_case", metavar="use-case", help="a use case of configs/index.yaml, for example `loan`")


def main(options: argparse.Namespace) -> int:
    """Run the release; 0 registered, 2 a person can mend it, 3 blocked, 4 a service did not answer."""
    load_case(options.use_case)  # a mistyped name is told before Prefect's start-up
    from flows.attending import attend, prefect_api

    with prefect_api() as api:
        command = [sys.executable, "-m", "flows.releasing", options.use_case, str(os.getpid())]
        code = attend(command, api)
    if code > 128:
        ended = f"ended by {signal.Signals(code - 128).name}"
        print(
            f"portcullis: {ended}; nothing is half-done, and the same command goes on where it stopped",
            file=sys.stderr,
        )
    return code
