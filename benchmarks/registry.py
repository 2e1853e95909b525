"""Measure what a call costs: plain MLflow, MLflow's basic auth, and MLflow behind our layers.

    python benchmarks/registry.py                  # ratios for docs/benchmarks.md
    python benchmarks/registry.py --small          # the same in about a minute, for a look

Every server is one process of MLflow on one PostgreSQL that waits for its disk. They take turns,
call by call in small batches, and the same HTTP client asks all of them, so that what else runs on
the machine meets them alike. Times are medians of single calls; processor time is that of the
server's processes, and beside it that of PostgreSQL's, by call. Basic auth is measured twice: as it
is shipped, where each call hashes the password anew, and with its cache of a minute switched on.

Prints Markdown for docs/benchmarks.md.
"""

import argparse
import statistics
import sys
import tempfile
import time
from base64 import b64encode
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import httpx
import psutil
import psycopg
import pytest
import yaml
from psycopg.sql import SQL, Identifier

from flows.serving.ports import HOST, find_free_port
from flows.stack.registry import RegistryProcess
from flows.stack.server_process import ServerProcess, is_answering, own_folder, plain_environment
from tasks.code_identity import environment
from tasks.code_identity.environment import Environment
from tasks.registry_database import Admission, admit, claim_name, find_admission
from tasks.registry_database.installing import install
from tasks.registry_database.privileges import DatabaseRole
from tasks.stages.decide.stage import run as decide
from tasks.stages.workspace import StageRun
from tests.identity import CLIENT_SECRET, Issuer, identity_provider
from tests.installations import installation_at
from tests.registry_servers import GATEKEEPER, server_values
from tests.registry_stores import release, trust_values
from tests.services import has_pgaudit, postgres
from tests.tasks.judged import CASE, RULES_OF_TESTS, attested, judged

API = "/api/2.0/mlflow"
SCIENTIST = "svc-training"
PASSWORD = "only for this measurement"
MODEL = "loan"
ORIGIN = "bench.example/log"
TOKEN_SECONDS = 20  # for how long a client keeps one; it is made for a minute
VERSION_TABLES = (
    "registered_model_aliases",
    "model_version_tags",
    "portcullis.versions",
    "model_versions",
)
PEER = "basic auth"
CACHED_PEER = "basic auth, cached"


@dataclass
class Contender:
    """One server, and how somebody who trains and somebody who publishes call it.

    Attributes:
        name: What the table calls it.
        origin: Its address.
        processes: Of the server.
        login: Returns the header of a call, by who calls.
        admit: Does what a version needs before it is made, beneath the server.
        released: What a worker has released into it, where it takes nothing else.
        model: The registered model's name.
    """

    name: str
    origin: str
    processes: list[psutil.Process]
    login: Callable[[str], dict[str, str]]
    admit: Callable[[str, str, str], None] = lambda _run, _source, _digest: None
    released: "ReleasedModel | None" = None
    model: str = MODEL
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=60))
    experiment: str = ""
    run: str = ""

    def call(self, method: str, path: str, body: Any = None, caller: str = SCIENTIST) -> Any:
        """Return what a call is answered; anything but success ends the measurement."""
        answer = self.client.request(
            method, f"{self.origin}{path}", json=body, headers=self.login(caller)
        )
        if answer.status_code != 200:
            raise SystemExit(f"{self.name}, {method} {path}: {answer.status_code} {answer.text}")
        return answer.json()

    def put(self, path: str, content: bytes) -> None:
        """Upload an artifact."""
        address = f"{self.origin}/api/2.0/mlflow-artifacts/artifacts/{path}"
        self.client.put(address, content=content, headers=self.login(SCIENTIST)).raise_for_status()

    def cpu_seconds(self) -> float:
        """Return the processor time of its processes so far."""
        return _cpu_seconds(self.processes)


