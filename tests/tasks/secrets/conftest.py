"""OpenBao, PostgreSQL with the registry's roles, and an identity provider, once for the package."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import yaml

from tasks.registry_database.installing import install
from tasks.secrets.accounts import install_account_maker
from tasks.secrets.provider import Secrets, open_secrets
from tasks.secrets.setting_up import (
    REGISTRY,
    WORKER,
    BaoSetUp,
    LeasedDatabase,
    ServiceLogin,
    TrustedIssuer,
)
from tasks.settings import Settings
from tasks.system.bao import BaoServer
from tests import services
from tests.identity import Issuer, identity_provider
from tests.services import TOKEN, Bao

POLICIES = Path(__file__).parents[3] / "deploy" / "openbao"
AUDIENCE = "openbao"
LEASE_SECONDS = 5
VALUES = {
    "registry": {
        "client_secret": "the client's secret",
        "session_key": "5a" * 32,
        "access_key_id": "AKIAFIRST",
        "secret_access_key": "first/secret+key",
    },
    "worker": {"client_secret": "the worker's secret"},
    "alerts": {"hec_token": "the collector's token"},
}


@dataclass(frozen=True)
class Vaulted:
    """Everything that was set up."""

    bao: Bao
    logins: Mapping[str, ServiceLogin]
    owner_url: str
    place: str
    issuer: Issuer
    set_up: BaoSetUp
    opened: list[Secrets] = field(default_factory=list)

    def section(self, **more: Any) -> dict[str, Any]:
        """Return the section `bao` of a service that logs in by AppRole."""
        approle = {"role_id": "env:ROLE_ID", "secret_id": "env:SECRET_ID"}
        return {"address": self.bao.address, "approle": approle, "refresh_seconds": 0.2, **more}

    def environ(self, service: str = REGISTRY) -> dict[str, str]:
        login = self.logins[service]
        return {"ROLE_ID": login.role_id, "SECRET_ID": login.secret_id}

    def users(self) -> set[str]:
        """Return the accounts that the database has now."""
        with psycopg.connect(self.owner_url) as link:
            rows = link.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 'v-%'")
            return {row[0] for row in rows}


@pytest.fixture(scope="session")
def vaulted() -> Iterator[Vaulted]:
    """Run the three servers, and set OpenBao up for all services."""
    with services.postgres() as url, services.bao() as bao, identity_provider() as issuer:
        install(url, is_audited=False)
        install_account_maker(url, "maker-password")
        place = urlsplit(url).netloc.rpartition("@")[2] + urlsplit(url).path
        _ask_for_passwords(url)
        set_up = BaoSetUp(BaoServer(bao.address), TOKEN)
        logins = set_up.set_up(
            POLICIES,
            VALUES,
            signing_keys=("portcullis-log",),
            database=LeasedDatabase(
                place,
                "maker-password",
                lease_seconds=LEASE_SECONDS,
                most_seconds=LEASE_SECONDS,
                ssl_mode="disable",
            ),
            issuer=TrustedIssuer(
                issuer.address, AUDIENCE, {REGISTRY: "svc-registry", WORKER: "svc-release"}
            ),
        )
        yield Vaulted(bao, logins, url, place, issuer, set_up)


@pytest.fixture
def opened(vaulted: Vaulted, tmp_path: Path) -> Iterator[Callable[..., Secrets]]:
    """Return a function that opens a provider for a file's values; all are closed at the end."""
    providers: list[Secrets] = []

    def open_one(values: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> Secrets:
        path = tmp_path / "secrets.yaml"
        path.write_text(yaml.safe_dump(dict(values)))
        variables = {
            **(vaulted.environ() if environ is None else environ),
            "PORTCULLIS_SECRETS": str(path),
        }
        providers.append(open_secrets(Settings.from_environment(variables), variables))
        return providers[-1]

    yield open_one
    for provider in providers:
        provider.close()


def _ask_for_passwords(url: str) -> None:
    """Have PostgreSQL ask everybody but its superuser for a password."""
    with psycopg.connect(url, autocommit=True) as link:
        row = link.execute("SHOW hba_file").fetchone()
        assert row is not None
        Path(row[0]).write_text(
            "local all t trust\nhost all t 127.0.0.1/32 trust\n"
            "host all all 127.0.0.1/32 scram-sha-256\n"
        )
        link.execute("SELECT pg_reload_conf()")
