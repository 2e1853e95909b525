"""The automations for a real server: Prefect reads them, and they match what a release tells."""

from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import yaml
from prefect.events import Event
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

from flows.alerts import ALERT, WATCHED
from tasks.alerts.rules import read_alert_rules

FILE = Path(__file__).parents[2] / "deploy" / "automations.yaml"


@pytest.fixture(scope="module")
def triggers() -> dict[str, EventTrigger]:
    described = yaml.safe_load(FILE.read_text(encoding="utf-8"))["automations"]
    automations = [AutomationCore.model_validate(values) for values in described]
    triggers = {item.name: item.trigger for item in automations}
    assert all(isinstance(trigger, EventTrigger) for trigger in triggers.values())
    return triggers  # type: ignore[return-value] # narrowed by the line before


def event_of(name: str, resource: str) -> Event:
    return Event(event=name, resource={"prefect.resource.id": resource}, id=uuid4())


def test_a_blocked_release_of_any_use_case_is_noticed(triggers: dict[str, EventTrigger]) -> None:
    trigger = triggers["portcullis-blocked"]
    blocked = event_of("portcullis.release.blocked", "portcullis.use-case.claims")
    registered = event_of("portcullis.release.registered", "portcullis.use-case.claims")
    assert trigger.posture is Posture.Reactive
    assert blocked.event in trigger.expect
    assert registered.event not in trigger.expect
    assert isinstance(trigger.match, ResourceSpecification)
    assert trigger.match.matches(blocked.resource)
    assert not trigger.match.matches(event_of("x", "prefect.flow-run.1").resource)


def test_silence_after_a_heartbeat_is_noticed_and_an_end_is_no_silence(
    triggers: dict[str, EventTrigger],
) -> None:
    trigger = triggers["portcullis-heartbeat"]
    assert trigger.posture is Posture.Proactive
    assert trigger.after == {"prefect.flow-run.heartbeat"}
    assert trigger.within == timedelta(seconds=90)
    ends = {f"prefect.flow-run.{name}" for name in ("Completed", "Failed", "Cancelled", "Crashed")}
    # A blocked run ends in a state of a name of its own, whose event has that name.
    own = {f"prefect.flow-run.{name}" for name in ("Blocked", "Unavailable")}
    assert ends | own <= trigger.expect


def test_an_alert_of_any_rule_is_noticed(triggers: dict[str, EventTrigger]) -> None:
    trigger = triggers["portcullis-alert"]
    assert trigger.posture is Posture.Reactive
    assert ALERT in trigger.expect
    assert isinstance(trigger.match, ResourceSpecification)
    for rule in read_alert_rules():
        assert trigger.match.matches(event_of(ALERT, f"portcullis.rule.{rule.name}").resource)
    assert not trigger.match.matches(event_of(ALERT, "portcullis.alerts").resource)


def test_a_watcher_that_stands_still_is_missed(triggers: dict[str, EventTrigger]) -> None:
    trigger = triggers["portcullis-unwatched"]
    assert trigger.posture is Posture.Proactive
    assert trigger.after == trigger.expect == {WATCHED}
    assert isinstance(trigger.match, ResourceSpecification)
    assert trigger.match.matches(event_of(WATCHED, "portcullis.alerts").resource)
