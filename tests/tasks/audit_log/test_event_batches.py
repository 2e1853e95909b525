"""Events and their batches, without a ledger: each test changes one thing in the folder."""

import fcntl
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tasks.attestation.keyring import KeyEntry
from tasks.attestation.predicates.records import AuditBatch
from tasks.attestation.signing_keys import PublicKey
from tasks.attestation.statement import Statement
from tasks.audit_log.events import (
    API_ACTIVITY,
    CREATE,
    DATASTORE,
    DELETE,
    OCSF,
    OTHER,
    READ,
    SEALED,
    UPDATE,
    Batch,
    auditing,
    event,
    files_of,
    pending,
    verify,
)
from tasks.errors import EvidenceError
from tasks.verifier.statement_index import Signed
from tests.tasks.predicate_samples import BATCH

EVENT = event("keys:revoke", actor="ann")
RESOURCES: list[tuple[str, str, dict[str, Any]]] = [("rows", "dataset", {"rows": 3})]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An installation without an audit log."""
    return tmp_path


@pytest.fixture
def folder(home: Path) -> Path:
    """An audit log with one event that counts as signed for."""
    with auditing(home, [EVENT]):
        pass
    return home / "audit"


@pytest.mark.parametrize("activity", [CREATE, READ, UPDATE, DELETE, OTHER])
@pytest.mark.parametrize("kind", [API_ACTIVITY, DATASTORE])
def test_an_event_s_type_is_its_class_and_activity(kind: int, activity: int) -> None:
    made = event("x:y", actor="ann", activity=activity, resources=RESOURCES, kind=kind)
    assert made["type_uid"] == kind * 100 + activity
    assert made["category_uid"] == kind // 1000


def test_an_activity_without_a_number_has_a_name() -> None:
    assert event("x:y", actor="ann", activity=OTHER)["activity_name"] == "x:y"
    assert "activity_name" not in event("x:y", actor="ann", activity=READ)


@pytest.mark.parametrize(("is_success", "status", "severity"), [(True, 1, 1), (False, 2, 3)])
def test_a_failure_has_its_status_and_severity(
    is_success: bool, status: int, severity: int
) -> None:
    made = event("x:y", actor="ann", is_success=is_success)
    assert (made["status_id"], made["severity_id"]) == (status, severity)


def test_an_api_activity_lists_its_resources() -> None:
    made = event("x:y", actor="ann", resources=RESOURCES)
    assert made["resources"] == [{"name": "rows", "type": "dataset", "data": {"rows": 3}}]
    assert "databucket" not in made


def test_a_datastore_activity_has_a_bucket_and_no_list_of_resources() -> None:
    made = event("x:y", actor="ann", resources=RESOURCES, kind=DATASTORE)
    assert made["databucket"] == {"name": "rows", "type_id": 99, "type": "dataset"}
    assert made["unmapped"]["operation"] == "x:y"
    assert not {"resources", "api"} & made.keys()


def test_an_event_without_a_detail_has_no_message() -> None:
    assert "message" not in event("x:y", actor="ann")
    assert event("x:y", actor="ann", detail="why")["message"] == "why"


def test_a_statement_about_a_batch_is_about_its_bytes() -> None:
    statement = Batch("events-2026.jsonl", 10, 20, 3, "a" * 64).statement()
    read = AuditBatch.from_dict(statement.predicate)
    assert statement.digest_of("audit/events-2026.jsonl") == "a" * 64
    assert (read.file, read.start, read.end, read.events) == ("events-2026.jsonl", 10, 20, 3)
    assert read.event_format == BATCH.event_format == f"OCSF {OCSF}"


def test_an_event_is_written_before_it_is_signed_for(home: Path) -> None:
    with auditing(home, [EVENT]) as statements:
        (path,) = files_of(home / "audit")
        assert json.loads(path.read_bytes()) == EVENT
        assert len(statements) == 1


def test_the_first_batch_begins_at_the_first_byte(home: Path) -> None:
    with auditing(home, [EVENT, EVENT]) as statements:
        (path,) = files_of(home / "audit")
        batch = AuditBatch.from_dict(statements[0].predicate)
    assert (batch.start, batch.end, batch.events) == (0, path.stat().st_size, 2)
    assert statements[0].subjects[0].sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_next_batch_begins_where_the_last_one_ended(folder: Path) -> None:
    (path,) = files_of(folder)
    size = path.stat().st_size
    with auditing(folder.parent, [EVENT]) as statements:
        batch = AuditBatch.from_dict(statements[0].predicate)
    assert (batch.start, batch.end, batch.events) == (size, 2 * size, 1)


def test_no_event_and_nothing_pending_is_no_batch(folder: Path) -> None:
    with auditing(folder.parent, []) as statements:
        assert statements == []


def test_what_was_not_recorded_is_pending(folder: Path) -> None:
    with pytest.raises(RuntimeError), auditing(folder.parent, [EVENT]):
        raise RuntimeError
    assert [batch.events for batch in pending(folder)] == [1]


def test_what_was_recorded_is_not_pending(folder: Path) -> None:
    assert pending(folder) == []


def test_a_lost_cache_makes_every_line_pending(folder: Path) -> None:
    (folder / SEALED).unlink()
    assert [(batch.start, batch.events) for batch in pending(folder)] == [(0, 1)]


def test_a_year_s_file_has_a_batch_of_its_own(folder: Path) -> None:
    (folder / "events-2001.jsonl").write_bytes(b"{}\n{}\n")
    (batch,) = pending(folder)
    assert (batch.file, batch.start, batch.end, batch.events) == ("events-2001.jsonl", 0, 6, 2)


@pytest.mark.parametrize("name", ["events.jsonl", "events-2026.json", "shipped-hec.json", "lock"])
def test_other_files_are_not_chained(folder: Path, name: str) -> None:
    before = files_of(folder)
    (folder / name).write_bytes(b"{}\n")
    assert files_of(folder) == before


def test_the_log_is_its_owner_s_alone(folder: Path) -> None:
    (path,) = files_of(folder)
    assert path.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


def test_no_other_process_signs_for_the_same_lines(home: Path) -> None:
    with (
        auditing(home, [EVENT]),
        (home / "audit" / "lock").open() as lock,
        pytest.raises(BlockingIOError),
    ):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_the_lock_is_free_after_a_failure(home: Path) -> None:
    with pytest.raises(RuntimeError), auditing(home, [EVENT]):
        raise RuntimeError
    with (home / "audit" / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def signed_as(statement: Statement, index: int) -> Signed[AuditBatch]:
    holder = KeyEntry(PublicKey("no key is asked"), ("audit",), "worker", since=0)
    return Signed(index, statement, AuditBatch.from_dict(statement.predicate), holder, "0" * 64)


def test_a_mark_that_was_lost_after_the_signature_is_no_change_of_the_log(home: Path) -> None:
    with auditing(home, [EVENT]) as statements:
        first = list(statements)
    (home / "audit" / SEALED).unlink()  # as where the process was killed before it was written
    with auditing(home, [EVENT]) as statements:
        second = list(statements)

    signed = [signed_as(item, index) for index, item in enumerate((*first, *second))]
    assert [(item.predicate.start, item.predicate.events) for item in signed] == [(0, 1), (0, 2)]
    assert verify(home / "audit", signed) == 0

    # What is signed for twice is held to both.
    (path,) = files_of(home / "audit")
    path.write_bytes(path.read_bytes().replace(b"ann", b"eve", 1))
    with pytest.raises(EvidenceError, match="entry 0"):
        verify(home / "audit", signed)
