"""What a killed stack leaves behind hinders no later one, and is removed."""

import fcntl
import os
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.cli import server
from flows.stack.bucket import remove_dead_sockets
from flows.stack.identity import Client, IdentityServer
from flows.stack.postgres import PostgresServer, sockets_of
from flows.stack.server_process import ServerProcess, is_answering
from tasks.errors import ConfigError, ServiceError


@pytest.mark.parametrize("text", ["{", "[]", '{"dana": "risk-modelling"}'])
def test_people_whom_somebody_wrote_down_in_another_form_are_one_line(
    tmp_path: Path, text: str
) -> None:
    (tmp_path / "people.json").write_text(text)
    with pytest.raises(ConfigError, match="expected an object of people"):
        IdentityServer(
            tmp_path,
            tmp_path / "identity.log",
            pages=Client("pages", "x", "http://127.0.0.1:1"),
            audience="registry",
            services=(),
        )


def test_who_may_connect_is_written_through_no_link(tmp_path: Path) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("mine")
    (tmp_path / "data").mkdir()
    for name in ("pg_hba.conf", "pg_ident.conf"):
        (tmp_path / "data" / name).symlink_to(letter)
    postgres = PostgresServer.__new__(PostgresServer)  # as no server has to be installed for this
    postgres._folder = tmp_path
    postgres.account = None

    postgres._write_access()
    postgres._write_access()

    assert letter.read_text() == "mine"
    access = tmp_path / "data" / "pg_hba.conf"
    assert "scram-sha-256" in access.read_text()
    assert access.stat().st_mode & 0o777 == 0o600


def test_what_speaks_no_http_is_no_answer() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"220 mail ready\r\n")
                connection.recv(1024)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        assert not is_answering(f"http://127.0.0.1:{listener.getsockname()[1]}/health")
        thread.join()


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go, for a test alone."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server that serves nothing, until it is ended."""
    process = ServerProcess(
        name="Waiting",
        command=[sys.executable, "-c", "import time; time.sleep(600)"],
        log=tmp_path / "log",
        environment={},
        folder=tmp_path,
    )
    yield process
    process.stop()


def test_a_lock_lasts_as_long_as_the_last_server(
    tmp_path: Path, waiting: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command is gone, killed; its server has not ended yet."""
    monkeypatch.setattr(server, "LEFTOVER_SECONDS", 0.0)
    with (tmp_path / "servers.lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        waiting.held = (stream.fileno(),)
        waiting.start()

    with pytest.raises(ServiceError, match="no server of an earlier start"):
        server.lock_servers(tmp_path).__enter__()
    waiting.stop()
    with server.lock_servers(tmp_path) as descriptor:
        assert os.fstat(descriptor).st_size == 0


def test_a_start_waits_for_servers_that_are_ending(tmp_path: Path, waiting: ServerProcess) -> None:
    with (tmp_path / "servers.lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        waiting.held = (stream.fileno(),)
        waiting.start()
    ending = threading.Timer(0.2, waiting.stop)
    ending.start()
    with server.lock_servers(tmp_path):
        ending.join()


def test_the_sockets_of_a_killed_server_make_room(temporary: Path, tmp_path: Path) -> None:
    first = sockets_of(tmp_path / "data", None)
    (first / ".s.PGSQL.5432").touch()
    second = sockets_of(tmp_path / "data", None)
    assert second == first
    assert list(second.iterdir()) == []
    assert second.stat().st_mode & 0o777 == 0o700
    assert sockets_of(tmp_path / "other", None) != first
    assert len(list(temporary.iterdir())) == 2


@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_else_has_the_name_of_the_sockets_is_left_alone(
    temporary: Path, tmp_path: Path, kind: str
) -> None:
    """Everybody may write there, and the name can be computed."""
    place = sockets_of(tmp_path / "data", None)
    place.rmdir()
    target = tmp_path / "target"
    target.mkdir()
    (target / "kept").touch()
    if kind == "file":
        place.touch()
    else:
        place.symlink_to(target)
    assert sockets_of(tmp_path / "data", None) != place
    assert place.exists()
    assert (target / "kept").exists()
    assert len(list(temporary.iterdir())) == 2


def test_a_dead_socket_is_removed_and_a_living_one_is_not(tmp_path: Path) -> None:
    living = tmp_path / "seaweedfs-filer-1.sock"
    dead = tmp_path / "seaweedfs-filer-2.sock"
    other = tmp_path / "another.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(living))
        listener.listen()
        for path in (dead, other):
            with socket.socket(socket.AF_UNIX) as gone:
                gone.bind(str(path))
        remove_dead_sockets(tmp_path)
        assert sorted(tmp_path.iterdir()) == [other, living]
