"""Everything that is stored, item by item: files, database cells, git objects, sealed rows.

An item is a place and its bytes. Two snapshots are compared whole, not by samples.
"""

import json
import re
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from tests.flows.canaries.planting import Ground
from tests.flows.canaries.scanner import Scanner
from tests.flows.workspace import HERE

DATABASES = ("home/mlflow.db", "home/prefect/prefect.db")
# What an erasure itself writes, and what names nobody: keys, journal, ledger, audit, receipts, and
# DVC's index, which whoever opens a repository writes. Its bytes are searched like all others, but
# they may change.
OWN_STATE = re.compile(
    r"^home/(keys\.db|key-store\.seen|erasures\.db|ledger|audit/|receipts/|root\.key|trees/|signing/|statements/)"
    r"|^home/[a-z.]*lock$|^home/environment\.|/__pycache__/|^checkout/\.git/"
    r"|^home/(mlflow|prefect/prefect)\.db|^checkout/\.dvc/tmp/site/"
)
# A purge empties the logs beside a database: its cells are compared one by one.
DATABASE_LOG = re.compile(r"\.db-(wal|shm)$")
FERNET_TOKEN = re.compile(rb"gAAAAA[A-Za-z0-9_-]{50,}={0,2}")
DECRYPTED = "-decrypted"
# The source files are their owner's, and deliver everybody again.
SOURCES = "checkout/sources/"


@dataclass(frozen=True)
class Snapshot:
    """All items, by place."""

    items: dict[str, bytes]
    rows: dict[str, list[str]]  # what any key opens, by sealed file

    def places_of(self, scanner: Scanner, people: set[int]) -> dict[str, set[int]]:
        """Return where people can be read, in the content of an item or in its place's name."""
        places = {}
        for place, content in self.items.items():
            found = people & (
                _people_in(scanner, place, content) | scanner.people_in(place.encode())
            )
            if found:
                places[place] = found
        for place, rows in self.rows.items():
            found = people & scanner.people_in("\n".join(rows).encode())
            if found:
                places[f"rows of {place}"] = found
        return places


def take_snapshot(ground: Ground) -> Snapshot:
    """Read everything that is stored, and every row that a key opens."""
    items = read_items(ground)
    return Snapshot(items, _readable_rows(items, ground))


def read_items(ground: Ground) -> dict[str, bytes]:
    """Read everything below the folder in which checkout, home, remotes and backups lie."""
    items: dict[str, bytes] = {}
    top = ground.workspace.root.parent
    for path in sorted(top.rglob("*")):
        place = path.relative_to(top).as_posix()
        if path.is_symlink() or not path.is_file() or place.startswith(SOURCES):
            continue
        # Objects are compressed: git reads them, below.
        if "/objects/" not in place or not place.startswith(("checkout/.git/", "mirror.git/")):
            items[place] = path.read_bytes()
    for repository in (ground.workspace.root / ".git", ground.git_remote):
        for object_id, content in _git_objects(repository):
            items[f"{repository.relative_to(top)} object {object_id}"] = content
    items |= {f"bucket/{key}": content for key, content in ground.stored_objects()}
    for name in DATABASES:
        cells = dict(_cells(name, top / name))
        items |= cells | dict(_decrypted(cells))
    return items


def changed_places(before: dict[str, bytes], after: dict[str, bytes]) -> set[str]:
    """Return what has other bytes than before, or is gone or new, beside an erasure's own state."""
    return {
        place
        for place in before.keys() | after.keys()
        if before.get(place) != after.get(place) and not OWN_STATE.search(place)
    }


def _people_in(scanner: Scanner, place: str, content: bytes) -> frozenset[int]:
    # Their cells are read one by one; of the file, free pages and the log are of interest.
    if place.startswith(DATABASES):
        return scanner.people_in_text(content)
    return scanner.people_in(content)


def _git_objects(repository: Path) -> Iterator[tuple[str, bytes]]:
    command = ["git", "--git-dir", str(repository), "cat-file", "--batch-all-objects", "--batch"]
    output = subprocess.run(command, capture_output=True, check=True).stdout
    start = 0
    while start < len(output):
        end = output.index(b"\n", start)
        object_id, _, size = output[start:end].decode().split()
        yield object_id, output[end + 1 : end + 1 + int(size)]
        start = end + 2 + int(size)


def _cells(name: str, path: Path) -> Iterator[tuple[str, bytes]]:
    connection = sqlite3.connect(path)
    connection.text_factory = bytes
    tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '%fts%'"
    for (table,) in connection.execute(tables).fetchall():
        cursor = connection.execute(f'SELECT rowid, * FROM "{table.decode()}"')
        columns = [column for column, *_ in cursor.description][1:]
        for row_id, *cells in cursor:
            for column, cell in zip(columns, cells, strict=True):
                if cell is not None:
                    content = cell if isinstance(cell, bytes) else str(cell).encode()
                    yield f"cell {name} {table.decode()} {row_id} {column}", content
    connection.close()


def _decrypted(cells: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """Yield what Prefect's blocks keep encrypted: the key lies beside them, for whoever looks."""
    keys = [json.loads(cell) for cell in cells.values() if cell.startswith(b'{"fernet_key": ')]
    for place, cell in cells.items():
        for token in FERNET_TOKEN.findall(cell):
            for key in keys:
                with suppress(InvalidToken):
                    yield f"{place}{DECRYPTED}", Fernet(key["fernet_key"]).decrypt(token)


READ_ROWS = f"""
import json, pathlib, sys
from tasks.keystore.keys import open_keys
from tasks.sealed.objects import SealedFile
{HERE}
keys = open_keys(here)
opened = {{}}
for name in json.load(sys.stdin):
    path = pathlib.Path(name)
    file = SealedFile.open(path)
    ids = file.key_ids()
    live, places = keys.by_id(ids), file.places(ids)
    frame = file.unseal(sorted(p for key in live for p in places[key]), live)
    opened[name] = [json.dumps([file.dataset, row], ensure_ascii=False, default=str)
                    for row in frame.to_dict(orient="records")]
print(json.dumps(opened))
"""


def _readable_rows(items: dict[str, bytes], ground: Ground) -> dict[str, list[str]]:
    """Return every row that any key opens, wherever a version lies."""
    # One version lies in the working tree, the cache and two remotes: it is opened once.
    places: dict[bytes, list[str]] = {}
    for place, content in items.items():
        if _is_sealed(content):
            places.setdefault(content, []).append(place)

    with tempfile.TemporaryDirectory() as folder:
        copies = [Path(folder) / str(number) for number in range(len(places))]
        for copy, content in zip(copies, places, strict=True):
            copy.write_bytes(content)
        done = subprocess.run(
            [sys.executable, "-c", READ_ROWS],
            input=json.dumps([str(copy) for copy in copies]),
            cwd=ground.workspace.root,
            env=ground.workspace.environment(),
            capture_output=True,
            text=True,
            check=True,
        )
    opened: dict[str, list[str]] = json.loads(done.stdout)
    rows = zip(places.values(), opened.values(), strict=True)
    return {place: opened_rows for same, opened_rows in rows for place in same}


def _is_sealed(content: bytes) -> bool:
    return content[:4] == b"PAR1" and b"portcullis" in content[-65_536:]
