"""The journal: what a crash must not lose comes back, what was scrubbed does not."""

import sqlite3
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tasks.erasure.journal import ErasureStep, FlaggedModel, Hold, Journal, MemoryJournal
from tasks.erasure.request import (
    Custody,
    Deferral,
    ErasureRequest,
    RequestOptions,
    RequestState,
    StepFailure,
)
from tasks.erasure.sinks import SinkId
from tasks.errors import EvidenceError, SealError, ServiceError
from tasks.keystore.keys import Retention

DAY = date(2026, 11, 24)
SUBJECT = "s" * 40
# ErasureStep ids and states of journals that were written before they were enumerated.
STEPS_ON_DISK = (
    "tombstone", "find keys", "purge MLflow", "purge Prefect", "purge workspace", "purge versions",
    "purge scratch", "purge state", "purge git", "purge texts of others", "destroy keys",
    "rotate root", "flag models", "verify", "receipt", "scrub",
)  # fmt: skip
DEFERRED_ON_DISK = (
    '{"commitment": "c0", "deferred": {"retention": "decision-record", "basis": "Court of X", '
    '"review": "2027-06-01", "held": true, "custody": "two keys of this installation", '
    '"key_id": "abcd"}}'
)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "erasures.db")


def request(number: int = 1, **changes: Any) -> ErasureRequest:
    made = ErasureRequest(
        request_id=f"E20261124-b-{number}",
        batch="b",
        use_case="loan",
        received=DAY,
        day=DAY,
        subject=SUBJECT,
        seed=b"seed",
        key_ids={Retention.TRAINING: ("00ff",)},
        commitment="c",
    )
    return replace(made, **changes)


def hold(**changes: Any) -> Hold:
    made = Hold("H1", b"mark", "loan", "Court of X", DAY, date(2027, 1, 1))
    return replace(made, **changes)


def test_a_running_request_comes_back_with_all_that_its_steps_need(journal: Journal) -> None:
    journal.put_requests([request()])

    assert journal.requests() == [request()]


def test_a_deferred_request_comes_back_with_what_it_waits_for(journal: Journal) -> None:
    deferral = Deferral(
        Retention.DECISION_RECORD, "Court of X", DAY, True, Custody.LOCAL_KEYS, "abcd"
    )
    deferred = request(state=RequestState.DEFERRED, deferral=deferral, closed=None)
    journal.put_requests([deferred])

    assert journal.requests(state=RequestState.DEFERRED) == [deferred]
    assert journal.requests(state=RequestState.ERASED) == []


def test_a_request_that_is_written_again_replaces_the_first(journal: Journal) -> None:
    journal.put_requests([request()])
    journal.put_requests([request(state=RequestState.ERASED, closed=DAY)])

    (stored,) = journal.requests()
    assert (stored.state, stored.closed) == (RequestState.ERASED, DAY)


def test_requests_are_the_oldest_first_whenever_they_were_written(journal: Journal) -> None:
    journal.put_requests([request(1), request(2, received=date(2026, 1, 1)), request(3)])

    assert [stored.request_id[-1] for stored in journal.requests()] == ["2", "1", "3"]


def test_of_several_requests_all_are_written_or_none(journal: Journal) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        journal.put_requests([request(1), request(2, batch=None)])

    assert journal.requests() == []


def test_a_batch_is_unfinished_while_a_request_of_it_runs(journal: Journal) -> None:
    journal.put_requests([request(1), request(2, batch="c"), request(3, batch="d")])
    journal.put_requests([request(2, batch="c", state=RequestState.ERASED)])

    assert journal.unfinished_batches() == ["b", "d"]


def test_what_has_no_column_comes_back_too(journal: Journal) -> None:
    failure = StepFailure("purge git", "RuntimeError", DAY)
    aside = request(
        state=RequestState.SET_ASIDE,
        aliases=("t" * 40,),
        options=RequestOptions(removes_files=True, searches_texts=True, block="b"),
        failures=(failure,),
    )
    journal.put_requests([aside, request(2, state=RequestState.ERASED)])

    assert journal.waiting_requests() == [aside]
    assert journal.unfinished_batches() == []
    assert journal.unfinished_batches(RequestState.SET_ASIDE) == ["b"]


