"""Verify a bundle with the bundle, a root key's id, and no more than `cryptography`."""

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from tasks.attestation.dsse import read_envelope
from tasks.attestation.keyring import TRUSTED_DIGITS, KeyRing
from tasks.attestation.predicates.provenance import Provenance
from tasks.attestation.roles import LOG
from tasks.attestation.statement import read_statement
from tasks.errors import ConfigError
from tasks.formats.archives import StoredArchive, open_archive, wrong
from tasks.formats.strict_json import parse_json
from tasks.ledger.checkpoint import Checkpoint, Cosigner, key_hash, read_checkpoint
from tasks.ledger.proof import read_proof
from tasks.ledger.tiles import Record
from tasks.verifier.decision_proof import DecisionProof
from tasks.verifier.explanation_commitments import ROOT_NAME
from tasks.verifier.lineage import Chain, examine
from tasks.verifier.log_reader import Log, check_head, checked, replayed
from tasks.verifier.report import FORMAT, GUIDE, MOST_REPORT_BYTES, report_bytes
from tasks.verifier.statement_index import Entry

# A bundle comes from anybody; four times this is what verifying may take in memory. A complete one
# of a thousand entries (`clearance.bundle_writer`) has some 7 MiB, and more values than would be
# let in for its size: see `BYTES_PER_VALUE`.
MOST_BYTES = 64 << 20

# Files are read one at a time, and a part of an archive that is read as JSON may be this large.
# The largest statement of a release has 6 kB, a verdict of a thousand checks some 300.
MOST_STATEMENT_BYTES = 512 << 10
MOST_DECISION_BYTES = 256 << 10  # of the explanation of one decision
MOST_TEXT_BYTES = 16 << 10  # a proof has some 3 kB at most, the checkpoint and a key less

# Statements stay in memory as values, and a value of some six bytes (`"ab":7,`) may take 150 there.
# So one value is let in for so many bytes of `most_bytes`: 524,288 by default. A release's
# statements have some 190 values each, and those of gates with many groups 300 and more: a complete
# bundle of a thousand entries, which a registry's store demands, stays within them.
BYTES_PER_VALUE = 128
# A value begins with one of these. An object of one value is a table, and takes as much as two.
MARKS = {b",": 1, b"[": 1, b"{": 2}

# One character beyond Latin-1 makes each character of its text take two bytes in memory, or four
# (PEP 393). What a text takes so beyond its bytes in the archive is counted as values are.
# Possessive, because what might be tried again is kept for every character.
TEXT = re.compile(r'"(?:[^"\\]++|\\.)*+"')

DECISION = "decision.json"
MODEL_SHA256 = re.compile("[0-9a-f]{64}")
ROOT_KEYID = re.compile(f"[0-9a-f]{{{TRUSTED_DIGITS},64}}")


@dataclass(frozen=True)
class Verified:
    """What a bundle was found to say. `root_key` is the root key's id, as the bundle has it.

    `witnesses` are the names of those who cosigned its checkpoint, by the keys that were given.
    """

    log: Log
    chain: Chain
    root_key: str
    decision: DecisionProof | None
    witnesses: frozenset[str] = frozenset()

    @property
    def is_complete(self) -> bool:
        """Whether it holds the log from entry 0 to the checkpoint, with nothing left out."""
        return len(self.log.entries) == self.log.head.size


def require_root_keyid(text: str) -> str:
    """Return what is the id of a root key, or the beginning of it.

    Raises:
        ConfigError: It is none.
    """
    if not ROOT_KEYID.fullmatch(text):
        raise ConfigError(
            "root key",
            expected=f"its id, {TRUSTED_DIGITS} to 64 hexadecimal digits",
            found=f"{len(text)} characters" if text else "nothing",
            remedy="Ask the bank for it; without one, say so with --unpinned.",
        )

    return text


def require_model_sha256(text: str) -> str:
    """Return the digest of a model, written `sha256:…` or without the prefix.

    Raises:
        ConfigError: It is none. An empty one is not the same as none: a script whose variable is
            unset must not verify, or approve, whichever model happens to lie in `data/`.
    """
    digest = text.strip().removeprefix("sha256:").lower()
    if not MODEL_SHA256.fullmatch(digest):
        raise ConfigError(
            "--model",
            expected="the digest of a model: `sha256:` and 64 hexadecimal digits",
            found=f"{len(text)} characters" if text else "nothing",
            remedy="`./portcullis verify` shows it, and so does the registry.",
        )

    return digest


