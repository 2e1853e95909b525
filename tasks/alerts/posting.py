"""Post a finding to a webhook, signed so that the receiver can check who sent it and when.

The form is that of Standard Webhooks 1.0 (standardwebhooks.com): `webhook-id` is the same whenever
a finding is sent again, `webhook-timestamp` is when it was sent, and `webhook-signature` is `v1,`
and the HMAC-SHA256 of `id.timestamp.body`. Receivers refuse old times and known ids.
"""

import base64
import binascii
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tasks.errors import ConfigError, ServiceError
from tasks.formats.canonical_json import canonical
from tasks.settings import Settings

SECONDS = 10
TRIES = 3
PREFIX = "whsec_"
LEAST_KEY_BYTES = 24
LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, repr=False)
class Webhook:
    """Where findings are posted, and the key that signs them."""

    url: str
    key: bytes


def read_webhook(settings: Settings) -> Webhook | None:
    """Return the configured webhook; None where there is none.

    Raises:
        ConfigError: Its address or its key cannot be used.
    """
    if not settings.alert_webhook:
        return None

    if not _is_address(settings.alert_webhook):
        raise ConfigError(
            "$PORTCULLIS_ALERT_WEBHOOK",
            expected="https://…, or http:// on this machine alone",
            found="another form",
            remedy="Mend it.",
        )

    try:
        key = base64.b64decode(settings.alert_key.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        key = b""

    if len(key) < LEAST_KEY_BYTES or not settings.alert_key.startswith(PREFIX):
        raise ConfigError(
            "$PORTCULLIS_ALERT_KEY",
            expected=f"{PREFIX} and at least {LEAST_KEY_BYTES} bytes in base64",
            found="another form, or none",
            remedy="Make one: echo whsec_$(openssl rand -base64 32)",
        )

    return Webhook(settings.alert_webhook, key)


def _is_address(url: str) -> bool:
    """Say whether findings may be posted there: encrypted, or to this machine alone."""
    try:
        where = urlsplit(url)
        has_place = bool(where.hostname) and where.port != 0
    except ValueError:  # brackets of no address, or a port that there is not
        return False
    is_here = where.scheme == "http" and where.hostname in LOOPBACK
    return has_place and (where.scheme == "https" or is_here)


def post_finding(
    webhook: Webhook, values: dict[str, Any], wait: Callable[[float], object] = time.sleep
) -> None:
    """Post one finding, some times where it is not taken at once.

    Raises:
        ServiceError: The receiver did not take it.
    """
    import httpx

    body = canonical({"type": "portcullis.alert", "timestamp": values["time"], "data": values})
    for number in range(1, TRIES + 1):
        try:
            _post(webhook, str(values["metadata"]["uid"]), body)
        except httpx.HTTPError as error:
            if number == TRIES:
                raise ServiceError(
                    "alert webhook",
                    expected="an answer of 2xx",
                    found=type(error).__name__,
                    remedy="The alert is kept, and posted with the next pass.",
                ) from error
        else:
            return
        wait(2.0**number)


def _post(webhook: Webhook, uid: str, body: bytes) -> None:
    import httpx

    # Anew for each try: a receiver refuses a request that is some minutes old.
    moment = str(int(time.time()))
    # Standard Webhooks, "signature scheme": the time is signed, so that an old request cannot be
    # sent again as a new one.
    signed = b".".join((uid.encode(), moment.encode(), body))
    signature = base64.b64encode(hmac.digest(webhook.key, signed, "sha256")).decode()
    headers = {
        "Content-Type": "application/json",
        "Webhook-Id": uid,
        "Webhook-Timestamp": moment,
        "Webhook-Signature": f"v1,{signature}",
    }
    # A redirection is not followed, and is no answer. What is in the answer is not read: the status
    # says it all, and a receiver may send without an end.
    with httpx.stream(
        "POST", webhook.url, content=body, headers=headers, timeout=SECONDS
    ) as answer:
        answer.raise_for_status()
