"""`./portcullis verify`: follow a model to its sources in the ledger, and print every link.

Its exit code is one of four answers (`tasks.verifier.answer`).
"""

import argparse

from flows.steps.evidence import EmptyLedgerError, open_chain
from tasks.clearance.check import facts_of
from tasks.clearance.policy import refusals
from tasks.config.cases import load_case
from tasks.errors import ConfigError, EvidenceError
from tasks.notary.notary import open_pin
from tasks.system.installation import Installation
from tasks.verifier.__main__ import (
    EXIT_CODES,
    add_options,
    allowed_gaps,
    answer_bundle,
    print_answer,
    read_root,
)
from tasks.verifier.answer import Gap, Reason, broken, judge
from tasks.verifier.text_report import lines_of

SUBJECT = "every link holds, and it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.epilog = EXIT_CODES
    parser.add_argument(
        "what", metavar="use-case-or-FILE.zip", help="a use case, or a bundle that somebody sent"
    )
    add_options(parser)


def main(options: argparse.Namespace, installation: Installation) -> int:
    """Verify a model or a bundle; the exit code is an `Answer`.

    Raises:
        ConfigError: There is no such use case or file, or an option that says nothing.
        EmptyLedgerError: Nothing was ever signed for here.
    """
    if options.what.endswith(".zip"):
        return answer_bundle(installation.settings.from_caller(options.what), options)

    case = options.what
    load_case(case, installation.workspace)
    root_keyid = read_root(options.root)
    if options.witness_key:
        raise ConfigError(
            "--witness-key",
            expected="a bundle",
            found="a use case",
            remedy="Leave it out: $PORTCULLIS_WITNESS_KEY is what this installation asks.",
        )

    try:
        return _answer_case(case, root_keyid, options, installation)
    except EmptyLedgerError:
        raise
    except EvidenceError as error:
        return print_answer(broken(error), (), case, options, SUBJECT)


def _answer_case(
    case: str, root_keyid: str | None, options: argparse.Namespace, installation: Installation
) -> int:
    # Asked before the log is read: reading moves a pin, and never makes one.
    gaps: tuple[Reason, ...] = ()
    pin = open_pin(installation)
    if not pin.is_set():
        text = (
            f"{pin.path.name} is missing: a log that was rolled back cannot be told; "
            "see `./portcullis keys pin`"
        )
        gaps = (Reason(Gap.UNPINNED, text),)

    with open_chain(
        case, options.model, installation, root_keyid=root_keyid, may_be_unpinned=True
    ) as (_, log, chain):
        lines = list(lines_of(log, chain))
        # A chain that held when it was made may have lost an approval, or its agreement, since.
        facts = facts_of("register", log, chain, installation)
        lines += [
            f"  today   it would be refused: {refusal.text}"
            for refusal in refusals(facts, installation)
            if refusal not in chain.broken
        ]

    answer = judge(log, chain, gaps, allowed_gaps(options))
    return print_answer(answer, tuple(lines), case, options, SUBJECT)
