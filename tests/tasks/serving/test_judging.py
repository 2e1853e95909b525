"""Whether a model may serve, asked by an account that has the ledger and no key store."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tasks.attestation.statement import Artefact
from tasks.erasure.statements import LedgerStatementLog, RequestStatement
from tasks.serving import judge_serving
from tasks.serving.judging import REPORT, ROWS, erasures_since_rows
from tasks.stages.register.currency import find_outdated_reasons
from tasks.verifier.lineage import MADE, MODEL, examine
from tests.cases import change_case
from tests.installations import installation_at
from tests.tasks.erasure.predicates import COMPLETION, PREDICATE
from tests.tasks.judged import CASE
from tests.tasks.registering import model_here
from tests.tasks.serving.test_loading import registered, registered_pattern
from tests.tasks.verifier.signed_log import CASE as SIGNED_CASE
from tests.tasks.verifier.signed_log import SignedLog, digest

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


def test_whoever_is_erased_while_it_is_trained_counts(tmp_path: Path) -> None:
    log = SignedLog(tmp_path)
    for name in MADE:
        if name == ROWS:
            log.say(replace(PREDICATE, request="before"), Artefact("erasure/1", "a" * 64))
        if name == MODEL:
            log.say(replace(PREDICATE, request="while training"), Artefact("erasure/2", "a" * 64))
        log.say_made(name)
    log.say(replace(PREDICATE, request="after"), Artefact("erasure/3", "a" * 64))

    read = log.read()
    chain = examine(read, SIGNED_CASE, digest(MODEL))
    since = erasures_since_rows(read, chain)
    assert since is not None
    assert [statement.request for statement in since] == ["while training", "after"]


def test_rows_that_were_made_again_since_hide_no_erasure(tmp_path: Path) -> None:
    log = SignedLog(tmp_path)
    log.say_chain()
    log.say(PREDICATE, Artefact("erasure/1", "a" * 64))
    log.say_made(ROWS)
    read = log.read()
    since = erasures_since_rows(read, examine(read, SIGNED_CASE, digest(MODEL)))
    assert since is not None
    assert len(since) == 1


def test_without_a_word_about_training_nothing_can_be_counted(tmp_path: Path) -> None:
    log = SignedLog(tmp_path)
    read = log.read()
    assert erasures_since_rows(read, examine(read, SIGNED_CASE, digest(MODEL))) is None


@pytest.mark.parametrize("name", [ROWS, REPORT])
def test_what_is_counted_is_what_was_digested_whatever_lies_there_by_then(
    registered: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def swap_and_count(*given: Any) -> tuple[str, ...]:
        other = registered / "other"
        other.write_text("{}")
        other.replace(registered / "data" / CASE / name)
        return find_outdated_reasons(*given)

    monkeypatch.setattr("tasks.serving.judging.find_outdated_reasons", swap_and_count)
    installation = installation_at(registered)
    assert judge_serving(CASE, CASE, model_here(registered), installation) == ()
