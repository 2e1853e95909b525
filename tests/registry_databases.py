"""A PostgreSQL with the registry's database in it, as the installer makes it."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from tasks.registry_database import Admission, admit, claim_name
from tasks.registry_database.installing import install
from tasks.registry_database.privileges import DatabaseRole
from tests.services import has_pgaudit, postgres

NAME = "loan"
CASE = "loan"
ORIGIN = "bank.example/log"
MODEL = "a" * 64
DECISION = "b" * 64
RUN = "1" * 32
SOURCE = f"mlflow-artifacts:/1/{RUN}/artifacts/model"
TEMPLATE = "registry"
ACCOUNTS = {
    "server": DatabaseRole.SERVER,
    "gatekeeper": DatabaseRole.GATEKEEPER,
    "auditor": DatabaseRole.AUDITOR,
}
Link = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class RegistryDatabase:
    """One database; the accounts need no password on this machine."""

    url: str  # as its superuser
    log_folder: Path

    def url_of(self, account: str) -> str:
        return self.url.replace("//t@", f"//{account}@")

    @contextmanager
    def as_account(self, account: str = "t") -> Iterator[Link]:
        with psycopg.connect(self.url_of(account), autocommit=True) as link:
            yield link

    def rows(self, query: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self.as_account() as link:
            return link.execute(query, parameters).fetchall()

    def make_run(self, run_id: str = RUN, status: str = "FINISHED") -> None:
        """Insert a run by plain SQL, as MLflow would."""
        with self.as_account("server") as link:
            link.execute(
                "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage,"
                " workspace) VALUES (1, 'one', 'mlflow-artifacts:/1', 'active', 'default') "
                "ON CONFLICT DO NOTHING"
            )
            link.execute(
                "INSERT INTO runs (run_uuid, name, source_type, user_id, status, lifecycle_stage, "
                "artifact_uri, experiment_id) VALUES (%s, 'r', 'LOCAL', 'u', %s, 'active', %s, 1)",
                (run_id, status, f"mlflow-artifacts:/1/{run_id}/artifacts"),
            )

    def admit(self, run_id: str = RUN, valid_seconds: int = 900, **changes: Any) -> int:
        """Give the name, and insert evidence about a run of it, as the worker does."""
        values = {**admission(run_id).model_dump(), **changes}
        url = self.url_of("gatekeeper")
        claim_name(url, name=values["name"], use_case=CASE, log_origin=ORIGIN)
        return admit(url, Admission(**values), valid_seconds)

    def make_version(self, run_id: str = RUN, version: int = 1) -> None:
        """Make a version as MLflow does, with evidence, and its run before it."""
        self.make_run(run_id)
        self.admit(run_id)
        with self.as_account("server") as link:
            make_name(link)
            insert_version(link, run_id, version)


def admission(run_id: str = RUN) -> Admission:
    tags = {"portcullis.model_sha256": MODEL, "portcullis.log_entry": "7", "stage": "x"}
    return Admission(
        name=NAME,
        use_case=CASE,
        log_origin=ORIGIN,
        log_entry=7,
        run_id=run_id,
        source=source_of(run_id),
        model_sha256=MODEL,
        decision_sha256=DECISION,
        alias="candidate",
        tags=tags,
    )


def source_of(run_id: str) -> str:
    return SOURCE.replace(RUN, run_id)


def make_name(link: Link, name: str = NAME) -> None:
    link.execute(
        "INSERT INTO registered_models (name, creation_time, last_updated_time, workspace) "
        "VALUES (%s, 1, 1, 'default') ON CONFLICT DO NOTHING",
        (name,),
    )


def insert_version(link: Link, run_id: str = RUN, version: int = 1, **changes: object) -> None:
    source = source_of(run_id)
    row: dict[str, object] = {
        "name": NAME, "version": version, "creation_time": 1, "last_updated_time": 1,
        "current_stage": "None", "source": source, "storage_location": source, "run_id": run_id,
        "status": "READY", "workspace": "default", **changes,
    }  # fmt: skip
    link.execute(
        SQL("INSERT INTO model_versions ({}) VALUES ({})").format(
            SQL(", ").join(map(Identifier, row)), SQL(", ").join([SQL("%s")] * len(row))
        ),
        list(row.values()),
    )


def set_alias(link: Link, alias: str, version: int) -> None:
    """Do as MLflow does."""
    link.execute(
        "INSERT INTO registered_model_aliases (alias, version, name, workspace) VALUES "
        "(%s, %s, %s, 'default') ON CONFLICT (workspace, name, alias) "
        "DO UPDATE SET version = excluded.version",
        (alias, version, NAME),
    )


def set_tag(link: Link, key: str, value: str, version: int = 1) -> None:
    """Do as MLflow does."""
    link.execute(
        "INSERT INTO model_version_tags (key, value, name, version, workspace) VALUES "
        "(%s, %s, %s, %s, 'default') ON CONFLICT (workspace, key, name, version) "
        "DO UPDATE SET value = excluded.value",
        (key, value, NAME, version),
    )


@contextmanager
def registry_cluster() -> Iterator[RegistryDatabase]:
    """Run a server whose database `registry` is installed, and has one account of each role."""
    settings = {"max_prepared_transactions": "4", "log_destination": "jsonlog"}
    with tempfile.TemporaryDirectory(prefix="portcullis-log-") as scratch:
        folder = Path(scratch)
        folder.chmod(0o777)
        settings |= {"logging_collector": "on", "log_directory": scratch, "log_file_mode": "0644"}
        if has_pgaudit():
            settings["shared_preload_libraries"] = "pgaudit"
        with postgres(settings) as url:
            with psycopg.connect(url, autocommit=True) as link:
                link.execute(SQL("CREATE DATABASE {}").format(Identifier(TEMPLATE)))
            template = url.replace("/postgres", f"/{TEMPLATE}")
            install(template, is_audited=has_pgaudit())
            with psycopg.connect(url, autocommit=True) as link:
                for account, role in ACCOUNTS.items():
                    link.execute(
                        SQL("CREATE ROLE {} LOGIN IN ROLE {}").format(
                            Identifier(account), Identifier(role)
                        )
                    )
            yield RegistryDatabase(template, folder)


@contextmanager
def copy_of(cluster: RegistryDatabase, name: str) -> Iterator[RegistryDatabase]:
    """Yield a database of its own with the same tables, settings and grants."""
    admin = cluster.url.replace(f"/{TEMPLATE}", "/postgres")
    with psycopg.connect(admin, autocommit=True) as link:
        link.execute(
            SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(TEMPLATE))
        )
    copied = RegistryDatabase(cluster.url.replace(f"/{TEMPLATE}", f"/{name}"), cluster.log_folder)
    # The rights and settings of the database itself are no part of a template.
    install(copied.url, is_audited=has_pgaudit())
    try:
        yield copied
    finally:
        with psycopg.connect(admin, autocommit=True) as link:
            link.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))
