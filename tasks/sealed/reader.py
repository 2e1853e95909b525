"""Read sealed rows as a person: in a notebook, or with `python -m tasks.sealed show`.

Every read is audited first.
"""

from itertools import islice
from pathlib import Path

import pandas as pd

from tasks.config.cases import load_case
from tasks.errors import DataError
from tasks.guard.opening import open_guarded_keys
from tasks.notary.audit import PeopleAction, audit
from tasks.sealed.rows import Opened, iter_rows
from tasks.system.installation import Installation

ALSO = {"raw": "ingest", "redacted": "redact"}  # what people call them


def read_dataset(
    case: str,
    stage: str,
    name: str = "rows",
    *,
    why: str,
    rows: int | None = None,
    installation: Installation,
) -> Opened:
    """Return the rows of a sealed dataset, in memory only, and how many are readable.

    In a notebook, with `here = Installation.open(Path(), os.environ)`:
    `read_dataset("loan", "redact", why="looking into complaint 17", installation=here).frame`.
    Do not save a notebook with rows in its output.

    Args:
        case: A use case.
        stage: The stage that wrote it, as `redact`.
        name: The dataset's name, as `rows`, `predictions` or `reasons`.
        why: The reason, for the audit.
        rows: How many rows at most; all, if None.
        installation: The checkout, its keys and its settings.

    Raises:
        DataError: There is no such dataset; the message lists those there are.
        SealError: It was altered, or is of another installation.
    """
    # For its refusal: the name becomes part of a path below, and this knows which use cases there
    # are.
    load_case(case, installation.workspace)
    stage = ALSO.get(stage, stage)
    path = installation.workspace / "data" / case / stage / f"{name}.parquet"
    if not path.is_file():
        raise DataError(
            f"dataset {case}/{stage}/{name}",
            expected="one of: " + ", ".join(datasets(case, installation.workspace)),
            found="none of that name",
            remedy="Check the spelling, or run the stage first.",
        )
    dataset = f"{case}/{stage}/{name}"
    # In this order: the key store may refuse, then the read is on record, then the first row is
    # opened. A read that cannot be recorded does not happen.
    keys = open_guarded_keys(installation)
    audit(
        PeopleAction.READ_ROWS,
        what=dataset,
        why=why,
        installation=installation,
        rows="all" if rows is None else rows,
    )
    parts, left = [], rows
    for part in iter_rows(path, dataset=dataset, keys=keys):
        parts.append(part)
        # What counts is rows that can be read: a row group of erased people yields none, and the
        # next one is opened, too.
        left = None if left is None else left - part.unsealed
        if left is not None and left <= 0:
            break
    frame = pd.concat([part.frame for part in parts], ignore_index=True)
    frame = frame if rows is None else frame.iloc[:rows]
    return Opened(frame, sum(part.unsealed for part in parts), sum(part.shredded for part in parts))


def datasets(case: str, workspace: Path) -> list[str]:
    """Return the sealed datasets that lie in `data/` for a use case."""
    folder = workspace / "data" / case
    found = sorted(folder.glob("*/*.parquet"))
    return [f"{case}/{path.parent.name}/{path.stem}" for path in islice(found, 50)]
