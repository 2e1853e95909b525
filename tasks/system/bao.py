"""Ask Vault or OpenBao: the one client for its keys, its secrets and its database accounts."""

import json
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from functools import lru_cache
from http.client import HTTPException
from typing import Any

from tasks.errors import ConfigError, ServiceError


class DeniedError(Exception):
    """The server answered with an error status; the caller knows what that means."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


@dataclass(frozen=True)
class BaoServer:
    """Where a server is, and by what it is known.

    Attributes:
        address: Its URL.
        ca_file: The PEM file of the authority that signed its certificate; that of the machine
            where it is empty. A certificate is always verified.
        namespace: The namespace of Vault Enterprise or OpenBao in which all paths lie.
    """

    address: str
    ca_file: str = ""
    namespace: str = ""


class _Unredirected(urllib.request.HTTPRedirectHandler):
    """Follow no redirection: urllib would send the token along to wherever it points."""

    def redirect_request(self, *_: Any) -> None:
        """Return no request, by which a redirection counts as an error status."""


def ask_bao(
    server: BaoServer,
    token: str,
    path: str,
    body: dict[str, Any] | None,
    *,
    seconds: float,
    remedy: str,
) -> dict[str, Any]:
    """Return the whole answer, empty where the server has nothing to say.

    Args:
        server: Whom to ask.
        token: What the server knows the caller by; empty before somebody has logged in.
        path: Below `/v1/`.
        body: What is posted; None asks with GET.
        seconds: How long an answer may take.
        remedy: What a person should do where the server does not answer.

    Raises:
        ConfigError: The file of the certificate authority cannot be used.
        DeniedError: The server refuses.
        ServiceError: The server does not answer, or not in its own format.
    """
    headers = {"X-Vault-Token": token, "X-Vault-Namespace": server.namespace}
    try:
        request = urllib.request.Request(
            f"{server.address.rstrip('/')}/v1/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={name: value for name, value in headers.items() if value},
        )
        with _opener(server.ca_file).open(request, timeout=seconds) as answer:
            text = answer.read()
            # A request that only changes something is answered by 204 and no body.
            return _as_object(json.loads(text)) if text else {}
    except urllib.error.HTTPError as error:
        # `from None`: the body is the server's own text, and may quote what it was asked.
        with error:
            raise DeniedError(error.code) from None
    # An HTTPException is no OSError: whatever else listens at a port answers in its own words.
    except (OSError, HTTPException, TypeError, ValueError, RecursionError) as error:
        raise no_answer(server.address, type(error).__name__, remedy) from error


def no_answer(address: str, found: str, remedy: str) -> ServiceError:
    """Return the error about a server that does not answer as one of its kind does."""
    return ServiceError(address, expected="Vault or OpenBao to answer", found=found, remedy=remedy)


def _as_object(values: Any) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise TypeError("no JSON object")
    return values


@lru_cache(maxsize=8)
def _opener(ca_file: str) -> urllib.request.OpenerDirector:
    """Return what opens requests; reading the authorities takes longer than a request."""
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ValueError) as error:
        raise ConfigError(
            ca_file,
            expected="the certificate authority of Vault or OpenBao, in PEM",
            found=type(error).__name__,
            remedy="Mend the file's path or content; nothing was asked.",
        ) from error

    return urllib.request.build_opener(
        urllib.request.HTTPSHandler(context=context), _Unredirected()
    )
