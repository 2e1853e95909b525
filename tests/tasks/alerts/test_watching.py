"""A pass over real files: findings in OCSF, each channel told once, none lost over a failure."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from tasks.alerts.rules import read_alert_rules
from tasks.alerts.watching import watch
from tasks.alerts.windows import Windows
from tasks.audit_log.events import OCSF
from tasks.errors import ServiceError
from tasks.formats.canonical_json import canonical
from tests.installations import installation_with_home
from tests.tasks.alerts.events_of_servers import NOON_MS, ServerLog, database_event
from tests.webhooks import KEY, WebhookReceiver, webhook_receiver


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A webhook that is configured."""
    with webhook_receiver() as running:
        monkeypatch.setenv("PORTCULLIS_ALERT_WEBHOOK", running.url)
        monkeypatch.setenv("PORTCULLIS_ALERT_KEY", KEY)
        yield running


@pytest.fixture
def audit_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a server, with ten refusals of one person."""
    path = tmp_path / "registry.jsonl"
    monkeypatch.setenv("PORTCULLIS_AUDIT_FILES", str(path))
    log = ServerLog(tmp_path)
    append(path, *[log.call(NOON_MS + n, refusal="role.track") for n in range(10)])
    return path


def append(path: Path, *events: dict[str, Any]) -> None:
    with path.open("ab") as stream:
        stream.write(b"".join(canonical(values) + b"\n" for values in events))


def logged(home: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for path in (home / "audit").glob("events-*.jsonl")
        for line in path.read_text().splitlines()
    ]


def test_a_finding_is_ocsf_by_ocsf_s_own_schema(tmp_path: Path, audit_file: Path) -> None:
    append(audit_file, database_event("INSERT", state="42501"))
    watch(installation_with_home(tmp_path))
    schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(version=OCSF))
    findings = sorted(logged(tmp_path), key=lambda item: -item["count"])
    assert len(findings) == 2
    for finding in findings:
        jsonschema.validate(finding, schema.get_class_schema("detection_finding"))
    denials = findings[0]
    assert denials["finding_info"]["analytic"]["name"] == "repeated_denials_of_actor"
    assert denials["evidences"][0]["actor"] == {"user": {"name": "ann"}}
    assert len(denials["evidences"][0]["data"]["event_uids"]) == denials["count"] == 10


def test_each_channel_is_told_once(
    tmp_path: Path, audit_file: Path, receiver: WebhookReceiver
) -> None:
    emitted: list[dict[str, Any]] = []
    first = watch(installation_with_home(tmp_path), emitted.append)
    assert (first.events, len(first.findings), first.problems) == (10, 1, ())
    # A second pass reads what the first wrote, and finds nothing new.
    second = watch(installation_with_home(tmp_path), emitted.append)
    assert (second.events, second.findings, second.problems) == (0, (), ())
    assert receiver.names == ["repeated_denials_of_actor"]
    assert emitted == logged(tmp_path)


def test_a_channel_that_is_down_is_told_later_and_holds_up_no_other(
    tmp_path: Path,
    audit_file: Path,
    receiver: WebhookReceiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tasks.alerts.posting.TRIES", 1)
    receiver.status = 503
    emitted: list[dict[str, Any]] = []

    def emit(values: dict[str, Any]) -> None:
        if not emitted:
            emitted.append(values)
            raise ServiceError("Prefect", expected="an answer", found="none", remedy="Wait.")
        emitted.append(values)

    report = watch(installation_with_home(tmp_path), emit)
    assert [line.partition(":")[0] for line in report.problems] == [
        "alerts, event",
        "alerts, webhook",
    ]
    assert len(logged(tmp_path)) == 1

    receiver.status = 204
    report = watch(installation_with_home(tmp_path), emit)
    assert report.problems == ()
    assert receiver.names == ["repeated_denials_of_actor"]
    assert len(emitted) == 2
    assert len(logged(tmp_path)) == 1


def test_a_pass_that_is_killed_after_telling_tells_the_same_id_again(
    tmp_path: Path,
    audit_file: Path,
    receiver: WebhookReceiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Windows, "mark_told", kill)
        with pytest.raises(KeyboardInterrupt):
            watch(installation_with_home(tmp_path))
    watch(installation_with_home(tmp_path))
    watch(installation_with_home(tmp_path))
    assert len(receiver.alerts) == 1
    assert len({item["metadata"]["uid"] for item in logged(tmp_path)}) == 1


def test_an_alert_about_alerts_never_ends(tmp_path: Path, audit_file: Path) -> None:
    """A finding is read by no rule, whatever it holds."""
    for _ in range(3):
        report = watch(installation_with_home(tmp_path))
    assert report.events == 0
    assert len(logged(tmp_path)) == 1


def test_a_flood_is_one_alert_of_each_rule(tmp_path: Path, audit_file: Path) -> None:
    log = ServerLog(tmp_path)
    flood = [log.call(NOON_MS + n, refusal="role.track", subject="eve") for n in range(3_000)]
    append(audit_file, *flood)
    report = watch(installation_with_home(tmp_path))
    assert report.events == 3_010
    names = [item["finding_info"]["analytic"]["name"] for item in report.findings]
    assert sorted(names) == [
        "repeated_denials_of_actor",  # ann's
        "repeated_denials_of_actor",
        "repeated_denials_of_address",
    ]
    assert set(names) <= {rule.name for rule in read_alert_rules()}
