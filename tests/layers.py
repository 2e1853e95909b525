"""The whole list of attempts against any combination of layers, and what each changed.

A stack is started, a worker releases a model into it, and every attempt is made: by somebody with a
data scientist's login (anybody, without the first layer), by somebody who has stolen the token of
the Gatekeeper, by somebody in MLflow's process (its database account), and by somebody who reaches
the artifact store. What an attempt changed of the registry, of the released run or of the released
bytes is put back before the next.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from flows.stack.bucket import BUCKET
from flows.stack.whole import DATABASE, OWNER, SERVER_ACCOUNT, Stack
from tasks.formats.digests import sha256_of
from tests.attempts import API, FILES, RAW, Registered, api_attempts, send_raw
from tests.registry_stores import release, trust_values
from tests.stacks import running_stack, service_token
from tests.tasks.judged import CASE

TABLES = (
    "registered_models",
    "registered_model_tags",
    "registered_model_aliases",
    "model_versions",
    "model_version_tags",
    "webhooks",
    "experiments",
    "runs",
    "tags",
    "metrics",
    "latest_metrics",
    "params",
)
TOKEN_SECONDS = 20  # of the minute for which one is made
OF_REGISTRY = TABLES[:6]
OF_RUN = TABLES[7:]
# What the Gatekeeper may do by its role, and no evidence is about.
GATEKEEPERS_OWN = frozenset({"describe a version otherwise"})


class Way(StrEnum):
    """Where an attempt comes from."""

    CALLS = "calls, as a data scientist"
    SPELLINGS = "spellings of a request, as a data scientist"
    GATEKEEPER = "calls, with the Gatekeeper's token"
    DATABASE = "SQL, with the database account of MLflow"
    FILES = "the artifact store, directly"


@dataclass(frozen=True)
class Outcome:
    """Whether one attempt changed something that it should not have."""

    way: Way
    name: str
    is_through: bool


@dataclass(frozen=True)
class Intruder:
    """What attempts are made with, and against."""

    stack: Stack
    layers: frozenset[int]
    registered: Registered
    artifacts: Path
    tokens: dict[str, tuple[float, str]] = field(default_factory=dict)

    def token(self, service: str) -> str:
        """Return an access token of a service; without the first layer, none is asked for."""
        if self.stack.identity is None:
            return ""
        fetched, token = self.tokens.get(service, (0.0, ""))
        if time.monotonic() - fetched > TOKEN_SECONDS:
            token = service_token(self.stack.identity, service)
            self.tokens[service] = time.monotonic(), token
        return token

    def client(self, service: str) -> httpx.Client:
        """Return a client as a service."""
        token = self.token(service)
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=self.stack.origin, headers=headers, timeout=60)

    def superuser(self) -> "psycopg.Connection[Any]":
        """Return a connection that sees and mends everything."""
        url = self.stack.postgres.superuser_url_of(DATABASE)
        return psycopg.connect(url, autocommit=True)

    def state(self) -> object:
        """Return all that an attempt must not change."""
        run = self.registered.run_id
        with self.superuser() as connection:
            rows = {
                name: sorted(map(str, connection.execute(f"SELECT * FROM {name}").fetchall()))
                for name in OF_REGISTRY
            }
            for name in OF_RUN:
                query = f"SELECT * FROM {name} WHERE run_uuid = %s"
                rows[name] = sorted(map(str, connection.execute(query, (run,)).fetchall()))
            places = connection.execute(
                "SELECT experiment_id, name, lifecycle_stage, artifact_location FROM experiments "
                "WHERE experiment_id = %s OR artifact_location LIKE %s "
                "OR artifact_location LIKE 'file:%%'",
                (self.registered.experiment_id, f"%{run}%"),
            ).fetchall()
        return rows, sorted(map(str, places)), self._bytes()

    def _bytes(self) -> object:
        if self.stack.bucket is None:
            folder = self.artifacts / self.registered.experiment_id / self.registered.run_id
            return sha256_of(folder) if folder.exists() else ""
        client = self.stack.bucket.client(self.stack.bucket.worker)
        listed = client.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return [(item["Key"], item["ETag"], item["Size"]) for item in listed]

    @contextmanager
    def restoring(self) -> Iterator[Callable[[], None]]:
        """Keep a copy of everything; yield what puts it back."""
        copies = self.artifacts.with_name("artifacts.saved")
        shutil.copytree(self.artifacts, copies)
        with self.superuser() as connection:
            connection.execute("CREATE SCHEMA saved")
            for name in TABLES:
                connection.execute(f"CREATE TABLE saved.{name} AS TABLE public.{name}")
            triggers = connection.execute(
                "SELECT tgrelid::regclass::text, tgname, tgenabled::text FROM pg_trigger "
                "WHERE NOT tgisinternal AND tgrelid = ANY(%s::regclass[])",
                (list(TABLES),),
            ).fetchall()

        def restore() -> None:
            with self.superuser() as connection, connection.transaction():
                # No trigger and no foreign key: it is put back as it was, row by row. The third
                # layer's triggers fire in every session; an attempt may have switched some off.
                connection.execute("SET LOCAL session_replication_role = replica")
                for table in sorted({table for table, _, _ in triggers}):
                    connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
                for name in TABLES:
                    connection.execute(f"DELETE FROM public.{name}")
                    connection.execute(f"INSERT INTO public.{name} SELECT * FROM saved.{name}")
                for table, trigger, enabled in triggers:
                    always = "ALWAYS " if enabled == "A" else ""
                    connection.execute(f'ALTER TABLE {table} ENABLE {always}TRIGGER "{trigger}"')
            shutil.rmtree(self.artifacts)
            shutil.copytree(copies, self.artifacts)

        yield restore


def try_everything(
    folder: Path,
    layers: frozenset[int],
    workspace: Path,
    patch: pytest.MonkeyPatch,
    afterwards: Callable[[Stack], object] = lambda _: None,
) -> list[Outcome]:
    """Start the stack with these layers, release a model, and make every attempt.

    `afterwards` is called while it still runs, with everything put back.
    """
    trust = trust_values(workspace)
    with running_stack(folder, set(layers), trust=trust) as stack:
        # Set by a release that signs in, for its whole process; put back with the rest.
        patch.setenv("MLFLOW_TRACKING_AUTH", "")
        for name, value in stack.release_environment().items():
            patch.setenv(name, value)
        code, lines = release(workspace, stack.origin, patch)
        assert code == 0, lines
        intruder = _intruder(stack, layers, folder / "artifacts")
        with intruder.restoring() as restore:
            outcomes = []
            before = intruder.state()
            for way, name, attempt in attempts(intruder):
                # However it is refused: what counts is what it changed.
                with suppress(Exception):
                    attempt()
                is_through = intruder.state() != before
                outcomes.append(Outcome(way, name, is_through))
                if is_through:
                    restore()
                    before = intruder.state()
            afterwards(stack)
            return outcomes


def _intruder(stack: Stack, layers: frozenset[int], artifacts: Path) -> Intruder:
    """Find what was released, and make a run of the attacker's own."""
    anybody = Intruder(stack, layers, Registered("", "", "", "", "", CASE), artifacts)
    with anybody.client("svc-training") as client:
        made = client.get(f"{API}/model-versions/search").json()["model_versions"][0]
        info = client.get(f"{API}/runs/get", params={"run_id": made["run_id"]}).json()["run"]
        values = {"name": "of the attacker"}
        own_experiment = client.post(f"{API}/experiments/create", json=values).json()
        values = {"experiment_id": own_experiment["experiment_id"]}
        own = client.post(f"{API}/runs/create", json=values).json()["run"]["info"]
        put = f"{FILES}/{own['experiment_id']}/{own['run_id']}/artifacts/model/model.pkl"
        assert client.put(put, content=b"a pickle").status_code == 200
        values = {"run_id": own["run_id"], "status": "FINISHED"}
        assert client.post(f"{API}/runs/update", json=values).status_code == 200
    registered = Registered(
        made["run_id"],
        info["info"]["experiment_id"],
        own["run_id"],
        own["experiment_id"],
        made["source"],
        CASE,
        made["version"],
        "model/MLmodel",
        "candidate",
    )
    return replace(anybody, registered=registered)


