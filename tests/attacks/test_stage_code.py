"""A commit on the protected ref whose stage's own code is hostile: what it can reach, and leave.

Stages' code may differ from the worker's. It runs under the stages' account, and this is what that
account can do: nothing that counts. One commit tries most attempts at once and reports each.
"""

import ctypes
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.attacks.attempts import Kind, Mode, attempt
from tests.attacks.enforced import (
    CLIENTS,
    RUNUSER,
    SCIENTIST,
    STAGE,
    WORKER,
    Enforced,
)
from tests.flows.workspace import CASE

pytestmark = pytest.mark.integration

HOSTILE = Path(__file__).with_name("hostile_stage.py")
ABSTRACT = f"portcullis-attack-{os.getpid()}"
SHARED_MEMORY_KEY = 0x504F5254
IPC_CREAT = 0o1000
IPC_RMID = 0
CALLED_AT_END = """

from tasks.stages.decide import hostile as _hostile

_honest = run


def run(stage_run: StageRun) -> None:
    _hostile.run(stage_run, _honest)
"""


@dataclass
class Ground:
    """The service with an honest release, and everything that a hostile stage looks for."""

    mode: Enforced
    port: int
    set_uid_program: Path
    other_run: Path
    accomplice: Path

    def commit(self, variant: str) -> str:
        """Push a commit whose `decide` is hostile to the protected ref."""
        room = self.mode.checkout / "tasks" / "stages" / "decide"
        targets = {
            "variant": variant,
            "nonce": time.time_ns(),  # each is another commit, so that DVC runs the stage
            "state": str(self.mode.state),
            "private_key": str(self.mode.folder / WORKER / "ann.pem"),
            "config": str(self.mode.folder / "worker.toml"),
            "log": str(self.mode.folder / "service.log"),
            "pids": service_pids(self.mode),
            "socket": str(self.mode.socket),
            "port": self.port,
            "abstract": ABSTRACT,
            "other_run": [str(self.other_run)],
            "worker_uid": uid_of(WORKER),
            "clients_gid": gid_of(CLIENTS),
            "set_uid_program": str(self.set_uid_program),
            "accomplice": str(self.accomplice),
            "shared_memory": SHARED_MEMORY_KEY,
        }
        self.mode.run_as(SCIENTIST, "git", "checkout", "-q", "--", ".")
        stage = room / "stage.py"
        text = stage.read_text()
        if CALLED_AT_END not in text:
            stage.write_text(text + CALLED_AT_END)
        (room / "hostile.py").write_text(HOSTILE.read_text())
        (room / "targets.json").write_text(json.dumps(targets))
        for path in (stage, room / "hostile.py", room / "targets.json"):
            shutil.chown(path, SCIENTIST, SCIENTIST)
        return self.mode.commit(variant)

    def decide(self, variant: str) -> "subprocess.CompletedProcess[str]":
        """Have the worker run the hostile stage of a new commit."""
        return ask(self.mode, self.commit(variant), "decide")

    def made(self) -> Path:
        """Return the stage's output as the worker has it."""
        return self.mode.workspace / "data" / CASE / "decide" / "decision.json"


@dataclass(frozen=True)
class State:
    """What an attempt must not change.

    Not its own output, which DVC removes before it runs; nor the dossier, which the worker writes
    wherever a path ends.
    """

    registered: str
    files: dict[str, bytes]

    @classmethod
    def of(cls, mode: Enforced) -> "State":
        """Look at it."""
        folder = mode.state / "workspaces" / CASE / "data" / CASE
        return cls(
            mode.registered(),
            {
                str(path.relative_to(folder)): path.read_bytes()
                for path in sorted(folder.rglob("*"))
                if path.is_file() and path.relative_to(folder).parts[0] not in ("decide", "dossier")
            },
        )


