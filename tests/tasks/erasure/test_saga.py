"""The saga: in its order, repeatable, safe wherever it is killed, honest about what it found."""

import json
from typing import Any

import pytest

from tasks.erasure import saga
from tasks.erasure.batch import ErasureBatch
from tasks.erasure.journal import ErasureStep, FlaggedModel, Journal
from tasks.erasure.receipt import check_receipt
from tasks.erasure.request import RequestState
from tasks.erasure.saga import purge_reports, total_purged
from tasks.erasure.sinks import SinkId
from tasks.erasure.sinks.catalogue import name_unsearched_places
from tasks.erasure.statements import LedgerStatementLog
from tasks.errors import ServiceError
from tasks.keystore.tombstone_events import lift_tombstones
from tasks.sealed.objects import SealedFile
from tests.tasks.erasure.small_installation import (
    CASE,
    COPIES_OF_A_PERSON,
    DAY,
    MENTIONS_OF_A_NAME,
    MENTIONS_OF_AN_ADDRESS,
    PEOPLE,
    SmallInstallation,
    email,
    kill_at,
    name,
)


def recorded_steps(monkeypatch: pytest.MonkeyPatch) -> list[ErasureStep]:
    """Return a list that fills with the steps as they are written down."""
    steps: list[ErasureStep] = []
    record_step = Journal.record_step

    def noting(self: Journal, batch: str, step: ErasureStep, figures: dict[str, Any]) -> None:
        steps.append(step)
        record_step(self, batch, step, figures)

    monkeypatch.setattr(Journal, "record_step", noting)
    return steps


