"""The whole stack, or any combination of its layers, from one folder of data.

A second start finds the data of the first. What is secret is made anew at each start and written
nowhere but into OpenBao, where the plan has that: passwords of people, of services and of database
roles, keys of tokens, of cookies and of S3.
"""

import secrets
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

import yaml

from flows.serving.ports import find_free_port
from flows.stack.bucket import BUCKET, BucketServer
from flows.stack.databases import make_database
from flows.stack.identity import Client, IdentityServer
from flows.stack.openbao import OpenBaoServer
from flows.stack.own_provider import OwnProvider
from flows.stack.postgres import PostgresServer
from flows.stack.registry import CHECKOUT, SESSION_KEY_BYTES, RegistryProcess
from flows.stack.server_process import StackServer, own_folder
from flows.stack.vaulted import StackSecrets
from tasks.registry_database.installing import add_account, install
from tasks.registry_database.privileges import DatabaseRole
from tasks.secrets.setting_up import REGISTRY, WORKER
from tasks.secrets.tracking_store import SCHEME_PREFIX

ALL_LAYERS = frozenset({1, 2, 3, 4})
AUDIENCE = "portcullis-registry"
PAGES_CLIENT = "registry-pages"
GATEKEEPER = "svc-release"
TRAINING = "svc-training"
SERVICES = {GATEKEEPER: "Gatekeeper", TRAINING: "DataScientist"}
GROUPS = {"risk-modelling": "DataScientist", "model-audit": "ModelAuditor", "platform": "Admin"}
DATABASE = "registry"
OWNER = "registry_owner"
SERVER_ACCOUNT = "registry_server"
GATEKEEPER_ACCOUNT = "registry_gatekeeper"
DATABASE_ACCOUNTS = {
    SERVER_ACCOUNT: DatabaseRole.SERVER,
    GATEKEEPER_ACCOUNT: DatabaseRole.GATEKEEPER,
}
SECRET_BYTES = 24
RECHECK_SECONDS = 30
# A body without a bound would fill the disk.
MOST_ARTIFACT_BYTES = 2 << 30


@dataclass(frozen=True)
class StackPlan:
    """What is started, and where.

    Attributes:
        folder: Of all data and logs.
        layers: Which of the four are on.
        port: Of the registry; 0 takes a free one.
        recheck_seconds: How old the provider's word about a session may be.
        postgres_folder: Where PostgreSQL keeps its data, if not below `folder`: root starts it as
            another account, which may not enter a folder of root's.
        trust: What layer 2 trusts, as `tasks.registry_store.pinning` gives it; it needs one.
        has_openbao: Whether the registry gets its secrets and its database's accounts from OpenBao;
            it needs the layers 1 and 3. Without it they are in its environment.
        lock: A locked descriptor that every server keeps open, so that nobody takes the lock before
            the last of them has ended, whatever became of the command.
        provider: The house's own identity provider; where None, the stack brings one.
    """

    folder: Path
    layers: frozenset[int] = ALL_LAYERS
    port: int = 0
    recheck_seconds: int = RECHECK_SECONDS
    postgres_folder: Path | None = None
    trust: Mapping[str, object] | None = None
    has_openbao: bool = False
    lock: int | None = None
    provider: OwnProvider | None = None

    def __post_init__(self) -> None:
        """Refuse a layer that there is not, and OpenBao for whom it has nothing.

        Raises:
            ValueError: It is so.
        """
        if not self.layers <= ALL_LAYERS:
            raise ValueError("the layers are 1, 2, 3 and 4")

        if 2 in self.layers and self.trust is None:
            raise ValueError("layer 2 needs what it trusts")

        if self.has_openbao and not {1, 3} <= self.layers:
            raise ValueError("OpenBao keeps what the layers 1 and 3 need")


