"""`./portcullis answer`: a person answers a requirement of the dossier, by signature."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.base.answering import print_result
from flows.cli.base.declaring import declare, installation_of, new_app
from flows.cli.base.options import Json, Model, UseCase
from flows.cli.base.own_key import OwnKey, load_own_key
from flows.steps.evidence import open_chain
from tasks.attestation.dsse import sign
from tasks.config.cases import load_case
from tasks.dossier.answers import answer_statement, check_answer, read_text
from tasks.dossier.governance import load_governance
from tasks.notary.notary import open_notary

EXAMPLES = """\
As who owes it, with a key of your own that is enrolled:
  ./portcullis answer loan DPIA-7b --file necessity.txt \\
    --capacity "data protection officer" --key carla.pem

Where two people have to sign, the second answers the same text.
"""
app = new_app()


@declare(app, examples=EXAMPLES)
def main(
    context: typer.Context,
    use_case: UseCase,
    requirement: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="A requirement, as the dossier lists it.", show_default=False
        ),
    ],
    *,
    file: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="The answer, as text. It is kept for ever, so name nobody in it.",
            show_default=False,
        ),
    ],
    capacity: Annotated[
        str,
        typer.Option(
            metavar="TEXT",
            help="The function you answer in (default: the requirement's owner).",
        ),
    ] = "",
    model: Model = None,
    key: OwnKey = None,
    is_json: Json = False,
) -> int:
    """Sign an answer, check it, and record it.

    Raises:
        ConfigError: There is no such requirement, file or key, or the text may not be kept.
        EvidenceError: The key is not enrolled in a role that answers.
    """
    installation = installation_of(context)
    load_case(use_case, installation.workspace)
    row = load_governance(installation.workspace).requirement(requirement)
    # Before the key: who wrote something that may not be kept learns that without a signature.
    text = read_text(file)
    signer = load_own_key(key, installation)

    # Checked by the rules of every later reader before it is recorded: an entry stays for ever.
    with open_chain(use_case, model, installation) as (_, log, chain):
        statement = answer_statement(row, text, capacity or row.owner, log, chain, signer)
        envelope = sign(statement.to_bytes(), signer)
        check_answer(envelope, log)
    with open_notary(installation) as notary:
        recorded = notary.append_signed([envelope])[0]

    line = f"{row.id} answered as entry {recorded.index} of {recorded.origin}; it stays for ever"
    values = {"entry": recorded.index, "requirement": row.id, "useCase": use_case}
    print_result((line,), values, is_json=is_json)
    return 0
