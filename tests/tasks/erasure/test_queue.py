"""The queue: what fails is set aside with its reason, alone, and nobody waits behind it."""

import errno
import os
import sqlite3
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from tasks.erasure import queue, saga
from tasks.erasure.batch import ErasureBatch
from tasks.erasure.erasing import ErasureOutcome, retry
from tasks.erasure.journal import ErasureStep, Journal
from tasks.erasure.queue import describe_failure
from tasks.erasure.request import ErasureRequest, RequestState
from tasks.erasure.searching.search_terms import SearchTerms
from tasks.erasure.sinks import PurgeOptions, PurgeReport
from tasks.erasure.sinks.git import GitSink
from tasks.erasure.statements import LedgerStatementLog, statement_name
from tasks.errors import DataError, EvidenceError, SealError, ServiceError
from tasks.formats import whole_file
from tests.tasks.erasure.small_installation import (
    DAY,
    PEOPLE,
    SmallInstallation,
    email,
    kill_at,
)

NEXT_DAY = date(2026, 11, 25)
DOWN = ServiceError("git", expected="an answer", found="none", remedy="Start it.")
STEP_FUNCTIONS = {
    ErasureStep.TOMBSTONE: "set_tombstones",
    ErasureStep.FIND_KEYS: "find_keys",
    ErasureStep.DESTROY_KEYS: "_destroy_keys",
    ErasureStep.ROTATE_ROOT: "_rotate_root",
    ErasureStep.FLAG_MODELS: "_flag_models",
    ErasureStep.VERIFY: "_verify",
    ErasureStep.RECEIPT: "_issue_receipts",
}


def fail_for(
    monkeypatch: pytest.MonkeyPatch, number: int, error: Exception | None = None
) -> Callable[[], None]:
    """Let the sink of git fail whenever it is to look for one person; return how to mend it."""
    purge = GitSink.purge

    def failing(self: GitSink, terms: SearchTerms, options: PurgeOptions) -> PurgeReport:
        if terms.has_match(email(number).encode()):
            raise error or RuntimeError(f"no such row: {email(number)}")
        return purge(self, terms, options)

    monkeypatch.setattr(GitSink, "purge", failing)
    return lambda: monkeypatch.setattr(GitSink, "purge", purge)


def state_of(small_installation: SmallInstallation, number: int) -> RequestState:
    subject = small_installation.subject(number)
    (request,) = [
        request for request in small_installation.journal.requests() if request.subject == subject
    ]
    return request.state


def reason_of(request: ErasureRequest) -> str:
    assert request.failure is not None
    return request.failure.reason


