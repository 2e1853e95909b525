"""The proof of erasure: people planted wherever a pipeline leaves data, some of them erased.

They are planted in several versions of the data. No trace of the erased may remain, and the others
have to stay. The search shares no code with the erasure: it reads every byte of git (by
`git cat-file`), of DVC's cache and remotes (a folder and an S3 server), of MLflow's and Prefect's
databases and artifacts, and tries every key on every row.
"""

import base64
import json
import logging
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pandas as pd
import pytest
from moto.server import ThreadedMotoServer

from tests.flows.workspace import CASE, HERE, Workspace

pytestmark = pytest.mark.integration
VERSIONS, PEOPLE = 3, (11, 12, 13, 14)
GONE, STAY = PEOPLE[:2], PEOPLE[2:]
PLACES = (
    "validate/docs", "explain/shap-values.json", ".dvc/cache", "/remote/", "portcullis/files/md5",
    "mlartifacts", "mlflow.db", "prefect.db", "prefect/storage",
)  # fmt: skip
KEYS: Any = {
    "AWS_ACCESS_KEY_ID": "k",
    "AWS_SECRET_ACCESS_KEY": "s",
    "AWS_DEFAULT_REGION": "us-east-1",
}
TRACKED = f"""
import sys, tempfile, pathlib
from mlflow import MlflowClient
from tasks.registry.client import registry_uri
{HERE}
client = MlflowClient(registry_uri(here))
experiment = client.get_experiment_by_name("{CASE}").experiment_id
for number in map(int, sys.argv[1:]):
    address = f"person{{number}}@example.org"
    for deleted in (False, True):
        run = client.create_run(experiment, run_name=f"for {{address}}").info.run_id
        client.log_param(run, "who", address)
        client.set_tag(run, "name", f"Zebulon Canary {{number}}")
        with tempfile.TemporaryDirectory() as folder:
            table = pathlib.Path(folder) / "table.json"
            rows = [[f"person{{n}}@example.org", 1.5] for n in {PEOPLE}]
            table.write_text(__import__("json").dumps({{"columns": ["email", "x"], "data": rows}}))
            client.log_artifact(run, str(table), "examples")
        if deleted:
            client.delete_run(run)
"""
VERIFIED = f"""
from pathlib import Path
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from tasks.formats.digests import sha256_of
from tasks.registry.client import registry_uri
{HERE}
client = MlflowClient(registry_uri(here))
for version in client.search_model_versions("name = '{CASE}'"):
    stored = download_artifacts(
        run_id=version.run_id,
        artifact_path="model/data/model",
        tracking_uri=registry_uri(here),
    )
    print(sha256_of(Path(stored)) == version.tags["portcullis.model_sha256"])
"""
LOGGED = """
import sys
from prefect import flow, task
from prefect.logging import get_run_logger

@task(persist_result=True, result_storage_key="{parameters[number]}")
def look(number: int, email: str) -> str:
    get_run_logger().info("row of Zebulon Canary %d", number)
    return f"result for {email}"

@flow(persist_result=True)
def careless(number: int, email: str) -> str:
    return look(number, email)

for number in map(int, sys.argv[1:]):
    careless(number, f"person{number}@example.org")
"""


def canaries(number: int) -> tuple[bytes, bytes]:
    return (f"person{number}@example.org".encode(), b"Zebulon Canary %d" % number)


