"""`./portcullis erase`: the right to erasure (GDPR Art. 17), for one person or for many."""

import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.base.answering import print_result
from flows.cli.base.declaring import declare, installation_of, new_app
from flows.cli.base.heartbeat import asking
from flows.cli.base.options import Json, OptionalUseCase, day_of, require_one
from flows.cli.privacy.request_values import request_values
from tasks.errors import ConfigError
from tasks.formats.regular_file import describe_unreadable, read_regular_file
from tasks.formats.shown import positions_of
from tasks.plain_text import lines_of, one_line
from tasks.system.installation import Installation

if TYPE_CHECKING:
    from tasks.erasure.erasing import ErasureOutcome
    from tasks.erasure.previewing import ErasurePreview
    from tasks.erasure.request import ErasureRequest, RequestOptions

SEPARATOR = "\t"  # between identifiers of one person in a list: stands in none of them
INVISIBLE = (
    "It holds characters that nobody sees, as come along when a text is copied: type it by hand, "
    "and ask again."
)
# Both as `tasks.errors` numbers them: a person can mend it; a service did not answer.
UNFINISHED = 2
SERVICE_DOWN = 4


@dataclass(frozen=True)
class AskedPerson:
    """All identifiers of one person as they were given, and in which line of a list."""

    line: int
    identifiers: tuple[str, ...]


EXAMPLES = """\
A request, from the letter to the answer. The first line
says what would happen; both ask for the identifier:
  ./portcullis erase claims --subject - --dry-run
  ./portcullis erase claims --subject - \\
    --received 2026-11-20
  ./portcullis requests    # what is left to do

Each night:
  ./portcullis erase --resume

A customer came back:
  ./portcullis erase claims --lift - --why "new contract"

Exit codes: 0 done; 2 set aside, or nothing is held: a person has to
look; 4 a service did not answer: it is tried again each night, or
with --resume.
"""
app = new_app()


@dataclass(frozen=True)
class AskedErasure:
    """What is known of a new request, and how far it goes."""

    use_case: str
    received: date
    is_later: bool
    is_list: bool
    searches_unknown: bool
    removes_files: bool
    searches_texts: bool
    is_json: bool

    def to_request(self) -> "RequestOptions":
        """Return what is written down with the request."""
        from tasks.erasure.request import RequestOptions

        return RequestOptions(removes_files=self.removes_files, searches_texts=self.searches_texts)


