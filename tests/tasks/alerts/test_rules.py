"""Each rule fires on what it is for and on nothing else; conversions are what the rules say."""

import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tasks.alerts.rules import RULES, read_alert_rules
from tasks.alerts.windows import GAP, Windows, column_of
from tasks.audit_log.events import event
from tasks.audit_log.following import UNREADABLE, Chunk
from tasks.registry_server.routes import RegistryRole, RouteClass
from tests.mirror.page_writers import load_page_writer
from tests.tasks.alerts.events_of_servers import (
    API,
    HOUR_MS,
    MINUTE_MS,
    NOON_MS,
    ServerLog,
    database_event,
)

ADMIN = RegistryRole.ADMIN
CREATE = f"{API}/model-versions/create"
ALIAS = f"{API}/registered-models/alias"
ARTIFACT = "/get-artifact"

Events = list[dict[str, Any]]
Make = Callable[[ServerLog], Events]


@pytest.fixture(scope="module")
def detections() -> ModuleType:
    """The program that converts the rules."""
    return load_page_writer("detections")


def fired(tmp_path: Path, events: Events) -> Counter[str]:
    """Return how often each rule fires on events."""
    windows = Windows(tmp_path / "alerts.db", read_alert_rules())
    windows.take(Chunk("0" * 64, 1, events))
    names = [item["finding_info"]["analytic"]["name"] for item in windows.untold("log")]
    windows.close()
    return Counter(names)


def test_the_conversions_are_up_to_date(detections: ModuleType) -> None:
    remedy = "run `.venv/bin/python docs/detections.py`"
    searches = detections.searches(detections.read_rules())
    stored = {path.name: path.read_text() for path in detections.SEARCHES.glob("*.spl")}
    assert searches == stored, remedy
    assert detections.rules_text(detections.read_rules()) == RULES.read_text(), remedy


def refused(log: ServerLog, count: int, apart_ms: int = 1_000, **values: Any) -> Events:
    """Return refusals in a row."""
    values = {"refusal": "role.track"} | values
    return [log.call(NOON_MS + number * apart_ms, **values) for number in range(count)]


FIRING: dict[str, Make] = {
    "repeated_denials_of_actor": lambda log: refused(log, 10),
    "repeated_denials_of_address": lambda log: refused(log, 20, subject=""),
    "probing": lambda log: [
        log.call(NOON_MS + number, template=f"/route/{number}", refusal="route.unknown", subject="")
        for number in range(8)
    ],
    "denied_sql": lambda _: [database_event("INSERT", state="42501")],
    "changed_tables": lambda _: [database_event("ALTER TABLE")],
    "registration_attempted": lambda log: [
        log.call(NOON_MS, "POST", CREATE, refusal="role.registry")
    ],
    "admin_at_night": lambda log: [
        log.call(
            NOON_MS + 11 * HOUR_MS,
            "DELETE",
            f"{API}/experiments/delete",
            role=ADMIN,
            route_class=RouteClass.MANAGE,
        )
    ],
    "mass_download": lambda log: [
        log.call(NOON_MS + number * 5_000, template=ARTIFACT) for number in range(100)
    ],
    "alias_moved": lambda log: [log.call(NOON_MS, "POST", ALIAS, role=RegistryRole.GATEKEEPER)],
    "audit_gap": lambda _: [event(GAP, actor="portcullis"), event(UNREADABLE, actor="portcullis")],
    "sign_in_failures": lambda log: refused(log, 10, refusal="identity.invalid_token", subject=""),
    "foreign_token": lambda log: [log.call(refusal="identity.audience", subject="")],
}

QUIET: dict[str, Make] = {
    # One fewer than the rule counts, or as many as it counts in more time, or of several.
    "repeated_denials_of_actor": lambda log: [
        *refused(log, 9),
        *refused(log, 10, apart_ms=MINUTE_MS, subject="bob"),
        *refused(log, 15, subject=""),
    ],
    "repeated_denials_of_address": lambda log: [
        *refused(log, 19, subject=""),
        *refused(log, 30, subject="", address="10.0.0.8", refusal="identity.anonymous", status=303),
    ],
    "probing": lambda log: refused(log, 9),
    "denied_sql": lambda _: [
        database_event("INSERT", state="28P01"),
        database_event("INSERT"),
    ],
    "changed_tables": lambda _: [
        database_event("INSERT"),
        database_event("ALTER TABLE", state="42501"),  # another rule's
    ],
    "registration_attempted": lambda log: [
        log.call(NOON_MS, "POST", CREATE, role=RegistryRole.GATEKEEPER),
        log.call(NOON_MS, "POST", f"{API}/runs/create", refusal="role.track"),
    ],
    "admin_at_night": lambda log: [
        log.call(NOON_MS, "DELETE", f"{API}/experiments/delete", role=ADMIN),
        log.call(NOON_MS + 11 * HOUR_MS, "GET", role=ADMIN),
        log.call(NOON_MS + 11 * HOUR_MS, "POST", f"{API}/runs/search", role=ADMIN),
        log.call(NOON_MS + 11 * HOUR_MS, "POST", route_class=RouteClass.TRACK),
    ],
    "mass_download": lambda log: [
        log.call(NOON_MS + number * 5_000, template=ARTIFACT, subject=f"s{number % 2}")
        for number in range(190)
    ],
    "alias_moved": lambda log: [log.call(NOON_MS, "GET", ALIAS), log.call(refusal="role.registry")],
    "audit_gap": lambda log: [log.call()],
    "sign_in_failures": lambda log: refused(log, 9, refusal="identity.invalid_token", subject=""),
    "foreign_token": lambda log: [log.call(refusal="identity.invalid_token", subject="")],
}