def attempts(intruder: Intruder) -> Iterator[tuple[Way, str, Callable[[], object]]]:
    """Yield every attempt: where it comes from, what it is, and what makes it."""
    for name, line, headers, body in RAW:
        send = partial(_send_raw, intruder, line, headers, body)
        yield Way.SPELLINGS, name, send
    calls = api_attempts(intruder.registered) | _more_calls(intruder.registered)
    for name in calls:
        yield Way.CALLS, name, partial(_call, intruder, "svc-training", calls[name])
    for name, (_, path, _) in calls.items():
        is_about_registry = "registered-models" in path or "model-versions" in path
        if is_about_registry and name not in GATEKEEPERS_OWN:
            yield Way.GATEKEEPER, name, partial(_call, intruder, "svc-release", calls[name])
    for name, statement in _statements(intruder.registered).items():
        yield Way.DATABASE, name, partial(_execute, intruder, statement)
    for name, write in _writes(intruder).items():
        yield Way.FILES, name, write


def _send_raw(intruder: Intruder, line: str, headers: list[str], body: bytes) -> None:
    token = intruder.token("svc-training")
    send_raw(intruder.stack.origin, token, line, *headers, body=body)


def _call(intruder: Intruder, service: str, call: tuple[str, str, object]) -> None:
    method, path, content = call
    with intruder.client(service) as client:
        if isinstance(content, bytes):
            client.request(method, path, content=content)
        else:
            client.request(method, path, json=content)


