"""A person's look at sealed rows: allowed, limited, and on record."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tasks.attestation.predicates.records import AuditBatch
from tasks.audit_log.events import verify
from tasks.errors import DataError
from tasks.notary.notary import open_ledger, trusted_root
from tasks.sealed.reader import read_dataset
from tasks.stages.workspace import StageRun
from tasks.verifier.log_reader import EVERYTHING, read_log
from tests.cases import write_case
from tests.installations import installation_at


@pytest.fixture
def root(home: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    write_case(tmp_path, "bank", {"title": "Bank"})
    monkeypatch.chdir(tmp_path)
    rows = pd.DataFrame({"subject": [f"{i:032x}" for i in range(9)], "income": range(9)})
    StageRun("redact", "bank", installation_at(tmp_path)).write_rows(rows)
    return tmp_path


def events(home: Path) -> list[dict[str, Any]]:
    (path,) = (home / "audit").glob("events-*.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_notebook_reads_rows_and_leaves_who_what_when_and_why(root: Path, home: Path) -> None:
    opened = read_dataset(
        "bank", "redact", why="complaint 17", rows=3, installation=installation_at(Path())
    )
    assert opened.frame["income"].tolist() == [0, 1, 2]
    (event,) = events(home)
    assert event["unmapped"]["operation"] == "people:read rows"
    assert event["databucket"]["name"] == "bank/redact/rows"
    assert event["message"] == "complaint 17"
    assert event["unmapped"]["resources"][0]["data"] == {"rows": 3}
    assert event["actor"]["user"]["name"]
    assert event["time"] > 1_700_000_000_000
    assert (home / "audit").stat().st_mode & 0o077 == 0
    ledger = open_ledger(installation_at(Path()))
    log = read_log(ledger, trusted_root(installation_at(Path())), EVERYTHING)
    ledger.close()
    signed = log.required_statements(AuditBatch)
    assert verify(home / "audit", signed) == 0
    assert len(signed) == 1


def test_the_command_shows_rows_by_either_name_of_the_stage(root: Path, home: Path) -> None:
    for stage in ("redact", "redacted"):
        show = ("show", "bank", stage, "--rows", "2", "--columns", "income")
        done = subprocess.run(
            [sys.executable, "-m", "tasks.sealed", *show],
            capture_output=True,
            text=True,
            check=True,
            stdin=subprocess.DEVNULL,
            env=_environment(home),
        )
        assert done.stdout.split() == ["income", "0", "0", "1", "1"]
    assert [event["message"] for event in events(home)] == ["not said", "not said"]


def test_a_read_that_cannot_be_recorded_does_not_happen(root: Path, home: Path) -> None:
    (home / "audit").write_text("in the way")
    with pytest.raises(FileExistsError):
        read_dataset("bank", "redact", why="x", installation=installation_at(Path()))


def test_what_is_not_there_is_said_with_what_is(root: Path, home: Path) -> None:
    with pytest.raises(DataError, match="bank/redact/rows"):
        read_dataset("bank", "train", why="x", installation=installation_at(Path()))
    done = subprocess.run(
        [sys.executable, "-m", "tasks.sealed", "show", "bank", "train", "--why", "x"],
        capture_output=True, text=True, check=False, env=_environment(home),
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def _environment(home: Path) -> dict[str, str]:
    import os
    from pathlib import Path

    return {
        **os.environ,
        "PORTCULLIS_HOME": str(home),
        "PYTHONPATH": str(Path(__file__).parents[3]),
    }
