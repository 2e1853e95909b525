"""Access tokens of the release's service account, from a provider on the loopback."""

from collections.abc import Iterator
from functools import partial

import pytest
from joserfc import jwt

from tasks.errors import ConfigError, ServiceError
from tasks.registry.signing_in import ServiceTokens, sign_in
from tasks.settings import Settings
from tests.identity import Issuer, identity_provider

ACCOUNT = "svc-release"
SECRET = "with: / and +"


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with identity_provider() as running:
        running.services = {ACCOUNT: SECRET}
        yield running


def settings(**values: str) -> Settings:
    return Settings.from_environment(
        {f"PORTCULLIS_REGISTRY_{name}": values[name] for name in values}
    )


def test_one_token_serves_until_half_of_its_time_has_passed(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("tasks.registry.signing_in.time.monotonic", lambda: now)
    tokens = ServiceTokens(issuer.address, ACCOUNT, lambda: SECRET)
    first = tokens.current()
    claims = jwt.decode(first, issuer.keys[0]).claims
    assert claims["sub"] == ACCOUNT

    now += issuer.service_seconds / 2 - 1
    assert tokens.current() == first
    assert issuer.asked.count("/token") == 1
    now += 1
    tokens.current()
    assert issuer.asked.count("/token") == 2


def test_a_token_that_lives_for_no_time_is_none(issuer: Issuer) -> None:
    issuer.service_seconds = 0
    with pytest.raises(ServiceError, match="access token"):
        ServiceTokens(issuer.address, ACCOUNT, lambda: SECRET).current()


def test_a_wrong_secret_and_a_provider_that_is_away_are_told_without_the_secret(
    issuer: Issuer,
) -> None:
    for secret, is_down in (("wrong-secret", False), (SECRET, True)):
        issuer.is_down = is_down
        with pytest.raises(ServiceError) as caught:
            ServiceTokens(issuer.address, ACCOUNT, partial(str, secret)).current()
        assert "identity provider" in str(caught.value)
        assert secret not in str(caught.value)


def test_a_provider_that_names_another_issuer_is_sent_no_secret(issuer: Issuer) -> None:
    other = issuer.address.replace("127.0.0.1", "localhost")
    with pytest.raises(ServiceError):
        ServiceTokens(other, ACCOUNT, lambda: SECRET).current()
    assert "/token" not in issuer.asked


@pytest.mark.parametrize("address", ["http://login.example", "ftp://127.0.0.1", "login.example"])
def test_a_secret_goes_over_no_line_that_others_read(address: str) -> None:
    with pytest.raises(ConfigError, match="https"):
        ServiceTokens(address, ACCOUNT, lambda: SECRET)


def test_one_variable_without_the_others_is_told_by_name() -> None:
    with pytest.raises(ConfigError, match="PORTCULLIS_REGISTRY_CLIENT"):
        sign_in(settings(ISSUER="https://login.example", CLIENT_SECRET=SECRET))


def test_without_any_of_them_nobody_signs_in(issuer: Issuer) -> None:
    assert not sign_in(settings())
    assert sign_in(settings(ISSUER=issuer.address, CLIENT=ACCOUNT, CLIENT_SECRET=SECRET))


def test_a_secret_that_is_rotated_while_a_release_runs_is_the_next_one_to_be_sent(
    issuer: Issuer,
) -> None:
    secrets = ["an-old-secret", SECRET]
    tokens = ServiceTokens(issuer.address, ACCOUNT, lambda: secrets[0])
    with pytest.raises(ServiceError, match="access token"):
        tokens.current()
    secrets.pop(0)
    assert tokens.current()


def test_an_address_that_cannot_be_asked_is_one_line() -> None:
    tokens = ServiceTokens("https://issuer.example:port", "client", lambda: "secret")
    with pytest.raises(ServiceError, match="the identity provider of the registry"):
        tokens.current()
