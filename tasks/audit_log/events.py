"""The pipeline's own audit log: OCSF events as JSON lines, in batches that the ledger signs for.

    with auditing(home, events) as batches:  # events are written first, then signed for
        notary.record_all([*statements, *batches])

One file a year in `audit/` of this installation. Lines are appended and never changed; a line that
was changed, deleted or put in afterwards no longer has its batch's digest.
"""

import fcntl
import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

from tasks.attestation.predicates.records import AuditBatch
from tasks.attestation.run_context import timestamp
from tasks.attestation.statement import Artefact, Statement
from tasks.errors import EvidenceError
from tasks.formats.canonical_json import canonical
from tasks.formats.strict_json import parse_json
from tasks.formats.whole_file import write_whole
from tasks.verifier.statement_index import Signed

OCSF = "1.6.0"
# Classes of OCSF 1.6 in category 6, application activity: `class_uid`.
API_ACTIVITY = 6003
DATASTORE = 6005
CATEGORY = 6
# What was done: `activity_id`.
CREATE = 1
READ = 2
UPDATE = 3
DELETE = 4
OTHER = 99
# File -> how many of its bytes are signed for. A cache: the ledger is what counts.
SEALED = "sealed.json"


@dataclass(frozen=True)
class Batch:
    """A run of bytes of one file."""

    file: str
    start: int
    end: int
    events: int
    sha256: str

    def statement(self) -> Statement:
        """Return what is signed about it."""
        batch = AuditBatch(
            file=self.file,
            start=self.start,
            end=self.end,
            events=self.events,
            event_format=f"OCSF {OCSF}",
            sealed_on=timestamp(),
        )
        return batch.about(Artefact(f"audit/{self.file}", self.sha256))


def event(
    operation: str,
    *,
    actor: str,
    activity: int = OTHER,
    is_success: bool = True,
    resources: Sequence[tuple[str, str, dict[str, Any]]] = (),
    detail: str = "",
    kind: int = API_ACTIVITY,
) -> dict[str, Any]:
    """Return one OCSF event: who did what to which resources; never a value about a person.

    Args:
        operation: Like `stage:train`, `keys:revoke`, `sealed data:read`.
        actor: Who did it, as `started_by` says.
        activity: CREATE, READ, UPDATE, DELETE or OTHER.
        is_success: Whether it was done.
        resources: What it was done to: (name, type, data) of each.
        detail: One line more, for people.
        kind: The OCSF class.
    """
    values: dict[str, Any] = {
        "class_uid": kind,
        "category_uid": CATEGORY,
        "activity_id": activity,
        "type_uid": kind * 100 + activity,
        "severity_id": 1 if is_success else 3,
        "status_id": 1 if is_success else 2,
        "time": int(time.time() * 1000),
        "metadata": {
            "version": OCSF,
            "uid": uuid4().hex,  # by which a receiver knows that it has an event already
            "product": {"name": "Portcullis", "vendor_name": "Portcullis"},
        },
        "actor": {"user": {"name": actor}},
        "src_endpoint": {"name": socket.gethostname()},
    }
    # OCSF wants a name for an activity that has no number.
    if activity == OTHER:
        values["activity_name"] = operation

    listed = [{"name": name, "type": type_, "data": data} for name, type_, data in resources]
    if kind == DATASTORE:
        # This class has no list of resources: the first one is its bucket, all go unmapped.
        values["databucket"] = {"name": resources[0][0], "type_id": 99, "type": resources[0][1]}
        values["unmapped"] = {"operation": operation, "resources": listed}
    else:
        values["api"] = {"operation": operation}
        values["resources"] = listed
    return values | ({"message": detail} if detail else {})


