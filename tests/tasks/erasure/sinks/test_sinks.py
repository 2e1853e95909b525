"""Each sink takes out who is erased, keeps who is not, can do it again, and says what it could not."""

import logging
import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest
import s3fs
from moto.server import ThreadedMotoServer

from flows.serving.ports import find_free_port
from tasks.erasure.searching.places import Place, Rule
from tasks.erasure.searching.traces import Traces, Value
from tasks.erasure.sinks.database import purge_database
from tasks.erasure.sinks.files import Files
from tasks.erasure.sinks.git import Git
from tasks.erasure.sinks.scheduler import Scheduler
from tasks.erasure.sinks.tracking import Tracking
from tests import services
from tests.installations import installation_at, settings_now

ANN = Traces.of([Value("email", "ann@example.org"), Value("name", "Zoë Quarantine")])
TABLES = """
CREATE TABLE runs (id INTEGER PRIMARY KEY, name VARCHAR(80), doc JSON, n FLOAT);
CREATE TABLE tags (key VARCHAR(80), run INTEGER, value TEXT, PRIMARY KEY (key, run));
CREATE TABLE loose (message TEXT);
"""
ROWS = (
    (
        'INSERT INTO runs VALUES (1, \'ann@example.org\', \'{"p": ["ann@example.org", "bob@example.org"]}\', 1.5)',
    ),
    (
        "INSERT INTO runs VALUES (2, 'bob@example.org', '{\"name\": \"Zo\\u00eb Quarantine\"}', 2.5)",
    ),
    ("INSERT INTO tags VALUES ('ann@example.org', 1, 'x')",),
    ("INSERT INTO tags VALUES ('bob@example.org', 1, 'Zoë Quarantine, bob@example.org')",),
    ("INSERT INTO loose VALUES ('log: ann@example.org')",),
    ("INSERT INTO loose VALUES ('log: bob@example.org')",),
)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with services.postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def database(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[str, Callable[[], str]]]:
    """A database of somebody else's program: (url, a function that returns all of it as text)."""
    if request.param == "sqlite":
        path = tmp_path / "x.db"
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(TABLES)
        for (row,) in ROWS:
            connection.execute(row)
        connection.commit()

        def content() -> str:
            return "\n".join(connection.iterdump())

        yield f"sqlite+aiosqlite:///{path}", content
        connection.close()
        assert b"ann@example.org" not in b"".join(
            file.read_bytes() for file in tmp_path.glob("x.db*")
        )
        return
    url = request.getfixturevalue("server")
    with psycopg.connect(url, autocommit=True) as server:
        server.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        server.execute(TABLES)
        for (row,) in ROWS:
            server.execute(row)

        def content() -> str:
            tables = ("runs", "tags", "loose")
            return str([server.execute(f"SELECT * FROM {table}").fetchall() for table in tables])

        yield url.replace("postgresql://", "postgresql+asyncpg://"), content


def test_a_database_loses_theirs_in_every_column_even_in_keys_and_keeps_the_rest(
    database: tuple[str, Callable[..., Any]],
) -> None:
    url, content = database
    done = purge_database("x", url, ANN)
    assert (done.rewritten, done.left) == (6, ())
    assert "ann@" not in content()
    assert "Quarantine" not in content()
    assert content().count("bob@example.org") == 5
    assert "1.5" in content()
    again = purge_database("x", url, ANN)
    assert (again.rewritten, again.left) == (0, ())


def test_a_database_that_is_not_there_is_none_and_one_that_is_down_is_an_error(
    tmp_path: Path,
) -> None:
    from tasks.errors import ServiceError

    assert purge_database("x", f"sqlite:///{tmp_path / 'none.db'}", ANN).searched == 0
    with pytest.raises(ServiceError):
        purge_database("x", f"postgresql://t@127.0.0.1:{find_free_port()}/x", ANN)


def test_names_that_must_differ_stay_different(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE names (name TEXT UNIQUE)")
        connection.executemany(
            "INSERT INTO names VALUES (?)", [("ann@example.org",), ("Ann@example.org",)]
        )
    connection.close()
    assert purge_database("x", f"sqlite:///{path}", ANN).left == ()
    with sqlite3.connect(path) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM names")]
    connection.close()
    assert len(set(names)) == 2
    assert all(name.startswith("[erased]") for name in names)


def files(rule: Rule, folder: Path, **more: Any) -> Files:
    return Files("x", [Place.local("x", folder, rule)], **more)


def test_files_are_rewritten_removed_or_reported_as_their_place_allows(tmp_path: Path) -> None:
    def plant() -> None:
        (tmp_path / "a.csv").write_text("email\nann@example.org\nbob@example.org\n")
        (tmp_path / "b.bin").write_bytes(b"\x00\xff ann@example.org")
        (tmp_path / "c.txt").write_text("bob@example.org")

    plant()
    done = files(Rule.REPORT, tmp_path).purge(ANN)
    assert (done.searched, done.rewritten, done.removed, len(done.left)) == (3, 0, 0, 2)
    assert "ann@" not in str(done.left)
    done = files(Rule.REWRITE, tmp_path).purge(ANN)
    assert (done.rewritten, done.removed, done.left) == (1, 1, ())
    assert (tmp_path / "a.csv").read_text() == "email\nbob@example.org\n"
    assert files(Rule.REWRITE, tmp_path).purge(ANN).rewritten == 0
    plant()
    done = files(Rule.REMOVE, tmp_path).purge(ANN)
    assert done.removed == 2
    assert [path.name for path in tmp_path.iterdir()] == ["c.txt"]


def test_a_large_file_is_searched_piece_by_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.erasure.sinks.files.WHOLE_BYTES", 100)
    monkeypatch.setattr("tasks.erasure.sinks.files.PIECE_BYTES", 64)
    monkeypatch.setattr("tasks.erasure.sinks.files.OVERLAP_BYTES", 32)
    for start in range(40, 70):
        (tmp_path / "big.log").write_bytes(b"." * start + b" ann@example.org " + b"." * 200)
        assert files(Rule.REWRITE, tmp_path).purge(ANN).removed == 1


def test_a_file_name_that_names_the_person_is_not_repeated_in_the_report(tmp_path: Path) -> None:
    (tmp_path / "ann@example.org.txt").write_text("ann@example.org")
    (line,) = files(Rule.REPORT, tmp_path).purge(ANN).left
    assert "ann@" not in line


def test_a_file_that_is_named_after_the_person_goes_whatever_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "letter to Ann@example.org.txt").write_text("Dear customer")
    (tmp_path / "letter to bob@example.org.txt").write_text("Dear customer")
    assert files(Rule.REWRITE, tmp_path).purge(ANN).removed == 1
    assert [path.name for path in tmp_path.iterdir()] == ["letter to bob@example.org.txt"]


