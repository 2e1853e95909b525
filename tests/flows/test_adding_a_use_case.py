"""A use case more is written in `configs/` alone; a change in one makes no other stale."""

import json
import sys

import pytest
import yaml

from tests.cases import sync_cases, write_case_text
from tests.flows.workspace import CASE, Workspace

pytestmark = pytest.mark.integration
SYNC = (sys.executable, "-m", "flows", "sync")
SECOND = f"""\
extends: {CASE}
title: Second
deployment: {{description: A second use case that tests add., schedule: "15 5 * * *"}}
train: {{champion: none yet, rounds: 21}}
register: {{model: second, experiment: second}}
"""


@pytest.fixture
def two(workspace: Workspace) -> Workspace:
    """A released workspace in which somebody adds a second use case, and nothing else."""
    write_case_text(workspace.root, "second", SECOND)
    workspace.run(*SYNC)
    return workspace


def stale(workspace: Workspace, *stages: str) -> set[str]:
    """Return those of the stages, without what lies before them, that DVC would run again."""
    status = json.loads(workspace.dvc("status", "--json", *stages).stdout)
    # `admit` runs always; a stage that waits for another says so by `deps`, of data alone.
    return {
        stage
        for stage, reasons in status.items()
        if any("configs/" in json.dumps(reason) for reason in reasons)
    }


def test_it_has_stages_and_a_deployment_of_its_own(two: Workspace) -> None:
    changed = two.run("git", "status", "--porcelain").stdout.splitlines()
    touched = {line[3:] for line in changed if not line[3:].startswith(("data/", "dvc.lock"))}
    assert touched == {"configs/index.yaml", "configs/second/", "dvc.yaml", "prefect.yaml"}

    listed = two.dvc("stage", "list", "--name-only").stdout.split()
    assert {f"admit@{CASE}", "admit@second", "register@second"} <= set(listed)
    deployments = yaml.safe_load((two.root / "prefect.yaml").read_text())["deployments"]
    (second,) = (each for each in deployments if each["name"] == "release-second")
    assert second["schedules"] == [{"cron": "15 5 * * *", "timezone": "UTC"}]

    # As far as is looked at below; `test_how_to_add.py` releases a case that was added.
    two.dvc("repro", "validate@second", "explain@second")
    stages = [f"{stage}@{case}" for stage in ("validate", "explain") for case in (CASE, "second")]
    check_what_is_stale(two, stages)


def check_what_is_stale(two: Workspace, stages: list[str]) -> None:
    """Change a file of each and look; in one test, because its stages take half a minute."""
    assert stale(two, *stages) == set()

    # What is the second's alone concerns the second alone.
    own = two.root / "configs" / "second" / "reasons.yaml"
    shared = (two.root / "configs" / CASE / "reasons.yaml").read_text()
    own.write_text(shared.replace("The income", "The yearly income"))
    write_case_text(two.root, "second", f"{SECOND}explain: {{reasons: reasons.yaml}}\n")
    sync_cases(two.root)
    assert stale(two, *stages) == {"explain@second"}

    # A suite that it inherits concerns both; a comment in the use case's file concerns nobody.
    suite = two.root / "configs" / CASE / "suite.yaml"
    suite.write_text(f"# stricter soon\n{suite.read_text()}")
    path = two.root / "configs" / CASE / "case.yaml"
    path.write_text(f"# nothing else\n{path.read_text()}")
    sync_cases(two.root)
    assert stale(two, *stages) == {"explain@second", f"validate@{CASE}", "validate@second"}


@pytest.mark.parametrize("path", [f"configs/{CASE}/case.yaml", f"configs/{CASE}/suite.yaml"])
def test_no_way_of_running_works_by_a_stale_copy(workspace: Workspace, path: str) -> None:
    text = (workspace.root / path).read_text()
    (workspace.root / path).write_text(text.replace("rounds: 20", "rounds: 22", 1) + "\n# more\n")
    words = "train.rounds" if path.endswith("case.yaml") else "validate.suite.sha256"

    for command in (("repro", f"register@{CASE}"), ("repro", "-f", "-s", f"validate@{CASE}")):
        done = workspace.dvc(*command, check=False)
        assert done.returncode
        said = done.stdout + done.stderr
        assert f"something else in {words}. Run `./portcullis sync`" in said
        assert "Traceback" not in said
    done = workspace.run(sys.executable, "-m", "flows", "release", CASE, check=False)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1


def test_an_accepted_model_and_profile_are_named_and_compared_with(workspace: Workspace) -> None:
    accept = (sys.executable, "-m", "flows", "accept", CASE)
    workspace.run(*accept)
    folder = workspace.root / "configs" / CASE
    values = yaml.safe_load((folder / "case.yaml").read_text())
    assert values["train"]["champion"] == "champion.json"
    assert values["validate"]["reference"] == "references/profile.json"
    assert "first_version" not in values["validate"]
    workspace.run(*SYNC, "--check")

    # A champion that nothing can reach: the model that lies here falls behind it.
    champion = folder / "champion.json"
    champion.write_text(json.dumps({"auc": 1.0, "auc_interval": [1.0, 1.0]}))
    workspace.run(*SYNC)
    blocked = workspace.dvc("repro", f"register@{CASE}", check=False)
    assert blocked.returncode
    assert "AUC lost to the champion" in blocked.stdout + blocked.stderr

    # Taking it away, or only the word for it, is no way out.
    text = champion.read_text()
    champion.unlink()
    assert_refused(workspace, "champion.json; found none")
    champion.write_text(text)
    workspace_case = folder / "case.yaml"
    workspace_case.write_text(
        workspace_case.read_text().replace("champion: champion.json", "champion: none yet")
    )
    assert_refused(workspace, "champion.json, which lies beside it")


def assert_refused(workspace: Workspace, words: str) -> None:
    for command in (SYNC, (sys.executable, "-m", "dvc", "repro", f"register@{CASE}")):
        done = workspace.run(*command, check=False)
        assert done.returncode
        assert words in done.stdout + done.stderr
