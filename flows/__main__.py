"""The command line behind the launcher: `./portcullis <command>`."""

import errno
import os
import signal
import sys

# Ctrl-C while what follows is still being imported: nothing was begun, and no traceback is wanted.
# A shell that starts this in the background has SIGINT ignored, and so it stays.
if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, lambda *_: os._exit(128 + signal.SIGINT))

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from typer.main import get_command

from flows.cli.base.answering import print_json, report_error
from flows.cli.base.completing import PROGRAM, VARIABLE, answer_shell, completion_script
from flows.cli.base.declaring import SETTINGS, LateCommand, LateGroup, call
from flows.cli.base.options import one_of
from flows.serving.environment import settle
from flows.version import is_installed, version
from tasks.errors import ConfigError, PortcullisError, ServiceError
from tasks.formats.shown import (
    describe_fault,
    is_debug_asked_for,
    kind_of_error,
    withhold_texts,
)
from tasks.secrets.opening import look_with_secrets, open_with_secrets
from tasks.settings import Settings
from tasks.system.installation import Installation
from tasks.system.machine_faults import explain_machine

OVERLONG_NAME = ConfigError(
    "an argument or a variable",
    expected="the name of a file that this system can have",
    found="one that is too long",
    remedy="Check which one it is.",
)
INTERRUPTED = 128 + signal.SIGINT
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
ONE_OF_SHELLS = one_of(("bash", "zsh", "fish"))
EPILOG = """\
\b
Examples:
  ./portcullis release loan
  ./portcullis verify loan --json
  ./portcullis release --help

Exit codes: 0 done; 1 a fault of the program; 2 you can mend it;
3 blocked by a gate; 4 a service did not answer. With --json an error
is a JSON object, too.
"""
FAULT = 1  # exit code of what no person can mend: a bug