@dataclass
class Planted:
    workspace: Workspace
    address: str
    backup: bytes
    rows: dict[int, int]
    digests: dict[str, bytes]

    def objects(self) -> Iterator[tuple[str, bytes]]:
        """Yield every stored byte: (where, content)."""
        root, home = self.workspace.root, self.workspace.home
        for folder in (root / "data", root / ".dvc", root.parent / "remote", home):
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    yield str(path), path.read_bytes()
                if (
                    path.is_file()
                    and path.parent.name == "storage"
                    and path.read_bytes()[:1] == b"{"
                ):
                    result = json.loads(path.read_bytes()).get("result", "")  # a pickle in base64
                    yield str(path), base64.b64decode(result)
        yield from self.cloud()
        command = ["git", "cat-file", "--batch-all-objects", "--batch"]
        yield "git", subprocess.run(command, cwd=root, capture_output=True, check=True).stdout
        for database in (home / "mlflow.db", home / "prefect" / "prefect.db"):
            connection = sqlite3.connect(database)
            yield f"{database.name}, every row", "\n".join(connection.iterdump()).encode()
            connection.close()

    def cloud(self) -> Iterator[tuple[str, bytes]]:
        """Yield every object of the bucket."""
        for entry in client(self.address).list_objects_v2(Bucket="versions").get("Contents", []):
            yield (
                entry["Key"],
                client(self.address).get_object(Bucket="versions", Key=entry["Key"])["Body"].read(),
            )

    def places_of(self, number: int) -> set[str]:
        """Where any of a person's canaries stands."""
        found = set()
        for where, content in self.objects():
            if any(value in content for value in canaries(number)):
                found.add(where)
        return found

    def readable_rows(self) -> dict[int, int]:
        """Count the rows of each person that any key opens, in cache, remotes and workspace."""
        script = f"""
import collections, io, json, pathlib, sys
from tasks.keystore.pseudonyms import pseudonym
from tasks.keystore.keys import open_keys
from tasks.sealed.objects import SealedFile
{HERE}
people = {{pseudonym(here.secret("pseudonym"), f"person{{n}}@example.org"): n for n in {PEOPLE}}}
keys, count = open_keys(here), collections.Counter({{n: 0 for n in {PEOPLE}}})
for name in sys.stdin.read().split("\\n"):
    data = pathlib.Path(name).read_bytes()
    if data[:4] != b"PAR1":
        continue
    file = SealedFile.open(io.BytesIO(data), name)
    ids = file.key_ids()
    live, places = keys.by_id(ids), file.places(ids)
    for subject in file.unseal([p for key in live for p in places[key]], live)["subject"]:
        if subject in people:
            count[people[subject]] += 1
print(json.dumps(count))
"""
        folder = self.workspace.root.parent / "fetched"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        root = self.workspace.root
        here = [
            path
            for base in (root / ".dvc", root / "data", root.parent / "remote")
            for path in base.rglob("*")
        ]
        names = [str(path) for path in here if path.is_file()]
        for number, (_, content) in enumerate(self.cloud()):
            (folder / str(number)).write_bytes(content)
            names.append(str(folder / str(number)))
        done = subprocess.run(
            [sys.executable, "-c", script], input="\n".join(names), cwd=self.workspace.root,
            env=self.workspace.environment(), capture_output=True, text=True, check=True,
        )  # fmt: skip
        return {int(number): count for number, count in json.loads(done.stdout).items()}

    def sealed_bytes(self) -> dict[str, bytes]:
        return {where: content for where, content in self.objects() if content[:4] == b"PAR1"}


def client(address: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=address,
        aws_access_key_id="k",
        aws_secret_access_key="s",
        region_name="us-east-1",
    )


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def planted(released: Workspace, tmp_path_factory: pytest.TempPathFactory, s3: str) -> Planted:
    """Everybody planted, everywhere, in every version."""
    workspace = released.copy(tmp_path_factory.mktemp("canaries"))
    root = workspace.root
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]
    shutil.rmtree(
        root / ".git"
    )  # the pattern's history holds the source files, which are their owner's
    with (root / ".gitignore").open("a") as ignored:
        ignored.write("sources/\n")
    workspace.run("git", "init", "-q")
    client(s3).create_bucket(Bucket="versions")
    workspace.dvc("remote", "add", "--default", "folder", str(root.parent / "remote"))
    workspace.dvc("remote", "add", "cloud", "s3://versions/portcullis")
    workspace.dvc("remote", "modify", "cloud", "endpointurl", s3)
    workspace.configure(
        columns__name={"role": "identifier", "source": "applications", "kind": "name"}
    )
    source = root / "sources" / "applications.csv"
    frame = pd.read_csv(source)
    for version in range(VERSIONS):
        frame.assign(
            name=[f"Zebulon Canary {i}" for i in range(len(frame))], years=frame["years"] + version
        ).to_csv(source, index=False)
        workspace.dvc(
            "repro", f"register@{CASE}" if version == VERSIONS - 1 else f"validate@{CASE}"
        )
        docs = workspace.path("validate/docs")
        for (
            number
        ) in PEOPLE:  # a quality report that quotes failing rows, kept as a version like any output
            (docs / f"failed-{version}-{number}.html").write_text(
                f"<td>{canaries(number)[0].decode()}</td>"
            )
        workspace.dvc("commit", "-f", f"validate@{CASE}")
        for remote in ("folder", "cloud"):
            workspace.dvc("push", "-r", remote, "--run-cache", **KEYS)
        workspace.run("git", "add", "-A")
        workspace.run(*git, "commit", "-qm", f"version {version}")
    rows = [{"email": canaries(number)[0].decode(), "shap": [0.1, 0.2]} for number in PEOPLE]
    (workspace.path("explain") / "shap-values.json").write_text(json.dumps(rows))
    numbers = [str(number) for number in PEOPLE]
    workspace.run(sys.executable, "-c", TRACKED, *numbers)
    (root / "careless.py").write_text(LOGGED)
    workspace.run(sys.executable, "careless.py", *numbers)
    (root / "careless.py").unlink()
    workspace.run(
        sys.executable,
        "-c",
        f"{HERE} from tasks.keystore.keys import open_keys; open_keys(here).tables.scrub()",
    )
    backup = (workspace.home / "keys.db").read_bytes()
    made = Planted(workspace, s3, backup, {}, {})
    made.rows, made.digests = made.readable_rows(), made.sealed_bytes()
    return made


