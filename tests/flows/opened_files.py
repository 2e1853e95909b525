"""Which files of a folder a command opens: what Python is asked to open, and what the kernel saw.

Python's audit hook names what its own `open` reads. Arrow, LightGBM and SQLite open files in C++,
where no hook hears of it, so the kernel's inotify watches every folder, too.
"""

import ctypes
import os
import struct
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

IN_OPEN = 0x20
IN_ISDIR = 0x40000000
EVENT = struct.Struct("iIII")  # inotify_event of inotify(7), without its name
BUFFER_BYTES = 1 << 20

# Runs a program's file as the interpreter does, and writes down what it opens. Processes that it
# starts are not heard here; inotify hears them.
LISTENER = """
import os, runpy, sys
log = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
def hear(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        os.write(log, os.path.realpath(os.fsencode(arguments[0])) + b"\\0")
sys.addaudithook(hear)
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def opened_files(
    folders: Sequence[Path],
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    current_folder: Path,
    log: Path,
) -> set[Path]:
    """Run a command; return the files below `folders` that it opened, links followed.

    Files that the command made itself are included, folders are not.

    Args:
        folders: Where files are listened for; absolute, and reached through no link.
        command: An interpreter, its flags, the program's file and its arguments.
        environment: The command's.
        current_folder: Where the command starts.
        log: A file to be made, outside of `folders`.

    Raises:
        AssertionError: The command failed; its own words are in the message.
    """
    file_index = next(index for index, word in enumerate(command) if word.endswith(".py"))
    heard_command = [*command[:file_index], "-c", LISTENER, str(log), *command[file_index:]]

    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(os.O_NONBLOCK)
    assert descriptor >= 0, os.strerror(ctypes.get_errno())
    try:
        watched: dict[int, Path] = {}
        for folder in folders:
            watched |= _watch(libc, descriptor, folder)
        done = subprocess.run(
            heard_command,
            cwd=current_folder,
            env=dict(environment),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        seen_by_kernel = _read_events(descriptor, watched)
    finally:
        os.close(descriptor)

    heard_by_hook = {Path(os.fsdecode(name)) for name in log.read_bytes().split(b"\0") if name}
    inside = {
        path
        for path in heard_by_hook | seen_by_kernel
        if any(path.is_relative_to(folder) for folder in folders)
    }
    # A name that Python opens relative to an open folder, as when it removes a tree, is heard
    # without that folder, and is then no file here. What was removed since, the kernel has named in
    # full.
    return {path for path in inside if path.is_file() or path in seen_by_kernel}


def _watch(libc: ctypes.CDLL, descriptor: int, folder: Path) -> dict[int, Path]:
    """Watch every folder below `folder` but git's; return watch -> folder."""
    watched: dict[int, Path] = {}
    for place, names, _ in os.walk(folder):
        names[:] = [name for name in names if name != ".git"]
        watch = libc.inotify_add_watch(descriptor, os.fsencode(place), IN_OPEN)
        assert watch >= 0, os.strerror(ctypes.get_errno())
        watched[watch] = Path(place)
    return watched


def _read_events(descriptor: int, watched: dict[int, Path]) -> set[Path]:
    """Return the files of all events that wait."""
    opened: set[Path] = set()
    while True:
        try:
            buffer = os.read(descriptor, BUFFER_BYTES)
        except BlockingIOError:
            return opened
        position = 0
        while position < len(buffer):
            watch, mask, _, length = EVENT.unpack_from(buffer, position)
            position += EVENT.size
            name = buffer[position : position + length].rstrip(b"\0")
            position += length
            assert watch >= 0, "the kernel's queue of events ran over"
            if name and not mask & IN_ISDIR:
                opened.add(watched[watch] / os.fsdecode(name))