@declare(app, examples=EXAMPLES)
def main(
    context: typer.Context,
    use_case: OptionalUseCase = None,
    *,
    subject: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="Erase the person with this identifier; `-` asks for it, so that it does not "
            "stay in the history of your shell.",
            show_default=False,
        ),
    ] = None,
    listed: Annotated[
        Path | None,
        typer.Option(
            "--list",
            metavar="FILE",
            help="Erase many: a text file with a person in each line; if one person has several "
            "identifiers, a tab between them.",
            show_default=False,
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with every request that was interrupted or set aside, or is due by now.",
        ),
    ] = False,
    retry: Annotated[
        str | None,
        typer.Option(
            metavar="REQUEST",
            help="Try one request again that was set aside; `requests` shows its id.",
            show_default=False,
        ),
    ] = None,
    lift: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="Let an erased person be processed again, a customer who came back (`-` asks); "
            "needs --why.",
            show_default=False,
        ),
    ] = None,
    check_receipt: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Say whether a receipt is of the person who shows it; asks for their identifier.",
            show_default=False,
        ),
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID",
            help="With --subject: another identifier of the same person, such as an earlier "
            "e-mail address; may be repeated.",
            show_default=False,
        ),
    ] = None,
    received: Annotated[
        date | None,
        typer.Option(
            metavar="DATE",
            parser=day_of,
            help="The day on which the request came in, as 2026-11-20: the term of one month "
            "runs from it (default: today).",
            show_default=False,
        ),
    ] = None,
    later: Annotated[
        bool,
        typer.Option(
            "--later",
            help="Write the request down and stop taking in the person's rows; the nightly run, "
            "or --resume, erases.",
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="List what would change, be kept, or be left to you, and change nothing; it "
            "reads the person's rows, which the audit log records.",
        ),
    ] = False,
    remove_files: Annotated[
        bool,
        typer.Option(
            "--remove-files",
            help="Remove whole files that name the person and cannot be masked; others' data in "
            "them goes, too (default: they are listed, and stay).",
        ),
    ] = False,
    search_texts: Annotated[
        bool,
        typer.Option(
            "--search-texts",
            help="Look for the person in other people's texts, too, and report where (opens "
            "every row).",
        ),
    ] = False,
    search_anyway: Annotated[
        bool,
        typer.Option(
            "--search-anyway",
            help="Search even if nothing is held under an identifier (default: asks, or stops).",
        ),
    ] = False,
    why: Annotated[
        str,
        typer.Option(metavar="TEXT", help="For --lift: the reason, which the audit log keeps."),
    ] = "",
    is_json: Json = False,
) -> int:
    """Erase; 0 when it is done, whatever is left for a person to decide is listed."""
    from tasks.config.sources import today

    installation = installation_of(context)
    # Exactly one: `--resume --subject ID` would either erase everybody who waits or pass a person
    # over.
    way = require_one(
        "erase",
        subject=subject,
        list=listed,
        resume=resume,
        retry=retry,
        lift=lift,
        check_receipt=check_receipt,
    )
    _refuse_meaningless(
        way,
        received=received,
        later=later,
        also=also,
        dry_run=dry_run,
        remove_files=remove_files,
        search_texts=search_texts,
        search_anyway=search_anyway,
    )
    if use_case is not None and way in ("resume", "retry", "check_receipt"):
        raise ConfigError(
            "erase",
            expected=f"--{way.replace('_', '-')} without a use case",
            found="one",
            remedy="Leave it out: requests are carried out whichever use case they came for. "
            "Nothing was done.",
        )
    if why and way != "lift":
        raise ConfigError(
            "--why",
            expected="--lift",
            found=f"--{way.replace('_', '-')}",
            remedy="Leave it out: nobody would read it. Nothing was done.",
        )

    day = today(installation.settings)
    if check_receipt is not None:
        return _check(check_receipt, installation, is_json=is_json)
    if resume:
        from tasks.erasure.erasing import resume as resume_requests

        return _show(resume_requests(installation=installation, day=day, say=_say), is_json=is_json)
    if retry is not None:
        from tasks.erasure.erasing import retry as retry_request

        return _show(
            retry_request(retry, installation=installation, day=day, say=_say), is_json=is_json
        )

    if use_case is None:
        raise ConfigError(
            "erase",
            expected="a use case",
            found="none",
            remedy="./portcullis erase loan --subject ID",
        )
    if lift is not None:
        return _lift(use_case, lift, why, installation, is_json=is_json)

    # Before any store is opened: a list that cannot be read locks nothing.
    people = read_people(subject, also or (), listed)
    received = received or day
    # The term of Art. 12(3) is counted from it: a day to come would hide a request that is late.
    if received > day:
        raise ConfigError(
            "--received", expected="a day until today", found=str(received), remedy="Mend the date."
        )
    asked = AskedErasure(
        use_case=use_case,
        received=received,
        is_later=later,
        is_list=listed is not None,
        searches_unknown=search_anyway,
        removes_files=remove_files,
        searches_texts=search_texts,
        is_json=is_json,
    )
    if dry_run:
        return _preview(asked, people, day, installation)
    return _erase(asked, people, day, installation)


def _refuse_meaningless(way: str, **about_a_request: object) -> None:
    """Refuse an option that a way of calling would pass over: `--retry ID --dry-run` would erase.

    Raises:
        ConfigError: It says which.
    """
    if way in ("subject", "list"):
        return

    for name, value in about_a_request.items():
        if value:
            raise ConfigError(
                f"--{name.replace('_', '-')}",
                expected="--subject or --list",
                found=f"--{way.replace('_', '-')}",
                remedy="Leave it out: what a request allows was written down with it. "
                "Nothing was done.",
            )