@pytest.fixture(scope="module")
def ground(released: Enforced) -> Iterator[Ground]:
    """Lay out what a hostile stage looks for; put the honest commit back at the end."""
    honest = released.head()
    program = released.folder / "id"
    shutil.copy2("/usr/bin/id", program)
    program.chmod(0o4755)

    other = released.state / "workspaces" / "other" / "data" / ".run-0123456789abcdef"
    own = other / "data" / "other" / "fairness"
    own.mkdir(parents=True)
    for folder in (own, *own.parents):
        if folder == released.state / "workspaces":
            break
        shutil.chown(folder, WORKER, WORKER)
    shutil.chown(own, STAGE, STAGE)

    libc = ctypes.CDLL(None)
    memory = libc.shmget(SHARED_MEMORY_KEY, 4096, IPC_CREAT | 0o666)
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        closing(socket.socket(socket.AF_UNIX)) as abstract,
        accomplice(released) as path,
    ):
        abstract.bind("\0" + ABSTRACT)
        abstract.listen()
        yield Ground(released, listener.getsockname()[1], program, own, path)
    libc.shmctl(memory, IPC_RMID, None)
    shutil.rmtree(released.state / "workspaces" / "other")
    released.run_as(SCIENTIST, "git", "reset", "-q", "--hard", honest)
    released.run_as(SCIENTIST, "git", "push", "-qf", "origin", f"{honest}:main")
    done = released.release()
    assert done.returncode == 0, done.stdout


@contextmanager
def accomplice(mode: Enforced) -> Iterator[Path]:
    """Listen where every account may connect."""
    folder = Path(tempfile.mkdtemp(dir=mode.folder))
    folder.chmod(0o755)
    path = folder / "s"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        path.chmod(0o777)
        listener.listen()
        yield path


def ask(mode: Enforced, commit: str, *stages: str) -> "subprocess.CompletedProcess[str]":
    """Ask the worker for stages of a commit as the scientist."""
    program = str(Path(__file__).with_name("asking.py"))
    words = ("-I", program, str(mode.service), str(mode.socket), commit, CASE, *stages)
    return mode.run_as(SCIENTIST, str(mode.python), *words)


def service_pids(mode: Enforced) -> list[int]:
    """Return the service's processes: the daemon, and the launcher, which it started first."""
    children = Path(f"/proc/{mode.process.pid}/task/{mode.process.pid}/children").read_text()
    return [mode.process.pid, int(children.split()[0])]


def uid_of(login: str) -> int:
    return int(subprocess.run(["id", "-u", login], capture_output=True, check=True).stdout)


def gid_of(group: str) -> int:
    done = subprocess.run(["getent", "group", group], capture_output=True, text=True, check=True)
    return int(done.stdout.split(":")[2])


def processes_of(login: str) -> list[str]:
    done = subprocess.run(
        ["ps", "-o", "pid=,args=", "-u", login], capture_output=True, text=True, check=False
    )
    return done.stdout.splitlines()


# What the stage tries while it runs. Each: what it tried, and what may have stopped it.

DENIED = {"EACCES"}
NOT_PERMITTED = {"EPERM"}
OUT_OF_SIGHT = {"ENOENT"}
# Out of sight, and by its permissions another account's.
HIDDEN = DENIED | OUT_OF_SIGHT
READ_ONLY = {"EROFS"}
NO_SUCH_PROCESS = {"ESRCH"}
NO_NETWORK = {"ENETUNREACH"}

