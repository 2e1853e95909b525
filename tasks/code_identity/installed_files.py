"""Digests of installed files, each computed once for each state of the file.

To digest two gigabytes takes seconds, and every stage would pay for it. A file whose inode, size
and both times are as they were has the bytes that it had: to set back the time of its last change
takes the machine's clock or its disk.

What was computed lies in a file of the installation's home, which is no part of what is judged.
Whoever may write to the home can have anything called unchanged: in mode `enforced` that is the
worker alone.
"""

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

from tasks.formats.whole_file import write_whole

CACHE = "environment.digests"
FORMAT = "portcullis/environment/v1"
LAST_LOOK = "environment.last-look"
LAST_LOOK_FORMAT = "portcullis/environment-last-look/v1"
PYCACHE = "__pycache__"

# A file may be written to twice within one tick of the file system's clock, unseen the second time.
# What changed so shortly before is digested again next time.
SETTLED_NS = 2_000_000_000

# For so long a look may stand in for the next one, as long as no folder has changed.
RECALLED_NS = 60_000_000_000


@dataclass
class Listing:
    """The state of every file below some folders, by its path; bytecode in `__pycache__` left out.

    `links` are folders that are links: nothing below them is looked at. `places` are the states of
    the folders themselves, and of files that were added one by one.
    """

    states: dict[str, str] = field(default_factory=dict)
    links: list[str] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)
    newest_ns: int = 0
    begun_ns: int = field(default_factory=time.time_ns)

    def add_folder(self, folder: str, except_names: frozenset[str] = frozenset()) -> None:
        """Add all files below a folder, without those of its own entries that are excepted."""
        # Before its entries are read: what comes or goes meanwhile is a change from here on.
        self._add_place(folder)
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name == PYCACHE or entry.name in except_names:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    self.add_folder(entry.path)
                elif entry.is_symlink() and entry.is_dir():
                    self.links.append(entry.path)
                else:
                    try:
                        self._add(entry.path, entry.stat())
                    except FileNotFoundError:  # a link to nothing, or removed meanwhile
                        self.links.append(entry.path)

    def add_file(self, path: str) -> None:
        """Add one file."""
        self._add_place(path)
        self._add(path, Path(path).stat())

    def fingerprint(self) -> str:
        """Return a digest of all paths and states."""
        lines = sorted(f"{path}\0{state}\0" for path, state in self.states.items())
        lines += [f"{path}\0link\0" for path in sorted(self.links)]
        return sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()

    def is_settled(self) -> bool:
        """Say whether nothing had changed so shortly before that another change would not show."""
        return self.newest_ns < self.begun_ns - SETTLED_NS

    def _add_place(self, path: str) -> None:
        stat = os.stat(path)  # noqa: PTH116 - ten thousand Path objects
        self.places[path] = _state_of(stat)
        self.newest_ns = max(self.newest_ns, stat.st_ctime_ns)

    def _add(self, path: str, stat: os.stat_result) -> None:
        self.states[path] = _state_of(stat)
        self.newest_ns = max(self.newest_ns, stat.st_ctime_ns)


def recalled(home: Path, context: str) -> dict[str, Any] | None:
    """Return what the last look came to, if it may stand in for another one; else None.

    It may for a minute, as long as no folder has changed. Whatever is installed, removed, renamed
    or put in another's place changes its folder. A file that is overwritten where it lies does not:
    what clears a model must look again.

    Args:
        home: Where the last look is kept.
        context: What else its result hangs on.
    """
    try:
        last = json.loads((home / LAST_LOOK).read_text(encoding="utf-8"))
        age_ns = time.time_ns() - int(last["begun_ns"])
        is_usable = (
            last["format"] == LAST_LOOK_FORMAT
            and last["context"] == context
            and 0 <= age_ns < RECALLED_NS
            and all(
                _state_of(os.stat(path)) == state  # noqa: PTH116 - ten thousand Path objects
                for path, state in last["places"].items()
            )
        )
        return dict(last["result"]) if is_usable else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # there is none, or it is broken, or a folder has gone


def remembered(
    home: Path,
    listing: Listing,
    context: str,
    compute: Callable[[Callable[[str], str]], dict[str, Any]],
) -> dict[str, Any]:
    """Return what `compute` comes to about the files of a listing; at best what it last came to.

    Args:
        home: Where the digests are kept.
        listing: The files as they are now.
        context: What else the result hangs on; another context is computed anew.
        compute: Gets a function from a path of the listing to the sha256 of the file; returns JSON.
    """
    result = _remembered(home, listing, context, compute)
    if listing.is_settled():
        last = {
            "format": LAST_LOOK_FORMAT,
            "begun_ns": listing.begun_ns,
            "context": context,
            "places": listing.places,
            "result": result,
        }
        _replace(home / LAST_LOOK, json.dumps(last))

    return result


def _remembered(
    home: Path,
    listing: Listing,
    context: str,
    compute: Callable[[Callable[[str], str]], dict[str, Any]],
) -> dict[str, Any]:
    now_ns = listing.begun_ns
    fingerprint = sha256(f"{context}\0{listing.fingerprint()}".encode()).hexdigest()
    with _open_cache(home / CACHE) as lines:
        header = _header(next(lines, ""))
        if header.get("fingerprint") == fingerprint:
            return dict(header["result"])
        digests = _read_digests(lines)

    fresh: dict[str, tuple[str, str]] = {}

    def digest_of(path: str) -> str:
        state = listing.states[path]
        known_state, sha = digests.get(path, ("", ""))
        if known_state != state:
            with open(path, "rb") as stream:  # noqa: PTH123 - a hundred thousand Path objects
                sha = file_digest(stream, "sha256").hexdigest()
        if int(state.split(" ")[2]) < now_ns - SETTLED_NS:
            fresh[path] = (state, sha)
        return sha

    result = compute(digest_of)
    header = {
        "format": FORMAT,
        "fingerprint": fingerprint if listing.is_settled() else "",
        "result": result,
    }
    _write_cache(home / CACHE, header, fresh)
    return result


@contextmanager
def _open_cache(path: Path) -> Iterator[Iterator[str]]:
    """Open the cache line by line; one that is not there is empty."""
    try:
        stream = path.open(encoding="utf-8", errors="surrogateescape", newline="\n")
    except OSError:
        yield iter(())
        return
    with stream:
        yield stream


def _header(line: str) -> dict[str, Any]:
    try:
        header = json.loads(line)
    except ValueError:
        return {}
    return header if isinstance(header, dict) and header.get("format") == FORMAT else {}


def _read_digests(lines: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return path -> (state, sha256); a line that is cut short stands for nothing."""
    digests: dict[str, tuple[str, str]] = {}
    for line in lines:
        sha, _, rest = line.rstrip("\n").partition("\t")
        state, _, path = rest.partition("\t")
        if len(sha) == 64 and path:
            digests[path] = (state, sha)
    return digests


def _write_cache(path: Path, header: dict[str, Any], digests: dict[str, tuple[str, str]]) -> None:
    lines = [json.dumps(header)]
    lines += [
        f"{sha}\t{state}\t{file}" for file, (state, sha) in digests.items() if "\n" not in file
    ]
    _replace(path, "\n".join(lines) + "\n")


def _replace(path: Path, text: str) -> None:
    # Names of files need not be UTF-8.
    write_whole(path, text.encode(errors="surrogateescape"), must_last=False)


def _state_of(stat: os.stat_result) -> str:
    return f"{stat.st_ino} {stat.st_size} {stat.st_ctime_ns} {stat.st_mtime_ns}"
