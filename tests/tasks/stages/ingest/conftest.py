"""The source `bank`: its columns, what it has to deliver, and files of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.config.cases import Columns
from tasks.config.sources import FileSource
from tasks.stages.ingest.params import IngestParams
from tasks.stages.ingest.reading import ExpectedDelivery
from tasks.under_way import describe_innermost
from tests.tasks.stages.ingest.deliveries import MakeFileSource

OF = {
    "owner": "Example Bank",
    "role": "controller",
    "legal_basis": "contract",
    "agreement": "A",
    "expires": "2031-12-31",
}
COLUMNS = """
email: {role: subject, source: bank, kind: email}
name: {role: identifier, source: bank, kind: name}
account: {role: identifier, source: bank, kind: account}
born: {role: quasi_identifier, source: bank, kind: date}
income: {role: feature, source: bank}
owns: {role: feature, source: bank, kind: flag}
approve: {role: target, source: bank, kind: flag}
branch: {role: dropped, source: bank, kind: text}
"""


@pytest.fixture
def columns() -> Columns:
    return Columns.model_validate(yaml.safe_load(COLUMNS))


@pytest.fixture
def expected(columns: Columns) -> ExpectedDelivery:
    return ExpectedDelivery.of("bank", columns, IngestParams(base="bank", third_persons="masked"))


@pytest.fixture
def file_source() -> MakeFileSource:
    def make(path: Path | str, form: str, **changes: Any) -> FileSource:
        values = {"kind": "file", "path": str(path), "format": form, **OF, **changes}
        return FileSource.model_validate(values)

    return make


@pytest.fixture(autouse=True)
def nothing_is_read_any_more() -> Iterator[None]:
    """Whatever a test reads, or leaves off reading, no file is said to be read afterwards."""
    yield
    assert describe_innermost() == ""
