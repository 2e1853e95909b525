"""`attempts`: the plan as it lies here, and every attempt on the data of the model."""

import json
from pathlib import Path

import pytest

from flows.cli.proof import attempts
from tasks.clearance.plans import plan_now
from tasks.errors import ConfigError, DataError
from tasks.stages.decide.stage import run as decide
from tasks.stages.workspace import StageRun
from tasks.system.installation import Installation
from tests.attacks.judging import model_of
from tests.cases import change_case
from tests.flows.cli.running import run
from tests.installations import installation_at
from tests.tasks.judged import CASE, attested, judged, sign_for


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """A checkout in which one model was made, judged and decided on."""
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PORTCULLIS_TODAY", raising=False)
    monkeypatch.setattr(attempts, "load_case", lambda *_: None)
    root = judged(tmp_path / "checkout")
    decide(StageRun("decide", CASE, installation_at(root)))
    return installation_at(attested(root))


def change_seed(installation: Installation) -> None:
    change_case(installation.workspace, CASE, lambda case: case.update(fairness={"seed": 2}))


def printed(
    installation: Installation, capsys: pytest.CaptureFixture[str], *words: str
) -> list[str]:
    assert run(attempts, installation, CASE, *words) == 0
    return capsys.readouterr().out.splitlines()


def test_the_plan_as_it_lies_here_is_the_one_that_was_sealed(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = plan_now(CASE, installation.workspace).sha256
    first, second, third, *_ = printed(installation, capsys)
    assert first == f"{CASE}: the plan as it lies here is sha256:{plan}"
    assert second.endswith("was trained under it")
    assert third.startswith("  1 attempt (1 passed) on the same data (what was not run")


def test_what_would_be_another_plan_is_named_before_anything_is_trained(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    change_seed(installation)
    lines = printed(installation, capsys)
    assert "was trained under sha256:" in lines[1]
    assert lines[2] == "    differs: fairness.seed"


def test_each_attempt_has_its_line(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    change_seed(installation)
    sign_for(installation.workspace, "train")
    text = "\n".join(printed(installation, capsys))
    assert "attempt   no. 1 passed" in text
    assert "attempt → no. 2 not decided" in text
    assert "differs from no. 1 in fairness.seed" in text


def test_programs_get_json(installation: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    values = json.loads("\n".join(printed(installation, capsys, "--json")))
    assert values["plan"] == plan_now(CASE, installation.workspace).sha256
    (attempt,) = values["attempts"]["latest"]
    assert attempt["model"] == model_of(installation.workspace)
    assert attempt["outcome"] == "passed"


def test_a_model_of_before_there_were_plans_says_so(
    installation: Installation,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = printed(installation, capsys, "--model", "0" * 64)
    assert lines[1] == "  the model was trained under no plan that was sealed"
    assert lines[2].startswith("  0 attempts on the same data")


def test_without_a_model_nothing_is_known_of_its_data(installation: Installation) -> None:
    (installation.workspace / "data" / CASE / "train").rename(installation.workspace / "kept")
    with pytest.raises(DataError, match="a model"):
        run(attempts, installation, CASE)


def test_a_use_case_that_does_not_exist_is_refused_by_its_name(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    with pytest.raises(ConfigError, match="lone"):
        run(attempts, installation, "lone")
