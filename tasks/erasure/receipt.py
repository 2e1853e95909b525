"""Receipts: a signed statement that somebody was erased, and the half of it only they are given.

The statement holds `HMAC-SHA256(nonce, normal form of the identifier)`: RFC 2104, used as a
commitment. Without the nonce nobody can tell whose it is, not even from a list of all identifiers;
with it, the person can prove that it is theirs. The nonce is kept nowhere.
"""

import hmac
import json
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from tasks.erasure.statements import StatementLog, statement_name
from tasks.errors import EvidenceError
from tasks.formats.canonical_json import canonical
from tasks.formats.strict_json import parse_json
from tasks.formats.whole_file import write_whole
from tasks.keystore.pseudonyms import normal_form
from tasks.system.secrets import sync_folder


class PersonalReceipt(BaseModel):
    """What the person is handed: to be kept by them, and by nobody else."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    request: str
    nonce: str = Field(pattern=r"^[0-9a-f]{64}$")
    day: date
    statement: dict[str, Any]


def derive_nonce(seed: bytes, request_id: str) -> bytes:
    """Return a request's nonce: the same after a crash, unknown once the seed is scrubbed."""
    return hmac.digest(seed, request_id.encode(), "sha256")


def compute_commitment(nonce: bytes, identifier: str) -> str:
    """Return what binds a receipt to its person, however the identifier is spelt."""
    return hmac.digest(nonce, normal_form(identifier).encode(), "sha256").hex()


def write_receipt(receipt: PersonalReceipt, folder: Path) -> Path:
    """Write a receipt for its person into a file of mode 0600, whole or not at all.

    It is on the disk before this returns: the journal forgets the nonce soon after, and then nobody
    can write the receipt again.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{receipt.request}.json"
    write_whole(path, f"{receipt.model_dump_json(indent=2)}\n".encode(), mode=0o600)
    sync_folder(folder)
    return path


def check_receipt(text: str, identifier: str, log: StatementLog) -> list[dict[str, Any]]:
    """Return what the log says about a receipt's request, if the receipt is this person's.

    Raises:
        EvidenceError: It is another person's, altered, or nothing of it is in the log.
    """
    receipt, values = _parse_receipt(text)
    where = f"receipt {receipt.request}"

    # The log first, then the receipt: whatever a file says of itself, what counts is what was
    # signed.
    predicates = log.recorded(statement_name(receipt.request))
    if not predicates:
        raise EvidenceError(
            where,
            expected="a signed statement about it in the ledger",
            found="none",
            remedy="It was not made here, or the ledger was replaced: ask the controller.",
        )

    # Every statement of the request, also the one that completed it later, has to be this person's;
    # the receipt was handed out with the first.
    commitment = compute_commitment(bytes.fromhex(receipt.nonce), identifier)
    is_theirs = all(
        hmac.compare_digest(predicate.commitment, commitment) for predicate in predicates
    )
    # The whole file, in its one form: what only Python takes for equal (1 and true), and a day that
    # stands beside the statement, would else be altered unnoticed.
    signed = {
        "request": receipt.request,
        "nonce": receipt.nonce,
        "day": predicates[0].day,
        "statement": predicates[0].to_dict(),
    }
    if not is_theirs or canonical(values) != canonical(signed):
        raise EvidenceError(
            where,
            expected="the receipt of this person, as it was signed",
            found="another's, or an altered one",
            remedy="Check the identifier and that the file is whole.",
        )
    return [predicate.to_dict() for predicate in predicates]


def format_statement(predicate: dict[str, Any]) -> str:
    """Return a statement as people read it."""
    return json.dumps(predicate, indent=2, ensure_ascii=False)


def _parse_receipt(text: str) -> tuple[PersonalReceipt, Any]:
    """Return a receipt, and the values of its file as they stand there."""
    try:
        values = parse_json(text)
        return PersonalReceipt.model_validate(values), values
    except ValueError as error:
        raise EvidenceError(
            "receipt",
            expected="one of Portcullis",
            found="something else",
            remedy="Ask for it again.",
        ) from error