SECRETS = {
    "list the worker's home": HIDDEN,
    "read the ledger": HIDDEN,
    "read the ledger's pin": HIDDEN,
    "read the signing keys": HIDDEN,
    "read the registry's database": HIDDEN,
    "write to the registry's database": HIDDEN,
    "list the registry's artefacts": HIDDEN,
    "read the mandate": HIDDEN,
    "read a person's signing key": HIDDEN,
    "list the mirrors": HIDDEN,
    "read the system's passwords": DENIED,
    "list root's home": HIDDEN,
    "find a secret in an environment": {"got:[]"},
    "read the service's memory": OUT_OF_SIGHT,
    "open the memory of the machine": DENIED | OUT_OF_SIGHT | NOT_PERMITTED,
}
PLACES = {
    "write to the service's configuration": HIDDEN,
    "write to the service's log": HIDDEN,
    "hold a file or folder of others open": {"got:[]"},
    "cut the service's log off by an inherited descriptor": {"got:[]"},
    "write to the snapshot": DENIED | READ_ONLY,
    "make a module in the snapshot": DENIED | READ_ONLY,
    "write to the configuration in the run folder": DENIED,
    "rename the configuration in the run folder": DENIED,
    "write to an earlier stage's output": DENIED | READ_ONLY,
    "write a clearance": DENIED,
    "write a receipt": DENIED | OUT_OF_SIGHT,
    "exchange its own output folder": DENIED,
    "write to the checkout": OUT_OF_SIGHT | DENIED,
    "write to the lock file": OUT_OF_SIGHT | DENIED,
    "write to DVC's folder": OUT_OF_SIGHT,
    "write to the checkout's repository": OUT_OF_SIGHT | DENIED,
    "read the sources in plain": OUT_OF_SIGHT,
    "read what it does not declare": OUT_OF_SIGHT,
    "write to another use case's running stage": OUT_OF_SIGHT,
    "see other use cases": {f"got:['{CASE}']"},
    "find what earlier stages left": {"got:[]"},
    "find a folder that it can write to": {"got:[]"},
    "tell rows to a program of another account": OUT_OF_SIGHT,
}
SYSTEM = {
    "see a process of others": {"got:[]"},
    "kill the service": NO_SUCH_PROCESS,
    "kill everything": NO_SUCH_PROCESS | {"got:none but its own"},
    "trace the service": NO_SUCH_PROCESS,
    "open the service by a process descriptor": NO_SUCH_PROCESS,
    "set where cores are dumped": DENIED | {"EROFS"},
    "ask the worker": HIDDEN,
    "ask the launcher": HIDDEN,
    "reach a port of this machine": NO_NETWORK,
    "reach a port of this machine by IPv6": NO_NETWORK | {"EADDRNOTAVAIL"},
    "reach another machine": NO_NETWORK,
    "reach an abstract socket of this machine": {"ECONNREFUSED"},
    "bring the network up": NOT_PERMITTED,
    "open a raw socket": NOT_PERMITTED,
    "become root": NOT_PERMITTED,
    "become the worker": NOT_PERMITTED,
    "join the clients' group": NOT_PERMITTED,
    "run a program of root's as root": OUT_OF_SIGHT | {"got:no root"},
    "ask su for root": {"got:no root"},
    "mount over the state": NOT_PERMITTED,
    "uncover the host's processes": NOT_PERMITTED,
    "uncover them as root of its own namespace": {"got:EPERM", "got:EINVAL", "got:ENOSPC"},
    "uncover other use cases as root of its own namespace": {
        "got:EPERM",
        "got:EINVAL",
        "got:ENOSPC",
    },
    "become the worker in its own namespace": {"got:EPERM", "got:EINVAL", "got:ENOSPC"},
    "make a device": NOT_PERMITTED,
    "change the root directory": NOT_PERMITTED,
    "raise its priority": DENIED | NOT_PERMITTED,
    "set the clock": NOT_PERMITTED,
    "rename the machine": NOT_PERMITTED,
    "raise a limit": NOT_PERMITTED | {"ValueError"},
    "attach to others' shared memory": OUT_OF_SIGHT,
    "type into a terminal": {"got:[]"},
}


@dataclass(frozen=True)
class Probed:
    """What the hostile stage reported, and what lay there before and after."""

    outcomes: dict[str, str]
    exit_code: int
    output: str
    before: State
    after: State


@pytest.fixture(scope="module")
def probed(ground: Ground) -> Probed:
    """Have the worker run the stage that tries everything."""
    before = State.of(ground.mode)
    done = ground.decide("probe")
    outcomes: dict[str, str] = {}
    for line in done.stdout.splitlines():
        match = re.search(r"ATTEMPT (.+?) (got:.*|E[A-Z0-9]+|[A-Z]\w*Error)$", line)
        if match:
            outcomes[match[1]] = match[2]
    return Probed(
        outcomes, done.returncode, done.stdout + done.stderr, before, State.of(ground.mode)
    )


@attempt(
    Kind.SECRETS,
    Mode.ENFORCED,
    "a stage's code reads the worker's secrets",
    stopped_by="another account, its own /proc, EACCES",
    cases=list(SECRETS),
)
@pytest.mark.parametrize("name", SECRETS)
def test_a_stage_reads_no_secret(probed: Probed, name: str) -> None:
    assert probed.outcomes[name] in SECRETS[name], probed.output


