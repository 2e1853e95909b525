"""`./portcullis erase`: the right to erasure (GDPR Art. 17), for one person or for many."""

import argparse
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import ConfigError
from tasks.formats.regular_file import describe_unreadable, read_regular_file
from tasks.system.installation import Installation

if TYPE_CHECKING:
    from tasks.erasure.erasing import ErasureOutcome
    from tasks.erasure.request import ErasureRequest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "use_case", metavar="use-case", nargs="?", help="the use case that the request is about"
    )
    who = parser.add_mutually_exclusive_group(required=True)
    who.add_argument(
        "--subject", metavar="ID", help="the person's identifier; `-` reads it from standard input"
    )
    who.add_argument("--list", metavar="FILE", type=Path, help="a file of identifiers, one a line")
    who.add_argument(
        "--resume", action="store_true", help="finish what was interrupted or is due by now"
    )
    who.add_argument(
        "--lift", metavar="ID", help="let an erased person be processed again (`-`: standard input)"
    )
    who.add_argument(
        "--check-receipt",
        metavar="FILE",
        type=Path,
        help="is it this person's? reads the identifier",
    )
    parser.add_argument(
        "--received",
        metavar="DATE",
        type=date.fromisoformat,
        help="when it came in (default: today)",
    )
    parser.add_argument(
        "--later",
        action="store_true",
        help="write it down; the nightly run (--resume) carries it out",
    )
    parser.add_argument("--why", help="for --lift: the reason, for the audit")


def main(options: argparse.Namespace, installation: Installation) -> int:
    """Erase; 0 when it is done, whatever is left for a person to decide is listed."""
    from tasks.config.sources import today

    day = today(installation.settings)
    if options.check_receipt:
        return _check(options.check_receipt, installation)
    if options.resume:
        from tasks.erasure.erasing import resume

        return _show(resume(installation=installation, day=day, say=_say))

    if options.use_case is None:
        raise ConfigError(
            "erase",
            expected="a use case",
            found="none",
            remedy="./portcullis erase loan --subject ID",
        )
    if options.lift:
        return _lift(options, installation)

    from tasks.erasure.erasing import erase

    people = read_identifiers(options.subject, options.list)
    received = options.received or day
    # The term of Art. 12(3) is counted from it: a day to come would hide a request that is late.
    if received > day:
        raise ConfigError(
            "--received", expected="a day until today", found=str(received), remedy="Mend the date."
        )

    outcome = erase(
        options.use_case,
        people,
        received=received,
        day=day,
        later=options.later,
        installation=installation,
        say=_say,
    )
    return _show(outcome)


def read_identifiers(subject: str | None, listed: Path | None) -> list[str]:
    """Return the identifiers that a person gave: one, one from standard input, or a file's lines.

    Raises:
        ConfigError: There is none. Nothing that was given is quoted.
    """
    if listed is not None:
        # With or without the byte order mark that spreadsheets write.
        try:
            lines = read_regular_file(listed).decode("utf-8-sig").splitlines()
        except (OSError, ValueError) as error:
            raise ConfigError(
                str(listed),
                expected="a file of identifiers in UTF-8",
                found=describe_unreadable(error),
                remedy="Check the path, and how the file was written.",
            ) from None
    else:
        lines = [sys.stdin.readline() if subject == "-" else subject or ""]

    people = [line.strip() for line in lines if line.strip()]
    if not people:
        raise ConfigError(
            "erase",
            expected="an identifier",
            found="nothing",
            remedy="Give --subject, or lines in FILE.",
        )
    return people


def _show(outcome: "ErasureOutcome") -> int:
    from tasks.erasure.request import RequestState

    for request in outcome.requests:
        print(_describe(request))
    for line in outcome.purged.left:
        print(f"left to a person: {line}")
    for line in outcome.purged.unseen:
        print(f"could not be searched: {line}")
    if outcome.already_erased:
        print(f"{outcome.already_erased} already erased, and nothing held since")
    for path in outcome.receipts:
        print(f"receipt, for the person only (send it, then delete it): {path}")
    if any(request.state is not RequestState.RUNNING for request in outcome.requests):
        print("The next release trains without them: ./portcullis release <use case>")
    return 0


def _describe(request: "ErasureRequest") -> str:
    """Return one line about a request: how it ended, and what is kept and why (Art. 12(4))."""
    line = f"{request.request_id}: {request.state}"
    if (deferral := request.deferral) is None:
        return line
    until = "until the hold is released, reviewed" if deferral.is_held else "until"
    return (
        f"{line}; {deferral.retention} kept {until} {deferral.review}: {deferral.basis} "
        f"({deferral.custody})"
    )


def _check(path: Path, installation: Installation) -> int:
    from tasks.erasure.receipt import check_receipt, format_statement
    from tasks.erasure.statements import LedgerStatementLog

    try:
        text = read_regular_file(path).decode("utf-8")
    except (OSError, ValueError) as error:
        raise ConfigError(
            str(path),
            expected="a receipt in UTF-8",
            found=describe_unreadable(error),
            remedy="Check the path.",
        ) from None

    # Asked for, never an argument: those stand in the shell's history and in the process list.
    print("Identifier of the person who shows it: ", end="", file=sys.stderr, flush=True)
    identifier = sys.stdin.readline().strip()

    for predicate in check_receipt(text, identifier, LedgerStatementLog(installation)):
        print(format_statement(predicate))
    print("The receipt is this person's, and its statement is signed and in the ledger.")
    return 0


def _lift(options: argparse.Namespace, installation: Installation) -> int:
    from tasks.config.sources import today
    from tasks.guard.opening import open_guarded_keys, record_key_store
    from tasks.keystore.pseudonyms import pseudonym
    from tasks.keystore.tombstone_events import lift_tombstones
    from tasks.notary.audit import PeopleAction, audit

    (identifier,) = read_identifiers(options.lift, None)
    if not options.why:
        raise ConfigError(
            "--lift",
            expected="--why",
            found="nothing",
            remedy="Say why they may be processed again.",
        )

    keys = open_guarded_keys(installation)
    subject = pseudonym(installation.secret("pseudonym"), identifier)
    lifted = lift_tombstones(keys, [subject], today(installation.settings))
    record_key_store(keys, installation)
    audit(
        PeopleAction.LIFT_TOMBSTONE,
        what=f"{lifted} tombstones",
        why=options.why,
        installation=installation,
    )
    print(
        "lifted; rows of theirs in the sources are taken in again" if lifted else "there was none"
    )
    return 0 if lifted else 2


def _say(line: str) -> None:
    print(f"  {line}", file=sys.stderr, flush=True)
