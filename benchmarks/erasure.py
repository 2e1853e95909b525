"""How long it takes to erase one of a million people from a hundred versions, all of them searched.

    python benchmarks/erasure.py --people 1000000 --versions 100

Makes the versions once (sealed, each with other values), then measures in CPU and wall seconds: the
first erasure, a second call for the same person, a thousand people at once, and, for comparison,
rewriting plaintext versions instead.
"""

import argparse
import os
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


def main() -> None:
    """Make, measure, print Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--versions", type=int, default=100)
    parser.add_argument("--folder", type=Path, default=None, help="where to (a disk with room)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="portcullis-bench-", dir=options.folder) as folder:
        root = Path(folder) / "root"
        for name in ("HOME", "PREFECT_HOME"):
            os.environ[f"PORTCULLIS_{name}" if name == "HOME" else name] = str(
                Path(folder) / name.lower()
            )
        make_installation(root)
        os.chdir(root)
        make_versions(root, options.people, options.versions)
        measure(root, options.people, options.versions)


def make_installation(root: Path) -> None:
    """Make a checkout with one use case and a DVC cache."""
    (root / "configs" / "big").mkdir(parents=True)
    columns = {"email": {"role": "subject", "source": "a", "kind": "email"}}
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
            "income": np.arange(people) * 1.0,
        }
    )
    cache = root / ".dvc" / "cache" / "files" / "md5"
    first = root / "first.parquet"
    write_rows(frame, first, dataset="big/ingest/rows", keys=open_keys(installation))
    for version in range(versions):
        target = cache / f"{version % 256:02x}" / f"{version:030x}"
        target.parent.mkdir(parents=True, exist_ok=True)
        clone(first, target, version)
        print(f"version {version + 1} of {versions}", end="\r", file=sys.stderr)
    first.unlink()
    size = sum(path.stat().st_size for path in cache.rglob("*") if path.is_file()) / 1e9
    print(f"{people:,} people, {versions} versions, {size:.1f} GB", file=sys.stderr)


def clone(first: Path, target: Path, version: int) -> None:
    """Write the first version once more, as another file by its authentication code."""
    from tasks.sealed.rows import MAC

    file = pq.ParquetFile(first)
    words = {
        key: value
        for key, value in (file.metadata.metadata or {}).items()
        if key.startswith(b"portcullis")
    }
    words[MAC] = f"{version:064x}".encode()
    with pq.ParquetWriter(
        target, file.schema_arrow, compression="none", use_dictionary=False, write_statistics=False
    ) as writer:
        for group in range(file.num_row_groups):
            writer.write_table(file.read_row_group(group))
        writer.add_key_value_metadata(words)


def measure(root: Path, people: int, versions: int) -> None:
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
    row(f"one of {people:,} people, {versions} versions, all searched", lambda: forget(middle))
    row("the same again", lambda: forget(middle))
    row("a thousand more at once", lambda: forget(*range(0, people, max(1, people // 1000))))
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
        pq.write_table(
            table.filter(pc.not_equal(table["key"], pa.scalar(first, table["key"].type))),
            path,
            compression="none",
        )


def row(name: str, work: Callable[[], None]) -> None:
    """Run once and print CPU and wall time."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    print(
        f"| {name} | {time.process_time() - cpu:.2f} | {time.perf_counter() - wall:.2f} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
