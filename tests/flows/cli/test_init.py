"""`init`: a draft that is refused until a person has been through it, and that holds no value."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.cli import init, sync
from tasks.config.cases import load_case
from tasks.errors import ConfigError, SourceError
from tasks.path import GATES
from tests.cases import yaml_text
from tests.flows.cli.running import run
from tests.flows.workspace import case, people
from tests.installations import installation_at

CHECKOUT = Path(__file__).parents[3]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout without use cases; the caller stands in the folder of the deliveries."""
    checkout = tmp_path / "checkout"
    (checkout / "configs").mkdir(parents=True)
    shutil.copy2(CHECKOUT / "prefect.yaml", checkout)
    monkeypatch.chdir(checkout)
    deliveries = tmp_path / "deliveries"
    deliveries.mkdir()
    monkeypatch.setenv("PORTCULLIS_CALLER_FOLDER", str(deliveries))
    frame = people()
    frame["remark"] = "canary asked for a call in the morning"
    frame.drop(columns="debt").to_csv(deliveries / "applications.csv", index=False)
    frame[["email", "debt"]].to_json(deliveries / "bureau.jsonl", orient="records", lines=True)
    return checkout


def draft(name: str, *files: str) -> int:
    first, *more = files
    return run(init, installation_at(Path()), name, "--from", first, *more)


def both() -> int:
    return draft("bank", "applications.csv", "bureau.jsonl")


def completed(values: Any, answers: Any) -> Any:
    """Fill what a draft leaves empty with what the small use case says at that place."""
    if isinstance(values, dict):
        return {
            key: completed(value, answers.get(key) if isinstance(answers, dict) else None)
            for key, value in values.items()
        }
    return answers if values is None else values


