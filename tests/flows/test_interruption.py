"""A release that is interrupted ends in seconds, leaves nothing running, and can go on."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from flows.serving.attending import wait_for_api
from flows.serving.ports import find_free_port, server_command
from tests.flows.workspace import CASE, Workspace

pytestmark = pytest.mark.integration
RELEASE = (sys.executable, "-m", "flows", "release", CASE)
END_SECONDS = 5.0
Release = subprocess.Popen[str]


@pytest.fixture
def slow(workspace: Workspace) -> Workspace:
    """A workspace whose next release trains for a long time."""
    workspace.configure(train__rounds=30_000)
    return workspace


@pytest.fixture(scope="module")
def interrupted(released: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A slow workspace in which releases end in every way, one after the other.

    Each begins over what the one before has left, and the last over what all of them have.
    """
    workspace = released.copy(tmp_path_factory.mktemp("interrupted"))
    workspace.configure(train__rounds=30_000)
    return workspace


def start(workspace: Workspace, command: tuple[str, ...], **environment: str) -> Release:
    """Start a command in a session of its own, as a terminal would, with its output in a pipe."""
    return subprocess.Popen(
        command,
        cwd=workspace.root,
        env=workspace.environment(**environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.fixture
def release(interrupted: Workspace) -> Iterator[Release]:
    """A release under way, in a session of its own as a terminal would give it."""
    process = start(interrupted, RELEASE)
    yield process
    for pid in processes_of(interrupted):
        os.kill(pid, signal.SIGKILL)
    process.communicate(timeout=30)


def processes_of(workspace: Workspace, words: str = "") -> list[int]:
    """Return a workspace's processes with `words` on their command line, whoever started them."""
    marker = f"PORTCULLIS_HOME={workspace.home}".encode()
    pids = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            is_ours = marker in (entry / "environ").read_bytes().split(b"\0")
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if is_ours and words in command:
            pids.append(int(entry.name))
    return pids


def wait_for(workspace: Workspace, words: str) -> int:
    """Return the process with these words on its command line, as soon as there is one."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if pids := processes_of(workspace, words):
            return pids[0]
        time.sleep(0.05)
    raise AssertionError(f"no process with {words!r} was started")


def to_the_command(number: int) -> Callable[[Workspace, Release], None]:
    return lambda _workspace, release: os.kill(release.pid, number)


def to_the_terminal(number: int) -> Callable[[Workspace, Release], None]:
    """What Ctrl-C does: the signal goes to the whole group."""
    return lambda _workspace, release: os.killpg(release.pid, number)


def kill(words: str) -> Callable[[Workspace, Release], None]:
    return lambda workspace, _release: os.kill(wait_for(workspace, words), signal.SIGKILL)


ENDS: dict[str, tuple[Callable[[Workspace, Release], None], int, str]] = {
    "Ctrl-C": (to_the_terminal(signal.SIGINT), 130, "ended by SIGINT"),
    "SIGINT to the command alone": (to_the_command(signal.SIGINT), 130, "ended by SIGINT"),
    "SIGTERM": (to_the_command(signal.SIGTERM), 143, "ended by SIGTERM"),
    "a closed terminal": (to_the_terminal(signal.SIGHUP), 129, "ended by SIGHUP"),
    "the API was killed": (
        kill("flows.serving.temporary_api"),
        4,
        "expected to be there until the end",
    ),
    "the flow was killed": (kill("flows.cli.attended_release"), 137, "ended by SIGKILL"),
    "the command was killed": (to_the_command(signal.SIGKILL), -signal.SIGKILL, ""),
}


# Of the other two, nobody is left who could say so, or whom it could be said to.
SAID_TO_PREFECT = set(ENDS) - {"the API was killed", "the command was killed"}


@pytest.mark.parametrize("end", ENDS)
def test_an_end_in_mid_stage_takes_seconds_and_the_next_release_goes_on(
    interrupted: Workspace, release: Release, end: str
) -> None:
    cause, code, words = ENDS[end]
    # The release has gone on from the end before: it trains.
    wait_for(interrupted, "tasks.stages.process train")
    started = time.monotonic()
    cause(interrupted, release)

    output, _ = release.communicate(timeout=60)
    seconds = time.monotonic() - started
    while (left := processes_of(interrupted)) and time.monotonic() - started < END_SECONDS:
        time.sleep(0.05)

    assert seconds < END_SECONDS, output
    assert left == [], [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in left]
    assert release.returncode == code, output
    assert words in output
    assert "Traceback" not in output, output
    # A dossier's draft may be left by whoever was killed over it; the next one removes it.
    drafts = set((interrupted.root / "data").rglob(".draft-*"))
    drafts -= set(interrupted.path("").glob(".draft-*"))
    assert not drafts or end in ("the flow was killed", "the command was killed")
    if end in SAID_TO_PREFECT:
        assert last_flow_run(interrupted) == "CRASHED"


def last_flow_run(workspace: Workspace) -> str:
    """Return the state of the newest flow run, as Prefect's database has it."""
    database = workspace.home / "prefect" / "prefect.db"
    newest = "SELECT state_type FROM flow_run ORDER BY created DESC LIMIT 1"
    with closing(sqlite3.connect(database)) as connection:
        ((state,),) = connection.execute(newest).fetchall()
    return str(state)


@pytest.mark.parametrize("seconds", [0.3, 1.5, 3.0])
def test_an_interruption_while_everything_still_starts(
    interrupted: Workspace, release: Release, seconds: float
) -> None:
    time.sleep(seconds)
    started = time.monotonic()
    os.killpg(release.pid, signal.SIGINT)
    output, _ = release.communicate(timeout=60)
    assert time.monotonic() - started < END_SECONDS, output
    assert processes_of(interrupted) == []
    assert release.returncode == 130, output
    assert "Traceback" not in output, output


def test_after_every_end_a_release_gives_what_it_would_have_given(
    interrupted: Workspace, released: Workspace
) -> None:
    interrupted.configure(train__rounds=20)
    assert "REGISTERED" in interrupted.run(*RELEASE).stdout
    for name in ("train/verdict.json", "decide/decision.json", "register/receipt.json"):
        path = Path("data") / CASE / name
        assert (interrupted.root / path).read_bytes() == (released.root / path).read_bytes()
    assert not list((interrupted.root / "data").rglob(".draft-*"))


def test_an_end_while_two_stages_run_at_once(workspace: Workspace) -> None:
    workspace.configure(train__rounds=21, explain__stability_draws=400)
    with subprocess.Popen(
        RELEASE, cwd=workspace.root, env=workspace.environment(), stdout=subprocess.DEVNULL
    ) as release:
        wait_for(workspace, "tasks.stages.process explain")
        started = time.monotonic()
        release.terminate()
        assert release.wait(timeout=60) == 143
    assert time.monotonic() - started < END_SECONDS
    assert processes_of(workspace) == []


def test_a_configured_server_that_is_killed_ends_the_release(slow: Workspace) -> None:
    port = find_free_port()
    url = f"http://127.0.0.1:{port}/api"
    with subprocess.Popen(
        server_command(port), cwd=slow.root, env=slow.environment(), start_new_session=True
    ) as server:
        try:
            wait_for_api(url)
            release = start(slow, RELEASE, PREFECT_API_URL=url)
            wait_for(slow, "tasks.stages.process train")
        finally:
            os.killpg(server.pid, signal.SIGKILL)
        started = time.monotonic()
        output, _ = release.communicate(timeout=60)
    assert time.monotonic() - started < END_SECONDS, output
    assert release.returncode == 4, output
    assert "expected to be there until the end; found ConnectionRefusedError" in output
    assert processes_of(slow) == []


def test_dvc_repro_that_is_interrupted_ends_without_a_traceback_and_leaves_nothing_running(
    slow: Workspace,
) -> None:
    process = start(slow, (sys.executable, "-m", "dvc", "repro", f"register@{CASE}"))
    wait_for(slow, "tasks.stages.process train")
    started = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert time.monotonic() - started < END_SECONDS, output
    assert processes_of(slow) == []
    assert process.returncode
    assert "Traceback" not in output, output
