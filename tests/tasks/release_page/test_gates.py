"""A row for each gate: of this release, and never of the one before."""

import json
from pathlib import Path

import pytest

from tasks.errors import EvidenceError
from tasks.path import GATES
from tasks.release_page.gates import gate_rows, report_pages, verdict_of
from tasks.stages.fairness.checks import FairnessCheck
from tests.tasks.judged import CASE, check, judged, put_verdict


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return judged(tmp_path)


def test_a_row_counts_the_checks_and_shows_the_first_refusal(root: Path) -> None:
    low = check(FairnessCheck.THEIL_INDEX, 0.4)
    few = check(FairnessCheck.UNDERRATED_BY, None)
    put_verdict(root, "fairness", checks=(low, few))
    (row,) = (row for row in gate_rows(CASE, root) if row.gate == "fairness")
    assert (row.outcome, row.checks) == ("⛔ fail", "2")
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
    assert len(rows) == len(GATES)
    assert rows[3].outcome == "— not readable"
    with pytest.raises(EvidenceError, match=f"release {CASE}"):
        verdict_of("explain", CASE, root)


def test_of_a_gate_that_was_not_reached_no_earlier_verdict_counts(root: Path) -> None:
    rows = {row.gate: row for row in gate_rows(CASE, root, {"redact", "validate"})}
    assert rows["redact"].outcome == "✅ pass"
    assert rows["train"].outcome == "— not run"
    assert rows["train"].verdict is None


def test_pages_are_those_of_gates_that_were_reached(root: Path) -> None:
    for gate in ("redact", "train"):
        page = root / "data" / CASE / gate / "page" / "index.html"
        page.parent.mkdir(parents=True)
        page.write_text("x")
    assert set(report_pages(CASE, root)) == {"redact", "train"}
    assert set(report_pages(CASE, root, {"redact"})) == {"redact"}
