"""One delivery in every format, and the check of what a refusal may say about it."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tasks.config.sources import FileSource, Source
from tasks.errors import ServiceError, SourceError
from tasks.stages.ingest.reading import ExpectedDelivery, read_source
from tests.installations import settings_now

Row = tuple[Any, ...]
MakeFileSource = Callable[..., FileSource]

NAMES = ["email", "name", "account", "born", "income", "owns", "approve", "branch"]
ROWS: list[Row] = [
    ("ann@example.org", "Ann Null", "0012", "1970-01-31", 3000.5, 1, 1, "north"),
    ("bo@example.org", "NA", "0013", "1980-12-01", None, 0, 0, "south"),
    ("cy@example.org", "None", "0014", None, 12, None, 1, "a, b\nc"),
]
SECRETS = ("Ann", "ann@", "1970", "3000", "hunter2")


def csv_of(rows: Sequence[Row] = ROWS, names: Sequence[str] = NAMES) -> str:
    def cell(value: object) -> str:
        text = "" if value is None else str(value)
        return f'"{text}"' if set(text) & set(',"\n') else text

    return "".join(",".join(map(cell, row)) + "\n" for row in [names, *rows])


def records(rows: Sequence[Row] = ROWS) -> list[dict[str, Any]]:
    return [dict(zip(NAMES, row, strict=True)) for row in rows]


def write(path: Path, form: str, rows: Sequence[Row] = ROWS) -> Path:
    if form == "csv":
        path.write_text(csv_of(rows))
    elif form == "jsonl":
        path.write_text("".join(json.dumps(record) + "\n" for record in records(rows)))
    else:
        pd.DataFrame(records(rows)).to_parquet(path)
    return path


def read(source: Source, expected: ExpectedDelivery) -> pd.DataFrame:
    table = read_source(source, expected, settings_now())
    return table.frame(table.columns)


def refusal_of(source: Source, expected: ExpectedDelivery) -> str:
    """Return the one line of a refusal, which names the source and quotes nothing."""
    with pytest.raises((SourceError, ServiceError)) as refusal:
        read(source, expected)
    text = str(refusal.value)
    assert "\n" not in text
    assert "source `bank`" in text
    assert not any(secret in text for secret in SECRETS)
    return text