def test_a_key_id_of_an_earlier_version_is_one_of_one(journal: Journal) -> None:
    journal.put_requests([request()])
    insert(journal.path, """UPDATE requests SET key_ids = '{"training": "00ff"}'""")

    assert journal.requests() == [request()]


def test_a_batch_is_divided_with_the_steps_that_count_for_its_parts(journal: Journal) -> None:
    journal.put_requests([request(1), request(2), request(3)])
    journal.record_step("b", ErasureStep.TOMBSTONE, {"people": 3})
    journal.record_step("b", ErasureStep.FIND_KEYS, {"keys": 3})
    first, *others = (stored.request_id for stored in journal.requests())

    journal.divide_batch("b", {"c": [first], "d": others}, [ErasureStep.FIND_KEYS])

    assert [stored.batch for stored in journal.requests()] == ["c", "d", "d"]
    assert journal.completed_steps("b") == {}
    assert journal.completed_steps("d") == {ErasureStep.FIND_KEYS: {"keys": 3}}


def test_a_journal_in_memory_lies_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    journal = MemoryJournal()
    journal.put_requests([request()])

    assert journal.requests() == [request()]
    assert list(tmp_path.iterdir()) == []


def test_steps_belong_to_their_batch_and_keep_their_figures(journal: Journal) -> None:
    journal.record_step("b", ErasureStep.TOMBSTONE, {"people": 2})
    journal.record_step("c", ErasureStep.VERIFY, {})

    assert journal.completed_steps("b") == {ErasureStep.TOMBSTONE: {"people": 2}}


def test_step_ids_are_those_that_journals_have_stored() -> None:
    assert tuple(step.value for step in ErasureStep) == STEPS_ON_DISK


@pytest.mark.parametrize("sink_id", SinkId)
def test_every_sink_has_a_step_that_names_it(sink_id: SinkId) -> None:
    assert ErasureStep.of_sink(sink_id).sink_id is sink_id


def test_a_step_that_purges_nothing_names_no_sink() -> None:
    assert ErasureStep.DESTROY_KEYS.sink_id is None


def test_a_step_of_another_version_is_refused_and_not_passed_over(journal: Journal) -> None:
    insert(journal.path, "INSERT INTO steps VALUES ('b', 'burn tapes', '2026-01-01', '{}')")

    with pytest.raises(EvidenceError, match="burn tapes"):
        journal.completed_steps("b")


def test_a_journal_of_an_earlier_version_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "erasures.db"
    Journal(path)
    insert(
        path,
        "INSERT INTO requests VALUES ('E1', 'b', 'loan', '2026-01-01', '2026-01-02', 'deferred', "
        f"NULL, NULL, NULL, NULL, '{DEFERRED_ON_DISK}')",
        *(
            f"INSERT INTO steps VALUES ('b', '{step}', '2026-01-02T00:00:00', '{{}}')"
            for step in STEPS_ON_DISK
        ),
    )

    journal = Journal(path)
    (stored,) = journal.requests()
    assert (stored.state, stored.commitment) == (RequestState.DEFERRED, "c0")
    assert stored.deferral is not None
    assert stored.deferral.custody is Custody.LOCAL_KEYS
    assert set(journal.completed_steps("b")) == set(ErasureStep)

    # And written back in the same form, for the version that began it.
    journal.put_requests([stored])
    with sqlite3.connect(path) as connection:
        ((figures,),) = connection.execute("SELECT figures FROM requests").fetchall()
    connection.close()
    assert figures == DEFERRED_ON_DISK


