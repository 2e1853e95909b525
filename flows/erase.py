"""The right to erasure (GDPR Art. 17) as Prefect flows: a form for one person, and a nightly run.

The person's identifier is never a parameter: Prefect stores those in clear. It is written into a
Secret block, which Prefect encrypts, and the flow deletes the block when it is done (ADR 26).
"""

import os
from datetime import date
from pathlib import Path

from prefect import State, flow
from prefect.blocks.system import Secret
from prefect.client.orchestration import get_client
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from flows.release import UseCase
from flows.steps.withholding import withholding_texts
from tasks.config.sources import today
from tasks.erasure import erasing
from tasks.errors import PortcullisError
from tasks.system.installation import Installation


@flow(
    name="erase", flow_run_name="erase-{use_case}", persist_result=False, validate_parameters=True
)
@withholding_texts()
def erase(
    use_case: UseCase,
    person: Secret,  # type: ignore[type-arg]
    received: date | None = None,
) -> State[str]:
    """Erase the person whose identifier is in a Secret block, in every use case.

    Args:
        use_case: The use case that the request is about.
        person: A Secret block with the identifier; it is deleted when the erasure is done.
        received: The day on which the request came in; today, if left empty.
    """
    logger = get_run_logger()
    identifier = str(person.get())
    try:
        installation = Installation.open(Path(), os.environ)
        day = today(installation.settings)
        outcome = erasing.erase(
            str(use_case),
            [identifier],
            received=received or day,
            day=day,
            installation=installation,
            say=logger.info,
        )
    except PortcullisError as error:
        # The block stays: the same form, sent again, goes on where this stopped.
        return Failed(message=str(error))

    _delete_block(person)
    return _report(outcome)


@flow(name="erase-due", persist_result=False)
@withholding_texts()
def erase_due() -> State[str]:
    """Finish interrupted and put-off erasures, and destroy what a law has kept until today."""
    try:
        installation = Installation.open(Path(), os.environ)
        day = today(installation.settings)
        outcome = erasing.resume(installation=installation, day=day, say=get_run_logger().info)
    except PortcullisError as error:
        return Failed(message=str(error))
    return _report(outcome)


def _report(outcome: erasing.ErasureOutcome) -> State[str]:
    """Log what a person has to see to, and return a state that says how each request ended."""
    logger = get_run_logger()
    for line in (*outcome.purged.left, *outcome.purged.unseen):
        logger.warning(line)
    for path in outcome.receipts:
        # The name only: Prefect's log is read by more people than may open the receipt.
        logger.info("a receipt, for the person only, waits on the worker's machine: %s", path.name)

    states = [f"{request.request_id}: {request.state}" for request in outcome.requests]
    return Completed(message="; ".join(states) or "nothing to do")


def _delete_block(block: "Secret") -> None:  # type: ignore[type-arg]
    """Delete the block from Prefect's database; it was needed once."""
    if (document := block._block_document_id) is not None:
        with get_client(sync_client=True) as client:
            client.delete_block_document(document)
