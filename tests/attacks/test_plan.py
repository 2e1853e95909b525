"""The plan is changed once the figures are known, and the same model is judged until it passes."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.cli.proof import attempts, verify
from tasks.clearance.check import clear_model
from tasks.clearance.configuration import limits_sha256
from tasks.errors import RefusalKind
from tasks.formats.digests import sha256_of
from tasks.stages.fairness.checks import FairnessCheck
from tests.attacks.attempts import Kind, Mode, attempt
from tests.attacks.enforced import Enforced
from tests.attacks.forging import ask, configured, forging
from tests.attacks.judging import kinds, model_of
from tests.cases import change_case, sync_cases
from tests.flows.cli.running import run
from tests.flows.workspace import Workspace, make
from tests.installations import installation_at
from tests.tasks.judged import CASE, CATALOGUES, check, put_verdict, sign_for

Edit = Callable[[dict[str, Any]], object]


def judge_fairness(workspace: Path, value: float) -> None:
    """Have the gate judge by what lies there now, and the decision be taken."""
    put_verdict(
        workspace,
        "fairness",
        checks=tuple(check(name, value) for name in CATALOGUES["fairness"]),
        limits_sha256=limits_sha256("fairness", CASE, workspace),
    )
    for stage in ("fairness", "decide"):
        sign_for(workspace, stage)


# The three edits that once turned a blocked model into a registered one.
EDITS: dict[str, Edit] = {
    "smallest_group_rows": lambda case: case["fairness"].update(smallest_group_rows=9),
    "intersections": lambda case: case["fairness"].pop("intersections"),
    "privileged": lambda case: case["fairness"].update(privileged={"sex": "male"}),
}


@pytest.fixture
def blocked_case(judged_case: Path) -> Path:
    """The checkout of a use case on one's own machine that `fairness` has blocked."""
    settings = {
        "smallest_group_rows": 300,
        "intersections": [],  # of any, the policy would ask for a check more
        "privileged": {},
    }
    change_case(judged_case, CASE, lambda case: case.update(fairness=settings))
    for gate in ("train", "explain"):
        sign_for(judged_case, gate)
    judge_fairness(judged_case, 0.4)
    assert RefusalKind.CHECK_FAILED in kinds(judged_case)
    return judged_case


@attempt(
    Kind.SETTINGS,
    Mode.LOCAL,
    "settings of fairness changed after a blocked verdict, and the gate alone run again",
    stopped_by="the plan is sealed with the training: a verdict by another one counts for nothing "
    "(plan.changed), named with the setting",
    cases=tuple(EDITS),
)
@pytest.mark.parametrize("edit", EDITS)
def test_a_gate_that_is_run_again_by_other_settings(blocked_case: Path, edit: str) -> None:
    change_case(blocked_case, CASE, EDITS[edit])
    judge_fairness(blocked_case, 1.0)
    cleared = clear_model(CASE, model_of(blocked_case), installation_at(blocked_case))
    texts = [item.text for item in cleared.refusals if item.kind == RefusalKind.PLAN_CHANGED]
    assert any("fairness: entry" in text and "outside the plan" in text for text in texts)
    assert any(f"`fairness.{edit}" in text for text in texts)


@attempt(
    Kind.SETTINGS,
    Mode.LOCAL,
    "the same, and the settings put back before anybody looks",
    stopped_by="the verdict itself says by which settings it was made (plan.changed)",
)
def test_settings_that_are_put_back_after_the_gate(blocked_case: Path) -> None:
    path = blocked_case / "configs" / CASE / "case.yaml"
    before = path.read_bytes()
    change_case(blocked_case, CASE, EDITS["smallest_group_rows"])
    judge_fairness(blocked_case, 1.0)
    path.write_bytes(before)
    sync_cases(blocked_case)
    assert RefusalKind.PLAN_CHANGED in kinds(blocked_case)