def test_a_draft_is_refused_until_it_is_filled_in_and_then_well_formed(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert both() == 0
    assert run(sync, installation_at(Path())) == ConfigError.exit_code
    assert "expected a value that a person has decided on" in capsys.readouterr().err
    with pytest.raises(ConfigError):
        load_case("bank", workspace)

    path = workspace / "configs" / "bank" / "case.yaml"
    values = completed(yaml.safe_load(path.read_text()), case())
    # Of what a person has to say about the draft's texts, the small use case has nothing.
    path.write_text(yaml_text(values))
    assert run(sync, installation_at(Path())) == ConfigError.exit_code
    assert "limits.redact.not_applicable" in capsys.readouterr().err
    values["limits"]["redact"]["not_applicable"] = "nobody planted answers"
    path.write_text(yaml_text(values))
    reasons = workspace / "configs" / "bank" / "reasons.yaml"
    text = reasons.read_text().replace("text:  #", "text: A reason in words  #")
    text = text.replace(": }  #", ": below}  #").replace("least_share:  #", "least_share: 0.1  #")
    text = text.replace("language:  #", "language: en  #")
    reasons.write_text(text)
    capsys.readouterr()
    assert run(sync, installation_at(Path())) == 0
    assert "bank: well-formed" in capsys.readouterr().out
    assert load_case("bank", workspace)["columns"]["email"]["role"] == "subject"


def test_no_value_is_written_or_printed(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both()
    written = "".join(path.read_text() for path in (workspace / "configs").rglob("*.yaml"))
    said = capsys.readouterr().out
    for value in ("canary", "person1@", "example.org", "blue", "green"):
        assert value not in written + said
    assert "900 rows looked at" in said
    assert "Next: open configs/bank/case.yaml" in said


def test_every_limit_and_agreement_is_empty_and_every_guess_is_marked(workspace: Path) -> None:
    both()
    text = (workspace / "configs" / "bank" / "case.yaml").read_text()
    values = yaml.safe_load(text)
    assert {value for gate in values["limits"].values() for value in gate.values()} == {None}
    assert set(values["limits"]) == {gate.name for gate in GATES}
    for source in values["sources"].values():
        agreed = ("owner", "role", "legal_basis", "agreement", "expires")
        assert {source[field] for field in agreed} == {None}
    columns = [line for line in text.splitlines() if ", source: " in line and "role: " in line]
    assert len(columns) == len(values["columns"])
    assert all("# confirm: " in line for line in columns)


def test_paths_below_the_checkout_are_relative_to_it(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace / "in").mkdir()
    shutil.copy2(workspace.parent / "deliveries" / "applications.csv", workspace / "in")
    monkeypatch.setenv("PORTCULLIS_CALLER_FOLDER", str(workspace / "configs"))
    draft("bank", "../in/applications.csv")
    values = yaml.safe_load((workspace / "configs" / "bank" / "case.yaml").read_text())
    assert values["sources"]["applications"]["path"] == "in/applications.csv"


def test_nothing_is_overwritten(workspace: Path) -> None:
    both()
    before = {
        path: path.read_bytes() for path in (workspace / "configs").rglob("*") if path.is_file()
    }
    with pytest.raises(ConfigError, match="nothing is overwritten"):
        both()
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("name", ["Bank", "1bank", "a-b", "../bank", "", "b" * 41])
def test_a_name_that_cannot_be_one_is_refused(workspace: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="the name of the use case"):
        draft(name, "applications.csv")
    assert not list((workspace / "configs").iterdir())


def test_a_file_that_is_not_there_leaves_nothing(workspace: Path) -> None:
    with pytest.raises(SourceError, match=r"gone\.csv"):
        draft("bank", "applications.csv", "gone.csv")
    assert not list((workspace / "configs").iterdir())


def test_columns_that_two_files_have_beside_the_key_get_names_of_their_own(
    workspace: Path,
) -> None:
    deliveries = workspace.parent / "deliveries"
    shutil.copy2(deliveries / "applications.csv", deliveries / "more.csv")
    assert draft("bank", "applications.csv", "more.csv") == 0
    values = yaml.safe_load((workspace / "configs" / "bank" / "case.yaml").read_text())
    rename = values["sources"]["more"]["rename"]
    assert rename
    assert all(name == f"more_{own}" for own, name in rename.items())
    assert "email" not in rename
    assert values["ingest"]["joins"][0]["by"] == "email"


def test_names_that_yaml_would_misread_are_quoted(workspace: Path) -> None:
    path = workspace.parent / "deliveries" / "odd.csv"
    rows = "".join(f"p{i}@example.org,{i % 2},{i}.5,{i % 5}\n" for i in range(60))
    path.write_text("email,no,a: b,2nd\n" + rows)
    draft("bank", "odd.csv")
    values = yaml.safe_load((workspace / "configs" / "bank" / "case.yaml").read_text())
    assert list(values["columns"]) == ["email", "no", "a: b", "2nd"]
    suite = yaml.safe_load((workspace / "configs" / "bank" / "suite.yaml").read_text())
    assert suite["name"] == "bank"


# A repository


def test_without_files_it_makes_a_repository_where_the_person_stands_and_upgrades_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PORTCULLIS_CALLER_FOLDER", str(tmp_path))
    assert run(init, installation_at(CHECKOUT), "models", "--example") == 0
    assert (tmp_path / "models" / "configs" / "claims" / "case.yaml").is_file()
    assert "release claims" in capsys.readouterr().out

    manifest = tmp_path / "models" / "configs" / "portcullis.json"
    manifest.write_text(manifest.read_text().replace(' "LICENSE-portcullis"', ' "OLD"'))
    (tmp_path / "models" / "LICENSE-portcullis").rename(tmp_path / "models" / "OLD")
    assert run(init, installation_at(CHECKOUT), "models", "--upgrade") == 0
    assert "1 files written, 1 removed; nothing of yours was touched" in capsys.readouterr().out


@pytest.mark.parametrize("chosen", ["example", "upgrade"])
def test_a_draft_and_a_repository_are_two_commands(chosen: str) -> None:
    with pytest.raises(ConfigError, match="expected --from alone"):
        run(init, installation_at(CHECKOUT), "bank", "--from", "applications.csv", f"--{chosen}")


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to_is_one_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigError, match="PermissionError"):
        run(init, installation_at(CHECKOUT), tmp_path / "models")


def test_a_folder_below_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="expected a folder that can be written to"):
        run(init, installation_at(CHECKOUT), tmp_path / "file" / "models")
