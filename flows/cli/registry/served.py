"""`./portcullis served`: which model served when, and by whose decision, from the ledger alone."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from flows.cli.base.answering import print_result
from flows.cli.base.declaring import declare, installation_of, new_app
from flows.cli.base.options import Json, UseCase
from flows.cli.base.usage import UsageError
from tasks.config.cases import load_case
from tasks.notary.notary import read_case_log
from tasks.plain_text import one_line
from tasks.verifier.served.shown import lines_of_period, lines_of_timeline
from tasks.verifier.served.timeline import read_timeline

EXAMPLES = """\
All of it, and what served at one time:
  ./portcullis served loan
  ./portcullis served loan --at 2026-11-20T12:00Z

A complete bundle (`./portcullis bundle`) proves the same offline.
"""
app = new_app()


@declare(app, examples=EXAMPLES)
def main(
    context: typer.Context,
    use_case: UseCase,
    *,
    at: Annotated[
        str,
        typer.Option(
            metavar="TIME", help="What served then, like 2026-11-20T12:00Z; with its time zone."
        ),
    ] = "",
    is_json: Json = False,
) -> int:
    """Print which models served, and what of the ledger counts for nothing."""
    installation = installation_of(context)
    load_case(use_case, installation.workspace)
    moment = _moment_of(at) if at else None
    # From the log, and never from the registry: that one knows what serves now, and whoever may
    # write to it can say anything of before.
    log = read_case_log(use_case, installation)
    # Every decision is weighed again, with its approval: whoever has the worker's key alone makes
    # nothing serve (ADR 103).
    timeline = read_timeline(log, use_case)

    if moment is None:
        lines = list(lines_of_timeline(timeline)) or ["nothing of it has ever served"]
        periods = timeline.periods
    else:
        periods = tuple(period for period in timeline.periods if period.is_at(moment))
        lines = [line for period in periods for line in lines_of_period(period)]
        lines = lines or ["nothing of it served then"]
    # How much of the log this is: what was cut off at its end would be missing without a word.
    lines.append(f"by {log.head.size} entries of {log.head.origin}")
    values = {
        "log": {"origin": log.head.origin, "size": log.head.size},
        "periods": [period.to_dict() for period in periods],
        "ignored": [{"entry": index, "reason": reason} for index, reason in timeline.ignored],
    }
    print_result(map(one_line, lines), values, is_json=is_json)
    return 0


def _moment_of(text: str) -> int:
    """Return a moment in epoch seconds.

    Raises:
        UsageError: It is none, or does not say its time zone.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None

    # A time without its zone is another moment on another machine (ADR 36).
    if moment is None or moment.tzinfo is None:
        raise UsageError(
            "--at",
            expected="a time with its zone, like 2026-11-20T12:00Z",
            found="something else",
            remedy="Mend it.",
        )

    return int(moment.astimezone(UTC).timestamp())
