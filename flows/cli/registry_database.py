"""`./portcullis registry-database`: roles, triggers and grants beneath the registry."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.base.answering import print_result
from flows.cli.base.declaring import declare, installation_of, new_app
from flows.cli.base.options import Json
from tasks.errors import ConfigError
from tasks.system.installation import Installation

DEVIATES = 3  # exit code, as where a gate is shut

EXAMPLES = """\
Once, and again after each upgrade of MLflow or of this:
  export PORTCULLIS_REGISTRY_OWNER_URL=postgresql://…
  ./portcullis registry-database

From a timer, as the auditor, who may change nothing:
  export PORTCULLIS_REGISTRY_OWNER_URL=postgresql://…
  ./portcullis registry-database --check --json

From a timer, where the database runs; name the file in
PORTCULLIS_AUDIT_FILES to have it sent on:
  ./portcullis registry-database \\
    --log /var/log/postgresql \\
    --events /var/log/portcullis/database.jsonl
"""
app = new_app()


@declare(app, examples=EXAMPLES)
def main(
    context: typer.Context,
    *,
    is_check: Annotated[
        bool,
        typer.Option(
            "--check", help="Change nothing; exit with 3 where something is otherwise, and name it."
        ),
    ] = False,
    without_audit: Annotated[
        bool,
        typer.Option(
            "--without-audit", help="Do not ask for pgaudit: who did what there is not known then."
        ),
    ] = False,
    log: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Read PostgreSQL's own log (jsonlog), and nothing else; needs --events.",
            show_default=False,
        ),
    ] = None,
    events: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Append there, as OCSF, what was denied and what was written.",
            show_default=False,
        ),
    ] = None,
    is_json: Json = False,
) -> int:
    """Make the database, check it, or read its log."""
    from tasks.registry_database.checking import check
    from tasks.registry_database.installing import install

    url = _database_url(installation_of(context))
    if log is not None or events is not None:
        number = _convert(url, log, events)
        print_result((f"{number} events",), {"events": number}, is_json=is_json)
        return 0
    if not is_check:
        install(url, is_audited=not without_audit)
    # Also of what was made a moment ago: by the very questions that an auditor asks, who may change
    # nothing.
    deviations = check(url, is_audited=not without_audit)
    lines = [deviation.line() for deviation in deviations]
    summary = f"{len(lines)} deviations" if lines else "the registry's database is as it should be"
    values = [{"kind": item.kind, "place": item.place} for item in deviations]
    print_result((*lines, summary), {"deviations": values}, is_json=is_json)
    return DEVIATES if deviations else 0


def _convert(url: str, log: Path | None, events: Path | None) -> int:
    from tasks.registry_database.log_events import convert_log
    from tasks.system.database import with_driver

    if log is None or events is None or not log.is_dir() or not events.parent.is_dir():
        raise ConfigError(
            "--log and --events",
            expected="a folder that is there, and a file in one",
            found="one of them, or another place",
            remedy="Name both.",
        )
    return convert_log(log, with_driver(url).database or "", events)


def _database_url(installation: Installation) -> str:
    if url := installation.settings.registry_owner_url:
        return url
    raise ConfigError(
        "$PORTCULLIS_REGISTRY_OWNER_URL",
        expected="the registry's database, postgresql://…",
        found="nothing",
        remedy="Set it for this command alone; docs/registry-server.md says to what.",
    )
