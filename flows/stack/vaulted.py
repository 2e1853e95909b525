"""The stack's secrets in OpenBao, and what its services find in their place: references.

A service gets a file that says where its secrets are, and an AppRole's secret id by which it asks
for them. Both are of one start: the next one ends every secret id and account of those before.
"""

import secrets
from collections.abc import Mapping
from pathlib import Path

import yaml

from flows.stack.openbao import OpenBaoServer, write_own
from flows.stack.postgres import PostgresServer
from flows.stack.server_process import own_folder
from tasks.secrets.accounts import install_account_maker
from tasks.secrets.setting_up import (
    DATABASE,
    KV,
    REGISTRY,
    WORKER,
    BaoSetUp,
    LeasedDatabase,
    ServiceLogin,
)

POLICIES = Path(__file__).parents[2] / "deploy" / "openbao"
PASSWORD_BYTES = 24
# How old a secret may be that a service has read: a rotation is seen by then.
REFRESH_SECONDS = 5
SHORT_NAMES = {REGISTRY: "registry", WORKER: "worker"}  # below `kv/portcullis/`


class StackSecrets:
    """What was put into OpenBao for one start of the stack."""

    def __init__(self, folder: Path, bao: OpenBaoServer, place: str) -> None:
        """Remember where things go; nothing is asked yet.

        Args:
            folder: Of the files of references and of the logins.
            bao: It runs, and is open.
            place: The registry's database, `host:port/name`.
        """
        self._folder = own_folder(folder)
        self._bao = bao
        self._place = place

    def set_up(self, postgres: PostgresServer, values: Mapping[str, Mapping[str, str]]) -> None:
        """Put the secrets of this start where the services read them.

        Args:
            postgres: It runs, and has the registry's database with its roles.
            values: Of a service, a secret variable of docs/settings.md and its value.

        Raises:
            ServiceError: OpenBao or PostgreSQL refuses a step.
        """
        password = secrets.token_urlsafe(PASSWORD_BYTES)
        database = self._place.rpartition("/")[2]
        install_account_maker(postgres.superuser_url_of(database), password)

        token = self._bao.root_token()
        try:
            setting_up = BaoSetUp(self._bao.server, token)
            logins = setting_up.set_up(
                POLICIES,
                {SHORT_NAMES[name]: _fields(values[name]) for name in SHORT_NAMES},
                database=LeasedDatabase(self._place, password, ssl_mode="disable"),
                ends_logins=True,
            )
        finally:
            # Also where a step was refused: no token of root outlives this.
            self._bao.revoke(token)
        # After the set-up: a file of references that is there leads to secrets that are there.
        for name in SHORT_NAMES:
            self._write(name, logins[name], values[name])

    def file_of(self, service: str) -> Path:
        """Return a service's file of references, for `$PORTCULLIS_SECRETS`."""
        return self._folder / f"{SHORT_NAMES[service]}.yaml"

    def remove_logins(self) -> None:
        """Remove the secret ids, which open nothing after the stack's end."""
        for name in SHORT_NAMES:
            self._login_file(name).unlink(missing_ok=True)

    def _login_file(self, service: str) -> Path:
        return self._folder / f"{SHORT_NAMES[service]}.secret-id"

    def _write(self, service: str, login: ServiceLogin, values: Mapping[str, str]) -> None:
        write_own(self._login_file(service), login.secret_id)

        role = self._folder / f"{SHORT_NAMES[service]}.role-id"
        write_own(role, login.role_id)

        path = f"bao:{KV}/portcullis/{SHORT_NAMES[service]}"

        declared = {
            "bao": {
                "address": self._bao.server.address,
                "approle": {
                    "role_id": f"file:{role}",
                    "secret_id": f"file:{self._login_file(service)}",
                },
                "refresh_seconds": REFRESH_SECONDS,
            },
            "secrets": {name: f"{path}#{_field(name)}" for name in values},
            "databases": {self._place: f"bao:{DATABASE}/creds/{service}"},
        }

        self.file_of(service).write_text(yaml.safe_dump(declared, sort_keys=False))


def _fields(values: Mapping[str, str]) -> dict[str, str]:
    return {_field(name): value for name, value in values.items()}


def _field(variable: str) -> str:
    """Return the field of a KV secret that holds a variable's value."""
    return variable.lower()