@pytest.fixture(scope="module")
def before(planted: Planted) -> dict[int, set[str]]:
    return {number: planted.places_of(number) for number in PEOPLE}


@pytest.fixture(scope="module")
def erased(planted: Planted, before: dict[int, set[str]]) -> subprocess.CompletedProcess[str]:
    """Two of them erased, with the files that cannot be masked in place."""
    people = planted.workspace.root.parent / "people.txt"
    people.write_text("\n".join(canaries(number)[0].decode() for number in GONE))
    command = [sys.executable, "-m", "flows", "erase", CASE, "--list", str(people)]
    command.append("--remove-files")
    done = planted.workspace.run(*command, **KEYS)
    people.unlink()
    return done


def test_everybody_was_planted_in_every_kind_of_place(
    planted: Planted, before: dict[int, set[str]]
) -> None:
    for number in PEOPLE:
        text = "\n".join(before[number])
        for place in PLACES:
            assert place in text, (number, place)
        assert planted.rows[number] >= 2 * VERSIONS * 3, "two datasets, in a cache and two remotes"


def test_no_byte_of_the_erased_is_left_and_nothing_of_the_others_is_missing(
    planted: Planted, before: dict[int, set[str]], erased: subprocess.CompletedProcess[str]
) -> None:
    for number in GONE:
        assert planted.places_of(number) == set()
    for number in STAY:
        lost = before[number] - planted.places_of(number)
        assert lost == set()
    # The sources are their owner's, and deliver everybody again: nothing else is left.
    left = [line for line in erased.stdout.splitlines() if line.startswith("left to a person")]
    assert left
    assert all(line.startswith("left to a person: checkout: sources/") for line in left)
    # No person is in a plot's pixels; that they were not searched is said all the same.
    unseen = [line for line in erased.stdout.splitlines() if line.startswith("could not be")]
    assert all(line.endswith("not looked into") and ": image: " in line for line in unseen)


def test_no_key_opens_a_row_of_the_erased_in_any_version_and_every_row_of_the_others_opens(
    planted: Planted, erased: subprocess.CompletedProcess[str]
) -> None:
    after = planted.readable_rows()
    assert {number: after[number] for number in GONE} == dict.fromkeys(GONE, 0)
    assert {number: after[number] for number in STAY} == {
        number: planted.rows[number] for number in STAY
    }


def test_every_digest_lock_and_registered_model_still_verifies(
    planted: Planted, erased: subprocess.CompletedProcess[str]
) -> None:
    assert planted.sealed_bytes() == planted.digests
    workspace = planted.workspace
    status = json.loads(workspace.dvc("status", "--json").stdout)
    entries = [entry for stage in status.values() for entry in stage if isinstance(entry, dict)]
    changed = [out for entry in entries for out in entry.get("changed outs", {})]
    assert changed == [
        f"data/{CASE}/validate/docs"
    ]  # the one output that quoted people in plain text
    verified = workspace.run(sys.executable, "-c", VERIFIED).stdout.split()
    assert len(verified) >= 2
    assert set(verified) == {"True"}


def test_a_restored_backup_of_the_key_store_opens_nothing(
    planted: Planted, erased: subprocess.CompletedProcess[str], tmp_path: Path
) -> None:
    other = Workspace(planted.workspace.root, tmp_path / "home")
    shutil.copytree(planted.workspace.home, other.home)
    for path in other.home.glob("keys.db*"):
        path.unlink()
    (other.home / "keys.db").write_bytes(planted.backup)
    done = other.run(
        sys.executable, "-m", "tasks.sealed", "show", CASE, "ingest", "--why", "attack", check=False
    )
    assert done.returncode == 2
    assert "found an older copy, which would bring back 2 people" in done.stderr


def test_the_next_release_goes_through_without_them(
    planted: Planted, erased: subprocess.CompletedProcess[str]
) -> None:
    ran = planted.workspace.dvc("repro", f"register@{CASE}")
    assert "2 rows left out" in ran.stderr
    for number in GONE:
        assert planted.places_of(number) == set()


# What a message may say: people planted where a delivery should have none, in a workspace of its
# own. Nothing of them may be anywhere but in the source files.