@dataclass(frozen=True)
class Command:
    """One command: what it is for, and the module whose `app` declares it."""

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
        "server",
        "serve a registry with roles, sign-in and an audit log on this machine",
        "flows.cli.server",
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
        "registry-database",
        "make the registry's PostgreSQL ask for evidence, or say what is otherwise there",
        "flows.cli.registry_database",
    ),
    Command(
        "registry-bucket",
        "say what the write-once bucket of releases lacks",
        "flows.cli.registry.registry_bucket",
    ),
    Command(
        "promote",
        "have a cleared model serve, by a declared rule and a second person",
        "flows.cli.registry.promote",
    ),
    Command(
        "rollback",
        "have the model serve again that served before",
        "flows.cli.registry.rollback",
    ),
    Command(
        "served",
        "show which model served when, and who decided so, from the ledger alone",
        "flows.cli.registry.served",
    ),
    Command(
        "verify-model",
        "ask whether a registered model may decide today, without loading it",
        "flows.cli.registry.verify_model",
    ),
    Command(
        "scan",
        "look for vulnerabilities, forbidden licences and altered files in what is shipped",
        "flows.cli.shipping.scan",
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
        "dossier",
        "write what a regulator, a validator and a board read, from evidence and gaps alone",
        "flows.cli.dossier.write",
    ),
    Command(
        "answer",
        "answer a requirement of the dossier as a person, by signature",
        "flows.cli.dossier.answer",
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
    # First: what follows starts processes, opens files and prints.
    settle()
    # Asked before they are parsed: a program wants JSON also where its arguments are wrong.
    is_json = "--json" in arguments
    program = PROGRAM if is_installed() else f"./{PROGRAM}"
    try:
        return call(declare_commands(), program, arguments, lambda: open_installation(arguments))
    # 1. What we say ourselves. 2. A reader that stopped. 3. What of the machine is in the way. 4.
    # All else is a fault of ours, whose text stays here.
    except PortcullisError as error:
        return report_error(error, is_json=is_json)
    except BrokenPipeError:
        raise  # no fault: see `run_command`
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
            return report_error(OVERLONG_NAME, is_json=is_json)
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            _give_up_output()
            return report_error(unwritable(kind_of_error(error)), is_json=False)
        if cause := _explain(error):
            return report_error(cause, is_json=is_json)
        # A traceback would quote what a library quotes: an identifier, a row, a path.
        fault = describe_fault(error, is_debug=is_debug_asked_for(os.environ))
        print(f"portcullis: a fault of the program: {fault}", file=sys.stderr)
        if is_json:
            print_json({"error": {"kind": "fault", "exitCode": FAULT, "where": fault}})
        return FAULT


def declare_commands() -> LateGroup:
    """Return the group of all commands; none of their modules is imported yet."""
    app = typer.Typer(
        cls=LateGroup, add_completion=False, rich_markup_mode=None, context_settings=SETTINGS
    )
    app.callback()(_declare_program)
    group = get_command(app)
    assert isinstance(group, LateGroup)
    group.help = "Train a model on personal data, and prove that it was done lawfully."
    group.epilog = EPILOG
    for item in COMMANDS:
        group.add_command(LateCommand(item.name, item.purpose, item.module))

    return group


def _print_version(is_asked: bool) -> None:
    if is_asked:
        print(f"portcullis {version()}")
        raise typer.Exit


def _print_completion(param: typer.CallbackParam, shell: str | None) -> None:
    if shell is not None:
        ONE_OF_SHELLS["callback"](param, shell)
        print(completion_script(shell))
        raise typer.Exit


def _declare_program(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version."
        ),
    ] = False,
    show_completion: Annotated[
        str | None,
        typer.Option(
            is_eager=True,
            callback=_print_completion,
            autocompletion=ONE_OF_SHELLS["autocompletion"],
            metavar="SHELL",
            help="Print what makes a shell complete commands, options and use cases: "
            "bash, zsh or fish.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Hold the options of the program itself."""


def is_about_files(arguments: list[str]) -> bool:
    """Say whether a command needs no checkout, because it is only about files that it names."""
    match arguments:
        case [] | ["--version" | "--help" | "-h" | "--show-completion", *_] | ["keys", "make", *_]:
            return True
        # No use case's name ends in `.zip`: `tasks/config/case_name.py` allows no full stop.
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
    # It looks at what may be broken: opening it as all others do would make what is missing, and
    # say that nothing is.
    if arguments[0] == "doctor":
        return look_with_secrets(Path(), os.environ)
    return open_with_secrets(Path(), os.environ)


def run_command(arguments: list[str]) -> int:
    """Run `main`; a reader that stops, as in `./portcullis requests | head`, is no fault.

    Nor is Ctrl-C, also while a command's own code is still being imported, nor an output that
    cannot be written to.
    """
    try:
        if VARIABLE in os.environ:  # a shell asks what could be typed next
            answer_shell(declare_commands())
        code = main(arguments)
    except BrokenPipeError:
        _give_up_output()
        return 128 + signal.SIGPIPE
    except KeyboardInterrupt:
        code = _say_interrupted(is_json="--json" in arguments)

    try:
        lost = _flush_output()
    except BrokenPipeError:
        _give_up_output()
        return 128 + signal.SIGPIPE
    return report_error(lost, is_json=False) if lost else code


def _flush_output() -> ServiceError | None:
    """Write what is buffered; return what stands in the way, such as a full disk.

    It is not left to the end of Python, where an error can no longer be handled.
    """
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        _give_up_output()
        return unwritable(kind_of_error(error))

    return None


def unwritable(kind: str) -> ServiceError:
    """Return what stands in the way of an output, or a file, that has no room left."""
    return ServiceError(
        "standard output, or a file",
        expected="room to write to",
        found=kind,
        remedy="Make room where it goes, and run the same command again.",
    )


def _give_up_output() -> None:
    # What is still buffered has to go somewhere when Python ends.
    # By the descriptor and not by `sys.stdout`: Python flushes that stream at its end, and would
    # print a traceback of its own.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _explain(error: Exception) -> PortcullisError | None:
    """Return what of the machine is in the way of a command, if it is that."""
    try:
        installation = look_with_secrets(Path(), os.environ)
    except PortcullisError:
        installation = None
    return explain_machine(error, installation)


def _say_interrupted(*, is_json: bool) -> int:
    # Where the interruption fell into an `exec`, as libraries use it when they are imported, Python
    # remembers it and would in the end kill itself by the signal. The next `exec` makes it forget.
    exec("")
    print("portcullis: interrupted; the same command goes on where it stopped", file=sys.stderr)
    if is_json:
        print_json({"error": {"kind": "interrupted", "exitCode": INTERRUPTED}})
    return INTERRUPTED


if __name__ == "__main__":
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    withhold_texts(os.environ)
    sys.exit(run_command(sys.argv[1:]))