@dataclass
class Figures:
    """What was measured of one operation on one server."""

    seconds: list[float] = field(default_factory=list)
    server_cpu: float = 0.0
    database_cpu: float = 0.0

    @property
    def median_ms(self) -> float:
        """The median call."""
        return 1000 * statistics.median(self.seconds)

    @property
    def server_cpu_ms(self) -> float:
        """Processor time of the server, a call."""
        return 1000 * self.server_cpu / len(self.seconds)

    @property
    def database_cpu_ms(self) -> float:
        """Processor time of PostgreSQL, a call."""
        return 1000 * self.database_cpu / len(self.seconds)


def main() -> None:
    """Start the servers, measure every operation in turns, print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--calls", type=int, default=10, help="of one server before the next")
    parser.add_argument("--model-mib", type=int, default=16, help="size of a version's artifact")
    parser.add_argument("--small", action="store_true", help="2 rounds of 4 calls, 1 MiB")
    options = parser.parse_args()
    if options.small:
        options.rounds, options.calls, options.model_mib = 2, 4, 1

    model = b"\x5a" * (options.model_mib << 20)
    with (
        tempfile.TemporaryDirectory(prefix="portcullis-bench-") as name,
        contenders(Path(name)) as (servers, database),
    ):
        for server in servers:
            prepare(server, model)
        measured = measure(servers, database, options.rounds, options.calls)
        published = measure_versions(servers, database, model, options.rounds)
    print_operations(servers, measured | published)
    print_hashing(model)


@contextmanager
def contenders(folder: Path) -> Iterator[tuple[list[Contender], list[psutil.Process]]]:
    """Run every server; yields them, and the processes of the database."""
    settings = {"fsync": "on", "max_connections": "200"}
    if has_pgaudit():
        settings["shared_preload_libraries"] = "pgaudit"
    with ExitStack() as ending:
        before = set(psutil.Process().children())
        url = ending.enter_context(postgres(settings))
        (database,) = set(psutil.Process().children()) - before
        issuer = ending.enter_context(identity_provider())
        servers = [
            ending.enter_context(_plain(folder / "plain", _database(url, "plain"))),
            ending.enter_context(
                _basic(folder / "basic", _database(url, "basic"), _database(url, "users"), 0)
            ),
            ending.enter_context(
                _basic(folder / "cached", _database(url, "cached"), _database(url, "users2"), 60)
            ),
            ending.enter_context(_layer_1(folder / "one", _database(url, "one"), issuer)),
            ending.enter_context(_layers_1_3(folder / "three", _database(url, "three"), issuer)),
            ending.enter_context(_layers_1_2_3(folder / "two", _database(url, "two"), issuer)),
        ]
        yield servers, [database]


def prepare(server: Contender, model: bytes) -> None:
    """Make an experiment with runs, metrics and an artifact, and a registered version."""
    made = server.call("POST", f"{API}/experiments/create", {"name": "bench"})
    server.experiment = made["experiment_id"]
    for _ in range(20):
        server.run = create_run(server)
        metrics = [{"key": f"m{n}", "value": n, "timestamp": 1, "step": 0} for n in range(20)]
        params = [{"key": f"p{n}", "value": str(n)} for n in range(10)]
        values = {"run_id": server.run, "metrics": metrics, "params": params}
        server.call("POST", f"{API}/runs/log-batch", values)
    server.put(f"{server.experiment}/{server.run}/artifacts/notes/read.me", b"x" * 1000)
    if server.released is None:
        server.call("POST", f"{API}/registered-models/create", {"name": MODEL}, GATEKEEPER)
        create_version(server, uploaded_version(server, model))


def create_run(server: Contender) -> str:
    """Return the id of a new run."""
    values = {"experiment_id": server.experiment, "start_time": 1}
    run: str = server.call("POST", f"{API}/runs/create", values)["run"]["info"]["run_id"]
    return run


def uploaded_version(server: Contender, model: bytes) -> dict[str, Any]:
    """Upload a model into a run, and finish it; return what a version of it is made by."""
    run = create_run(server)
    server.put(f"{server.experiment}/{run}/artifacts/model/model.bin", model)
    server.call("POST", f"{API}/runs/update", {"run_id": run, "status": "FINISHED", "end_time": 2})
    source = f"mlflow-artifacts:/{server.experiment}/{run}/artifacts/model"
    server.admit(run, source, sha256(model).hexdigest())
    return {"name": MODEL, "source": source, "run_id": run}


def create_version(server: Contender, values: dict[str, Any]) -> None:
    """Register a version, as the release path does."""
    server.call("POST", f"{API}/model-versions/create", values, GATEKEEPER)


def operations(server: Contender) -> dict[str, Callable[[], object]]:
    """Return what is measured of a server, by name."""
    numbers = count()
    call = partial(server.call)
    run = server.run
    version = f"name={server.model}&version=1"
    return {
        "get run": partial(call, "GET", f"{API}/runs/get?run_id={run}"),
        "search runs": partial(
            call,
            "POST",
            f"{API}/runs/search",
            {"experiment_ids": [server.experiment], "max_results": 10},
        ),
        "get model version": partial(call, "GET", f"{API}/model-versions/get?{version}"),
        "search model versions": partial(
            call, "GET", f"{API}/model-versions/search?max_results=10"
        ),
        "list artifacts": partial(call, "GET", f"{API}/artifacts/list?run_id={run}"),
        "log metric": lambda: call(
            "POST",
            f"{API}/runs/log-metric",
            {"run_id": run, "key": "loss", "value": 0.5, "timestamp": 1, "step": next(numbers)},
        ),
        "set tag": lambda: call(
            "POST",
            f"{API}/runs/set-tag",
            {"run_id": run, "key": "note", "value": str(next(numbers))},
        ),
        "log batch of 20": lambda: call(
            "POST",
            f"{API}/runs/log-batch",
            {"run_id": run, "metrics": _metrics(next(numbers))},
        ),
        "create run": partial(create_run, server),
    }


def measure(
    servers: list[Contender], database: list[psutil.Process], rounds: int, calls: int
) -> dict[str, dict[str, Figures]]:
    """Return figures by operation and server."""
    figures: dict[str, dict[str, Figures]] = defaultdict(lambda: defaultdict(Figures))
    work = {server.name: operations(server) for server in servers}
    for number in range(-1, rounds):
        for operation in work[servers[0].name]:
            # Each begins as often as the others: what a neighbour leaves behind meets all alike.
            turn = number % len(servers)
            for server in servers[turn:] + servers[:turn]:
                kept = Figures() if number < 0 else figures[operation][server.name]
                with _measured_cpu(server, database, kept):
                    for _ in range(calls_of(server, calls)):
                        _time(work[server.name][operation], kept)
    return figures


def calls_of(server: Contender, calls: int) -> int:
    """Return how many calls stand for a server: one that takes half a second needs fewer."""
    return max(1, calls // 5) if server.name == PEER else calls


def measure_versions(
    servers: list[Contender], database: list[psutil.Process], model: bytes, rounds: int
) -> dict[str, dict[str, Figures]]:
    """Return figures of create-model-version: one version of one run a call."""
    figures: dict[str, Figures] = defaultdict(Figures)
    for _ in range(rounds):
        for server in servers:
            released = server.released
            values = released.begin_again() if released else uploaded_version(server, model)
            kept = figures[server.name]
            with _measured_cpu(server, database, kept):
                _time(partial(create_version, server, values), kept)
    return {"create model version": figures}


def print_operations(servers: list[Contender], figures: dict[str, dict[str, Figures]]) -> None:
    """Print medians, ratios to basic auth, and processor time."""
    names = [server.name for server in servers]
    print(f"| median ms of a call | {' | '.join(names)} |")
    print(f"|---|{'---|' * len(names)}")
    for operation, by_server in figures.items():
        cells = [f"{by_server[name].median_ms:.1f}" for name in names]
        print(f"| {operation} | {' | '.join(cells)} |")

    ours = [name for name in names if name.startswith("layer")]
    heads = [f"{name} / {peer}" for name in ours for peer in (PEER, CACHED_PEER)]
    print(f"\n| ratio of medians | {' | '.join(heads)} |")
    print(f"|---|{'---|' * len(heads)}")
    for operation, by_server in figures.items():
        cells = [
            f"{by_server[name].median_ms / by_server[peer].median_ms:.2f}"
            for name in ours
            for peer in (PEER, CACHED_PEER)
        ]
        print(f"| {operation} | {' | '.join(cells)} |")

    print(f"\n| CPU ms of a call: server + PostgreSQL | {' | '.join(names)} |")
    print(f"|---|{'---|' * len(names)}")
    for operation, by_server in figures.items():
        cells = [
            f"{by_server[name].server_cpu_ms:.1f} + {by_server[name].database_cpu_ms:.1f}"
            for name in names
        ]
        print(f"| {operation} | {' | '.join(cells)} |")


def print_hashing(model: bytes) -> None:
    """Print how long it takes to hash an artifact of this size, here."""
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        sha256(model)
        seconds.append(time.perf_counter() - start)
    mib = len(model) >> 20
    print(f"\nSHA-256 of {mib} MiB: {1000 * statistics.median(seconds):.1f} ms.")


@contextmanager
def _plain(folder: Path, database: str) -> Iterator[Contender]:
    with _mlflow(folder, database, [], {}) as (origin, processes):
        yield Contender("plain", origin, processes, lambda _: {})


@contextmanager
def _basic(folder: Path, database: str, users: str, cache_seconds: int) -> Iterator[Contender]:
    own_folder(folder)
    settings = folder / "basic_auth.ini"
    settings.write_text(
        "[mlflow]\ndefault_permission = READ\nadmin_username = admin\n"
        f"admin_password = {PASSWORD}\ndatabase_uri = {_with_driver(users)}\n"
        f"auth_cache_ttl_seconds = {cache_seconds}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
    )
    environment = {
        "MLFLOW_AUTH_CONFIG_PATH": str(settings),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "only-for-this-measurement",
    }
    with _mlflow(folder, database, ["--app-name", "basic-auth"], environment) as started:
        origin, processes = started
        # An administrator is asked for no permission: an ordinary user is the fair peer.
        httpx.post(
            f"{origin}{API}/users/create",
            json={"username": "bench", "password": PASSWORD},
            auth=("admin", PASSWORD),
        ).raise_for_status()
        header = f"Basic {b64encode(f'bench:{PASSWORD}'.encode()).decode()}"
        name = CACHED_PEER if cache_seconds else PEER
        yield Contender(name, origin, processes, lambda _: {"authorization": header})


@contextmanager
def _layer_1(
    folder: Path,
    database: str,
    issuer: Issuer,
    name: str = "layer 1",
    trust: dict[str, Any] | None = None,
) -> Iterator[Contender]:
    port = find_free_port()
    own_folder(folder)
    values = server_values(f"http://{HOST}:{port}", issuer.address, folder / "audit.jsonl")
    process = RegistryProcess(
        folder,
        folder / "log",
        port=port,
        store_url=database,
        artifacts=str(own_folder(folder / "artifacts")),
        config=values | {"most_artifact_bytes": 1 << 31},
        client_secret=CLIENT_SECRET,
        **_second_layer(folder, database, trust),
    )
    with _started(process.start, process.wait, process.stop) as processes:
        yield Contender(name, process.origin, processes, _Tokens(issuer).header)


def _second_layer(folder: Path, database: str, trust: dict[str, Any] | None) -> dict[str, Any]:
    if trust is None:
        return {}
    config = folder / "store.yaml"
    config.write_text(yaml.safe_dump(trust))
    return {
        "registry_store_url": f"portcullis+{database}",
        "more": {"PORTCULLIS_STORE_CONFIG": str(config)},
    }


@contextmanager
def _layers_1_3(folder: Path, database: str, issuer: Issuer) -> Iterator[Contender]:
    evidence = _install(database)
    claim_name(evidence, name=MODEL, use_case=MODEL, log_origin=ORIGIN)
    with _layer_1(folder, database.replace("//t@", "//server@"), issuer, "layers 1, 3") as server:
        server.admit = partial(_admit, evidence)
        yield server


@contextmanager
def _layers_1_2_3(folder: Path, database: str, issuer: Issuer) -> Iterator[Contender]:
    """Run the server that takes only what a worker has released, and release a model into it."""
    evidence = _install(database)
    with pytest.MonkeyPatch.context() as patch:
        workspace = _judged_workspace(folder / "installation", patch)
        served = database.replace("//t@", "//server@")
        trust = trust_values(workspace)
        with _layer_1(folder, served, issuer, "layers 1, 2, 3", trust) as server:
            patch.setenv("MLFLOW_TRACKING_TOKEN", issuer.token(GATEKEEPER))
            patch.setenv("PORTCULLIS_REGISTRY_EVIDENCE_URL", evidence)
            patch.setenv("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
            code, lines = release(workspace, server.origin, patch)
            if code:
                raise SystemExit("\n".join(lines))
            server.model = CASE
            server.released = ReleasedModel(server, database, evidence)
            yield server


def _judged_workspace(folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """Return the suite's small use case, whose every stage before `register` is signed for."""
    patch.setenv("PORTCULLIS_HOME", str(own_folder(folder / "home")))
    patch.setattr("tasks.clearance.own_limits.RULES_OF", RULES_OF_TESTS)
    # The suite's tools stand in no lock of what is shipped, and this runs beside them.
    known = Environment("e" * 64, "the benchmark's", ())
    patch.setattr(environment, "measure_environment", lambda *_, **__: known)
    root = judged(folder / "checkout")
    decide(StageRun("decide", CASE, installation_at(root)))
    attested(root)
    return root


