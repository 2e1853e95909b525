"""The saga: complete, repeatable, safe wherever it is killed, alone, and honest about what it keeps."""

import json
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tasks.attestation.predicates.erasure import read_erasure
from tasks.erasure import saga
from tasks.erasure.erasing import Erased, erase, release_hold, resume
from tasks.erasure.holds import active_holds, place_hold
from tasks.erasure.journal import DEFERRED, ERASED, Journal, open_journal
from tasks.erasure.notary import LedgerNotary, Said
from tasks.erasure.receipt import check_receipt, subject_of
from tasks.erasure.saga import Erasure
from tasks.errors import ConfigError, DataError, EvidenceError, SealError
from tasks.keystore.burying import lift
from tasks.keystore.keys import ErasedError, Retention, open_keys
from tasks.keystore.shredding import restricted_of
from tasks.sealed.objects import SealedFile
from tests.cases import change_case
from tests.installations import installation_at
from tests.tasks.erasure.conftest import CASE, DAY, PEOPLE, SmallInstallation, email, name

STEPS = (
    "tombstone", "find keys", "purge MLflow", "purge Prefect", "purge workspace", "purge versions", "purge scratch",
    "purge state", "purge git", "destroy keys", "rotate root", "flag models", "verify", "receipt", "scrub",
)  # fmt: skip


def forget(*numbers: int, **more: Any) -> Erased:
    given = {"received": DAY, "day": DAY, **more}
    return erase(
        CASE, [email(number) for number in numbers], **given, installation=installation_at(Path())
    )


def readable(installation: SmallInstallation) -> dict[int, int]:
    """Whose rows can be read, in how many copies of every version: found out row by row, without the saga's survey."""
    keys = open_keys(installation_at(Path()))
    found: dict[int, int] = {}
    subjects = {installation.subject(number): number for number in range(PEOPLE)}
    for path in installation.versions:
        file = SealedFile.open(path)
        ids = file.key_ids()
        places = file.places(ids)
        live = keys.by_id(ids)
        for subject in file.unseal([place for key in live for place in places[key]], live)[
            "subject"
        ]:
            found[subjects[subject]] = found.get(subjects[subject], 0) + 1
    return found


def values_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def plant(installation: SmallInstallation, number: int) -> None:
    """Leave a person where programs leave what they saw."""
    root, home = installation.root, installation.home
    page = root / "data" / CASE / "validate" / "docs"
    page.mkdir(parents=True, exist_ok=True)
    text = f"{name(number)} <{email(number)}>"
    (page / f"rows{number}.json").write_text(
        json.dumps([{"who": text}, {"who": "Nobody Else"}], ensure_ascii=False)
    )
    (root / ".dvc" / "tmp").mkdir(exist_ok=True)
    (root / ".dvc" / "tmp" / f"run{number}.log").write_text(text)
    plain = root / ".dvc" / "cache" / "files" / "md5" / "aa" / f"{number:030}"
    plain.parent.mkdir(parents=True, exist_ok=True)
    plain.write_text(text)
    runs = root / ".dvc" / "cache" / "runs" / "ab" / f"{number}"
    runs.parent.mkdir(parents=True, exist_ok=True)
    runs.write_text(f"cmd: x --for {email(number)}\n")
    artifacts = home / "mlartifacts"
    artifacts.mkdir(exist_ok=True)
    (artifacts / f"table{number}.csv").write_text(f"email\n{email(number)}\n")
    with sqlite3.connect(home / "mlflow.db") as connection:
        connection.execute(
            "INSERT OR REPLACE INTO experiments VALUES (1, ?)", (artifacts.as_uri(),)
        )
        connection.execute("INSERT INTO params VALUES (?,?,?)", (f"p{number}", email(number), "r"))
        code = SealedFile.open(root / "data" / CASE / "redact" / "rows.parquet").code
        connection.execute(
            "INSERT INTO model_version_tags VALUES ('portcullis.trained_on', ?, 'loan', ?)",
            (code, number),
        )
    connection.close()
    prefect = home / "prefect"
    prefect.mkdir(exist_ok=True)
    with sqlite3.connect(prefect / "prefect.db") as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS log (id TEXT PRIMARY KEY, message TEXT)")
        connection.execute("INSERT INTO log VALUES (?,?)", (f"{number}", f"row of {name(number)}"))
    connection.close()


def everywhere(installation: SmallInstallation) -> bytes:
    """Every byte that there is, beside what the key store and git compress."""
    return (
        values_in(installation.root / "data")
        + values_in(installation.root / ".dvc")
        + values_in(installation.home)
    )