def test_the_steps_are_taken_in_the_order_in_which_they_are_declared(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = recorded_steps(monkeypatch)

    small_installation.erase(5)

    assert steps == list(ErasureStep)


@pytest.mark.usefixtures("removing_files")
def test_two_are_erased_everywhere_and_the_other_two_are_where_they_were(
    small_installation: SmallInstallation,
) -> None:
    for number in (1, 2, 3, 4):
        small_installation.plant(number)
    before = small_installation.readable_copies()
    with_records = COPIES_OF_A_PERSON * 3 // 2
    assert before[1] == before[3] == with_records

    outcome = small_installation.erase(1, 2)

    assert [request.state for request in outcome.requests] == [RequestState.ERASED] * 2
    assert outcome.purged.left == ()
    assert outcome.purged.unseen == ()
    others = {number: copies for number, copies in before.items() if number not in (1, 2)}
    assert small_installation.readable_copies() == others
    small_installation.assert_gone(1, 2)
    content = small_installation.everything()
    for number in (3, 4):
        assert content.count(email(number).encode()) == MENTIONS_OF_AN_ADDRESS
        assert content.count(name(number).encode()) == MENTIONS_OF_A_NAME
    assert content.count(b"Nobody Else") == 4


@pytest.mark.usefixtures("removing_files")
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", ErasureStep)
def test_killed_at_any_step_the_next_call_ends_it(
    small_installation: SmallInstallation, step: ErasureStep, moment: str
) -> None:
    small_installation.plant(1)
    small_installation.plant(3)
    before = small_installation.readable_copies()
    kill_at(step, moment, lambda: small_installation.erase(1))
    if moment == "after" and step is ErasureStep.SCRUB:
        assert small_installation.journal.unfinished_batches() == []

    # Half of the steps are resumed by nobody's name, half by the person's second request.
    if list(ErasureStep).index(step) % 2:
        small_installation.erase(1)
    else:
        small_installation.resume()

    assert small_installation.journal.unfinished_batches() == []
    others = {number: copies for number, copies in before.items() if number != 1}
    assert small_installation.readable_copies() == others
    small_installation.assert_gone(1)
    assert small_installation.everything().count(email(3).encode()) == MENTIONS_OF_AN_ADDRESS
    (request,) = small_installation.journal.requests()
    assert request.state is RequestState.ERASED
    (path,) = small_installation.receipts
    log = LedgerStatementLog(small_installation.installation)
    assert check_receipt(path.read_text(), email(1), log)
    assert small_installation.erase(1).already_erased == 1


def test_killed_twice_in_a_row_it_still_ends(small_installation: SmallInstallation) -> None:
    kill_at(ErasureStep.PURGE_WORKSPACE, "before", lambda: small_installation.erase(1))
    kill_at(ErasureStep.ROTATE_ROOT, "before", lambda: small_installation.erase(1))

    small_installation.erase(1)

    readable = small_installation.readable_copies()
    assert 1 not in readable
    assert len(readable) == PEOPLE - 1


def test_a_step_that_is_written_down_is_not_taken_again(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill_at(ErasureStep.DESTROY_KEYS, "after", lambda: small_installation.erase(1))
    steps = recorded_steps(monkeypatch)

    small_installation.resume()

    assert steps == list(ErasureStep)[list(ErasureStep).index(ErasureStep.ROTATE_ROOT) :]


def test_a_sink_that_does_not_answer_stops_it_before_any_key_is_destroyed(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = small_installation.readable_copies()

    def down(*_: object) -> None:
        raise ServiceError("git", expected="an answer", found="none", remedy="Start it.")

    with monkeypatch.context() as patch:
        patch.setattr("tasks.erasure.sinks.git.GitSink.purge", down)
        (request,) = small_installation.erase(1).held_up
    assert small_installation.readable_copies() == before
    assert request.failure is not None
    assert request.failure.step == ErasureStep.PURGE_GIT
    assert request.failure.reason == "git: expected an answer; found none. Start it."

    small_installation.resume()
    assert 1 not in small_installation.readable_copies()


def test_a_tombstone_that_was_lifted_meanwhile_is_noticed_before_the_receipt(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotate_root = saga._rotate_root

    def sabotaged(batch: ErasureBatch) -> saga.Figures:
        figures = rotate_root(batch)
        lift_tombstones(batch.keys, batch.subjects, DAY)
        return figures

    monkeypatch.setattr(saga, "_rotate_root", sabotaged)
    (request,) = small_installation.erase(1).set_aside
    assert request.failure is not None
    assert "1 people without a tombstone" in request.failure.reason
    assert not (small_installation.home / "receipts").exists()


def test_models_that_learnt_from_them_are_flagged_with_how_many(
    small_installation: SmallInstallation,
) -> None:
    small_installation.plant(7)
    code = SealedFile.open(small_installation.workspace / f"data/{CASE}/redact/rows.parquet").code

    small_installation.erase(1, 2)

    flagged = small_installation.journal.flagged_models()
    assert flagged == [FlaggedModel("loan", "7", code, 2, DAY)]


def test_a_registry_whose_database_is_not_named_flags_nothing_and_says_so(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")

    (request,) = small_installation.erase(1).requests

    figures = small_installation.journal.completed_steps(request.batch)[ErasureStep.FLAG_MODELS]
    assert figures == {"models": 0, "unseen": "the registry's database is not named"}


def test_progress_names_steps_and_never_a_value(small_installation: SmallInstallation) -> None:
    from tasks.erasure.erasing import erase

    small_installation.plant(1)
    lines: list[str] = []
    erase(
        CASE,
        [email(1)],
        received=DAY,
        day=DAY,
        installation=small_installation.installation,
        say=lines.append,
    )

    assert [line for line in lines if line in set(ErasureStep)] == list(ErasureStep)
    assert email(1) not in "".join(lines)


def test_what_sinks_did_is_read_from_a_journal_as_json_keeps_it() -> None:
    figures = {"searched": 2, "rewritten": 1, "removed": 0, "left": ["a"], "unseen": []}
    completed = {
        ErasureStep.TOMBSTONE: {"people": 1},
        ErasureStep.PURGE_GIT: json.loads(json.dumps(figures)),
        ErasureStep.PURGE_STATE: json.loads(json.dumps(figures)),
    }

    assert set(purge_reports(completed)) == {SinkId.GIT, SinkId.STATE}
    total = total_purged(completed)
    assert (total.searched, total.rewritten, total.left) == (4, 2, ("a", "a"))


def test_a_receipt_names_every_place_that_no_sink_searches(
    small_installation: SmallInstallation,
) -> None:
    small_installation.erase(1)

    (path,) = small_installation.receipts
    unseen = json.loads(path.read_text())["statement"]["unseen"]
    assert set(name_unsearched_places()) <= set(unseen)
