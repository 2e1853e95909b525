"""Receipts: their person's alone, whole or not at all, and any change is noticed."""

import os
import stat
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from pydantic import ValidationError

from tasks.attestation.predicates.erasure import ErasureStatement
from tasks.erasure.receipt import (
    PersonalReceipt,
    check_receipt,
    compute_commitment,
    derive_nonce,
    format_statement,
    write_receipt,
)
from tasks.erasure.statements import LedgerStatementLog, RequestStatement
from tasks.errors import EvidenceError
from tests.tasks.erasure.predicates import ANN, COMPLETION, NONCE, PREDICATE
from tests.tasks.erasure.small_installation import SmallInstallation, email

RECEIPT = PersonalReceipt(
    request="E1", nonce=NONCE.hex(), day=date(2026, 11, 24), statement=PREDICATE.to_dict()
)
TEXT = RECEIPT.model_dump_json()


class MemoryLog:
    """A statement log in memory."""

    def __init__(self, *predicates: ErasureStatement) -> None:
        self.statements = [RequestStatement.of(predicate) for predicate in predicates]

    def record(self, statements: Sequence[RequestStatement]) -> None:
        self.statements += [each for each in statements if each not in self.statements]

    def recorded(self, name: str) -> list[ErasureStatement]:
        return [statement.predicate for statement in self.statements if statement.name == name]


def test_a_nonce_is_the_same_after_a_crash_and_another_for_each_request() -> None:
    assert derive_nonce(b"seed", "E1") == NONCE
    assert derive_nonce(b"seed", "E2") != NONCE
    assert derive_nonce(b"another", "E1") != NONCE


def test_a_commitment_binds_one_person_however_they_spell_it() -> None:
    commitment = compute_commitment(NONCE, "ann@example.org")

    assert compute_commitment(NONCE, " Ann@Example.ORG ") == commitment
    assert compute_commitment(NONCE, "bob@example.org") != commitment
    assert compute_commitment(derive_nonce(b"", "E1"), "ann@example.org") != commitment


def test_its_person_is_shown_every_statement_about_the_request() -> None:
    predicates = check_receipt(TEXT, ANN, MemoryLog(PREDICATE, COMPLETION))

    assert predicates == [PREDICATE.to_dict(), COMPLETION.to_dict()]


def test_another_person_cannot_show_it() -> None:
    with pytest.raises(EvidenceError, match="another's"):
        check_receipt(TEXT, "bob@example.org", MemoryLog(PREDICATE))


def test_a_completion_that_binds_another_person_is_noticed() -> None:
    stranger = compute_commitment(NONCE, "bob@example.org")
    completion = replace(COMPLETION, commitment=stranger)
    with pytest.raises(EvidenceError, match="another's"):
        check_receipt(TEXT, ANN, MemoryLog(PREDICATE, completion))


def test_a_receipt_that_nothing_is_recorded_of_was_not_made_here() -> None:
    with pytest.raises(EvidenceError, match="in the ledger"):
        check_receipt(TEXT, ANN, MemoryLog())


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("{}", id="nothing in it"),
        pytest.param("not JSON", id="text"),
        pytest.param(TEXT.replace('"nonce":"', '"nonce":"0'), id="a longer nonce"),
        pytest.param(TEXT.replace('"day"', '"date"'), id="another field"),
    ],
)
def test_what_is_no_receipt_is_refused(text: str) -> None:
    with pytest.raises(EvidenceError, match="one of Portcullis"):
        check_receipt(text, ANN, MemoryLog(PREDICATE))


def test_an_altered_statement_is_noticed() -> None:
    altered = RECEIPT.model_copy(update={"statement": {**PREDICATE.to_dict(), "state": "kept"}})
    with pytest.raises(EvidenceError, match="altered"):
        check_receipt(altered.model_dump_json(), ANN, MemoryLog(PREDICATE))


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(('"day":"2026-11-24","s', '"day":"2020-11-24","s'), id="the day beside it"),
        pytest.param(('"day":"2026-11-24","s', '"day":1795478400,"s'), id="a day as a number"),
        pytest.param(
            ('"modelsToRetrain":1', '"modelsToRetrain":true'), id="what Python calls equal"
        ),
    ],
)
def test_whatever_is_altered_in_a_receipt_is_noticed(edit: tuple[str, str]) -> None:
    assert edit[0] in TEXT
    with pytest.raises(EvidenceError, match="altered"):
        check_receipt(TEXT.replace(*edit), ANN, MemoryLog(PREDICATE))


def test_a_receipt_that_says_something_twice_is_none() -> None:
    twice = TEXT.replace('"request":', '"request":"E2","request":', 1)
    with pytest.raises(EvidenceError, match="one of Portcullis"):
        check_receipt(twice, ANN, MemoryLog(PREDICATE))


def test_a_receipt_is_written_for_its_reader_alone_and_leaves_no_draft(tmp_path: Path) -> None:
    path = write_receipt(RECEIPT, tmp_path / "receipts")

    assert path.name == "E1.json"
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0
    assert list(path.parent.iterdir()) == [path]
    assert PersonalReceipt.model_validate_json(path.read_text()) == RECEIPT


def test_a_receipt_and_its_name_are_on_the_disk_before_its_nonce_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bool] = []

    def note(descriptor: int) -> None:
        synced.append(stat.S_ISDIR(os.fstat(descriptor).st_mode))

    monkeypatch.setattr(os, "fsync", note)
    write_receipt(RECEIPT, tmp_path / "receipts")
    assert synced == [False, True]


def test_a_receipt_that_is_written_again_replaces_the_first(tmp_path: Path) -> None:
    write_receipt(RECEIPT, tmp_path)
    write_receipt(RECEIPT, tmp_path)

    assert len(list(tmp_path.iterdir())) == 1


def test_a_receipt_cannot_be_changed_in_memory() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(RECEIPT, "nonce", "0" * 64)  # noqa: B010 - mypy knows that it is frozen


def test_a_statement_is_shown_in_letters_that_people_read() -> None:
    assert "Zoë" in format_statement({"basis": "Zoë"})


def test_of_two_who_were_erased_together_each_has_one_receipt(
    small_installation: SmallInstallation,
) -> None:
    small_installation.erase(1, 2)
    log = LedgerStatementLog(small_installation.installation)
    owners = []
    for path in small_installation.receipts:
        for number in (1, 2):
            try:
                check_receipt(path.read_text(), email(number), log)
            except EvidenceError:
                continue
            owners.append(number)

    assert sorted(owners) == [1, 2]


def test_a_receipt_survives_no_replaced_ledger(small_installation: SmallInstallation) -> None:
    small_installation.erase(1)
    (path,) = small_installation.receipts
    for file in small_installation.home.glob("ledger*"):
        file.unlink()

    log = LedgerStatementLog(small_installation.installation)
    with pytest.raises(EvidenceError, match="in the ledger"):
        check_receipt(path.read_text(), email(1), log)
