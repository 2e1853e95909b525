"""Read files of events as they grow: what one reader has not read yet, and no byte in vain.

A file is known by its first line, which no other file has: by that it is recognised after it was
renamed, or copied and emptied. A place in it is a number of bytes. The file itself is the spool:
what a reader could not hand on stays due. A file that became shorter is read from its beginning
again, for a repeated event has its own id, and a lost one has none.
"""

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

from tasks.audit_log.events import DELETE, event
from tasks.errors import EvidenceError
from tasks.formats.canonical_json import canonical
from tasks.formats.strict_json import parse_json
from tasks.formats.whole_file import write_whole
from tasks.verifier.expiry import epoch

CHUNK_BYTES = 1 << 19
# Of the longest line that is one event; a longer one is told of, and not read.
MOST_LINE_BYTES = 1 << 24
# The last millisecond of the year 9999, beyond which no calendar goes; OCSF's classes have four
# digits, and those of its extensions seven.
MOST_TIME_MS = 253_402_300_799_999
MOST_CLASS = 9_999_999
COMPRESSED = (".gz", ".xz", ".zst", ".bz2")
UNREADABLE = "audit log:unreadable line"

Places = dict[str, int]  # first line's digest -> bytes that were read


@dataclass(frozen=True)
class Chunk:
    """Some lines of one file, as events, and where the next ones begin."""

    file_sha256: str
    end: int
    events: list[dict[str, Any]]


def rotated_files(path: Path) -> list[Path]:
    """Return a file and what it was renamed to, in the order of their last change, itself last."""
    renamed = []
    for other in path.parent.glob(f"{path.name}?*"):
        # Whatever rotates them may take one away at any moment.
        with suppress(FileNotFoundError):
            status = other.stat()
            if stat.S_ISREG(status.st_mode) and other.suffix not in COMPRESSED:
                renamed.append((status.st_mtime_ns, other))
    ordered = [other for _, other in sorted(renamed)]
    return [*ordered, path] if path.is_file() else ordered


def chunks_due(files: Iterable[Path], places: Mapping[str, int]) -> Iterator[Chunk]:
    """Yield what was not read yet, file by file, in pieces that one request can take."""
    for path in files:
        try:
            stream = path.open("rb")
        except FileNotFoundError:  # renamed since it was listed; it is found the next time
            continue
        with stream:
            first = stream.readline(MOST_LINE_BYTES)
            # A file is known by its first line: others rotate it, and the name is then another's.
            # One that is too long for a line stands for itself, or it would hide all after it.
            if not first.endswith(b"\n") and len(first) < MOST_LINE_BYTES:
                continue  # being written

            digest = sha256(first).hexdigest()
            start = places.get(digest, 0)

            # Shorter than what was sent: it was cut, and all that is in it now is new.
            if os.fstat(stream.fileno()).st_size < start:
                start = 0

            stream.seek(start)
            yield from _chunks(stream, digest, start)


def place_of(path: Path) -> str | None:
    """Return what a file is known by; None while it has no line."""
    with path.open("rb") as stream:
        first = stream.readline(MOST_LINE_BYTES)
    is_whole = first.endswith(b"\n") or len(first) >= MOST_LINE_BYTES
    return sha256(first).hexdigest() if is_whole else None


def _chunks(stream: BinaryIO, digest: str, start: int) -> Iterator[Chunk]:
    events: list[dict[str, Any]] = []
    begun = start
    while True:
        line = stream.readline(MOST_LINE_BYTES)
        is_whole = line.endswith(b"\n")
        if not is_whole and len(line) < MOST_LINE_BYTES:
            break  # the end, or a line that is being written

        if line.strip():
            events.append(_event_of(line, f"{digest[:16]}-{start}"))
        start += len(line)

        if start - begun >= CHUNK_BYTES:
            yield Chunk(digest, start, events)
            events = []
            begun = start

    if start > begun:
        yield Chunk(digest, start, events)


def _event_of(line: bytes, place: str) -> dict[str, Any]:
    """Return the OCSF event that a line is, with an id that is the same whenever it is read."""
    try:
        values = parse_json(line)
        audit_event = values if "class_uid" in values else _record_as_event(values)
        audit_event["metadata"].setdefault("uid", place)
        _require_numbers(audit_event)
    except (ValueError, TypeError, KeyError, AttributeError, EvidenceError):
        audit_event = _unreadable(line, place)
    return dict(audit_event)


def _require_numbers(audit_event: dict[str, Any]) -> None:
    """Refuse an event whose time or class no reader could use.

    Every reader computes with the time, and writes the class into a message's head. One line that
    stops a reader stops it for ever, for the line stays due: whoever can write one would silence
    all that comes after it.

    Raises:
        ValueError: The first that is none.
    """
    for name, most in (("time", MOST_TIME_MS), ("class_uid", MOST_CLASS)):
        value = audit_event[name]
        if type(value) is not int or not 0 <= value <= most:
            raise ValueError(f"`{name}` is none")


def _record_as_event(values: dict[str, Any]) -> dict[str, Any]:
    """Return what `tasks.notary.audit` put on record as an OCSF event."""
    figures = {
        key: value
        for key, value in values.items()
        if key not in ("at", "who", "action", "what", "why")
    }

    audit_event = event(
        f"people:{values['action']}",
        actor=str(values["who"]),
        resources=[(values["what"], "record", figures)],
        detail=str(values["why"]),
    )

    return audit_event | {"time": epoch(values["at"]) * 1000}


def _unreadable(line: bytes, place: str) -> dict[str, Any]:
    """Return an event about a line that is none; nothing of the line, which may say anything."""
    audit_event = event(
        UNREADABLE,
        actor="portcullis",
        activity=DELETE,
        is_success=False,
        resources=[("audit log", "file", {"bytes": len(line), "sha256": sha256(line).hexdigest()})],
        detail="A line of the audit log is no event: it was cut off, or changed.",
    )

    audit_event["metadata"]["uid"] = place
    return audit_event


def read_places(path: Path, folder: Path) -> Places:
    """Return how far a reader has come.

    Raises:
        EvidenceError: Its note is not readable; to guess would send all again, or nothing.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return {}

    try:
        noted: Any = parse_json(data)
        places = {str(name): int(end) for name, end in noted.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise EvidenceError(
            path.name,
            expected="how many bytes of each file were sent",
            found="another form",
            remedy="Delete it: all that the files hold is sent again, with the same ids.",
        ) from error

    # An earlier version noted files by their names.
    for name in [name for name in places if name.endswith(".jsonl")]:
        end = places.pop(name)
        if (folder / name).is_file() and (digest := place_of(folder / name)):
            places.setdefault(digest, end)
    return places


def write_places(path: Path, places: Places) -> None:
    """Note how far a reader has come: wholly or not at all, and on the disk."""
    write_whole(path, canonical(places))
