"""Events to Splunk's HTTP event collector, with its acknowledgements where it gives them.

Without acknowledgement the collector says that it took a request, and may lose it yet. With it
(`useACK` of its token) the answer has an `ackId`, and the collector is asked until it says that all
of the request is indexed.
"""

import re
import socket
import time
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from tasks.errors import ConfigError, ServiceError
from tasks.formats.canonical_json import canonical
from tasks.formats.strict_json import parse_json

SECONDS = 10
ACKNOWLEDGED_SECONDS = 60
ASKED_SECONDS = 0.5
MOST_ANSWER_BYTES = 1 << 16  # `{"text":"Success","code":0,"ackId":7}` is one
ACK_ID = re.compile(r"[0-9]{1,18}")
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def send_to_collector(url: str, token: str, events: Sequence[dict[str, Any]]) -> None:
    """Send events in one request; the collector has to say that it took them, and indexed them.

    Raises:
        ServiceError: It did not say so.
        ConfigError: The address would carry the token in the clear.
    """
    try:
        where = urlsplit(url)
    except ValueError:
        where = urlsplit("")

    if where.scheme != "https" and not (where.scheme == "http" and where.hostname in LOOPBACK):
        raise ConfigError(
            "$PORTCULLIS_HEC_URL",
            expected="https://…, or http:// on this machine alone",
            found="another form",
            remedy="Mend it: a token is sent with every request.",
        )

    # A channel is one conversation: acknowledgements are numbered in each.
    channel = str(uuid4())
    host = socket.gethostname()

    body = b"".join(_envelope(values, host) for values in events)
    answer = _post(f"{url.rstrip('/')}/services/collector/event", token, channel, body)

    if answer.get("code") != 0:
        raise _down("it did not take them")

    # Taken is not kept: without indexer acknowledgement the collector says no more than "taken".
    if "ackId" in answer:
        number = str(answer["ackId"])
        if not ACK_ID.fullmatch(number):
            raise _down("it did not acknowledge them")
        _wait(url, token, channel, int(number))


def _wait(url: str, token: str, channel: str, number: int) -> None:
    """Ask until what was sent is indexed."""
    address = f"{url.rstrip('/')}/services/collector/ack?channel={channel}"

    asked = canonical({"acks": [number]})
    until = time.monotonic() + ACKNOWLEDGED_SECONDS

    while True:
        acknowledged = _post(address, token, channel, asked).get("acks")
        if isinstance(acknowledged, dict) and acknowledged.get(str(number)) is True:
            return

        if time.monotonic() > until:
            raise _down("it did not acknowledge them")
        time.sleep(ASKED_SECONDS)


def _post(address: str, token: str, channel: str, body: bytes) -> dict[str, Any]:
    import httpx

    headers = {
        "Authorization": f"Splunk {token}",
        "X-Splunk-Request-Channel": channel,
        "Content-Type": "application/json",
    }
    # `InvalidURL` is none of httpx's `HTTPError`: an address may have a port that there is not.
    try:
        with httpx.stream(
            "POST", address, content=body, headers=headers, timeout=SECONDS
        ) as answer:
            answer.raise_for_status()
            values: Any = parse_json(_read_bounded(answer.iter_bytes()))
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise _down(type(error).__name__) from error
    if not isinstance(values, dict):
        raise _down("it did not take them")
    return values


def _read_bounded(pieces: Iterable[bytes]) -> bytes:
    """Return the whole of an answer; whoever answers without an end must not fill our memory."""
    content = b""
    for piece in pieces:
        content += piece
        if len(content) > MOST_ANSWER_BYTES:
            raise ValueError("an answer that is too long")
    return content


def _envelope(values: dict[str, Any], host: str) -> bytes:
    return canonical(
        {
            "time": values["time"] / 1000,
            "host": host,
            "source": "portcullis",
            "sourcetype": "ocsf:json",
            "event": values,
        }
    )


def _down(found: str) -> ServiceError:
    return ServiceError(
        "event collector",
        expected="to take the audit log",
        found=found,
        remedy="It is kept and sent with the next run.",
    )
