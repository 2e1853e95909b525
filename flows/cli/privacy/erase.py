"""`./portcullis erase`: the right to erasure (GDPR Art. 17), for one person or for many."""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import ConfigError
from tasks.formats.regular_file import describe_unreadable, read_regular_file
from tasks.formats.shown import positions_of
from tasks.system.installation import Installation

if TYPE_CHECKING:
    from tasks.erasure.erasing import ErasureOutcome
    from tasks.erasure.previewing import ErasurePreview
    from tasks.erasure.request import ErasureRequest, RequestOptions

SEPARATOR = "\t"  # between identifiers of one person in a list: stands in none of them
OTHER_WAYS = ("resume", "retry", "lift", "check_receipt")
# Options of a new request alone.
ABOUT_A_REQUEST = (
    "received",
    "later",
    "also",
    "dry_run",
    "remove_files",
    "search_texts",
    "search_anyway",
)
UNFINISHED = 2
SERVICE_DOWN = 4


@dataclass(frozen=True)
class AskedPerson:
    """All identifiers of one person as they were given, and in which line of a list."""

    line: int
    identifiers: tuple[str, ...]


EXAMPLES = """\
a request, from the letter to the answer:
  ./portcullis erase claims --subject - --dry-run      what would happen; asks for the identifier
  ./portcullis erase claims --subject - --received 2026-11-20
  ./portcullis requests                                what is still to be done, and until when

exit codes: 0 done; 2 set aside, or nothing is held: a person has to look; 4 a service did not
answer: it is tried again each night, or with --resume
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    parser.add_argument(
        "use_case",
        metavar="use-case",
        nargs="?",
        help="the use case that the request is about; the person is erased in all of them",
    )
    _add_actions(parser)
    _add_request(parser)
    _add_reach(parser)
    parser.add_argument("--why", help="for --lift: the reason, which the audit log keeps")


def _add_actions(parser: argparse.ArgumentParser) -> None:
    """Declare what is to be done; exactly one of it."""
    group = parser.add_argument_group("what to do (one of these)")
    actions = group.add_mutually_exclusive_group(required=True)
    actions.add_argument(
        "--subject",
        metavar="ID",
        help="erase the person with this identifier; `-` asks for it, so that it does not stay in "
        "the history of your shell",
    )
    actions.add_argument(
        "--list",
        metavar="FILE",
        type=Path,
        help="erase many: a text file with a person in each line; if one person has several "
        "identifiers, a tab between them",
    )
    actions.add_argument(
        "--resume",
        action="store_true",
        help="go on with every request that was interrupted or set aside, or is due by now",
    )
    actions.add_argument(
        "--retry",
        metavar="REQUEST",
        help="try one request again that was set aside; `requests` shows its id",
    )
    actions.add_argument(
        "--lift",
        metavar="ID",
        help="let an erased person be processed again, a customer who came back (`-` asks); "
        "needs --why",
    )
    actions.add_argument(
        "--check-receipt",
        metavar="FILE",
        type=Path,
        help="say whether a receipt is of the person who shows it; asks for their identifier",
    )


def _add_request(parser: argparse.ArgumentParser) -> None:
    """Declare what is known of a request."""
    group = parser.add_argument_group("about the request")
    group.add_argument(
        "--also",
        metavar="ID",
        action="append",
        default=[],
        help="with --subject: another identifier of the same person, such as an earlier e-mail "
        "address; may be repeated",
    )
    group.add_argument(
        "--received",
        metavar="DATE",
        type=date.fromisoformat,
        help="the day on which the request came in, as 2026-11-20: the term of one month runs "
        "from it (default: today)",
    )
    group.add_argument(
        "--later",
        action="store_true",
        help="write the request down and stop taking in the person's rows; the nightly run, or "
        "--resume, erases",
    )


def _add_reach(parser: argparse.ArgumentParser) -> None:
    """Declare how far an erasure goes."""
    group = parser.add_argument_group("how far it goes")
    group.add_argument(
        "--dry-run",
        action="store_true",
        help="list what would change, be kept, or be left to you, and change nothing; it reads "
        "the person's rows, which the audit log records",
    )
    group.add_argument(
        "--remove-files",
        action="store_true",
        help="remove whole files that name the person and cannot be masked; others' data in them "
        "goes, too (default: they are listed, and stay)",
    )
    group.add_argument(
        "--search-texts",
        action="store_true",
        help="look for the person in other people's texts, too, and report where (opens every row)",
    )
    group.add_argument(
        "--search-anyway",
        action="store_true",
        help="search even if nothing is held under an identifier (default: asks, or stops)",
    )


def main(options: argparse.Namespace, installation: Installation) -> int:
    """Erase; 0 when it is done, whatever is left for a person to decide is listed."""
    from tasks.config.sources import today

    _refuse_meaningless(options)
    day = today(installation.settings)
    if options.check_receipt:
        return _check(options.check_receipt, installation)
    if options.resume:
        from tasks.erasure.erasing import resume

        return _show(resume(installation=installation, day=day, say=_say))
    if options.retry is not None:
        from tasks.erasure.erasing import retry

        return _show(retry(options.retry, installation=installation, day=day, say=_say))

    if options.use_case is None:
        raise ConfigError(
            "erase",
            expected="a use case",
            found="none",
            remedy="./portcullis erase loan --subject ID",
        )
    if options.lift is not None:
        return _lift(options, installation)

    people = read_people(options.subject, options.also, options.list)
    received = options.received or day
    # The term of Art. 12(3) is counted from it: a day to come would hide a request that is late.
    if received > day:
        raise ConfigError(
            "--received", expected="a day until today", found=str(received), remedy="Mend the date."
        )
    if options.dry_run:
        return _preview(options, people, day, installation)
    return _erase(options, people, received, day, installation)


def _refuse_meaningless(options: argparse.Namespace) -> None:
    """Refuse an option that a way of calling would pass over: `--retry ID --dry-run` would erase.

    Raises:
        ConfigError: It says which.
    """
    if options.subject is not None or options.list is not None:
        return
    (way,) = (name for name in OTHER_WAYS if getattr(options, name) not in (None, False))
    for name in ABOUT_A_REQUEST:
        if getattr(options, name):
            raise ConfigError(
                f"--{name.replace('_', '-')}",
                expected="--subject or --list",
                found=f"--{way.replace('_', '-')}",
                remedy="Leave it out: what a request allows was written down with it. "
                "Nothing was done.",
            )


def _erase(
    options: argparse.Namespace,
    people: Sequence[AskedPerson],
    received: date,
    day: date,
    installation: Installation,
) -> int:
    """Erase people; ask about those of whom nothing is held."""
    from tasks.erasure.erasing import erase

    def run(asked: Sequence[AskedPerson], *, searches_unknown: bool) -> "ErasureOutcome":
        return erase(
            options.use_case,
            [person.identifiers for person in asked],
            received=received,
            day=day,
            later=options.later,
            searches_unknown=searches_unknown,
            options=_options_of(options),
            installation=installation,
            say=_say,
        )

    outcome = run(people, searches_unknown=options.search_anyway)
    for line in _describe_unheld(people, outcome.unheld):
        print(line)
    unknown = [people[number - 1] for number in outcome.unknown]
    if not unknown:
        return _show(outcome)

    # Once they have been shown, and never the identifier itself.
    print(_describe_unknown(unknown, is_list=options.list is not None))
    if not sys.stdin.isatty():
        print("Nothing was done about that: give --search-anyway to search for it all the same.")
        return _show(outcome) or UNFINISHED
    print("Search every place for it all the same, and set a tombstone? [y/N] ", end="", flush=True)
    if sys.stdin.readline().strip().lower() != "y":
        return _show(outcome)
    return _show(outcome + run(unknown, searches_unknown=True))


def _preview(
    options: argparse.Namespace,
    people: Sequence[AskedPerson],
    day: date,
    installation: Installation,
) -> int:
    from tasks.erasure.previewing import preview_erasure

    preview = preview_erasure(
        options.use_case,
        [person.identifiers for person in people],
        day=day,
        options=_options_of(options),
        installation=installation,
        say=_say,
    )
    for line in _describe_preview(preview):
        print(line)

    places = Counter(number for number, _ in preview.unheld)
    unknown = [
        person
        for number, person in enumerate(people, 1)
        if places[number] == len(person.identifiers)
    ]
    others = [
        (number, place) for number, place in preview.unheld if people[number - 1] not in unknown
    ]
    for line in _describe_unheld(people, others):
        print(line)
    if unknown:
        print(_describe_unknown(unknown, is_list=options.list is not None))
    print("Nothing was changed.")
    return UNFINISHED if unknown and not options.search_anyway else 0


def _options_of(options: argparse.Namespace) -> "RequestOptions":
    from tasks.erasure.request import RequestOptions

    return RequestOptions(removes_files=options.remove_files, searches_texts=options.search_texts)


def _describe_preview(preview: "ErasurePreview") -> list[str]:
    """Return what a dry run found, a line each."""
    from tasks.erasure.searching.search_terms import TOO_SHORT

    keys = ", ".join(f"{count} {retention}" for retention, count in sorted(preview.keys.items()))
    report = preview.report
    who = "1 person" if preview.people == 1 else f"{preview.people:,} people"
    return [
        f"{who}: {preview.rows:,} rows in {preview.versions} versions ({preview.copies} files)",
        f"keys that would be destroyed or kept out of reach: {keys or 'none'}",
        *(f"would be kept: {line}" for line in preview.kept),
        *(f"would change: {line}" for line in report.planned),
        *(f"would be left to a person: {line}" for line in report.left),
        *(f"could not be searched: {line}" for line in report.unseen),
        *([f"{preview.too_short} {TOO_SHORT}"] if preview.too_short else []),
    ]


def _describe_unknown(unknown: Sequence[AskedPerson], *, is_list: bool) -> str:
    """Return for how many nothing is held; an identifier is never repeated."""
    if not is_list:
        return "Nothing is held under this identifier: no key, no row, no tombstone, no hold."
    lines = positions_of([person.line for person in unknown])
    return f"Nothing is held of {len(unknown)} people of the list, in lines {lines}."


def _describe_unheld(people: Sequence[AskedPerson], unheld: Sequence[tuple[int, int]]) -> list[str]:
    """Return a line for each identifier, of several of a person, under which nothing is held."""
    return [
        f"Nothing is held under identifier {place} of the {len(person.identifiers)} of the person "
        f"in line {person.line}: is it misspelt?"
        for number, place in unheld
        for person in [people[number - 1]]
    ]


def read_people(subject: str | None, also: Sequence[str], listed: Path | None) -> list[AskedPerson]:
    """Return the people whom a person named: one with all identifiers, or a list's lines.

    Raises:
        ConfigError: There is nobody, or `--also` stands with a list.
    """
    if listed is None:
        main, *_ = read_identifiers(subject, None)
        others = [identifier.strip() for identifier in also]
        _refuse_bytes(others)
        return [AskedPerson(1, (main, *filter(None, others)))]

    if also:
        raise ConfigError(
            "--also",
            expected="--subject",
            found="--list",
            remedy="Write all identifiers of a person into one line, with a tab between them.",
        )
    people = []
    for number, line in enumerate(_read_lines(listed), 1):
        identifiers = tuple(part.strip() for part in line.split(SEPARATOR) if part.strip())
        if identifiers:
            people.append(AskedPerson(number, identifiers))
    _refuse_nobody(people)
    return people


def read_identifiers(subject: str | None, listed: Path | None) -> list[str]:
    """Return the identifiers that a person gave: one, one from standard input, or a file's lines.

    Raises:
        ConfigError: There is none. Nothing that was given is quoted.
    """
    if listed is not None:
        lines = _read_lines(listed)
    else:
        lines = [_ask_for_identifier() if subject == "-" else subject or ""]

    people = [line.strip() for line in lines if line.strip()]
    _refuse_nobody(people)
    _refuse_bytes(people)
    return people


def _ask_for_identifier() -> str:
    # Nobody waits in front of a silent terminal; a pipe is not asked.
    if sys.stdin.isatty():
        print("Identifier of the person: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline()


def _read_lines(listed: Path) -> list[str]:
    # With or without the byte order mark that spreadsheets write.
    try:
        return read_regular_file(listed).decode("utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise ConfigError(
            str(listed),
            expected="a file of identifiers in UTF-8",
            found=describe_unreadable(error),
            remedy="Check the path, and how the file was written.",
        ) from None


def _refuse_bytes(identifiers: Sequence[str]) -> None:
    """Refuse what was typed in another encoding: Python keeps its bytes as lone surrogates."""
    if any("\ud800" <= character <= "\udfff" for text in identifiers for character in text):
        raise ConfigError(
            "erase",
            expected="an identifier in UTF-8",
            found="one in another encoding",
            remedy="Set the terminal to UTF-8, or write it into a file and give --list.",
        )


def _refuse_nobody(people: Sequence[object]) -> None:
    if not people:
        raise ConfigError(
            "erase",
            expected="an identifier",
            found="nothing",
            remedy="Give --subject, or lines in FILE.",
        )


def _show(outcome: "ErasureOutcome") -> int:
    for request in outcome.requests:
        print(_describe(request))
    for line in dict.fromkeys(outcome.purged.left):
        print(f"left to a person: {line}")
    for line in dict.fromkeys(outcome.purged.unseen):
        print(f"could not be searched: {line}")
    if outcome.already_erased:
        print(
            f"{outcome.already_erased} already erased, and nothing held since; after a backup was "
            "restored: --search-anyway"
        )
    for line in outcome.faults:
        print(f"not ended: {line}")
    for path in outcome.receipts:
        print(f"receipt, for the person only (send it, then delete it): {path}")
    if any(not request.state.is_waiting for request in outcome.requests):
        print("The next release trains without them: ./portcullis release <use case>")

    if outcome.set_aside or outcome.faults:
        return UNFINISHED
    return SERVICE_DOWN if outcome.held_up else 0


def _describe(request: "ErasureRequest") -> str:
    """Return one line about a request: how it ended, and what is kept and why (Art. 12(4))."""
    line = f"{request.request_id}: {request.state}"
    if (failure := request.failure) is not None:
        return (
            f"{line}, at `{failure.step}`: {failure.reason} "
            f"(again: ./portcullis erase --retry {request.request_id})"
        )
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
    _refuse_bytes([identifier])

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
