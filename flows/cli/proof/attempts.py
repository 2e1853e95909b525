"""`./portcullis attempts <use case>`: every attempt on the same data, and the plan as it lies here.

An attempt is a plan and the model that was trained under it. What was not run through the worker
left no trace in the ledger, and is not listed.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.base.answering import print_json
from flows.cli.base.declaring import declare, installation_of, new_app
from flows.cli.base.options import Json, UseCase
from flows.steps.evidence import open_chain
from tasks.clearance.plans import plan_now
from tasks.config.cases import load_case
from tasks.verifier.attempts.shown import attempt_values, lines_about_attempts
from tasks.verifier.lineage import Chain
from tasks.verifier.text_report import printable

# Pages cut the list; whoever asks for it by name gets the whole.
EVERY = sys.maxsize


EXAMPLES = """\
How often somebody tried on the same data:
  ./portcullis attempts loan
  ./portcullis attempts loan --json | jq .attempts.count
"""
app = new_app()


@declare(app, examples=EXAMPLES)
def main(
    context: typer.Context,
    use_case: UseCase,
    *,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="SHA256",
            help="The model on whose data (default: the one that lies in data/).",
            show_default=False,
        ),
    ] = None,
    is_json: Json = False,
) -> int:
    """Print the attempts.

    Raises:
        ConfigError: There is no such use case.
        DataError: No model is named, and none is in `data/`.
        EvidenceError: The ledger is empty, or does not verify.
    """
    installation = installation_of(context)
    case = use_case
    load_case(case, installation.workspace)
    with open_chain(case, model, installation) as (_, log, chain):
        if is_json:
            values = {
                "plan": plan_now(case, installation.workspace).sha256,
                "attempts": attempt_values(log, chain, EVERY),
            }
            print_json(values)
            return 0

        plan = _plan_lines(chain, installation.workspace)
        for line in (*plan, *lines_about_attempts(log, chain, EVERY, is_alone=True)):
            print(printable(line))
    return 0


def _plan_lines(chain: Chain, workspace: Path) -> tuple[str, ...]:
    """Return the plan as it lies here, and whether it is the one that the model was trained by."""
    now = plan_now(chain.case, workspace)
    line = f"{chain.case}: the plan as it lies here is sha256:{now.sha256}"
    if chain.plan is None:
        return (line, "  the model was trained under no plan that was sealed")
    if chain.plan.sha256 == now.sha256:
        return (line, f"  model sha256:{chain.model_sha256} was trained under it")

    return (
        line,
        f"  model sha256:{chain.model_sha256} was trained under sha256:{chain.plan.sha256}",
        *(f"    differs: {name}" for name in chain.plan.differences(now)),
    )
