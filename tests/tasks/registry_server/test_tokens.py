"""Tokens: each claim that does not hold is refused, keys change, and no silence lets anybody in."""

import asyncio
import base64
import hmac
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwt

from tasks.registry_server import tokens
from tasks.registry_server.calls import Caller, CallRefusedError
from tasks.registry_server.configuring import ServerConfig
from tasks.registry_server.routes import RegistryRole
from tasks.registry_server.tokens import Provider, TokenVerifier
from tests.identity import CLIENT, Issuer, identity_provider, new_key
from tests.registry_servers import GATEKEEPER, server_values


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with identity_provider() as running:
        running.groups = {"ann": ["ds"]}
        yield running


def config_for(running: Issuer, **changes: Any) -> ServerConfig:
    values = server_values("http://127.0.0.1:5000", running.address, Path("/nowhere/audit.jsonl"))
    return ServerConfig.model_validate(values | changes)


async def verify(config: ServerConfig, *presented: str) -> list[Caller]:
    async with httpx.AsyncClient() as client:
        verifier = TokenVerifier(config, Provider(config, client))
        return [await verifier.bearer(token) for token in presented]


def caller(issuer: Issuer, token: str, **changes: Any) -> Caller:
    return asyncio.run(verify(config_for(issuer, **changes), token))[0]


def refusal(issuer: Issuer, token: str, **changes: Any) -> CallRefusedError:
    with pytest.raises(CallRefusedError) as error:
        caller(issuer, token, **changes)
    assert token[-20:] not in error.value.text
    return error.value


def test_roles_come_from_groups_and_those_of_services_from_our_configuration(
    issuer: Issuer,
) -> None:
    assert caller(issuer, issuer.token("ann")).roles == {RegistryRole.DATA_SCIENTIST}
    both = issuer.token("ann", groups=["ds", "audit", 7, "other"])
    assert caller(issuer, both).roles == {
        RegistryRole.DATA_SCIENTIST,
        RegistryRole.MODEL_AUDITOR,
    }
    service = issuer.token(GATEKEEPER, groups=["platform"])
    assert caller(issuer, service).roles == {RegistryRole.GATEKEEPER}


@pytest.mark.parametrize("groups", [None, [], "ds", {"ds": True}, ["DS"], ["Gatekeeper"]])
def test_other_groups_give_nothing(issuer: Issuer, groups: object) -> None:
    assert refusal(issuer, issuer.token("ann", groups=groups)).kind == "identity.no_role"


def now() -> int:
    return int(time.time())


@dataclass(frozen=True)
class FromNow:
    """A time by its distance from when the test runs: when tests are collected is another time."""

    seconds: int


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "http://127.0.0.1:1"},
        {"iss": None},
        {"aud": None},
        {"sub": None},
        {"sub": 7},
        {"exp": None},
        {"iat": None},
        {"exp": "soon"},
        {"iat": FromNow(-120), "exp": FromNow(-61)},
        {"iat": FromNow(3600), "exp": FromNow(3601)},
        {"nbf": FromNow(3600)},
        {"exp": FromNow(3600)},  # made for an hour, where a minute is allowed
        {"iat": -(10**12), "exp": FromNow(30)},
    ],
    ids=str,
)
def test_a_claim_that_does_not_hold_is_refused(issuer: Issuer, claims: dict[str, Any]) -> None:
    at = now()
    meant: dict[str, Any] = {
        name: at + value.seconds if isinstance(value, FromNow) else value
        for name, value in claims.items()
    }
    assert refusal(issuer, issuer.token("ann", **meant)).kind == "identity.invalid_token"


@pytest.mark.parametrize("audience", [CLIENT, ["other"]], ids=str)
def test_a_token_for_another_server_is_refused_by_a_kind_of_its_own(
    issuer: Issuer, audience: object
) -> None:
    """Rules ask for it; an ID token is no access token either."""
    refused = refusal(issuer, issuer.token("ann", aud=audience))
    assert (refused.status, refused.kind) == (401, "identity.audience")


def test_clocks_may_differ_as_far_as_the_configuration_says(issuer: Issuer) -> None:
    late = issuer.token("ann", iat=now() - 40, exp=now() - 3)
    assert refusal(issuer, late).status == 401
    assert caller(issuer, late, clock_skew_seconds=10).subject == "ann"


def encoded(values: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).rstrip(b"=").decode()


def unsigned(issuer: Issuer) -> str:
    _, payload, _ = issuer.token("ann").split(".")
    return f"{encoded({'alg': 'none'})}.{payload}."


