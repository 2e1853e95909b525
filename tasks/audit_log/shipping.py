"""Send the audit log on: to syslog (RFC 5424) and to Splunk's HTTP event collector.

Configured by `PORTCULLIS_SYSLOG=udp://host:514` (or `tcp://`, framed by RFC 6587),
`PORTCULLIS_HEC_URL` and `PORTCULLIS_HEC_TOKEN`. Nothing is lost where a receiver is down: what was
not sent stays due, and the next run sends it. Delivery is at least once.
"""

import json
import os
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tasks.audit_log.events import event, files_of
from tasks.errors import ConfigError, ServiceError
from tasks.formats.canonical_json import canonical
from tasks.system.installation import Installation
from tasks.verifier.expiry import epoch

SECONDS = 10
FACILITY_AUDIT, NOTICE, WARNING = 13, 5, 4  # RFC 5424, 6.2.1
Lines = list[bytes]


def ship(installation: Installation) -> tuple[str, ...]:
    """Send what is due to every configured receiver.

    Return one line for each that did not take it.
    """
    settings = installation.settings
    senders: dict[str, Callable[[Lines], None]] = {}
    if address := settings.syslog_address:
        senders["syslog"] = lambda lines: to_syslog(address, lines)
    if url := settings.hec_url:
        senders["hec"] = lambda lines: to_hec(url, settings.hec_token, lines)
    problems = []
    for name, send in senders.items():
        try:
            _send_due(installation.home / "audit", name, send)
        except ServiceError as error:
            problems.append(
                f"audit log, {name}: {error.found}; it is kept and sent with the next run"
            )
    return tuple(problems)


def to_syslog(address: str, lines: Lines) -> None:
    """Send each event as one message."""
    where = urlsplit(address)
    if where.scheme not in ("udp", "tcp") or not where.hostname:
        raise ConfigError(
            "$PORTCULLIS_SYSLOG",
            expected="udp://host:port or tcp://…",
            found="another form",
            remedy="Mend it.",
        )
    target = (where.hostname, where.port or 514)
    messages = [_message(line) for line in lines]
    try:
        if where.scheme == "udp":
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                for message in messages:
                    sender.sendto(message, target)
            return
        with socket.create_connection(target, timeout=SECONDS) as stream:
            stream.sendall(b"".join(b"%d %b" % (len(message), message) for message in messages))
    except OSError as error:
        raise _down("syslog server", error) from error


def to_hec(url: str, token: str, lines: Lines) -> None:
    """Send all events in one request; the collector has to say that it took them."""
    host = socket.gethostname()
    body = b"".join(_hec_event(json.loads(line), host) for line in lines)
    request = urllib.request.Request(
        f"{url.rstrip('/')}/services/collector/event",
        data=body,
        headers={"Authorization": f"Splunk {token}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            said: Any = json.load(answer)
    except (OSError, ValueError) as error:
        raise _down("event collector", error) from error
    if not isinstance(said, dict) or said.get("code") != 0:
        raise _down("event collector", ValueError("it did not take them"))


def _send_due(folder: Path, name: str, send: Callable[[Lines], None]) -> None:
    state_path = folder / f"shipped-{name}.json"
    state: dict[str, int] = json.loads(state_path.read_bytes()) if state_path.is_file() else {}
    for path in files_of(folder):
        start, data = state.get(path.name, 0), path.read_bytes()
        lines = [canonical(_as_event(json.loads(line))) for line in data[start:].splitlines()]
        if lines:
            send(lines)
            state[path.name] = len(data)
            state_path.write_bytes(canonical(state))


def _as_event(values: dict[str, Any]) -> dict[str, Any]:
    """Return a line as the OCSF event that it is.

    What `tasks.notary.audit` put on record becomes one.
    """
    if "class_uid" in values:
        return values
    figures = {
        key: value
        for key, value in values.items()
        if key not in ("at", "who", "action", "what", "why")
    }
    made = event(
        f"people:{values['action']}",
        actor=str(values["who"]),
        resources=[(values["what"], "record", figures)],
        detail=str(values["why"]),
    )
    return made | {"time": epoch(values["at"]) * 1000}


def _message(line: bytes) -> bytes:
    """Return an event as RFC 5424 has it.

    Priority, version, time, host, application, process, type, no data, text.
    """
    values = json.loads(line)
    priority = FACILITY_AUDIT * 8 + (NOTICE if values.get("status_id") == 1 else WARNING)
    when = (
        time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(values["time"] / 1000))
        + f".{values['time'] % 1000:03d}Z"
    )
    kind = f"OCSF{values['class_uid']}"
    head = f"<{priority}>1 {when} {socket.gethostname()} portcullis {os.getpid()} {kind} - "
    return head.encode() + line


def _hec_event(values: dict[str, Any], host: str) -> bytes:
    return canonical(
        {
            "time": values["time"] / 1000,
            "host": host,
            "source": "portcullis",
            "sourcetype": "ocsf:json",
            "event": values,
        }
    )


def _down(where: str, error: Exception) -> ServiceError:
    return ServiceError(
        where,
        expected="to take the audit log",
        found=type(error).__name__,
        remedy="It is kept and sent with the next run.",
    )
