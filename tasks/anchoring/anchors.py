"""Anchors outside the team's reach, each optional: a witness that cosigns checkpoints, and RFC 3161 time stamps.

A witness (C2SP tlog-witness) signs a checkpoint only if it continues the one that it signed before: a fork needs its
help. What comes back is kept in `anchors/` of this installation, by size: `<size>.checkpoint` with the cosignature, and
`<size>.tsr`.
"""

import base64
import binascii
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from tasks.attestation.signing_keys import PublicKey
from tasks.errors import ConfigError, EvidenceError, ServiceError
from tasks.ledger.checkpoint import (
    COSIGNATURE,
    Checkpoint,
    cosignature_time,
    key_hash,
    read_checkpoint,
)
from tasks.ledger.ledger import Ledger
from tasks.settings import Settings
from tasks.system.installation import Installation

WITNESS_KEY = "PORTCULLIS_WITNESS_KEY"
TSA = "PORTCULLIS_TSA_URL"
TSA_ROOT = "PORTCULLIS_TSA_ROOT"
SECONDS = 20


@dataclass(frozen=True)
class Witness:
    """Who cosigns: its name and key, as `<name>+<hash>+<base64(4 ‖ key)>`."""

    name: str
    key: PublicKey

    @classmethod
    def parse(cls, text: str) -> "Witness":
        """Read a verifier key of kind 4."""
        try:
            name, hashed, encoded = text.split("+", 2)
            raw = base64.b64decode(encoded, validate=True)
            key = PublicKey.of_ed25519(raw[1:])
            good = raw[:1] == COSIGNATURE and key_hash(name, key.raw, COSIGNATURE).hex() == hashed
        except (ValueError, binascii.Error, EvidenceError) as error:
            raise _no_key(type(error).__name__) from error
        if not good:
            raise _no_key("another kind, or another hash")
        return cls(name, key)


def cosign(ledger: Ledger, installation: Installation) -> None:
    """Have the configured witness cosign the present checkpoint, unless it has.

    Raises:
        ServiceError: It does not answer.
        EvidenceError: It refuses, for this log does not continue what it saw; or its signature does not verify.
    """
    if not (url := installation.settings.witness_url):
        return
    witness = Witness.parse(installation.settings.witness_key)
    folder = _folder(installation.home)
    note = ledger.store.head() or ""
    head = read_checkpoint(note)[0]
    if (path := folder / f"{head.size}.checkpoint").is_file():
        return
    old = _seen(folder)
    status, answer = _ask(url, ledger, head, note, old)
    if status == 409 and answer.strip().isdigit():  # it has seen more than we remember
        status, answer = _ask(url, ledger, head, note, int(answer))
    if status != 200:
        raise EvidenceError(
            f"witness {witness.name}", expected=f"its signature under {head.size} entries", found=f"HTTP {status}",
            remedy="It says that this log does not continue the one it saw: find out which copy is the true one.",
        )  # fmt: skip
    cosigned = note + answer
    if cosignature_time(cosigned, witness.key, witness.name) is None:
        raise EvidenceError(
            f"witness {witness.name}", expected="a cosignature of its key", found="none that verifies",
            remedy=f"Check ${WITNESS_KEY}.",
        )  # fmt: skip
    path.write_text(cosigned, encoding="utf-8")


def stamp(ledger: Ledger, installation: Installation) -> None:
    """Have the configured time-stamping authority stamp the present checkpoint, unless it has (RFC 3161).

    Raises:
        ServiceError: It does not answer with a stamp.
        EvidenceError: Its stamp does not verify.
    """
    if not (url := installation.settings.tsa_url):
        return
    from rfc3161_client import TimestampRequestBuilder, VerificationError, decode_timestamp_response

    note = ledger.store.head() or ""
    path = _folder(installation.home) / f"{read_checkpoint(note)[0].size}.tsr"
    if path.is_file():
        return
    request = (
        TimestampRequestBuilder()
        .data(note.encode())
        .cert_request(cert_request=True)
        .nonce(nonce=True)
        .build()
    )
    asked = urllib.request.Request(
        url, request.as_bytes(), {"Content-Type": "application/timestamp-query"}
    )
    try:
        with urllib.request.urlopen(asked, timeout=SECONDS) as answer:
            data = answer.read()
        response = decode_timestamp_response(data)
    except (OSError, ValueError) as error:
        raise _down("time-stamping authority", type(error).__name__) from error
    try:
        _verifier(request.nonce, installation.settings).verify_message(response, note.encode())
    except VerificationError as error:
        raise EvidenceError(
            "time stamp", expected="a stamp of the checkpoint that verifies", found=str(error)[:120],
            remedy=f"Check ${TSA_ROOT} and ${TSA}.",
        ) from error  # fmt: skip
    path.write_bytes(data)
    path.with_suffix(".stamped").write_text(note, encoding="utf-8")


