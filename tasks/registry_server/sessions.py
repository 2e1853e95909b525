"""Sessions of browsers: an encrypted cookie, and the provider's word, at most a minute old.

The cookie holds what the provider gave at signing in. It is encrypted (JWE, A256GCM), so that
neither the browser nor whoever finds its cookies can use it elsewhere, or change it.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie
from typing import Any

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from tasks.errors import ConfigError
from tasks.formats.canonical_json import canonical
from tasks.formats.strict_json import JsonFaultError, parse_json
from tasks.registry_server.calls import Caller, CallRefusedError, Scope
from tasks.registry_server.configuring import ServerConfig
from tasks.registry_server.normal_form import READING_METHODS
from tasks.registry_server.tokens import Provider, TokenVerifier

ALGORITHM = "dir"
ENCRYPTION = "A256GCM"
KEY_BYTES = 32  # A256GCM takes a key of 256 bits (RFC 7518, 5.3)
SESSION = "session"
SIGNING_IN = "signing-in"
MOST_REMEMBERED = 10_000  # sessions whose groups are kept between two questions


@dataclass(frozen=True)
class Session:
    """What a cookie holds of somebody who has signed in."""

    subject: str
    access_token: str


class CookieJar:
    """Seals what a browser keeps for us, and opens what it brings back.

    A cookie of one purpose is never taken for another: its purpose is sealed with it. It is sealed
    by the newest key; a key that was replaced still opens what it sealed, as long as the source of
    secrets keeps it, so that a rotation ends nobody's session, and a second one ends the oldest.
    """

    def __init__(self, config: ServerConfig, read_keys: Callable[[], tuple[str, ...]]) -> None:
        self._read_keys = read_keys
        self._is_secure = config.is_secure
        self._keys()  # a server without a key does not start

    def name(self, purpose: str) -> str:
        """Return a cookie's name; by `__Host-` browsers hold it to this host and to TLS."""
        return f"{'__Host-' if self._is_secure else ''}portcullis-{purpose}"

    def seal(self, purpose: str, values: dict[str, Any], seconds: int) -> bytes:
        """Return the header that sets a cookie."""
        plain = canonical({**values, "purpose": purpose, "until": int(time.time()) + seconds})
        newest = self._keys()[0]
        sealed = jwe.encrypt_compact({"alg": ALGORITHM, "enc": ENCRYPTION}, plain, newest)
        return self._header(purpose, sealed, seconds)

    def clear(self, purpose: str) -> bytes:
        """Return the header that takes a cookie away."""
        return self._header(purpose, "", 0)

    def open(self, purpose: str, scope: Scope) -> dict[str, Any] | None:
        """Return what a cookie of this purpose holds; None where there is none that counts."""
        name = self.name(purpose)
        lines = [value.decode("latin-1") for key, value in scope["headers"] if key == b"cookie"]

        try:
            sealed = SimpleCookie("; ".join(lines))[name].value
            values = parse_json(self._opened(sealed))
        except (KeyError, CookieError, JoseError, JsonFaultError, ValueError):
            return None

        # The purpose is sealed with the values: a cookie under another one's name opens nothing.
        if values["purpose"] != purpose or values["until"] <= time.time():
            return None

        return dict(values)

    def _opened(self, sealed: str) -> bytes:
        """Return what one of the keys opens.

        Raises:
            JoseError: None does.
        """
        *newer, oldest = self._keys()
        for key in newer:
            with suppress(JoseError):
                return _decrypted(sealed, key)
        return _decrypted(sealed, oldest)

    def _keys(self) -> tuple[OctKey, ...]:
        """Return the keys of now, the newest first.

        Raises:
            ConfigError: One is none.
        """
        return tuple(_session_key(text) for text in self._read_keys())

    def _header(self, purpose: str, value: str, seconds: int) -> bytes:
        # Lax, not Strict: a browser that comes back from the provider has to bring its cookie.
        parts = [f"{self.name(purpose)}={value}", "Path=/", "HttpOnly", "SameSite=Lax"]
        parts.append(f"Max-Age={seconds}")
        if self._is_secure:
            parts.append("Secure")
        return "; ".join(parts).encode("latin-1")


