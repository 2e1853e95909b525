"""`./portcullis promote`: have a cleared model serve, by the case's rule and a second person."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.base.answering import print_result
from flows.cli.base.declaring import declare, installation_of, new_app
from flows.cli.base.options import Json, UseCase, Version
from tasks.attestation.predicates.serving.promotion import PromotionStep
from tasks.errors import ConfigError, RefusedError
from tasks.formats.regular_file import describe_unreadable, read_regular_file
from tasks.plain_text import one_line
from tasks.stages.register.params import SERVING_ALIAS
from tasks.system.installation import Installation

EXAMPLES = """\
A second person approves it first, by their own key:
  ./portcullis approve loan --model sha256:DIGEST \\
    --to champion --reason "better, and as fair" \\
    --expires 2027-06-30 --key ann.pem
  ./portcullis promote loan

Where that person signed elsewhere (`approve … --print`):
  ./portcullis promote loan --approval approval.json

Where the worker's service judges (PORTCULLIS_WORKER), the service
decides: by the rule of the commit that the checkout stands at.

Refused, it exits with 3 and says all that speaks against it.
"""
app = new_app()
MOST_APPROVAL_BYTES = 1 << 16  # it has some 2 KB

Alias = Annotated[str, typer.Option("--to", metavar="ALIAS", help="The alias by which it serves.")]


@declare(app, examples=EXAMPLES)
def main(
    context: typer.Context,
    use_case: UseCase,
    *,
    alias: Alias = SERVING_ALIAS,
    version: Version = None,
    approval_path: Annotated[
        Path | None,
        typer.Option(
            "--approval",
            metavar="FILE",
            help="What a second person has signed elsewhere; it is recorded first.",
            show_default=False,
        ),
    ] = None,
    is_json: Json = False,
) -> int:
    """Decide whether a model may serve, sign for it, and move the alias."""
    # Read before anything is asked: a file that is none should not leave half a step.
    approval = "" if approval_path is None else _read_approval(approval_path)
    print_step(
        PromotionStep.PROMOTE,
        use_case,
        alias,
        installation_of(context),
        version=version,
        approval=approval,
        is_json=is_json,
    )
    return 0


def print_step(
    step: PromotionStep,
    use_case: str,
    alias: str,
    installation: Installation,
    *,
    version: int | None,
    approval: str = "",
    is_json: bool,
) -> None:
    """Take a step and print what serves now, and by which figures."""
    from flows.steps.promoting import take_step

    with _showing_refusals(is_json=is_json):
        taken = take_step(
            step, use_case, alias, installation, version=str(version or ""), approval=approval
        )
    print_result(map(one_line, taken.lines), taken.values, is_json=is_json)


def _read_approval(path: Path) -> str:
    expected = "what `approve … --print` printed"
    remedy = "Name the file that holds it. Nothing was recorded."
    try:
        approval = read_regular_file(path, most_bytes=MOST_APPROVAL_BYTES).decode()
    except OSError as error:
        found = describe_unreadable(error)
        raise ConfigError("--approval", expected=expected, found=found, remedy=remedy) from error
    except UnicodeDecodeError as error:
        found = "bytes that are no text"
        raise ConfigError("--approval", expected=expected, found=found, remedy=remedy) from error

    # Empty stands for "none was handed in", which would promote by whatever the log holds.
    if not approval.strip():
        raise ConfigError("--approval", expected=expected, found="an empty file", remedy=remedy)
    return approval


@contextmanager
def _showing_refusals(*, is_json: bool) -> Iterator[None]:
    """Print each reason of a refusal, which the error counts only; as JSON it has them."""
    try:
        yield
    except RefusedError as refusal:
        if not is_json:
            print_result(map(one_line, refusal.lines), {}, is_json=False)
        raise