@attempt(
    Kind.ISOLATION,
    Mode.ENFORCED,
    "a stage's code writes, or looks, outside its run folder",
    stopped_by="files of the worker's account, and a view of the file system without the rest",
    cases=list(PLACES),
)
@pytest.mark.parametrize("name", PLACES)
def test_a_stage_stays_in_its_place(probed: Probed, name: str) -> None:
    assert probed.outcomes[name] in PLACES[name], probed.output


@attempt(
    Kind.ISOLATION,
    Mode.ENFORCED,
    "a stage's code asks the kernel for more",
    stopped_by="namespaces of its own, no_new_privs, no capability",
    cases=list(SYSTEM),
)
@pytest.mark.parametrize("name", SYSTEM)
def test_a_stage_gets_no_more_from_the_kernel(probed: Probed, name: str) -> None:
    assert probed.outcomes[name] in SYSTEM[name], probed.output


def test_every_attempt_is_asked_about(probed: Probed) -> None:
    planted = {"plant code for later interpreters", "leave 200 processes"}
    assert set(probed.outcomes) == {*SECRETS, *PLACES, *SYSTEM, *LEAKS, *planted}


def test_nothing_was_registered_or_changed_by_all_that(probed: Probed) -> None:
    assert probed.exit_code == 0, probed.output
    assert probed.after == probed.before


@attempt(
    Kind.ISOLATION,
    Mode.ENFORCED,
    "a stage's code leaves 200 processes, in sessions of their own",
    stopped_by="they end with process 1 of their namespace",
)
def test_no_process_of_a_stage_outlives_it(probed: Probed) -> None:
    assert probed.outcomes["leave 200 processes"] == "got:left"
    assert processes_of(STAGE) == []


@attempt(
    Kind.ISOLATION,
    Mode.ENFORCED,
    "a stage's code plants modules in its account's home for later, honest stages",
    stopped_by="interpreters are started with -I and -S",
)
def test_planted_code_is_never_run(probed: Probed, ground: Ground) -> None:
    assert probed.outcomes["plant code for later interpreters"] == "got:planted"
    done = ground.decide("counts")
    assert done.returncode == 0, done.stdout
    assert not (ground.mode.state / "stage" / "planted").exists()
    assert list((ground.mode.state / "rooms").iterdir()) == []


LEAKS = (
    "leave rows in /tmp",
    "leave rows in /var/tmp",
    "leave rows in shared memory",
    "leave a cache and settings in its home",
)


@attempt(
    Kind.ISOLATION,
    Mode.ENFORCED,
    "a stage's code leaves something for others to find",
    stopped_by="a room of its own for each stage, which is removed with all that is in it",
    cases=LEAKS,
)
@pytest.mark.parametrize("name", LEAKS)
def test_what_a_stage_leaves_is_gone_with_it(probed: Probed, ground: Ground, name: str) -> None:
    assert probed.outcomes[name] == "got:left"
    for folder in ("/tmp", "/var/tmp", "/dev/shm"):
        assert list(Path(folder).glob("portcullis-left-*")) == []
    assert list((ground.mode.state / "rooms").iterdir()) == []
    kept = {path.name for path in (ground.mode.state / "stage").iterdir()}
    assert not {name for name in kept if name.startswith((".cache", ".config", ".netrc"))}


# What the stage leaves.

LEFT = {
    "link": "a link to the ledger as its output",
    "second name": "a second name of its output",
    "pipe": "a named pipe as its output",
    "socket": "a socket beside its output",
    "hidden link": "a link to the worker's home deep in a folder",
}


@attempt(
    Kind.ISOLATION,
    Mode.ENFORCED,
    "a stage's code leaves what is no plain file",
    stopped_by="the launcher hands over plain files alone; nothing is signed",
    cases=list(LEFT.values()),
)
@pytest.mark.parametrize("variant", LEFT, ids=list(LEFT.values()))
def test_what_is_no_plain_file_is_not_taken(ground: Ground, variant: str) -> None:
    before = State.of(ground.mode)
    done = ground.decide(variant)
    assert done.returncode == 2, done.stdout
    assert "found links, files with a second name, open files, or more folders" in done.stdout
    assert State.of(ground.mode) == before
    assert_nothing_is_left(ground.mode)