def _erase(
    asked: AskedErasure,
    people: Sequence[AskedPerson],
    day: date,
    installation: Installation,
) -> int:
    """Erase people; ask about those of whom nothing is held."""
    from tasks.erasure.erasing import erase

    def run(chosen: Sequence[AskedPerson], *, searches_unknown: bool) -> "ErasureOutcome":
        return erase(
            asked.use_case,
            [person.identifiers for person in chosen],
            received=asked.received,
            day=day,
            later=asked.is_later,
            searches_unknown=searches_unknown,
            options=asked.to_request(),
            installation=installation,
            say=_say,
        )

    outcome = run(people, searches_unknown=asked.searches_unknown)
    for line in () if asked.is_json else _describe_unheld(people, outcome.unheld):
        print(line)
    # The erasure numbers people from 1, as they were given; identifiers stay in this process.
    unknown = [people[number - 1] for number in outcome.unknown]
    if not unknown:
        return _show(outcome, is_json=asked.is_json)
    if asked.is_json:
        # A program is never asked: it gets the count, and decides with --search-anyway.
        return _show(outcome, is_json=True, unknown=len(unknown)) or UNFINISHED

    # Once they have been shown, and never the identifier itself.
    print(_describe_unknown(unknown, is_list=asked.is_list))
    # Whoever cannot answer has not agreed: a search opens every place, and sets a tombstone for
    # somebody who may be a misspelling.
    if not sys.stdin.isatty():
        print("Nothing was done about that: give --search-anyway to search for it all the same.")
        return _show(outcome, is_json=False) or UNFINISHED
    print("Search every place for it all the same, and set a tombstone? [y/N] ", end="", flush=True)
    if _read_answer().strip().lower() != "y":
        return _show(outcome, is_json=False)
    return _show(outcome + run(unknown, searches_unknown=True), is_json=False)


def _preview(
    asked: AskedErasure,
    people: Sequence[AskedPerson],
    day: date,
    installation: Installation,
) -> int:
    from tasks.erasure.previewing import preview_erasure

    preview = preview_erasure(
        asked.use_case,
        [person.identifiers for person in people],
        day=day,
        options=asked.to_request(),
        installation=installation,
        say=_say,
    )
    # A person is unknown if nothing is held under any of their identifiers; of others, the
    # identifiers that nobody knows are told by their places.
    places = Counter(number for number, _ in preview.unheld)
    unknown = [
        person
        for number, person in enumerate(people, 1)
        if places[number] == len(person.identifiers)
    ]
    others = [
        (number, place) for number, place in preview.unheld if people[number - 1] not in unknown
    ]
    lines = [*_describe_preview(preview), *_describe_unheld(people, others)]
    if unknown:
        lines.append(_describe_unknown(unknown, is_list=asked.is_list))
    lines.append("Nothing was changed.")
    print_result(lines, _preview_values(preview, len(unknown)), is_json=asked.is_json)
    # As the erasure itself would end.
    return UNFINISHED if unknown and not asked.searches_unknown else 0


def _preview_values(preview: "ErasurePreview", unknown: int) -> dict[str, Any]:
    report = preview.report
    return {
        "people": preview.people,
        "unknown": unknown,
        "rows": preview.rows,
        "versions": preview.versions,
        "files": preview.copies,
        "keys": {str(retention): count for retention, count in preview.keys.items()},
        "kept": list(preview.kept),
        "wouldChange": list(report.planned),
        "left": list(report.left),
        "unseen": list(report.unseen),
        "tooShort": preview.too_short,
    }


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
    hint = hint_at_invisible(text for person in unknown for text in person.identifiers)
    if not is_list:
        return (
            f"Nothing is held under this identifier: no key, no row, no tombstone, no hold.{hint}"
        )
    lines = positions_of([person.line for person in unknown])
    return f"Nothing is held of {len(unknown)} people of the list, in lines {lines}.{hint}"


def hint_at_invisible(identifiers: Iterable[str]) -> str:
    """Return that what nothing is held under has characters that nobody sees, if it is so.

    They come along when an address is copied out of a mail, a page or a document. They are not
    taken away: a source may have delivered them, and the person is stored under them then.
    """
    is_hidden = any(unicodedata.category(sign) == "Cf" for text in identifiers for sign in text)
    return f" {INVISIBLE}" if is_hidden else ""


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
        # Blanks around an identifier are what a spreadsheet leaves; within it they are its own.
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
    return _read_answer()


