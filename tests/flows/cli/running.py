"""Run a command as the command line does, without a process of its own."""

from pathlib import Path
from types import ModuleType
from typing import Any

from flows.cli.base.declaring import call, load_command
from tasks.system.installation import Installation


def run(command: ModuleType, installation: Installation, *arguments: str | Path) -> int:
    """Return the exit code of a command with these arguments.

    Raises:
        UsageError: They are not well-formed.
    """
    name = command.__name__.rpartition(".")[2].replace("_", "-")
    declared = load_command(command.__name__, name, "")
    return call(declared, name, [str(argument) for argument in arguments], lambda: installation)


def parse(command: ModuleType, *arguments: str) -> dict[str, Any]:
    """Return what a command's function would get for these arguments."""
    declared = load_command(command.__name__, "command", "")
    values: dict[str, Any] = declared.make_context("command", list(arguments)).params
    return values
