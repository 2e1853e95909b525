"""What a shell completes: commands, options, and the names of use cases.

typer answers the shell, which calls the program itself with `$_PORTCULLIS_COMPLETE` set. The script
that makes a shell do so is printed, and not written into the person's start-up files.
"""

from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from typer.core import TyperGroup

# typer makes this name of the program's, and its scripts set it.
VARIABLE = "_PORTCULLIS_COMPLETE"
PROGRAM = "portcullis"
# typer's scripts for these shells call the program by its bare name; ours is called `./portcullis`
# in a checkout, so the word that was typed is called.
CALLED_BY_NAME = {
    "bash": ("", ""),
    "zsh": (f"complete_zsh {PROGRAM})", 'complete_zsh "${words[1]}")'),
    "fish": (f"(commandline -cp) {PROGRAM}", "(commandline -cp) (commandline -opc)[1]"),
}


def completion_script(shell: str) -> str:
    """Return the lines that make a shell complete the program's arguments."""
    # typer's own, which it imports there without naming it as its module's.
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    script: str = get_completion_script(prog_name=PROGRAM, complete_var=VARIABLE, shell=shell)
    by_name, as_typed = CALLED_BY_NAME[shell]
    return script.replace(by_name, as_typed) if by_name else script


def answer_shell(commands: "TyperGroup") -> NoReturn:
    """Print what could be typed next, as `$_PORTCULLIS_COMPLETE` asks, and end the process."""
    from typer.completion import completion_init  # type: ignore[attr-defined]

    completion_init()
    commands.main([], prog_name=PROGRAM, complete_var=VARIABLE)
    raise SystemExit(0)  # typer has ended it by now


def use_case_names(incomplete: str) -> list[str]:
    """Return the use cases of this checkout whose names begin so."""
    from tasks.config.cases import case_names
    from tasks.errors import PortcullisError

    try:
        return [name for name in case_names(Path()) if name.startswith(incomplete)]
    except PortcullisError:
        return []  # a shell that completes has no place for a message
