"""`export`: everything as JSON, into a file for one reader, and never over another file."""

import json
from pathlib import Path

import pytest

from tasks.errors import ConfigError
from tasks.keystore.custodians import LOCAL, new_custodian
from tasks.plain_text import UNSAFE_IN_TEXT
from tests.flows.cli.privacy.running import run
from tests.tasks.erasure.small_installation import CASE, SmallInstallation, email


def test_it_is_printed_as_json(
    small_installation: SmallInstallation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(small_installation, "export", CASE, "--subject", email(3)) == 0

    person = json.loads(capsys.readouterr().out)
    assert person["person"] == email(3)
    assert len(person["held"]) == 3


def test_what_a_terminal_would_obey_is_printed_as_json_escapes(
    small_installation: SmallInstallation,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    person = {"held": [], "restricted": [], "note": "Müller \x9b2J \u202e \U000e0041"}
    monkeypatch.setattr("tasks.access.export.export_person", lambda *_, **__: person)

    assert run(small_installation, "export", CASE, "--subject", email(3)) == 0

    output = capsys.readouterr().out
    assert json.loads(output) == person
    assert UNSAFE_IN_TEXT.search(output) is None
    assert "Müller" in output


def test_a_file_is_for_its_reader_alone_and_its_name_is_all_that_is_printed(
    small_installation: SmallInstallation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "person.json"

    assert run(small_installation, "export", CASE, "--subject", email(3), "--out", str(path)) == 0

    output, progress = capsys.readouterr()
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text())["person"] == email(3)
    assert output == ""
    assert f"{path}: 3 datasets" in progress


def test_a_file_that_is_there_is_not_written_over(
    small_installation: SmallInstallation, tmp_path: Path
) -> None:
    path = tmp_path / "person.json"
    path.write_text("another person's")

    with pytest.raises(ConfigError, match="nothing is written over"):
        run(small_installation, "export", CASE, "--subject", email(3), "--out", str(path))

    assert path.read_text() == "another person's"


@pytest.mark.parametrize("path", ["taken", "missing/person.json"])
def test_nothing_is_read_for_a_file_that_cannot_be_written(
    small_installation: SmallInstallation,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
) -> None:
    (tmp_path / "taken").touch()

    def read(*_: object, **__: object) -> None:
        pytest.fail("the person's data was read, and the reading audited, for nothing")

    monkeypatch.setattr("tasks.access.export.export_person", read)
    out = str(tmp_path / path)
    with pytest.raises(ConfigError, match=r"found (one|no such folder)"):
        run(small_installation, "export", CASE, "--subject", email(3), "--out", out)


def test_a_custodian_s_key_that_is_not_there_is_said(
    small_installation: SmallInstallation, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="that can be read; found none"):
        run(
            small_installation,
            "export",
            CASE,
            *("--subject", email(3), "--custodian", f"ada={tmp_path / 'ada.pem'}"),
        )


def test_a_use_case_that_is_not_there_is_said(small_installation: SmallInstallation) -> None:
    with pytest.raises(ConfigError):
        run(small_installation, "export", "nowhere", "--subject", email(3))


def test_custodians_are_named_with_their_key_files(
    small_installation: SmallInstallation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = {name: tmp_path / f"{name}.pem" for name in ("ada", "grace")}
    for name, path in paths.items():
        new_custodian(name, path, small_installation.workspace)
    small_installation.keep_decision_records(25)
    small_installation.erase(3)
    custodians = [f"--custodian={name}={path}" for name, path in paths.items()]
    assert not set(paths) & set(LOCAL)

    run(small_installation, "export", CASE, "--subject", email(3), *custodians)

    person = json.loads(capsys.readouterr().out)
    assert [held["dataset"] for held in person["held"]] == ["tiny/explain/reasons"]


def test_it_is_said_where_nothing_is_held_under_an_identifier(
    small_installation: SmallInstallation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(small_installation, "export", CASE, "--subject", "stranger@example.org") == 0

    output, progress = capsys.readouterr()
    assert json.loads(output)["held"] == []
    assert progress.startswith("Nothing is held under this identifier")
