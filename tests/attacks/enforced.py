"""Enforced mode on this machine: real accounts, a remote repository, and the service between them.

Root alone can make it. Everything lies in one folder below the system's temporary folder, which all
accounts can enter, and is removed with the accounts at the end.
"""

import grp
import os
import pwd
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker

from tasks.supply_chain.locked import read_lock
from tests.flows.workspace import CASE, make

SYSTEM_PYTHON = Path("/usr/bin/python3")
# Accounts are the machine's: two processes of tests at a time each have their own.
OURS = f"pcx-{os.getpid()}-"
WORKER = f"{OURS}worker"
STAGE = f"{OURS}stage"
SCIENTIST = f"{OURS}ann"
OUTSIDER = f"{OURS}eve"
CLIENTS = f"{OURS}users"
RUNUSER = "/usr/sbin/runuser"
START_SECONDS = 60


@dataclass(frozen=True)
class Enforced:
    """A running service, and the places of everybody around it.

    Attributes:
        folder: Holds everything.
        python: An interpreter that every account can start.
        service: The service's own checkout.
        remote: The bare repository that the worker fetches from.
        checkout: The data scientist's clone.
        process: The service.
    """

    folder: Path
    python: Path
    service: Path
    remote: Path
    checkout: Path
    process: "subprocess.Popen[bytes]"

    @property
    def state(self) -> Path:
        """The worker's state."""
        return self.folder / "state"

    @property
    def socket(self) -> Path:
        """The socket that clients ask."""
        return self.folder / "run" / "worker.sock"

    @property
    def workspace(self) -> Path:
        """The worker's checkout of the small use case."""
        return self.state / "workspaces" / CASE

    def run_as(
        self, login: str, *command: str, cwd: Path | None = None, **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command as an account, with nothing in its environment but what is given."""
        return subprocess.run(
            [RUNUSER, "-u", login, "--", *command],
            cwd=cwd or self.checkout,
            env=self.environment_of(login, **environment),
            capture_output=True,
            text=True,
            check=False,
        )

    def environment_of(self, login: str, **more: str) -> dict[str, str]:
        """Return the environment of an account's shell."""
        home = self.folder / login
        return {
            "PATH": f"{self.python.parent}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "PORTCULLIS_HOME": str(home / "portcullis"),
            "PREFECT_HOME": str(home / "prefect"),
            "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
            "DO_NOT_TRACK": "1",
            "DVC_NO_ANALYTICS": "1",
            **more,
        }

    def release(
        self, login: str = SCIENTIST, *, commit: str = "", **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        """Ask the worker for a release as an account, stage by stage as the flow does.

        By default of the commit that the checkout stands at. Ends 0 with a line `REGISTERED …`, 3
        with the refusals, or with the exit code that the worker names.
        """
        asked = commit or self.head()
        program = str(Path(__file__).with_name("asking.py"))
        command = [str(self.python), "-I", program, str(self.service), str(self.socket), asked]
        return self.run_as(login, *command, CASE, cwd=None, **environment)

    def govern(self, *command: str) -> str:
        """Run a command of `./portcullis` as the worker's administrator would, on its ledger."""
        done = self.run_as(
            WORKER,
            str(self.python),
            "-m",
            "flows",
            *command,
            cwd=self.service,
            PORTCULLIS_HOME=str(self.state / "home"),
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def enrol(self, holder: str, role: str, *logins: str, email: str = "") -> Path:
        """Enrol a person with a new key, unless they are enrolled, and return the key's file."""
        key = self.folder / WORKER / f"{holder}.pem"
        if key.exists():
            return key
        public = self.folder / WORKER / f"{holder}.pub"
        public.write_text(self.govern("keys", "make", str(key)), encoding="ascii")
        public.chmod(0o644)
        names = [word for login in logins for word in ("--login", login)]
        addresses = ["--email", email] if email else []
        self.govern(
            "keys", "enrol", str(public), "--role", role, "--holder", holder, *names, *addresses
        )
        return key

    def put_in_force(self, *terms: str) -> None:
        """Let the root key sign what is in force, made from the service's own checkout."""
        proposal = self.folder / WORKER / "in-force.json"
        proposal.unlink(missing_ok=True)  # of before, which is never written over
        self.govern("in-force", "propose", *terms, str(proposal))
        self.govern("in-force", "sign", "--root", "--reason", "test", str(proposal))

    def release_by_flow(self, home: Path) -> "subprocess.CompletedProcess[str]":
        """Run the flow as root, who may ask, too; its Prefect is that of the suite."""
        return subprocess.run(
            [sys.executable, "-m", "flows", "release", CASE],
            cwd=self.checkout,
            env={
                **os.environ,
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "PORTCULLIS_WORKER": str(self.socket),
                "PORTCULLIS_HOME": str(home),
                "PREFECT_HOME": str(home / "prefect"),
                "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": "safe.directory",
                "GIT_CONFIG_VALUE_0": "*",
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def head(self) -> str:
        """Return the commit that the scientist's checkout stands at."""
        return self.run_as(SCIENTIST, "git", "rev-parse", "HEAD").stdout.strip()

    def go_back(self) -> str:
        """Bring checkout and protected ref to the honest commit, the first; return its id."""
        first = ("git", "rev-list", "--max-parents=0", "HEAD")
        honest = self.run_as(SCIENTIST, *first).stdout.strip()
        for command in (
            ("git", "reset", "-q", "--hard", honest),
            ("git", "clean", "-qfd"),
            ("git", "push", "-qf", "origin", f"{honest}:main"),
        ):
            done = self.run_as(SCIENTIST, *command)
            assert done.returncode == 0, done.stderr
        return honest

    def commit(self, message: str = "Change", *, is_pushed: bool = True) -> str:
        """Commit everything in the scientist's checkout, push it, and return the commit's id."""
        git = ("git", "-c", "user.name=Ann", "-c", "user.email=ann@example.org")
        for command in ((*git, "add", "-A"), (*git, "commit", "-qm", message)):
            done = self.run_as(SCIENTIST, *command)
            assert done.returncode == 0, done.stderr
        if is_pushed:
            done = self.run_as(SCIENTIST, "git", "push", "-q", "origin", "HEAD:main")
            assert done.returncode == 0, done.stderr
        return self.head()

    def registered(self) -> str:
        """Return the small model's versions as the registry's database has them."""
        database = self.state / "home" / "mlflow.db"
        if not database.exists():
            return ""
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            rows = connection.execute("SELECT name, version FROM model_versions").fetchall()
        return " ".join(f"{name}/{version}" for name, version in rows)


@contextmanager
def enforced_mode() -> Iterator[Enforced]:
    """Make accounts, repositories and interpreter, start the service, and remove it all again."""
    folder = Path(tempfile.mkdtemp(prefix="portcullis-enforced-"))
    folder.chmod(0o755)
    accounts = Accounts()
    stack = ExitStack()
    process: subprocess.Popen[bytes] | None = None
    try:
        accounts.make(folder)
        python = make_interpreter(folder / "venv")
        service = folder / "service"
        make(service, folder / "unused")
        fit_lock(service, python)
        remote = folder / "remote.git"
        subprocess.run(["git", "clone", "-q", "--bare", str(service), str(remote)], check=True)
        subprocess.run(["git", "-C", str(remote), "branch", "-M", "main"], check=True)
        _own(remote, SCIENTIST)
        checkout = folder / SCIENTIST / "checkout"
        subprocess.run(
            [RUNUSER, "-u", SCIENTIST, "--", "git", "clone", "-q", f"file://{remote}", checkout],
            cwd=folder,
            check=True,
        )

        config = folder / "worker.toml"
        config.write_text(
            f"""
[accounts]
worker = "{WORKER}"
stage = "{STAGE}"
clients = "{CLIENTS}"
[places]
state = "{folder}/state"
socket = "{folder}/run/worker.sock"
[code]
remote = "file://{remote}"
refs = ["refs/heads/main"]
[limits]
stage_processes = 1024
stage_disk_mib = 512
request_seconds = 5
idle_seconds = 5
""",
            encoding="utf-8",
        )
        log = stack.enter_context((folder / "service.log").open("wb"))
        process = subprocess.Popen(
            [str(python), "-m", "flows", "worker", "--config", str(config)],
            cwd=service,
            env={
                "PATH": f"{python.parent}:/usr/local/bin:/usr/bin:/bin",
                "LANG": "C.UTF-8",
                "HOME": str(folder),
                "PORTCULLIS_HOME": str(folder / "service-home"),
            },
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        _wait_for(folder / "run" / "worker.sock", process, folder / "service.log")
        yield Enforced(folder, python, service, remote, checkout, process)
    finally:
        if process is not None:
            with_group = os.getpgid(process.pid) if process.poll() is None else None
            if with_group is not None:
                os.killpg(with_group, signal.SIGKILL)
            process.wait()
        stack.close()
        accounts.remove()
        shutil.rmtree(folder, ignore_errors=True)


class Accounts:
    """The accounts of one test session."""

    def make(self, folder: Path) -> None:
        """Make them, each with a home in `folder`."""
        self._remove_orphans()
        subprocess.run(["/usr/sbin/groupadd", "--system", CLIENTS], check=True)
        for login in (WORKER, STAGE, SCIENTIST, OUTSIDER):
            home = folder / login
            subprocess.run(
                [
                    "/usr/sbin/useradd",
                    "--system",
                    "--user-group",
                    "--home-dir",
                    str(home),
                    "--create-home",
                    "--shell",
                    "/bin/bash",
                    login,
                ],
                check=True,
            )
        subprocess.run(
            ["/usr/sbin/usermod", "--append", "--groups", CLIENTS, SCIENTIST], check=True
        )

    def remove(self) -> None:
        """Remove them, and what still runs under them."""
        _remove_accounts([WORKER, STAGE, SCIENTIST, OUTSIDER], [CLIENTS])

    @staticmethod
    def _remove_orphans() -> None:
        """Remove the accounts of tests that were killed."""
        _remove_accounts(
            [entry.pw_name for entry in pwd.getpwall() if _is_orphan(entry.pw_name)],
            [entry.gr_name for entry in grp.getgrall() if _is_orphan(entry.gr_name)],
        )


def make_interpreter(folder: Path) -> Path:
    """Make a Python that every account can start, with the libraries of the one that runs this.

    The one that runs this may lie in a home that others cannot enter.
    """
    subprocess.run([str(SYSTEM_PYTHON), "-m", "venv", "--without-pip", str(folder)], check=True)
    (packages,) = folder.glob("lib/python3*/site-packages")
    shutil.rmtree(packages)
    packages.symlink_to(sysconfig.get_paths()["purelib"])
    return folder / "bin" / "python"


def fit_lock(checkout: Path, python: Path) -> None:
    """Take out of a checkout's lock what `python` needs and has no library of.

    A marker may ask for the last part of a version, in which the system's Python differs from the
    one that the libraries were chosen for: the gate of packages would rightly miss one.
    """
    lock = checkout / "requirements.lock"
    version = _ask(python, "import platform; print(platform.python_version())")
    text = lock.read_text(encoding="utf-8")
    for package in read_lock(lock):
        if package.is_for_this_machine:
            continue
        if Marker(package.marker).evaluate({"python_full_version": version}):
            entry = rf"^{re.escape(package.name)}=={re.escape(package.version)} .*\n(?: .*\n)*"
            text = re.sub(entry, "", text, flags=re.MULTILINE)
    lock.write_text(text, encoding="utf-8")

    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    amend = ["git", *identity, "commit", "-q", "--all", "--amend", "--no-edit"]
    subprocess.run(amend, cwd=checkout, check=True)


def why_not() -> str:
    """Return why enforced mode cannot be made here; empty where it can."""
    if os.getuid() != 0:
        return "makes accounts of the operating system: needs root"
    if not SYSTEM_PYTHON.exists():
        return f"needs {SYSTEM_PYTHON}, which every account can start"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    found = _ask(SYSTEM_PYTHON, "import sys; print('%d.%d' % sys.version_info[:2])")
    return "" if found == version else f"{SYSTEM_PYTHON} is {found}, the libraries are of {version}"


def _ask(python: Path, program: str) -> str:
    """Return what an interpreter prints, one line."""
    command = [str(python), "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _is_orphan(name: str) -> bool:
    made_by = re.fullmatch(r"pcx-(\d+)-[a-z]+", name)
    return made_by is not None and not Path("/proc", made_by[1]).exists()


def _remove_accounts(logins: Sequence[str], groups: Sequence[str]) -> None:
    for login in logins:
        try:
            uid = pwd.getpwnam(login).pw_uid
        except KeyError:
            continue
        subprocess.run(["pkill", "-KILL", "-U", str(uid)], check=False)
        subprocess.run(["/usr/sbin/userdel", login], check=False, capture_output=True)
    for group in groups:
        subprocess.run(["/usr/sbin/groupdel", group], check=False, capture_output=True)


def _own(folder: Path, login: str) -> None:
    subprocess.run(["chown", "-R", f"{login}:{login}", str(folder)], check=True)


def _wait_for(path: Path, process: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(START_SECONDS * 10):
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(path)) == 0:
                return
        assert process.poll() is None, log.read_text()
        time.sleep(0.1)
    raise AssertionError(log.read_text())
