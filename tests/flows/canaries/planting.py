"""Plant thirty people wherever a pipeline, its tools and its operators leave data.

Sealed versions come from real runs of the stages; everything else is what careless programs and
people leave: quality reports, logs, runs of MLflow and Prefect, exports, branches, stashes.
"""

import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pandas as pd

from tests.flows.canaries.encodings import Encoding, encodings, named
from tests.flows.canaries.people import GONE, RETRIED, SEVERAL, STAY, Canary, people
from tests.flows.workspace import CASE, HERE, Workspace

# As far as each version is taken. A whole release takes almost a minute of CPU, five times what
# `redact` takes, for two more sealed datasets, which one version has: `benchmarks/canaries.py`
# releases all four.
RELEASED_TO: tuple[str, ...] = ("redact", "redact", "redact", "register")
VERSIONS = len(RELEASED_TO)
BUCKET = "versions"
S3_KEYS: Any = {
    "AWS_ACCESS_KEY_ID": "k",
    "AWS_SECRET_ACCESS_KEY": "s",
    "AWS_DEFAULT_REGION": "us-east-1",
}
GIT = ("git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
COLUMNS = {
    "name": {"role": "identifier", "source": "applications", "kind": "name"},
    "phone": {"role": "identifier", "source": "applications", "kind": "phone"},
    "iban": {"role": "identifier", "source": "applications", "kind": "account"},
    "customer": {"role": "identifier", "source": "applications", "kind": "account"},
    "note": {"role": "free_text", "source": "applications", "kind": "text"},
}
# Folders and files of the checkout in which people are planted, one for each kind of place.
REPORTS = f"data/{CASE}/reports"
MIXED = f"data/{CASE}/mixed"
UNTRACKED = "notes"
EXPORTS = "exports"


@dataclass(frozen=True)
class Ground:
    """Where people are planted: the checkout, its remotes, its scratch folder."""

    workspace: Workspace
    s3_address: str

    @property
    def bucket(self) -> Any:
        """The client of the S3 server that has a remote of DVC's."""
        return boto3.client(
            "s3",
            endpoint_url=self.s3_address,
            aws_access_key_id=S3_KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=S3_KEYS["AWS_SECRET_ACCESS_KEY"],
            region_name=S3_KEYS["AWS_DEFAULT_REGION"],
        )

    def stored_objects(self) -> Iterator[tuple[str, bytes]]:
        """Yield every object of the bucket."""
        bucket = self.bucket
        pages = bucket.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        for entry in (entry for page in pages for entry in page.get("Contents", ())):
            body = bucket.get_object(Bucket=BUCKET, Key=entry["Key"])["Body"]
            yield entry["Key"], body.read()

    def stored_files(self) -> Iterator[Path]:
        """Yield every Parquet file and object of DVC's, of the checkout and of its remote."""
        for folder in (self.workspace.root, self.remote):
            for path in folder.rglob("*"):
                is_object = "files" in path.parts or path.suffix == ".parquet"
                if is_object and path.is_file() and not path.is_symlink():
                    yield path

    @property
    def scratch(self) -> Path:
        return self.workspace.root.parent / "scratch"

    @property
    def remote(self) -> Path:
        return self.workspace.root.parent / "remote"

    @property
    def git_remote(self) -> Path:
        return self.workspace.root.parent / "mirror.git"

    @property
    def backup(self) -> Path:
        """A folder of its own: whose backups those are, an erasure does not know."""
        return self.workspace.root.parent.parent / "backup"

    def git(self, *arguments: str, content: bytes | None = None) -> str:
        done = subprocess.run(
            [*GIT, *arguments],
            cwd=self.workspace.root,
            env=self.workspace.environment(),
            input=content,
            capture_output=True,
            check=True,
        )
        return done.stdout.decode().strip()


def plant_versions(ground: Ground) -> None:
    """Deliver everybody in several versions, each sealed by the stages, pushed and committed."""
    workspace = ground.workspace
    # The pattern's history holds the source files, which are their owner's.
    shutil.rmtree(workspace.root / ".git")
    with (workspace.root / ".gitignore").open("a") as ignored:
        ignored.write("sources/\n")
    ground.git("init", "-q", "-b", "main")
    workspace.dvc("remote", "add", "--default", "folder", str(ground.remote))
    ground.bucket.create_bucket(Bucket=BUCKET)
    workspace.dvc("remote", "add", "object-store", f"s3://{BUCKET}/portcullis")
    workspace.dvc("remote", "modify", "object-store", "endpointurl", ground.s3_address)
    changes = {f"columns__{name}": column for name, column in COLUMNS.items()}
    workspace.configure(
        **changes,
        limits__redact__not_applicable="no planted answers",
        # Versions from before texts were masked at ingest are what an erasure has to name.
        ingest__third_persons="kept",
    )
    for version, stage in enumerate(RELEASED_TO):
        deliver(workspace, version)
        workspace.dvc("repro", f"{stage}@{CASE}")
        if version == VERSIONS - 1:
            _plant_in_output(ground)
        ground.git("add", "-A")
        ground.git("commit", "-qm", f"version {version}")
    for remote in ("folder", "object-store"):
        workspace.dvc("push", "--all-commits", "--run-cache", "--remote", remote, **S3_KEYS)


def deliver(workspace: Workspace, version: int) -> None:
    """Write the source files with the thirty as their first rows."""
    path = workspace.root / "sources" / "applications.csv"
    frame = pd.read_csv(path)
    everybody = people()
    rows = len(frame)
    plain = {
        "name": [f"Plain Person {number}" for number in range(rows)],
        "phone": [f"+49 30 5550 {number:04}" for number in range(rows)],
        "iban": [f"XX00 {number:04}" for number in range(rows)],
        "customer": [f"PLAIN-{number:04}" for number in range(rows)],
        "note": ["" for _ in range(rows)],
    }
    old_emails = list(frame["email"])
    frame = frame.assign(**plain, years=frame["years"] + version)
    for person in everybody:
        for column in ("email", *COLUMNS):
            frame.loc[person.number, column] = getattr(person, column)
    # Under a further address the same person is a customer once more.
    for row, person in enumerate((everybody[RETRIED], everybody[SEVERAL]), len(everybody)):
        frame.loc[row, "email"] = person.further_emails[0]
    # Others write about those who are erased, too.
    frame.loc[STAY[8], "note"] = f"{everybody[8].name} is a neighbour and may be called."
    frame.to_csv(path, index=False)

    bureau = workspace.root / "sources" / "bureau.jsonl"
    joined = pd.read_json(bureau, orient="records", lines=True)
    new = dict(zip(old_emails, frame["email"], strict=True))
    joined.assign(email=joined["email"].map(new)).to_json(bureau, orient="records", lines=True)


def _plant_in_output(ground: Ground) -> None:
    """Leave a report that quotes people in an output of a stage, which DVC keeps as it is."""
    docs = ground.workspace.path("validate/docs")
    for person in people():
        (docs / f"failed-{person.number}.html").write_text(f"<td>{person.email}</td>")
    ground.workspace.dvc("commit", "-f", f"validate@{CASE}")


# Files: each person alone in every encoding, and all of them together.


def slug(encoding: Encoding) -> str:
    """Return an encoding's name as a file has it."""
    return re.sub(r"\W+", "-", encoding.name).strip("-").lower()


def plant_files(ground: Ground) -> None:
    """Write every encoding where reports, exports, notes and an operator's jobs are left."""
    root = ground.workspace.root
    everybody = people()
    for encoding in encodings():
        together = encoding.encode(everybody)
        file_name = f"{slug(encoding)}{encoding.suffix}"
        for folder in (
            root / MIXED,
            root / UNTRACKED,
            root / EXPORTS,
            ground.scratch,
            ground.workspace.home / "operator",
            ground.workspace.home / "mlartifacts" / "examples",
        ):
            write(folder / file_name, together)
        for person in everybody:
            alone = encoding.encode([person])
            write(root / REPORTS / slug(encoding) / f"{person.number:02}{encoding.suffix}", alone)
    for person in everybody:
        if person.further_emails:
            text = "\n".join(person.further_emails).encode()
            for folder in (root / REPORTS / "further", root / UNTRACKED, ground.scratch):
                write(folder / f"addresses-{person.number}.txt", text)
    _plant_in_caches(ground, everybody)
    _plant_in_names(ground, everybody)


def _plant_in_caches(ground: Ground, everybody: list[Canary]) -> None:
    """Leave plain objects in DVC's cache and remote, named by their digest as DVC names them."""
    bucket = ground.bucket
    for person in everybody:
        for encoding in ("utf-8", "gzip", "Parquet"):
            content = named(encoding).encode([person])
            digest = hashlib.md5(content).hexdigest()
            name_in_store = f"files/md5/{digest[:2]}/{digest[2:]}"
            for store in (ground.workspace.root / ".dvc" / "cache", ground.remote):
                write(store / name_in_store, content)
            bucket.put_object(Bucket=BUCKET, Key=f"portcullis/{name_in_store}", Body=content)
        text = f"cmd: report --for {person.email}\n".encode()
        write(ground.workspace.root / ".dvc" / "tmp" / f"run-{person.number}.log", text)


def _plant_in_names(ground: Ground, everybody: list[Canary]) -> None:
    """Name files and folders after people: nothing in their content says whose they are."""
    for person in (everybody[0], everybody[7], everybody[20], everybody[27]):
        folder = ground.workspace.root / REPORTS / f"for {person.name}"
        write(folder / "summary.txt", b"Nothing to add.\n")
        write(ground.scratch / f"{person.email}.csv", b"income\n1\n")


def write(path: Path, content: bytes) -> None:
    """Write a file, with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


# MLflow and Prefect, by their own clients.

TRACKED = f"""
import json, os, sys, tempfile, pathlib
from mlflow import MlflowClient
from tasks.registry.client import registry_uri
{HERE}
client = MlflowClient(registry_uri(here))
experiment = client.get_experiment_by_name("{CASE}").experiment_id
for person in json.load(sys.stdin):
    run = client.create_run(experiment, run_name=f"for {{person['email']}}").info.run_id
    client.log_param(run, "who", person["name"])
    client.log_param(run, "note", person["note"])
    client.set_tag(run, "phone", person["phone"])
    client.set_tag(run, "customer", person["customer"])
    client.set_tag(run, "newsletter", " ".join(person["further_emails"]))
    with tempfile.TemporaryDirectory() as folder:
        table = pathlib.Path(folder) / f"table{{person['number']}}.json"
        table.write_text(json.dumps({{"columns": ["email"], "data": [[person["email"]]]}}))
        client.log_artifact(run, str(table), "tables")
    if person["number"] % 2:
        client.delete_run(run)
version = client.search_model_versions("name = '{CASE}'")[0].version
client.set_registered_model_alias("{CASE}", "candidate", version)
client.set_model_version_tag("{CASE}", version, "Model", "Completed")
client.set_model_version_tag("{CASE}", version, "status", "Finished")
"""
SCHEDULED = """
import json, sys
from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.blocks.system import Secret
from prefect.logging import get_run_logger
from prefect.variables import Variable

@task(persist_result=True, result_storage_key="{parameters[number]}")
def look(number: int, text: str) -> str:
    get_run_logger().info("row of %s", text)
    return f"result for {text}"

@flow(persist_result=True)
def careless(number: int, email: str, note: str) -> str:
    create_markdown_artifact(f"| {email} | {note} |", key=f"rows-{number}")
    return look(number, email)

for person in json.load(sys.stdin):
    number = person["number"]
    Variable.set(f"customer_{number}", person["customer"])
    Secret(value=person["iban"]).save(f"iban-{number}")
    Secret(value=f"call {person['name']} on {person['phone']}").save(f"memo-{number}")
    careless(number, person["email"], person["note"])
"""
KEPT_BY_PREFECT = (*range(3), 5, *range(10, 13), 17)  # a flow run takes a second


def plant_in_mlflow(ground: Ground) -> None:
    """Have MLflow keep everybody, as careless code of somebody's own would."""
    _run_script(ground, [sys.executable, "-c", TRACKED], people())


def plant_in_prefect(ground: Ground) -> None:
    """Have Prefect keep some of them; no stage uses it, so that this may run beside a release."""
    # Prefect reads a flow from a file; outside of the checkout, where it would be committed.
    path = ground.workspace.root.parent / "careless.py"
    path.write_text(SCHEDULED)
    kept = [person for person in people() if person.number in KEPT_BY_PREFECT]
    _run_script(ground, [sys.executable, str(path)], kept)
    path.unlink()


def _run_script(ground: Ground, command: list[str], persons: list[Canary]) -> None:
    fields = ("number", "name", "email", "phone", "iban", "customer", "note", "further_emails")
    rows = [{name: getattr(person, name) for name in fields} for person in persons]
    done = subprocess.run(
        command,
        input=json.dumps(rows),
        cwd=ground.workspace.root,
        env=ground.workspace.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


# Git: history, and everything beside it.


def plant_in_git(ground: Ground) -> None:
    """Leave people on a branch, a stash, tags, notes, a lost commit, a loose blob, and a remote."""
    root = ground.workspace.root
    everybody = people()
    first, second, third, fourth = (
        everybody[number] for number in (GONE[0], GONE[1], GONE[7], GONE[8])
    )
    other = everybody[STAY[9]]
    git = ground.git

    git("checkout", "-qb", "analysis")
    _commit(ground, "samples.csv", f"email\n{first.email}\n{other.email}\n", "Add samples")
    _commit(ground, "packed.txt", base64.b64encode(second.record.encode()).decode(), "Pack a row")
    _commit(ground, "empty.txt", "", f"Answer {third.email}, customer {other.customer}")
    git("tag", "-a", "v1", "-m", f"As {fourth.email} asked")
    git("notes", "add", "-m", f"called by {first.name} on {first.phone}")
    git("branch", f"for-{third.customer}")
    git("checkout", "-q", "main")

    # A commit that only the reflog knows.
    _commit(ground, "lost.txt", f"{second.iban}\n", "Lose a row")
    git("reset", "-q", "--hard", "HEAD~1")
    # A stash, and a blob that nothing names.
    write(root / "README.md", (root / "README.md").read_bytes() + f"{fourth.record}\n".encode())
    git("stash", "push", "-q", "-m", f"asked by {first.customer}", "--", "README.md")
    git("hash-object", "-w", "--stdin", content=third.record.encode())

    subprocess.run(
        ["git", "clone", "-q", "--bare", str(root), str(ground.git_remote)],
        env=ground.workspace.environment(),
        check=True,
    )
    git("remote", "add", "origin", str(ground.git_remote))


def _commit(ground: Ground, name: str, text: str, message: str) -> None:
    write(ground.workspace.root / name, text.encode())
    ground.git("add", name)
    ground.git("commit", "-qm", message)


def keep_backup(ground: Ground) -> None:
    """Copy the key store and MLflow's database away, as a nightly backup does."""
    script = f"{HERE} from tasks.keystore.keys import open_keys; open_keys(here).tables.scrub()"
    ground.workspace.run(sys.executable, "-c", script)
    for name in ("keys.db", "mlflow.db"):
        write(ground.backup / name, (ground.workspace.home / name).read_bytes())
