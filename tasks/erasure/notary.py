"""Who signs receipts, and where they stand: one small interface in front of the ledger of evidence.

`FileNotary` signs DSSE envelopes with a key of this installation into a file; it is what stands in where there is no
ledger.
"""

import fcntl
import hashlib
import json
import os
from pathlib import Path
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey

from tasks.errors import EvidenceError
from tasks.secrets import home, secret

IN_TOTO = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
ERASURE = "https://portcullis.example/attestation/erasure/v1"


class Notary(Protocol):
    """Signs and keeps statements about erasures."""

    def record(self, name: str, sha256: str, predicate: dict[str, Any]) -> str:
        """Sign one statement and keep it for good; return its envelope's sha256. The same one is kept once."""

    def recorded(self, name: str) -> list[dict[str, Any]]:
        """Return the predicates that were recorded under a name, oldest first; each signature is verified.

        Raises:
            EvidenceError: What is kept was altered.
        """


class FileNotary:
    """One envelope a line, in `erasure-receipts.jsonl` beside the journal."""

    def __init__(self, root: Path = Path()) -> None:
        self._path = home(root) / "erasure-receipts.jsonl"
        self._signer = CryptoSigner(Ed25519PrivateKey.from_private_bytes(secret("receipts", root)))

    @property
    def public_key(self) -> SSlibKey:
        """The key that verifies what it signs."""
        return self._signer.public_key

    def record(self, name: str, sha256: str, predicate: dict[str, Any]) -> str:
        """Append the signed statement, unless the very same stands there already."""
        statement = {
            "_type": STATEMENT,
            "subject": [{"name": name, "digest": {"sha256": sha256}}],
            "predicateType": ERASURE,
            "predicate": predicate,
        }
        payload = json.dumps(statement, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        envelope = Envelope(payload.encode(), IN_TOTO, {})
        envelope.sign(self._signer)
        line = json.dumps(envelope.to_dict(), sort_keys=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+", encoding="utf-8") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            if line not in (known.rstrip("\n") for known in stream):
                stream.write(line + "\n")
                stream.flush()
                os.fsync(stream.fileno())
        return hashlib.sha256(line.encode()).hexdigest()

    def recorded(self, name: str) -> list[dict[str, Any]]:
        """Read the file and verify every line that is asked for."""
        found = []
        lines = self._path.read_text(encoding="utf-8").splitlines() if self._path.is_file() else []
        for number, line in enumerate(lines, 1):
            try:
                envelope = Envelope.from_dict(json.loads(line))
                statement = json.loads(envelope.payload)
                if statement["subject"][0]["name"] != name:
                    continue
                envelope.verify([self.public_key], 1)
                if envelope.payload_type != IN_TOTO or statement["predicateType"] != ERASURE:
                    raise ValueError("another kind of statement")
                found.append(statement["predicate"])
            except (ValueError, KeyError, TypeError, IndexError, VerificationError) as error:
                raise EvidenceError(
                    f"{self._path.name}, line {number}",
                    expected="a receipt as it was signed here",
                    found=f"an altered one ({type(error).__name__})",
                    remedy="Restore the file from its backup; look for who or what wrote into it.",
                ) from error
        return found


def open_notary(root: Path = Path()) -> Notary:
    """Return the notary of this installation."""
    return FileNotary(root)