class ReleasedModel:
    """The one version of a released model, made again and again: a second one would be refused."""

    def __init__(self, server: Contender, database: str, evidence: str) -> None:
        found = server.call("GET", f"{API}/model-versions/get?name={CASE}&version=1")
        version = found["model_version"]
        self._values = {name: version[name] for name in ("name", "source", "run_id", "tags")}
        stored = find_admission(evidence, CASE, 1)
        assert stored is not None
        self._admission = stored.admission.model_copy(update={"version": None})
        self._database = database
        self._evidence = evidence

    def begin_again(self) -> dict[str, Any]:
        """Take the version away beneath everything, admit it anew; return what it is made by."""
        # Our triggers refuse what follows, in a superuser's hand too: they are taken off meanwhile.
        with psycopg.connect(self._database) as link:
            triggers = link.execute(
                "SELECT tgrelid::regclass::text, quote_ident(tgname) FROM pg_trigger "
                "WHERE NOT tgisinternal AND tgenabled = 'A'"
            ).fetchall()
            for table, name in triggers:
                link.execute(f"ALTER TABLE {table} DISABLE TRIGGER {name}")
            for table in VERSION_TABLES:
                link.execute(f"DELETE FROM {table} WHERE name = %s", (CASE,))
            for table, name in triggers:
                link.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")
        admit(self._evidence, self._admission)
        return self._values


