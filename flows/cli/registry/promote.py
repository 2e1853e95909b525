"""`./portcullis promote`: have a cleared model serve, by the case's rule and a second person."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from flows.cli.base.answering import print_result
from flows.cli.base.declaring import declare, installation_of, new_app
from flows.cli.base.options import Json, UseCase, Version
from tasks.errors import RefusedError
from tasks.plain_text import one_line
from tasks.promotion.moving import TakenStep
from tasks.stages.register.params import SERVING_ALIAS
from tasks.verifier.served.shown import lines_of_period

EXAMPLES = """\
A second person approves it first, by their own key:
  ./portcullis approve loan --model sha256:DIGEST \\
    --to champion --reason "better, and as fair" \\
    --expires 2027-06-30 --key ann.pem
  ./portcullis promote loan

Refused, it exits with 3 and says all that speaks against it.
"""
app = new_app()

Alias = Annotated[str, typer.Option("--to", metavar="ALIAS", help="The alias by which it serves.")]


@declare(app, examples=EXAMPLES)
def main(
    context: typer.Context,
    use_case: UseCase,
    *,
    alias: Alias = SERVING_ALIAS,
    version: Version = None,
    is_json: Json = False,
) -> int:
    """Decide whether a model may serve, sign for it, and move the alias."""
    from tasks.promotion.moving import promote

    with showing_refusals(is_json=is_json):
        step = promote(use_case, alias, installation_of(context), version=str(version or ""))
    print_step(step, is_json=is_json)
    return 0


@contextmanager
def showing_refusals(*, is_json: bool) -> Iterator[None]:
    """Print each reason of a refusal, which the error counts only; as JSON it has them."""
    try:
        yield
    except RefusedError as refusal:
        if not is_json:
            print_result(map(one_line, refusal.lines), {}, is_json=False)
        raise


def print_step(step: TakenStep, *, is_json: bool) -> None:
    """Print what serves now, and by which figures."""
    lines = [*step.comparisons, *lines_of_period(step.period)]
    if not step.is_new:
        lines.append("it was decided before; nothing else was changed")
    values = {
        "isNew": step.is_new,
        "comparisons": list(step.comparisons),
        "serves": step.period.to_dict(),
    }
    print_result(map(one_line, lines), values, is_json=is_json)