@contextmanager
def auditing(home: Path, events: Sequence[dict[str, Any]]) -> Iterator[list[Statement]]:
    """Write events, and give the statements about all lines that nobody has signed for yet.

    When the block ends well, those lines count as signed for; else the next batch takes them in.
    """
    folder = home / "audit"
    folder.mkdir(mode=0o700, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        # Held until the statements are recorded: no other process signs for the same lines.
        fcntl.flock(lock, fcntl.LOCK_EX)
        _write(folder, events)
        # All that nobody has signed for, and not these events alone: what an earlier run wrote
        # before it died is signed for now.
        batches = pending(folder)
        yield [batch.statement() for batch in batches]

        state = _state(folder)
        state |= {batch.file: batch.end for batch in batches}
        # Only where the block ended well. Where the mark is lost, known lines are signed for again.
        write_whole(folder / SEALED, canonical(state))


def append_events(home: Path, events: Sequence[dict[str, Any]]) -> None:
    """Write events that the next batch signs for."""
    folder = home / "audit"
    folder.mkdir(mode=0o700, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _write(folder, events)


def pending(folder: Path) -> list[Batch]:
    """Return what lies in the files beyond what is signed for."""
    state = _state(folder)
    batches: list[Batch] = []
    for path in files_of(folder):
        start = int(state.get(path.name, 0))

        # Named by a statement, and so kept to this folder.
        data = path.read_bytes()
        if len(data) > start:
            lines = data[start:]
            batches.append(
                Batch(path.name, start, len(data), lines.count(b"\n"), sha256(lines).hexdigest())
            )
    return batches


def files_of(folder: Path) -> list[Path]:
    """Return the files that are chained."""
    return sorted(folder.glob("events-*.jsonl"))


def verify(folder: Path, signed: Sequence[Signed[AuditBatch]]) -> int:
    """Compare the files with the batches that the ledger holds.

    Args:
        folder: `audit/` of an installation.
        signed: The statements of all batches, in log order.

    Returns:
        How many events nobody has signed for yet.

    Raises:
        EvidenceError: Names the first batch whose bytes are not there, or are others.
    """
    ends: dict[str, int] = {}
    for batch in signed:
        name = batch.predicate.file
        start = batch.predicate.start
        end = batch.predicate.end
        path = folder / name
        where = f"audit/{name}, bytes {start} to {end} (entry {batch.index})"
        # Batches of a file follow each other: a gap would be lines that nobody signed for. One may
        # begin before the last one's end: known lines are signed for again where a mark was lost.
        if start > ends.get(name, 0):
            raise _changed(where, f"to follow byte {ends.get(name, 0)}", "a gap")

        # Named by a statement, and so kept to this folder.
        data = path.read_bytes()[start:end] if path.is_file() and "/" not in name else b""
        digest = batch.subjects[0].sha256
        if sha256(data).hexdigest() != digest:
            raise _changed(where, f"{digest[:16]}…", f"{len(data)} bytes that are others")
        ends[name] = max(end, ends.get(name, 0))
    return sum(
        path.read_bytes()[ends.get(path.name, 0) :].count(b"\n") for path in files_of(folder)
    )


def _write(folder: Path, events: Sequence[dict[str, Any]]) -> None:
    if not events:
        return
    path = folder / f"events-{time.gmtime().tm_year}.jsonl"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "ab") as stream:
        # A disk that was full, or a process that was killed, left half a line: it is ended, or the
        # event that follows would be lost with it.
        size = os.fstat(descriptor).st_size
        is_cut = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        lines = b"".join(canonical(values) + b"\n" for values in events)
        stream.write(b"\n" * is_cut + lines)
        stream.flush()
        os.fsync(stream.fileno())


def _state(folder: Path) -> dict[str, int]:
    try:
        data = (folder / SEALED).read_bytes()
    except FileNotFoundError:
        return {}

    try:
        state: Any = parse_json(data)
    except ValueError as error:
        raise _changed(SEALED, "a JSON object", str(error)) from error
    if not isinstance(state, dict):
        raise _changed(SEALED, "a JSON object", type(state).__name__)
    return state


def _changed(where: str, expected: str, found: str) -> EvidenceError:
    return EvidenceError(
        where,
        expected=expected,
        found=found,
        remedy="Somebody changed the audit log: restore it, and find out who.",
    )
