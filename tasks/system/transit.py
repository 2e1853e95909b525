"""Ask the Transit secrets engine of Vault or OpenBao: for signing, and for the store's root key."""

import json
import urllib.error
import urllib.request
from typing import Any

from tasks.errors import ServiceError


class DeniedError(Exception):
    """The server answered with an error status; the caller knows what that means."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")


def ask_transit(
    address: str, token: str, path: str, body: dict[str, Any] | None, *, seconds: float, remedy: str
) -> dict[str, Any]:
    """Return the `data` of an answer, empty where there is none; `body` makes it a POST.

    Args:
        address: The server's URL.
        token: What the server knows the caller by.
        path: Below `transit/`.
        body: What is posted; None asks with GET.
        seconds: How long an answer may take.
        remedy: What a person should do where the server does not answer.

    Raises:
        DeniedError: The server refuses.
        ServiceError: The server does not answer, or not in its own format.
    """
    request = urllib.request.Request(
        f"{address.rstrip('/')}/v1/transit/{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"X-Vault-Token": token},
    )

    try:
        with urllib.request.urlopen(request, timeout=seconds) as answer:
            text = answer.read()
            # A request that only changes something is answered by 204 and no body.
            return dict(json.loads(text)["data"] or {}) if text else {}
    except urllib.error.HTTPError as error:
        # `from None`: the body is the server's own text, and may quote what it was asked.
        with error:
            raise DeniedError(error.code) from None
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ServiceError(
            address,
            expected="Vault or OpenBao to answer",
            found=type(error).__name__,
            remedy=remedy,
        ) from error