def _install(database: str) -> str:
    """Install the third layer; return the address by which evidence is inserted."""
    install(database, is_audited=has_pgaudit())
    accounts = {"server": DatabaseRole.SERVER, "gatekeeper": DatabaseRole.GATEKEEPER}
    with psycopg.connect(database, autocommit=True) as link:
        for account, role in accounts.items():
            if link.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (account,)).fetchone():
                continue  # roles are the whole server's
            statement = SQL("CREATE ROLE {} LOGIN IN ROLE {}")
            link.execute(statement.format(Identifier(account), Identifier(role)))
    return database.replace("//t@", "//gatekeeper@")


def _admit(evidence: str, run: str, source: str, digest: str) -> None:
    admission = Admission(
        name=MODEL,
        use_case=MODEL,
        log_origin=ORIGIN,
        log_entry=1,
        run_id=run,
        source=source,
        model_sha256=digest,
        decision_sha256=digest,
        alias="candidate",
        tags={},
    )
    admit(evidence, admission)


class _Tokens:
    """Access tokens that a client keeps for a while, as the product's own does."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer
        self._kept: dict[str, tuple[float, dict[str, str]]] = {}

    def header(self, caller: str) -> dict[str, str]:
        now = time.monotonic()
        made, header = self._kept.get(caller, (-TOKEN_SECONDS, {}))
        if now - made >= TOKEN_SECONDS:
            header = {"authorization": f"Bearer {self._issuer.token(caller)}"}
            self._kept[caller] = (now, header)
        return header


@contextmanager
def _mlflow(
    folder: Path, database: str, arguments: list[str], environment: dict[str, str]
) -> Iterator[tuple[str, list[psutil.Process]]]:
    """Run MLflow as it is, as `RegistryProcess` runs it."""
    own_folder(folder)
    port = find_free_port()
    origin = f"http://{HOST}:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--host", HOST]
    command += ["--port", str(port), "--artifacts-destination", str(folder / "artifacts")]
    server = ServerProcess(
        name="MLflow",
        command=[*command, *arguments],
        log=folder / "log",
        environment=plain_environment(
            folder,
            MLFLOW_BACKEND_STORE_URI=_with_driver(database),
            MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false",
            MLFLOW_DISABLE_TELEMETRY="true",
            **environment,
        ),
        folder=folder,
    )
    wait = partial(server.wait_until, partial(is_answering, f"{origin}/health"))
    with _started(server.start, wait, server.stop) as processes:
        yield origin, processes


@contextmanager
def _started(
    start: Callable[[], None], wait: Callable[[], None], stop: Callable[[], None]
) -> Iterator[list[psutil.Process]]:
    before = set(psutil.Process().children())
    start()
    try:
        wait()
        yield list(set(psutil.Process().children()) - before)
    finally:
        stop()


def _database(url: str, name: str) -> str:
    with psycopg.connect(url, autocommit=True) as link:
        link.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
    return url.replace("/postgres", f"/{name}")


def _with_driver(url: str) -> str:
    return url.replace("postgresql:", "postgresql+psycopg:", 1)


def _metrics(step: int) -> list[dict[str, Any]]:
    return [{"key": f"b{n}", "value": 0.5, "timestamp": 1, "step": step} for n in range(20)]


def _time(work: Callable[[], object], kept: Figures) -> None:
    start = time.perf_counter()
    work()
    kept.seconds.append(time.perf_counter() - start)


@contextmanager
def _measured_cpu(
    server: Contender, database: list[psutil.Process], kept: Figures
) -> Iterator[None]:
    before = server.cpu_seconds(), _cpu_seconds(database)
    yield
    kept.server_cpu += server.cpu_seconds() - before[0]
    kept.database_cpu += _cpu_seconds(database) - before[1]


def _cpu_seconds(processes: list[psutil.Process]) -> float:
    """Return the processor time of processes and of all they started, ended ones too."""
    total = 0.0
    for process in processes:
        for member in (process, *process.children(recursive=True)):
            # One that ends meanwhile counts among what its parent's children have used.
            with suppress(psutil.NoSuchProcess):
                used = member.cpu_times()
                total += used.user + used.system
        total += process.cpu_times().children_user + process.cpu_times().children_system
    return total


if __name__ == "__main__":
    main()