def refuse(path: str) -> None:
    raise PermissionError("locked")


def test_a_bucket_that_keeps_versions_keeps_none_of_theirs_and_what_cannot_go_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        address = "http://{}:{}".format(*server.get_host_and_port())
        keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}
        client = boto3.client("s3", endpoint_url=address, **keys)
        client.create_bucket(Bucket="kept")
        client.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
        for text in ("ann@example.org, old", "ann@example.org"):
            client.put_object(Bucket="kept", Key="files/a.txt", Body=text.encode())
        client.put_object(Bucket="kept", Key="files/a.txt.other", Body=b"bob@example.org")
        fs = s3fs.S3FileSystem(key="k", secret="s", endpoint_url=address, skip_instance_cache=True)
        place = Place("cloud", fs, "kept/files", Rule.REMOVE)
        with monkeypatch.context() as patch:
            patch.setattr(fs, "rm_file", refuse)
            (line,) = Files("x", [place]).purge(ANN).left
        assert "cannot be removed" in line
        assert Files("x", [place]).purge(ANN).removed == 1
        versions = client.list_object_versions(Bucket="kept")
        assert [one["Key"] for one in versions["Versions"]] == ["files/a.txt.other"]
        assert "DeleteMarkers" not in versions
    finally:
        server.stop()


def test_git_is_searched_in_history_and_unreachable_objects_and_never_rewritten(
    tmp_path: Path,
) -> None:
    def git(*arguments: str) -> str:
        command = ["git", "-c", "user.name=t", "-c", "user.email=t@t", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout.strip()

    git("init", "-q")
    (tmp_path / "old.csv").write_text("ann@example.org\n")
    git("add", "-A")
    git("commit", "-qm", "add")
    (tmp_path / "old.csv").write_text("bob@example.org\n")
    git("commit", "-qam", "by Zoë Quarantine")
    (tmp_path / "staged.txt").write_text("Zoë Quarantine")
    git("add", "-A")
    git("reset", "-q", "--hard")
    head = git("rev-parse", "HEAD")
    done = Git(tmp_path).purge(ANN)
    assert len(done.left) == 3
    assert any("old.csv" in line for line in done.left)
    assert any("in no commit" in line for line in done.left)
    assert git("rev-parse", "HEAD") == head
    assert "ann@" not in str(done.left)


def test_prefect_s_results_and_database_lie_where_its_settings_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    for variable in (
        "PREFECT_SERVER_DATABASE_CONNECTION_URL",
        "PREFECT_API_DATABASE_CONNECTION_URL",
    ):
        monkeypatch.delenv(variable, raising=False)
    (tmp_path / "storage").mkdir()
    (tmp_path / "storage" / "result").write_text('{"result": "ann@example.org"}')
    with sqlite3.connect(tmp_path / "prefect.db") as connection:
        connection.execute("CREATE TABLE log (id TEXT PRIMARY KEY, message TEXT)")
        connection.execute("INSERT INTO log VALUES ('1', 'ann@example.org')")
    connection.close()
    assert Scheduler(settings_now()).purge(ANN).rewritten == 2
    (tmp_path / "prefect.db").unlink()
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    assert (
        "name it in $PREFECT_SERVER_DATABASE_CONNECTION_URL"
        in Scheduler(settings_now()).purge(ANN).unseen[0]
    )


def test_a_tracking_server_whose_database_is_out_of_reach_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.delenv("PORTCULLIS_MLFLOW_DATABASE_URL", raising=False)
    assert (
        "PORTCULLIS_MLFLOW_DATABASE_URL" in Tracking(installation_at(tmp_path)).purge(ANN).unseen[0]
    )
    assert os.environ["MLFLOW_TRACKING_URI"]


def test_a_registered_model_s_own_files_are_reported_and_other_artifacts_cleaned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifacts = tmp_path / "artifacts"
    for path in (
        artifacts / "1" / "model" / "data" / "m.txt",
        artifacts / "1" / "tables" / "t.csv",
    ):
        path.parent.mkdir(parents=True)
        path.write_text("email\nann@example.org\n")
    with sqlite3.connect(tmp_path / "mlflow.db") as connection:
        connection.execute(
            "CREATE TABLE experiments (experiment_id INTEGER, artifact_location TEXT)"
        )
        connection.execute("INSERT INTO experiments VALUES (1, ?)", (artifacts.as_uri(),))
    connection.close()
    monkeypatch.setenv("PORTCULLIS_MLFLOW_DATABASE_URL", f"sqlite:///{tmp_path / 'mlflow.db'}")
    done = Tracking(installation_at(tmp_path)).purge(ANN)
    assert (done.rewritten, len(done.left)) == (1, 1)
    assert "model/data/m.txt" in done.left[0]
