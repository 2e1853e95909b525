"""Accounts without any commit of their own: a client of the worker, and one who is none.

And root, who is the worker's administrator: what of a log or registry put back is noticed.
"""

import base64
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

from tests.attacks.attempts import Kind, Mode, attempt
from tests.attacks.enforced import OUTSIDER, RUNUSER, SCIENTIST, STAGE, WORKER, Enforced
from tests.attacks.prying import attempts_of
from tests.flows.workspace import CASE

pytestmark = pytest.mark.integration

PRYING = str(Path(__file__).with_name("prying.py"))
TALKING = str(Path(__file__).with_name("talking.py"))
ASKING = str(Path(__file__).with_name("asking.py"))
ANSWER_SECONDS = 60


def talk(mode: Enforced, *conversations: bytes) -> list[list[dict[str, object]]]:
    """Hold conversations as the scientist; return what was answered to each."""
    done = subprocess.run(
        [RUNUSER, "-u", SCIENTIST, "--", str(mode.python), "-I", TALKING, str(mode.socket)],
        input="".join(base64.b64encode(sent).decode() + "\n" for sent in conversations),
        env=mode.environment_of(SCIENTIST),
        cwd=mode.checkout,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [
        [json.loads(line) for line in base64.b64decode(answer).splitlines()]
        for answer in done.stdout.splitlines()
    ]


def begin(commit: str, case: str = CASE) -> bytes:
    return message(do="begin", case=case, commit=commit)


def message(**values: object) -> bytes:
    return json.dumps(values).encode() + b"\n"


def state_of(mode: Enforced) -> tuple[str, list[str], bytes]:
    """Return what no attempt may change: the registry, the checkouts, the ledger's newest head."""
    workspaces = sorted(
        path.name for path in (mode.state / "workspaces").iterdir() if path.is_dir()
    )
    return mode.registered(), workspaces, (mode.state / "home" / "ledger.pin").read_bytes()


# What a client can send. Each: the bytes, and a part of the answer.

MALFORMED = {
    "no JSON": b"GET / HTTP/1.1\r\n\r\n",
    "binary": b"\x00\xff\xfe\x80" * 64 + b"\n",
    "an array": b'["begin"]\n',
    "a number": b"1\n",
    "NaN": b'{"do": "begin", "case": NaN, "commit": "x"}\n',
    "a name twice": b'{"do": "begin", "do": "confirm", "case": "tiny", "commit": "x"}\n',
    "a lone surrogate": b'{"do": "begin", "case": "\\ud800", "commit": "x"}\n',
    "lists in lists": b"[" * 100_000 + b"]" * 100_000 + b"\n",
    "objects in objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"\n",
    "2 MiB in a line": b'{"do": "' + b"x" * (2 << 20) + b'"}\n',
    "half a message": b'{"do": "begin", "case"',
    "a number of 100,000 digits": b'{"do": ' + b"9" * 100_000 + b"}\n",
    "an unknown request": b'{"do": "shell", "command": "id"}\n',
    "a stage before a release": b'{"do": "stage", "stage": "register"}\n',
    "an approval before a release": b'{"do": "approve", "envelope": "{}"}\n',
}


@attempt(
    Kind.SERVICE,
    Mode.ENFORCED,
    "a client sends",
    stopped_by="one strict JSON object a line, of 1 MiB at most, or a refusal with exit 2",
    cases=list(MALFORMED),
)
@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_request_is_refused(released: Enforced, name: str) -> None:
    before = state_of(released)
    (answers,) = talk(released, MALFORMED[name])
    assert [answer["tell"] for answer in answers] == ["failed"]
    assert answers[0]["exit_code"] == 2
    assert "request" in str(answers[0]["message"])
    assert state_of(released) == before


NAMES = {
    "a folder above": "../x",
    "an absolute path": "/etc",
    "a word of a shell": "x;touch pwned",
    "a NUL": "tiny\0",
    "a line break": "tiny\nloan",
    "none": "",
    "an option": "--help",
    "a shared folder": "policy",
    "5,000 letters": "a" * 5000,
    "a use case that the commit has not": "not_there",
}


@attempt(
    Kind.SERVICE,
    Mode.ENFORCED,
    "a client names a use case",
    stopped_by="the rule for names, and the folders of the commit; no checkout is made for it",
    cases=list(NAMES),
)
@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_is_no_use_case_is_refused(released: Enforced, name: str) -> None:
    before = state_of(released)
    (answers,) = talk(released, begin(released.head(), NAMES[name]))
    assert [answer["tell"] for answer in answers] == ["failed"]
    assert answers[0]["exit_code"] == 2
    assert state_of(released) == before
    assert not list(released.folder.rglob("pwned"))


COMMITS = {
    "HEAD": "HEAD",
    "a branch": "main",
    "a whole ref": "refs/heads/main",
    "an option of git's": "--upload-pack=touch pwned",
    "an abbreviation": "{head:.12}",
    "capital letters": "{HEAD}",
    "a parent of it": "{head}^",
    "with a line break": "{head}\n",
    "none": "",
    "that does not exist": "0" * 40,
    "by the id of a tree": "{tree}",
}


@attempt(
    Kind.SERVICE,
    Mode.ENFORCED,
    "a client names a commit",
    stopped_by="whole ids in small letters, of a commit that the mirror has",
    cases=list(COMMITS),
)
@pytest.mark.parametrize("name", COMMITS)
def test_what_is_no_commit_is_refused(released: Enforced, name: str) -> None:
    before = state_of(released)
    head = released.head()
    tree = released.run_as(SCIENTIST, "git", "rev-parse", "HEAD^{tree}").stdout.strip()
    named = COMMITS[name].format(head=head, HEAD=head.upper(), tree=tree)
    (answers,) = talk(released, begin(named))
    assert [answer["tell"] for answer in answers] in (["failed"], ["refused"])
    assert state_of(released) == before
    assert not list(released.folder.rglob("pwned"))


@attempt(
    Kind.SERVICE,
    Mode.ENFORCED,
    "a client names an environment, a path or a limit when it begins",
    stopped_by="a request with anything more is none",
)
def test_a_request_with_anything_more_is_refused(released: Enforced) -> None:
    head = released.head()
    more: tuple[dict[str, object], ...] = (
        {"environment": {"PORTCULLIS_TODAY": "2020-01-01"}},
        {"home": "/tmp"},
        {"mode": "enforced"},
        {"actor": "root"},
    )
    sent = [message(do="begin", case=CASE, commit=head, **extra) for extra in more]
    for answers in talk(released, *sent):
        assert [answer["tell"] for answer in answers] == ["failed"]


LATER = {
    "begin again": begin("0" * 40),
    "an unknown stage": message(do="stage", stage="rm -rf /"),
    "a stage with an option": message(do="stage", stage="decide", force=True),
    "a stage of another use case": message(do="stage", stage="decide@loan"),
    "an unknown request": message(do="publish"),
    "an approval that nobody signed": message(do="approve", envelope="{}"),
    "an approval that is no JSON": message(do="approve", envelope="[" * 50_000),
    "a confirmation of another model": message(do="confirm", model="0" * 64),
    "NaN": b'{"do": "stage", "stage": NaN}\n',
}


@attempt(
    Kind.SERVICE,
    Mode.ENFORCED,
    "a client goes on, within a release, with",
    stopped_by="the requests that the worker knows, whole; the release goes on",
    cases=list(LATER),
)
@pytest.mark.parametrize("name", LATER)
def test_a_request_within_a_release_is_refused(released: Enforced, name: str) -> None:
    before = state_of(released)
    (answers,) = talk(released, begin(released.head()) + LATER[name])
    told = [answer for answer in answers if answer["tell"] != "line"]
    assert told[0]["tell"] == "done"
    assert told[1]["tell"] == "failed"
    assert len(told) == 2
    assert state_of(released) == before


# What an account can read and write around the service.

STOPPED = {"EACCES", "EPERM"}
NOWHERE = dict.fromkeys(("state", "service", "socket", "config", "log", "private_key"), "/nowhere")
PROCESSES = {"worker": 0, "launcher": 0, "session": 0}


def pried_names(*, is_outsider: bool) -> list[str]:
    """Return what an account tries, by name."""
    return list(attempts_of({**NOWHERE, "pids": PROCESSES, "is_outsider": is_outsider}))


@dataclass(frozen=True)
class Pried:
    """What two accounts reported, with a session open."""

    by: dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def pried(released: Enforced) -> Pried:
    """Let both accounts try while a session is open."""
    with open_session(released) as session:
        daemon = released.process.pid
        children = Path(f"/proc/{daemon}/task/{daemon}/children").read_text().split()
        launcher = int(children[0])  # which it started first
        by = {}
        for login in (SCIENTIST, OUTSIDER):
            where = {
                "state": str(released.state),
                "service": str(released.service),
                "socket": str(released.socket),
                "config": str(released.folder / "worker.toml"),
                "log": str(released.folder / "service.log"),
                "private_key": str(released.folder / WORKER / "ann.pem"),
                "pids": {"worker": daemon, "launcher": launcher, "session": session},
                "is_outsider": login == OUTSIDER,
            }
            program = (str(released.python), "-I", PRYING, json.dumps(where))
            done = released.run_as(login, *program, cwd=released.folder)
            assert done.returncode == 0, done.stderr
            by[login] = json.loads(done.stdout)
    return Pried(by)


@contextmanager
def open_session(mode: Enforced) -> Iterator[int]:
    """Begin a release as root, who may connect to every socket; yield the session's process."""
    before = children_of(mode.process.pid)
    with closing(socket.socket(socket.AF_UNIX)) as connection:
        connection.settimeout(ANSWER_SECONDS)
        connection.connect(str(mode.socket))
        connection.sendall(begin(mode.head()))
        with connection.makefile("rb") as lines:
            assert json.loads(lines.readline())["tell"] == "done"
        (session,) = children_of(mode.process.pid) - before
        yield session


def children_of(pid: int) -> set[int]:
    return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


@attempt(
    Kind.SECRETS,
    Mode.ENFORCED,
    "a client, by every path around the worker, reads or writes what is the worker's",
    stopped_by="files of other accounts: EACCES or EPERM",
    cases=pried_names(is_outsider=False),
)
@attempt(
    Kind.SECRETS,
    Mode.ENFORCED,
    "an outsider, by every path around the worker, reads or writes what is the worker's",
    stopped_by="files of other accounts: EACCES or EPERM",
    cases=pried_names(is_outsider=True),
)
@pytest.mark.parametrize("login", [SCIENTIST, OUTSIDER], ids=["client", "outsider"])
def test_an_account_reads_and_writes_nothing_of_the_worker_s(
    pried: Pried, released: Enforced, login: str
) -> None:
    got = {name: outcome for name, outcome in pried.by[login].items() if outcome not in STOPPED}
    assert got == {}
    assert list(pried.by[login]) == pried_names(is_outsider=login == OUTSIDER)
    assert released.process.poll() is None


@attempt(
    Kind.SERVICE,
    Mode.ENFORCED,
    "an outsider asks for a release",
    stopped_by="the kernel: the socket is the clients' group's",
)
def test_an_outsider_is_refused_by_the_kernel(released: Enforced, pried: Pried) -> None:
    before = state_of(released)
    assert pried.by[OUTSIDER]["ask the worker"] == "EACCES"
    words = ("-I", ASKING, str(released.service), str(released.socket), released.head(), CASE)
    done = released.run_as(OUTSIDER, str(released.python), *words, cwd=released.folder)
    assert done.returncode == 4
    assert "found PermissionError" in done.stdout
    assert state_of(released) == before


# Two clients, and one that goes away.


@pytest.fixture
def slow_commit(released: Enforced) -> Iterator[str]:
    """A commit whose `decide` takes eight seconds; the honest one is put back at the end."""
    honest = released.head()
    stage = released.checkout / "tasks" / "stages" / "decide" / "stage.py"
    text = stage.read_text()
    slow = "    import time\n\n    logger.info('sleeps')\n    time.sleep(8)\n    decision = gather("
    assert "    decision = gather(" in text
    stage.write_text(text.replace("    decision = gather(", slow))
    yield released.commit("slow")
    released.run_as(SCIENTIST, "git", "reset", "-q", "--hard", honest)
    released.run_as(SCIENTIST, "git", "push", "-qf", "origin", f"{honest}:main")


def start_asking(mode: Enforced, commit: str, stage: str) -> "subprocess.Popen[str]":
    """Ask for one stage as the scientist, and go on."""
    program = (str(mode.python), "-I", "-u", ASKING, str(mode.service), str(mode.socket))
    return subprocess.Popen(
        [RUNUSER, "-u", SCIENTIST, "--", *program, commit, CASE, stage],
        env=mode.environment_of(SCIENTIST),
        cwd=mode.checkout,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@attempt(
    Kind.SERVICE,
    Mode.ENFORCED,
    "two clients release one use case at once, and the first goes away in the midst of a stage",
    stopped_by="a lock for each use case; a stage's outputs are taken when it is signed for",
)
def test_two_clients_take_turns_and_one_that_goes_away_leaves_nothing_half_done(
    released: Enforced, slow_commit: str
) -> None:
    registered = released.registered()
    with start_asking(released, slow_commit, "decide") as first:
        assert first.stdout is not None
        wait_for_line(first.stdout, "sleeps")
        with start_asking(released, slow_commit, "admit") as second:
            assert second.stdout is not None
            wait_for_line(second.stdout, "another release runs; this one waits for it")
            os.killpg(first.pid, signal.SIGKILL)
            rest = second.stdout.read()
            assert second.wait(ANSWER_SECONDS) == 0, rest
            assert "admit ran" in rest

    assert list((released.workspace / "data").glob(".run-*")) == []
    processes = subprocess.run(["pgrep", "-u", STAGE], capture_output=True, check=False)
    assert processes.stdout == b""
    # What had begun was done to its end, and the service says whose release ends there.
    decision = released.workspace / "data" / CASE / "decide" / "decision.json"
    assert json.loads(decision.read_text())["outcome"] == "pass"
    assert "has gone: its release ends here" in (released.folder / "service.log").read_text()
    assert released.registered() == registered


@attempt(
    Kind.SERVICE,
    Mode.ENFORCED,
    "a client begins a release, says nothing more, and so keeps the use case's turn",
    stopped_by="a minute of silence gives the turn to others; what is asked later begins again",
)
def test_a_silent_client_keeps_nobody_waiting(released: Enforced) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as silent, silent.makefile("rb") as lines:
        silent.settimeout(ANSWER_SECONDS)
        silent.connect(str(released.socket))
        silent.sendall(begin(released.head()))
        assert json.loads(lines.readline())["tell"] == "done"
        (answers,) = talk(released, begin(released.head()) + message(do="lacks_approval"))
        assert [answer["tell"] for answer in answers] == ["line", "done", "done"]
        # It is still served, after the commit was judged anew.
        silent.sendall(message(do="lacks_approval"))
        assert json.loads(lines.readline())["tell"] == "done"


@attempt(
    Kind.SERVICE,
    Mode.ENFORCED,
    "a client opens many connections, and says nothing or half a message",
    stopped_by="so many sessions an account, and so many seconds to begin",
    cases=("nothing", "half a message"),
)
@pytest.mark.parametrize("said", [b"", b'{"do": "be'], ids=["nothing", "half a message"])
def test_connections_of_one_client_leave_room_for_others(released: Enforced, said: bytes) -> None:
    program = (
        "import socket, sys, time\n"
        "held = [socket.socket(socket.AF_UNIX) for _ in range(40)]\n"
        "for connection in held:\n"
        "    connection.connect(sys.argv[1])\n"
        "    try:\n"
        "        connection.sendall(bytes.fromhex(sys.argv[2]))\n"
        "    except OSError:\n"
        "        pass\n"
        "answers = [connection.makefile('rb').read() for connection in held]\n"
        "print(sum(b'a session that is free' in answer for answer in answers))\n"
        "print(sum(b'request' in answer for answer in answers))\n"
    )
    words = ("-I", "-c", program, str(released.socket), said.hex())
    with subprocess.Popen(
        [RUNUSER, "-u", SCIENTIST, "--", str(released.python), *words],
        env=released.environment_of(SCIENTIST),
        cwd=released.checkout,
        stdout=subprocess.PIPE,
        text=True,
    ) as crowd:
        # root is another client.
        with closing(socket.socket(socket.AF_UNIX)) as other, other.makefile("rb") as lines:
            other.settimeout(ANSWER_SECONDS)
            other.connect(str(released.socket))
            other.sendall(begin(released.head()))
            assert json.loads(lines.readline())["tell"] == "done"
        out, _ = crowd.communicate(timeout=ANSWER_SECONDS)
    turned_away, timed_out = map(int, out.split())
    assert turned_away + timed_out == 40
    assert turned_away > 20
    assert released.process.poll() is None


def wait_for_line(stream: IO[str], text: str) -> None:
    for line in stream:
        if text in line:
            return
    raise AssertionError(f"never said: {text}")


def test_the_release_after_that_is_whole(released: Enforced) -> None:
    done = released.release()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "REGISTERED" in done.stdout


# The worker's administrator, who can write to everything: what is noticed of it.


def confirm(mode: Enforced) -> dict[str, object]:
    """Ask for the last look of a release alone."""
    (answers,) = talk(mode, begin(mode.head()) + message(do="confirm"))
    return answers[-1]


@contextmanager
def put_back(*paths: Path) -> Iterator[None]:
    """Put files back as they were when the block ends."""
    kept = {path: path.read_bytes() if path.exists() else None for path in paths}
    yield
    for path, content in kept.items():
        if content is None:
            path.unlink(missing_ok=True)
        else:
            path.write_bytes(content)
            shutil.chown(path, WORKER, WORKER)


def copy_database(source: Path, target: Path) -> None:
    """Copy a database as it is now, whatever of it lies beside it."""
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


def put_database(source: Path, target: Path) -> None:
    """Put a database in the place of another."""
    for suffix in ("-wal", "-shm"):
        target.with_name(target.name + suffix).unlink(missing_ok=True)
    shutil.copyfile(source, target)
    shutil.chown(target, WORKER, WORKER)


@pytest.fixture(scope="module")
def rolled_back(
    released: Enforced, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, object]]:
    """Put the log back by an entry, in every way; return what the last look of a release says."""
    folder = tmp_path_factory.mktemp("log")
    home = released.state / "home"
    ledger = home / "ledger.db"
    pin = home / "ledger.pin"
    old_pin = pin.read_bytes()
    copy_database(ledger, folder / "old.db")
    released.enrol("later", "developer", "later")
    copy_database(ledger, folder / "new.db")
    new_pin = pin.read_bytes()

    answers = {"as it is": confirm(released)}
    put_database(folder / "old.db", ledger)
    answers["the log alone"] = confirm(released)
    pin.unlink()
    answers["the pin deleted"] = confirm(released)
    released.govern("keys", "pin", "--reason", "test")
    answers["pinned anew"] = confirm(released)
    pin.write_bytes(old_pin)
    answers["log and pin"] = confirm(released)

    put_database(folder / "new.db", ledger)
    pin.write_bytes(new_pin)
    shutil.chown(pin, WORKER, WORKER)
    return answers


@attempt(
    Kind.LOG,
    Mode.ENFORCED,
    "the worker's administrator puts the log back",
    stopped_by="the pin: fewer entries than were seen before",
)
def test_a_log_that_was_put_back_is_noticed(rolled_back: dict[str, dict[str, object]]) -> None:
    assert rolled_back["as it is"]["tell"] == "done"
    assert rolled_back["the log alone"]["tell"] in ("failed", "refused")
    assert "which were seen before" in json.dumps(rolled_back["the log alone"])


@attempt(
    Kind.LOG,
    Mode.ENFORCED,
    "the worker's administrator puts the log back and deletes its pin",
    stopped_by="a log without a pin is refused until a person pins it anew, with a reason",
)
def test_a_log_without_a_pin_is_refused_until_somebody_pins_it(
    rolled_back: dict[str, dict[str, object]],
) -> None:
    assert rolled_back["the pin deleted"]["tell"] in ("failed", "refused")
    assert "keys pin --reason" in json.dumps(rolled_back["the pin deleted"])
    assert rolled_back["pinned anew"]["tell"] == "done"


@attempt(
    Kind.LOG,
    Mode.ENFORCED,
    "the worker's administrator puts the log back together with its pin",
    stopped_by="nothing on that machine: both are genuine; a mirror, a witness or a bundle that "
    "somebody kept tells, and what is in force can require one (in_force.anchor_missing)",
    is_stopped=False,
)
def test_a_log_put_back_with_its_pin_is_not_noticed_without_an_anchor(
    rolled_back: dict[str, dict[str, object]],
) -> None:
    assert rolled_back["log and pin"]["tell"] == "done"


def change_registry(mode: Enforced, *statements: str) -> None:
    with closing(sqlite3.connect(mode.state / "home" / "mlflow.db")) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


COPIED_VERSION = (
    "INSERT INTO model_versions SELECT name, 99, creation_time, last_updated_time, description,"
    " user_id, current_stage, '{source}', run_id, status, status_message, run_link, '{source}',"
    " workspace FROM model_versions WHERE name = 'tiny' AND version = 1",
    "INSERT INTO model_version_tags SELECT key, value, name, 99, workspace"
    " FROM model_version_tags WHERE name = 'tiny' AND version = 1",
    "UPDATE registered_model_aliases SET version = 99 WHERE name = 'tiny'",
)


@pytest.fixture
def registry(released: Enforced) -> Iterator[Path]:
    """The registry's artefacts; they and its database are put back at the end."""
    artefacts = released.state / "home" / "mlartifacts"
    kept = artefacts.with_name("kept-artefacts")
    shutil.copytree(artefacts, kept)
    with put_back(released.state / "home" / "mlflow.db"):
        yield artefacts
    shutil.rmtree(artefacts)
    kept.rename(artefacts)
    subprocess.run(["chown", "-R", f"{WORKER}:{WORKER}", str(artefacts)], check=True)


def require_noticed(mode: Enforced) -> None:
    answer = confirm(mode)
    assert answer["tell"] == "refused", answer
    assert "registration.unconfirmed" in json.dumps(answer)


@attempt(
    Kind.REGISTRY,
    Mode.ENFORCED,
    "somebody with the registry's credentials moves the alias to a version with the right tags "
    "and another model, made beforehand",
    stopped_by="the last look of a release digests the bytes that the alias names",
)
def test_an_alias_on_another_model_with_the_right_tags_is_noticed(
    released: Enforced, registry: Path
) -> None:
    (model,) = registry.glob("*/*/artifacts/model")
    other = model.with_name("other")
    shutil.copytree(model, other)
    exchange_a_byte(other)
    subprocess.run(["chown", "-R", f"{WORKER}:{WORKER}", str(other)], check=True)
    change_registry(released, *(text.format(source=other.as_uri()) for text in COPIED_VERSION))
    require_noticed(released)


@attempt(
    Kind.REGISTRY,
    Mode.ENFORCED,
    "somebody with the registry's credentials exchanges bytes of a registered model",
    stopped_by="the last look of a release digests the bytes that the alias names",
)
def test_exchanged_bytes_of_a_registered_model_are_noticed(
    released: Enforced, registry: Path
) -> None:
    (model,) = registry.glob("*/*/artifacts/model")
    exchange_a_byte(model)
    require_noticed(released)


@attempt(
    Kind.REGISTRY,
    Mode.ENFORCED,
    "somebody with the registry's credentials puts a program beside a registered model's code",
    stopped_by="the last look of a release compares every file of the packed model",
)
def test_a_file_more_in_a_registered_model_is_noticed(released: Enforced, registry: Path) -> None:
    (model,) = registry.glob("*/*/artifacts/model")
    code = next(path for path in sorted(model.rglob("*.py")))
    code.write_text(code.read_text() + "\nprint('hello')\n")
    require_noticed(released)


@attempt(
    Kind.REGISTRY,
    Mode.ENFORCED,
    "somebody with the registry's credentials removes the alias",
    stopped_by="the last look of a release asks for it",
)
def test_a_removed_alias_is_noticed(released: Enforced, registry: Path) -> None:
    assert registry.is_dir()
    change_registry(released, "DELETE FROM registered_model_aliases WHERE name = 'tiny'")
    require_noticed(released)


def exchange_a_byte(model: Path) -> None:
    """Change one byte of the largest file, which holds the trees."""
    largest = max(
        (path for path in model.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size
    )
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    largest.write_bytes(bytes(content))
