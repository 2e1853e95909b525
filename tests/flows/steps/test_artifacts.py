"""What a release shows people: the gate table, and the words for what a registration rests on."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from flows.steps import artifacts
from flows.steps.where import describe_registration
from tasks.clearance.check import AcceptedCheck
from tasks.errors import Refusal, RefusalKind
from tasks.notary.past_releases import PastRelease
from tasks.path import STAGES, SUBJECTS
from tasks.release_page.record import ReleaseRecord
from tasks.stages.fairness.checks import FairnessCheck
from tasks.worker.confirming import Confirmation
from tests.tasks.judged import CASE, check, judged, put_verdict


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return judged(tmp_path)


def recorded(
    *refusals: Refusal, attempts: tuple[str, ...] = (), reached: Iterable[str] = STAGES
) -> ReleaseRecord:
    return ReleaseRecord(CASE, frozenset(reached), refusals, "it rests on this", "1", attempts)


def described(record: ReleaseRecord, root: Path) -> str:
    return artifacts.describe_release(record, root, root / "data" / CASE / "report/index.html")


def test_every_attempt_stands_on_the_page_as_text(root: Path) -> None:
    lines = ("2 attempts on the same data", "no. 1 blocked; differs in <b>x</b>")
    _, _, section = described(recorded(attempts=lines), root).partition(
        "### Attempts on the same data"
    )
    assert "2 attempts on the same data" in section
    assert "&lt;b&gt;x" in section
    assert "[The page of this release](<file:///" in section
    assert "Attempts" not in described(recorded(), root)


def test_each_reason_stands_there_once(root: Path) -> None:
    low = check(FairnessCheck.THEIL_INDEX, 0.4)
    put_verdict(root, "fairness", checks=(low,))
    reason = Refusal(RefusalKind.CHECK_FAILED, "theil too high", "fairness", low.key)
    text = described(recorded(reason, reason), root)
    assert text.count("theil too high") == 1
    assert text.startswith("## ⛔ Blocked")


def test_a_gate_that_was_not_reached_shows_no_verdict_of_an_earlier_model(root: Path) -> None:
    reason = Refusal(RefusalKind.CHECK_FAILED, "redact leaks", "redact", "redact.x")
    text = described(recorded(reason, reached=("admit", "ingest", "redact")), root)
    (row,) = (line for line in text.splitlines() if line.startswith("| fairness"))
    assert "not run" in row
    assert "pass" not in row


def test_a_registered_release_says_what_it_rests_on(root: Path) -> None:
    text = described(recorded(), root)
    assert text.startswith("## ✅ Registered\n\n- it rests on this")
    assert len([line for line in text.splitlines() if line.startswith("| ")]) == 1 + len(SUBJECTS)


def accepted(key: str, person: str = "ann", year: int = 2027) -> AcceptedCheck:
    return AcceptedCheck("fairness", key, person, date(year, 6, 30))


def confirmed(*accepted: AcceptedCheck, law_entry: int | None = None) -> Confirmation:
    return Confirmation("a" * 64, "1", accepted, law_entry)


def test_where_nothing_was_accepted_every_gate_passed() -> None:
    assert describe_registration("loan", confirmed()) == (
        "loan: every gate passed; the model is registered, no in-force entry"
    )


def test_the_entry_that_is_in_force_is_named() -> None:
    line = describe_registration("loan", confirmed(law_entry=12))
    assert line.endswith("the model is registered, by in-force entry 12")


def test_what_was_accepted_is_counted_by_person_and_day() -> None:
    checks = (accepted("a.b"), accepted("a.c"), accepted("a.d", "bob", 2026))
    assert describe_registration("loan", confirmed(*checks)) == (
        "loan: the model is registered, no in-force entry; "
        "2 undecided checks accepted by ann until 2027-06-30, "
        "1 undecided check accepted by bob until 2026-06-30"
    )


def test_the_list_of_releases_is_one_table_of_text() -> None:
    past = PastRelease(
        "a" * 64, 7, "2026-11-20T10:00:00Z", True, (), ("ann | <b>",), ("fairness.seed",)
    )
    record = replace(recorded(), releases=(past,), model_sha256="a" * 64)
    text = artifacts.describe_releases({CASE: record, "other": None}, Path("/data/index.html"))
    assert f"| {CASE} | ✅ registered | aaaaaaaaaaaa |" in text
    assert "| other | — none on record |  |  |" in text
    assert "ann \\| &lt;b&gt;" in text
    assert "[All releases](<file:///data/index.html>)" in text
