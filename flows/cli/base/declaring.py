"""Declare commands as typed functions on typer, and import only the one that is asked for.

A command's module has an `app`, made by `new_app`, and on it one function (`release`) or one for
each action (`keys list`). A function takes typer's context first, and has its installation from
`installation_of`: that is opened once every argument is known to be well-formed.

Help is plain text without frames or colours: it fits 60 columns, and looks the same in a pipe, on
a dumb terminal and under NO_COLOR. It also saves importing Rich.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from flows.cli.base.heartbeat import heartbeat
from flows.cli.base.usage import UsageError, explain_usage
from tasks.system.installation import Installation

SETTINGS = {"max_content_width": 100, "help_option_names": ["--help", "-h"]}
Opener = Callable[[], Installation]
Function = TypeVar("Function", bound=Callable[..., int])


class HouseCommand(TyperCommand):
    """A command whose paths begin where the person stands."""

    reports_progress = False

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse, and refuse an option's name where a value was left out.

        Of `erase loan --subject --dry-run` the parser would make a person called `--dry-run`, and
        erase them.
        """
        try:
            rest: list[str] = super().parse_args(ctx, args)
        except typer.TyperException as error:
            # Some of the parser's errors do not know which command they are about.
            if getattr(error, "ctx", None) is None:
                vars(error)["ctx"] = ctx
            raise

        # By every name that an option has, also of the half that switches it off.
        names = {
            name for param in self.get_params(ctx) for name in (*param.opts, *param.secondary_opts)
        }
        for param in self.get_params(ctx):
            value = ctx.params.get(param.name)
            values = value if isinstance(value, list | tuple) else (value,)
            # A path is converted by now: `--out --json` would write a file of that name.
            if any(isinstance(text, str | Path) and str(text) in names for text in values):
                raise UsageError(
                    f"{ctx.command_path} {param.opts[0]}",
                    expected="a value",
                    found="the next option",
                    remedy=f"`{ctx.command_path} --help` explains it.",
                )

        return rest

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the usage line's words; what is required stands without braces."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments and options; an argument's name says what it is, not its type."""
        records = [(param, param.get_help_record(ctx)) for param in self.get_params(ctx)]
        for kind, heading in (("argument", "Arguments"), ("option", "Options")):
            rows = [
                (record[0].partition(" <")[0], record[1])
                for param, record in records
                if record is not None and param.param_type_name == kind
            ]
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)

    def invoke(self, ctx: Any) -> int:
        """Open the installation, settle the paths, and run."""
        # Opened here, where every argument is known to be well-formed: it makes the home and its
        # secrets, which a mistyped option should not leave behind.
        installation: Installation = ctx.obj()
        ctx.obj = installation
        # The launcher has changed into the checkout: what they named would else be written, or
        # looked for, there.
        for name, value in ctx.params.items():
            ctx.params[name] = settle_path(value, installation)
        with nullcontext() if self.reports_progress else heartbeat(str(ctx.info_name)):
            return int(super().invoke(ctx))


class TalkingCommand(HouseCommand):
    """A command that reports its own progress all the time."""

    reports_progress = True


class LateCommand(TyperCommand):
    """A line of the list of commands; its module is imported when it is asked for."""

    def __init__(self, name: str, purpose: str, module: str) -> None:
        super().__init__(name, help=purpose)
        self.module = module


class PurposeGroup(TyperGroup):
    """A list of commands, or of a command's actions, each with the whole of its purpose."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list; typer would cut each to a line."""
        names = self.list_commands(ctx)
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.commands[name].help or "") for name in names])


class LateGroup(PurposeGroup):
    """The list of all commands, whose modules are imported when they are asked for."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the command that is asked for, its module imported."""
        name, command, rest = super().resolve_command(ctx, args)
        if isinstance(command, LateCommand):
            command = load_command(command.module, str(name), command.help or "")
        return name, command, rest


def new_app() -> typer.Typer:
    """Return what a module declares its command, or its actions, on."""
    return typer.Typer(
        cls=PurposeGroup,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings=SETTINGS,
    )


def declare(
    app: typer.Typer,
    name: str | None = None,
    *,
    purpose: str = "",
    examples: str = "",
    reports_progress: bool = False,
) -> Callable[[Function], Function]:
    """Declare a function as a command, or as the action `name` of one.

    Args:
        app: What the module has from `new_app`.
        name: An action's name.
        purpose: What an action does; a command's stands in the list of commands.
        examples: Paragraphs that end its `--help` as they are, and not wrapped.
        reports_progress: Whether it always does; of any other it is said that it is at work.
    """
    return app.command(
        name,
        cls=TalkingCommand if reports_progress else HouseCommand,
        help=purpose or " ",
        epilog=as_epilog(examples),
        context_settings=SETTINGS,
    )


def as_epilog(examples: str) -> str:
    """Return paragraphs as the end of a `--help`; those with commands are never wrapped."""
    paragraphs = examples.strip().split("\n\n")
    # `\b` on a line of its own is what keeps the parser's formatter from wrapping a paragraph.
    return "\n\n".join(f"\b\n{part}" if "\n  " in part else part for part in paragraphs)


def load_command(module: str, name: str, purpose: str) -> Any:
    """Import a command's module and return what it declares."""
    declared = get_command(import_module(module).app)
    declared.name = name
    # The one purpose stands in the list of commands, where people compare it with the others.
    declared.help = purpose
    if isinstance(declared, TyperGroup):
        declared.subcommand_metavar = "ACTION [ARGS]..."
    return declared


def installation_of(context: typer.Context) -> Installation:
    """Return the installation that a command works under."""
    installation: Installation = context.obj
    return installation


def settle_path(value: Any, installation: Installation) -> Any:
    """Return a path, or a list of them, with relative ones beginning where the person stands."""
    if isinstance(value, Path):
        return installation.settings.from_caller(value)
    if isinstance(value, list | tuple):
        return [settle_path(item, installation) for item in value]
    return value


def call(declared: Any, program: str, arguments: Sequence[str], opener: Opener) -> int:
    """Parse arguments and run what they ask for; return its exit code.

    typer's own `main` is not used: it ends processes, and prints errors in its own form.

    Raises:
        UsageError: The arguments are not well-formed.
    """
    try:
        # What opens an installation goes in, and not the installation: `HouseCommand.invoke` calls
        # it.
        with declared.make_context(program, [*arguments], obj=opener) as context:
            return int(declared.invoke(context))
    except typer.Exit as end:
        return end.exit_code
    except typer.TyperException as error:
        _refuse(error, program)


def _refuse(error: typer.TyperException, program: str) -> NoReturn:
    # Not chained: the parser's own message quotes what was typed.
    raise explain_usage(error, program) from None
