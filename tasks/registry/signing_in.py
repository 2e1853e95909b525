"""The worker's access tokens for a registry behind an identity provider.

The registry's server takes bearer tokens that live for a minute, and a publication may take longer.
So each request asks for the token in force, and a new one is fetched when half of the last one's
time has passed (client credentials, RFC 6749, 4.4).
"""

import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit

from tasks.errors import ConfigError, ServiceError
from tasks.formats.shown import kind_of_error
from tasks.settings import Settings

AUTH_NAME = "portcullis"  # by which MLflow finds this, in $MLFLOW_TRACKING_AUTH
DISCOVERY = "/.well-known/openid-configuration"
ANSWER_SECONDS = 10
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class ServiceTokens:
    """Access tokens of one service account: adds the one in force to each request."""

    def __init__(self, issuer: str, client_id: str, secret: Callable[[], str]) -> None:
        """Remember who asks whom; nothing is sent yet.

        `secret` is asked at each sign-in: it may be rotated while a release runs.

        Raises:
            ConfigError: The issuer would be asked, with a password, over a line that others read.
        """
        _require_safe(issuer)
        self._issuer = issuer
        self._client_id = client_id
        self._secret = secret
        self._lock = threading.Lock()
        self._token = ""
        self._renew_from = 0.0  # by the monotonic clock

    def __call__(self, request: Any) -> Any:
        """Add the token in force to a request, as the package requests asks of an `auth`."""
        request.headers["Authorization"] = f"Bearer {self.current()}"
        return request

    def current(self) -> str:
        """Return a token with at least half of its time before it.

        Raises:
            ServiceError: The provider does not answer, or gives this account no token.
        """
        with self._lock:
            if not self._token or time.monotonic() >= self._renew_from:
                # From before the question: a provider that answers late gives no longer token for
                # it.
                asked_at = time.monotonic()
                self._token, seconds = self._fetch()
                self._renew_from = asked_at + seconds / 2
            return self._token

    def _fetch(self) -> tuple[str, float]:
        import httpx

        try:
            with httpx.Client(timeout=ANSWER_SECONDS, follow_redirects=False) as client:
                answer = client.get(self._issuer.rstrip("/") + DISCOVERY)
                answer.raise_for_status()
                metadata = answer.json()
                # OpenID Connect Discovery 1.0, 4.3: the issuer has to be the one that was asked.
                if metadata["issuer"] != self._issuer:
                    raise ValueError("another issuer")
                _require_safe(metadata["token_endpoint"])
                answer = client.post(
                    metadata["token_endpoint"],
                    data={"grant_type": "client_credentials"},
                    # RFC 6749, 2.3.1: both are encoded before they are joined.
                    auth=(quote(self._client_id, safe=""), quote(self._secret(), safe="")),
                )
                answer.raise_for_status()
                given = answer.json()
                token, seconds = given["access_token"], float(given["expires_in"])
                if not isinstance(token, str) or not token or not seconds > 0:
                    raise ValueError("no token")
                return token, seconds
        # An address that cannot be asked at all is no HTTPError of httpx's.
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
            raise ServiceError(
                "the identity provider of the registry",
                expected="an access token for the release's service account",
                found=kind_of_error(error),
                remedy="Look whether it runs, whether PORTCULLIS_REGISTRY_ISSUER is its address as "
                "it names itself, and whether the account and its secret are still valid. Nothing "
                "is half-registered: run the same command again.",
            ) from error


class _Provider:
    """What MLflow asks for each request's authentication: by its name, as its plugins are."""

    tokens: ServiceTokens | None = None

    @staticmethod
    def get_name() -> str:
        return AUTH_NAME

    @classmethod
    def get_auth(cls) -> ServiceTokens | None:
        return cls.tokens


def sign_in(settings: Settings) -> bool:
    """Let MLflow's client in this process sign in as the service account; say if one is declared.

    The client does so where `$MLFLOW_TRACKING_AUTH` is `AUTH_NAME`. The first token is fetched at
    once, so that a provider that is away is told by its name.

    Raises:
        ConfigError: One of the three variables is missing, or the issuer's address is not safe.
        ServiceError: The provider gives no token.
    """
    values = {
        "PORTCULLIS_REGISTRY_ISSUER": settings.registry_issuer,
        "PORTCULLIS_REGISTRY_CLIENT": settings.registry_client,
        "PORTCULLIS_REGISTRY_CLIENT_SECRET": settings.registry_client_secret,
    }
    if not any(values.values()):
        return False
    if missing := [variable for variable, value in values.items() if not value]:
        raise ConfigError(
            f"${missing[0]}",
            expected="a value, for the other variables of the service account have one",
            found="nothing",
            remedy=f"Set {', '.join(values)}, or none of them.",
        )

    from mlflow.tracking.request_auth.registry import _request_auth_provider_registry

    tokens = ServiceTokens(
        settings.registry_issuer,
        settings.registry_client,
        lambda: settings.registry_client_secret,
    )
    tokens.current()
    # Once: MLflow's list keeps whatever is put into it for as long as the process lives.
    if _Provider.tokens is None:
        _request_auth_provider_registry.register(_Provider)
    _Provider.tokens = tokens
    return True


def _require_safe(address: str) -> None:
    where = urlsplit(address)
    if where.scheme == "https" or (where.scheme == "http" and where.hostname in LOOPBACK):
        return
    raise ConfigError(
        "the identity provider of the registry",
        expected="https://…, or http:// on this machine",
        found="another address",
        remedy="A service's secret goes there: give the issuer an address with TLS.",
    )