def test_a_sink_that_fails_sets_the_request_aside_and_the_reason_quotes_nothing(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_for(monkeypatch, 1)

    (request,) = small_installation.erase(1).set_aside

    assert request.failure is not None
    assert request.failure.step == ErasureStep.PURGE_GIT
    assert request.failure.reason == "RuntimeError"
    assert request.failure.day == DAY
    assert email(1).encode() not in small_installation.everything()
    assert small_installation.journal.unfinished_batches() == []


def test_one_that_always_fails_is_in_nobody_s_way(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_for(monkeypatch, 1)
    small_installation.erase(1)

    outcome = small_installation.erase(2)
    again = small_installation.resume()

    assert [request.state for request in outcome.requests] == [RequestState.ERASED]
    assert [request.state for request in again.requests] == [RequestState.SET_ASIDE]
    assert state_of(small_installation, 1) is RequestState.SET_ASIDE
    assert set(range(PEOPLE)) - small_installation.readable_copies().keys() == {2}


def test_whoever_is_set_aside_has_a_tombstone_all_the_same(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_for(monkeypatch, 1)

    small_installation.erase(1)

    tombstones = small_installation.keys.tombstones()
    assert tombstones.is_out(small_installation.subject(1))


def test_of_many_only_the_one_who_fails_is_set_aside(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_for(monkeypatch, 5)

    outcome = small_installation.erase(*range(3, 12))

    assert [request.subject for request in outcome.set_aside] == [small_installation.subject(5)]
    erased = [r for r in outcome.requests if r.state is RequestState.ERASED]
    assert len(erased) == 8
    assert len(outcome.receipts) == len(set(outcome.receipts)) == 8
    readable = small_installation.readable_copies()
    assert 5 in readable
    assert set(range(PEOPLE)) - readable.keys() == set(range(3, 12)) - {5}


def count_runs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that grows by the number of people of every run of the saga."""
    sizes: list[int] = []
    run = saga.ErasureSaga.run

    def counting(self: saga.ErasureSaga) -> list[ErasureRequest]:
        sizes.append(len(self.batch.requests))
        return run(self)

    monkeypatch.setattr(saga.ErasureSaga, "run", counting)
    return sizes


def test_what_fails_for_everybody_is_not_asked_of_each(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(self: GitSink, terms: SearchTerms, options: PurgeOptions) -> PurgeReport:
        raise RuntimeError("a bug")

    sizes = count_runs(monkeypatch)
    monkeypatch.setattr(GitSink, "purge", failing)
    monkeypatch.setattr(queue, "MOST_FAILED_ALONE", 3)

    outcome = small_installation.erase(*range(32))

    assert len(outcome.set_aside) == 32
    assert {reason_of(request) for request in outcome.set_aside} == {"RuntimeError"}
    # 32 to 2 by halves, three who stand alone, and what was left: the last of four, 4, 8, 16.
    assert sizes == [32, 16, 8, 4, 2, 1, 1, 2, 1, 1, 4, 8, 16]
    assert small_installation.readable_copies().keys() == set(range(PEOPLE))


def test_whoever_succeeds_between_lets_the_others_be_divided(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    purge = GitSink.purge
    bad = (0, 1, 3, 5, 7)

    def failing(self: GitSink, terms: SearchTerms, options: PurgeOptions) -> PurgeReport:
        if any(terms.has_match(email(number).encode()) for number in bad):
            raise RuntimeError("no such row")
        return purge(self, terms, options)

    monkeypatch.setattr(GitSink, "purge", failing)
    monkeypatch.setattr(queue, "MOST_FAILED_ALONE", 3)

    outcome = small_installation.erase(*range(8))

    subjects = [small_installation.subject(number) for number in bad]
    assert sorted(request.subject or "" for request in outcome.set_aside) == sorted(subjects)


def test_what_was_mended_is_carried_out_by_retry_and_the_receipt_tells_of_the_failure(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    mend = fail_for(monkeypatch, 1)
    (request,) = small_installation.erase(1).set_aside
    mend()

    (ended,) = retry(
        request.request_id, day=NEXT_DAY, installation=small_installation.installation
    ).requests

    assert ended.state is RequestState.ERASED
    assert 1 not in small_installation.readable_copies()
    log = LedgerStatementLog(small_installation.installation)
    (receipt,) = log.recorded(statement_name(request.request_id))
    assert receipt.to_dict()["failed"] == ["2026-11-24: purge git"]
    assert small_installation.journal.requests()[0].failure is None


def test_resume_tries_again_what_was_set_aside_after_what_was_not(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    mend = fail_for(monkeypatch, 1)
    small_installation.erase(1)
    small_installation.erase(2, later=True)
    mend()

    outcome = small_installation.resume()

    subjects = [small_installation.subject(2), small_installation.subject(1)]
    assert [request.subject for request in outcome.requests] == subjects
    assert [request.state for request in outcome.requests] == [RequestState.ERASED] * 2


def test_one_who_asks_again_is_tried_again(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    mend = fail_for(monkeypatch, 1)
    small_installation.erase(1)
    mend()

    outcome = small_installation.erase(1)

    assert [request.state for request in outcome.requests] == [RequestState.ERASED]
    assert outcome.already_erased == 0
    assert len(small_installation.journal.requests()) == 1


def test_a_request_that_nobody_made_cannot_be_tried_again(
    small_installation: SmallInstallation,
) -> None:
    with pytest.raises(DataError, match="none of this id"):
        retry("E1", day=DAY, installation=small_installation.installation)


def test_one_reason_that_comes_again_every_night_is_written_down_once(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_for(monkeypatch, 1)
    small_installation.erase(1)
    small_installation.resume()

    (request,) = small_installation.resume(NEXT_DAY).set_aside

    assert [failure.day for failure in request.failures] == [NEXT_DAY]


def test_a_store_that_does_not_answer_lets_the_request_wait_and_others_go_on(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_for(monkeypatch, 1, DOWN)

    outcome = small_installation.erase(1)
    (held_up,) = outcome.held_up
    other = small_installation.erase(2)

    assert outcome.set_aside == ()
    assert reason_of(held_up) == str(DOWN)
    assert [request.state for request in other.requests] == [
        RequestState.RUNNING,
        RequestState.ERASED,
    ]
    assert 2 not in small_installation.readable_copies()


@pytest.mark.parametrize("step", STEP_FUNCTIONS)
def test_a_bug_in_any_step_sets_one_aside_and_is_ended_when_it_is_mended(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch, step: ErasureStep
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(saga, STEP_FUNCTIONS[step], broken)
        (request,) = small_installation.erase(1).set_aside
        assert request.failure is not None
        assert (request.failure.step, request.failure.reason) == (step, "ZeroDivisionError")

    (ended,) = small_installation.resume().requests

    assert ended.state is RequestState.ERASED
    assert 1 not in small_installation.readable_copies()
    assert len(small_installation.receipts) == 1


@pytest.mark.parametrize("step", [ErasureStep.DESTROY_KEYS, ErasureStep.VERIFY])
def test_a_batch_that_is_divided_late_goes_on_with_what_it_had_done(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch, step: ErasureStep
) -> None:
    take = getattr(saga, STEP_FUNCTIONS[step])
    victim = small_installation.subject(1)

    def broken_for_one(batch: ErasureBatch) -> saga.Figures:
        figures: saga.Figures = take(batch)
        if victim in batch.subjects:
            raise RuntimeError
        return figures

    with monkeypatch.context() as patch:
        patch.setattr(saga, STEP_FUNCTIONS[step], broken_for_one)
        outcome = small_installation.erase(1, 2, 3)
    assert [request.subject for request in outcome.set_aside] == [victim]
    assert len(outcome.receipts) == 2

    (ended,) = small_installation.resume().requests

    assert ended.state is RequestState.ERASED
    readable = small_installation.readable_copies()
    assert set(range(PEOPLE)) - readable.keys() == {1, 2, 3}


def test_a_step_that_is_the_same_for_all_divides_nothing(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(saga, "_rotate_root", broken)

    outcome = small_installation.erase(1, 2)

    assert len(outcome.set_aside) == 2
    assert len({request.batch for request in outcome.set_aside}) == 1


def test_a_full_disk_is_named_and_divides_nothing(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_for(monkeypatch, 1, OSError(errno.ENOSPC, "No space left on device"))

    outcome = small_installation.erase(1, 2)

    assert {reason_of(request) for request in outcome.set_aside} == {
        "the disk is full: free some space on it"
    }
    assert len(outcome.set_aside) == 2


def test_a_batch_that_cannot_be_divided_stays_one(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_for(monkeypatch, 1)

    def broken(*_: object) -> None:
        raise sqlite3.OperationalError

    monkeypatch.setattr(Journal, "divide_batch", broken)

    assert len(small_installation.erase(1, 2).set_aside) == 2


def test_a_journal_that_cannot_be_written_is_said_and_nothing_is_lost(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    mend = fail_for(monkeypatch, 1)

    def broken(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("tasks.erasure.queue.note_failure", broken)
        outcome = small_installation.erase(1)
    (fault,) = outcome.faults
    assert "purge git: RuntimeError" in fault
    assert fault.endswith("the disk is full: free some space on it")

    mend()
    assert [r.state for r in small_installation.resume().requests] == [RequestState.ERASED]


def test_what_fails_after_the_journal_has_forgotten_is_no_request_any_more(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Journal) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "empty_log", broken)
        outcome = small_installation.erase(1)
        again = small_installation.resume()

    assert "done, but `scrub`: RuntimeError" in outcome.faults[0]
    assert again.faults == ("terms that ended: RuntimeError",)
    (request,) = small_installation.journal.requests()
    assert request.state is RequestState.ERASED
    assert small_installation.resume() == ErasureOutcome()
    small_installation.assert_gone(1)


def test_an_end_that_cannot_be_audited_is_said_of_what_is_done(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks.notary.audit import PeopleAction, audit

    def broken(action: PeopleAction, **facts: Any) -> None:
        if action is PeopleAction.COMPLETE_ERASURE:
            raise EvidenceError("log", expected="a", found="b", remedy="c")
        audit(action, **facts)

    monkeypatch.setattr("tasks.erasure.queue.audit", broken)

    outcome = small_installation.erase(1)

    assert [request.state for request in outcome.requests] == [RequestState.ERASED]
    assert "done, and not in the audit log: log: expected a; found b. c" in outcome.faults[0]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", [ErasureStep.PURGE_GIT, ErasureStep.VERIFY])
def test_killed_while_it_is_tried_again_it_is_ended_by_the_next_call(
    small_installation: SmallInstallation,
    monkeypatch: pytest.MonkeyPatch,
    step: ErasureStep,
    moment: str,
) -> None:
    mend = fail_for(monkeypatch, 1)
    small_installation.erase(1, 2)
    mend()

    kill_at(step, moment, small_installation.resume)
    small_installation.resume()

    states = {request.state for request in small_installation.journal.requests()}
    assert states == {RequestState.ERASED}
    assert set(range(PEOPLE)) - small_installation.readable_copies().keys() == {1, 2}


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("ann@example.org"), "ValueError"),
        (PermissionError(errno.EACCES, "no", "/home/ann"), "PermissionError"),
        (DOWN, "git: expected an answer; found none. Start it."),
        (
            sqlalchemy.exc.IntegrityError("x", {}, sqlite3.IntegrityError("ann")),
            "IntegrityError",
        ),
        (OSError(errno.ENOSPC, "no space", "/home/ann"), "the disk is full: free some space on it"),
    ],
)
def test_a_reason_is_in_words_of_ours(error: Exception, reason: str) -> None:
    assert describe_failure(error) == reason


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (sqlite3.SQLITE_BUSY, "another process"),
        (sqlite3.SQLITE_IOERR, "an error of the disk"),
        (sqlite3.SQLITE_READONLY, "a file or folder that may only be read"),
        (sqlite3.SQLITE_CORRUPT, "portcullis doctor` says whether it is one of ours"),
    ],
)
def test_a_database_that_cannot_be_worked_with_is_told_by_its_cause(code: int, words: str) -> None:
    error = sqlite3.OperationalError("near ann@example.org")
    error.sqlite_errorcode = code
    for seen in (error, sqlalchemy.exc.OperationalError("x", {}, error)):
        assert words in describe_failure(seen)
        assert "ann" not in describe_failure(seen)


def test_a_full_disk_is_found_behind_the_error_that_it_caused() -> None:
    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorname = "SQLITE_FULL"
    error = SealError("key store", expected="a", found="b", remedy="Restore it from its backup.")
    error.__cause__ = sqlalchemy.exc.OperationalError("x", {}, full)

    assert describe_failure(error) == "the disk is full: free some space on it"


def test_what_a_writer_of_receipts_left_that_was_killed_is_removed_by_the_next(
    small_installation: SmallInstallation,
) -> None:
    def erase_and_die() -> None:
        # The receipt is written by then, nonce and all, and has not got its name.
        write = whole_file.write_draft

        def write_and_die(
            draft: Path, content: bytes, *, mode: int, must_last: bool = True
        ) -> None:
            write(draft, content, mode=mode, must_last=must_last)
            if draft.parent.name == "receipts":
                os._exit(9)

        whole_file.write_draft = write_and_die
        small_installation.erase(1)

    process = os.fork()
    if not process:
        try:
            erase_and_die()
        finally:
            os._exit(1)
    _, status = os.waitpid(process, 0)
    assert os.waitstatus_to_exitcode(status) == 9
    (draft,) = small_installation.receipts
    assert "nonce" in draft.read_text()

    (request,) = small_installation.resume().requests

    assert [path.name for path in small_installation.receipts] == [f"{request.request_id}.json"]
