"""What the key store has seen of the journal never falls: holds and who waits are not forgotten."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.__main__ import main
from tasks.erasure.journal import open_known_journal, renew_journal
from tasks.erasure.queue import ErasureStores
from tasks.errors import ConfigError, EvidenceError
from tasks.guard.journals import JOURNAL_FILE, note_journal, read_seen_journals
from tests.tasks.erasure.small_installation import CASE, SmallInstallation, email

HELD = 5  # somebody with a decision record
Harm = Callable[[SmallInstallation, Path], None]


def journal_files(installation: SmallInstallation) -> list[Path]:
    return sorted(installation.home.glob(f"{JOURNAL_FILE}*"))


def save(installation: SmallInstallation, folder: Path) -> None:
    folder.mkdir()
    for path in journal_files(installation):
        shutil.copy(path, folder)


def lose(installation: SmallInstallation, backup: Path) -> None:
    del backup
    for path in journal_files(installation):
        path.unlink()


def empty(installation: SmallInstallation, backup: Path) -> None:
    lose(installation, backup)
    (installation.home / JOURNAL_FILE).touch(0o600)


def restore(installation: SmallInstallation, backup: Path) -> None:
    lose(installation, backup)
    for path in backup.iterdir():
        shutil.copy(path, installation.home)


def begin_anew(installation: SmallInstallation, backup: Path) -> None:
    lose(installation, backup)
    installation.journal.extent()


HARMS = pytest.mark.parametrize(
    ("harm", "found"),
    [
        (lose, "found none"),
        (empty, "found none"),
        (begin_anew, "found another, or one begun anew"),
        (restore, "found an older copy, with 1 requests, 1 of them done, and 0 holds"),
    ],
)


@pytest.fixture
def backup(known: SmallInstallation, tmp_path: Path) -> Path:
    """A copy of the journal from before a hold was placed."""
    folder = tmp_path / "backup"
    save(known, folder)
    known.hold(HELD)
    with ErasureStores.open(known.installation, print).locked():
        pass
    return folder


@HARMS
def test_a_journal_that_forgot_a_hold_refuses_and_destroys_nothing(
    known: SmallInstallation, backup: Path, harm: Harm, found: str
) -> None:
    harm(known, backup)
    with pytest.raises(EvidenceError, match=found) as refusal:
        known.erase(HELD)
    assert "keys renew-journal" in str(refusal.value)
    with pytest.raises(EvidenceError, match=found):
        known.resume()
    assert len(known.readable_copies()) == 39  # all but the one who was erased before


@HARMS
def test_commands_refuse_in_one_line(
    known: SmallInstallation,
    backup: Path,
    harm: Harm,
    found: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    harm(known, backup)
    monkeypatch.chdir(known.workspace)
    for arguments in (
        ["requests"],
        ["hold", CASE, "--subject", email(7), "--basis", "Court of X, 1", "--review", "2099-01-01"],
        ["erase", CASE, "--subject", email(7)],
    ):
        assert main(arguments) == 2
        assert found in capsys.readouterr().err
    assert main(["doctor"]) == 3
    assert found in capsys.readouterr().out


def test_a_journal_that_is_further_is_noted(known: SmallInstallation) -> None:
    known.hold(HELD)  # by a process that was killed before it could note that
    tables = known.keys.tables
    assert {seen.holds for seen in read_seen_journals(tables).values()} == {0}
    known.resume()
    assert {seen.holds for seen in read_seen_journals(tables).values()} == {1}


def test_what_was_noted_never_falls(known: SmallInstallation) -> None:
    extent = known.journal.extent()
    known.hold(HELD)
    note_journal(known.keys, known.journal.extent())
    note_journal(known.keys, extent)  # read before the hold, written after it
    assert read_seen_journals(known.keys.tables)[extent.journal_id].holds == 1


def test_hosts_that_share_a_key_store_have_a_journal_each(
    known: SmallInstallation, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = known.keys.tables
    monkeypatch.setenv("PORTCULLIS_KEYS_URL", "postgresql://keys@example.org/keys")
    lose(known, backup)
    open_known_journal(known.installation, tables)  # a new host's first
    restore(known, backup)
    with pytest.raises(EvidenceError, match="an older copy"):
        open_known_journal(known.installation, tables)


def test_a_person_may_begin_a_new_journal(
    known: SmallInstallation,
    backup: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    restore(known, backup)
    monkeypatch.chdir(known.workspace)
    assert main(["keys", "renew-journal", "--reason", "the disk broke", "--json"]) == 0
    (aside,) = (known.home / "set-aside").iterdir()
    answer = json.loads(capsys.readouterr().out)
    assert "place every hold again" in answer.pop("done")
    assert answer == {"isNew": True, "setAside": str(aside)}
    assert JOURNAL_FILE in {path.name for path in aside.iterdir()}
    assert known.erase(HELD).requests[0].state == "erased"
    # The old one does not come back beside it.
    restore(known, backup)
    with pytest.raises(EvidenceError, match="another, or one begun anew"):
        known.resume()


def test_nothing_is_renewed_without_a_reason_or_a_loss(known: SmallInstallation) -> None:
    for reason, expected in ((" ", "a reason"), ("broken", "one that is lost")):
        with pytest.raises(ConfigError, match=expected):
            renew_journal(reason, known.installation)
    assert not (known.home / "set-aside").exists()


def test_what_cannot_be_noted_is_noted_by_the_next(
    known: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tasks.erasure.queue.note_journal", break_down)
    lines: list[str] = []
    with ErasureStores.open(known.installation, lines.append).locked():
        known.hold(HELD)
    assert lines == [
        "the journal's extent could not be noted: the disk is full: free some space on it"
    ]