def test_a_hold_comes_back_and_so_does_its_release(journal: Journal) -> None:
    journal.put_holds([hold()])
    assert journal.holds() == [hold()]

    journal.put_holds([hold(released=DAY)])
    assert journal.holds() == [hold(released=DAY)]


def test_a_model_that_a_resumed_batch_flags_again_counts_once(journal: Journal) -> None:
    model = FlaggedModel("loan", "2", "code", 3, DAY)
    journal.flag_model("b", model)
    journal.flag_model("b", model)

    assert journal.flagged_models() == [model]


def test_people_of_several_batches_are_counted_from_the_first_day_on(journal: Journal) -> None:
    journal.flag_model("b", FlaggedModel("loan", "10", "code", 3, DAY))
    journal.flag_model("c", FlaggedModel("loan", "10", "code", 1, date(2026, 1, 1)))
    journal.flag_model("b", FlaggedModel("loan", "2", "code", 1, DAY))

    assert journal.flagged_models() == [
        FlaggedModel("loan", "2", "code", 1, DAY),
        FlaggedModel("loan", "10", "code", 4, date(2026, 1, 1)),
    ]


def test_what_was_overwritten_is_in_no_file_after_the_log_is_emptied(journal: Journal) -> None:
    journal.put_requests([request()])
    assert SUBJECT.encode() in content_of(journal.path)

    journal.put_requests([request(subject=None, seed=None, key_ids={})])
    journal.empty_log()

    assert SUBJECT.encode() not in content_of(journal.path)


def test_nobody_else_can_read_the_file(journal: Journal) -> None:
    assert journal.path.stat().st_mode & 0o077 == 0


def insert(path: Path, *statements: str) -> None:
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def content_of(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))


def test_a_state_that_this_version_does_not_know_is_refused_by_name(
    journal: Journal, tmp_path: Path
) -> None:
    journal.put_requests([request()])
    with sqlite3.connect(tmp_path / "erasures.db") as connection:
        connection.execute("UPDATE requests SET state = 'paused'")
    connection.close()
    with pytest.raises(EvidenceError, match=r"states of requests that this version knows.*paused"):
        journal.requests()


def test_a_journal_of_a_newer_version_is_refused_and_kept(journal: Journal, tmp_path: Path) -> None:
    journal.put_requests([request()])
    with sqlite3.connect(tmp_path / "erasures.db") as connection:
        connection.execute("ALTER TABLE requests ADD COLUMN more TEXT")
    connection.close()
    with pytest.raises(EvidenceError, match="`requests` as this version of Portcullis makes it"):
        Journal(tmp_path / "erasures.db")


def test_a_journal_that_is_locked_by_another_is_a_service_that_does_not_answer(
    journal: Journal, tmp_path: Path
) -> None:
    other = sqlite3.connect(tmp_path / "erasures.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    journal._connection.execute("PRAGMA busy_timeout = 1")
    with pytest.raises(ServiceError, match=r"journal of erasures erasures\.db.*another process"):
        journal.record_step("b", ErasureStep.VERIFY, {})
    with pytest.raises(ServiceError, match="another process"):
        journal.put_requests([request()])
    other.close()


def test_a_full_disk_is_told_by_its_cause(journal: Journal) -> None:
    journal._connection.execute("PRAGMA max_page_count = 1")
    with pytest.raises(ServiceError, match="a full disk"):
        journal.put_requests([request(number) for number in range(5_000)])
    assert journal.requests() == []


def test_a_damaged_journal_says_what_to_restore(tmp_path: Path) -> None:
    (tmp_path / "erasures.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(SealError, match="an older one would forget requests and holds"):
        Journal(tmp_path / "erasures.db")


def test_a_folder_in_its_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "erasures.db").mkdir()
    with pytest.raises(ServiceError, match="may not open"):
        Journal(tmp_path / "erasures.db")


def test_a_mode_that_cannot_be_set_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refuse)
    with pytest.raises(ServiceError, match="Mend its owner"):
        Journal(tmp_path / "erasures.db")