@attempt(
    Kind.CONCLUSION,
    Mode.LOCAL,
    "trained anew under a laxer plan to the very same bytes, so that the failure is forgotten",
    stopped_by="it is another attempt: `verify`, registry, pages and bundle list the one that "
    "failed; what is in force can bound their number",
)
def test_a_failure_that_a_new_training_would_hide(
    blocked_case: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model_sha256 = model_of(blocked_case)
    change_case(blocked_case, CASE, EDITS["smallest_group_rows"])
    for stage in ("train", "alternatives"):  # both depend on the settings of fairness
        sign_for(blocked_case, stage)
    judge_fairness(blocked_case, 1.0)
    assert model_of(blocked_case) == model_sha256
    assert kinds(blocked_case) == []

    for command in (verify, attempts):
        monkeypatch.setattr(command, "load_case", lambda *_: None)
        run(command, installation_at(blocked_case), CASE)
        printed = capsys.readouterr().out
        assert "3 attempts" in printed
        assert "no. 2 blocked" in printed
        (failed,) = (line for line in printed.splitlines() if "fairness: fail (" in line)
        assert f"{FairnessCheck.DISPARATE_IMPACT_RATIO}," in failed
        assert "differs from no. 2 in fairness.smallest_group_rows" in printed


@pytest.mark.integration
def test_with_the_very_stages(tmp_path: Path) -> None:
    workspace = make(tmp_path / "checkout", tmp_path / "home")
    workspace.configure(limits__fairness__theil_index=0.0)
    blocked = workspace.dvc("repro", f"register@{CASE}", check=False)
    assert blocked.returncode != 0

    # 1. The gate, the decision and the registry alone, by another limit.
    workspace.configure(limits__fairness__theil_index=1.0)
    for stage in ("fairness", "decide"):
        workspace.dvc("repro", "--single-item", f"{stage}@{CASE}")
    refused = workspace.dvc("repro", "--single-item", f"register@{CASE}", check=False)
    assert refused.returncode != 0
    assert "Another plan is another attempt" in refused.stdout + refused.stderr
    assert workspace.versions() == []

    # 2. DVC knows what follows from it: it trains anew, and the failure stays listed.
    released = workspace.dvc("repro", f"register@{CASE}")
    assert f"train@{CASE}" in released.stdout
    assert workspace.versions() == ["1"]
    assert_listed(workspace)


def assert_listed(workspace: Workspace) -> None:
    printed = workspace.run(sys.executable, "-m", "flows", "verify", CASE).stdout
    assert "2 attempts (1 registered, 1 blocked)" in printed
    assert "differs from no. 1 in limits.fairness.theil_index" in printed


@attempt(
    Kind.SETTINGS,
    Mode.ENFORCED,
    "a commit that was blocked, then one with another limit, of which a gate alone is asked for",
    stopped_by="the worker decides against it: its verdict is by another plan than training sealed",
)
@pytest.mark.integration
def test_a_gate_alone_of_another_commit(released: Enforced) -> None:
    before = released.registered()
    with forging(released) as forge:
        blocked = forge.push(forge.commit(configured(forge, put_theil_index(0.0))))
        assert ask(released, blocked, CASE).returncode == 3
        laxer = forge.push(forge.commit(configured(forge, put_theil_index(0.9))))
        done = ask(released, laxer, CASE, "fairness", "decide")
        assert done.returncode == 0, done.stdout

        model = sha256_of(released.workspace / "data" / CASE / "train" / "model")
        listed = released.govern("attempts", CASE, "--model", model)
        own = listed.partition("attempt → ")[2].partition("  attempt ")[0]
        assert "blocked" in own
        assert "fairness: fail (fairness.theil_index" in own
        assert "judged outside the plan" in own
    assert released.registered() == before
    assert released.release().returncode == 0


def put_theil_index(limit: float) -> Edit:
    return lambda case: case["limits"]["fairness"].update(theil_index=limit)