def signed_with_the_public_key(issuer: Issuer) -> str:
    """Return a token of HS256 whose key is the provider's public one."""
    # By hand: joserfc's own signer refuses to.
    public = issuer.keys[0].as_pem(private=False)
    _, payload, _ = issuer.token("ann").split(".")
    signed = f"{encoded({'alg': 'HS256', 'kid': issuer.keys[0].kid})}.{payload}"
    mark = hmac.new(public, signed.encode(), "sha256").digest()
    return f"{signed}.{base64.urlsafe_b64encode(mark).rstrip(b'=').decode()}"


def with_a_key_of_its_own(issuer: Issuer) -> str:
    """Return a token whose header brings the key that it is signed with."""
    key = new_key()
    payload = jwt_payload(issuer.token("ann"))
    header = {"alg": "ES256", "kid": issuer.keys[0].kid, "jwk": key.as_dict(private=False)}
    return jwt.encode(header, payload, key)


def changed(issuer: Issuer) -> str:
    header, _, signature = issuer.token("ann").split(".")
    values = jwt_payload(issuer.token("ann")) | {"groups": ["platform"]}
    return f"{header}.{encoded(values)}.{signature}"


def jwt_payload(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    padded = payload + "=" * (-len(payload) % 4)
    values: dict[str, Any] = json.loads(base64.urlsafe_b64decode(padded))
    return values


@pytest.mark.parametrize(
    "make", [unsigned, signed_with_the_public_key, with_a_key_of_its_own, changed]
)
def test_a_forged_token_is_refused(issuer: Issuer, make: Any) -> None:
    assert refusal(issuer, make(issuer)).kind == "identity.invalid_token"


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "é.é.é", "." * 9000, "a.b.c.d.e"])
def test_what_is_no_token_is_refused(issuer: Issuer, token: str) -> None:
    with pytest.raises(CallRefusedError) as error:
        caller(issuer, token)
    assert error.value.status == 401


def test_an_algorithm_that_is_not_pinned_is_refused(issuer: Issuer) -> None:
    refused = refusal(issuer, issuer.token("ann"), algorithms=["RS256"])
    assert refused.kind == "identity.invalid_token"


def test_a_new_key_counts_at_once_and_a_withdrawn_one_no_longer(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def rotate() -> None:
        config = config_for(issuer)
        async with httpx.AsyncClient() as client:
            verifier = TokenVerifier(config, Provider(config, client))
            old = issuer.token("ann")
            await verifier.bearer(old)

            monkeypatch.setattr(tokens, "UNKNOWN_KEY_SECONDS", 0)
            issuer.keys[:] = [new_key()]
            assert (await verifier.bearer(issuer.token("ann"))).subject == "ann"
            with pytest.raises(CallRefusedError):
                await verifier.bearer(old)

    asyncio.run(rotate())


def test_made_up_keys_do_not_make_us_ask_each_time(issuer: Issuer) -> None:
    async def flood() -> None:
        config = config_for(issuer)
        async with httpx.AsyncClient() as client:
            verifier = TokenVerifier(config, Provider(config, client))
            for _ in range(20):
                with pytest.raises(CallRefusedError):
                    await verifier.bearer(issuer.token("ann", new_key()))

    asyncio.run(flood())
    assert issuer.asked.count("/jwks") == 1


def test_a_silent_provider_lets_nobody_in_but_known_keys_count_for_a_while(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silence() -> None:
        config = config_for(issuer)
        async with httpx.AsyncClient() as client:
            verifier = TokenVerifier(config, Provider(config, client))
            await verifier.bearer(issuer.token("ann"))
            issuer.is_down = True
            monkeypatch.setattr(tokens, "UNKNOWN_KEY_SECONDS", -1)
            monkeypatch.setattr(tokens, "FRESH_SECONDS", -1)
            assert (await verifier.bearer(issuer.token("ann"))).subject == "ann"
            monkeypatch.setattr(tokens, "STALE_SECONDS", -1)
            with pytest.raises(CallRefusedError) as error:
                await verifier.bearer(issuer.token("ann"))
            assert (error.value.status, error.value.kind) == (503, "identity.provider_silent")

    asyncio.run(silence())


def test_another_issuer_s_description_is_not_taken(issuer: Issuer) -> None:
    token = issuer.token("ann")
    config = config_for(issuer, issuer=issuer.address.replace("127.0.0.1", "localhost"))
    with pytest.raises(CallRefusedError) as error:
        asyncio.run(verify(config, token))
    assert error.value.kind == "identity.provider_silent"
