"""`./portcullis verify`: follow a model to its sources in the ledger, and print every link.

Its exit code is one of four answers (`tasks.verifier.answer`).
"""

from typing import Annotated

import typer

from flows.cli.base.completing import use_case_names
from flows.cli.base.declaring import declare, installation_of, new_app
from flows.cli.base.options import Json, Model
from flows.steps.evidence import EmptyLedgerError, open_chain
from tasks.clearance.check import facts_of
from tasks.clearance.policy import refusals
from tasks.config.cases import load_case
from tasks.errors import ConfigError, EvidenceError
from tasks.notary.notary import open_pin
from tasks.system.installation import Installation
from tasks.verifier.__main__ import (
    LANGUAGE_HELP,
    MOST_HELP,
    MOST_MIB,
    PARTIAL_HELP,
    ROOT_HELP,
    UNPINNED_HELP,
    WITNESS_HELP,
    VerifierOptions,
    allowed_gaps,
    answer_bundle,
    print_answer,
    read_root,
)
from tasks.verifier.answer import Gap, Reason, broken, judge
from tasks.verifier.text_report import lines_of

SUBJECT = "every link holds, and it"


EXAMPLES = """\
A model here, and a bundle that somebody sent:
  ./portcullis verify loan
  ./portcullis verify loan --json | jq .answer
  ./portcullis verify loan.zip --root KEYID

Exit codes: 0 cleared; 2 the question cannot be answered (no such file,
no key's id); 3 refused: a link does not hold, or the model is not
cleared; 5 not established: unpinned, partial or unwitnessed; 6 broken:
altered, forged, or of another log.
"""
app = new_app()


@declare(app, examples=EXAMPLES)
def main(
    context: typer.Context,
    what: Annotated[
        str,
        typer.Argument(
            metavar="USE-CASE-or-FILE.zip",
            help="A use case, or a bundle that somebody sent.",
            autocompletion=use_case_names,
        ),
    ],
    *,
    trusted: Annotated[
        str | None, typer.Option("--root", metavar="KEYID", help=ROOT_HELP, show_default=False)
    ] = None,
    model: Model = None,
    unpinned: Annotated[bool, typer.Option("--unpinned", help=UNPINNED_HELP)] = False,
    allow_partial: Annotated[bool, typer.Option("--allow-partial", help=PARTIAL_HELP)] = False,
    witness_key: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME+HASH+BASE64", help=WITNESS_HELP, show_default=False),
    ] = None,
    max_mib: Annotated[int, typer.Option(metavar="MIB", help=MOST_HELP)] = MOST_MIB,
    language: Annotated[
        str | None, typer.Option(metavar="TAG", help=LANGUAGE_HELP, show_default=False)
    ] = None,
    is_json: Json = False,
) -> int:
    """Verify a model or a bundle; the exit code is an `Answer`.

    Raises:
        ConfigError: There is no such use case or file, or an option that says nothing.
        EmptyLedgerError: Nothing was ever signed for here.
    """
    installation = installation_of(context)
    options = VerifierOptions(
        root=trusted,
        model=model,
        unpinned=unpinned,
        allow_partial=allow_partial,
        witness_key=tuple(witness_key or ()),
        max_mib=max_mib,
        language=language,
        json=is_json,
    )
    # Of a bundle everything is asked of the file alone: no use case of this checkout, nor its
    # ledger, has a say.
    if what.endswith(".zip"):
        return answer_bundle(installation.settings.from_caller(what), options)

    case = what
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
    # A log that never began is not broken: there is nothing to ask about (2, and not 6).
    except EmptyLedgerError:
        raise
    except EvidenceError as error:
        return print_answer(broken(error), (), case, options, SUBJECT)


def _answer_case(
    case: str, root_keyid: str | None, options: VerifierOptions, installation: Installation
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