def test_every_rule_has_events_for_and_against_it() -> None:
    names = {rule.name for rule in read_alert_rules()}
    assert names == FIRING.keys() == QUIET.keys()


@pytest.mark.parametrize("name", FIRING)
def test_a_rule_fires_once_on_what_it_is_for(tmp_path: Path, name: str) -> None:
    assert fired(tmp_path, FIRING[name](ServerLog(tmp_path)))[name] == 1


@pytest.mark.parametrize("name", QUIET)
def test_a_rule_is_quiet_about_what_it_is_not_for(tmp_path: Path, name: str) -> None:
    assert fired(tmp_path, QUIET[name](ServerLog(tmp_path)))[name] == 0


def ordinary_day(log: ServerLog) -> Events:
    """Return a made day: people at work, a nightly release, expired tokens, one wrong click."""
    events: Events = []
    for person in range(8):
        subject, address = f"person-{person}", f"10.0.1.{person}"
        begins = NOON_MS - 4 * HOUR_MS + person * 7 * MINUTE_MS
        who: dict[str, Any] = {"subject": subject, "address": address}
        # A browser without a session is led to the provider, and a session ends in the evening.
        events += [
            log.call(
                begins + hour * HOUR_MS,
                template="/",
                subject="",
                address=address,
                refusal="identity.anonymous",
                status=303,
                route_class=RouteClass.PAGE,
            )
            for hour in (0, 9)
        ]
        for minute in range(0, 9 * 60, 2):
            at_ms = begins + minute * MINUTE_MS
            events += [log.call(at_ms + part * 300, **who) for part in range(3)]
            if minute % 10 == 0:
                events.append(log.call(at_ms, template=ARTIFACT, **who))
                events.append(
                    log.call(
                        at_ms,
                        "POST",
                        f"{API}/runs/log-batch",
                        route_class=RouteClass.TRACK,
                        **who,
                    )
                )
        # A notebook whose token had expired, and a page that this server closes.
        events += [
            log.call(
                begins + HOUR_MS, refusal="identity.invalid_token", subject="", address=address
            )
            for _ in range(3)
        ]
        events += [
            log.call(begins + 2 * HOUR_MS + part, refusal="role.closed", **who) for part in range(2)
        ]
    # The nightly release writes and registers, and its alias is what the low rule is for.
    release: dict[str, Any] = {
        "subject": "svc-release",
        "role": RegistryRole.GATEKEEPER,
        "address": "10.0.2.1",
    }
    night = NOON_MS + 14 * HOUR_MS
    written = [(part * 500, f"{API}/runs/log-batch") for part in range(200)]
    written += [(200_000, CREATE), (201_000, ALIAS)]
    events += [log.call(night + after, "POST", template, **release) for after, template in written]
    events += [database_event("INSERT", night + 200_000)]
    return sorted(events, key=lambda item: int(item["time"]))


def test_an_ordinary_day_has_one_finding_that_is_true(tmp_path: Path) -> None:
    events = ordinary_day(ServerLog(tmp_path))
    assert len(events) > 7_000
    # An alias did move; all others would be false.
    assert fired(tmp_path, events) == {"alias_moved": 1}


def sigma_s_own(detections: ModuleType, events: Events) -> set[tuple[str, str]]:
    """Return which rules fire on which groups by pySigma's own SQL, correlations included."""
    from sigma.backends.sqlite.sqlite import sqliteBackend
    from sigma.correlations import SigmaCorrelationRule

    rules = detections.read_rules()
    backend = sqliteBackend(  # type: ignore[no-untyped-call]
        table="events",
        timestamp_field="time",
        timestamp_format="unix_ms",
        event_id_field="uid",
        collate_nocase=True,
    )
    fields = sorted(
        {name for rule in read_alert_rules() for name in (*rule.fields, *rule.group_by)}
    )
    connection = sqlite3.connect(":memory:")
    connection.execute(f"CREATE TABLE events (uid, time, {', '.join(f'`{f}`' for f in fields)})")
    connection.executemany(
        f"INSERT INTO events VALUES ({', '.join('?' * (len(fields) + 2))})",
        [
            (item["metadata"]["uid"], item["time"], *(column_of(item, name) for name in fields))
            for item in events
        ],
    )
    found: set[tuple[str, str]] = set()
    for rule in sorted(rules.rules, key=lambda rule: isinstance(rule, SigmaCorrelationRule)):
        if isinstance(rule, SigmaCorrelationRule):
            (query,) = backend.convert_correlation_rule(rule)  # type: ignore[no-untyped-call]
            found |= {(str(rule.name), row[1]) for row in connection.execute(query)}
        else:
            backend.convert_rule(rule)  # type: ignore[no-untyped-call]
    connection.close()
    return found


def test_what_is_counted_is_counted_as_sigma_s_own_sql_counts_it(
    detections: ModuleType, tmp_path: Path
) -> None:
    log = ServerLog(tmp_path)
    events: Events = []
    for makes in (FIRING, QUIET):
        for shift, name in enumerate(sorted(makes)):
            made = makes[name](log)
            events += [item | {"time": item["time"] + shift * HOUR_MS} for item in made]
    expected = sigma_s_own(detections, events)

    windows = Windows(tmp_path / "alerts.db", read_alert_rules())
    windows.take(Chunk("0" * 64, 1, events))
    counting = {rule.name for rule in read_alert_rules() if rule.threshold > 1}
    ours = set()
    for item in windows.untold("log"):
        name = item["finding_info"]["analytic"]["name"]
        (evidence,) = item["evidences"]
        if name in counting:
            actor = evidence.get("actor", {}).get("user", {}).get("name")
            ours.add((name, actor or evidence["src_endpoint"]["ip"]))
    windows.close()
    assert ours == {(name, group.split('"')[3]) for name, group in expected}
    assert {name for name, _ in ours} == counting
