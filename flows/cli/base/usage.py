"""Say what is wrong with a command's arguments: where, expected, found, and what to do.

A value that was typed may be a person's identifier: it is never quoted. A name of an option is.
"""

import re
from difflib import get_close_matches
from typing import Any

import typer

from tasks.errors import ConfigError

# What these two match is quoted: names of ours, and nothing that has a digit, an `@` or a capital,
# as identifiers of people have.
OPTION = re.compile(r"--?[a-z][a-z-]*")
# The parser's error names the command in its text alone.
UNKNOWN_COMMAND = re.compile(r"No such command ['\"](.*?)['\"]")
COMMAND = re.compile(r"[a-z][a-z-]*")


class UsageError(ConfigError):
    """Arguments of a command that are not well-formed."""


def explain_usage(error: typer.TyperException, program: str) -> UsageError:
    """Return the parser's error in the form of all others."""
    context: Any = getattr(error, "ctx", None)
    where = str(context.command_path) if context else program
    help_line = f"`{where} --help` explains it."

    if (option := getattr(error, "option_name", None)) is not None:
        return _about_option(error, str(option), where, help_line)
    if (param := getattr(error, "param", None)) is not None:
        return _about_value(error, param, context, where, help_line)
    if context is not None and (commands := getattr(context.command, "commands", None)):
        return _about_command(error, list(commands), where)
    return UsageError(
        where,
        expected="the arguments that its usage names",
        found="more of them",
        remedy=help_line,
    )


def closest(word: str, words: list[str]) -> str:
    """Return what a mistyped word may have meant, as the beginning of a remedy."""
    matches = get_close_matches(word, words, n=2)
    return f"Did you mean {' or '.join(f'`{match}`' for match in matches)}? " if matches else ""


def _about_option(error: Any, option: str, where: str, help_line: str) -> UsageError:
    # Of its two errors about options only the one for a name that there is not has suggestions; the
    # other is about a value too many or too few.
    is_unknown = hasattr(error, "possibilities")
    shown = f"`{option}`" if OPTION.fullmatch(option) else "another"
    if not is_unknown:
        takes_none = "does not take" in error.message
        return UsageError(
            f"{where} {option}",
            expected="no value" if takes_none else "a value",
            found="one" if takes_none else "none",
            remedy=help_line,
        )

    possibilities = error.possibilities or ()
    hint = " or ".join(f"`{name}`" for name in possibilities)

    return UsageError(
        where,
        expected="one of its options",
        found=shown,
        remedy=(f"Did you mean {hint}? " if hint else "") + help_line,
    )


def _about_value(error: Any, param: Any, context: Any, where: str, help_line: str) -> UsageError:
    is_option = param.param_type_name == "option"
    name = param.opts[0] if is_option else (param.metavar or param.name)
    # What is missing has no message of its own.
    if not error.message:
        return UsageError(where, expected=f"{name}", found="nothing", remedy=help_line)

    return UsageError(
        f"{where} {name}",
        expected=f"{param.display_type(context).strip('<>')}",
        found="something else",
        remedy=help_line,
    )


def _about_command(error: Any, commands: list[str], where: str) -> UsageError:
    named = UNKNOWN_COMMAND.match(error.message)
    typed = named[1] if named else ""
    shown = f"`{typed}`" if COMMAND.fullmatch(typed) else "another"
    return UsageError(
        where,
        expected="one of its commands",
        found=shown if typed else "none",
        remedy=f"{closest(typed, commands)}`{where} --help` lists them.",
    )