@attempt(
    Kind.ISOLATION,
    Mode.ENFORCED,
    "a stage's code leaves a process that rewrites its output after the hand-over",
    stopped_by="it ends with process 1 of its namespace, before outputs are handed over",
)
def test_an_output_is_not_rewritten_after_the_hand_over(ground: Ground) -> None:
    done = ground.decide("rewritten later")
    assert done.returncode == 0, done.stdout
    assert processes_of(STAGE) == []
    written_ns = ground.made().stat().st_mtime_ns
    time.sleep(0.2)
    assert ground.made().stat().st_mtime_ns == written_ns


@attempt(
    Kind.ISOLATION,
    Mode.ENFORCED,
    "a stage's code lets everybody write to its output, and sets its user's id on it",
    stopped_by="the launcher sets owner and mode",
)
def test_an_output_is_the_worker_s_alone(ground: Ground) -> None:
    done = ground.decide("open to everybody")
    assert done.returncode == 0, done.stdout
    assert ground.made().owner() == WORKER
    assert ground.made().stat().st_mode & 0o7777 == 0o644
    assert ground.made().parent.stat().st_mode & 0o7022 == 0


@attempt(
    Kind.ISOLATION,
    Mode.ENFORCED,
    "a stage's code keeps write access to its output by an access control list",
    stopped_by="the mode that the launcher sets is the list's mask",
)
def test_an_access_list_gives_nothing(ground: Ground) -> None:
    done = ground.decide("access list")
    if "ATTEMPT access list got:set" not in done.stdout:
        pytest.skip("the file system has no access control lists")
    assert done.returncode == 0, done.stdout
    written = ground.mode.run_as(STAGE, "test", "-w", str(ground.made()))
    assert written.returncode == 1


@attempt(
    Kind.ISOLATION,
    Mode.ENFORCED,
    "a stage's code nests 1,500 folders, to exhaust the launcher",
    stopped_by="the launcher refuses, and serves the next one",
)
def test_folders_in_folders_do_not_exhaust_the_launcher(ground: Ground) -> None:
    before = State.of(ground.mode)
    done = ground.decide("nested")
    assert done.returncode == 2, done.stdout
    assert "more folders" in done.stdout
    assert State.of(ground.mode) == before
    assert_nothing_is_left(ground.mode)


@attempt(
    Kind.ISOLATION,
    Mode.ENFORCED,
    "a stage's code claims impossible counts and names that are none",
    stopped_by="two whole numbers of known names are read, and no others",
)
def test_claimed_counts_are_two_numbers_or_none(ground: Ground) -> None:
    done = ground.decide("counts")
    assert done.returncode == 0, done.stdout
    assert "Traceback" not in done.stdout + done.stderr


# What the stage says.


@attempt(
    Kind.ISOLATION,
    Mode.ENFORCED,
    "a stage's code forges events: other processes' ids, answers of the worker, escapes",
    stopped_by="the kernel says who speaks, known forms alone count, characters are escaped",
)
def test_forged_events_end_nobody_and_colour_nothing(ground: Ground) -> None:
    pids = service_pids(ground.mode)
    done = ground.decide("events")
    assert service_pids(ground.mode) == pids
    assert "\x1b" not in done.stdout
    assert "\nREGISTERED" not in done.stdout
    assert done.returncode == 0, done.stdout


@attempt(
    Kind.ISOLATION,
    Mode.ENFORCED,
    "a stage's code floods the channel with 30,000 lines and one of 3 MiB",
    stopped_by="10,000 lines and 1 MiB a line at most",
)
def test_a_flood_is_cut(ground: Ground) -> None:
    done = ground.decide("flood")
    assert done.returncode == 0, done.stdout[-2000:]
    assert done.stdout.count("flood") <= 10_000
    assert "more than 10,000 lines" in done.stdout


@attempt(
    Kind.ISOLATION,
    Mode.ENFORCED,
    "a stage's code writes megabytes and escapes to its standard error",
    stopped_by="the launcher passes 64 KiB on, without control characters",
)
def test_standard_error_neither_fills_nor_colours_the_log(ground: Ground) -> None:
    log = ground.mode.folder / "service.log"
    size_bytes = log.stat().st_size
    ground.decide("standard error")
    assert log.stat().st_size - size_bytes < 1 << 20
    assert "\x1b" not in log.read_bytes().decode(errors="replace")[size_bytes:]


