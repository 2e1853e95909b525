"""Verify a bundle with the bundle, a root key's id, and no more than `cryptography`."""

import io
import json
import zipfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from tasks.attestation.dsse import read_envelope
from tasks.attestation.keyring import KeyRing
from tasks.attestation.predicates.provenance import Provenance
from tasks.attestation.statement import read_statement
from tasks.errors import EvidenceError
from tasks.ledger.checkpoint import read_checkpoint
from tasks.ledger.proof import read_proof
from tasks.ledger.tiles import Record
from tasks.verifier.archives import FORMAT, archive
from tasks.verifier.decision_proof import DecisionProof
from tasks.verifier.explanation_commitments import ROOT_NAME
from tasks.verifier.lineage import Chain, examine
from tasks.verifier.log_reader import Log, check_head, checked, replayed
from tasks.verifier.report import GUIDE, report_bytes
from tasks.verifier.statement_index import Entry

# A complete bundle has some 3 MB (`clearance.bundle_writer`). It is read into memory whole, and
# comes from anybody: this bound is what a laptop holds twice over.
MOST_BYTES = 256 << 20
DECISION = "decision.json"


@dataclass(frozen=True)
class Verified:
    """What a bundle was found to say. `root_key` is the root key's id, as the bundle has it."""

    log: Log
    chain: Chain
    root_key: str
    decision: DecisionProof | None


def verify_bundle(path: Path, trusted: str = "") -> Verified:
    """Verify every byte of a bundle.

    Every file is taken out of the archive as it is verified; what remains at the end does not
    belong there.

    Args:
        path: The archive.
        trusted: The root key's id from somewhere else (at least 32 hex digits). Without it all is
            checked but one thing: whose log this is.

    Raises:
        EvidenceError: Names the first file that is not what it has to be.
    """
    # 1. The archive is byte for byte the one that holds its files, of a version that we know.
    files = _unpacked(_read(path), path.name)
    is_known = files.pop("format.txt", b"") == FORMAT
    has_guide = files.pop("HOW-TO-CHECK.txt", b"") == GUIDE
    if not is_known or not has_guide:
        raise _wrong("format.txt", "a bundle of version 1", "something else")

    # 2. Each statement is in the log that the checkpoint is the head of (C2SP tlog-proof).
    note = _text(files.pop("checkpoint", b""), "checkpoint")
    head = read_checkpoint(note)[0]
    entries = _entries(files, note, head.size)

    # 3. Who might sign what, and since when: from entry 0, which has to be the trusted root key.
    root_key = _root_of(entries)
    keys = KeyRing(trusted or root_key)
    for entry in entries:
        replayed(entry, keys)

    # 4. The log's own key signed the checkpoint, and `keys/` holds these keys and no others.
    check_head(note, head, keys)
    _check_keys(files, keys)

    # 5. The report is what the statements say: it is derived again, and is the same bytes.
    report = files.pop("report.json", b"")
    decision = files.pop(DECISION, None)
    if files:
        raise _wrong(min(files), "no other files", "one that does not belong here")
    claims = _json(report, "report.json")
    log = Log(head, note, keys, tuple(entries), 0)
    chain = examine(log, str(claims.get("useCase")), _model_in(claims))
    if report_bytes(log, chain, len(entries) == head.size) != report:
        raise _wrong("report.json", "what the statements say", "something else")

    # 6. The explanation of one decision, where there is one, was committed by the run.
    proof = None if decision is None else _decision(decision, log, chain)
    return Verified(log, chain, root_key, proof)


def _model_in(claims: dict[str, Any]) -> str:
    """Return the digest that a report names: what it is worth, deriving the report again tells."""
    model = claims.get("model")
    return str(model.get("sha256")) if isinstance(model, dict) else ""


def _read(path: Path) -> bytes:
    if not path.is_file() or path.stat().st_size > MOST_BYTES:
        raise _wrong(
            path.name, f"a bundle of at most {MOST_BYTES >> 20} MiB", "none, or a larger file"
        )
    return path.read_bytes()


