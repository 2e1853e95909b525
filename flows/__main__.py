"""The command line behind the launcher: `./portcullis <command>`."""

import argparse
import errno
import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from flows.serving.environment import settle
from flows.version import is_installed, version
from tasks.errors import ConfigError, PortcullisError
from tasks.formats.shown import describe_fault, is_debug_asked_for, withhold_texts
from tasks.settings import Settings
from tasks.system.installation import Installation
from tasks.system.sqlite_file import explain_sqlite

OVERLONG_NAME = ConfigError(
    "an argument or a variable",
    expected="the name of a file that this system can have",
    found="one that is too long",
    remedy="Check which one it is.",
)
RESTORE = "Restore its newest backup: `./portcullis doctor` says which one it is"
FAULT = 1  # exit code of what no person can mend: a bug


@dataclass(frozen=True)
class Command:
    """One command: what it is for, and the module whose `add_arguments` and `main` make it."""

    name: str
    purpose: str
    module: str


COMMANDS = (
    Command(
        "release",
        "take a use case from its sources to a gated, registered model",
        "flows.cli.release",
    ),
    Command(
        "power",
        "say before training which groups the gate of fairness can certify on so many rows",
        "flows.cli.power",
    ),
    Command(
        "erase",
        "erase a person from every version of the data and from what came of it",
        "flows.cli.privacy.erase",
    ),
    Command(
        "export",
        "write everything that is held about a person, as JSON",
        "flows.cli.privacy.export",
    ),
    Command("hold", "put a person's decision records under a legal hold", "flows.cli.privacy.hold"),
    Command(
        "release-hold",
        "end a legal hold, and carry on with an erasure that waited for it",
        "flows.cli.privacy.release_hold",
    ),
    Command(
        "requests",
        "show requests with their deadlines, and models due for retraining",
        "flows.cli.privacy.requests",
    ),
    Command(
        "doctor",
        "say what is missing, old or from elsewhere in this installation, and change nothing",
        "flows.cli.doctor",
    ),
    Command(
        "ui", "start a Prefect server, the deployments and a worker on this machine", "flows.cli.ui"
    ),
    Command(
        "worker",
        "serve releases of commits to others, as an account that they cannot write to",
        "flows.cli.worker",
    ),
    Command(
        "verify",
        "follow a model back to its sources and check every link",
        "flows.cli.proof.verify",
    ),
    Command(
        "attempts",
        "list every attempt on the same data: plan, outcome, who, when, what differed",
        "flows.cli.proof.attempts",
    ),
    Command(
        "approve",
        "approve a model, or accept an undecided check, as a second person",
        "flows.cli.proof.approve",
    ),
    Command(
        "bundle", "write an archive that an outsider can verify offline", "flows.cli.proof.bundle"
    ),
    Command(
        "prove",
        "prove the explanation of a decision to the person it is about",
        "flows.cli.proof.prove",
    ),
    Command(
        "anchor",
        "send the ledger's checkpoint to its mirror, witness and time stamp",
        "flows.cli.proof.anchor",
    ),
    Command(
        "audit", "verify the pipeline's own audit log, and send it on", "flows.cli.proof.audit"
    ),
    Command(
        "prune",
        "remove old envelopes by the retention policy, or put them on hold",
        "flows.cli.proof.prune",
    ),
    Command(
        "in-force",
        "show, propose and sign what is in force: policy, gates, approvals, names, anchors",
        "flows.cli.proof.in_force",
    ),
    Command(
        "keys",
        "show, enrol, rotate and revoke signing keys; set a missing pin; follow a lost key store",
        "flows.cli.proof.keys",
    ),
    Command(
        "accept",
        "make the figures of the last release the baseline for the next",
        "flows.cli.proof.accept",
    ),
    Command(
        "init",
        "draft a use case from samples of your files, or make a repository of your own",
        "flows.cli.init",
    ),
    Command(
        "sync",
        "check every use case and write what DVC and Prefect read of them",
        "flows.cli.sync",
    ),
    Command("test", "install and run everything that CI runs", "flows.cli.test"),
)


