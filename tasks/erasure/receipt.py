"""Receipts: a signed statement that somebody was erased, and the half of it that only that person gets.

The statement holds `HMAC-SHA256(nonce, normal form of the identifier)`. Without the nonce nobody can tell whose it is,
not even from a list of all identifiers; with it, the person can prove that it is theirs. The nonce is kept nowhere.
"""

import hashlib
import hmac
import json
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from tasks.erasure.notary import Notary
from tasks.errors import EvidenceError
from tasks.keystore.pseudonyms import normal_form


class Receipt(BaseModel):
    """What the person is handed: to be kept by them, and by nobody else."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    request: str
    nonce: str = Field(pattern=r"^[0-9a-f]{64}$")
    day: date
    statement: dict[str, Any]


def nonce_of(seed: bytes, request: str) -> bytes:
    """Return a request's nonce: the same after a crash, unknown once the seed is scrubbed."""
    return hmac.digest(seed, request.encode(), "sha256")


def commitment(nonce: bytes, identifier: str) -> str:
    """Return what binds a receipt to its person."""
    return hmac.digest(nonce, normal_form(identifier).encode(), "sha256").hex()


def subject_of(request: str, bound: str) -> tuple[str, str]:
    """Return the name and digest that the statement is about."""
    return f"erasure/{request}", hashlib.sha256(bound.encode()).hexdigest()


def write_receipt(receipt: Receipt, folder: Path) -> Path:
    """Write a receipt for its person into a file of mode 0600, whole or not at all."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{receipt.request}.json"
    draft = folder / f".{receipt.request}.draft"
    draft.touch(mode=0o600)
    draft.write_text(receipt.model_dump_json(indent=2) + "\n", encoding="utf-8")
    draft.replace(path)
    return path


def check_receipt(text: str, identifier: str, notary: Notary) -> list[dict[str, Any]]:
    """Return what the ledger says about a receipt's request, if the receipt is this person's.

    Raises:
        EvidenceError: It is not: another person's, altered, or nothing of it is in the ledger.
    """
    try:
        receipt = Receipt.model_validate_json(text)
    except ValueError as error:
        raise EvidenceError(
            "receipt",
            expected="one of Portcullis",
            found="something else",
            remedy="Ask for it again.",
        ) from error
    said = notary.recorded(subject_of(receipt.request, "")[0])
    if not said:
        raise EvidenceError(
            f"receipt {receipt.request}",
            expected="a signed statement about it in the ledger",
            found="none",
            remedy="It was not made here, or the ledger was replaced: ask the controller.",
        )
    bound = commitment(bytes.fromhex(receipt.nonce), identifier)
    if (
        any(not hmac.compare_digest(one.commitment, bound) for one in said)
        or receipt.statement != said[0].to_dict()
    ):
        raise EvidenceError(
            f"receipt {receipt.request}",
            expected="the receipt of this person, as it was signed",
            found="another's, or an altered one",
            remedy="Check the identifier and that the file is whole.",
        )
    return [one.to_dict() for one in said]


def shown(statement: dict[str, Any]) -> str:
    """Return a statement as people read it."""
    return json.dumps(statement, indent=2, ensure_ascii=False)
