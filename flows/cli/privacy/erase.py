"""`./portcullis erase <use case>`: the right to be forgotten, for one person or for a list of them."""

import argparse
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import ConfigError
from tasks.system.installation import Installation

if TYPE_CHECKING:
    from tasks.erasure.erasing import Erased


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

    people = identifiers(options.subject, options.list)
    received = options.received or day
    if received > day:
        raise ConfigError(
            "--received", expected="a day until today", found=str(received), remedy="Mend the date."
        )
    done = erase(
        options.use_case,
        people,
        received=received,
        day=day,
        later=options.later,
        installation=installation,
        say=_say,
    )
    return _show(done)


def identifiers(subject: str | None, listed: Path | None) -> list[str]:
    """Return the identifiers that a person gave: one, one from standard input, or a file's lines.

    Raises:
        ConfigError: There is none. Nothing that was given is quoted.
    """
    if listed is not None:
        if not listed.is_file():
            raise ConfigError(
                str(listed),
                expected="a file of identifiers",
                found="none",
                remedy="Check the path.",
            )
        found = listed.read_text(encoding="utf-8-sig").splitlines()
    else:
        found = [sys.stdin.readline() if subject == "-" else subject or ""]
    people = [line.strip() for line in found if line.strip()]
    if not people:
        raise ConfigError(
            "erase",
            expected="an identifier",
            found="nothing",
            remedy="Give --subject, or lines in FILE.",
        )
    return people


def _show(erased: "Erased") -> int:
    from tasks.erasure.journal import DEFERRED, RUNNING

    for request in erased.requests:
        line = f"{request.request}: {request.state}"
        if request.state == DEFERRED:
            kept = request.figures["deferred"]
            until = "until the hold is released, reviewed" if kept["held"] else "until"
            line += f"; {kept['retention']} kept {until} {kept['review']}: {kept['basis']} ({kept['custody']})"
        print(line)
    for line in erased.purged.left:
        print(f"left to a person: {line}")
    for line in erased.purged.unseen:
        print(f"could not be searched: {line}")
    if erased.already:
        print(f"{erased.already} already erased, and nothing held since")
    for path in erased.receipts:
        print(f"receipt, for the person only (send it, then delete it): {path}")
    if any(request.state != RUNNING for request in erased.requests):
        print("The next release trains without them: ./portcullis release <use case>")
    return 0


def _check(path: Path, installation: Installation) -> int:
    from tasks.erasure.notary import LedgerNotary
    from tasks.erasure.receipt import check_receipt, shown

    if not path.is_file():
        raise ConfigError(str(path), expected="a receipt", found="none", remedy="Check the path.")
    print("Identifier of the person who shows it: ", end="", file=sys.stderr, flush=True)
    identifier = sys.stdin.readline().strip()
    for statement in check_receipt(
        path.read_text(encoding="utf-8"), identifier, LedgerNotary(installation)
    ):
        print(shown(statement))
    print("The receipt is this person's, and its statement is signed and in the ledger.")
    return 0


def _lift(options: argparse.Namespace, installation: Installation) -> int:
    from tasks.config.sources import today
    from tasks.keystore.burying import lift
    from tasks.keystore.keys import open_keys
    from tasks.keystore.pseudonyms import pseudonym
    from tasks.notary.audit import audit

    (identifier,) = identifiers(options.lift, None)
    if not options.why:
        raise ConfigError(
            "--lift",
            expected="--why",
            found="nothing",
            remedy="Say why they may be processed again.",
        )
    count = lift(
        open_keys(installation),
        [pseudonym(installation.secret("pseudonym"), identifier)],
        today(installation.settings),
    )
    audit("lift tombstone", what=f"{count} tombstones", why=options.why, installation=installation)
    print("lifted; rows of theirs in the sources are taken in again" if count else "there was none")
    return 0 if count else 2


def _say(line: str) -> None:
    print(f"  {line}", file=sys.stderr, flush=True)
