"""Statements about erasures: kept once, oldest first, each by the role that may sign it."""

import sqlite3
from dataclasses import replace
from hashlib import sha256

import pytest

from tasks.attestation.predicates.erasure import ErasureReceipt
from tasks.erasure.journal import ErasureStep
from tasks.erasure.statements import (
    Horizon,
    LedgerStatementLog,
    RequestStatement,
    statement_name,
)
from tasks.errors import EvidenceError
from tests.tasks.erasure.predicates import COMMITMENT, COMPLETION, PREDICATE
from tests.tasks.erasure.small_installation import DAY, LAW, SmallInstallation


@pytest.fixture
def log(small_installation: SmallInstallation) -> LedgerStatementLog:
    return LedgerStatementLog(small_installation.installation)


def recorded_receipt(small_installation: SmallInstallation, number: int) -> ErasureReceipt:
    """Erase a person, and return what the ledger says of it."""
    (request,) = small_installation.erase(number).requests
    log = LedgerStatementLog(small_installation.installation)
    (receipt,) = log.recorded(statement_name(request.request_id))
    assert isinstance(receipt, ErasureReceipt)
    return receipt


def test_a_completion_stands_under_the_same_name_and_digest() -> None:
    first = RequestStatement.of(PREDICATE)
    second = RequestStatement.of(COMPLETION)

    assert (first.name, first.sha256) == (second.name, second.sha256)
    assert first.name == statement_name("E1")
    assert first.sha256 == sha256(COMMITMENT.encode()).hexdigest()


def test_a_log_that_was_never_begun_has_recorded_nothing(log: LedgerStatementLog) -> None:
    assert log.recorded(statement_name("E1")) == []


def test_what_is_recorded_comes_back_oldest_first(log: LedgerStatementLog) -> None:
    log.record([RequestStatement.of(PREDICATE)])
    log.record([RequestStatement.of(COMPLETION)])

    assert log.recorded(statement_name("E1")) == [PREDICATE, COMPLETION]


def test_what_a_killed_saga_records_again_is_kept_once(log: LedgerStatementLog) -> None:
    statement = RequestStatement.of(PREDICATE)
    log.record([statement])
    log.record([statement])

    assert log.recorded(statement.name) == [PREDICATE]


def test_a_request_whose_id_begins_like_another_s_is_another(log: LedgerStatementLog) -> None:
    log.record([RequestStatement.of(replace(PREDICATE, request="E12"))])

    assert log.recorded(statement_name("E1")) == []


def test_an_altered_ledger_is_refused(
    log: LedgerStatementLog, small_installation: SmallInstallation
) -> None:
    log.record([RequestStatement.of(PREDICATE)])
    with sqlite3.connect(small_installation.home / "ledger.db") as connection:
        connection.execute("UPDATE bodies SET body = replace(body, 'a', 'b')")
    connection.close()

    with pytest.raises(EvidenceError):
        log.recorded(statement_name("E1"))


def test_what_is_signed_is_what_the_steps_found(small_installation: SmallInstallation) -> None:
    small_installation.plant(1)

    receipt = recorded_receipt(small_installation, 1)

    (request,) = small_installation.journal.requests()
    completed = small_installation.journal.completed_steps(request.batch)
    assert receipt.verified.to_dict() == completed[ErasureStep.VERIFY]
    assert receipt.models_to_retrain == completed[ErasureStep.FLAG_MODELS]["models"] == 1
    assert receipt.purged["MLflow"].rewritten == 2  # a parameter and an artifact
    assert (receipt.people, receipt.day) == (1, DAY.isoformat())
    assert receipt.keys_destroyed == ("decision-record", "training")
    assert (receipt.state, receipt.deferred) == ("erased", None)


def test_what_is_kept_is_signed_with_its_basis_and_without_its_key(
    small_installation: SmallInstallation,
) -> None:
    small_installation.keep_decision_records(25)

    receipt = recorded_receipt(small_installation, 1)

    (request,) = small_installation.journal.requests()
    assert request.deferral is not None
    assert receipt.deferred is not None
    assert (receipt.state, receipt.keys_destroyed) == ("deferred", ("training",))
    assert (receipt.deferred.basis, receipt.deferred.review) == (LAW, "2028-12-24")
    assert request.deferral.key_id not in str(receipt.to_dict())


def test_what_was_left_to_a_person_is_signed_too(small_installation: SmallInstallation) -> None:
    (small_installation.home / "letter.txt").write_text("person1@example.org")

    receipt = recorded_receipt(small_installation, 1)

    assert receipt.remaining == (
        "state: letter.txt holds a value of theirs: a person has to decide",
    )


def test_a_receipt_names_no_file_by_another_person_s_address(
    small_installation: SmallInstallation,
) -> None:
    folder = small_installation.home / "letters"
    folder.mkdir()
    (folder / "to-bob@example.net.txt").write_text("cc person1@example.org")

    receipt = recorded_receipt(small_installation, 1)

    assert "bob" not in str(receipt.to_dict())
    assert any(line.startswith("state: letters/[an address] ") for line in receipt.remaining)


def test_with_the_root_key_on_this_machine_the_receipt_says_so(
    small_installation: SmallInstallation,
) -> None:
    assert recorded_receipt(small_installation, 1).horizon == Horizon.LOCAL_ROOT
