"""What a release shows people: the gate table, and the words for what a registration rests on."""

import json
from datetime import date
from pathlib import Path

import pytest

from flows import release
from flows.steps import artifacts
from flows.steps.artifacts import gate_rows
from flows.steps.stages import verdict_of
from tasks.clearance.check import AcceptedCheck
from tasks.errors import EvidenceError
from tasks.stages.fairness.checks import FairnessCheck
from tasks.worker.confirming import Confirmation
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
    assert len(rows) == 7
    assert rows[3].outcome == "— not readable"
    with pytest.raises(EvidenceError, match=f"release {CASE}"):
        verdict_of("explain", CASE, root)


def test_every_attempt_stands_on_the_page_as_text(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages: list[str] = []
    monkeypatch.setattr(
        artifacts, "create_markdown_artifact", lambda **page: pages.append(page["markdown"])
    )
    lines = ("2 attempts on the same data", "no. 1 blocked; differs in <b>x</b>")
    artifacts.publish_artifacts(CASE, ("r",), root, lines, is_blocked=True)
    _, _, section = pages[0].partition("### Attempts on the same data")
    assert "2 attempts on the same data" in section
    assert "&lt;b&gt;x" in section
    assert "### Reports" in section

    artifacts.publish_artifacts(CASE, ("r",), root, is_blocked=True)
    assert "Attempts" not in pages[1]


def accepted(key: str, person: str = "ann", year: int = 2027) -> AcceptedCheck:
    return AcceptedCheck("fairness", key, person, date(year, 6, 30))


def confirmed(*accepted: AcceptedCheck, law_entry: int | None = None) -> Confirmation:
    return Confirmation("a" * 64, "1", accepted, law_entry)


def test_where_nothing_was_accepted_every_gate_passed() -> None:
    assert release.describe_registration("loan", confirmed()) == (
        "loan: every gate passed; the model is registered, no in-force entry"
    )


def test_the_entry_that_is_in_force_is_named() -> None:
    line = release.describe_registration("loan", confirmed(law_entry=12))
    assert line.endswith("the model is registered, by in-force entry 12")


def test_what_was_accepted_is_counted_by_person_and_day() -> None:
    checks = (accepted("a.b"), accepted("a.c"), accepted("a.d", "bob", 2026))
    assert release.describe_registration("loan", confirmed(*checks)) == (
        "loan: the model is registered, no in-force entry; "
        "2 undecided checks accepted by ann until 2027-06-30, "
        "1 undecided check accepted by bob until 2026-06-30"
    )
