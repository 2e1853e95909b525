"""What is noted beside a model: every attempt on its data, by this installation's ledger."""

from pathlib import Path

from tasks.clearance.plans import plan_now
from tasks.errors import Refusal
from tasks.notary.attempts import MOST_NOTED, note_attempts
from tests.attacks.judging import model_of
from tests.cases import change_case
from tests.installations import installation_at
from tests.tasks.judged import CASE, check, put_verdict, sign_for
from tests.tasks.judged import CATALOGUES as CHECKS


def noted(workspace: Path) -> tuple[str, ...]:
    notes = note_attempts(CASE, model_of(workspace), installation_at(workspace))
    return (notes.summary, *notes.lines)


def test_a_model_is_noted_with_its_plan_and_its_number(signed: Path) -> None:
    notes = note_attempts(CASE, model_of(signed), installation_at(signed))
    assert notes.plan_sha256 == plan_now(CASE, signed).sha256
    assert notes.summary.startswith("1 attempt (1 passed) on the same data; model ")
    assert notes.summary.endswith(f"is no. 1 of `{CASE}`")
    assert len(notes.lines) == 1


def test_an_attempt_that_failed_before_it_is_noted_with_what_differs(signed: Path) -> None:
    put_verdict(signed, "fairness", checks=tuple(check(name, 0.1) for name in CHECKS["fairness"]))
    sign_for(signed, "fairness")
    sign_for(signed, "decide")
    change_case(signed, CASE, lambda case: case.update(fairness={"seed": 2}))
    sign_for(signed, "train")

    summary, first, second = noted(signed)
    assert summary.startswith("2 attempts (1 blocked, 1 not decided)")
    assert "no. 1 blocked" in first
    assert "fairness: fail (" in first
    assert "differs from no. 1 in fairness.seed" in second


def test_a_model_that_nobody_made_is_noted_without_a_number(signed: Path) -> None:
    notes = note_attempts(CASE, "0" * 64, installation_at(signed))
    assert notes.plan_sha256 == ""
    assert notes.lines == ()
    assert "is no." not in notes.summary


def test_of_many_attempts_the_latest_are_noted(signed: Path) -> None:
    def seed(number: int) -> None:
        change_case(signed, CASE, lambda case: case.update(fairness={"seed": number}))

    for number in range(MOST_NOTED + 1):
        seed(number)
        sign_for(signed, "train")
    assert len(noted(signed)) == MOST_NOTED + 1


def test_a_note_is_text_of_one_line(signed: Path) -> None:
    assert all(line == Refusal("a.b", line).text for line in noted(signed))
