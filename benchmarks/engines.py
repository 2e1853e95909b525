"""What an engine takes of the stage itself, and what of its workers: by rows, at two sizes.

    python benchmarks/engines.py 50000 200000

CPU seconds of this process, the least of three: unsealing a file here; handing its partitions out,
which is all that is left to a stage whose workers unseal; and taking the answers. What a worker
does is counted here, too, by its own function. The ratio says how many workers one stage can feed.
"""

import argparse
import pickle
import tempfile
import time
from collections.abc import Callable
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tasks.keystore.keys import KeyStore, open_keys
from tasks.sealed import read_rows, write_rows
from tasks.sealed.partitions import iter_partitions, open_partition
from tasks.system.installation import Installation

COLUMNS = 30
ROUNDS = 3


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", type=int, nargs="+", help="sizes, the smallest first")
    sizes = parser.parse_args().rows

    names = ("unsealed here", "handed out", "opened by workers", "answers taken")
    seconds = {rows: measure(rows) for rows in sizes}
    print("| CPU s | " + " | ".join(f"{rows:,} rows" for rows in sizes) + " | exponent |")
    print("|---|" + "---|" * (len(sizes) + 1))
    for position, name in enumerate(names):
        figures = [seconds[rows][position] for rows in sizes]
        slope = log(figures[-1] / figures[0]) / log(sizes[-1] / sizes[0])
        print(
            f"| {name} | " + " | ".join(f"{figure:.2f}" for figure in figures) + f" | {slope:.2f} |"
        )

    _, handed, opened, taken = seconds[sizes[-1]]
    print(
        f"\nWorkers that one stage keeps busy with unsealing alone: {opened / (handed + taken):.1f}"
    )


def measure(rows: int) -> tuple[float, float, float, float]:
    """Return CPU seconds: unsealed here, handed out, opened by workers, answers taken."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        keys = open_keys(Installation.open(Path(folder), {"PORTCULLIS_HOME": str(home)}))
        path = Path(folder) / "rows.parquet"
        write_rows(people(rows), path, dataset="d", keys=keys)

        whole = least(lambda: read_rows(path, dataset="d", keys=keys))
        handed = least(lambda: [len(part) for part in parcels(path, keys)])
        parts = parcels(path, keys)
        opened = least(lambda: [answer(part) for part in parts])
        answers = [answer(part) for part in parts]
        taken = least(lambda: [len(pickle.loads(part)) for part in answers])
        return whole, handed, opened, taken


def parcels(path: Path, keys: KeyStore) -> list[bytes]:
    """Return a file's partitions as they are sent."""
    return [
        pickle.dumps(part, protocol=5) for part in iter_partitions(path, dataset="d", keys=keys)
    ]


def answer(parcel: bytes) -> bytes:
    """Return what a worker sends back."""
    return pickle.dumps(open_partition(None, pickle.loads(parcel)), protocol=5)


def people(rows: int) -> pd.DataFrame:
    """Return as many people with a row each, of thirty figures and a short text."""
    rng = np.random.default_rng(1)
    figures = {f"figure_{number}": rng.normal(size=rows) for number in range(COLUMNS)}
    return pd.DataFrame(
        {
            "subject": [f"{number:032x}" for number in range(rows)],
            **figures,
            "town": pd.array(rng.choice(["Springfield", "Shelbyville"], rows), dtype="str"),
        }
    )


def least(work: Callable[[], Any]) -> float:
    """Return the least CPU seconds of several rounds."""
    spent = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return min(spent)


if __name__ == "__main__":
    main()
