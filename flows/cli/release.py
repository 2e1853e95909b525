"""`./portcullis release <use case>`: the flow, attended, with Prefect's API for as long as it runs."""

import argparse
import os
import signal
import sys
from pathlib import Path

from tasks.config.cases import load_case
from tasks.errors import ConfigError
from tasks.system.installation import Installation


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "use_case", metavar="use-case", help="a use case of configs/index.yaml, for example `loan`"
    )


def main(options: argparse.Namespace, installation: Installation) -> int:
    """Run the release; 0 registered, 2 a person can mend it, 3 blocked, 4 a service did not answer."""
    load_case(
        options.use_case, installation.workspace
    )  # a mistyped name is told before Prefect's start-up
    check_workspace(installation.workspace)
    from flows.serving.attending import attend_command, open_api

    with open_api(installation.settings) as api:
        command = [
            sys.executable,
            "-m",
            "flows.cli.attended_release",
            options.use_case,
            str(os.getpid()),
        ]
        code = attend_command(command, api)
    if code > 128:
        ended = f"ended by {signal.Signals(code - 128).name}"
        print(
            f"portcullis: {ended}; nothing is half-done, and the same command goes on where it stopped",
            file=sys.stderr,
        )
    return code


def check_workspace(workspace: Path) -> None:
    """Say before the work, not after it, that its results cannot be written.

    Raises:
        ConfigError: The checkout is somebody else's, and may not be written to.
    """
    for folder in (workspace, workspace / "data", workspace / ".dvc"):
        if not os.access(folder, os.W_OK | os.X_OK):
            raise ConfigError(
                str(folder.absolute()),
                expected="a folder that you may write to: a release writes data/, .dvc/ and dvc.lock",
                found="one that you may not",
                remedy="Clone the project into a folder of your own, or ask its owner for write access.",
            )
