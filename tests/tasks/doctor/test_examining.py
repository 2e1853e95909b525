"""The doctor says what is missing, old or from elsewhere; it changes nothing, and never breaks."""

import errno
import gc
import hashlib
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from flows.__main__ import main
from tasks.attestation.statement import Artefact
from tasks.doctor import copying, examining, machine, stores
from tasks.doctor.copying import copied
from tasks.doctor.examining import examine
from tasks.doctor.findings import Finding, Grade
from tasks.errors import ConfigError
from tasks.guard.renewal import renew_store
from tasks.notary.notary import open_notary
from tests.tasks.erasure.small_installation import CASE, DAY, SmallInstallation, write
from tests.tasks.guard.test_opening import SECRETS, STORE, restore, save
from tests.tasks.predicate_samples import BATCH

LATER = date(2027, 6, 1)


def state_of(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def refusing(installation: SmallInstallation, day: date = DAY) -> list[str]:
    """Return what refuses, having seen that looking at it changed nothing."""
    gc.collect()  # connections of the test itself, which tidy up when they are closed
    before = state_of(installation.home)
    findings = examine(installation.installation, day)
    assert state_of(installation.home) == before
    return [str(finding) for finding in findings if finding.grade is Grade.REFUSES]


def test_all_is_well_with_an_installation_that_works(known: SmallInstallation) -> None:
    assert refusing(known) == []
    lines = [str(finding) for finding in examine(known.installation, DAY)]
    assert any("key store: as the log has seen it, or further; 1 erased" in line for line in lines)
    assert any("1 requests, 0 not done, 0 set aside" in line for line in lines)
    assert any("sealed files: 3 of 3 are ours" in line for line in lines)


def test_nothing_is_there_yet_and_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("PORTCULLIS_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    assert main(["doctor", "--all"]) == 0
    assert "home: none yet" in capsys.readouterr().out
    assert not home.exists()

    home.mkdir(mode=0o700)
    assert main(["doctor"]) == 0
    assert "key store: none yet" in capsys.readouterr().out
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("name", [*SECRETS, "root.key", "keys.db"])
def test_what_is_lost_is_named(known: SmallInstallation, name: str) -> None:
    for path in STORE if name == "keys.db" else [name]:
        (known.home / path).unlink(missing_ok=True)
    assert any(name in line for line in refusing(known))


@pytest.mark.parametrize("name", [*SECRETS, "root.key"])
def test_what_is_of_another_installation_is_named(
    known: SmallInstallation, foreign: Path, name: str
) -> None:
    shutil.copy(foreign / name, known.home)
    stem = name.removesuffix(".key")
    assert any(stem in line and "identity" in line for line in refusing(known))


def test_an_old_copy_is_named_with_what_it_would_undo(
    known: SmallInstallation, tmp_path: Path
) -> None:
    save(known.home, tmp_path / "backup")
    known.erase(5)
    restore(tmp_path / "backup", known.home, "keys.db")
    assert any("would bring back 1 people" in line for line in refusing(known))


def test_sealed_files_of_another_key_store_are_named(
    known: SmallInstallation, foreign: Path, tmp_path: Path
) -> None:
    save(foreign, tmp_path / "backup")
    restore(tmp_path / "backup", known.home, "keys.db", "root.key", *SECRETS)
    assert any("are unknown to this key store, and not erased" in line for line in refusing(known))


def test_a_lost_log_pin_or_journal_is_named(known: SmallInstallation) -> None:
    (known.home / "erasures.db").unlink()
    words = "journal of erasures erasures.db: expected"
    assert any(words in line and "found none" in line for line in refusing(known))
    (known.home / "ledger.pin").unlink()
    assert any("ledger.pin" in line and "keys pin" in line for line in refusing(known))


def test_a_lost_log_is_named(known: SmallInstallation) -> None:
    for path in known.home.glob("ledger.db*"):
        path.unlink()
    assert any("ledger: expected at least" in line for line in refusing(known))


@pytest.mark.parametrize("name", ["keys.db", "ledger.db", "erasures.db"])
@pytest.mark.parametrize(
    "content", [b"", b"no database at all" * 100], ids=["emptied", "overwritten"]
)
def test_a_broken_database_is_named_and_ends_no_other_look(
    known: SmallInstallation, name: str, content: bytes
) -> None:
    for path in known.home.glob(f"{name}-*"):
        path.unlink()
    (known.home / name).write_bytes(content)
    lines = refusing(known)
    assert lines
    assert any("disk of home" in str(line) for line in examine(known.installation, DAY))


@pytest.mark.parametrize("name", [*SECRETS, "root.key", "keys.db", "ledger.db", "ledger.pin"])
@pytest.mark.parametrize("is_link", [False, True], ids=["folder", "link to nowhere"])
def test_what_is_no_file_is_named(known: SmallInstallation, name: str, is_link: bool) -> None:
    path = known.home / name
    path.unlink(missing_ok=True)
    if is_link:
        path.symlink_to("nowhere")
    else:
        path.mkdir()
    assert any(f"{name}: no file, but a folder" in line for line in refusing(known))


@pytest.mark.parametrize("name", [*SECRETS, "root.key"])
def test_findings_name_the_files_of_the_installation(known: SmallInstallation, name: str) -> None:
    (known.home / name).write_bytes("päper".encode())
    lines = refusing(known)
    assert any(f"{known.home / name}: expected 32 bytes in hex" in line for line in lines)
    assert not any("portcullis-doctor" in line for line in lines)


def test_files_that_are_not_ours_are_not_called_well(known: SmallInstallation) -> None:
    path = known.workspace / "data" / CASE / "redact" / "rows.parquet"
    path.write_bytes(b"no parquet")
    findings = examine(known.installation, DAY)
    (line,) = (finding for finding in findings if finding.what == "sealed files")
    assert (line.grade, line.text) == (Grade.NOTE, "2 of 3 are ours")


def test_cache_and_remotes_are_looked_at(
    known: SmallInstallation, foreign: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(known.workspace)
    texts = [str(finding) for finding in examine(known.installation, DAY)]
    assert sum("9 of 9 sealed files are ours" in text for text in texts) == 2  # cache and remote

    save(foreign, tmp_path / "backup")
    restore(tmp_path / "backup", known.home, "keys.db", "root.key", *SECRETS)
    findings = [finding for finding in examine(known.installation, DAY) if "0 of 9" in finding.text]
    assert {finding.grade for finding in findings} == {Grade.NOTE}
    assert all("No erasure finds anybody" in finding.remedy for finding in findings)


def test_lost_signing_keys_are_named(known: SmallInstallation) -> None:
    shutil.rmtree(known.home / "signing")
    assert any("signing keys: no key file, and a log of" in line for line in refusing(known))


@pytest.mark.parametrize("role", ["audit", "log", "root"])
def test_one_lost_signing_key_is_named(known: SmallInstallation, role: str) -> None:
    (known.home / "signing" / f"{role}.pem").unlink()
    lines = refusing(known)
    assert any(f"signing keys `{role}`: no key file" in line for line in lines)


def test_a_damaged_signing_key_is_named_by_its_file(known: SmallInstallation) -> None:
    (known.home / "signing" / "audit.pem").write_bytes(b"\xff")
    assert any("audit.pem: expected an Ed25519 private key" in line for line in refusing(known))


def test_signing_keys_of_another_installation_are_named(
    known: SmallInstallation, foreign: Path
) -> None:
    shutil.copy(foreign / "signing" / "audit.pem", known.home / "signing")
    lines = refusing(known)
    assert any("signing keys `audit`: a key that the log does not know" in line for line in lines)


@pytest.mark.parametrize("role", ["audit", "log"])
def test_a_signing_key_of_before_a_rotation_is_named(
    known: SmallInstallation, tmp_path: Path, role: str
) -> None:
    path = known.home / "signing" / f"{role}.pem"
    shutil.copy(path, tmp_path)
    assert main(["keys", "rotate", role]) == 0
    assert not any("signing keys" in line for line in refusing(known))

    shutil.copy(tmp_path / path.name, path)

    (line,) = (line for line in refusing(known) if "signing keys" in line)
    assert f"`{role}`: a key that the log has voided" in line
    assert f"keys rotate {role}" in line


def test_keys_that_a_service_keeps_are_not_looked_for(
    known: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(known.home / "signing")
    monkeypatch.setenv("PORTCULLIS_SIGNING_VAULT_ADDR", "http://127.0.0.1:9")
    assert not any("signing keys" in line for line in refusing(known))


def test_a_log_that_nothing_anchors_is_noted(known: SmallInstallation) -> None:
    texts = [str(finding) for finding in examine(known.installation, DAY)]
    assert any("anchors: none are configured" in text for text in texts)


@pytest.mark.parametrize(
    ("line", "grade"),
    [
        ("mirror: it is empty; run `./portcullis anchor`", Grade.NOTE),
        ("mirror: it holds 9 entries, more than the log here: rolled back", Grade.REFUSES),
        ("", Grade.WELL),
    ],
)
def test_what_anchors_know_of_the_log_is_said(
    known: SmallInstallation, monkeypatch: pytest.MonkeyPatch, line: str, grade: Grade
) -> None:
    monkeypatch.setenv("PORTCULLIS_LEDGER_MIRROR", "s3://mirror/log")
    monkeypatch.setattr(stores, "refusals", lambda *_: (line,) if line else ())
    findings = examine(known.installation, DAY)
    assert [finding.grade for finding in findings if finding.what == "anchors"] == [grade]


def test_a_copy_holds_what_anchors_have_signed(known: SmallInstallation) -> None:
    write(known.home / "anchors" / "5.checkpoint", "x")
    with copied(known.installation) as copy:
        assert (copy.home / "anchors" / "5.checkpoint").read_text() == "x"


def after_copying(monkeypatch: pytest.MonkeyPatch, name: str, act: Callable[[], object]) -> None:
    """Act once, as another process would, when the file of that name was copied."""
    copy = shutil.copyfile
    remaining = [act]

    def copy_and_act(source: Path, target: Path, **more: bool) -> Path:
        copy(source, target, **more)
        if Path(source).name == name and remaining:
            remaining.pop()()
        return target

    monkeypatch.setattr(shutil, "copyfile", copy_and_act)


def test_a_copy_has_what_was_merged_while_it_was_made(
    known: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(sqlite3.connect(known.home / "keys.db", isolation_level=None)) as other:
        other.execute("PRAGMA user_version = 7")
        assert (known.home / "keys.db-wal").stat().st_size
        after_copying(
            monkeypatch, "keys.db", lambda: other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        )
        with (
            copied(known.installation) as copy,
            closing(sqlite3.connect(copy.home / "keys.db")) as there,
        ):
            assert there.execute("PRAGMA user_version").fetchone() == (7,)


def test_a_database_that_is_merged_again_and_again_is_named(
    known: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "TICK_SECONDS", 0)
    sizes = iter(range(1_000))
    monkeypatch.setattr(copying, "_mark", lambda _: (next(sizes),))
    assert [line for line in refusing(known) if "keys.db" in line and "none in 50" in line]


@pytest.mark.parametrize("name", ["ledger.pin", "keys.db", "ledger.db", "erasures.db"])
def test_a_log_that_grows_while_it_looks_is_not_truncated(
    known: SmallInstallation, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def append() -> None:
        with open_notary(known.installation) as notary:
            notary.record(BATCH.about(Artefact("audit/events-2026.jsonl", "0" * 64)))

    after_copying(monkeypatch, name, append)
    findings = examine(known.installation, DAY)
    assert [str(finding) for finding in findings if finding.grade is Grade.REFUSES] == []


def test_a_request_that_is_past_its_term_is_named(known: SmallInstallation) -> None:
    known.erase(9, later=True)
    assert refusing(known) == []
    assert any("past its term" in line for line in refusing(known, LATER))


def test_files_that_others_may_read_are_named(known: SmallInstallation) -> None:
    (known.home / "pepper.key").chmod(0o644)
    assert any("pepper.key: others may read it (mode 644)" in line for line in refusing(known))
    (known.home / "pepper.key").chmod(0o600)
    known.home.chmod(0o755)
    texts = [str(finding) for finding in examine(known.installation, DAY)]
    assert any("others may look into it (mode 755)" in text for text in texts)


def test_a_file_that_goes_while_it_is_looked_at_is_no_loss(
    known: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `root.next.key` does when an erasure has exchanged the root key, and a log when closed."""
    shutil.copy(known.home / "root.key", known.home / "root.next.key")
    glob = Path.glob

    def glob_and_remove(path: Path, pattern: str) -> Iterator[Path]:
        yield from list(glob(path, pattern))
        (known.home / "root.next.key").unlink(missing_ok=True)

    monkeypatch.setattr(Path, "glob", glob_and_remove)
    findings = list(machine.look_at_home(known.installation))
    assert not [str(finding) for finding in findings if finding.grade is Grade.REFUSES]


def test_a_full_disk_is_named(known: SmallInstallation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "LEAST_FREE_MIB", 1 << 40)
    monkeypatch.setattr(machine, "LOW_FREE_MIB", 1 << 41)
    assert any("disk of home" in line and "Make room" in line for line in refusing(known))


def test_a_server_that_does_not_answer_is_named(
    known: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "postgresql+psycopg://x:secret@localhost:1/none"
    monkeypatch.setenv("PORTCULLIS_MLFLOW_DATABASE_URL", url)
    lines = refusing(known)
    assert any("MLflow's database: no answer" in line for line in lines)
    assert not any("secret@" in line for line in lines)


def test_a_renewed_store_is_noted(known: SmallInstallation) -> None:
    for name in STORE:
        (known.home / name).unlink(missing_ok=True)
    renew_store("the disk was lost", known.installation)
    texts = [str(finding) for finding in examine(known.installation, DAY)]
    assert any("the disk was lost (1 erasures lost)" in text for text in texts)
    assert any("holds what was left of an older key store" in text for text in texts)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConfigError("there", expected="a", found="b", remedy="Do c."), "there: expected a; found"),
        (ValueError("a personal value"), "it cannot be looked at (ValueError)"),
    ],
)
def test_a_look_that_breaks_is_a_finding(error: Exception, words: str) -> None:
    def look() -> "Callable[[], object]":
        raise error

    (finding,) = examining._taken("a thing", look)  # type: ignore[arg-type]
    assert finding.grade is Grade.REFUSES
    assert words in str(finding)
    assert "personal" not in str(finding)


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "no room"), PermissionError(errno.EACCES, "not yours")]
)
def test_what_no_backup_mends_asks_for_none(error: OSError) -> None:
    def look() -> "Callable[[], object]":
        raise error

    (finding,) = examining._taken("key store", look)  # type: ignore[arg-type]
    assert finding.grade is Grade.REFUSES
    assert "backup" not in str(finding)


def test_the_command_ends_with_three_where_something_refuses(
    known: SmallInstallation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(known.workspace)
    assert main(["doctor"]) == 0
    (known.home / "tombstone.key").unlink()
    assert main(["doctor"]) == 3
    output = capsys.readouterr().out
    assert "secret tombstone.key: missing" in output
    assert "refuse" in output.splitlines()[-1]


def test_a_finding_is_one_line_with_what_to_do() -> None:
    assert str(Finding(Grade.NOTE, "x", "y", "Do z.")) == "note     x: y. Do z."
    assert str(Finding(Grade.WELL, "x", "y")) == "well     x: y"
