"""The source `bank`: its columns, what it has to deliver, and files of it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.config.cases import Columns
from tasks.config.sources import FileSource
from tasks.stages.ingest.params import IngestParams
from tasks.stages.ingest.reading import ExpectedDelivery
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
