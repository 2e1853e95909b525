"""`./portcullis hold`: keep a person's decision records for a court (GDPR Art. 17(3)(e))."""

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.base.answering import print_result
from flows.cli.base.declaring import declare, installation_of, new_app
from flows.cli.base.options import Json, OptionalUseCase, day_of, require_one
from flows.cli.privacy.erase import hint_at_invisible, read_identifiers
from tasks.errors import ConfigError
from tasks.system.installation import Installation

EXAMPLES = """\
A court asks for one person's decisions:
  ./portcullis hold loan --subject - \\
    --basis "court, case 4" --review 2027-06-30

Those who open what is kept, each with a key of their own:
  ./portcullis hold --new-custodian ann --out ann.pem
"""
app = new_app()


@declare(app, examples=EXAMPLES)
def main(
    context: typer.Context,
    use_case: OptionalUseCase = None,
    *,
    subject: Annotated[
        str | None,
        typer.Option(
            metavar="ID", help="The person's identifier; `-` asks for it.", show_default=False
        ),
    ] = None,
    new_custodian: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Make a key pair for one of those who open what is kept.",
            show_default=False,
        ),
    ] = None,
    basis: Annotated[
        str, typer.Option(metavar="TEXT", help="The court and case, or the law.")
    ] = "",
    review: Annotated[
        date | None,
        typer.Option(
            metavar="DATE",
            parser=day_of,
            help="When somebody looks at it again.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="For --new-custodian: where the private key goes.",
            show_default=False,
        ),
    ] = None,
    is_json: Json = False,
) -> int:
    """Place the hold; training data is erased on request all the same."""
    installation = installation_of(context)
    require_one("hold", subject=subject, new_custodian=new_custodian)
    if new_custodian:
        return _new_custodian(new_custodian, out, installation, is_json=is_json)
    if not (use_case and basis and review):
        raise ConfigError(
            "hold",
            expected="a use case, --basis and --review",
            found="less",
            remedy="See `./portcullis hold --help`.",
        )

    from tasks.config.cases import load_case
    from tasks.config.sources import today
    from tasks.erasure.holds import place_hold
    from tasks.erasure.journal import open_known_journal
    from tasks.erasure.request import identify_person
    from tasks.guard.journals import note_journal
    from tasks.guard.opening import open_guarded_keys, record_key_store
    from tasks.keystore.shredding import restricted_of

    load_case(use_case, installation.workspace)
    (identifier,) = read_identifiers(subject, None)
    # The hold is found again by two secrets: those that the log has seen, and no new ones.
    keys = open_guarded_keys(installation)
    journal = open_known_journal(installation, keys.tables)
    subjects = identify_person(identifier, use_case, installation).subjects
    is_known = any(keys.ids_of(subject) or restricted_of(keys, subject) for subject in subjects)

    # Whoever is being erased at this moment is done first: that erasure has looked for holds.
    with keys.tables.erasure_lock():
        # In the journal first, and then noted in the key store, which the log watches: a journal
        # that is older than the note is found out, and no hold is forgotten by a restore.
        hold = place_hold(
            keys,
            journal,
            subjects,
            use_case,
            basis,
            today(installation.settings),
            review,
            installation,
        )
        note_journal(keys, journal.extent())
        record_key_store(keys, installation)
    lines = [
        f"{hold.hold_id}: decision records are kept until it is released; "
        f"to be reviewed on {hold.review}"
    ]
    # Not refused: a court may ask before the first delivery. But a misspelt one keeps nothing.
    if not is_known:
        hint = hint_at_invisible([identifier])
        lines.append(f"Nothing is held under this identifier today: is it misspelt?{hint}")
    values = {
        "hold": hold.hold_id,
        "useCase": use_case,
        "review": hold.review.isoformat(),
        "isKnown": is_known,
    }
    print_result(lines, values, is_json=is_json)
    return 0


def _new_custodian(
    name: str, out: Path | None, installation: Installation, *, is_json: bool
) -> int:
    from tasks.keystore.custodians import CUSTODIANS, new_custodian

    path = out or installation.settings.from_caller(f"{name}.pem")
    new_custodian(name, path, installation.workspace)
    lines = (
        f"{path}: the private key; {name} takes it away, nobody else keeps it",
        f"{CUSTODIANS}: the public key; commit it",
    )
    values = {"custodian": name, "privateKey": str(path), "publicKeys": str(CUSTODIANS)}
    print_result(lines, values, is_json=is_json)
    return 0
