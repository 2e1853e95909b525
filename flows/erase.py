"""The right to erasure (GDPR Art. 17) as Prefect flows: a form for one person, and a nightly run.

The person's identifier is never a parameter: Prefect stores those in clear. It is written into a
Secret block, which Prefect encrypts, and the flow deletes the block when it is done (ADR 26).
"""

import os
from datetime import date
from pathlib import Path
from uuid import UUID

from prefect import State, flow
from prefect.blocks.system import Secret
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from flows.release import UseCase
from flows.steps.withholding import withholding_texts
from tasks.config.sources import today
from tasks.erasure import erasing
from tasks.erasure.request import ErasureRequest, RequestOptions
from tasks.errors import PortcullisError
from tasks.plain_text import lines_of
from tasks.secrets.opening import open_with_secrets
from tasks.system.installation import Installation

UNKNOWN = (
    "nothing is held under this identifier, and nothing was done for it: to search for it all the "
    "same, run this again with search_anyway, and with a new block"
)
NO_IDENTIFIER = (
    "the Secret block holds no identifier, and nothing was done: write the person's identifier "
    "into it, and run this again"
)


@flow(
    name="erase", flow_run_name="erase-{use_case}", persist_result=False, validate_parameters=True
)
@withholding_texts()
def erase(
    use_case: UseCase,
    person: Secret,  # type: ignore[type-arg]
    received: date | None = None,
    search_anyway: bool = False,
    remove_files: bool = False,
    search_texts: bool = False,
) -> State[str]:
    """Erase the person whose identifier is in a Secret block, in every use case.

    Args:
        use_case: The use case that the request is about.
        person: A Secret block with the person's identifier, or several of theirs, one a line. It
            is deleted when the erasure is done, or where nothing is held.
        received: The day on which the request came in; today, if left empty.
        search_anyway: Search every place also where nothing is held under the identifier, as for
            a person whom a restored backup has brought back.
        remove_files: Remove whole files that name the person and cannot be masked; what they say of
            others goes, too. Else they are listed, and stay.
        search_texts: Look for the person in other people's texts, too, and report where.
    """
    logger = get_run_logger()
    # Prefect has no public name for it (3.8.8).
    document = person._block_document_id
    block = str(document) if document else ""
    identifiers = _lines_of(str(person.get()))
    if not identifiers:
        return Failed(message=NO_IDENTIFIER)
    try:
        installation = open_with_secrets(Path(), os.environ)
        day = today(installation.settings)
        outcome = erasing.erase(
            str(use_case),
            [identifiers],
            received=received or day,
            day=day,
            searches_unknown=search_anyway,
            options=RequestOptions(
                removes_files=remove_files, searches_texts=search_texts, block=block
            ),
            installation=installation,
            say=logger.info,
        )
        # The block stays while its request waits: whoever tries it again can search by it.
        # Asked of the journal, after the erasure: which requests wait is written there and nowhere
        # else.
        if not erasing.held_blocks(installation).get(block, False):
            _delete_block(block, installation)
    except PortcullisError as error:
        # The block stays: the same form, sent again, goes on where this stopped.
        return Failed(message=str(error))

    return _report(outcome)


@flow(name="erase-due", persist_result=False)
@withholding_texts()
def erase_due() -> State[str]:
    """Go on with every request that waits, and end what a law has kept until today."""
    try:
        installation = open_with_secrets(Path(), os.environ)
        day = today(installation.settings)
        # Whoever is named here is searched for by every identifier again, and not by the pseudonym
        # alone (ADR 74).
        blocks = erasing.held_blocks(installation)
        secrets = [_read_block(block) for block, is_waiting in blocks.items() if is_waiting]
        outcome = erasing.resume(
            installation=installation,
            day=day,
            identifiers=[line for secret in secrets for line in _lines_of(secret)],
            say=get_run_logger().info,
        )
        for block, is_waiting in erasing.held_blocks(installation).items():
            if not is_waiting:
                _delete_block(block, installation)
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

    # Ids of requests alone: states are read by everybody who may see Prefect's pages. Requests that
    # waited were carried out beside somebody unknown.
    unknown = (UNKNOWN,) if outcome.unknown else ()
    message = "; ".join((*unknown, *map(_describe, outcome.requests), *outcome.faults))
    # One that waits or was set aside is in nobody's way, and is not done: a person has to see it.
    if outcome.unknown or outcome.set_aside or outcome.held_up or outcome.faults:
        return Failed(message=message)
    return Completed(message=message or "nothing to do")


def _describe(request: ErasureRequest) -> str:
    if (failure := request.failure) is None:
        return f"{request.request_id}: {request.state}"
    return f"{request.request_id}: {request.state}, at `{failure.step}`: {failure.reason}"


def _lines_of(secret: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in lines_of(secret) if line.strip())


def _read_block(block: str) -> str:
    """Return what a block holds, an identifier a line; nothing if somebody deleted it."""
    try:
        with get_client(sync_client=True) as client:
            document = client.read_block_document(UUID(block))
    except ObjectNotFound:
        return ""
    return str(document.data.get("value", ""))


def _delete_block(block: str, installation: Installation) -> None:
    """Delete a block from Prefect's database; it was needed once."""
    if not block:
        return
    try:
        with get_client(sync_client=True) as client:
            client.delete_block_document(UUID(block))
    except ObjectNotFound:
        get_run_logger().info("a block that is done with was deleted already")
    # After it is deleted: a block that the journal has forgotten would lie in Prefect's database
    # for ever.
    erasing.forget_block(block, installation)
