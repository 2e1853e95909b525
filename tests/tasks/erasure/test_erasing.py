"""Erasing as commands call it: once each, alone, resumed, and ended when holds and terms end."""

import errno
import shutil
import threading
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.__main__ import main
from tasks.erasure.batch import ErasureBatch
from tasks.erasure.erasing import (
    ErasureOutcome,
    erase,
    forget_block,
    held_blocks,
    release_hold,
    resume,
    retry,
)
from tasks.erasure.journal import ErasureStep
from tasks.erasure.queue import assemble_batch
from tasks.erasure.receipt import check_receipt
from tasks.erasure.request import Custody, Identifiers, RequestOptions, RequestState
from tasks.erasure.sinks import PurgeOptions, PurgeReport
from tasks.erasure.sinks.git import GitSink
from tasks.erasure.statements import LedgerStatementLog
from tasks.errors import ConfigError, DataError, SealError, ServiceError
from tasks.keystore.keys import ErasedError, Retention
from tests.tasks.erasure.small_installation import (
    BASIS,
    CASE,
    DAY,
    LAW,
    PEOPLE,
    SmallInstallation,
    bytes_below,
    email,
    kill_at,
    name,
)

TERM_END = date(2028, 12, 24)  # 25 months after DAY
REVIEW = date(2027, 6, 1)


def states(outcome: ErasureOutcome) -> list[RequestState]:
    return [request.state for request in outcome.requests]


def audited(small_installation: SmallInstallation) -> str:
    folder = small_installation.home / "audit"
    return "".join(path.read_text() for path in sorted(folder.glob("*.jsonl")))


def test_outcomes_of_several_batches_add_up() -> None:
    one = ErasureOutcome(already_erased=1, purged=PurgeReport(searched=2))
    other = ErasureOutcome(already_erased=2, purged=PurgeReport(searched=3, left=("x",)))

    total = one + other

    assert total.already_erased == 3
    assert (total.purged.searched, total.purged.left) == (5, ("x",))


def test_asked_for_again_it_finds_nothing_to_do(small_installation: SmallInstallation) -> None:
    small_installation.erase(5)

    again = small_installation.erase(5)

    assert (again.already_erased, again.requests, again.receipts) == (1, (), ())
    assert len(small_installation.journal.requests()) == 1


def test_two_spellings_are_one_request(small_installation: SmallInstallation) -> None:
    outcome = erase(
        CASE,
        [email(5), f" {email(5).upper()}"],
        received=DAY,
        day=DAY,
        installation=small_installation.installation,
    )

    assert len(outcome.requests) == 1


def test_a_use_case_that_is_not_there_erases_nobody(small_installation: SmallInstallation) -> None:
    with pytest.raises(ConfigError):
        erase(
            "nowhere",
            [email(5)],
            received=DAY,
            day=DAY,
            installation=small_installation.installation,
        )
    assert 5 in small_installation.readable_copies()


def test_a_request_does_not_come_in_tomorrow(small_installation: SmallInstallation) -> None:
    with pytest.raises(ConfigError, match="the day of receipt: expected a day until today"):
        erase(
            CASE,
            [email(5)],
            received=DAY + timedelta(days=1),
            day=DAY,
            installation=small_installation.installation,
        )
    assert small_installation.journal.requests() == []
    assert 5 in small_installation.readable_copies()


def test_nothing_says_whose_requests_they_were(small_installation: SmallInstallation) -> None:
    small_installation.erase(5, 6)

    content = bytes_below(small_installation.home)
    for number in (5, 6):
        assert email(number).encode() not in content
        assert small_installation.subject(number).encode() not in content
    for request in small_installation.journal.requests():
        assert (request.subject, request.seed, request.key_ids) == (None, None, {})


def test_the_caller_who_named_them_is_told_which_request_is_whose(
    small_installation: SmallInstallation,
) -> None:
    outcome = small_installation.erase(5, 6)

    subjects = {small_installation.subject(5), small_installation.subject(6)}
    assert {request.subject for request in outcome.requests} == subjects


def test_beginning_and_end_are_audited_and_name_nobody(
    small_installation: SmallInstallation,
) -> None:
    small_installation.erase(5)

    lines = audited(small_installation)
    assert "people:erase" in lines
    assert "people:erased" in lines
    assert email(5) not in lines
    assert small_installation.subject(5) not in lines


