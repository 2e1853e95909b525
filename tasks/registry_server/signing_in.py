"""Signing in by a browser: the authorisation code flow with PKCE (RFC 6749, RFC 7636, RFC 9207)."""

import base64
import secrets
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from hmac import compare_digest
from html import escape
from urllib.parse import parse_qs, quote, urlencode

from tasks.registry_server.calls import Call, CallRefusedError, Scope, Send, send_answer
from tasks.registry_server.configuring import ServerConfig
from tasks.registry_server.sessions import SESSION, SIGNING_IN, CookieJar, Session, Sessions
from tasks.registry_server.tokens import Provider, TokenVerifier

LOGIN = "/portcullis/login"
CALLBACK = "/portcullis/callback"
LOGOUT = "/portcullis/logout"
ACCOUNT = "/portcullis/account"
PLACES = {LOGIN: "GET", CALLBACK: "GET", LOGOUT: "POST", ACCOUNT: "GET"}
MOST_SECONDS = 600  # for typing a password at the provider


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>
  :root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }}
  body {{ margin: 0 auto; padding: 2rem 1rem; max-width: 34rem; }}
  button {{ padding: .6rem 1.2rem; font: inherit; }}
</style></head><body>
<h1>{title}</h1>
{body}
<form method="post" action="{logout}"><button type="submit">Sign out</button></form>
<p><a href="/">Back to the registry</a></p>
</body></html>
"""
ACCOUNT_BODY = """<p>You are <strong>{subject}</strong>, with the role <strong>{roles}</strong>.</p>
<p>Models and their versions are registered by a release that passed its gates, and by nobody else:
<code>./portcullis release</code>, or your pipeline. Nobody's role includes it, an administrator's
neither.</p>"""


class SigningIn:
    """The places where a session begins and ends, and where it says whose it is."""

    def __init__(
        self,
        config: ServerConfig,
        read_client_secret: Callable[[], str],
        cookies: CookieJar,
        provider: Provider,
        verifier: TokenVerifier,
        sessions: Sessions,
    ) -> None:
        self._config = config
        self._read_client_secret = read_client_secret
        self._cookies = cookies
        self._provider = provider
        self._verifier = verifier
        self._sessions = sessions

    async def answer(self, call: Call, scope: Scope, send: Send) -> None:
        """Answer a call of one of `PLACES`.

        Raises:
            CallRefusedError: The provider, or what the browser brings, does not fit.
        """
        if PLACES[scope["path"]] != scope["method"]:
            raise CallRefusedError(405, "request.method", "This place takes another method.")

        if scope["path"] == LOGIN:
            await self._begin(send)
        elif scope["path"] == CALLBACK:
            await self._finish(call, scope, send)
        elif scope["path"] == ACCOUNT:
            await self._show_account(call, scope, send)
        else:
            self._sessions.require_own_page(scope)
            await self._end(scope)
            await _redirect(send, await self._logout_address(), [self._cookies.clear(SESSION)])

    async def _show_account(self, call: Call, scope: Scope, send: Send) -> None:
        session = self._sessions.read(scope)
        if session is None:
            raise CallRefusedError(401, "identity.anonymous", f"Sign in at {LOGIN}.")
        call.caller = await self._sessions.caller(session)
        body = ACCOUNT_BODY.format(
            subject=escape(session.subject), roles=", ".join(sorted(call.caller.roles))
        )
        await _send_page(send, 200, "Your account at the registry", body)

    async def _end(self, scope: Scope) -> None:
        """End the session that a browser brings: here at once, at the provider for everybody else.

        A browser that forgets its cookie ends nothing: whoever has a copy would go on.
        """
        session = self._sessions.read(scope)
        if session is None:
            return

        self._sessions.end(session)
        # Without an answer it has ended in this process alone. The person still signs out, and the
        # provider's own page, which comes next, ends it there.
        with suppress(CallRefusedError):
            await self._provider.revoke(
                session.access_token, authorization=f"Basic {self._client_credentials()}"
            )

    async def _logout_address(self) -> str:
        """Return where a browser goes that signs out (OpenID Connect RP-Initiated Logout 1.0).

        The provider has a session of its own: while that lasts, the next sign-in asks for no
        password. A provider that offers no such place, or is silent, is left alone.
        """
        try:
            endpoint = await self._provider.endpoint("end_session_endpoint")
        except CallRefusedError:
            return LOGIN

        query = {
            "client_id": self._config.client_id,
            "post_logout_redirect_uri": self._config.origin + LOGIN,
        }
        return f"{endpoint}?{urlencode(query)}"

    async def _begin(self, send: Send) -> None:
        """Send the browser to the provider, with a question that only this browser can answer."""
        # `state` ties the answer to this browser, `nonce` the ID token to this question, and the
        # verifier (RFC 7636) the code to this server. 32 bytes: 256 bits, nothing to guess.
        state = secrets.token_urlsafe(32)
        nonce = secrets.token_urlsafe(32)
        verifier = secrets.token_urlsafe(32)

        digest = sha256(verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self._config.client_id,
            "redirect_uri": self._callback,
            "scope": "openid profile groups",
            "state": state,
            "nonce": nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }

        endpoint = await self._provider.endpoint("authorization_endpoint")

        # Sealed in a cookie of this browser: the server keeps nothing of those who only begin.
        attempt = {"state": state, "nonce": nonce, "verifier": verifier}
        await _redirect(
            send,
            f"{endpoint}?{urlencode(query)}",
            [self._cookies.seal(SIGNING_IN, attempt, MOST_SECONDS)],
        )

    async def _finish(self, call: Call, scope: Scope, send: Send) -> None:
        """Take the code that the browser brings back, and begin a session."""
        attempt = self._cookies.open(SIGNING_IN, scope)
        query = parse_qs(scope["query_string"].decode("latin-1"))
        if attempt is None or not compare_digest(_only(query, "state"), attempt["state"]):
            raise _unasked("This browser did not ask to sign in, or too long ago.")
        # RFC 9207: another provider's answer is not taken for this one's.
        if "iss" in query and _only(query, "iss") != self._config.issuer:
            raise _unasked("Another identity provider has answered.")
        if "error" in query:
            raise _unasked("The identity provider did not let you in.")

        answer = await self._provider.ask(
            "POST",
            await self._provider.endpoint("token_endpoint"),
            headers={"authorization": f"Basic {self._client_credentials()}"},
            form={
                "grant_type": "authorization_code",
                "code": _only(query, "code"),
                "redirect_uri": self._callback,
                "code_verifier": attempt["verifier"],
            },
        )
        subject = await self._verifier.identity(str(answer.get("id_token", "")), attempt["nonce"])
        seconds = min(int(answer.get("expires_in", 0)), self._config.session_seconds)
        session = Session(subject, str(answer.get("access_token", "")))
        call.caller = await self._sessions.caller(session)  # who has no role here gets no session

        values = {"subject": session.subject, "access_token": session.access_token}
        await _redirect(
            send,
            "/",
            [self._cookies.seal(SESSION, values, seconds), self._cookies.clear(SIGNING_IN)],
        )

    @property
    def _callback(self) -> str:
        return self._config.origin + CALLBACK

    def _client_credentials(self) -> str:
        """Return this server's login at the provider (RFC 6749, 2.3.1: both parts are encoded)."""
        pair = (
            f"{quote(self._config.client_id, safe='')}:{quote(self._read_client_secret(), safe='')}"
        )
        return base64.b64encode(pair.encode()).decode()


