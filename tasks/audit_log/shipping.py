"""Send the audit log on: to syslog and to Splunk's HTTP event collector.

What is sent are the files of this installation's `audit/`, and those that `PORTCULLIS_AUDIT_FILES`
names: the registry server's, the database's. Nothing is lost where a receiver is down: the files
are the spool, what was not sent stays due and is sent later, in order. Delivery is at least once,
and `metadata.uid` tells a repeated event.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.audit_log.event_collector import send_to_collector
from tasks.audit_log.events import files_of
from tasks.audit_log.following import (
    chunks_due,
    read_places,
    rotated_files,
    write_places,
)
from tasks.audit_log.syslog import Events, read_target, send_to_syslog
from tasks.errors import ServiceError
from tasks.settings import Settings
from tasks.system.installation import Installation

FOLLOWING_SECONDS = 1.0
MOST_WAIT_SECONDS = 30.0
Sender = Callable[[Events], None]


def ship(installation: Installation) -> tuple[str, ...]:
    """Send what is due to every configured receiver.

    Return one line for each that did not take it.
    """
    folder = installation.home / "audit"
    problems: list[str] = []

    for name, send in senders_of(installation.settings).items():
        # Each receiver by itself: one that is away keeps no event from the others.
        try:
            ship_due(folder, name, send, files_due(installation))
        except ServiceError as error:
            problems.append(
                f"audit log, {name}: {error.found}; it is kept and sent with the next run"
            )

    return tuple(problems)


def follow(
    installation: Installation, tell: Callable[[str], None], is_ended: Callable[[float], bool]
) -> None:
    """Send events as they are written, until it is ended.

    Args:
        installation: Whose events.
        tell: Takes a line when a receiver fails, or takes events again.
        is_ended: Waits some seconds; returns whether to end.
    """
    wait = FOLLOWING_SECONDS
    earlier: tuple[str, ...] = ()
    while True:
        problems = ship(installation)
        for line in [line for line in problems if line not in earlier]:
            tell(line)
        if earlier and not problems:
            tell("audit log: every receiver takes it again")
        earlier = problems

        # A receiver that is down is asked less and less often.
        wait = min(2 * wait, MOST_WAIT_SECONDS) if problems else FOLLOWING_SECONDS
        if is_ended(wait):
            return


def files_due(installation: Installation) -> list[Path]:
    """Return all files of events that this installation looks after."""
    named = [part for part in installation.settings.audit_files.split(os.pathsep) if part]
    rotated = [path for name in named for path in rotated_files(Path(name))]
    return [*files_of(installation.home / "audit"), *rotated]


def senders_of(settings: Settings) -> dict[str, Sender]:
    """Return the configured receivers, by the names that their places have on the disk."""
    senders: dict[str, Sender] = {}
    if settings.syslog_address:
        target = read_target(
            settings.syslog_address, settings.syslog_ca_path, settings.syslog_certificate_path
        )
        senders["syslog"] = lambda events: send_to_syslog(target, events)
    if url := settings.hec_url:
        senders["hec"] = lambda events: send_to_collector(url, settings.hec_token, events)
    return senders


def ship_due(folder: Path, name: str, send: Sender, files: list[Path]) -> int:
    """Send one receiver what it has not taken yet; return how many events that was.

    Raises:
        ServiceError: It did not take them all; what it took counts.
    """
    state = folder / f"shipped-{name}.json"
    sent = 0
    with _alone(folder, name) as is_alone:
        if not is_alone:  # another process sends to it
            return 0

        places = read_places(state, folder)

        for chunk in chunks_due(files, places):
            if chunk.events:
                send(chunk.events)
                sent += len(chunk.events)

            # Noted after each piece: a call that is killed sends no more than one piece twice.
            places[chunk.file_sha256] = chunk.end
            write_places(state, places)

    return sent


@contextmanager
def _alone(folder: Path, name: str) -> Iterator[bool]:
    """Say whether no other process sends to a receiver, and keep it so."""
    folder.mkdir(mode=0o700, exist_ok=True)
    with (folder / f"shipping-{name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
