"""Tokens of the identity provider: who made them, for whom, until when.

Signatures and claims are checked by `joserfc`. What is ours is which of them count here, and when
the provider's keys are fetched again.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import httpx
from joserfc import jwt
from joserfc.errors import InvalidClaimError, InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from tasks.registry_server.calls import Caller, CallRefusedError
from tasks.registry_server.configuring import ServerConfig
from tasks.registry_server.routes import RegistryRole

MOST_TOKEN_CHARACTERS = 8192
PROVIDER_SECONDS = 5  # for one answer of the provider
FRESH_SECONDS = 300  # after which keys are fetched again, so that a withdrawn one stops counting
STALE_SECONDS = 3600  # for how long keys count while the provider does not answer
UNKNOWN_KEY_SECONDS = 10  # at most so often a key that nobody knows makes us ask
DISCOVERY = "/.well-known/openid-configuration"


class Provider:
    """The OpenID provider: its endpoints and its keys, fetched when they are needed, and kept."""

    def __init__(self, config: ServerConfig, client: httpx.AsyncClient) -> None:
        self._config = config
        self._client = client
        self._metadata: dict[str, Any] = {}
        self._keys: KeySet | None = None
        self._fetched_at = -float(STALE_SECONDS)  # by the monotonic clock, as all times here
        self._tried_at = -float(STALE_SECONDS)
        self._fetching = asyncio.Lock()

    async def endpoint(self, name: str) -> str:
        """Return the address of one of the provider's endpoints."""
        if not self._metadata:
            metadata = await self._get_object(self._config.issuer.rstrip("/") + DISCOVERY)
            # OpenID Connect Discovery 1.0, 4.3: the issuer has to be the one that was asked for.
            if metadata.get("issuer") != self._config.issuer:
                raise provider_silent()
            self._metadata = metadata

        address = self._metadata.get(name)
        if not isinstance(address, str):
            raise provider_silent()
        return address

    async def keys(self, *, is_key_unknown: bool = False) -> KeySet:
        """Return the provider's keys.

        A token by a key that is not among them makes us ask again, for keys are changed; whoever
        makes up such tokens makes us ask no more often than every few seconds.
        """
        async with self._fetching:
            now = time.monotonic()
            is_due = now - self._fetched_at > FRESH_SECONDS or is_key_unknown
            if is_due and now - self._tried_at > UNKNOWN_KEY_SECONDS:
                self._tried_at = now
                try:
                    listed = await self._get_object(await self.endpoint("jwks_uri"))
                    self._keys = KeySet.import_key_set(listed)  # type: ignore[arg-type] # read by it
                    self._fetched_at = now
                except (CallRefusedError, JoseError, ValueError, KeyError):
                    # What was fetched last still counts for a while; below it no longer does.
                    pass

            if self._keys is None or now - self._fetched_at > STALE_SECONDS:
                raise provider_silent()
            return self._keys

    async def _get_object(self, address: str) -> dict[str, Any]:
        return await self.ask("GET", address)

    async def ask(
        self,
        method: str,
        address: str,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Return what an endpoint of the provider answers.

        Raises:
            CallRefusedError: It does not answer (503), or it refuses (401).
        """
        try:
            answer = await self._client.request(
                method, address, headers=headers, data=form, timeout=PROVIDER_SECONDS
            )

            # With a person's token or code a 4xx is about them; without, it is the provider's.
            if 400 <= answer.status_code < 500 and (headers or form):
                raise CallRefusedError(401, "identity.refused", "The identity provider says no.")
            answer.raise_for_status()
            values = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise provider_silent() from error

        if not isinstance(values, dict):
            raise provider_silent()
        return values

    async def revoke(self, token: str, *, authorization: str) -> None:
        """Have an access token end (RFC 7009), as the client that it was given to.

        Raises:
            CallRefusedError: The provider has no place for that, does not answer, or says no.
        """
        address = await self.endpoint("revocation_endpoint")

        try:
            answer = await self._client.post(
                address,
                headers={"authorization": authorization},
                data={"token": token, "token_type_hint": "access_token"},
                timeout=PROVIDER_SECONDS,
            )
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise provider_silent() from error


class TokenVerifier:
    """What tokens of the provider say, once they have been verified."""

    def __init__(self, config: ServerConfig, provider: Provider) -> None:
        self._config = config
        self._provider = provider

    async def bearer(self, token: str) -> Caller:
        """Return who holds an access token for this server; roles are what it says now.

        Raises:
            CallRefusedError: The token is not valid here, or gives no role.
        """
        claims = await self._claims(token, self._config.audience)
        lifetime = claims["exp"] - claims["iat"]
        if lifetime > self._config.longest_token_seconds:
            raise invalid_token("It is made for longer than this server takes.")

        subject = claims["sub"]
        # A service has the role that stands in our configuration, and none that a group gives it.
        if subject in self._config.services:
            return Caller(subject, frozenset({self._config.services[subject]}))
        return Caller(subject, self.roles(claims))

    async def identity(self, token: str, nonce: str) -> str:
        """Return the subject of an ID token that answers our own question.

        By OpenID Connect Core 1.0, 3.1.3.7.

        Raises:
            CallRefusedError: It is not valid, or answers another question.
        """
        claims = await self._claims(token, self._config.client_id)
        if claims.get("nonce") != nonce:
            raise invalid_token("It answers another question.")

        # Steps 4 and 5: a token for several clients names the one that it was issued to.
        is_shared = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", None if is_shared else self._config.client_id) != (
            self._config.client_id
        ):
            raise invalid_token("It is for another client.")
        return str(claims["sub"])

    def roles(self, claims: Mapping[str, Any]) -> frozenset[RegistryRole]:
        """Return the roles that the groups among the claims give.

        Raises:
            CallRefusedError: They give none.
        """
        claim = claims.get(self._config.groups_claim)
        names = claim if isinstance(claim, list) else []

        # Groups that the configuration does not name give nothing; people have many.
        roles = frozenset(role for name, role in self._config.groups.items() if name in names)
        if not roles:
            raise CallRefusedError(403, "identity.no_role", "None of your groups has a role here.")
        return roles

    async def _claims(self, token: str, audience: str) -> dict[str, Any]:
        if len(token) > MOST_TOKEN_CHARACTERS:
            raise invalid_token("It is too long.")

        try:
            # Essential: joserfc skips a claim that is not there, unless it has to be.
            verified = await self._verified(token)
            registry = jwt.JWTClaimsRegistry(
                leeway=self._config.clock_skew_seconds,
                iss={"essential": True, "value": self._config.issuer},
                aud={"essential": True, "value": audience},
                sub={"essential": True},
                exp={"essential": True},
                iat={"essential": True},
            )

            registry.validate(verified.claims)
        except (JoseError, ValueError) as error:
            # A kind of its own, for rules: somebody tries a token that they took elsewhere.
            if isinstance(error, InvalidClaimError) and error.claim == "aud":
                raise CallRefusedError(
                    401, "identity.audience", "The token is refused. It is for another server."
                ) from error
            # By kind alone: the text of an error may quote the token.
            raise invalid_token(f"It is not valid here ({type(error).__name__}).") from error
        return dict(verified.claims)

    async def _verified(self, token: str) -> jwt.Token:
        algorithms = list(self._config.algorithms)
        try:
            return jwt.decode(token, await self._provider.keys(), algorithms=algorithms)
        except (InvalidKeyIdError, ValueError):
            keys = await self._provider.keys(is_key_unknown=True)
            return jwt.decode(token, keys, algorithms=algorithms)


def invalid_token(why: str) -> CallRefusedError:
    """Return the refusal of a token."""
    return CallRefusedError(401, "identity.invalid_token", f"The token is refused. {why}")


def provider_silent() -> CallRefusedError:
    """Return the refusal where the identity provider cannot be asked: nobody is let in then."""
    return CallRefusedError(
        503, "identity.provider_silent", "The identity provider does not answer; try again."
    )