def _unpacked(data: bytes, name: str) -> dict[str, bytes]:
    """Return the files of an archive that is byte for byte the one that holds them."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as source:
            # Before anything is read: what is stored cannot grow when it is unpacked.
            if any(info.compress_type != zipfile.ZIP_STORED for info in source.infolist()):
                raise _wrong(name, "a bundle as it was written", "one that was packed again")
            files = {info.filename: source.read(info) for info in source.infolist()}
    except (
        # All that `zipfile` raises for damaged archives, found by flipping bytes.
        zipfile.BadZipFile,
        ValueError,
        OSError,
        EOFError,
        NotImplementedError,
        RuntimeError,
        KeyError,
    ) as error:
        raise _wrong(name, "a whole archive", f"a damaged one ({type(error).__name__})") from error

    # Two readers of one ZIP can see two contents: only the archive that we would write is read.
    if archive(files) != data:
        raise _wrong(name, "a bundle as it was written", "one that was changed or packed again")
    return files


def _entries(files: dict[str, bytes], note: str, size: int) -> list[Entry]:
    """Take the statements and proofs out of `files`, in log order, each proven to be there."""
    entries = []
    for name in sorted(name for name in files if name.startswith("statements/")):
        stem = name.removeprefix("statements/").removesuffix(".json")
        proof_name = f"proofs/{stem}.tlog-proof"
        body = files.pop(name)

        # 1. The proof is of this index, under this very checkpoint.
        proof = read_proof(_text(files.pop(proof_name, b""), proof_name), proof_name)
        if f"{proof.index:010d}" != stem or proof.note != note or proof.index >= size:
            raise _wrong(proof_name, f"the proof of entry {stem} under the checkpoint", "another")

        # 2. The leaf of this statement leads to the checkpoint's root (RFC 9162, 2.1.3.2).
        payload = read_envelope(body, name).payload
        record = Record(sha256(payload).digest(), sha256(body).digest())
        if not proof.proves(record.leaf()):
            raise _wrong(
                name,
                "a statement that is in the log",
                "one that its proof does not lead from to the root",
            )
        entries.append(checked(proof.index, record, body))

    if not entries:
        raise _wrong("statements/", "statements", "none")
    return entries


def _root_of(entries: list[Entry]) -> str:
    """Return the id of the log's root key, which entry 0 is about."""
    first = entries[0]
    if first.index != 0:
        raise _wrong(
            "statements/", "entry 0, the log's root key", f"entry {first.index} as the first"
        )
    statement = read_statement(first.envelope.payload, "statements/0000000000.json")
    return statement.subjects[0].sha256


def _check_keys(files: dict[str, bytes], keys: KeyRing) -> None:
    for keyid, entry in keys.entries.items():
        name = f"keys/{keyid}.pem"
        if files.pop(name, b"") != entry.public.pem.encode():
            raise _wrong(name, "the key that its entry names", "another, or none")


def _decision(data: bytes, log: Log, chain: Chain) -> DecisionProof:
    """Check that one explanation was committed by the run that made the chain; return it."""
    # 1. The file is in the one form that such a file has.
    try:
        proof = DecisionProof.from_dict(_json(data, DECISION))
    except (TypeError, ValueError) as error:
        raise _wrong(DECISION, "an explanation with its proof", type(error).__name__) from error
    if proof.to_bytes() != data:
        raise _wrong(DECISION, "canonical JSON", "another form")

    # 2. It is about a decision of this model.
    model = proof.explanation.model_sha256
    if model != chain.model_sha256:
        raise _wrong(
            DECISION,
            f"a decision of model {chain.model_sha256[:12]}…",
            f"one of {model[:12]}…",
        )

    # 3. The explanation is in the tree, and 4. the run signed the tree.
    if not proof.is_included():
        raise _wrong(DECISION, "an explanation that leads to its root", "one that does not")
    committed = {
        signed.index
        for signed in log.statements(Provenance, f"{chain.case}/{ROOT_NAME}", proof.head)
        if signed.predicate.run.stage == "explain"
    }
    if proof.entry not in committed:
        raise _wrong(
            DECISION,
            f"a tree that entry {proof.entry}, signed for stage `explain`, commits to",
            "another",
        )
    return proof


def _json(data: bytes, name: str) -> dict[str, Any]:
    try:
        values: Any = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _wrong(name, "JSON", type(error).__name__) from error
    if not isinstance(values, dict):
        raise _wrong(name, "an object", type(values).__name__)
    return values


def _text(data: bytes, name: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise _wrong(name, "UTF-8", "other bytes") from error


def _wrong(where: str, expected: str, found: str) -> EvidenceError:
    return EvidenceError(
        where,
        expected=expected,
        found=found,
        remedy="Do not rely on this archive; ask for it again.",
    )