@lru_cache(maxsize=4)
def _session_key(key_hex: str) -> OctKey:
    try:
        key = bytes.fromhex(key_hex)
    except ValueError:
        key = b""

    if len(key) != KEY_BYTES:
        raise ConfigError(
            "$PORTCULLIS_SERVER_SESSION_KEY",
            expected=f"{KEY_BYTES} bytes in hex",
            found="another form" if key_hex else "nothing",
            remedy="Make one with `openssl rand -hex 32`, the same for all of its processes.",
        )

    return OctKey.import_key(key)


def _decrypted(sealed: str, key: OctKey) -> bytes:
    opened = jwe.decrypt_compact(sealed, key, algorithms=[ALGORITHM, ENCRYPTION])
    return opened.plaintext or b""


class Sessions:
    """Who a browser's session is, by what the provider says now."""

    def __init__(
        self, config: ServerConfig, cookies: CookieJar, provider: Provider, verifier: TokenVerifier
    ) -> None:
        self._config = config
        self._cookies = cookies
        self._provider = provider
        self._verifier = verifier
        self._known: OrderedDict[str, tuple[float, Caller]] = OrderedDict()
        self._ended: OrderedDict[str, None] = OrderedDict()

    def read(self, scope: Scope) -> Session | None:
        """Return the session that a request brings; None where it brings none that counts."""
        values = self._cookies.open(SESSION, scope)
        if values is None:
            return None
        return Session(values["subject"], values["access_token"])

    async def caller(self, session: Session) -> Caller:
        """Return who it is, by an answer of the provider that is less than a minute old.

        Raises:
            CallRefusedError: It was ended here, the provider knows it no more or gives it no role.
        """
        digest = _digest(session)
        if digest in self._ended:
            raise CallRefusedError(401, "identity.ended", "This session was signed out.")
        now = time.monotonic()
        known = self._known.get(digest)
        if known is not None and now - known[0] < self._config.recheck_seconds:
            return known[1]

        self._known.pop(digest, None)
        claims = await self._provider.ask(
            "GET",
            await self._provider.endpoint("userinfo_endpoint"),
            headers={"authorization": f"Bearer {session.access_token}"},
        )
        # OpenID Connect Core, 5.3.2: an answer about somebody else must not be used.
        if claims.get("sub") != session.subject:
            raise CallRefusedError(401, "identity.refused", "The session is another person's.")
        caller = Caller(session.subject, self._verifier.roles(claims))
        # From before the question: an answer that took long is as old as the question.
        self._known[digest] = (now, caller)
        while len(self._known) > MOST_REMEMBERED:
            self._known.popitem(last=False)
        return caller

    def end(self, session: Session) -> None:
        """Take a session no more, whoever still has its cookie."""
        digest = _digest(session)
        self._known.pop(digest, None)
        self._ended[digest] = None
        while len(self._ended) > MOST_REMEMBERED:
            self._ended.popitem(last=False)

    def require_own_page(self, scope: Scope) -> None:
        """Refuse a call that changes something, unless a page of this server makes it.

        Browsers send the cookie with whatever another site makes them send; they also say from
        which site it comes, and no page can lie about that (the header `Origin`).

        Raises:
            CallRefusedError: It comes from elsewhere, or does not say from where.
        """
        if scope["method"] in READING_METHODS:
            return

        # Exactly one, and ours: a browser that sends none, as an old one may, is refused as well.
        origins = [value for name, value in scope["headers"] if name == b"origin"]
        if origins != [self._config.origin.encode()]:
            raise CallRefusedError(403, "request.origin", "Another site's page made this call.")


def _digest(session: Session) -> str:
    return sha256(session.access_token.encode()).hexdigest()
