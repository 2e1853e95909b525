"""What a stage sees and may write to, tried with real namespaces and a real account."""

import ctypes
import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.service.isolation import (
    KEYCTL_JOIN_SESSION_KEYRING,
    View,
    become,
    enter_view,
    limit_resources,
    places_of_python,
    unshare_namespaces,
)
from tasks.service.service_config import Account, Limits
from tasks.service.stage_room import open_room

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="namespaces and accounts need root"
)
KEYCTL_SEARCH = 10
SESSION_KEYRING = -3
NOBODY = Account("nobody", 65534, 65534)


def as_stage(folder: Path, tried: Callable[[], object], *read: Path) -> object:
    """Return what a call returns, as JSON, in a process of the view of a stage."""
    rooms = folder / "rooms"
    rooms.mkdir(mode=0o711)
    for above in (folder, *folder.parents):
        above.chmod(above.stat().st_mode | 0o011)
    written = folder / "written"
    written.mkdir()
    os.chown(written, NOBODY.uid, NOBODY.gid)
    read_end, write_end = os.pipe()
    with open_room(rooms, NOBODY) as room:
        keeper = os.fork()
        if keeper == 0:
            has_own_processes, _ = unshare_namespaces(has_network=False)
            child = os.fork()
            if child == 0:
                try:
                    view = View((*places_of_python(), *read), (written, room.home), room.tmp)
                    is_entered = enter_view(view, room.view)
                    limit_resources(Limits(stage_processes=512))
                    become(NOBODY)
                    answer = tried() if has_own_processes and is_entered else "no view"
                    os.write(write_end, json.dumps(answer).encode())
                except BaseException as error:
                    os.write(write_end, json.dumps(f"{type(error).__name__}: {error}").encode())
                finally:
                    os._exit(0)
            os.waitpid(child, 0)
            os._exit(0)
        os.close(write_end)
        with os.fdopen(read_end, "rb") as stream:
            answer = stream.read()
        os.waitpid(keeper, 0)
    assert list(rooms.iterdir()) == []
    if answer == b'"no view"':
        pytest.skip("this container does not let root mount")
    return json.loads(answer)


def writable(top: Path) -> list[str]:
    """Return the outermost folders below `top` that this account can write to."""
    names = []
    for folder, folders, _ in os.walk(top):
        if os.access(folder, os.W_OK) and not os.statvfs(folder).f_flag & os.ST_RDONLY:
            names.append(folder)
            folders.clear()
        if folder == "/":
            folders.remove("proc")
    return sorted(names)


def test_only_what_is_named_is_there(tmp_path: Path) -> None:
    (tmp_path / "rows").mkdir()
    (tmp_path / "secret").write_text("x")

    def tried() -> object:
        top = {path.name for path in Path("/").iterdir()}
        return [(tmp_path / "rows").is_dir(), (tmp_path / "secret").exists(), "home" in top]

    assert as_stage(tmp_path, tried, tmp_path / "rows") == [True, False, False]


def test_only_its_own_places_can_be_written_to(tmp_path: Path) -> None:
    open_to_all = tmp_path / "rows"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    names = as_stage(tmp_path, lambda: writable(Path("/")), open_to_all)
    assert isinstance(names, list)
    # /tmp and /var/tmp are its room's, /dev/shm is its own.
    assert "/dev/shm" in names
    inside = [name for name in names if not name.startswith(("/dev/shm", "/tmp", "/var/tmp"))]
    assert [name for name in inside if Path(name).name not in ("written", "home")] == []
    assert str(open_to_all) not in names


def test_a_socket_of_another_account_is_out_of_reach(tmp_path: Path) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as listener:
        path = f"/var/tmp/portcullis-{os.getpid()}"
        listener.bind(path)
        Path(path).chmod(0o777)
        listener.listen()

        def tried() -> object:
            with socket.socket(socket.AF_UNIX) as connection:
                return connection.connect_ex(path)

        assert as_stage(tmp_path, tried) == 2  # ENOENT
        Path(path).unlink()


def test_the_interpreter_and_its_libraries_work(tmp_path: Path) -> None:
    program = "import numpy, pyarrow, tempfile, os, ssl; print(tempfile.gettempdir())"

    def tried() -> object:
        done = subprocess.run(
            [sys.executable, "-I", "-c", program], env={}, capture_output=True, check=False
        )
        return [done.stdout.decode(), done.stderr.decode()]

    assert as_stage(tmp_path, tried) == ["/tmp\n", ""]


def test_a_fork_bomb_meets_a_limit(tmp_path: Path) -> None:
    # By a shell: a fork of the suite's own process copies the page tables of all that it holds.
    bomb = "i=0; while [ $i -lt 2000 ]; do sleep 5 >/dev/null 2>&1 & i=$((i+1)); echo $i; done"

    def tried() -> object:
        done = subprocess.run(["sh", "-c", bomb], capture_output=True, check=False)
        return done.returncode != 0 and 0 < int(done.stdout.split()[-1]) < 600

    assert as_stage(tmp_path, tried) is True


def test_a_limit_cannot_be_raised_again(tmp_path: Path) -> None:
    def tried() -> object:
        import resource

        try:
            resource.setrlimit(resource.RLIMIT_CORE, (-1, -1))
        except ValueError:
            return resource.getrlimit(resource.RLIMIT_CORE)
        return "raised"

    assert as_stage(tmp_path, tried) == [0, 0]


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="calls the kernel by number")
def test_the_keyring_of_whoever_started_the_service_is_not_passed_on(tmp_path: Path) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    add_key, keyctl = 248, 250
    key = (b"user", b"portcullis-test")
    # In a keyring that this process and its children alone have.
    if libc.syscall(keyctl, KEYCTL_JOIN_SESSION_KEYRING, None) < 0:
        pytest.skip("the kernel has no keyrings")
    assert libc.syscall(add_key, *key, b"secret", 6, SESSION_KEYRING) > 0

    def tried() -> object:
        found = libc.syscall(keyctl, KEYCTL_SEARCH, SESSION_KEYRING, *key, 0)
        return found if found >= 0 else errno.errorcode[ctypes.get_errno()]

    assert as_stage(tmp_path, tried) == "ENOKEY"
