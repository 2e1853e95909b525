"""A login at Vault or OpenBao whose token is kept alive, and whose refusals are said in words."""

import time
from collections.abc import Callable
from contextlib import suppress
from threading import RLock
from typing import Any

from tasks.errors import ConfigError, PortcullisError, ServiceError
from tasks.secrets.declaring import BaoSection
from tasks.secrets.references import (
    FieldReference,
    LoginReference,
    SecretReference,
    parse_reference,
)
from tasks.system.bao import DeniedError, ask_bao

SECONDS = 10
SEALED = 503
FORBIDDEN = 403
UNANSWERED = "Start it, or mend its address; what was read before stays in use until it expires."
RENEW_AT = 0.5  # of what remains: a server that is away for a while loses nothing


class AbsentSecretError(ServiceError):
    """The server is well, and has no such secret, or no such version of it any more."""


class BaoAccess:
    """Asks as one service. Safe for threads.

    A token ends. It is renewed at half of its time; where it cannot be renewed any further, the
    service logs in anew while the old token still lives: with a token end the accounts that were
    leased by it. `generation` counts the logins, so that whoever holds a lease takes a new one.
    """

    def __init__(self, section: BaoSection, read: Callable[[SecretReference], str]) -> None:
        self._section = section
        self._read = read
        self._lock = RLock()
        self._token = ""
        self._ends = 0.0
        self._seconds = 0.0
        self._is_renewable = False
        self.generation = 0

    @property
    def token(self) -> str:
        """The token of now; logs in where there is none."""
        with self._lock:
            if not self._token or time.monotonic() >= self._ends:
                self._log_in()
            return self._token

    def ask(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the answer about a path; `body` makes it a change.

        Raises:
            AbsentSecretError: There is none at this path, or it was deleted.
            ServiceError: The server is away or sealed, or refuses; the error says what to do.
        """
        token = self.token
        try:
            return self._asked(token, path, body)
        except DeniedError as error:
            # A revoked token is refused as a policy refuses; only the first can be mended here.
            if error.status != FORBIDDEN or self._is_known(token):
                raise self._in_words(path, error.status) from None

        with self._lock:
            # Another thread may have logged in meanwhile: then its token is tried.
            if self._token == token:
                self._log_in()

        try:
            return self._asked(self._token, path, body)
        except DeniedError as error:
            raise self._in_words(path, error.status) from None

    def tend(self) -> float:
        """Renew the token if it is time; return after how many seconds to come again."""
        with self._lock:
            if not self._token:
                return SECONDS
            if self._remaining() <= self._seconds * RENEW_AT:
                self._renew()
            return max(0.1, self._remaining() - self._seconds * RENEW_AT)

    def close(self) -> None:
        """Revoke the token, and with it every account that was leased by it."""
        with self._lock:
            # A token that somebody else renews is theirs to revoke.
            if self._token and not self._section.token:
                # Where the server is away the token ends by itself, a little later.
                with suppress(DeniedError, ServiceError):
                    self._asked(self._token, "auth/token/revoke-self", {})
            self._token = ""

    def _renew(self) -> None:
        # A refusal is no error here: the login below says whether the service may still come in.
        if self._is_renewable:
            try:
                auth = self._asked(self._token, "auth/token/renew-self", {}).get("auth") or {}
                self._keep(auth)
            except DeniedError:
                self._ends = 0.0
        # At the end of what the server allows, renewing gives less and less.
        if self._remaining() <= self._seconds * RENEW_AT:
            self._log_in()

    def _remaining(self) -> float:
        return self._ends - time.monotonic()

    def _log_in(self) -> None:
        section = self._section
        if section.token:
            self._token = self._value(section.token, "token")
            self._look_up()

        else:
            path, body = self._login_request()
            try:
                auth = self._asked("", path, body).get("auth") or {}
            except DeniedError as error:
                raise self._not_let_in(path, error.status) from None
            self._token = str(auth["client_token"])
            # From here on the longest time of this login, by which `_renew` sees the limit near.
            self._seconds = 0.0
            self._keep(auth)

        # Last, so that nobody takes a lease of the new generation by the old token.
        self.generation += 1

    def _login_request(self) -> tuple[str, dict[str, Any]]:
        if approle := self._section.approle:
            body = {
                "role_id": self._value(approle.role_id, "role_id"),
                "secret_id": self._value(approle.secret_id, "secret_id"),
            }
            return f"auth/{approle.mount}/login", body
        if jwt := self._section.jwt:
            token = self._value(jwt.token, "token")
            return f"auth/{jwt.mount}/login", {"role": jwt.role, "jwt": token}
        raise AssertionError("the section logs in in exactly one way")

    def _look_up(self) -> None:
        """Ask how long a token lives that somebody else made."""
        try:
            data = self._asked(self._token, "auth/token/lookup-self", None)["data"]
        except DeniedError as error:
            raise self._not_let_in("auth/token/lookup-self", error.status) from None
        self._seconds = 0.0
        self._keep({"lease_duration": data["ttl"], "renewable": data.get("renewable")})

    def _keep(self, auth: dict[str, Any]) -> None:
        seconds = float(auth["lease_duration"]) or 10**9  # a root token's 0 means: never
        # The longest that was granted: near `max_ttl` each renewal gives less, and half of less
        # would never come.
        self._seconds = max(self._seconds, seconds)
        self._ends = time.monotonic() + seconds
        self._is_renewable = bool(auth.get("renewable"))

    def _is_known(self, token: str) -> bool:
        try:
            self._asked(token, "auth/token/lookup-self", None)
        except DeniedError:
            return False
        return True

    def _asked(self, token: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        return ask_bao(self._section.server, token, path, body, seconds=SECONDS, remedy=UNANSWERED)

    def _value(self, text: str, field: str) -> str:
        reference = parse_reference(text, f"$PORTCULLIS_SECRETS, bao, {field}")
        # It would ask the server for what is needed to ask it.
        if isinstance(reference, FieldReference | LoginReference):
            raise ConfigError(
                f"$PORTCULLIS_SECRETS, bao, {field}",
                expected="`env:` or `file:`",
                found="a secret of the server that this is the login to",
                remedy="Name a file or a variable.",
            )
        return self._read(reference)

    def _in_words(self, path: str, status: int) -> PortcullisError:
        where = f"{self._section.address}, {path}"
        match status:
            # The API's own code for a server that is sealed.
            case 503:
                return ServiceError(
                    where, expected="an open server", found="a sealed one", remedy="Unseal it."
                )
            case status if status >= 500:
                return ServiceError(
                    where,
                    expected="an answer",
                    found=f"HTTP {status}",
                    remedy="Its own log says why; a database that it cannot reach is one reason.",
                )
            case 404:
                return AbsentSecretError(
                    where,
                    expected="a secret",
                    found="none there, or a deleted one",
                    remedy="Put it there, or mend the reference in $PORTCULLIS_SECRETS.",
                )
            case _:
                return ServiceError(
                    where,
                    expected="leave to use it",
                    found=f"HTTP {status}",
                    remedy="Give this service's policy the path (deploy/openbao), or mend it.",
                )

    def _not_let_in(self, path: str, status: int) -> PortcullisError:
        if status == SEALED:
            return self._in_words(path, status)
        return ServiceError(
            f"{self._section.address}, {path}",
            expected="a login that it knows",
            found=f"HTTP {status}",
            remedy="Give the service a new secret id or token; an old one may have ended.",
        )
