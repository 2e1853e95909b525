"""How long it takes to erase one of a million people from a hundred versions, all of them searched.

    python benchmarks/erasure.py --people 1000000 --versions 100

Makes the versions once (sealed, each with other values), what MLflow, Prefect, git, DVC and reports
hold beside them, and then measures `erase` as the command calls it, every sink included, in CPU and
wall seconds: the first erasure, a second call for the same person, a thousand people at once, and,
for comparison, rewriting plaintext versions instead.

    python benchmarks/erasure.py --made FOLDER --profile

keeps what was made in FOLDER, takes it from there the next time, and prints where the CPU went.
"""

import argparse
import cProfile
import os
import pstats
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

DAY = date(2026, 11, 24)
FOOTER_BYTES = 65_536  # of a sealed file, with room to spare


def main() -> None:
    """Make, measure, print Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--versions", type=int, default=100)
    parser.add_argument("--folder", type=Path, default=None, help="where to (a disk with room)")
    parser.add_argument("--made", type=Path, default=None, help="keep what was made, and reuse it")
    parser.add_argument("--profile", action="store_true", help="say where the CPU went")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="portcullis-bench-", dir=options.folder) as folder:
        made = (options.made or Path(folder) / "made").absolute()
        root = made / "root"
        if not root.exists():
            use_home(made / "home")
            make_installation(root)
            os.chdir(root)
            make_versions(root, options.people, options.versions)
            make_traces(root, made / "home", options.people)

        # A copy: the next run finds everybody's keys again.
        home = Path(folder) / "home"
        shutil.copytree(made / "home", home)
        use_home(home)
        os.chdir(root)
        measure(root, options.people, options.versions, is_profiled=options.profile)


def use_home(home: Path) -> None:
    """Let the code find its keys, and MLflow's and Prefect's databases, in this folder."""
    os.environ["PORTCULLIS_HOME"] = str(home)
    os.environ["PREFECT_HOME"] = str(home / "prefect")


def make_installation(root: Path) -> None:
    """Make a checkout with one use case and a DVC cache."""
    (root / "configs" / "big").mkdir(parents=True)
    columns = {
        "email": {"role": "subject", "source": "a", "kind": "email"},
        "name": {"role": "identifier", "source": "a", "kind": "name"},
        "note": {"role": "free_text", "source": "a", "kind": "text"},
    }
    case = {"title": "b", "purpose": "b", "sources": {}, "columns": columns}
    case["erasure"] = {
        "identifiers": {"ignore": ["case", "blanks", "unicode form"]},
        "retrain_after": {"people": 1, "days": 1},
        "keep": {},
    }
    (root / "configs" / "big" / "case.yaml").write_text(yaml.safe_dump(case))
    (root / "configs" / "index.yaml").write_text("use_cases: [big]\n")
    from flows.use_cases.derived_files import resolve_cases, resolved_files, write_files

    write_files(resolved_files(resolve_cases(root)), root)
    (root / ".dvc").mkdir()
    (root / ".dvc" / "config").write_text("")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)


def make_versions(root: Path, people: int, versions: int) -> None:
    """Seal everybody once, and put that into DVC's cache as so many versions.

    Each has its own authentication code. The erasure tells versions apart by that code alone, so it
    looks through all of them and reads the person's row in each, as if each held other values.
    """
    from tasks.keystore.keys import open_keys
    from tasks.keystore.pseudonyms import pseudonyms
    from tasks.sealed import write_rows
    from tasks.system.installation import Installation

    installation = Installation.open(root, os.environ)

    emails = pd.Series([f"person{i}@example.org" for i in range(people)], dtype="str")
    frame = pd.DataFrame(
        {
            "subject": pseudonyms(installation.secret("pseudonym"), emails),
            "email": emails,
            "name": [name_of(number) for number in range(people)],
            # Every hundredth person has a note, which says something of somebody else.
            "note": [note_of(number) for number in range(people)],
            "income": np.arange(people) * 1.0,
        }
    )
    cache = root / ".dvc" / "cache" / "files" / "md5"
    first = root / "first.parquet"
    write_rows(frame, first, dataset="big/ingest/rows", keys=open_keys(installation))
    content = first.read_bytes()
    for version in range(versions):
        target = cache / f"{version % 256:02x}" / f"{version:030x}"
        target.parent.mkdir(parents=True, exist_ok=True)
        clone(content, target, version)
        print(f"version {version + 1} of {versions}", end="\r", file=sys.stderr)
    first.unlink()
    size = sum(path.stat().st_size for path in cache.rglob("*") if path.is_file()) / 1e9
    print(f"{people:,} people, {versions} versions, {size:.1f} GB", file=sys.stderr)


def name_of(number: int) -> str:
    """Return a name that no two people share, of letters alone."""
    letters = "".join(chr(ord("a") + int(digit)) for digit in f"{number:07}")
    return f"{letters[:3].title()} {letters[3:].title()}berg"


def note_of(number: int) -> str | None:
    """Return what was written about somebody, for one in a hundred."""
    return None if number % 100 else f"Called back; {name_of(number + 7)} will bring the papers."


def make_traces(root: Path, home: Path, people: int) -> None:
    """Leave what other programs keep in plain text: a year of runs, logs, pages and commits."""
    (home / "prefect").mkdir(parents=True, exist_ok=True)
    tables = {
        home / "mlflow.db": "CREATE TABLE params (key TEXT, value TEXT, run_uuid TEXT)",
        home / "prefect" / "prefect.db": "CREATE TABLE log (level TEXT, message TEXT, id TEXT)",
    }
    for database, table in tables.items():
        connection = sqlite3.connect(database)
        connection.execute(table)
        name = table.split()[2]
        rows = ((f"k{i}", f"row of {name_of(i * 97 % people)}", f"{i:032x}") for i in range(20_000))
        connection.executemany(f"INSERT INTO {name} VALUES (?,?,?)", rows)
        connection.commit()
        connection.close()

    docs = root / "data" / "big" / "validate" / "docs"
    docs.mkdir(parents=True)
    for page in range(200):
        lines = (f"<td>{page * 40 + i}</td><td>fails</td>\n" for i in range(400))
        (docs / f"page{page}.html").write_text("".join(lines))
    for name in ("flows", "tasks", "docs"):
        source = Path(__file__).resolve().parents[1] / name
        shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    (root / ".gitignore").write_text("data/\n.dvc/cache/\n")
    for command in (["add", "-A"], ["commit", "-qm", "x"]):
        identity = ["-c", "user.name=b", "-c", "user.email=b@example.org"]
        subprocess.run(["git", *identity, *command], cwd=root, check=True)


def clone(first: bytes, target: Path, version: int) -> None:
    """Write the first version once more, as another file by its authentication code.

    The code stands as hexadecimal digits in the file's footer: others of the same length are put in
    their place.
    """
    from tasks.sealed.rows import MAC

    place = first.rindex(MAC, len(first) - FOOTER_BYTES)
    match = re.compile(rb"[0-9a-f]{64}").search(first, place)
    assert match is not None
    with target.open("wb") as stream:
        stream.write(first[: match.start()])
        stream.write(f"{version:064x}".encode())
        stream.write(first[match.end() :])


def measure(root: Path, people: int, versions: int, *, is_profiled: bool) -> None:
    """Print what each takes."""
    from tasks.erasure.erasing import erase
    from tasks.system.installation import Installation

    installation = Installation.open(root, os.environ)

    def forget(*numbers: int) -> None:
        erase(
            "big",
            [f"person{number}@example.org" for number in numbers],
            received=DAY,
            day=DAY,
            installation=installation,
        )

    middle = people // 2
    print("| what | CPU, s | wall, s |\n|---|---|---|")
    first = f"one of {people:,} people, {versions} versions, all searched"
    thousand = range(0, people, max(1, people // 1000))
    row(first, lambda: forget(middle), is_profiled=is_profiled)
    row("the same again", lambda: forget(middle))
    row("a thousand more at once", lambda: forget(*thousand), is_profiled=is_profiled)
    tenth = max(1, versions // 10)
    row(
        f"for comparison: rewriting {tenth} such files without one row",
        lambda: rewrite(root, tenth),
    )


def rewrite(root: Path, count: int) -> None:
    """Filter a row out of files of this size and rewrite them, as erasure without keys would."""
    paths = sorted(path for path in (root / ".dvc" / "cache").rglob("*") if path.is_file())
    for path in paths[:count]:
        table = pq.read_table(path)
        first = table["key"][0].as_py()
        # Elsewhere: what was made may be used again.
        target = root / "rewritten.parquet"
        pq.write_table(
            table.filter(pc.not_equal(table["key"], pa.scalar(first, table["key"].type))),
            target,
            compression="none",
        )
        target.unlink()


def row(name: str, work: Callable[[], None], *, is_profiled: bool = False) -> None:
    """Run once and print CPU (that of git and other children included) and wall time."""
    # By CPU time: other programs run on the same cores.
    profile = cProfile.Profile(time.process_time)
    wall = time.perf_counter()
    cpu = cpu_seconds()
    if is_profiled:
        profile.runcall(work)
    else:
        work()
    print(f"| {name} | {cpu_seconds() - cpu:.2f} | {time.perf_counter() - wall:.2f} |", flush=True)
    if is_profiled:
        pstats.Stats(profile, stream=sys.stderr).sort_stats("cumulative").print_stats(45)


def cpu_seconds() -> float:
    """Return what this process and its ended children have taken."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


if __name__ == "__main__":
    main()