def _more_calls(r: Registered) -> dict[str, tuple[str, str, object]]:
    """Return calls with all that somebody can copy from a release that is there."""
    own = f"{r.source.split(r.experiment_id)[0]}{r.own_experiment_id}/{r.own_run_id}/artifacts"
    tags = [
        {"key": "portcullis.model_sha256", "value": "0" * 64},
        {"key": "portcullis.log_entry", "value": "1"},
    ]
    version = {"name": r.name, "run_id": r.own_run_id, "tags": tags}
    create = f"{API}/model-versions/create"
    return {
        "a pickle in a finished run": ("POST", create, {**version, "source": f"{own}/model"}),
        "another source with the release's run": (
            "POST",
            create,
            {**version, "run_id": r.run_id, "source": f"runs:/{r.own_run_id}/model"},
        ),
        "a second version of the same": (
            "POST",
            create,
            {**version, "run_id": r.run_id, "source": r.source},
        ),
        "a version by a logged model": (
            "POST",
            create,
            {**version, "source": r.source, "model_id": "m-" + "0" * 32},
        ),
        "an alias that serves": (
            "POST",
            f"{API}/registered-models/alias",
            {"name": r.name, "alias": "champion", "version": r.version},
        ),
        "a prompt": (
            "POST",
            f"{API}/registered-models/create",
            {"name": "prompt", "tags": [{"key": "mlflow.prompt.is_prompt", "value": "true"}]},
        ),
    }


