"""`./portcullis hold`: keep a person's decision records for a court (GDPR Art. 17(3)(e))."""

import argparse
from datetime import date
from pathlib import Path

from flows.cli.privacy.erase import read_identifiers
from tasks.errors import ConfigError
from tasks.system.installation import Installation


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("use_case", metavar="use-case", nargs="?")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--subject", metavar="ID", help="the person's identifier; `-` reads it from standard input"
    )
    what.add_argument(
        "--new-custodian",
        metavar="NAME",
        help="make a key pair for one of those who open what is kept",
    )
    parser.add_argument("--basis", help="the court and case, or the law")
    parser.add_argument(
        "--review", metavar="DATE", type=date.fromisoformat, help="when somebody looks at it again"
    )
    parser.add_argument(
        "--out", metavar="FILE", type=Path, help="for --new-custodian: where the private key goes"
    )


def main(options: argparse.Namespace, installation: Installation) -> int:
    """Place the hold; training data is erased on request all the same."""
    if options.new_custodian:
        return _new_custodian(options, installation)
    if not (options.use_case and options.basis and options.review):
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
    from tasks.guard.journals import note_journal
    from tasks.guard.opening import open_guarded_keys
    from tasks.keystore.pseudonyms import pseudonym
    from tasks.notary.audit import PeopleAction, audit

    load_case(options.use_case, installation.workspace)
    (identifier,) = read_identifiers(options.subject, None)
    # The hold is found again by two secrets: those that the log has seen, and no new ones.
    keys = open_guarded_keys(installation)
    journal = open_known_journal(installation, keys.tables)
    subject = pseudonym(installation.secret("pseudonym"), identifier)

    hold = place_hold(
        journal,
        subject,
        options.use_case,
        options.basis,
        today(installation.settings),
        options.review,
        installation,
    )
    note_journal(keys, journal.extent())
    audit(PeopleAction.PLACE_HOLD, what=hold.hold_id, why=hold.basis, installation=installation)
    print(
        f"{hold.hold_id}: decision records are kept until it is released; "
        f"to be reviewed on {hold.review}"
    )
    return 0


def _new_custodian(options: argparse.Namespace, installation: Installation) -> int:
    from tasks.keystore.custodians import CUSTODIANS, new_custodian

    path = options.out or installation.settings.from_caller(f"{options.new_custodian}.pem")
    new_custodian(options.new_custodian, path, installation.workspace)
    print(f"{path}: the private key; {options.new_custodian} takes it away, nobody else keeps it")
    print(f"{CUSTODIANS}: the public key; commit it")
    return 0
