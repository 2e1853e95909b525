"""The honest path in enforced mode: registered, with evidence that says by whom and how."""

import json
import subprocess

import pytest

from tests.attacks.enforced import SCIENTIST, STAGE, WORKER, Enforced
from tests.flows.workspace import CASE

pytestmark = pytest.mark.integration


def test_a_commit_on_the_protected_ref_is_registered(released: Enforced) -> None:
    assert released.registered() == f"{CASE}/1"


def test_the_same_commit_again_runs_nothing_again(released: Enforced) -> None:
    done = released.release()
    if "train ran" in done.stdout:  # attempts before this one left the workspace at another commit
        done = released.release()
    assert done.returncode == 0, done.stdout
    assert "train did not change" in done.stdout
    assert released.registered() == f"{CASE}/1"


def test_the_evidence_says_who_asked_and_how_the_code_was_kept_apart(released: Enforced) -> None:
    shown = json.loads(released.govern("verify", CASE, "--json", "--model", model_of(released)))
    assert shown["exitCode"] == 0, shown
    assert shown["modes"] == ["enforced"]
    text = released.govern("verify", CASE, "--model", model_of(released))
    assert "enforced" in text


def test_a_stage_leaves_nothing_that_its_account_could_still_write_to(released: Enforced) -> None:
    found = subprocess.run(
        ["find", str(released.workspace), "-user", STAGE],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout == ""
    owners = {path.owner() for path in (released.workspace / "data" / CASE).rglob("*")}
    assert owners == {WORKER}


def model_of(mode: Enforced) -> str:
    receipt = mode.workspace / "data" / CASE / "register" / "receipt.json"
    return str(json.loads(receipt.read_text())["model_sha256"])


def test_the_scientist_cannot_write_anywhere_in_the_worker_s_state(released: Enforced) -> None:
    done = released.run_as(
        SCIENTIST, "find", str(released.state), "-writable", "-not", "-type", "l"
    )
    assert done.stdout == ""
