"""Alerts as a Prefect flow: one pass over the audit logs, as often as its deployment says.

It is off where nobody has set `PORTCULLIS_AUDIT_FILES` and resumed the deployment's schedule. Each
alert is an event of Prefect's, for automations (deploy/automations.yaml), beside what
`tasks.alerts.watching` writes and posts.
"""

import asyncio
import os
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import State, flow
from prefect.events import Event, Resource
from prefect.events.clients import get_events_client
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from flows.steps.withholding import withholding_texts
from tasks.alerts.watching import watch
from tasks.errors import PortcullisError, ServiceError
from tasks.secrets.opening import open_with_secrets

EVENT_SECONDS = 30
ALERT = "portcullis.alert"
WATCHED = "portcullis.alerts.watched"


@flow(name="watch-audit", persist_result=False, validate_parameters=True)
@withholding_texts()
def watch_audit() -> State[str]:
    """Read what the audit logs have gained, and tell of what the rules find.

    A receiver that is down fails the run; its alerts are kept, and told with the next one.
    """
    logger = get_run_logger()
    try:
        report = watch(open_with_secrets(Path(), os.environ), _emit_alert)
        # A watcher that stands still is missed by an automation that waits for this.
        _emit(Event(event=WATCHED, resource=Resource({"prefect.resource.id": "portcullis.alerts"})))
    except PortcullisError as error:
        return Failed(message=str(error))

    for values in report.findings:
        logger.warning("%s (%s)", values["message"], values["finding_info"]["analytic"]["name"])
    line = f"{report.events} events were read; {len(report.findings)} alerts"
    if report.problems:
        return Failed(message="; ".join((line, *report.problems)))
    return Completed(message=line)


def _emit_alert(values: dict[str, Any]) -> None:
    """Tell automations of a finding, by the name of its rule."""
    rule = values["finding_info"]["analytic"]["name"]
    _emit(
        Event(
            # The finding's own id: an alert that is told twice, since a receiver was away, can be
            # known for one.
            id=UUID(values["metadata"]["uid"]),
            event=ALERT,
            resource=Resource(
                {
                    "prefect.resource.id": f"portcullis.rule.{rule}",
                    "prefect.resource.name": values["message"],
                }
            ),
            payload=values,
        )
    )


def _emit(event: Event) -> None:
    """Send one event, and wait until the server has it; `emit_event` does not wait.

    Raises:
        ServiceError: It does not have it.
    """

    async def send() -> None:
        # The client asks after every event whether the server has it; by default after 700 (Prefect
        # 3.8.8).
        async with get_events_client(checkpoint_every=1) as client:
            await client.emit(event)

    try:
        asyncio.run(asyncio.wait_for(send(), EVENT_SECONDS))
    except Exception as error:  # whatever Prefect's client raises, of several libraries
        raise ServiceError(
            "Prefect's events",
            expected="to be taken",
            found=type(error).__name__,
            remedy="The alert is kept, and told with the next pass.",
        ) from error
