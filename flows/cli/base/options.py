"""Arguments that several commands share, and what arguments are parsed by."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any

import typer

from flows.cli.base.completing import use_case_names
from flows.cli.base.usage import UsageError, closest

UseCase = Annotated[
    str,
    typer.Argument(
        metavar="USE-CASE",
        help="A use case of configs/index.yaml, for example `loan`.",
        autocompletion=use_case_names,
        show_default=False,
    ),
]
OptionalUseCase = Annotated[
    str | None,
    typer.Argument(
        metavar="USE-CASE",
        help="The use case that the request is about.",
        autocompletion=use_case_names,
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, for programs.")]
Model = Annotated[
    str | None,
    typer.Option(
        metavar="SHA256",
        help="The model, as sha256:… (default: the one that lies in data/).",
        show_default=False,
    ),
]
Version = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        help="The version's number in the registry.",
        show_default=False,
    ),
]
# An argument stands in the shell's history and in the process list; what `-` reads does not (ADR
# 26).
Subject = Annotated[
    str,
    typer.Option(
        metavar="ID", help="The person's identifier; `-` asks for it.", show_default=False
    ),
]


def day_of(text: str) -> date:
    """Return a day that was written like 2026-11-20.

    Raises:
        UsageError: It is none.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(
            "a date",
            expected="a day like 2026-11-20",
            found="something else",
            remedy="Mend it.",
        ) from None


def one_of(names: Sequence[str]) -> dict[str, Any]:
    """Return what an option, or an argument, takes to accept these names and no others."""

    def check(param: typer.CallbackParam, value: str | list[str] | None) -> Any:
        for text in [value] if isinstance(value, str) else value or ():
            if text not in names:
                raise UsageError(
                    param.opts[0],
                    expected=f"one of {', '.join(names)}",
                    found="another",
                    remedy=f"{closest(text, list(names))}Nothing was done.",
                )
        return value

    def complete(incomplete: str) -> list[str]:
        return [name for name in names if name.startswith(incomplete)]

    return {"callback": check, "autocompletion": complete, "show_default": False}


def require_one(where: str, **ways: Any) -> str:
    """Return the one option of several that was given.

    Raises:
        UsageError: None was, or more than one.
    """
    # An empty text was given, and is refused later in words that say so. A flag that was left out
    # is False.
    asked = [name for name, value in ways.items() if value not in (None, False)]
    if len(asked) == 1:
        return asked[0]

    names = [f"--{name.replace('_', '-')}" for name in ways]
    raise UsageError(
        where,
        expected=f"exactly one of {', '.join(names)}",
        found=" and ".join(f"--{name.replace('_', '-')}" for name in asked) or "none",
        remedy="Nothing was done.",
    )
