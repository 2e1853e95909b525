"""A batch under way: what is written down, and what is only ever in memory."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from tasks.erasure.batch import ErasureBatch, open_batch
from tasks.erasure.journal import Journal
from tasks.erasure.receipt import PersonalReceipt, compute_commitment, derive_nonce
from tasks.erasure.request import Person, RequestState
from tasks.erasure.searching.places import version_places
from tasks.erasure.statements import LedgerStatementLog
from tests.tasks.erasure.small_installation import (
    CASE,
    DAY,
    VERSIONS,
    SmallInstallation,
    bytes_below,
    email,
    name,
)


def person(subject: str, identifier: str) -> Person:
    return Person((identifier,), (subject,))


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def batch(small_installation: SmallInstallation, lines: list[str]) -> ErasureBatch:
    """A batch of two people whose keys were found, before any sink is purged."""
    installation = small_installation.installation
    identifiers = {small_installation.subject(number): email(number) for number in (1, 2)}
    journal = small_installation.journal
    people = [Person((identifier,), (subject,)) for subject, identifier in identifiers.items()]
    opened = open_batch(journal, CASE, people, DAY, DAY)
    keys = small_installation.keys
    requests = journal.requests(batch=opened)
    for request in requests:
        ids = keys.ids_of(request.subject or "")
        request.key_ids = {retention: (key_id.hex(),) for retention, key_id in ids.items()}
    journal.put_requests(requests)

    receipts: list[PersonalReceipt] = []
    return ErasureBatch(
        name=opened,
        installation=installation,
        keys=keys,
        journal=journal,
        log=LedgerStatementLog(installation),
        places=version_places(installation.workspace),
        sinks=[],
        deliver=receipts.append,
        say=lines.append,
        identifiers=identifiers,
    )


def test_a_batch_is_one_running_request_for_each_person(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "erasures.db")

    opened = open_batch(journal, "loan", [person("s1", "ann"), person("s2", "bob")], DAY, DAY)

    requests = journal.requests(batch=opened)
    assert [request.subject for request in requests] == ["s1", "s2"]
    assert {request.state for request in requests} == {RequestState.RUNNING}
    assert [request.request_id for request in requests] == [
        f"E20261124-{opened}-1",
        f"E20261124-{opened}-2",
    ]


def test_a_request_commits_to_its_person_and_holds_no_identifier(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "erasures.db")

    open_batch(journal, "loan", [person("s1", "ann@example.org")], DAY, DAY)

    (request,) = journal.requests()
    nonce = derive_nonce(request.seed or b"", request.request_id)
    assert request.commitment == compute_commitment(nonce, "ann@example.org")
    assert b"ann@" not in bytes_below(tmp_path)


def test_two_requests_of_one_batch_share_no_seed(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "erasures.db")

    open_batch(journal, "loan", [person("s1", "ann"), person("s2", "bob")], DAY, DAY)

    first, second = journal.requests()
    assert first.seed != second.seed


def test_rows_are_discovered_in_every_version_and_that_is_said_once(
    batch: ErasureBatch, lines: list[str]
) -> None:
    datasets = sorted(copy.dataset for copy in batch.discovery.versions())

    assert len(datasets) == 3 * VERSIONS
    assert set(datasets) == {"tiny/ingest/rows", "tiny/redact/rows", "tiny/explain/reasons"}
    assert batch.discovery.sealed_files == len(batch.discovery.copies)
    assert len(lines) == 1
    assert "sealed files" in lines[0]


def test_what_names_people_is_read_from_their_own_rows(batch: ErasureBatch) -> None:
    for number in (1, 2):
        assert batch.terms.has_match(email(number).encode())
        assert batch.terms.has_match(name(number).encode())
    assert not batch.terms.has_match(email(3).encode())
    assert not batch.terms.has_match(name(3).encode())


def test_a_resumed_batch_finds_the_names_without_being_told(batch: ErasureBatch) -> None:
    resumed = replace(batch, identifiers={})

    assert resumed.terms.has_match(email(1).encode())


def test_once_the_keys_are_destroyed_only_ids_are_left_to_search_for(
    batch: ErasureBatch, small_installation: SmallInstallation
) -> None:
    from tasks.keystore.shredding import shred

    shred(small_installation.keys, batch.subjects, DAY)
    resumed = replace(batch, identifiers={}, keys=small_installation.keys)

    assert not resumed.terms.has_match(email(1).encode())
    assert resumed.terms.has_match(batch.subjects[0].encode())
    assert resumed.terms.has_match(batch.key_ids[0].hex().encode())


def test_a_name_that_somebody_else_has_is_left_to_a_person(
    batch: ErasureBatch, small_installation: SmallInstallation
) -> None:
    numbers = (1, 2, 3)
    rows = pd.DataFrame(
        {
            "subject": [small_installation.subject(number) for number in numbers],
            "email": [email(number) for number in numbers],
            "name": ["Ann Quarantine", "Bob Quarantine", "ANN QUARANTINE"],
        }
    )
    small_installation.stage_run("ingest").write_rows(rows)

    assert not batch.terms.has_match(b"Ann Quarantine")
    assert batch.terms.has_ambiguous(b"Ann Quarantine")
    assert batch.terms.has_match(b"Bob Quarantine")


def test_of_two_who_are_both_erased_the_common_name_is_searched_for(
    batch: ErasureBatch, small_installation: SmallInstallation
) -> None:
    rows = pd.DataFrame(
        {
            "subject": [small_installation.subject(number) for number in (1, 2)],
            "email": [email(number) for number in (1, 2)],
            "name": ["Ann Quarantine", "Ann Quarantine"],
        }
    )
    small_installation.stage_run("ingest").write_rows(rows)

    assert batch.terms.has_match(b"Ann Quarantine")


def test_several_identifiers_are_one_person_s(batch: ErasureBatch) -> None:
    first, second = batch.requests
    first.aliases = second.subjects
    second.subject = None
    batch.journal.put_requests([first, second])

    people = {value.person for value in batch.terms.values if value.kind == "email"}

    assert people == {first.subjects[0]}
