"""The right to be forgotten as Prefect flows: a form for one person, and a nightly run for what is due.

The person's identifier is never a parameter: Prefect stores those in clear. It is written into a Secret block, which
Prefect encrypts, and the flow deletes the block when it is done.
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
from tasks.config.sources import today
from tasks.erasure import erasing
from tasks.errors import PortcullisError
from tasks.system.installation import Installation


@flow(
    name="erase", flow_run_name="erase-{use_case}", persist_result=False, validate_parameters=True
)
def erase(use_case: UseCase, person: Secret, received: date | None = None) -> State[str]:  # type: ignore[type-arg]
    """Erase the person whose identifier is in a Secret block, from everything that this installation holds.

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
        done = erasing.erase(
            str(use_case),
            [identifier],
            received=received or day,
            day=day,
            installation=installation,
            say=logger.info,
        )
    except PortcullisError as error:
        return Failed(message=str(error))
    _delete(person)
    return _told(done)


@flow(name="erase-due", persist_result=False)
def erase_due() -> State[str]:
    """Finish erasures that were interrupted or put off, and destroy what a law has kept until today."""
    try:
        installation = Installation.open(Path(), os.environ)
        day = today(installation.settings)
        return _told(erasing.resume(installation=installation, day=day, say=get_run_logger().info))
    except PortcullisError as error:
        return Failed(message=str(error))


def _told(done: erasing.Erased) -> State[str]:
    logger = get_run_logger()
    for line in (*done.purged.left, *done.purged.unseen):
        logger.warning(line)
    for path in done.receipts:
        logger.info("a receipt, for the person only, waits on the worker's machine: %s", path.name)
    states = [f"{request.request}: {request.state}" for request in done.requests]
    return Completed(message="; ".join(states) or "nothing to do")


def _delete(block: "Secret") -> None:  # type: ignore[type-arg]
    """Delete the block from Prefect's database; it was needed once."""
    if (document := block._block_document_id) is not None:
        with get_client(sync_client=True) as client:
            client.delete_block_document(document)