def _statements(r: Registered) -> dict[str, str]:
    """Return what somebody with MLflow's own database account would write."""
    version = f"name = '{r.name}' AND version = {r.version}"
    return {
        "insert a version": "INSERT INTO model_versions (name, version, source, storage_location, "
        "run_id, current_stage, status, workspace, creation_time, last_updated_time) "
        f"SELECT name, 99, source || 'x', source || 'x', '{r.own_run_id}', current_stage, status, "
        f"workspace, creation_time, last_updated_time FROM model_versions WHERE {version}",
        "move the version's source": "UPDATE model_versions SET source = 's3://elsewhere/model', "
        f"storage_location = 's3://elsewhere/model' WHERE {version}",
        "move where it is loaded from": "UPDATE model_versions SET storage_location = "
        f"'s3://elsewhere/model' WHERE {version}",
        "give it another run": f"UPDATE model_versions SET run_id = '{r.own_run_id}' "
        f"WHERE {version}",
        "a stage": f"UPDATE model_versions SET current_stage = 'Production' WHERE {version}",
        "an alias that serves": "INSERT INTO registered_model_aliases "
        f"(name, alias, version, workspace) VALUES ('{r.name}', 'champion', {r.version}, "
        "'default')",
        "forge a tag": "UPDATE model_version_tags SET value = repeat('0', 64) "
        f"WHERE key = 'portcullis.model_sha256' AND {version}",
        "rename the model": f"UPDATE registered_models SET name = 'other' WHERE name = '{r.name}'",
        "delete the version": f"DELETE FROM model_version_tags WHERE {version}; "
        f"DELETE FROM model_versions WHERE {version}",
        "switch triggers off, and then": "SET session_replication_role = replica; "
        f"UPDATE model_versions SET source = 's3://elsewhere' WHERE {version}",
        "take the trigger away": "ALTER TABLE model_versions DISABLE TRIGGER USER; "
        f"UPDATE model_versions SET source = 's3://elsewhere' WHERE {version}",
        "insert evidence, and then a version": "INSERT INTO portcullis.evidence "
        "SELECT * FROM portcullis.evidence; INSERT INTO model_versions (name, version) "
        f"VALUES ('{r.name}', 98)",
        "a figure of its run": f"UPDATE latest_metrics SET value = 0.99 WHERE run_uuid = "
        f"'{r.run_id}'",
        "where its run lies": "UPDATE runs SET artifact_uri = 's3://elsewhere' WHERE run_uuid = "
        f"'{r.run_id}'",
    }


def _execute(intruder: Intruder, statements: str) -> None:
    account = SERVER_ACCOUNT if 3 in intruder.layers else OWNER
    with intruder.superuser() as connection:
        # Privileges are those of the account from here on; nothing below takes it back.
        connection.execute(f"SET SESSION AUTHORIZATION {account}")
        for statement in statements.split("; "):
            connection.execute(statement)


def _writes(intruder: Intruder) -> dict[str, Callable[[], object]]:
    """Return what somebody who reaches the artifact store writes there."""
    r = intruder.registered
    bucket = intruder.stack.bucket
    if bucket is None:
        file = intruder.artifacts / r.experiment_id / r.run_id / "artifacts" / r.file
        return {
            "overwrite a file": lambda: file.write_bytes(b"other"),
            "put a file beside": lambda: file.with_name("more.py").write_bytes(b"import os"),
            "delete a file": file.unlink,
            "delete the run's files": lambda: shutil.rmtree(file.parents[1]),
        }
    worker = bucket.client(bucket.worker)
    keys = [item["Key"] for item in worker.list_objects_v2(Bucket=BUCKET)["Contents"]]
    key = next(item for item in keys if item.endswith("/MLmodel"))
    reader = bucket.client(bucket.reader)
    return {
        "overwrite a file": lambda: reader.put_object(Bucket=BUCKET, Key=key, Body=b"other"),
        "put a file beside": lambda: reader.put_object(
            Bucket=BUCKET, Key=f"{key}.py", Body=b"import os"
        ),
        "delete a file": lambda: reader.delete_object(Bucket=BUCKET, Key=key),
        "delete the run's files": lambda: reader.delete_objects(
            Bucket=BUCKET, Delete={"Objects": [{"Key": item} for item in keys]}
        ),
    }
