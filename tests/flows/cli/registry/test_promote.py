"""What people read of promotion, of going back and of what served, and what programs get."""

import json
from pathlib import Path
from typing import Any

import pytest

from flows.cli.base.usage import UsageError
from flows.cli.proof import approve
from flows.cli.registry import promote, rollback, served, verify_model
from tasks.errors import ConfigError, EvidenceError, PortcullisError, RefusedError
from tasks.system.installation import Installation
from tests.flows.cli.running import run
from tests.tasks.judged import CASE
from tests.tasks.registering import enrol, model_here

pytestmark = [
    # MLflow 3.17 leaves SQLite connections to the collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def approve_present(installation: Installation, *more: str) -> None:
    key = enrol(installation.workspace, "ann")
    model = f"sha256:{model_here(installation.workspace)}"
    run(
        approve, installation, CASE, "--model", model, "--to", "champion",
        "--reason", "as good", "--expires", "2099-12-31", "--key", key, *more,
    )  # fmt: skip


def values_of(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_a_refusal_names_each_reason_and_exits_with_3(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RefusedError) as refused:
        run(promote, installation, CASE)
    assert refused.value.exit_code == 3
    assert capsys.readouterr().out == "approval: no second person has approved it\n"
    with pytest.raises(RefusedError):
        run(promote, installation, CASE, "--json")
    assert capsys.readouterr().out == ""  # the error itself has the reasons there


def test_an_approval_that_was_signed_elsewhere_is_recorded_first(
    installation: Installation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    approve_present(installation, "--print")
    given = tmp_path / "approval.json"
    given.write_text(capsys.readouterr().out)
    assert run(promote, installation, CASE, "--approval", given, "--json") == 0
    assert values_of(capsys)["serves"]["approvedBy"] == "ann"


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (None, ConfigError, "found none"),
        (b"\xff\xfe{}", ConfigError, "found bytes that are no text"),
        ("\n", ConfigError, "found an empty file"),
        ("{}", EvidenceError, "expected a DSSE envelope"),
        ("größe", EvidenceError, "expected a DSSE envelope"),
    ],
)
def test_what_is_no_approval_is_refused_and_nothing_is_decided(
    installation: Installation,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: str | bytes | None,
    error: type[PortcullisError],
    words: str,
) -> None:
    given = tmp_path / "approval.json"
    if content is not None:
        given.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(error, match=words):
        run(promote, installation, CASE, "--approval", given)
    assert run(served, installation, CASE, "--json") == 0
    assert values_of(capsys)["periods"] == []


def test_from_approval_to_what_served_when(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    approve_present(installation)
    capsys.readouterr()
    assert run(promote, installation, CASE, "--json") == 0
    serves = values_of(capsys)["serves"]
    assert (serves["version"], serves["approvedBy"]) == (2, "ann")

    assert run(promote, installation, CASE) == 0
    assert "it was decided before; nothing else was changed" in capsys.readouterr().out

    assert run(served, installation, CASE, "--json") == 0
    assert values_of(capsys)["periods"] == [serves]
    assert run(served, installation, CASE, "--at", "2099-01-01T12:00Z") == 0
    lines = capsys.readouterr().out
    assert "tiny@champion: version 2" in lines
    assert "approved by ann" in lines
    assert run(served, installation, CASE, "--at", "2001-01-01T12:00+02:00") == 0
    assert "nothing of it served then" in capsys.readouterr().out
    with pytest.raises(EvidenceError):
        run(rollback, installation, CASE)


@pytest.mark.parametrize("text", ["2026-11-20T12:00", "2026-11-20", "yesterday", ""])
def test_a_time_without_its_zone_is_refused(installation: Installation, text: str) -> None:
    if not text:
        assert run(served, installation, CASE) == 0
        return
    with pytest.raises(UsageError, match="with its zone"):
        run(served, installation, CASE, "--at", text)


def test_each_check_of_loading_is_said_and_nothing_is_loaded(
    installation: Installation,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def load(*_: object) -> None:
        raise AssertionError("something was loaded")

    monkeypatch.setattr("tasks.serving.loading.load_fetched", load)
    monkeypatch.setattr("tasks.model.DecisionModel.load", load)
    assert run(verify_model, installation, f"{CASE}@candidate") == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("pass  serving.") for line in lines) == 7
    assert lines[-1] == "it may decide today"

    assert run(verify_model, installation, f"models:/{CASE}/1", "--json") == 0
    assert values_of(capsys)["version"] == "1"

    for path in installation.home.glob("mlartifacts/**/scorer.json"):
        path.write_text(path.read_text().replace("0.5", "0.4"))
    assert run(verify_model, installation, f"{CASE}@candidate") == 3
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("fail  serving.cleared") for line in lines)
    assert lines[-1] == "it may not decide"


def test_an_approval_is_of_one_thing(installation: Installation) -> None:
    key = enrol(installation.workspace, "ann")
    model = f"sha256:{model_here(installation.workspace)}"
    with pytest.raises(UsageError, match="one of them"):
        run(
            approve, installation, CASE, "--model", model, "--to", "champion",
            "--undecided", "fairness", "--reason", "r", "--expires", "2099-12-31", "--key", key,
        )  # fmt: skip