def _read_answer() -> str:
    with asking():
        return sys.stdin.readline()


def _read_lines(listed: Path) -> list[str]:
    # With or without the byte order mark that spreadsheets write.
    try:
        return lines_of(read_regular_file(listed).decode("utf-8-sig"))
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


def _show(outcome: "ErasureOutcome", *, is_json: bool, unknown: int = 0) -> int:
    print_result(_describe_outcome(outcome), _outcome_values(outcome, unknown), is_json=is_json)
    # Before the service that is away: that one is asked again each night, and this waits for a
    # person.
    if outcome.set_aside or outcome.faults:
        return UNFINISHED
    return SERVICE_DOWN if outcome.held_up else 0


def _outcome_values(outcome: "ErasureOutcome", unknown: int) -> dict[str, Any]:
    return {
        "requests": [request_values(request) for request in outcome.requests],
        "unknown": unknown,
        "alreadyErased": outcome.already_erased,
        "left": list(dict.fromkeys(outcome.purged.left)),
        "unseen": list(dict.fromkeys(outcome.purged.unseen)),
        "faults": list(outcome.faults),
        "receipts": [str(path) for path in outcome.receipts],
    }


def _describe_outcome(outcome: "ErasureOutcome") -> Iterator[str]:
    for request in outcome.requests:
        yield _describe(request)

    # Each once: a batch that fails is divided, and its halves search the same places anew (ADR 74).
    for line in dict.fromkeys(outcome.purged.left):
        yield f"left to a person: {line}"

    for line in dict.fromkeys(outcome.purged.unseen):
        yield f"could not be searched: {line}"

    if outcome.already_erased:
        yield (
            f"{outcome.already_erased} already erased, and nothing held since; after a backup was "
            "restored: --search-anyway"
        )

    for line in outcome.faults:
        yield f"not ended: {line}"

    for path in outcome.receipts:
        yield f"receipt, for the person only (send it, then delete it): {path}"

    if any(not request.state.is_waiting for request in outcome.requests):
        yield "The next release trains without them: ./portcullis release <use case>"


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


def _check(path: Path, installation: Installation, *, is_json: bool) -> int:
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
    identifier = _read_answer().strip()
    _refuse_bytes([identifier])

    statements = [
        format_statement(predicate)
        for predicate in check_receipt(text, identifier, LedgerStatementLog(installation))
    ]
    line = "The receipt is this person's, and its statement is signed and in the ledger."
    values = {"isOfThisPerson": True, "statements": statements}
    print_result((*statements, line), values, is_json=is_json)
    return 0


def _lift(case: str, asked_for: str, why: str, installation: Installation, *, is_json: bool) -> int:
    from tasks.config.sources import today
    from tasks.erasure.request import identify_person
    from tasks.guard.opening import open_guarded_keys, record_key_store
    from tasks.keystore.tombstone_events import lift_tombstones
    from tasks.notary.audit import PeopleAction, audit

    (identifier,) = read_identifiers(asked_for, None)
    if not why.strip():
        raise ConfigError(
            "--lift",
            expected="--why",
            found="nothing",
            remedy="Say why they may be processed again.",
        )

    # The store that the log has seen, and no new one: in an empty store there is nobody to lift.
    keys = open_guarded_keys(installation)
    subjects = identify_person(identifier, case, installation).subjects

    # Before it is done: nobody who was erased comes back without a record of who let them.
    tombstones = keys.tombstones()
    standing = sum(tombstones.get(subject) is not None for subject in subjects)
    audit(
        PeopleAction.LIFT_TOMBSTONE,
        what=f"{standing} tombstones",
        why=why,
        installation=installation,
    )
    lifted = lift_tombstones(keys, subjects, today(installation.settings))
    record_key_store(keys, installation)
    line = (
        "lifted; rows of theirs in the sources are taken in again" if lifted else "there was none"
    )
    print_result((line,), {"lifted": lifted}, is_json=is_json)
    return 0 if lifted else 2


def _say(line: str) -> None:
    print(f"  {one_line(line)}", file=sys.stderr, flush=True)