def assert_gone(installation: SmallInstallation, *numbers: int) -> None:
    left = everywhere(installation)
    for number in numbers:
        for value in (email(number), name(number), installation.subject(number)):
            assert value.encode() not in left, value
            assert json.dumps(value)[1:-1].encode() not in left, value


def test_two_are_erased_everywhere_and_the_other_two_are_where_they_were(
    installation: SmallInstallation,
) -> None:
    for number in (1, 2, 3, 4):
        plant(installation, number)
    before = readable(installation)
    assert before[1] == before[3] == 2 * 3 * 3
    ended = forget(1, 2)
    assert [request.state for request in ended.requests] == [ERASED, ERASED]
    assert ended.purged.left == ended.purged.unseen == ()
    assert readable(installation) == {
        number: count for number, count in before.items() if number not in (1, 2)
    }
    assert_gone(installation, 1, 2)
    left = everywhere(installation)
    for number in (3, 4):
        assert left.count(email(number).encode()) == 6
        assert left.count(name(number).encode()) == 4
    assert left.count(b"Nobody Else") == 4
    models = open_journal(installation_at(Path())).flagged()
    assert {(model.version, model.people) for model in models} == {
        (str(n), 2) for n in (1, 2, 3, 4)
    }


def test_it_can_be_asked_for_again_and_finds_nothing_to_do(installation: SmallInstallation) -> None:
    forget(5)
    assert forget(5).already == 1
    assert len(open_journal(installation_at(Path())).requests()) == 1


def test_nothing_in_the_journal_says_whose_requests_they_were(
    installation: SmallInstallation,
) -> None:
    forget(5, 6)
    said = values_in(installation.home)
    for number in (5, 6):
        assert email(number).encode() not in said
        assert installation.subject(number).encode() not in said
    requests = open_journal(installation_at(Path())).requests()
    assert all(
        request.subject is None and request.seed is None and request.key_ids == {}
        for request in requests
    )


def test_two_spellings_are_one_person(installation: SmallInstallation) -> None:
    ended = erase(
        CASE,
        [email(5), f" {email(5).upper()}"],
        received=DAY,
        day=DAY,
        installation=installation_at(Path()),
    )
    assert len(ended.requests) == 1


def killed(step: str, moment: str, work: Callable[..., Any]) -> None:
    """Run `work` in a process that dies as if by kill -9, just before or just after a step is written down."""
    pid = os.fork()
    if pid == 0:
        mark = Journal.mark_done

        def dying(self: Journal, batch: str, done: str, figures: dict[str, Any]) -> None:
            if done == step and moment == "before":
                os._exit(9)
            mark(self, batch, done, figures)
            if done == step:
                os._exit(9)

        setattr(Journal, "mark_done", dying)  # noqa: B010 - in a process of its own
        try:
            work()
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 9, "the step was never reached"