async def show_refusal(call: Call, refusal: CallRefusedError, send: Send) -> None:
    """Tell a person at a browser why they are not let in, and let them sign in as another."""
    call.refusal = refusal
    await _send_page(
        send,
        refusal.status,
        "You are not let in",
        f'<p role="alert">{escape(refusal.text)}</p>\n<p>Call {call.uid} in the audit log.</p>',
    )


async def _send_page(send: Send, status: int, title: str, body: str) -> None:
    page = PAGE.format(title=title, body=body, logout=LOGOUT)
    headers = [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"x-frame-options", b"DENY"),
    ]
    await send_answer(send, status, page.encode(), headers)


def _only(query: dict[str, list[str]], key: str) -> str:
    values = query.get(key, [])
    if len(values) != 1 or not values[0].isascii():
        raise _unasked("The answer of the identity provider is incomplete.")
    return values[0]


def _unasked(text: str) -> CallRefusedError:
    return CallRefusedError(403, "identity.sign_in", f"{text} Begin again at {LOGIN}.")


async def _redirect(send: Send, address: str, cookies: list[bytes]) -> None:
    headers = [(b"location", address.encode("latin-1")), (b"cache-control", b"no-store")]
    await send_answer(send, 303, b"", [*headers, *((b"set-cookie", item) for item in cookies)])