class Stack:
    """The servers of a plan, running as long as the block of `with` lasts.

    Attributes:
        origin: The address of the pages and of the API.
        postgres: The database server.
        identity: The OpenID provider, where layer 1 is on and the plan has no other.
        audit_file: What layer 1 writes.
        bucket: The S3 server of releases, where layer 4 is on.
        openbao: What keeps the secrets, where the plan has it.
        gatekeeper_database_url: By which the worker inserts evidence, where layer 3 is on.
    """

    def __init__(self, plan: StackPlan, tell: Callable[[str], None] = lambda _: None) -> None:
        self._plan = plan
        self._tell = tell
        self._servers: dict[str, StackServer] = {}

        self._ending = ExitStack()
        self._logs = own_folder(plan.folder / "logs")
        self._port = plan.port or find_free_port()
        self.origin = f"http://127.0.0.1:{self._port}"
        self.audit_file = plan.folder / "audit.jsonl"

        self.identity: IdentityServer | None = None
        self.bucket: BucketServer | None = None
        self.gatekeeper_database_url = ""
        self.openbao: OpenBaoServer | None = None
        self._stack_secrets: StackSecrets | None = None

    def __enter__(self) -> Self:
        """Start all; where one does not start, end those that did."""
        with ExitStack() as undoing:
            # `with` calls no `__exit__` where `__enter__` fails.
            undoing.callback(self._ending.close)
            self._start()
            undoing.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End all, in the reverse of their order."""
        self._ending.close()

    @property
    def issuer(self) -> str:
        """The address of the identity provider; empty where layer 1 is off."""
        if self._plan.provider is not None:
            return self._plan.provider.issuer
        return self.identity.issuer if self.identity is not None else ""

    def problem(self) -> str | None:
        """Return which server has ended, and how; None while all run."""
        for name, server in self._servers.items():
            # One that ends by itself ends the stack: a registry without its database or its
            # provider would answer errors for as long as nobody looks (ADR 97).
            if ended := server.problem():
                return f"{name}: {ended}"
        return None

    def release_environment(self) -> dict[str, str]:
        """Return what a release's worker needs to publish here, for this start."""
        values = {"MLFLOW_TRACKING_URI": self.origin}

        if self.issuer:
            values["PORTCULLIS_REGISTRY_ISSUER"] = self.issuer

        if self.identity is not None:
            values["PORTCULLIS_REGISTRY_CLIENT"] = GATEKEEPER
            if self._stack_secrets is None:
                secret = self.identity.service_secrets[GATEKEEPER]
                values["PORTCULLIS_REGISTRY_CLIENT_SECRET"] = secret

        if self.gatekeeper_database_url:
            values["PORTCULLIS_REGISTRY_EVIDENCE_URL"] = self.gatekeeper_database_url

        # Where OpenBao keeps the secrets, the worker asks for them: none goes by the environment.
        if self._stack_secrets is not None:
            values["PORTCULLIS_SECRETS"] = str(self._stack_secrets.file_of(WORKER))

        if self.bucket is not None:
            values |= self.bucket.release_environment()
            values |= {} if self._stack_secrets else self.bucket.keys_of(self.bucket.worker)

        return values

    def _start(self) -> None:
        plan = self._plan
        # The address of the registry is known before it runs: its provider has to know where
        # browsers may be sent back to.
        pages = Client(PAGES_CLIENT, secrets.token_urlsafe(SECRET_BYTES), self.origin)
        self.postgres = PostgresServer(
            plan.postgres_folder or plan.folder / "postgres", self._log("postgres")
        )
        self._begin("PostgreSQL", self.postgres)

        if plan.provider is not None:
            pages = replace(pages, secret=plan.provider.client_secret)
        elif 1 in plan.layers:
            self.identity = IdentityServer(
                plan.folder / "identity",
                self._log("identity"),
                pages=pages,
                audience=AUDIENCE,
                services=tuple(SERVICES),
            )
            self._begin("the OpenID provider", self.identity)

        if 4 in plan.layers:
            self.bucket = BucketServer(
                plan.folder / "bucket", self._log("bucket"), workspace=CHECKOUT
            )
            self._begin("SeaweedFS", self.bucket)

        if plan.has_openbao:
            self.openbao = OpenBaoServer(plan.folder / "openbao", self._log("openbao"))
            self._begin("OpenBao", self.openbao)

        # All were started before the first is waited for: they come up side by side.
        for server in self._servers.values():
            server.wait()

        store_url = self._make_store()
        artifacts = own_folder(plan.folder / "artifacts")
        registry = RegistryProcess(
            plan.folder / "registry",
            self._log("registry"),
            port=self._port,
            store_url=store_url,
            artifacts=str(artifacts),
            config=self._config() if 1 in plan.layers else None,
            client_secret=pages.secret,
            secrets_file=self._keep_secrets(pages) if plan.has_openbao else None,
            registry_store_url=f"{SCHEME_PREFIX}{store_url}" if 2 in plan.layers else "",
            more=self._reader_environment() | self._trust_environment(),
        )
        self._begin("MLflow", registry)
        registry.wait()

    def _make_store(self) -> str:
        """Make MLflow's database, and return its address for the account that serves."""
        owner_password = make_database(self.postgres, DATABASE, OWNER)
        # Without layer 3 MLflow owns its tables, as it does by itself.
        if 3 not in self._plan.layers:
            return self.postgres.url(OWNER, owner_password, DATABASE)

        superuser_url = self.postgres.superuser_url_of(DATABASE)
        install(superuser_url, is_audited=self.postgres.is_audited)
        if self._plan.has_openbao:
            # Whoever connects leases an account.
            self.gatekeeper_database_url = f"postgresql://{self.postgres.place(DATABASE)}"
            return self.gatekeeper_database_url

        urls = {}
        for account, role in DATABASE_ACCOUNTS.items():
            password = secrets.token_urlsafe(SECRET_BYTES)
            add_account(superuser_url, account, role, password)
            urls[account] = self.postgres.url(account, password, DATABASE)
        self.gatekeeper_database_url = urls[GATEKEEPER_ACCOUNT]
        return urls[SERVER_ACCOUNT]

    def _keep_secrets(self, pages: Client) -> Path:
        """Put this start's secrets into OpenBao; return the registry's file of references."""
        assert self.openbao is not None
        registry = {
            "PORTCULLIS_SERVER_CLIENT_SECRET": pages.secret,
            "PORTCULLIS_SERVER_SESSION_KEY": secrets.token_hex(SESSION_KEY_BYTES),
        }

        worker = {}

        if self.identity is not None:
            secret = self.identity.service_secrets[GATEKEEPER]
            worker["PORTCULLIS_REGISTRY_CLIENT_SECRET"] = secret

        if self.bucket is not None:
            registry |= self.bucket.keys_of(self.bucket.reader)
            worker |= self.bucket.keys_of(self.bucket.worker)

        stack_secrets = StackSecrets(
            self._plan.folder / "secrets", self.openbao, self.postgres.place(DATABASE)
        )

        # Removed at the end even where setting up fails half-way.
        self._ending.callback(stack_secrets.remove_logins)

        stack_secrets.set_up(self.postgres, {REGISTRY: registry, WORKER: worker})

        self._stack_secrets = stack_secrets
        return stack_secrets.file_of(REGISTRY)

    def _reader_environment(self) -> dict[str, str]:
        """Return how MLflow reads the release bucket."""
        if self.bucket is None:
            return {}
        keys = {} if self._plan.has_openbao else self.bucket.keys_of(self.bucket.reader)
        return self.bucket.place_environment() | keys

    def _trust_environment(self) -> dict[str, str]:
        """Write what layer 2 trusts, and return where it finds that."""
        if 2 not in self._plan.layers:
            return {}

        # Where there is a release bucket, released runs lie there and nowhere else.
        # Of any other place layer 2 registers nothing, whatever the evidence says.
        place = f"s3://{BUCKET}/" if self.bucket else "mlflow-artifacts:/"
        path = own_folder(self._plan.folder / "registry") / "store.yaml"
        values = {**(self._plan.trust or {}), "artifact_roots": [place]}
        path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
        return {"PORTCULLIS_STORE_CONFIG": str(path)}

    def _begin(self, name: str, server: StackServer) -> None:
        self._tell(f"starting {name}")
        # Before it is started: one that does not come up is ended, too.
        self._ending.callback(server.stop)
        if self._plan.lock is not None:
            server.hold(self._plan.lock)
        server.start()
        self._servers[name] = server

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def _config(self) -> dict[str, object]:
        """Return the configuration of layer 1, as its file holds it."""
        common = common_config(self.origin, self.audit_file, self._plan.recheck_seconds)

        if self._plan.provider is not None:
            return common | dict(self._plan.provider.values)

        assert self.identity is not None
        return common | {
            "issuer": self.identity.issuer,
            "audience": AUDIENCE,
            "client_id": PAGES_CLIENT,
            "algorithms": ["ES256"],
            "groups": GROUPS,
            "services": SERVICES,
        }


def common_config(
    origin: str, audit_file: Path, recheck_seconds: int = RECHECK_SECONDS
) -> dict[str, object]:
    """Return what of layer 1's configuration does not depend on the provider."""
    return {
        "origin": origin,
        "longest_token_seconds": 60,
        "recheck_seconds": recheck_seconds,
        "session_seconds": 8 * 3600,
        # Provider and registry are one machine.
        "clock_skew_seconds": 0,
        "most_artifact_bytes": MOST_ARTIFACT_BYTES,
        "audit_file": str(audit_file),
    }