CANARY = b"Zyx Canary"
# The name is put together when it runs: the worker keeps a copy of the code itself.
CARELESS_STAGE = """
import logging, os, warnings

PERSON = "".join(("Zyx Can", "ary"))

def run(stage_run):
    print(PERSON, "on standard output", flush=True)
    os.write(2, f"{PERSON} by a library in C\\n".encode())
    warnings.warn(f"{PERSON} in a warning")
    logging.getLogger("library").error("%s in a log", PERSON)
    try:
        int(PERSON)
    except ValueError as error:
        raise KeyError(PERSON) from error
"""


def without_header(sources: Path) -> None:
    path = sources / "applications.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([f"zyx@canary.example,{CANARY.decode()},3,blue,1\n", *lines[1:]]))


def with_a_person_in_the_header(sources: Path) -> None:
    path = sources / "applications.csv"
    pd.read_csv(path).assign(**{"Zyx Canary": 1, "zyx@canary.example": 2}).to_csv(path, index=False)


def with_a_person_as_key(sources: Path) -> None:
    with (sources / "bureau.jsonl").open("a") as stream:
        stream.write('{"email": "person1@example.org", "Zyx Canary": {"zyx@canary.example": 1}}\n')


def with_a_person_as_value_of_another_kind(sources: Path) -> None:
    path = sources / "applications.csv"
    path.write_text(path.read_text() + "person1@example.org,Zyx Canary,3,blue,1\n")


def with_a_longer_row(sources: Path) -> None:
    path = sources / "applications.csv"
    path.write_text(path.read_text() + "person1@example.org,1,3,blue,1,Zyx Canary\n")


DELIVERIES = (
    without_header,
    with_a_person_in_the_header,
    with_a_person_as_key,
    with_a_person_as_value_of_another_kind,
    with_a_longer_row,
)


@pytest.fixture
def careless(released: Workspace, tmp_path: Path) -> Workspace:
    return released.copy(tmp_path)


def places_of_canary(workspace: Workspace) -> set[str]:
    """Return every file outside the sources that holds a canary, rows of databases included."""
    places = set()
    for folder in (workspace.root / "data", workspace.root / ".dvc", workspace.home):
        for path in folder.rglob("*"):
            if path.is_file() and has_canary(path.read_bytes()):
                places.add(str(path))
    for database in workspace.home.rglob("*.db"):
        connection = sqlite3.connect(database)
        if has_canary("\n".join(connection.iterdump()).encode()):
            places.add(f"{database.name}, a row")
        connection.close()
    return places


def has_canary(content: bytes) -> bool:
    # The list of installed files names the time zone of the islands.
    return b"canary" in content.lower().replace(b"atlantic/canary", b"")


@pytest.mark.parametrize("deliver", DELIVERIES, ids=lambda deliver: deliver.__name__)
def test_a_stage_refuses_a_delivery_and_says_nothing_of_who_is_in_it(
    careless: Workspace, deliver: Callable[[Path], None]
) -> None:
    deliver(careless.root / "sources")
    for options in ((), ("-X", "dev")):
        done = careless.run(sys.executable, *options, "-m", "tasks", "ingest", CASE, check=False)
        assert done.returncode == 2
        assert "source `" in done.stderr
        assert not has_canary((done.stdout + done.stderr).encode())
    assert places_of_canary(careless) == set()


def test_a_release_says_nothing_of_who_is_in_a_delivery_nor_does_prefect_keep_it(
    careless: Workspace,
) -> None:
    without_header(careless.root / "sources")
    done = careless.run(sys.executable, "-m", "flows", "release", CASE, check=False)
    assert done.returncode == 2
    assert "5 columns, none of them declared" in done.stderr
    assert not has_canary((done.stdout + done.stderr).encode())
    assert places_of_canary(careless) == set()


def test_a_release_says_nothing_of_what_careless_code_prints_warns_logs_and_raises(
    careless: Workspace,
) -> None:
    (careless.root / "tasks/stages/ingest/stage.py").write_text(CARELESS_STAGE)
    done = careless.run(sys.executable, "-m", "flows", "release", CASE, check=False)
    assert done.returncode == 2
    assert "KeyError at " in done.stderr
    assert not has_canary((done.stdout + done.stderr).encode())
    assert places_of_canary(careless) == set()


def test_a_person_who_slipped_into_a_protected_column_is_on_no_page_and_in_no_verdict(
    careless: Workspace,
) -> None:
    path = careless.root / "sources" / "applications.csv"
    frame = pd.read_csv(path)
    frame.loc[:2, "colour"] = CANARY.decode()
    frame.to_csv(path, index=False)
    done = careless.run(sys.executable, "-m", "flows", "release", CASE, check=False)
    assert done.returncode == 3
    assert "fewer than 10: 1 other group" in done.stdout + done.stderr
    assert not has_canary((done.stdout + done.stderr).encode())
    assert places_of_canary(careless) == set()
