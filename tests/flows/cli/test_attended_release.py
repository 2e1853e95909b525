"""What `./portcullis release` prints of a release that has ended."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from flows.cli.attended_release import describe_rows, print_outcome, refused_by_api
from flows.steps import where
from tasks.errors import EvidenceError
from tasks.gates import at_least
from tasks.plain_text import one_line
from tasks.stages.fairness.checks import FairnessCheck
from tests.installations import installation_at
from tests.tasks.judged import CASE, judged, put_verdict


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A use case whose every gate has passed, in the place where its release ran."""
    root = judged(tmp_path)
    monkeypatch.setitem(where._places, CASE, cast(Any, SimpleNamespace(shown=root)))
    return root


def write_reports(workspace: Path, stages: dict[str, dict[str, object]]) -> None:
    for stage, report in stages.items():
        folder = workspace / "data" / "small" / stage
        folder.mkdir(parents=True)
        (folder / "report.json").write_text(json.dumps(report))


TRAINED: dict[str, object] = {"rows": {"unsealed": 12_000, "shredded": 3}}


def test_rows_are_counted_from_both_reports(tmp_path: Path) -> None:
    write_reports(tmp_path, {"train": TRAINED, "ingest": {"erased_rows": 4}})
    line = describe_rows("small", tmp_path)
    assert line.split() == [
        "rows",
        "12,000",
        "unsealed,",
        "3",
        "shredded,",
        "4",
        "left",
        "out",
        "as",
        "erased",
    ]


@pytest.mark.parametrize(
    ("reached", "is_shown"),
    [({"ingest", "train"}, True), ({"ingest"}, False), (set(), False), (None, True)],
)
def test_a_release_that_trained_nothing_shows_no_rows_of_an_earlier_one(
    tmp_path: Path, reached: set[str] | None, is_shown: bool
) -> None:
    write_reports(tmp_path, {"train": TRAINED, "ingest": {"erased_rows": 4}})
    stages = None if reached is None else frozenset(reached)
    assert bool(describe_rows("small", tmp_path, stages)) is is_shown


def test_an_api_that_records_nothing_more_is_a_service_that_failed() -> None:
    error = refused_by_api("PrefectHTTPStatusError")
    assert error.exit_code == 4
    assert "found PrefectHTTPStatusError. What its server says" in str(error)


HOSTILE = (
    "[/b]",
    "[green]REGISTERED[/green]",
    "[link=https://example.org]x[/link]",
    ":warning:",
    "\x1b[2J\x1b[H",
    "\x9b31m",
    "a\nREGISTERED. tiny",
    "\u202eDERETSIGER",
    "<b>x</b>",
)


@pytest.mark.parametrize("group", HOSTILE, ids=ascii)
@pytest.mark.parametrize("is_blocked", [False, True])
def test_a_group_of_any_name_is_printed_as_text(
    workspace: Path, capsys: pytest.CaptureFixture[str], group: str, is_blocked: bool
) -> None:
    failed = at_least(FairnessCheck.DISPARATE_IMPACT_RATIO, f"ratio of {group}", 0.4, 0.8)
    put_verdict(workspace, "fairness", checks=(failed,))
    print_outcome(CASE, f"fairness: {group}", installation_at(workspace), is_blocked=is_blocked)

    printed = capsys.readouterr().out
    assert printed.replace("\n", "").isprintable()
    assert one_line(group).split()[0] in printed
    assert [line for line in printed.splitlines() if line.startswith("REGISTERED. tiny")] == []


@pytest.mark.parametrize("text", ["{", "[]", '{"rows": 1}', '{"rows": {"unsealed": "x"}}'])
def test_a_report_of_another_form_is_one_line(tmp_path: Path, text: str) -> None:
    write_reports(tmp_path, {"train": TRAINED, "ingest": {"erased_rows": 4}})
    (tmp_path / "data" / "small" / "train" / "report.json").write_text(text)
    with pytest.raises(EvidenceError, match="release small"):
        describe_rows("small", tmp_path)


@pytest.mark.parametrize(
    "stages", [{}, {"train": TRAINED}, {"ingest": {"erased_rows": 4}}], ids=["none", "one", "other"]
)
def test_before_the_first_training_there_are_no_rows_to_count(
    tmp_path: Path, stages: dict[str, dict[str, object]]
) -> None:
    write_reports(tmp_path, stages)
    assert describe_rows("small", tmp_path) == ""


def test_a_registered_model_is_printed_after_its_gates(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    print_outcome(CASE, "tiny: every gate passed", installation_at(workspace), is_blocked=False)
    output = capsys.readouterr().out
    assert output.index(f"Gates of {CASE}") < output.index("REGISTERED. tiny: every gate passed")
    assert "BLOCKED" not in output


def test_a_blocked_release_names_every_refusal(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    print_outcome(CASE, "train: auc\nfairness: a", installation_at(workspace), is_blocked=True)
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    start = lines.index("BLOCKED: nothing was registered.")
    assert lines[start + 1 : start + 3] == ["train: auc", "fairness: a"]
    assert not any("REGISTERED." in line for line in lines)


def test_the_registry_s_command_is_on_a_line_of_its_own_to_be_copied(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = f"sqlite:////{'long/' * 40}mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    print_outcome(CASE, "", installation_at(workspace), is_blocked=False)
    assert f"mlflow ui --backend-store-uri {uri}\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("https://ann:word-of-ann@registry.example/", "https://registry.example/"),
        ("postgresql://ann:word-of-ann@db/mlflow", '--backend-store-uri "$MLFLOW_TRACKING_URI"'),
    ],
)
def test_where_the_registry_is_holds_no_password(
    workspace: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    uri: str,
    shown: str,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    print_outcome(CASE, "", installation_at(workspace), is_blocked=False)
    printed = capsys.readouterr().out
    assert f"{shown}\n" in printed
    assert "word-of-ann" not in printed