@attempt(
    Kind.SECRETS,
    Mode.ENFORCED,
    "a stage's code dies by a fault, and dumps a core",
    stopped_by="no core file; 139 is the stage's exit code, and nothing is signed",
)
def test_a_crash_leaves_nothing(ground: Ground) -> None:
    before = State.of(ground.mode)
    done = ground.decide("crash")
    assert done.returncode != 0
    assert State.of(ground.mode) == before
    assert_nothing_is_left(ground.mode)


# What the stage takes.

TAKEN = {
    "fill disk": ("eight files of 128 MiB as its output", "stage_disk_mib = 512"),
    "fill file": ("a file without an end as its output", "found the limit of this process"),
}


@attempt(
    Kind.ISOLATION,
    Mode.ENFORCED,
    "a stage's code writes until the disk of the ledger is full",
    stopped_by="the launcher ends it at the administrator's limit; nothing is signed",
    cases=[name for name, _ in TAKEN.values()],
)
@pytest.mark.parametrize("variant", TAKEN, ids=[name for name, _ in TAKEN.values()])
def test_a_stage_does_not_fill_the_disk(ground: Ground, variant: str) -> None:
    before = State.of(ground.mode)
    done = ground.decide(variant)
    # 4: the limit that a file hits is the machine's, and says nothing about the data.
    assert done.returncode in (1, 2, 4), done.stdout
    assert TAKEN[variant][1] in done.stdout
    assert State.of(ground.mode) == before
    assert_nothing_is_left(ground.mode)


@attempt(
    Kind.ISOLATION,
    Mode.ENFORCED,
    "a stage's code starts processes until there are no more",
    stopped_by="a limit of its account; the launcher and the worker are of others",
)
def test_a_fork_bomb_takes_nothing_from_others(ground: Ground) -> None:
    pids = service_pids(ground.mode)
    done = ground.decide("bomb")
    assert "BOMB ended" in done.stdout, done.stdout
    assert processes_of(STAGE) == []
    assert service_pids(ground.mode) == pids


@attempt(
    Kind.ISOLATION,
    Mode.ENFORCED,
    "a stage's code takes off what ends it with its parents, and its worker is killed",
    stopped_by="a process of root's that holds it, and kills it when nobody waits for it",
)
def test_a_stage_does_not_outlive_its_worker(ground: Ground) -> None:
    commit = ground.commit("outlive")
    program = str(Path(__file__).with_name("asking.py"))
    words = ("-I", "-u", program, str(ground.mode.service), str(ground.mode.socket), commit, CASE)
    with subprocess.Popen(
        [RUNUSER, "-u", SCIENTIST, "--", str(ground.mode.python), *words, "decide"],
        env=ground.mode.environment_of(SCIENTIST),
        cwd=ground.mode.checkout,
        stdout=subprocess.PIPE,
        text=True,
    ) as client:
        assert client.stdout is not None
        assert any("stays" in line for line in client.stdout)
        assert processes_of(STAGE)
        (worker,) = (
            line.split()[0]
            for line in processes_of(WORKER)
            if re.search(rf"isolated\.py tasks decide {CASE}$", line)
        )
        os.kill(int(worker), signal.SIGKILL)
        client.communicate(timeout=60)
    assert_no_process_of(STAGE)
    # Its run folder is removed by the next run of a stage.
    assert files_of(ground.mode, STAGE) == ""


def assert_no_process_of(login: str) -> None:
    """Assert that an account has no process, within a few seconds."""
    end = time.monotonic() + 10
    while processes := processes_of(login):
        assert time.monotonic() < end, processes
        time.sleep(0.1)


def assert_nothing_is_left(mode: Enforced) -> None:
    """Assert that no run folder is left, and no file of the stages' account."""
    assert list((mode.workspace / "data").glob(".run-*")) == []
    assert files_of(mode, STAGE) == ""


def files_of(mode: Enforced, login: str) -> str:
    """Return what of the small use case's workspace belongs to an account."""
    return subprocess.run(
        ["find", str(mode.workspace), "-user", login], capture_output=True, text=True, check=True
    ).stdout