def stamped_at(installation: Installation, size: int) -> str:
    """Return the time that an authority put on the checkpoint of a size, its stamp verified again."""
    from rfc3161_client import VerificationError, decode_timestamp_response

    path = _folder(installation.home) / f"{size}.tsr"
    try:
        response = decode_timestamp_response(path.read_bytes())
        _verifier(None, installation.settings).verify_message(
            response, path.with_suffix(".stamped").read_bytes()
        )
    except (OSError, ValueError, VerificationError) as error:
        raise EvidenceError(
            path.name,
            expected="a time stamp that verifies",
            found=type(error).__name__,
            remedy="Restore it.",
        ) from error
    return str(response.tst_info.gen_time.isoformat())


def cosigned_up_to(ledger: Ledger, home: Path, witness: Witness) -> int:
    """Return how many entries the witness has cosigned, each of its checkpoints compared with the log as it lies here.

    Raises:
        EvidenceError: The log is not the one that was cosigned.
    """
    largest = 0
    for path in _folder(home).glob("*.checkpoint"):
        note = path.read_text(encoding="utf-8")
        head = read_checkpoint(note)[0]
        if cosignature_time(note, witness.key, witness.name) is None:
            continue
        here = ledger.head()
        if here is None or here.size < head.size or ledger.root(head.size) != head.root:
            raise EvidenceError(
                f"witness {witness.name}", expected=f"the log that it cosigned at {head.size} entries", found="another",
                remedy="This copy was rolled back or forked: find out which copy is the true one.",
            )  # fmt: skip
        largest = max(largest, head.size)
    return largest


def _verifier(nonce: int | None, settings: Settings):  # type: ignore[no-untyped-def] # a class that its library does not export typed
    from cryptography.x509 import load_pem_x509_certificates
    from rfc3161_client import VerifierBuilder

    path = settings.tsa_root_path
    if not path or not Path(path).is_file():
        raise ConfigError(
            f"${TSA_ROOT}",
            expected="the authority's root certificate, PEM",
            found="none",
            remedy="Set it.",
        )
    builder = VerifierBuilder()
    for certificate in load_pem_x509_certificates(Path(path).read_bytes()):
        builder = builder.add_root_certificate(certificate)
    return (builder if nonce is None else builder.nonce(nonce)).build()


def _ask(url: str, ledger: Ledger, head: Checkpoint, note: str, old: int) -> tuple[int, str]:
    old = min(old, head.size)
    proof = ledger.consistency(old, head.size) if 0 < old < head.size else ()
    lines = [f"old {old}", *(base64.b64encode(step).decode() for step in proof)]
    body = ("\n".join(lines) + "\n\n" + note).encode()
    try:
        with urllib.request.urlopen(
            urllib.request.Request(f"{url.rstrip('/')}/add-checkpoint", body), timeout=SECONDS
        ) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode("utf-8", "replace")
    except (OSError, UnicodeDecodeError) as error:
        raise _down("witness", type(error).__name__) from error


def _seen(folder: Path) -> int:
    return max((int(path.stem) for path in folder.glob("*.checkpoint")), default=0)


def _folder(home: Path) -> Path:
    folder = home / "anchors"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _no_key(found: str) -> ConfigError:
    return ConfigError(
        f"${WITNESS_KEY}",
        expected="<name>+<hash>+<base64>, of a cosigner",
        found=found,
        remedy="Ask the witness for it.",
    )


def _down(where: str, found: str) -> ServiceError:
    return ServiceError(
        where, expected="an answer", found=found, remedy="The log itself is whole; anchor it again."
    )
