"""One pass: read what is due, ask the rules, and tell of what fired wherever it is to be told.

Each finding is told to each channel once: to the audit log, to the webhook, and to whoever calls
(Prefect's events). A channel that is down is told with the next pass. A pass that is killed between
telling and noting it tells again, with the same id.
"""

import fcntl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tasks.alerts.findings import DETECTION_FINDING
from tasks.alerts.posting import post_finding, read_webhook
from tasks.alerts.rules import read_alert_rules
from tasks.alerts.windows import Windows
from tasks.audit_log.events import append_events
from tasks.audit_log.following import Chunk, chunks_due
from tasks.audit_log.shipping import files_due
from tasks.errors import ServiceError
from tasks.system.installation import Installation

Tell = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class WatchReport:
    """What a pass came to."""

    events: int
    findings: tuple[dict[str, Any], ...]
    problems: tuple[str, ...]


def watch(installation: Installation, emit: Tell | None = None) -> WatchReport:
    """Make one pass.

    Args:
        installation: Whose events.
        emit: Tells Prefect, or whoever calls.

    Raises:
        ConfigError: The webhook cannot be used; nothing was read.
    """
    # Before anything is read: a pass that cannot tell anybody would use up what it has found.
    webhook = read_webhook(installation.settings)
    channels: dict[str, Tell] = {
        # The audit log first: what others are told is on record here by then.
        "log": lambda values: append_events(installation.home, [values]),
    }
    if emit is not None:
        channels["event"] = emit
    if webhook is not None:
        channels["webhook"] = lambda values: post_finding(webhook, values)

    folder = installation.home / "audit"
    folder.mkdir(mode=0o700, exist_ok=True)
    with (folder / "alerts.lock").open("w") as lock:
        # One pass at a time: the next begins where this one ended.
        fcntl.flock(lock, fcntl.LOCK_EX)
        windows = Windows(folder / "alerts.db", read_alert_rules())
        try:
            events = _read(installation, windows)
            findings = windows.untold("log")
            problems = [
                problem
                for name, tell in channels.items()
                if (problem := _tell(windows, name, tell))
            ]
            windows.forget_told(int(time.time() * 1000), channels)
        finally:
            windows.close()
    return WatchReport(events, tuple(findings), tuple(problems))


def _read(installation: Installation, windows: Windows) -> int:
    events = 0
    for chunk in chunks_due(files_due(installation), windows.places()):
        # Not our own findings: an alert about alerts never ends.
        asked = [item for item in chunk.events if item["class_uid"] != DETECTION_FINDING]
        windows.take(Chunk(chunk.file_sha256, chunk.end, asked))
        events += len(asked)
    windows.end_pass(int(time.time() * 1000))
    return events


def _tell(windows: Windows, name: str, tell: Tell) -> str:
    """Tell one channel of all that it was not told of; return why it was not, if so."""
    for values in windows.untold(name):
        try:
            tell(values)
        except ServiceError as error:
            # The first that is not taken ends the channel's turn: the order is kept, and no
            # receiver that is down is asked once for each finding.
            return f"alerts, {name}: {error.found}; they are kept, and told with the next pass"
        windows.mark_told(name, str(values["metadata"]["uid"]))
    return ""
