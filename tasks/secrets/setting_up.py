"""Make in OpenBao or Vault what the services need: engines, policies, logins, first secrets.

One call, and again after a change: what is there already stays, and is set right.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tasks.errors import ConfigError, ServiceError
from tasks.formats.regular_file import describe_unreadable, read_regular_file
from tasks.secrets.accounts import CREATION, GATEKEEPER_CREATION, MAKER, RENEWAL, REVOCATION
from tasks.system.bao import BaoServer, DeniedError, ask_bao

REGISTRY = "portcullis-registry"
WORKER = "portcullis-worker"
ALERTS = "portcullis-alerts"
SERVICES = (REGISTRY, WORKER, ALERTS)
KV = "kv"
DATABASE = "database"
# Who leases accounts of the registry's database, and how they are made.
LEASING = {REGISTRY: CREATION, WORKER: GATEKEEPER_CREATION}
ENGINES = {KV: ("kv", {"version": "2"}), "transit": ("transit", {}), DATABASE: ("database", {})}
SECONDS = 30
NONE_LISTED = 404
# A token without an end that is renewed; a service that stopped is unknown after an hour.
TOKEN_PERIOD_SECONDS = 3600


@dataclass(frozen=True)
class LeasedDatabase:
    """The database whose accounts are leased: the registry's server's, and the gatekeeper's.

    Attributes:
        place: `host:port/name`.
        password: Of the account that makes the others (`accounts.install_account_maker`);
            afterwards OpenBao keeps it.
        lease_seconds: After how long an account is renewed or replaced.
        most_seconds: After how long it is replaced, however often it was renewed.
        ssl_mode: As in libpq; `disable` is for one machine.
    """

    place: str
    password: str = field(repr=False)
    lease_seconds: int = 3600
    most_seconds: int = 24 * 3600
    ssl_mode: str = "verify-full"


@dataclass(frozen=True)
class TrustedIssuer:
    """The identity provider whose tokens a service may log in with.

    Attributes:
        address: Exactly as its tokens name it.
        audience: What a token for this server names.
        subjects: A service (of `SERVICES`), and the subject of its tokens.
    """

    address: str
    audience: str
    subjects: Mapping[str, str]


@dataclass(frozen=True)
class ServiceLogin:
    """What a service logs in with by AppRole."""

    role_id: str
    secret_id: str = field(repr=False)


class BaoSetUp:
    """Sets up one server, as somebody who may; nothing is kept of the token."""

    def __init__(self, server: BaoServer, token: str) -> None:
        self._server = server
        self._token = token

    def set_up(
        self,
        policies: Path,
        values: Mapping[str, Mapping[str, str]],
        *,
        signing_keys: tuple[str, ...] = (),
        database: LeasedDatabase | None = None,
        issuer: TrustedIssuer | None = None,
        ends_logins: bool = False,
    ) -> dict[str, ServiceLogin]:
        """Make everything; return the logins of the services, each with a new secret id.

        Args:
            policies: The folder `deploy/openbao`, a file `<service>.hcl` each.
            values: Of `registry`, `worker` and `alerts` the first secrets, by field. A secret that
                is there already gets another version.
            signing_keys: Names of the Transit keys that the worker signs with.
            database: Whose accounts are leased.
            issuer: By whose tokens services may log in, too.
            ends_logins: Whether secret ids and accounts that were given before end now.

        Raises:
            ConfigError: A policy cannot be read.
            ServiceError: The server is away, or refuses a step; all before it is done.
        """
        self._mount()
        # Policies before the logins that name them.
        for service in SERVICES:
            self._ask(f"sys/policies/acl/{service}", {"policy": _policy(policies, service)})

        for name, fields in values.items():
            self.put(name, fields)

        for key in signing_keys:
            # Not exportable: a key that signs never leaves the server.
            self._ask(f"transit/keys/{key}", {"type": "ed25519", "exportable": False})

        if database is not None:
            self._lease(database)
        if issuer is not None:
            self._trust(issuer)

        if ends_logins:
            # Last but one: only the secret ids that are returned below are in force afterwards.
            self._end_logins()

        return {service: self._app_role(service) for service in SERVICES}

    def put(self, name: str, fields: Mapping[str, str]) -> None:
        """Write a new version of a service's secrets: all of its fields."""
        self._ask(f"{KV}/data/portcullis/{name}", {"data": dict(fields)})

    def _mount(self) -> None:
        engines = self._ask("sys/mounts", None)["data"]
        for path, (kind, options) in ENGINES.items():
            # An engine that is there is left: mounting over it is refused, and what it holds is in
            # use.
            if f"{path}/" not in engines:
                self._ask(f"sys/mounts/{path}", {"type": kind, "options": options})
        logins = self._ask("sys/auth", None)["data"]
        for kind in ("approle", "jwt"):
            if f"{kind}/" not in logins:
                self._ask(f"sys/auth/{kind}", {"type": kind})

    def _lease(self, database: LeasedDatabase) -> None:
        # Doubled braces are OpenBao's places for the account and the password that it logs in by.
        place = f"postgresql://{{{{username}}}}:{{{{password}}}}@{database.place}"
        connection = {
            "plugin_name": "postgresql-database-plugin",
            "connection_url": f"{place}?sslmode={database.ssl_mode}",
            "username": MAKER,
            "password": database.password,
            "password_authentication": "scram-sha-256",
            "allowed_roles": list(LEASING),
        }

        self._ask(f"{DATABASE}/config/portcullis", connection)

        for service, creation in LEASING.items():
            role = {
                "db_name": "portcullis",
                "creation_statements": [creation],
                "renew_statements": [RENEWAL],
                "revocation_statements": [REVOCATION],
                "default_ttl": f"{database.lease_seconds}s",
                "max_ttl": f"{database.most_seconds}s",
            }
            self._ask(f"{DATABASE}/roles/{service}", role)

    def _trust(self, issuer: TrustedIssuer) -> None:
        where = {"oidc_discovery_url": issuer.address, "bound_issuer": issuer.address}

        self._ask("auth/jwt/config", where)

        for service, subject in issuer.subjects.items():
            role = {
                "role_type": "jwt",
                "user_claim": "sub",
                "bound_audiences": [issuer.audience],
                "bound_subject": subject,
                **_token(service),
            }
            self._ask(f"auth/jwt/role/{service}", role)

    def _end_logins(self) -> None:
        for service in SERVICES:
            role = f"auth/approle/role/{service}"
            # A token outlives the secret id that it was made by; a role's end ends neither.
            self._ask(role, {"bind_secret_id": True, **_token(service)})
            for accessor in self._listed(f"{role}/secret-id"):
                self._ask(f"{role}/secret-id-accessor/destroy", {"secret_id_accessor": accessor})
        self._ask("sys/leases/revoke-prefix/auth/approle/login", {})
        self._ask(f"sys/leases/revoke-prefix/{DATABASE}/creds", {})

    def _listed(self, path: str) -> list[str]:
        remedy = "Start or unseal it, then set it up again."
        try:
            answer = ask_bao(
                self._server, self._token, f"{path}?list=true", None, seconds=SECONDS, remedy=remedy
            )
        except DeniedError as error:
            if error.status == NONE_LISTED:
                return []
            raise self._refused(path, error) from None
        return list(answer["data"]["keys"])

    def _app_role(self, service: str) -> ServiceLogin:
        self._ask(f"auth/approle/role/{service}", {"bind_secret_id": True, **_token(service)})
        role_id = self._ask(f"auth/approle/role/{service}/role-id", None)["data"]["role_id"]
        secret = self._ask(f"auth/approle/role/{service}/secret-id", {})["data"]
        return ServiceLogin(str(role_id), str(secret["secret_id"]))

    def _ask(self, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        remedy = "Start or unseal it, then set it up again."
        try:
            return ask_bao(self._server, self._token, path, body, seconds=SECONDS, remedy=remedy)
        except DeniedError as error:
            raise self._refused(path, error) from None

    def _refused(self, path: str, error: DeniedError) -> ServiceError:
        return ServiceError(
            f"{self._server.address}, {path}",
            expected="leave to set it up",
            found=str(error),
            remedy="Take a token that may change this, and mend what the server's log names.",
        )


def _token(service: str) -> dict[str, Any]:
    return {
        "token_policies": [service],
        "token_no_default_policy": False,
        "token_period": TOKEN_PERIOD_SECONDS,
    }


def _policy(folder: Path, service: str) -> str:
    path = folder / f"{service}.hcl"
    try:
        return read_regular_file(path).decode("utf-8")
    except (OSError, ValueError) as error:
        raise ConfigError(
            str(path),
            expected="a policy of OpenBao",
            found=describe_unreadable(error),
            remedy="Restore it from git.",
        ) from None
