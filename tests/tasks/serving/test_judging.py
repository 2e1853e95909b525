"""Whether a model may serve, asked by an account that has the ledger and no key store."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from tasks.erasure.statements import LedgerStatementLog, RequestStatement
from tasks.serving import judge_serving
from tests.cases import change_case
from tests.installations import installation_at
from tests.tasks.erasure.predicates import COMPLETION, PREDICATE
from tests.tasks.judged import CASE
from tests.tasks.registering import model_here
from tests.tasks.serving.test_loading import registered, registered_pattern

__all__ = ["registered", "registered_pattern"]
pytestmark = [
    # MLflow 3.17 leaves SQLite connections to the collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
TODAY = date(2026, 11, 24)


@pytest.fixture
def at_the_worker(registered: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation of an account that cannot open a row: who is in them it cannot tell."""
    monkeypatch.setenv("PORTCULLIS_TODAY", TODAY.isoformat())
    (registered / "data" / CASE / "redact" / "rows.parquet").unlink()
    return registered


def limit(root: Path, *, people: int, days: int) -> None:
    change_case(
        root,
        CASE,
        lambda values: values.setdefault("erasure", {}).update(
            retrain_after={"people": people, "days": days}
        ),
    )


def erase(root: Path, *requests: str, day: date = TODAY) -> None:
    """Have the log say that these requests were answered."""
    LedgerStatementLog(installation_at(root)).record(
        [
            RequestStatement.of(replace(PREDICATE, request=request, day=day.isoformat()))
            for request in requests
        ]
    )


def erasure_refusals(root: Path) -> list[str]:
    found = judge_serving(CASE, CASE, model_here(root), installation_at(root), has_key_store=False)
    return [refusal.text for refusal in found if refusal.text.startswith("erasure: ")]


def test_where_nobody_was_erased_since_training_none_can_have_been_learnt_from(
    at_the_worker: Path,
) -> None:
    limit(at_the_worker, people=1, days=0)
    assert erasure_refusals(at_the_worker) == []


def test_whoever_was_erased_since_counts_as_learnt_from(at_the_worker: Path) -> None:
    limit(at_the_worker, people=3, days=30)
    erase(at_the_worker, "E1", "E2")
    assert erasure_refusals(at_the_worker) == []
    # A hold that ended completes an erasure that was counted.
    LedgerStatementLog(installation_at(at_the_worker)).record([RequestStatement.of(COMPLETION)])
    assert erasure_refusals(at_the_worker) == []

    erase(at_the_worker, "E3")
    (text,) = erasure_refusals(at_the_worker)
    assert text.startswith("erasure: 3 people were erased since this model was trained")


def test_one_erasure_counts_once_its_days_are_over(at_the_worker: Path) -> None:
    limit(at_the_worker, people=3, days=30)
    erase(at_the_worker, "E1", day=TODAY - timedelta(days=29))
    assert erasure_refusals(at_the_worker) == []
    erase(at_the_worker, "E2", day=TODAY - timedelta(days=30))
    assert len(erasure_refusals(at_the_worker)) == 1
