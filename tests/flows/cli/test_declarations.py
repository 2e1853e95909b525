"""What commands say of themselves: every option is explained, and every example can be typed."""

import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from flows.__main__ import COMMANDS, declare_commands
from flows.cli.base.declaring import load_command

NARROW = 60
WIDE = 100
SHELL_ENDS = ("||", "|", ">", "2>", "#")


def command_of(name: str) -> Any:
    """Return what a command's module declares."""
    (command,) = (command for command in COMMANDS if command.name == name)
    return load_command(command.module, name, command.purpose)


def leaves_of(name: str) -> Iterator[tuple[str, Any]]:
    """Yield a command, or each of its actions, as it is typed."""
    declared = command_of(name)
    for action, command in getattr(declared, "commands", {"": declared}).items():
        yield f"{name} {action}".strip(), command


def help_of(command: Any, name: str, columns: int, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", str(columns))
    context = command.make_context(f"./portcullis {name}", [], resilient_parsing=True)
    return str(command.get_help(context))


EVERY = [name for command in COMMANDS for name, _ in leaves_of(command.name)]


def find(name: str) -> Any:
    return dict(leaves_of(name.split()[0]))[name]


@pytest.mark.parametrize("name", EVERY)
def test_every_argument_has_a_text(name: str) -> None:
    for param in find(name).params:
        assert param.help, f"{name}: {param.name}"


@pytest.mark.parametrize("columns", [NARROW, WIDE])
@pytest.mark.parametrize("name", ["", "keys", "in-force", *EVERY])
def test_help_fits_the_terminal(name: str, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if not name:
        command = declare_commands()
    else:
        command = command_of(name) if name in ("keys", "in-force") else find(name)
    text = help_of(command, name, columns, monkeypatch)
    assert "\x1b" not in text
    assert [line for line in text.splitlines() if len(line) > columns] == []


def examples_of(command: Any) -> list[str]:
    text = str(command.epilog or "").replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.startswith("  ./portcullis ")]
    return [" ".join(line.split()) for line in lines]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_example_can_be_typed(command: Any) -> None:
    examples = examples_of(command_of(command.name))
    assert examples
    for example in examples:
        words = shlex.split(example, comments=True)
        end = next((place for place, word in enumerate(words) if word in SHELL_ENDS), len(words))
        _, name, *arguments = words[:end]
        declared = command_of(name)
        if actions := getattr(declared, "commands", None):
            declared = actions[arguments.pop(0)]
        declared.make_context(name, arguments)
