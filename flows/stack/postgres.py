"""PostgreSQL, Debian's, with pgaudit where that is installed; nobody needs to be root for it.

Its superuser connects by a socket in a folder of this account, and has no password: PostgreSQL asks
the kernel who is there. All others connect by 127.0.0.1 and a password (SCRAM).
"""

import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from flows.serving.ports import HOST, find_free_port
from flows.stack.server_process import ServerProcess, StackServer, own_folder, plain_environment
from tasks.errors import ServiceError

SUPERUSER = "stack_superuser"
# What PostgreSQL refuses to be run as, and by which accounts it may be run in its place.
STANDINS = ("postgres", "nobody")
AUDIT_LIBRARY = "pgaudit"
AUDITED = "role, ddl"


class PostgresServer(StackServer):
    """A database server with its data in a folder.

    `url` is for whoever has a role and its password; `superuser_url` for this account alone.
    """

    def __init__(
        self, folder: Path, log: Path, *, port: int = 0, options: dict[str, str] | None = None
    ) -> None:
        self.port = port or find_free_port()
        self.account = standin_account()
        self._binaries = postgres_binaries()

        self._folder = own_folder(folder, self.account)
        self._sockets = sockets_of(self._folder, self.account)

        settings = {
            "listen_addresses": HOST,
            "port": str(self.port),
            "unix_socket_directories": str(self._sockets),
            "unix_socket_permissions": "0700",
            "password_encryption": "scram-sha-256",
            "max_connections": "100",
        }

        self.is_audited = has_pgaudit(self._binaries)

        if self.is_audited:
            settings |= {"shared_preload_libraries": AUDIT_LIBRARY, f"{AUDIT_LIBRARY}.log": AUDITED}
        # Last: a test may set anything otherwise.
        settings |= options or {}
        arguments = [f"--{name}={value}" for name, value in settings.items()]

        self._process = ServerProcess(
            name="PostgreSQL",
            command=[str(self._binaries / "postgres"), "-D", str(self._data), *arguments],
            log=log,
            environment=plain_environment(self._folder),
            folder=self._folder,
            account=self.account,
            ends_by=signal.SIGINT,  # a fast shutdown: it does not wait for clients
        )

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def superuser_url(self) -> str:
        """The address of the database `postgres` for this account; it holds no password."""
        return self.superuser_url_of("postgres")

    def superuser_url_of(self, database: str) -> str:
        """Return the address of a database for this account; it holds no password."""
        host = quote(str(self._sockets), safe="")
        return f"postgresql://{SUPERUSER}@/{database}?host={host}&port={self.port}"

    def place(self, database: str) -> str:
        """Return `host:port/name` of a database."""
        return f"{HOST}:{self.port}/{database}"

    def url(self, role: str, password: str, database: str) -> str:
        """Return the address of a database for a role."""
        return f"postgresql://{role}:{quote(password, safe='')}@{HOST}:{self.port}/{database}"

    def start(self) -> None:
        """Make the cluster unless it is there, and start its server."""
        # initdb writes this file, and the folder gets its name when initdb has ended well.
        if not (self._data / "PG_VERSION").exists():
            self._make_cluster()
        # At each start: which account is here may be another one than when the cluster was made.
        self._write_access()
        self._process.start()

    def stop(self) -> None:
        """End it; the data stay."""
        super().stop()
        shutil.rmtree(self._sockets, ignore_errors=True)

    def _make_cluster(self) -> None:
        # One that was interrupted half-made is made anew: it has no PG_VERSION, or is a draft.
        draft = self._folder / "draft"
        shutil.rmtree(draft, ignore_errors=True)
        shutil.rmtree(self._data, ignore_errors=True)

        # `reject`: nobody gets in until `_write_access` has said who may.
        command = [str(self._binaries / "initdb"), "-D", str(draft), "-U", SUPERUSER, "-E", "UTF8"]
        command += ["--locale=C.UTF-8", "--auth=reject", "--data-checksums"]

        process = subprocess.run(
            command,
            env=plain_environment(self._folder),
            cwd=self._folder,
            user=self.account,
            group=pwd.getpwnam(self.account).pw_gid if self.account else None,
            extra_groups=[] if self.account else None,
            capture_output=True,
            check=False,
        )

        if process.returncode:
            raise ServiceError(
                "PostgreSQL's initdb",
                expected="a new cluster",
                found=f"exit {process.returncode}",
                remedy=f"Look whether there is room below {self._folder}, and start again.",
            )

        # Renamed once it is whole: a folder with PG_VERSION in it is never half a cluster.
        draft.rename(self._data)

    def _write_access(self) -> None:
        """Say who may connect: this account as superuser by the socket, roles by a password."""
        names = {pwd.getpwuid(os.getuid()).pw_name, self.account or ""} - {""}
        people = "".join(f"stack {name} {SUPERUSER}\n" for name in sorted(names))
        access = (
            # The first line that fits decides: the superuser by the socket alone, as whoever the
            # kernel says it is; everybody else by a password, from this machine.
            f"local all {SUPERUSER} peer map=stack\n"
            f"host all {SUPERUSER} all reject\n"
            f"host all all {HOST}/32 scram-sha-256\n"
        )
        for name, text in (("pg_ident.conf", people), ("pg_hba.conf", access)):
            self._write_anew(name, text)

    def _write_anew(self, name: str, text: str) -> None:
        """Write a file into the cluster's folder, through no link.

        Where root starts the server, the folder is another account's, which could have root write
        over any file of the machine.
        """
        flags = os.O_RDONLY | os.O_DIRECTORY | (os.O_NOFOLLOW if self.account else 0)
        folder = os.open(self._data, flags)
        try:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            descriptor = os.open(name, flags, 0o600, dir_fd=folder)
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                stream.write(text)
                if self.account:
                    entry = pwd.getpwnam(self.account)
                    os.fchown(stream.fileno(), entry.pw_uid, entry.pw_gid)
        finally:
            os.close(folder)

    def _answers(self) -> bool:
        import psycopg

        try:
            psycopg.connect(self.superuser_url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


def sockets_of(folder: Path, account: str | None) -> Path:
    """Make the folder of the sockets of a server, anew; what a killed one left there is removed.

    A socket's path holds no more than 107 characters, and a checkout may lie deeper. The folder is
    named by where the data lie. Where somebody else has taken that name, another is found.
    """
    name = hashlib.sha256(os.fsencode(folder.absolute())).hexdigest()[:16]
    sockets = Path(tempfile.gettempdir()) / f"portcullis-{name}"

    owner = pwd.getpwnam(account).pw_uid if account else os.getuid()

    with suppress(FileNotFoundError):
        # Everybody may write to the temporary folder: another account's is left alone.
        if sockets.lstat().st_uid == owner:
            shutil.rmtree(sockets, ignore_errors=True)

    try:
        # Fails where somebody made it in between, also a link: nothing is put where they look.
        sockets.mkdir(mode=0o700)
    except FileExistsError:
        sockets = Path(tempfile.mkdtemp(prefix="portcullis-"))

    return own_folder(sockets, account)


def postgres_binaries() -> Path:
    """Return the folder of the newest PostgreSQL's programs.

    Raises:
        FileNotFoundError: None is installed.
    """
    # By its number: as a text, 9 would be newer than 15.
    programs = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    newest_first = sorted(programs, key=lambda path: int(path.parts[-3]), reverse=True)

    path = str(newest_first[0]) if newest_first else shutil.which("postgres")
    if path is None:
        raise FileNotFoundError("postgres")
    return Path(path).resolve().parent


def has_pgaudit(binaries: Path) -> bool:
    """Say whether this PostgreSQL finds pgaudit."""
    asked = [str(binaries / "pg_config"), "--pkglibdir"]
    if not (binaries / "pg_config").exists():
        return (binaries.parent / "lib" / f"{AUDIT_LIBRARY}.so").exists()
    listed = subprocess.run(asked, capture_output=True, text=True, check=False)
    return (Path(listed.stdout.strip()) / f"{AUDIT_LIBRARY}.so").exists()


def standin_account() -> str | None:
    """Return which account PostgreSQL runs as where root starts it; it refuses to run as root."""
    if os.getuid():
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in STANDINS if name in known)