def test_what_cannot_be_audited_is_not_done(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr("tasks.erasure.queue.audit", broken)
    (request,) = small_installation.erase(5).set_aside

    assert request.failure is not None
    assert request.failure.step == "begin"
    assert request.failure.reason == "the disk is full: free some space on it"
    assert 5 in small_installation.readable_copies()


def test_a_request_for_later_is_written_down_once_and_carried_out_by_the_next_run(
    small_installation: SmallInstallation,
) -> None:
    small_installation.erase(3, later=True)
    small_installation.erase(3, later=True)
    (request,) = small_installation.journal.requests()
    assert request.state is RequestState.RUNNING
    assert 3 in small_installation.readable_copies()

    assert states(small_installation.resume()) == [RequestState.ERASED]

    assert 3 not in small_installation.readable_copies()


def test_a_run_with_nothing_due_does_nothing(small_installation: SmallInstallation) -> None:
    assert small_installation.resume() == ErasureOutcome()


def test_an_unfinished_batch_is_finished_before_a_new_one(
    small_installation: SmallInstallation,
) -> None:
    kill_at(ErasureStep.FIND_KEYS, "after", lambda: small_installation.erase(1))

    outcome = small_installation.erase(1, 2)

    assert states(outcome) == [RequestState.ERASED] * 2
    assert outcome.already_erased == 0
    assert len(small_installation.receipts) == 2


def test_two_erasures_at_once_wait_for_each_other(small_installation: SmallInstallation) -> None:
    errors: list[Exception] = []

    def work(number: int) -> None:
        try:
            small_installation.erase(number)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert set(small_installation.readable_copies()) == set(range(PEOPLE)) - {1, 2, 3}


def test_a_restored_backup_of_the_key_store_brings_nobody_back(
    small_installation: SmallInstallation,
) -> None:
    store = small_installation.home / "keys.db"
    backup = small_installation.home / "backup"
    small_installation.keys.tables.scrub()
    shutil.copy(store, backup)
    small_installation.erase(1)

    shutil.move(backup, store)

    with pytest.raises(SealError):
        small_installation.readable_copies()


def test_a_stage_that_ran_meanwhile_cannot_bring_the_person_back(
    small_installation: SmallInstallation,
) -> None:
    slow = small_installation.stage_run("ingest")
    rows = slow.read_rows("ingest")
    small_installation.erase(1)

    with pytest.raises(ErasedError):
        small_installation.stage_run("ingest").write_rows(rows)
    with pytest.raises(ErasedError):
        slow.write_rows(rows)


def test_a_stage_that_had_their_key_in_memory_writes_rows_that_nobody_reads(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = small_installation.stage_run("ingest")
    rows = slow.read_rows("ingest")
    slow.keys.for_subjects(rows["subject"])
    # It has looked for destroyed keys just before.
    monkeypatch.setattr(slow.keys, "_forget_if_changed", lambda: None)
    small_installation.erase(1)

    slow.write_rows(rows)

    readable = small_installation.stage_run("redact").read_rows("ingest")
    assert len(readable) == PEOPLE - 1
    assert email(1) not in readable["email"].tolist()


def test_what_a_law_keeps_leaves_every_pipeline_s_reach(
    small_installation: SmallInstallation,
) -> None:
    small_installation.keep_decision_records(25)

    (request,) = small_installation.erase(1).requests

    assert request.state is RequestState.DEFERRED
    assert request.deferral is not None
    assert request.deferral.review == TERM_END
    assert request.deferral.custody is Custody.LOCAL_KEYS
    assert 1 not in small_installation.readable_copies()
    assert small_installation.restricted_keys(1) == 1


def test_a_term_ends_by_itself_on_its_day_and_not_before(
    small_installation: SmallInstallation,
) -> None:
    small_installation.keep_decision_records(25)
    small_installation.erase(1)
    assert small_installation.resume(date(2028, 12, 23)).requests == ()
    assert small_installation.restricted_keys(1) == 1

    (completed,) = small_installation.resume(TERM_END).requests

    assert (completed.state, completed.closed) == (RequestState.ERASED, TERM_END)
    assert completed.deferral is None
    assert small_installation.restricted_keys(1) == 0


def test_the_end_is_stated_under_the_receipt_that_the_person_has(
    small_installation: SmallInstallation,
) -> None:
    small_installation.keep_decision_records(25)
    small_installation.erase(1)
    small_installation.resume(TERM_END)

    (path,) = small_installation.receipts
    log = LedgerStatementLog(small_installation.installation)
    predicates = check_receipt(path.read_text(), email(1), log)
    assert [predicate["state"] for predicate in predicates] == ["deferred", "erased"]
    assert predicates[1]["completes"] == DAY.isoformat()


def test_nobody_without_a_decision_record_is_deferred(
    small_installation: SmallInstallation,
) -> None:
    small_installation.keep_decision_records(25)

    assert states(small_installation.erase(PEOPLE - 1)) == [RequestState.ERASED]


def test_a_hold_keeps_until_it_is_released_and_then_the_erasure_goes_on(
    small_installation: SmallInstallation,
) -> None:
    small_installation.hold(2, REVIEW)
    (request,) = small_installation.erase(2).requests
    assert request.deferral is not None
    assert request.deferral.basis == BASIS
    # No day ends a hold: a person does.
    assert small_installation.resume(date(2040, 1, 1)).requests == ()
    assert small_installation.restricted_keys(2) == 1

    holds, completed = release_hold(
        CASE, email(2), day=date(2027, 5, 1), installation=small_installation.installation
    )

    assert (holds, [each.state for each in completed]) == (1, [RequestState.ERASED])
    assert small_installation.restricted_keys(2) == 0


def test_a_hold_is_released_once(small_installation: SmallInstallation) -> None:
    small_installation.hold(2)
    release_hold(CASE, email(2), day=DAY, installation=small_installation.installation)

    with pytest.raises(DataError):
        release_hold(CASE, email(2), day=DAY, installation=small_installation.installation)


def test_a_hold_that_ends_before_the_law_s_term_leaves_the_term(
    small_installation: SmallInstallation,
) -> None:
    small_installation.keep_decision_records(25)
    small_installation.hold(2, REVIEW)
    small_installation.erase(2)

    holds, completed = release_hold(
        CASE, email(2), day=date(2027, 5, 1), installation=small_installation.installation
    )

    assert (holds, completed) == (1, [])
    assert small_installation.restricted_keys(2) == 1
    assert states(small_installation.resume(date(2029, 1, 1))) == [RequestState.ERASED]


def test_a_hold_that_was_released_before_the_request_keeps_nothing(
    small_installation: SmallInstallation,
) -> None:
    small_installation.hold(2)
    release_hold(CASE, email(2), day=DAY, installation=small_installation.installation)

    assert states(small_installation.erase(2)) == [RequestState.ERASED]
    ids = small_installation.keys.ids_of(small_installation.subject(2))
    assert Retention.DECISION_RECORD not in ids


def test_a_hold_that_is_placed_after_the_request_keeps_beyond_the_law_s_term(
    small_installation: SmallInstallation,
) -> None:
    small_installation.keep_decision_records(25)
    small_installation.erase(2)
    small_installation.hold(2, date(2030, 1, 1))
    (request,) = small_installation.journal.requests()
    assert request.deferral is not None
    assert (request.deferral.is_held, request.deferral.basis) == (True, f"{LAW}; {BASIS}")

    assert small_installation.resume(date(2031, 1, 1)).requests == ()
    assert small_installation.restricted_keys(2) == 1

    _, completed = release_hold(
        CASE, email(2), day=date(2031, 2, 1), installation=small_installation.installation
    )
    assert [each.state for each in completed] == [RequestState.ERASED]
    assert small_installation.restricted_keys(2) == 0


def test_a_release_that_cannot_be_audited_is_repeated(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_installation.hold(2)
    small_installation.erase(2)

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("tasks.erasure.erasing.audit", fail)
        with pytest.raises(OSError, match="No space"):
            release_hold(CASE, email(2), day=DAY, installation=small_installation.installation)
    assert small_installation.restricted_keys(2) == 1

    holds, _ = release_hold(CASE, email(2), day=DAY, installation=small_installation.installation)
    assert (holds, small_installation.restricted_keys(2)) == (1, 0)


@pytest.mark.parametrize("place", ["end_hold", "complete_deferred"])
def test_a_release_that_was_killed_is_ended_by_the_next_call(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    small_installation.hold(2)
    small_installation.erase(2)
    where = "holds" if place == "end_hold" else "erasing"

    def kill(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(f"tasks.erasure.{where}.{place}", kill)
        with pytest.raises(KeyboardInterrupt):
            release_hold(CASE, email(2), day=DAY, installation=small_installation.installation)

    if place == "end_hold":
        release_hold(CASE, email(2), day=DAY, installation=small_installation.installation)
    else:
        assert states(small_installation.resume(DAY)) == [RequestState.ERASED]
    assert small_installation.restricted_keys(2) == 0


NOBODY = "nobody@example.org"


def erase_people(
    small_installation: SmallInstallation,
    *people: Identifiers,
    searches_unknown: bool = False,
    later: bool = False,
) -> ErasureOutcome:
    return erase(
        CASE,
        people,
        received=DAY,
        day=DAY,
        later=later,
        searches_unknown=searches_unknown,
        options=small_installation.options,
        installation=small_installation.installation,
    )


def test_a_request_for_later_sets_the_tombstone_now(small_installation: SmallInstallation) -> None:
    small_installation.erase(3, later=True)

    tombstones = small_installation.keys.tombstones()
    assert tombstones.is_out(small_installation.subject(3))


def test_a_request_is_written_down_and_tombstoned_before_an_older_one_is_ended(
    small_installation: SmallInstallation,
) -> None:
    small_installation.erase(1, later=True)

    kill_at(ErasureStep.FIND_KEYS, "before", lambda: small_installation.erase(2))

    assert len(small_installation.journal.waiting_requests()) == 2
    assert small_installation.keys.tombstones().is_out(small_installation.subject(2))


def test_nothing_is_signed_of_somebody_of_whom_nothing_is_held(
    small_installation: SmallInstallation,
) -> None:
    outcome = erase_people(small_installation, email(1), NOBODY, ("x", "y"))

    assert states(outcome) == [RequestState.ERASED]
    assert outcome.unknown == (2, 3)
    assert len(outcome.receipts) == 1
    assert len(small_installation.keys.tombstones()) == 1


def test_searched_for_anyway_the_receipt_says_that_nothing_was_held(
    small_installation: SmallInstallation,
) -> None:
    letter = small_installation.workspace / "data" / "letter.txt"
    letter.write_text(f"To: {NOBODY}\n")

    outcome = erase_people(small_installation, NOBODY, searches_unknown=True)

    assert states(outcome) == [RequestState.NOTHING_HELD]
    assert outcome.unknown == ()
    assert NOBODY not in letter.read_text()
    (path,) = outcome.receipts
    log = LedgerStatementLog(small_installation.installation)
    (statement,) = check_receipt(path.read_text(), NOBODY, log)
    assert (statement["state"], statement["keysDestroyed"]) == ("nothing was held", [])
    assert erase_people(small_installation, NOBODY).already_erased == 1


def test_resumed_by_nobody_s_name_the_receipt_says_what_nobody_searched_for(
    small_installation: SmallInstallation,
) -> None:
    erase_people(small_installation, NOBODY, searches_unknown=True, later=True)

    outcome = small_installation.resume()

    (line,) = set(outcome.purged.unseen)
    assert line.startswith("1 of their identifiers, under which no row is held: not")


def test_retried_by_its_id_the_receipt_says_that_a_further_identifier_was_not_searched_for(
    small_installation: SmallInstallation,
) -> None:
    """Their rows say all else: of an address without a row only the pseudonym was kept."""
    erase_people(small_installation, (email(1), NOBODY), later=True)
    (request,) = small_installation.journal.waiting_requests()

    outcome = retry(request.request_id, installation=small_installation.installation, day=DAY)

    (line,) = set(outcome.purged.unseen)
    assert line.startswith("1 of their identifiers, under which no row is held: not")


def test_who_was_erased_is_searched_for_again_where_the_caller_says_so(
    small_installation: SmallInstallation,
) -> None:
    """Somebody restored a backup of a folder: their keys stay destroyed, the page is back."""
    small_installation.plant(1)
    page = small_installation.workspace / "data" / CASE / "validate" / "docs" / "rows1.json"
    backup = page.read_bytes()
    small_installation.erase(1)
    page.write_bytes(backup)

    assert small_installation.erase(1).already_erased == 1
    assert page.read_bytes() == backup
    outcome = erase_people(small_installation, (email(1), name(1)), searches_unknown=True)

    assert states(outcome) == [RequestState.NOTHING_HELD]
    assert outcome.already_erased == 0
    assert page.read_bytes() != backup
    assert email(1) not in page.read_text()
    assert small_installation.erase(1).already_erased == 1


def test_a_hold_on_somebody_without_rows_is_something_that_is_held(
    small_installation: SmallInstallation,
) -> None:
    small_installation.hold(PEOPLE + 1)

    outcome = small_installation.erase(PEOPLE + 1)

    assert (states(outcome), outcome.unknown) == ([RequestState.NOTHING_HELD], ())


def test_several_identifiers_are_one_request_that_destroys_all_their_keys(
    small_installation: SmallInstallation,
) -> None:
    outcome = erase_people(small_installation, (email(1), email(2)), email(3))

    assert len(outcome.requests) == len(outcome.receipts) == 2
    readable = small_installation.readable_copies()
    assert set(range(PEOPLE)) - readable.keys() == {1, 2, 3}
    small_installation.assert_gone(1, 2, 3)
    tombstones = small_installation.keys.tombstones()
    assert all(tombstones.is_out(small_installation.subject(number)) for number in (1, 2, 3))
    log = LedgerStatementLog(small_installation.installation)
    texts = [path.read_text() for path in outcome.receipts]
    assert any('"training"' in text and check_receipt(text, email(1), log) for text in texts[:1])


def test_what_a_law_keeps_of_several_identifiers_is_kept_and_ended_together(
    small_installation: SmallInstallation,
) -> None:
    small_installation.keep_decision_records(25)
    (request,) = erase_people(small_installation, (email(1), email(2))).requests

    assert request.deferral is not None
    assert len(request.deferral.key_ids) == 2
    (completed,) = small_installation.resume(TERM_END).requests

    assert completed.state is RequestState.ERASED
    assert small_installation.restricted_keys(1) == small_installation.restricted_keys(2) == 0


def test_a_hold_on_one_of_several_identifiers_ends_for_all_of_them(
    small_installation: SmallInstallation,
) -> None:
    small_installation.hold(2)
    erase_people(small_installation, (email(1), email(2)))

    _, completed = release_hold(
        CASE, email(2), day=DAY, installation=small_installation.installation
    )

    assert [each.state for each in completed] == [RequestState.ERASED]
    assert small_installation.restricted_keys(1) == small_installation.restricted_keys(2) == 0


def test_holds_on_two_identifiers_of_one_person_both_have_to_be_released(
    small_installation: SmallInstallation,
) -> None:
    small_installation.hold(1)
    small_installation.hold(2)
    erase_people(small_installation, (email(1), email(2)))

    _, completed = release_hold(
        CASE, email(2), day=DAY, installation=small_installation.installation
    )
    assert completed == []
    assert small_installation.resume(date(2040, 1, 1)).requests == ()
    assert small_installation.restricted_keys(1) == small_installation.restricted_keys(2) == 1

    _, completed = release_hold(
        CASE, email(1), day=DAY, installation=small_installation.installation
    )
    assert [each.state for each in completed] == [RequestState.ERASED]
    assert small_installation.restricted_keys(1) == small_installation.restricted_keys(2) == 0


def test_another_identifier_of_one_who_waits_becomes_a_request(
    small_installation: SmallInstallation,
) -> None:
    small_installation.erase(1, later=True)

    outcome = erase_people(small_installation, (email(1), email(2)))

    assert states(outcome) == [RequestState.ERASED] * 2
    assert not {1, 2} & small_installation.readable_copies().keys()


def test_what_was_allowed_is_remembered_for_every_later_try(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[PurgeOptions] = []

    def purge(_: GitSink, __: object, options: PurgeOptions) -> PurgeReport:
        seen.append(options)
        return PurgeReport()

    monkeypatch.setattr(GitSink, "purge", purge)
    small_installation.options = RequestOptions(removes_files=True)
    small_installation.erase(1, later=True)
    small_installation.resume()

    assert seen == [PurgeOptions(removes_files=True)]


def test_a_key_store_that_cannot_be_asked_loses_no_request(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ServiceError("key store", expected="an answer", found="none", remedy="Start it.")

    with monkeypatch.context() as patch:
        patch.setattr("tasks.keystore.keys.KeyStore.ids_of", broken)
        (request,) = small_installation.erase(1).held_up
    assert request.failure is not None
    assert request.failure.step == ErasureStep.FIND_KEYS

    assert states(small_installation.resume()) == [RequestState.ERASED]


@pytest.mark.parametrize("later", [True, False])
@pytest.mark.parametrize(
    ("error", "state"),
    [
        (RuntimeError(), RequestState.SET_ASIDE),
        (
            ServiceError("key store", expected="a", found="b", remedy="c"),
            RequestState.RUNNING,
        ),
    ],
)
def test_a_tombstone_that_cannot_be_set_is_said_of_a_request_that_is_not_lost(
    small_installation: SmallInstallation,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    state: RequestState,
    later: bool,
) -> None:
    def broken(*_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr("tasks.erasure.saga.set_tombstones", broken)
        outcome = small_installation.erase(1, later=later)

    assert states(outcome) == [state]
    assert states(small_installation.resume()) == [RequestState.ERASED]


def test_an_end_that_was_killed_before_it_was_stated_is_stated_by_the_next_run(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_installation.keep_decision_records(25)
    small_installation.erase(1)

    def broken(*_: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr("tasks.erasure.holds.rotate_root", broken)
        assert small_installation.resume(TERM_END).faults == ("terms that ended: RuntimeError",)
    assert small_installation.restricted_keys(1) == 0

    assert states(small_installation.resume(TERM_END)) == [RequestState.ERASED]


def test_a_block_is_remembered_until_its_request_is_done_and_it_is_forgotten(
    small_installation: SmallInstallation,
) -> None:
    small_installation.options = RequestOptions(block="17")
    small_installation.erase(1, later=True)
    installation = small_installation.installation
    assert held_blocks(installation) == {"17": True}

    outcome = resume(installation=installation, day=DAY, identifiers=[email(1)])
    assert states(outcome) == [RequestState.ERASED]
    assert held_blocks(installation) == {"17": False}

    forget_block("17", installation)
    assert held_blocks(installation) == {}


def test_who_was_named_with_a_tag_is_searched_for_without_it_on_every_try(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_installation.ignore_plus_tags()
    tagged = "person1+x@example.org"
    installation = small_installation.installation
    erase(CASE, [tagged], received=DAY, day=DAY, later=True, installation=installation)

    named: dict[str, str] = {}

    def assemble(*arguments: Any) -> ErasureBatch:
        batch = assemble_batch(*arguments)
        named.update(batch.identifiers)
        return batch

    monkeypatch.setattr("tasks.erasure.queue.assemble_batch", assemble)
    resume(installation=installation, day=DAY, identifiers=[tagged])

    assert sorted(named.values()) == [tagged, email(1)]


@pytest.mark.usefixtures("removing_files")
@pytest.mark.parametrize("word", ["Finished", "Model", "candidate", "training", "erased"])
def test_a_word_of_a_schema_as_somebody_s_name_is_in_nobody_s_way(
    small_installation: SmallInstallation, word: str
) -> None:
    small_installation.plant(1)

    outcome = erase_people(small_installation, (email(1), word), searches_unknown=True)
    after = small_installation.erase(2)

    assert states(outcome) == [RequestState.ERASED]
    assert states(after) == [RequestState.ERASED]
    small_installation.assert_gone(1)


def test_identifiers_are_not_told_of_where_the_store_cannot_be_asked(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*_: object) -> list[tuple[int, int]]:
        raise RuntimeError("a fault")

    monkeypatch.setattr("tasks.erasure.erasing.find_unheld", break_down)
    lines: list[str] = []
    outcome = erase(
        CASE,
        [(email(1), "nobody@example.org")],
        received=DAY,
        day=DAY,
        installation=small_installation.installation,
        say=lines.append,
    )
    assert outcome.unheld == ()
    assert [request.state for request in outcome.requests] == [RequestState.ERASED]
    assert "the key store could not be asked: RuntimeError" in lines


def test_an_erasure_under_a_key_that_was_voided_waits_and_bars_nobody(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_installation.erase(1)
    # As a rotation leaves it that was killed between the ledger and the files.
    with monkeypatch.context() as patch:
        patch.setattr(Path, "hardlink_to", _interrupt)  # the old key's file is kept by it
        with pytest.raises(KeyboardInterrupt):
            main(["keys", "rotate", "erasure"])

    (request,) = small_installation.erase(2).requests
    assert request.failure is not None
    assert "keys rotate erasure" in request.failure.reason
    assert len(small_installation.receipts) == 1

    assert main(["keys", "rotate", "erasure"]) == 0
    states = [request.state for request in small_installation.resume().requests]
    assert states == [RequestState.ERASED]
    (other,) = small_installation.erase(3).requests
    assert other.state is RequestState.ERASED


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
