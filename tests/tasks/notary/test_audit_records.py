"""Putting on record what is done to people's data: the event, its signature, and failures."""

import json
from pathlib import Path
from typing import Any

import pytest

from tasks.attestation.predicates.records import AuditBatch
from tasks.audit_log.events import DATASTORE, files_of, pending
from tasks.errors import ServiceError
from tasks.notary.audit import ACTIVITIES, PeopleAction, audit
from tasks.notary.notary import Notary, open_ledger, trusted_root
from tasks.system.installation import Installation
from tasks.verifier.log_reader import EVERYTHING, read_log
from tests.installations import installation_with_home


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    monkeypatch.setenv("PORTCULLIS_ACTOR", "ann")
    return installation_with_home(tmp_path / "home")


def record(installation: Installation, action: PeopleAction = PeopleAction.EXPORT) -> None:
    audit(action, what="tiny/rows", why="a complaint", installation=installation, rows=3)


def events(installation: Installation) -> list[dict[str, Any]]:
    lines = [path.read_text().splitlines() for path in files_of(installation.home / "audit")]
    return [json.loads(line) for file_lines in lines for line in file_lines]


def signed_batches(installation: Installation) -> list[AuditBatch]:
    ledger = open_ledger(installation)
    log = read_log(ledger, trusted_root(installation), EVERYTHING)
    ledger.close()
    return [signed.predicate for signed in log.required_statements(AuditBatch)]


@pytest.mark.parametrize("action", PeopleAction)
def test_an_action_is_an_activity_of_a_datastore(
    installation: Installation, action: PeopleAction
) -> None:
    record(installation, action)
    (made,) = events(installation)
    assert (made["class_uid"], made["activity_id"]) == (DATASTORE, ACTIVITIES[action])
    assert made["unmapped"]["operation"] == f"people:{action.value}"


def test_who_what_why_and_how_much_are_on_record(installation: Installation) -> None:
    record(installation)
    (made,) = events(installation)
    assert made["actor"] == {"user": {"name": "ann"}}
    assert made["message"] == "a complaint"
    assert made["unmapped"]["resources"] == [
        {"name": "tiny/rows", "type": "data about people", "data": {"rows": 3}}
    ]


def test_what_is_on_record_is_signed_for_at_once(installation: Installation) -> None:
    record(installation)
    assert pending(installation.home / "audit") == []
    assert [batch.events for batch in signed_batches(installation)] == [1]


def test_every_record_has_a_batch_of_its_own(installation: Installation) -> None:
    record(installation)
    record(installation)
    first, second = signed_batches(installation)
    assert (first.start, first.end) == (0, second.start)


def refuse(notary: Notary, statements: object) -> None:
    raise ServiceError("ledger", expected="an answer", found="none", remedy="Wait.")


def test_what_cannot_be_signed_for_stops_the_caller(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Notary, "record_all", refuse)
    with pytest.raises(ServiceError):
        record(installation)


def test_what_could_not_be_signed_for_goes_into_the_next_batch(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Notary, "record_all", refuse)
        with pytest.raises(ServiceError):
            record(installation)

    record(installation)
    assert [batch.events for batch in signed_batches(installation)] == [2]
