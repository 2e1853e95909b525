"""What a release shows people: the gate table, and the words for what a registration rests on."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows import release
from flows.steps.artifacts import gate_rows
from flows.steps.stages import verdict_of
from tasks.clearance.check import AcceptedCheck
from tasks.errors import EvidenceError
from tasks.stages.fairness.checks import FairnessCheck
from tests.tasks.judged import CASE, check, judged, put_verdict

HERE: Any = SimpleNamespace(workspace=Path())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return judged(tmp_path)


def test_a_row_counts_the_checks_and_shows_the_first_refusal(root: Path) -> None:
    low = check(FairnessCheck.THEIL_INDEX, 0.4)
    few = check(FairnessCheck.UNDERRATED_BY, None)
    put_verdict(root, "fairness", checks=(low, few))
    row = gate_rows(CASE, root)[-1]
    assert (row.gate, row.outcome, row.checks) == ("fairness", "⛔ fail", "2")
    assert row.first_refusal == f"{low.line('fairness')} (+1 more)"


def test_a_gate_that_passed_shows_no_refusal(root: Path) -> None:
    assert {row.outcome for row in gate_rows(CASE, root)} == {"✅ pass"}
    assert {row.first_refusal for row in gate_rows(CASE, root)} == {""}


def test_a_gate_that_never_ran_is_shown_as_such(root: Path) -> None:
    (root / "data" / CASE / "explain" / "verdict.json").unlink()
    assert gate_rows(CASE, root)[3].cells() == ("explain", "— not run", "0", "")


def test_a_verdict_of_an_older_form_is_shown_as_such_and_stops_no_table(root: Path) -> None:
    path = root / "data" / CASE / "explain" / "verdict.json"
    values = json.loads(path.read_text())
    del values["checks"][0]["id"]
    path.write_text(json.dumps(values))
    rows = gate_rows(CASE, root)
    assert len(rows) == 5
    assert rows[3].outcome == "— not readable"
    with pytest.raises(EvidenceError, match=f"release {CASE}"):
        verdict_of("explain", CASE, root)


def accepting(monkeypatch: pytest.MonkeyPatch, *accepted: AcceptedCheck) -> None:
    """Let the ledger say that these checks were accepted."""

    @contextmanager
    def open_chain(*_: object) -> Iterator[tuple[None, None, None]]:
        yield None, None, None

    monkeypatch.setattr(release, "open_chain", open_chain)
    monkeypatch.setattr(release, "accepted_checks", lambda *_: accepted)


def accepted(key: str, person: str = "ann", year: int = 2027) -> AcceptedCheck:
    return AcceptedCheck("fairness", key, person, date(year, 6, 30))


def test_where_nothing_was_accepted_every_gate_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    accepting(monkeypatch)
    said = release.describe_registration("loan", HERE)
    assert said == "loan: every gate passed; the model is registered"


def test_what_was_accepted_is_counted_by_person_and_day(monkeypatch: pytest.MonkeyPatch) -> None:
    accepting(monkeypatch, accepted("a.b"), accepted("a.c"), accepted("a.d", "bob", 2026))
    assert release.describe_registration("loan", HERE) == (
        "loan: the model is registered; 2 undecided checks accepted by ann until 2027-06-30, "
        "1 undecided check accepted by bob until 2026-06-30"
    )


def test_a_ledger_that_cannot_be_read_is_not_told_as_a_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @contextmanager
    def open_chain(*_: object) -> Iterator[None]:
        raise EvidenceError("ledger", expected="entries", found="none", remedy="Look.")
        yield

    monkeypatch.setattr(release, "open_chain", open_chain)
    said = release.describe_registration("loan", HERE)
    assert "every gate passed" not in said
    assert "cannot be read: ledger: expected entries" in said
