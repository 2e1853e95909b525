"""`./portcullis export`: all that is held about one person, as JSON (GDPR Art. 15 and 20)."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.base.declaring import declare, installation_of, new_app
from flows.cli.base.options import Json, Subject, UseCase
from flows.cli.privacy.erase import hint_at_invisible, read_identifiers
from tasks.formats.new_file import require_new_file, write_new_file
from tasks.plain_text import UNSAFE_IN_TEXT

EXAMPLES = """\
An answer to a request for access:
  ./portcullis export loan --subject - --out person.json
"""
app = new_app()


@declare(app, examples=EXAMPLES)
def main(
    context: typer.Context,
    use_case: UseCase,
    *,
    subject: Subject,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A new file, readable by you alone (default: print).",
            show_default=False,
        ),
    ] = None,
    why: Annotated[
        str, typer.Option(metavar="TEXT", help="The reason, for the audit.")
    ] = "request of the data subject",
    custodian: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=FILE", help="With two, restricted records too.", show_default=False
        ),
    ] = None,
    is_json: Json = False,
) -> int:
    """Write everything about one person; whatever use case holds it."""
    del is_json  # what is held is JSON in any case; an error is, where it is asked for
    installation = installation_of(context)
    from tasks.access.export import export_person
    from tasks.config.cases import load_case
    from tasks.config.sources import today
    from tasks.keystore.custodians import read_private_key

    load_case(use_case, installation.workspace)
    # First, since what follows is a reading that stays in the audit log.
    if out is not None:
        require_new_file(out)
    (identifier,) = read_identifiers(subject, None)
    pairs = [argument.partition("=") for argument in custodian or ()]
    custodians = [
        # Its place stands within a word, so that nobody has settled yet where it begins.
        (name, read_private_key(installation.settings.from_caller(path)))
        for name, _, path in pairs
    ]

    person = export_person(
        use_case,
        identifier,
        why=why,
        day=today(installation.settings),
        installation=installation,
        custodians=custodians,
    )
    if not person["held"] and not person["restricted"]:
        print(
            "Nothing is held under this identifier: which others has the person used?"
            f"{hint_at_invisible([identifier])}",
            file=sys.stderr,
        )
    text = json.dumps(person, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    if out is None:
        # The same JSON values. A text of the data may hold what a terminal would obey, and of that
        # JSON itself escapes the first 32 characters alone (RFC 8259, section 7).
        sys.stdout.write(UNSAFE_IN_TEXT.sub(lambda match: json.dumps(match[0])[1:-1], text))
        return 0

    write_new_file(out, text.encode(), mode=0o600)
    datasets = len(person["held"])
    print(
        f"{out}: {datasets} datasets; send it to the person, then delete it",
        file=sys.stderr,
    )
    return 0