def verify_bundle(
    path: Path,
    trusted: str | None = None,
    *,
    cosigners: Sequence[Cosigner] = (),
    most_bytes: int = MOST_BYTES,
) -> Verified:
    """Verify every byte of a bundle.

    Every file is taken out of the archive as it is verified; what remains at the end does not
    belong there. Memory: at most some four times `most_bytes`, whatever the archive says, since
    files are read one at a time, and bounded before they are. With the default, 256 MiB.

    Args:
        path: The archive.
        trusted: The root key's id from somewhere else (at least 32 hex digits). None: all is
            checked but one thing, whose log this is.
        cosigners: The witnesses who may have signed the checkpoint besides the log.
        most_bytes: What the archive may have.

    Raises:
        ConfigError: There is no such archive, it or what is in it is too large, or what is trusted
            is no key's id.
        EvidenceError: Names the first file that is not what it has to be.
    """
    # An empty one would pass for none further down, and verify whatever root key the archive has.
    if trusted is not None:
        require_root_keyid(trusted)

    # 1. The archive is byte for byte the one that holds its files, of a version that we know.
    with open_archive(path, most_bytes) as source:
        is_known = _take(source, "format.txt", MOST_TEXT_BYTES) == FORMAT
        has_guide = _take(source, "HOW-TO-CHECK.txt", MOST_TEXT_BYTES) == GUIDE
        if not is_known or not has_guide:
            raise wrong("format.txt", "a bundle of version 1", "something else")

        # 2. Each statement is in the log that the checkpoint is the head of (C2SP tlog-proof).
        #    Who might sign what, and since when, is replayed on the way, from entry 0, which has
        #    to be the trusted root key: another's log is refused before it is read.
        note = _text(_take(source, "checkpoint", MOST_TEXT_BYTES), "checkpoint")
        head = read_checkpoint(note)[0]
        keys = KeyRing(trusted or "")
        entries = tuple(_entries(source, note, head.size, keys, most_bytes // BYTES_PER_VALUE))
        if not keys.entries:
            raise wrong("statements/", "entry 0, the log's root key", "none")
        root_key = next(iter(keys.entries))

        # 3. The log's own key signed the checkpoint, nobody else did but the witnesses whose keys
        #    were given, and `keys/` holds the log's keys and no others.
        check_head(note, head, keys)
        witnesses = _check_signatures(note, head, keys, cosigners)
        _check_keys(source, keys)

        # 4. The report is what the statements say: it is derived again, and is the same bytes.
        report = _take(source, "report.json", MOST_REPORT_BYTES)
        decision = source.take(DECISION, MOST_DECISION_BYTES)
        if source.names:
            raise wrong(source.names[0], "no other files", "one that does not belong here")

    # The report is believed in one thing, which model and use case it is about: a wrong one derives
    # other bytes.
    claims = _json(report, "report.json")
    log = Log(head, note, keys, entries, 0)
    chain = examine(log, str(claims.get("useCase")), _model_in(claims))
    if report_bytes(log, chain, len(entries) == head.size) != report:
        raise wrong("report.json", "what the statements say", "something else")

    # 5. The explanation of one decision, where there is one, was committed by the run.
    proof = None if decision is None else _decision(decision, log, chain)
    return Verified(log, chain, root_key, proof, witnesses)


def _take(source: StoredArchive, name: str, most_bytes: int) -> bytes:
    """Return a file that has to be there; what is missing reads as empty, which no file is."""
    return source.take(name, most_bytes) or b""


def _model_in(claims: dict[str, Any]) -> str:
    """Return the digest that a report names: what it is worth, deriving the report again tells."""
    model = claims.get("model")
    return str(model.get("sha256")) if isinstance(model, dict) else ""


def _entries(
    source: StoredArchive, note: str, size: int, keys: KeyRing, most_values: int
) -> Iterator[Entry]:
    """Take the statements and proofs out of an archive, in log order, each proven to be there.

    Keys are entered into `keys` on the way.
    """
    values = 0
    # Names are ten digits and sorted in the archive, so this is log order: a key is replayed before
    # what it signed, and a revocation where it stands.
    for name in (name for name in source.names if name.startswith("statements/")):
        stem = name.removeprefix("statements/").removesuffix(".json")
        proof_name = f"proofs/{stem}.tlog-proof"
        body = _take(source, name, MOST_STATEMENT_BYTES)

        # 1. The proof is of this index, under this very checkpoint.
        proof = read_proof(
            _text(_take(source, proof_name, MOST_TEXT_BYTES), proof_name), proof_name
        )
        if f"{proof.index:010d}" != stem or proof.note != note or proof.index >= size:
            raise wrong(proof_name, f"the proof of entry {stem} under the checkpoint", "another")

        # 2. The leaf of this statement leads to the checkpoint's root (RFC 9162, 2.1.3.2).
        payload = read_envelope(body, name).payload
        record = Record(sha256(payload).digest(), sha256(body).digest())
        if not proof.proves(record.leaf()):
            raise wrong(
                name,
                "a statement that is in the log",
                "one that its proof does not lead from to the root",
            )

        # 3. What the statements come to in memory stays within its bound.
        # Counted in the bytes, before they are read as JSON: `[],[],…` is within every other bound
        # and takes twenty times its bytes as Python's lists. Marks within texts count, too, which
        # is on the safe side.
        values += sum(payload.count(mark) * weight for mark, weight in MARKS.items())
        values += _wide_bytes(payload, name) // BYTES_PER_VALUE
        if values > most_values:
            # As of an archive that is too large: nothing is wrong with it, it was not read.
            raise ConfigError(
                name,
                expected=f"statements of at most {most_values:,} values so far",
                found="more",
                remedy="`--max-mib` lets more in, in proportion, and takes some four times as much "
                "memory.",
            )

        # 4. The first is the root key's, which signs for itself.
        entry = checked(proof.index, record, body)
        if not keys.entries:
            claimed_root = _root_of(entry)
            # Without a trusted key the log has to agree with itself at least; whose it is then is
            # the gap `unpinned`, which the caller has to say.
            keys.trusted = keys.trusted or claimed_root
        replayed(entry, keys)
        yield entry


def _wide_bytes(payload: bytes, name: str) -> int:
    """Return how many bytes more than in a payload its texts take in memory."""
    if payload.isascii():
        return 0
    texts = (match[0] for match in TEXT.finditer(_text(payload, name)))
    return sum(max(sys.getsizeof(text) - len(text), 0) for text in texts if not text.isascii())


def _root_of(first: Entry) -> str:
    """Return the id of the log's root key, which entry 0 is about."""
    if first.index != 0:
        raise wrong(
            "statements/", "entry 0, the log's root key", f"entry {first.index} as the first"
        )
    statement = read_statement(first.envelope.payload, "statements/0000000000.json")
    return statement.subjects[0].sha256


def _check_signatures(
    note: str, head: Checkpoint, keys: KeyRing, cosigners: Sequence[Cosigner]
) -> frozenset[str]:
    """Refuse a signature line that no known key has made; return which witnesses cosigned.

    `signed-note` lets readers pass over lines of unknown keys. Here nobody but the log and the
    witnesses has anything to sign: a line that is passed over would look like one that was
    verified, and there would be two archives that say the same.
    """
    checkpoint, lines = read_checkpoint(note)
    if len(set(lines)) < len(lines):
        raise wrong("checkpoint", "each signature once", "one that is repeated")

    log_keys = {
        # The hash of four bytes picks which key to try (`signed-note`). Another key may share it by
        # search; the signature then does not verify, and the line is refused.
        key_hash(head.origin, holder.public.raw): holder.public
        for holder in keys.holders(LOG, head.size - 1)
    }
    witnesses = set()
    for line in lines:
        log_key = log_keys.get(line.key_hash) if line.name == head.origin else None
        if log_key and log_key.verifies(line.signature, checkpoint.text().encode()):
            continue
        cosigner = next(
            (witness for witness in cosigners if witness.time_of(line, checkpoint)), None
        )
        if cosigner is None:
            raise wrong(
                "checkpoint",
                "signatures by the log's key, and by witnesses whose keys were given",
                f"a line of {line.name[:40]!a} that none of these keys has made",
            )
        witnesses.add(cosigner.name)
    return frozenset(witnesses)


def _check_keys(source: StoredArchive, keys: KeyRing) -> None:
    for keyid, entry in keys.entries.items():
        name = f"keys/{keyid}.pem"
        if _take(source, name, MOST_TEXT_BYTES) != entry.public.pem.encode():
            raise wrong(name, "the key that its entry names", "another, or none")


def _decision(data: bytes, log: Log, chain: Chain) -> DecisionProof:
    """Check that one explanation was committed by the run that made the chain; return it."""
    # 1. The file is in the one form that such a file has.
    try:
        proof = DecisionProof.from_dict(_json(data, DECISION))
    except (TypeError, ValueError) as error:
        raise wrong(DECISION, "an explanation with its proof", type(error).__name__) from error
    # One form, byte for byte: a field with a second meaning, or a number in another notation, could
    # be read differently by whoever reads the file without this verifier.
    if proof.to_bytes() != data:
        raise wrong(DECISION, "canonical JSON", "another form")

    # 2. It is about a decision of this model.
    model = proof.explanation.model_sha256
    if model != chain.model_sha256:
        raise wrong(
            DECISION,
            f"a decision of model {chain.model_sha256[:12]}…",
            f"one of {model[:12]}…",
        )

    # 3. The explanation is in the tree, and 4. the run signed the tree.
    if not proof.is_included():
        raise wrong(DECISION, "an explanation that leads to its root", "one that does not")
    committed = {
        signed.index
        # Of stage `explain` alone: any stage's statement may have a subject of this name.
        for signed in log.statements(Provenance, f"{chain.case}/{ROOT_NAME}", proof.head)
        if signed.predicate.run.stage == "explain"
    }
    if proof.entry not in committed:
        raise wrong(
            DECISION,
            f"a tree that entry {proof.entry}, signed for stage `explain`, commits to",
            "another",
        )
    return proof


def _json(data: bytes, name: str) -> dict[str, Any]:
    try:
        values: Any = parse_json(data)
    except (ValueError, RecursionError) as error:
        raise wrong(name, "JSON", type(error).__name__) from error
    if not isinstance(values, dict):
        raise wrong(name, "an object", type(values).__name__)
    return values


def _text(data: bytes, name: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise wrong(name, "UTF-8", "other bytes") from error
