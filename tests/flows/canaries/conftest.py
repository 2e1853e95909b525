"""Everybody planted everywhere once, and what is stored before and after ten are erased."""

import io
import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer

from tests.flows.canaries.people import COUNT, GONE, RETRIED, Canary, people
from tests.flows.canaries.planting import (
    BUCKET,
    S3_KEYS,
    Ground,
    keep_backup,
    plant_files,
    plant_in_git,
    plant_in_mlflow,
    plant_in_prefect,
    plant_versions,
)
from tests.flows.canaries.scanner import Scanner
from tests.flows.canaries.snapshot import Snapshot, changed_places, read_items, take_snapshot
from tests.flows.workspace import CASE, make

Done = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Erasure:
    """What the commands said, what stands on the receipts, and everything stored afterwards."""

    set_aside: Done  # of one whose rows could not be read at first
    erased: Done  # of the nine others
    retried: Done
    receipt_lines: tuple[str, ...]
    after: Snapshot


@dataclass(frozen=True)
class DryRun:
    """What the command said beforehand, and what changed by it."""

    done: Done
    changed: set[str]

    def lines(self, beginning: str) -> list[str]:
        """Return the ends of the lines that begin so."""
        lines = self.done.stdout.splitlines()
        return [line.removeprefix(beginning) for line in lines if line.startswith(beginning)]


@pytest.fixture(scope="session")
def scanner() -> Scanner:
    return Scanner(people())


@pytest.fixture(scope="session")
def s3_address() -> Iterator[str]:
    """An S3 server on 127.0.0.1."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def ground(s3_address: str, tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """Thirty people in four versions and in every place, nobody erased yet."""
    folder = tmp_path_factory.mktemp("canaries") / "ground"
    planted = Ground(make(folder / "checkout", folder / "home"), s3_address)
    with ThreadPoolExecutor(max_workers=1) as beside:
        prefect = beside.submit(plant_in_prefect, planted)
        plant_versions(planted)
        plant_files(planted)
        plant_in_git(planted)
        plant_in_mlflow(planted)
        prefect.result()
    keep_backup(planted)
    return planted


@pytest.fixture(scope="session")
def before(ground: Ground) -> Snapshot:
    return take_snapshot(ground)


@pytest.fixture(scope="session")
def dry_run(ground: Ground, before: Snapshot) -> DryRun:
    """What an erasure of all ten would do."""
    everybody = people()
    asked = [everybody[number].identifiers for number in GONE]
    done = erase(ground, asked, "--dry-run", "--search-texts")
    return DryRun(done, changed_places(before.items, read_items(ground)))


@pytest.fixture(scope="session")
def erasure(ground: Ground, dry_run: DryRun) -> Erasure:
    """Ten of the thirty erased by the command; one is set aside at first, and tried again."""
    everybody = people()
    set_aside = _fail_to_erase(ground, everybody[RETRIED])
    others = [everybody[number].identifiers for number in GONE if number != RETRIED]
    erased = erase(ground, others, "--search-texts")
    request = re.search(r"--retry (\S+)\)", set_aside.stdout)
    assert request, set_aside.stdout + set_aside.stderr
    retried = run_erase(ground, "--retry", request[1])
    return Erasure(set_aside, erased, retried, receipt_lines(ground), take_snapshot(ground))


def _fail_to_erase(ground: Ground, person: Canary) -> Done:
    """Erase a person while every copy of the newest version's rows is damaged; then mend them."""
    rows = ground.workspace.path("ingest/rows.parquet").read_bytes()
    further = [part for email in person.further_emails for part in ("--also", email)]
    command = (CASE, "--subject", person.email, *further, "--search-texts")

    (key,) = (key for key, content in ground.stored_objects() if content == rows)
    files = [path for path in ground.stored_files() if path.read_bytes() == rows]
    assert len(files) >= 3, files  # the working tree's, the cache's and that of the other remote
    damaged = _damage_first_rows(rows)
    _write_copies(ground, key, files, damaged)
    done = run_erase(ground, *command, check=False)
    _write_copies(ground, key, files, rows)
    return done


def _write_copies(ground: Ground, key: str, files: Sequence[Path], content: bytes) -> None:
    ground.bucket.put_object(Bucket=BUCKET, Key=key, Body=content)
    for path in files:
        mode = path.stat().st_mode
        path.chmod(0o600)  # DVC's cache may only be read
        path.write_bytes(content)
        path.chmod(mode)


def _damage_first_rows(sealed: bytes) -> bytes:
    """Return a sealed file with one wrong bit in each row of those who were planted."""
    damaged = bytearray(sealed)
    for row in pq.read_table(io.BytesIO(sealed))["row"].slice(0, 2 * COUNT):
        damaged[sealed.index(row.as_py())] ^= 1
    return bytes(damaged)


def erase(ground: Ground, asked: Sequence[tuple[str, ...]], *options: str) -> Done:
    """Erase people, each by all identifiers, with a list that does not stay."""
    listed = ground.workspace.root.parent.parent / "erased-people.txt"
    listed.write_text("\n".join("\t".join(identifiers) for identifiers in asked))
    done = run_erase(ground, CASE, "--list", str(listed), *options)
    listed.unlink()
    return done


def run_erase(ground: Ground, *arguments: str, check: bool = True) -> Done:
    """Run the command as an operator does, with the keys of the remote at hand."""
    command = (sys.executable, "-m", "flows", "erase", *arguments)
    scratch = str(ground.scratch)
    return ground.workspace.run(*command, check=check, PORTCULLIS_SCRATCH=scratch, **S3_KEYS)


def receipt_lines(ground: Ground) -> tuple[str, ...]:
    """Return every line of what remains and of what was not searched, of every receipt."""
    lines = set()
    for path in (ground.workspace.home / "receipts").iterdir():
        statement = json.loads(path.read_text())["statement"]
        lines |= {*statement["left"], *statement["unseen"]}
    return tuple(sorted(lines))