def main(arguments: list[str]) -> int:
    """Run one command.

    Returns:
        Its exit code: 0 done, 1 a fault of the program, 2 a person can mend it, 3 blocked by a
        gate, 4 a service failed.
    """
    settle()
    parser = argparse.ArgumentParser(
        prog="portcullis" if is_installed() else "./portcullis",
        description="Train a model on personal data, and prove that it was done lawfully.",
    )
    parser.add_argument("--version", action="version", version=f"portcullis {version()}")
    subparsers = parser.add_subparsers(dest="command", metavar="command", required=True)

    # Only the command that is asked for is imported: some import what takes seconds.
    wanted = next((argument for argument in arguments if not argument.startswith("-")), None)
    for command in COMMANDS:
        subparser = subparsers.add_parser(
            command.name, help=command.purpose, description=command.purpose
        )
        if command.name == wanted:
            run = _wire(command, subparser)
    options = parser.parse_args(arguments)

    try:
        installation = open_installation(arguments)
        settle_paths(options, installation.settings)
        return run(options, installation)
    except PortcullisError as error:
        print(f"portcullis: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        raise  # no fault: see `run_command`
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
            print(f"portcullis: {OVERLONG_NAME}", file=sys.stderr)
            return PortcullisError.exit_code
        if cause := _explain(error):
            print(f"portcullis: {cause}", file=sys.stderr)
            return cause.exit_code
        # A traceback would quote what a library quotes: an identifier, a row, a path.
        fault = describe_fault(error, is_debug=is_debug_asked_for(os.environ))
        print(f"portcullis: a fault of the program: {fault}", file=sys.stderr)
        return FAULT
    except KeyboardInterrupt:
        return _say_interrupted()


def settle_paths(options: argparse.Namespace, settings: Settings) -> None:
    """Let relative paths of the command line begin where the person stands.

    The launcher has changed into the checkout: what they named would else be written, or looked
    for, there.
    """
    for name, value in vars(options).items():
        if isinstance(value, Path):
            setattr(options, name, settings.from_caller(value))


def is_about_files(arguments: list[str]) -> bool:
    """Say whether a command needs no checkout, because it is only about files that it names."""
    match arguments:
        case [] | ["--version" | "--help" | "-h", *_] | ["keys", "make", *_]:
            return True
        case ["verify", *rest]:
            return any(word.endswith(".zip") for word in rest)
        case ["init", *rest]:  # of a repository: what it makes or upgrades is another folder
            return not any(word.partition("=")[0] == "--from" for word in rest)
    return False


def open_installation(arguments: list[str]) -> Installation:
    """Open the installation that a command works under.

    A release records and signs for the code in its folder, so that code has to run: an installed
    package hands over to a checkout (`flows/installed.py`), and never works on one itself.

    Raises:
        ConfigError: The command works in a checkout, and this is the code of an installed package;
            or the environment does not allow any installation.
    """
    if is_about_files(arguments):
        # The current folder may be anybody's, so no home is made there.
        return Installation(Path(), Path(os.devnull), Settings.from_environment(os.environ))

    if is_installed():
        raise ConfigError(
            str(Path.cwd()),
            expected="a checkout of Portcullis, whose own code such a command runs and signs for",
            found="none",
            remedy="Go to the top folder of one, or clone the project, and start it there.",
        )
    if arguments[0] == "doctor":
        return Installation.look(Path(), os.environ)
    return Installation.open(Path(), os.environ)


def _wire(
    command: Command, subparser: argparse.ArgumentParser
) -> Callable[[argparse.Namespace, Installation], int]:
    module = import_module(command.module)
    module.add_arguments(subparser)
    run: Callable[[argparse.Namespace, Installation], int] = module.main
    return run


def run_command(arguments: list[str]) -> int:
    """Run `main`; a reader that stops, as in `./portcullis requests | head`, is no fault.

    Nor is Ctrl-C while a command's own code is still being imported.
    """
    try:
        try:
            return main(arguments)
        finally:
            # Not left to the end of Python, where an error can no longer be handled.
            sys.stdout.flush()
    except BrokenPipeError:
        # What is still buffered has to go somewhere when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except KeyboardInterrupt:
        return _say_interrupted()


def _explain(error: Exception) -> PortcullisError | None:
    """Return the cause by name where a database of ours meets a full disk, a lock or a mode."""
    if not isinstance(error, sqlite3.Error):
        return None
    return explain_sqlite(error, "a database of this installation", restore=f"{RESTORE}.")


def _say_interrupted() -> int:
    print("portcullis: interrupted; the same command goes on where it stopped", file=sys.stderr)
    return 128 + signal.SIGINT


if __name__ == "__main__":
    withhold_texts(os.environ)
    sys.exit(run_command(sys.argv[1:]))
