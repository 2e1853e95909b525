"""`sync`: what it checks before the first stage runs, and what it derives from the use cases."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.cli import sync
from flows.cli.base.usage import UsageError
from flows.use_cases.deployments import BEGIN, END, put_deployments
from tasks.config.deployment import DeploymentParams
from tasks.errors import ConfigError
from tests.cases import change_case, sync_cases, write_case, write_case_text, yaml_text
from tests.flows.cli.running import run
from tests.flows.workspace import CASE, case, write_case_files
from tests.installations import installation_at

CHECKOUT = Path(__file__).parents[3]
CHILD = """\
extends: tiny
title: Small
deployment: {schedule: "30 4 * * 1-5", timezone: Europe/Berlin}
train: {champion: none yet}
register: {model: small}
"""


def faults_of_sync(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the lines of the faults that `sync` finds, without the one that counts them."""
    assert run(sync, installation_at(Path())) == ConfigError.exit_code
    *lines, total = capsys.readouterr().err.splitlines()
    assert total.endswith("nothing was written")
    assert total.startswith(f"portcullis: {len(lines)} fault")
    return lines


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout's configuration with the small use case."""
    shutil.copy2(CHECKOUT / "prefect.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    write_case_files(tmp_path)
    write_case(tmp_path, CASE, case())
    return tmp_path


def test_it_says_what_it_checked_writes_what_follows_and_then_nothing(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(sync, installation_at(Path())) == 0
    assert "tiny: well-formed: 2 sources, 6 columns" in capsys.readouterr().out
    assert run(sync, installation_at(Path()), "--check") == 0
    before = (workspace / "prefect.yaml").stat().st_mtime_ns
    assert run(sync, installation_at(Path())) == 0
    assert (workspace / "prefect.yaml").stat().st_mtime_ns == before


def test_a_comparison_does_not_pass_over_that_sources_were_to_be_read(workspace: Path) -> None:
    with pytest.raises(UsageError, match="--check and --sources: expected one of them"):
        run(sync, installation_at(workspace), "--check", "--sources")


def test_a_use_case_that_extends_is_listed_deployed_and_described(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_case_text(
        workspace,
        "small",
        f"{CHILD}limits: {{train: {{auc: 0.55}}}}\n"
        "limit_changes: {train.auc: a pilot of few rows}",
    )
    assert run(sync, installation_at(Path()), "--check") == 2
    assert run(sync, installation_at(Path())) == 0
    said = capsys.readouterr().out
    assert (
        "extends tiny; differs in deployment.schedule, deployment.timezone, limits.train.auc"
        in said
    )
    assert "LIMIT train.auc: 0.55 in place of 0.6: a pilot of few rows" in said
    assert "use_cases:\n  - small\n  - tiny\n" in (workspace / "configs/index.yaml").read_text()

    deployments = yaml.safe_load((workspace / "prefect.yaml").read_text())["deployments"]
    by_name = {each["name"]: each for each in deployments}
    erasing = ["erase", "erase-due"]
    assert list(by_name) == ["release-small", "release-tiny", *erasing, "watch-audit"]
    assert by_name["release-small"]["schedules"] == [
        {"cron": "30 4 * * 1-5", "timezone": "Europe/Berlin"}
    ]
    assert by_name["release-tiny"]["schedules"] == []
    assert by_name["release-small"]["parameters"] == {"use_case": "small"}


@pytest.mark.parametrize(
    "path", ["configs/index.yaml", f"configs/{CASE}/resolved.yaml", "prefect.yaml"]
)
def test_a_derived_file_that_somebody_edited_is_out_of_date(
    workspace: Path, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(sync, installation_at(Path())) == 0
    text = (workspace / path).read_text()
    (workspace / path).write_text(text.replace(CASE, "other"))
    assert run(sync, installation_at(Path()), "--check") == 2
    assert f"{path} is out of date: ./portcullis sync" in capsys.readouterr().out


Change = Callable[[dict[str, Any]], object]
FAULTS: dict[str, tuple[Change, str]] = {
    "a misspelt section": (lambda v: v.update(tran={}), "unknown: tran"),
    "a misspelt kind": (lambda v: v["columns"]["email"].update(kind="emial"), "a known `kind`"),
    "limits of no gate": (lambda v: v["limits"].update(valid={"x": 1}), "unknown: valid"),
    "an empty limit": (
        lambda v: v["limits"]["train"].update(auc=None),
        "limits.train.auc: expected a value that a person has decided on",
    ),
    "a limit that is gone": (lambda v: v["limits"]["train"].pop("auc"), "limits.train`: auc"),
    "a misspelt privileged attribute": (
        lambda v: v["fairness"].update(privileged={"color": "blue"}),
        "fairness.privileged: expected protected columns; found color",
    ),
    "a feature left out that is none": (
        lambda v: v["train"].update(left_out={"incom": "a proxy for something"}),
        "train.left_out",
    ),
    "an unknown near duplicate column": (
        lambda v: v["validate"].update(near_duplicate_columns=["incom"]),
        "validate.near_duplicate_columns",
    ),
    "no deployment": (lambda v: v.pop("deployment"), "a section `deployment`"),
    "no word on a champion": (lambda v: v["train"].pop("champion"), "`train`: champion"),
    "a champion by name alone": (
        lambda v: v["train"].update(champion="champion.json"),
        "a file configs/tiny/champion.json; found none",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_before_anything_is_written(
    workspace: Path, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    values = case()
    change, words = FAULTS[fault]
    change(values)
    write_case_text(workspace, CASE, yaml_text(values))
    before = (workspace / f"configs/{CASE}/resolved.yaml").read_text()
    assert words in faults_of_sync(capsys)[0]
    assert (workspace / f"configs/{CASE}/resolved.yaml").read_text() == before


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("suite.yaml", "name: tiny\nexpectations: []\n", "suite.yaml: expectations"),
        (
            "suite.yaml",
            "name: x\nexpectations: [{type: expect_x, kwargs: {column: incom}}]",
            "incom",
        ),
        (
            "reasons.yaml",
            'version: "1"\nlanguage: en\nleast_share: 0.1\nreasons: []\n',
            "reasons.yaml: reasons",
        ),
        (
            "reasons.yaml",
            'version: "1"\nlanguage: en\nleast_share: 0.1\n'
            "reasons: [{code: A, features: {income: below, debt: above}, text: too little}]",
            "years",
        ),
    ],
)
def test_the_files_are_read_as_their_stages_would(
    workspace: Path, name: str, text: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (workspace / "configs" / CASE / name).write_text(text)
    assert words in faults_of_sync(capsys)[0]


@pytest.mark.parametrize("figures", ["{}", '{"auc": NaN, "auc_interval": [0, 1]}', "no json: ["])
def test_a_champion_without_figures_is_refused(
    workspace: Path, figures: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (workspace / "configs" / CASE / "champion.json").write_text(figures)
    change_case(workspace, CASE, lambda values: values["train"].update(champion="champion.json"))
    assert "champion.json" in faults_of_sync(capsys)[0]


def test_two_use_cases_do_not_register_one_model(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_case_text(workspace, "small", CHILD.replace("register: {model: small}\n", ""))
    sync_cases(workspace)
    assert "`tiny` for small, tiny" in faults_of_sync(capsys)[0]


def test_what_is_not_wrong_is_said_as_well(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = workspace / "configs" / CASE / "case.yaml"
    path.write_text(path.read_text() + "# confirm: something\n")
    monkeypatch.setenv("PORTCULLIS_TODAY", "2040-01-01")
    assert run(sync, installation_at(Path())) == 0
    said = capsys.readouterr().out
    assert "no release before this is mended: source `applications`: agreement A-1" in said
    assert "1 guesses that nobody has confirmed" in said


def test_prefect_s_file_keeps_what_people_wrote_and_needs_its_two_marks() -> None:
    params = DeploymentParams(description='A "quoted": # text', schedule="none")
    text = put_deployments(f"# theirs\ndeployments:\n{BEGIN}old\n{END}# more\n", {"x": params})
    assert text.startswith("# theirs\n")
    assert text.endswith(f"{END}# more\n")
    assert "old" not in text
    for broken in (BEGIN, END, f"{END}{BEGIN}", f"{BEGIN}{BEGIN}{END}", f"{BEGIN}{END}{END}"):
        with pytest.raises(ConfigError, match=r"prefect\.yaml"):
            put_deployments(broken, {})


def test_every_fault_of_every_use_case_is_told_at_once_with_what_was_meant(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = case()
    values["columns"]["email"].pop("kind")
    values["train"].update(famly="lightgbm", folds="many")
    values["limits"]["train"]["auc"] = None
    values["fairness"]["privileged"] = {"color": "blue"}
    values["explain"]["reasons"] = "../reasons.yaml"
    write_case_text(workspace, "second", yaml_text(values))
    write_case_text(workspace, "third", "title: [")
    lines = faults_of_sync(capsys)
    for words in (
        "`train`: famly: expected a key that is known; found `famly`. Did you mean `family`?",
        "`train`: folds: expected a whole number; found a text.",
        "limits.train.auc: expected a value that a person has decided on; found nothing there.",
        "fairness.privileged: expected protected columns; found color. Did you mean `colour`",
        "explain.reasons: expected a file below configs/second",
        "validate.suite: expected a file configs/second/suite.yaml; found none",
        "columns: expected a `kind` of text for what says who somebody is; found email.",
        "ingest.joins: expected a key of a `kind` of text in `by`; found email.",
        "configs/third/case.yaml, line",
        "`tiny` for second, tiny",
    ):
        assert sum(words in line for line in lines) == 1, words
    assert not (workspace / "configs" / "second" / "resolved.yaml").exists()


def test_what_this_machine_lacks_is_said_and_stops_nobody_else(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(sync, installation_at(Path())) == 0
    assert "source `bureau`: no file sources/bureau.jsonl" in capsys.readouterr().out
