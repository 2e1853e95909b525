"""`./portcullis rollback`: have the version serve that served before, in one command."""

from typing import Annotated

import typer

from flows.cli.base.declaring import declare, installation_of, new_app
from flows.cli.base.options import Json, UseCase, Version
from flows.cli.registry.promote import print_step
from tasks.attestation.predicates.serving.promotion import PromotionStep
from tasks.stages.register.params import SERVING_ALIAS

EXAMPLES = """\
To the one before, or to one that served earlier:
  ./portcullis rollback loan
  ./portcullis rollback loan --version 3

It rests on the approval by which that version served, which has to
be in force; it is asked again whether it is cleared today.
"""
app = new_app()


@declare(app, examples=EXAMPLES)
def main(
    context: typer.Context,
    use_case: UseCase,
    *,
    alias: Annotated[
        str, typer.Option(metavar="ALIAS", help="The alias by which it serves.")
    ] = SERVING_ALIAS,
    version: Version = None,
    is_json: Json = False,
) -> int:
    """Decide whether an earlier model may serve again, sign for it, and move the alias."""
    installation = installation_of(context)
    print_step(
        PromotionStep.ROLL_BACK, use_case, alias, installation, version=version, is_json=is_json
    )
    return 0