def test_the_steps_are_these(
    installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    mark = Journal.mark_done

    def noting(self: Journal, batch: str, step: str, figures: dict[str, Any]) -> None:
        seen.append(step)
        mark(self, batch, step, figures)

    monkeypatch.setattr(Journal, "mark_done", noting)
    forget(5)
    assert tuple(seen) == STEPS


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_the_next_call_ends_it(
    installation: SmallInstallation, step: str, moment: str
) -> None:
    plant(installation, 1)
    plant(installation, 3)
    before = readable(installation)
    killed(step, moment, lambda: forget(1))
    if moment == "after" and step == "scrub":
        assert open_journal(installation_at(Path())).unfinished() == []
    resume(day=DAY, installation=installation_at(Path())) if step in STEPS[::2] else forget(1)
    assert open_journal(installation_at(Path())).unfinished() == []
    assert readable(installation) == {
        number: count for number, count in before.items() if number != 1
    }
    assert_gone(installation, 1)
    assert everywhere(installation).count(email(3).encode()) == 6
    (request,) = open_journal(installation_at(Path())).requests()
    assert request.state == ERASED
    (path,) = (installation.home / "receipts").iterdir()
    assert check_receipt(path.read_text(), email(1), LedgerNotary(installation_at(Path())))
    assert forget(1).already == 1


def test_killed_twice_in_a_row_it_still_ends(installation: SmallInstallation) -> None:
    killed("purge workspace", "before", lambda: forget(1))
    killed("rotate root", "before", lambda: forget(1))
    forget(1)
    assert 1 not in readable(installation)
    assert len(readable(installation)) == PEOPLE - 1


def test_a_restored_backup_of_the_key_store_brings_nobody_back(
    installation: SmallInstallation,
) -> None:
    keys = open_keys(installation_at(Path()))
    keys.shelf.scrub()
    shutil.copy(installation.home / "keys.db", installation.home / "backup")
    forget(1)
    shutil.copy(installation.home / "backup", installation.home / "keys.db")
    (installation.home / "backup").unlink()
    with pytest.raises(SealError):
        readable(installation)


def test_two_erasures_at_once_wait_for_each_other(installation: SmallInstallation) -> None:
    faults = []

    def work(number: int) -> None:
        try:
            forget(number)
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert set(readable(installation)) == set(range(PEOPLE)) - {1, 2, 3}


def test_a_stage_that_ran_meanwhile_cannot_bring_the_person_back(
    installation: SmallInstallation,
) -> None:
    slow = installation.work("ingest")
    rows = slow.read_rows("ingest")
    forget(1)
    with pytest.raises(ErasedError):
        installation.work("ingest").write_rows(rows)
    with pytest.raises(ErasedError):
        slow.write_rows(rows)


def test_a_stage_that_had_their_key_in_hand_writes_rows_that_nobody_reads(
    installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = installation.work("ingest")
    rows = work.read_rows("ingest")
    work.keys.for_subjects(rows["subject"])
    monkeypatch.setattr(work.keys, "_notice", lambda: None)  # it looked just before
    forget(1)
    work.write_rows(rows)
    opened = installation.work("redact").read_rows("ingest")
    assert len(opened) == PEOPLE - 1
    assert email(1) not in opened["email"].tolist()


def test_a_restored_tombstone_list_is_noticed_before_the_receipt(
    installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = saga._rotate_root

    def sabotaged(erasure: Erasure) -> dict[str, int]:
        done = original(erasure)
        lift(erasure.keys, erasure.subjects, DAY)
        return done

    monkeypatch.setattr(saga, "_rotate_root", sabotaged)
    with pytest.raises(EvidenceError, match="1 people without a tombstone"):
        forget(1)


# what a law or a court keeps


def held_records(installation: SmallInstallation, number: int) -> int:
    return len(restricted_of(open_keys(installation_at(Path())), installation.subject(number)))


def keep(installation: SmallInstallation, months: Any) -> Any:
    kept = {"decision-record": {"months": months, "basis": "12 CFR 1002.12(b), 25 months"}}
    change_case(installation.root, CASE, lambda values: values["erasure"].update(keep=kept))


def test_a_law_keeps_decision_records_out_of_every_pipeline_s_reach_and_lets_go_by_itself(
    installation: SmallInstallation,
) -> None:
    keep(installation, 25)
    (request,) = forget(1).requests
    assert request.state == DEFERRED
    assert request.figures["deferred"]["review"] == "2028-12-24"
    assert request.figures["deferred"]["custody"] == "two keys of this installation"
    assert 1 not in readable(installation)
    assert held_records(installation, 1) == 1
    assert resume(day=date(2028, 12, 23), installation=installation_at(Path())).requests == ()
    (done,) = resume(day=date(2028, 12, 24), installation=installation_at(Path())).requests
    assert (done.state, done.closed) == (ERASED, date(2028, 12, 24))
    assert held_records(installation, 1) == 0
    (path,) = (installation.home / "receipts").iterdir()
    said = check_receipt(path.read_text(), email(1), LedgerNotary(installation_at(Path())))
    assert [one["state"] for one in said] == ["deferred", "erased"]


def test_nobody_without_a_decision_record_is_deferred(installation: SmallInstallation) -> None:
    keep(installation, 25)
    (request,) = forget(PEOPLE - 1).requests
    assert request.state == ERASED


def test_a_hold_keeps_until_it_is_released_then_the_erasure_goes_on_by_itself(
    installation: SmallInstallation,
) -> None:
    subject = installation.subject(2)
    place_hold(
        open_journal(installation_at(Path())),
        subject,
        CASE,
        "Court of X, case 7/2026",
        DAY,
        date(2027, 6, 1),
        installation_at(installation.root),
    )
    (request,) = forget(2).requests
    assert request.state == DEFERRED
    assert request.figures["deferred"]["basis"] == "Court of X, case 7/2026"
    assert resume(day=date(2040, 1, 1), installation=installation_at(Path())).requests == ()
    assert held_records(installation, 2) == 1
    count, completed = release_hold(
        email(2), day=date(2027, 5, 1), installation=installation_at(Path())
    )
    assert (count, [one.state for one in completed]) == (1, [ERASED])
    assert held_records(installation, 2) == 0
    assert (
        active_holds(
            open_journal(installation_at(Path())), subject, installation_at(installation.root)
        )
        == []
    )
    with pytest.raises(DataError):
        release_hold(email(2), day=DAY, installation=installation_at(Path()))


def test_a_hold_that_ends_before_the_law_s_term_leaves_the_term(
    installation: SmallInstallation,
) -> None:
    keep(installation, 25)
    subject = installation.subject(2)
    place_hold(
        open_journal(installation_at(Path())),
        subject,
        CASE,
        "Court of X, case 7/2026",
        DAY,
        date(2027, 6, 1),
        installation_at(installation.root),
    )
    forget(2)
    assert release_hold(email(2), day=date(2027, 5, 1), installation=installation_at(Path())) == (
        1,
        [],
    )
    assert held_records(installation, 2) == 1
    assert [
        one.state
        for one in resume(day=date(2029, 1, 1), installation=installation_at(Path())).requests
    ] == [ERASED]


def test_a_hold_that_was_released_before_the_request_keeps_nothing(
    installation: SmallInstallation,
) -> None:
    subject = installation.subject(2)
    place_hold(
        open_journal(installation_at(Path())),
        subject,
        CASE,
        "Court of X, case 7/2026",
        DAY,
        date(2027, 6, 1),
        installation_at(installation.root),
    )
    release_hold(email(2), day=DAY, installation=installation_at(Path()))
    assert [one.state for one in forget(2).requests] == [ERASED]
    assert Retention.DECISION_RECORD not in open_keys(installation_at(Path())).ids_of(subject)


@pytest.mark.parametrize(("basis", "review"), [("", date(2027, 1, 1)), ("Court of X, case 7", DAY)])
def test_a_hold_needs_a_basis_and_a_day_of_review(
    installation: SmallInstallation, basis: str, review: date
) -> None:
    with pytest.raises(ConfigError):
        place_hold(
            open_journal(installation_at(Path())),
            "s",
            CASE,
            basis,
            DAY,
            review,
            installation_at(installation.root),
        )


# receipts


def test_a_receipt_is_its_person_s_alone_and_any_change_is_noticed(
    installation: SmallInstallation,
) -> None:
    forget(1, 2)
    paths = sorted((installation.home / "receipts").iterdir())
    texts = [path.read_text() for path in paths]
    owners = {}
    for text in texts:
        for number in (1, 2):
            try:
                check_receipt(text, email(number), LedgerNotary(installation_at(Path())))
                owners[number] = text
            except EvidenceError:
                pass
    assert set(owners) == {1, 2}
    assert all(path.stat().st_mode & 0o077 == 0 for path in paths)
    for change in (("2026", "2025"), ('"nonce": "', '"nonce": "0'), ("erased", "kept")):
        with pytest.raises(EvidenceError):
            check_receipt(
                owners[1].replace(*change, 1), email(1), LedgerNotary(installation_at(Path()))
            )
    with pytest.raises(EvidenceError):
        check_receipt("{}", email(1), LedgerNotary(installation_at(Path())))


def test_an_altered_ledger_is_refused_and_an_empty_one_knows_nothing(
    installation: SmallInstallation,
) -> None:
    forget(1)
    (path,) = (installation.home / "receipts").iterdir()
    with sqlite3.connect(installation.home / "ledger.db") as connection:
        connection.execute("UPDATE bodies SET body = replace(body, 'a', 'b')")
    connection.close()
    with pytest.raises(EvidenceError):
        check_receipt(path.read_text(), email(1), LedgerNotary(installation_at(Path())))
    for file in installation.home.glob("ledger*"):
        file.unlink()
    with pytest.raises(EvidenceError, match="in the ledger"):
        check_receipt(path.read_text(), email(1), LedgerNotary(installation_at(Path())))


def test_what_is_said_twice_is_recorded_once(installation: SmallInstallation) -> None:
    forget(1)
    (path,) = (installation.home / "receipts").iterdir()
    (said,) = check_receipt(path.read_text(), email(1), LedgerNotary(installation_at(Path())))
    name, digest = subject_of(said["request"], said["commitment"])
    receipt = read_erasure(said)
    LedgerNotary(installation_at(Path())).record([Said(name, digest, receipt)])
    assert LedgerNotary(installation_at(Path())).recorded(name) == [receipt]
