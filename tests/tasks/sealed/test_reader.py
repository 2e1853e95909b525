"""A person's look at sealed rows: allowed, limited, and on record."""

import io
import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tasks.attestation.predicates.records import AuditBatch
from tasks.audit_log.events import verify
from tasks.errors import DataError
from tasks.keystore.keys import open_keys
from tasks.keystore.shredding import shred
from tasks.notary.notary import open_ledger, trusted_root
from tasks.sealed.__main__ import main
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


# The command, in this process


class Terminal(io.StringIO):
    """A standard input at which a person sits."""

    def isatty(self) -> bool:
        return True


def test_the_command_prints_the_columns_and_rows_that_are_asked_for(
    root: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--rows", "2", "--columns", "income", "--why", "complaint 17")
    assert main(["show", "bank", "redact", *options]) == 0
    assert capsys.readouterr().out.split() == ["income", "0", "0", "1", "1"]
    assert [event["message"] for event in events(home)] == ["complaint 17"]


def test_all_columns_of_five_rows_are_shown_unless_others_are_asked_for(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", "bank", "redact", "--why", "x"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["subject", "income"]
    assert len(rows) == 5


def test_a_person_at_a_terminal_is_asked_why(
    root: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("a letter of May\n"))
    assert main(["show", "bank", "redact"]) == 0
    assert [event["message"] for event in events(home)] == ["a letter of May"]


@pytest.mark.parametrize("stdin", [Terminal("\n"), io.StringIO("a pipe's")])
def test_a_read_without_a_reason_is_on_record_as_such(
    root: Path, home: Path, monkeypatch: pytest.MonkeyPatch, stdin: io.StringIO
) -> None:
    monkeypatch.setattr(sys, "stdin", stdin)
    assert main(["show", "bank", "redact"]) == 0
    assert [event["message"] for event in events(home)] == ["not said"]


def test_a_dataset_that_is_not_there_is_one_line_and_exit_code_2(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", "bank", "train", "--why", "x"]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith(
        "portcullis: dataset bank/train/rows: expected one of: bank/redact/rows"
    )
    assert output.err.count("\n") == 1


def test_a_column_that_is_not_there_is_one_line_and_exit_code_2(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", "bank", "redact", "--columns", "income,outlay", "--why", "x"]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("portcullis: --columns: expected columns that the dataset has")
    assert output.err.count("\n") == 1


@pytest.mark.parametrize("rows", ["-1", "0", "all"])
def test_a_number_of_rows_that_is_none_reads_nothing(root: Path, home: Path, rows: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["show", "bank", "redact", "--rows", rows, "--why", "x"])
    assert not (home / "audit").exists()


def test_who_ends_the_input_when_asked_why_reads_nothing(
    root: Path,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(""))
    assert main(["show", "bank", "redact"]) == 2
    assert "Nothing was read." in capsys.readouterr().err
    assert not (home / "audit").exists()


def test_rows_of_erased_people_are_counted_and_not_shown(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    erased = f"{1:032x}"
    shred(open_keys(installation_at(root)), [erased], date(2026, 11, 24))
    assert main(["show", "bank", "redact", "--why", "x"]) == 0
    output = capsys.readouterr()
    assert erased not in output.out
    assert output.err == "1 rows of erased subjects among those looked at\n"


def test_a_reader_that_has_had_enough_is_no_error(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "w") as closed_pipe:
        monkeypatch.setattr(sys, "stdout", closed_pipe)
        assert main(["show", "bank", "redact", "--why", "x"]) == 0
        # What is still to be written when the process ends goes nowhere, without an error.
        assert os.path.samestat(os.fstat(write_end), Path(os.devnull).stat())


@pytest.mark.parametrize("arguments", [[], ["show"], ["show", "bank"], ["print", "bank", "redact"]])
def test_an_incomplete_command_reads_nothing(root: Path, home: Path, arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert not (home / "audit").exists()


def _environment(home: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PORTCULLIS_HOME": str(home),
        "PYTHONPATH": str(Path(__file__).parents[3]),
    }
