"""An erasure that is not done is told, and nobody is sent to renew what it needs."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from tasks.doctor.examining import MOST_LOOKS, examine
from tasks.doctor.findings import Finding, Grade
from tasks.doctor.under_way import ERASURE
from tasks.erasure.journal import ErasureStep
from tasks.errors import ServiceError
from tasks.keystore.key_tables import hold_erasure_lock
from tests.tasks.doctor.test_examining import after_copying
from tests.tasks.erasure.small_installation import DAY, SmallInstallation, kill_at
from tests.tasks.guard.test_opening import STORE


def findings_of(known: SmallInstallation, grade: Grade) -> list[Finding]:
    return [finding for finding in examine(known.installation, DAY) if finding.grade is grade]


def about_key_store(known: SmallInstallation) -> str:
    (finding,) = (
        finding
        for finding in findings_of(known, Grade.REFUSES)
        if finding.what in ("key store", "home")
    )
    return finding.remedy


def lose_store(known: SmallInstallation) -> None:
    for name in STORE:
        (known.home / name).unlink(missing_ok=True)


def lose_pepper(known: SmallInstallation) -> None:
    (known.home / "pepper.key").unlink()


@pytest.mark.parametrize("name", ["ledger.pin", "keys.db", "ledger.db", "erasures.db"])
def test_an_erasure_while_it_copies_is_no_loss(
    known: SmallInstallation, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    after_copying(monkeypatch, name, lambda: known.erase(5))
    assert [str(finding) for finding in findings_of(known, Grade.REFUSES)] == []


def test_of_what_is_written_to_again_and_again_it_is_said_so(
    known: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = iter(range(5, 5 + MOST_LOOKS))
    tries = iter(range(100))
    copy = shutil.copyfile

    def copy_and_erase(source: Path, target: Path, **more: bool) -> Path:
        copy(source, target, **more)
        # The journal is copied again when it was written to; the next erasure waits until then.
        if Path(source).name == "erasures.db" and next(tries) % 2 == 0:
            known.erase(next(people))
        return target

    monkeypatch.setattr(shutil, "copyfile", copy_and_erase)
    remedy = about_key_store(known)
    assert "ask again" in remedy
    assert "renew-store" not in remedy
    assert list(people) == []


@pytest.mark.parametrize("lose", [lose_store, lose_pepper])
def test_nothing_is_renewed_while_an_erasure_is_under_way(
    known: SmallInstallation, lose: Callable[[SmallInstallation], None]
) -> None:
    lose(known)
    assert "renew-store" in about_key_store(known)
    with hold_erasure_lock(known.installation):
        remedy = about_key_store(known)
        assert "let it end" in remedy
        assert "erase --resume" in remedy
        assert "renew-store" not in remedy
        (note,) = (finding for finding in findings_of(known, Grade.NOTE) if finding.what == ERASURE)
        assert note.text == "one is under way"
    assert "renew-store" in about_key_store(known)


def test_an_erasure_that_began_after_the_copy_counts(
    known: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_pepper(known)
    answers = iter([False])
    monkeypatch.setattr(
        "tasks.doctor.under_way.is_erasure_under_way", lambda _: next(answers, True)
    )
    assert "let it end" in about_key_store(known)


@pytest.mark.parametrize("step", [ErasureStep.FIND_KEYS, ErasureStep.DESTROY_KEYS])
@pytest.mark.parametrize("lose", [lose_store, lose_pepper])
def test_what_was_begun_is_resumed_and_not_renewed(
    known: SmallInstallation, lose: Callable[[SmallInstallation], None], step: ErasureStep
) -> None:
    kill_at(step, "after", lambda: known.erase(5))
    (note,) = (finding for finding in findings_of(known, Grade.NOTE) if finding.what == ERASURE)
    assert "1 requests were begun and are not done. `./portcullis erase --resume`" in str(note)

    lose(known)
    remedy = about_key_store(known)
    assert "newest backup, then `./portcullis erase --resume`" in remedy
    assert "1 requests for erasure are not done" in remedy
    assert "renew-store" not in remedy


def test_a_root_key_that_was_half_exchanged_is_told(
    known: SmallInstallation, foreign: Path
) -> None:
    shutil.copy(foreign / "root.key", known.home / "root.next.key")
    (note,) = (finding for finding in findings_of(known, Grade.NOTE) if finding.what == ERASURE)
    assert "an exchange of the root key was interrupted" in note.text

    (known.home / "root.key").write_text("0" * 64)
    remedy = about_key_store(known)
    assert "erase --resume" in remedy
    assert "renew-store" not in remedy


def test_a_request_that_waits_for_tonight_is_not_called_begun(known: SmallInstallation) -> None:
    known.erase(9, later=True)
    assert not [finding for finding in findings_of(known, Grade.NOTE) if finding.what == ERASURE]


def not_answering(_: object) -> NoReturn:
    raise ServiceError("there", expected="a", found="b", remedy="Do c.")


def test_a_server_that_does_not_answer_is_no_erasure(
    known: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.doctor.under_way.is_erasure_under_way", not_answering)
    assert findings_of(known, Grade.REFUSES) == []


def test_what_mends_no_key_store_keeps_its_remedy(
    known: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.doctor.stores.open_ledger", not_answering)
    with hold_erasure_lock(known.installation):
        remedies = {finding.remedy for finding in findings_of(known, Grade.REFUSES)}
    assert "Do c." in remedies
