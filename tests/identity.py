"""An OpenID provider on the loopback: real signed tokens, the code flow with PKCE, and userinfo.

Small, and not lax: it refuses what the specifications have it refuse, so that a client which leaves
out PKCE, or sends a code twice, fails here as it would elsewhere.
"""

import base64
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey

AUDIENCE = "portcullis-registry"
CLIENT = "registry-pages"
CLIENT_SECRET = "a secret: with / and +"
SECONDS = 60
ALGORITHM = "ES256"


@dataclass
class Issuer:
    """The provider's state; a test may change all of it."""

    address: str = ""
    groups: dict[str, list[str]] = field(default_factory=dict)
    signs_in: str = ""  # who sits at the browser
    keys: list[ECKey] = field(default_factory=lambda: [new_key()])
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    access: dict[str, str] = field(default_factory=dict)
    services: dict[str, str] = field(default_factory=dict)  # by client credentials: their secrets
    service_seconds: int = SECONDS
    asked: list[str] = field(default_factory=list)
    is_down: bool = False

    def token(self, subject: str, key: ECKey | None = None, **claims: Any) -> str:
        """Return an access token; a claim of None is left out."""
        return self.signed(
            {
                "iss": self.address,
                "aud": AUDIENCE,
                "sub": subject,
                "groups": self.groups.get(subject, []),
                "iat": int(time.time()),
                "exp": int(time.time()) + SECONDS,
            }
            | claims,
            key,
        )

    def signed(self, claims: dict[str, Any], key: ECKey | None = None) -> str:
        chosen = key or self.keys[0]
        present = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode({"alg": ALGORITHM, "kid": chosen.kid}, present, chosen)


def new_key() -> ECKey:
    return ECKey.generate_key("P-256", auto_kid=True)


@contextmanager
def identity_provider() -> Iterator[Issuer]:
    """Run a provider in a thread of this process."""
    issuer = Issuer()

    class Handler(_Provider):
        state = issuer

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Provider(BaseHTTPRequestHandler):
    state: Issuer

    def do_GET(self) -> None:
        place = urlsplit(self.path)
        self.state.asked.append(place.path)
        base = self.state.address
        if self.state.is_down:
            self._answer(503, {})
        elif place.path == "/.well-known/openid-configuration":
            names = {
                "authorization_endpoint": "authorize",
                "token_endpoint": "token",
                "userinfo_endpoint": "userinfo",
                "revocation_endpoint": "revoke",
                "jwks_uri": "jwks",
            }
            places = {name: f"{base}/{path}" for name, path in names.items()}
            self._answer(200, {"issuer": base, **places})
        elif place.path == "/jwks":
            self._answer(200, {"keys": [key.as_dict(private=False) for key in self.state.keys]})
        elif place.path == "/authorize":
            self._authorize({key: values[0] for key, values in parse_qs(place.query).items()})
        elif place.path == "/userinfo":
            self._userinfo()
        else:
            self._answer(404, {})

    def do_POST(self) -> None:
        self.state.asked.append(self.path)
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        form = {key: values[0] for key, values in parse_qs(body).items()}
        kept = self.state.codes.pop(form.get("code", ""), None)
        credentials = self.headers["authorization"].partition(" ")[2]
        name, _, secret = base64.b64decode(credentials).decode().partition(":")
        if self.state.is_down:
            self._answer(503, {})
            return
        if self.path == "/revoke":
            is_client = (unquote(name), unquote(secret)) == (CLIENT, CLIENT_SECRET)
            if is_client:
                self.state.access.pop(form.get("token", ""), None)
            self._answer(200 if is_client else 401, {})
            return
        if form.get("grant_type") == "client_credentials":
            self._serve_service(unquote(name), unquote(secret))
            return

        digest = sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            kept is None
            or (unquote(name), unquote(secret)) != (CLIENT, CLIENT_SECRET)
            or challenge != kept["code_challenge"]
            or form.get("redirect_uri") != kept["redirect_uri"]
        ):
            self._answer(400, {"error": "invalid_grant"})
            return

        opaque = secrets.token_urlsafe(24)
        self.state.access[opaque] = kept["user"]
        claims: dict[str, Any] = {"iss": self.state.address, "aud": CLIENT, "sub": kept["user"]}
        claims |= {"nonce": kept["nonce"], "iat": int(time.time()), "exp": int(time.time()) + 60}
        answer = {"access_token": opaque, "expires_in": 600, "token_type": "Bearer"}
        self._answer(200, {**answer, "id_token": self.state.signed(claims)})

    def _serve_service(self, name: str, secret: str) -> None:
        if self.state.services.get(name) != secret:
            self._answer(401, {"error": "invalid_client"})
            return
        seconds = self.state.service_seconds
        token = self.state.token(name, exp=int(time.time()) + seconds)
        self._answer(200, {"access_token": token, "token_type": "Bearer", "expires_in": seconds})

    def _authorize(self, query: dict[str, str]) -> None:
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(24)
        self.state.codes[code] = {**query, "user": self.state.signs_in}
        back = {"code": code, "state": query["state"], "iss": self.state.address}
        self.send_response(302)
        self.send_header("location", f"{query['redirect_uri']}?{urlencode(back)}")
        self.send_header("content-length", "0")
        self.end_headers()

    def _userinfo(self) -> None:
        token = self.headers.get("authorization", "").partition(" ")[2]
        subject = self.state.access.get(token)
        if subject is None:
            self._answer(401, {"error": "invalid_token"})
            return
        self._answer(200, {"sub": subject, "groups": self.state.groups.get(subject, [])})

    def _answer(self, status: int, values: dict[str, Any]) -> None:
        body = json.dumps(values).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 # as the base class has it
        pass
