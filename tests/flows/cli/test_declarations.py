"""What commands say of themselves: every option is explained, and every example can be typed."""

import argparse
import shlex
from collections.abc import Iterator
from importlib import import_module

import pytest

from flows.__main__ import COMMANDS

WITH_EXAMPLES = ("erase", "requests", "doctor", "keys")
SHELL_ENDS = ("||", "|", ">")


def parser_of(name: str) -> argparse.ArgumentParser:
    """Return the parser of a command."""
    (command,) = (command for command in COMMANDS if command.name == name)
    parser = argparse.ArgumentParser(f"./portcullis {name}")
    import_module(command.module).add_arguments(parser)
    return parser


def actions_of(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Yield every argument of a command, and of each of its actions."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for subparser in action.choices.values():
                yield from actions_of(subparser)
        else:
            yield action


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_every_argument_has_a_text(name: str) -> None:
    for action in actions_of(parser_of(name)):
        assert action.help, f"{name}: {action.dest}"


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_every_example_can_be_typed(name: str) -> None:
    examples = [
        line.strip()
        for line in str(parser_of(name).epilog).splitlines()
        if line.startswith("  ./portcullis ")
    ]
    assert examples
    for example in examples:
        # The comment of an example is two blanks away.
        words = shlex.split(example.split("  ")[0])
        end = next((place for place, word in enumerate(words) if word in SHELL_ENDS), len(words))
        _, command, *arguments = words[:end]
        parser_of(command).parse_args(arguments)
