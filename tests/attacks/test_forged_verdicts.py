"""A commit on the protected ref whose `fairness` judges nothing, and writes the verdict it likes.

What it writes is what an honest stage wrote, but for one thing. The worker holds every line of a
verdict against what it parses and digests itself.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.attempts import Kind, Mode, attempt
from tests.attacks.enforced import SCIENTIST, Enforced
from tests.attacks.test_stage_code import ask
from tests.flows.workspace import CASE

pytestmark = pytest.mark.integration

# After the honest code, whose imports stay: `dvc.yaml` has to follow from them.
FORGER = """

import shutil as _shutil
from pathlib import Path as _Path


def run(stage_run: StageRun) -> None:
    for entry in _Path(__file__).with_name("made").iterdir():
        target = stage_run.folder / entry.name
        if entry.is_dir():
            _shutil.copytree(entry, target)
        else:
            _shutil.copyfile(entry, target)
"""

Verdict = dict[str, Any]


@dataclass(frozen=True)
class Forgery:
    """What is changed in an honest verdict, and a part of why the worker signs nothing."""

    change: Callable[[Verdict], object]
    refused_by: str


def use_lax_limit(verdict: Verdict) -> None:
    """Judge by a limit that everything meets, and say so."""
    verdict["checks"][0] |= {"limit": "≥ 0.1", "value": 0.3}


def pass_what_misses(verdict: Verdict) -> None:
    """Pass a value on the wrong side of the limit in force."""
    verdict["checks"][0] |= {"value": 0.3, "outcome": "pass"}


def name_own_check(verdict: Verdict) -> None:
    """Put a check of no catalogue in the place of the first."""
    verdict["checks"][0]["id"] = "fairness.everything_is_fine"


def leave_limits_out(verdict: Verdict) -> None:
    """Hold nothing against the limits but one."""
    del verdict["checks"][1:]


def judge_nothing(verdict: Verdict) -> None:
    """Pass without a check."""
    verdict["checks"] = []


def measure_nothing(verdict: Verdict) -> None:
    """Say of every check that it was not measured."""
    for check in verdict["checks"]:
        check |= {"outcome": "not measured", "value": None, "margin": None, "interval": None}


def speak_for_another_gate(verdict: Verdict) -> None:
    """Be the verdict of a gate that ran before."""
    verdict["gate"] = "explain"


def speak_for_another_case(verdict: Verdict) -> None:
    """Be about another use case."""
    verdict["use_case"] = "loan"


def judge_other_bytes(verdict: Verdict) -> None:
    """Be about another model."""
    verdict["about"]["train/model"] = "0" * 64


def judge_an_undeclared_file(verdict: Verdict) -> None:
    """Be about something that the stage is not declared to read."""
    verdict["about"]["ingest/report.json"] = "0" * 64


def name_other_limits(verdict: Verdict) -> None:
    """Say that it was judged by limits of another digest."""
    verdict["limits_sha256"] = "0" * 64


def write_nan(verdict: Verdict) -> None:
    """Meet a limit by what is no number."""
    verdict["checks"][0]["value"] = float("nan")


FORGERIES = {
    "by a lax limit": Forgery(use_lax_limit, "the limit in force"),
    "that passes what misses its limit": Forgery(pass_what_misses, "follows from its value"),
    "with a check of its own": Forgery(name_own_check, "a check of gate `fairness`"),
    "with one check of many": Forgery(leave_limits_out, "was judged by no check"),
    "without a check": Forgery(judge_nothing, "at least one check"),
    "with nothing measured": Forgery(measure_nothing, "verdict"),
    "of another gate": Forgery(speak_for_another_gate, "gate `explain` makes no check"),
    "for another use case": Forgery(speak_for_another_case, f"a verdict for `{CASE}`"),
    "about another model": Forgery(judge_other_bytes, "what the verdict is about"),
    "about what it does not read": Forgery(judge_an_undeclared_file, "what the verdict is about"),
    "by limits of another digest": Forgery(name_other_limits, "by the limits in force"),
    "with NaN": Forgery(write_nan, "a verdict, each of its checks with an id"),
}


# First, while the honest release stands: `forged` releases it anew at its end.

LETS_THROUGH = """

def run(stage_run: StageRun) -> None:
    (stage_run.folder / "receipt.json").write_text('{"name": "tiny", "alias": "candidate"}')
"""


@attempt(
    Kind.CONCLUSION,
    Mode.ENFORCED,
    "the code of `register` asks nobody, ends with 0, and writes its own receipt",
    stopped_by="the worker asks ledger, policy and law by itself; exit 3",
)
def test_a_registration_that_the_stage_let_through_is_refused(released: Enforced) -> None:
    released.go_back()
    stage = released.checkout / "tasks" / "stages" / "register" / "stage.py"
    stage.write_text(stage.read_text() + LETS_THROUGH)
    commit = released.commit("let through")
    database = released.state / "home" / "mlflow.db"
    released.put_in_force("--approvals", "1")
    try:
        before = database.read_bytes()
        done = ask(released, commit, "register")

        assert done.returncode == 3, done.stdout
        assert "approv" in done.stdout
        assert database.read_bytes() == before
        receipt = released.workspace / "data" / CASE / "register" / "receipt.json"
        assert not receipt.exists()
    finally:
        released.put_in_force("--approvals", "0")
        released.go_back()


@pytest.fixture(scope="module")
def forged(released: Enforced) -> Iterator[tuple[Enforced, Path]]:
    """The scientist's room of `fairness`, and an honest verdict beside it; put back at the end."""
    honest = released.head()
    room = released.checkout / "tasks" / "stages" / "fairness"
    made = released.workspace / "data" / CASE / "fairness"
    kept = released.folder / "honest-fairness"
    shutil.copytree(made, kept)
    yield released, room
    shutil.rmtree(kept)
    released.run_as(SCIENTIST, "git", "reset", "-q", "--hard", honest)
    released.run_as(SCIENTIST, "git", "push", "-qf", "origin", f"{honest}:main")
    done = released.release()
    assert done.returncode == 0, done.stdout


def commit_forgery(mode: Enforced, room: Path, forgery: Forgery) -> str:
    """Push a commit whose stage writes a forged verdict."""
    honest = mode.folder / "honest-fairness"
    verdict = json.loads((honest / "verdict.json").read_text())
    forgery.change(verdict)

    made = room / "made"
    shutil.rmtree(made, ignore_errors=True)
    shutil.copytree(honest, made)
    (made / "verdict.json").write_text(json.dumps(verdict))
    stage = room / "stage.py"
    if FORGER not in stage.read_text():
        stage.write_text(stage.read_text() + FORGER)
    for path in (stage, made, *made.rglob("*")):
        shutil.chown(path, SCIENTIST, SCIENTIST)
    return mode.commit("judge nothing")


@attempt(
    Kind.CONCLUSION,
    Mode.ENFORCED,
    "a stage's code measures nothing, and writes a verdict",
    stopped_by="the worker holds each line against limits, catalogue and bytes; exit 2",
    cases=list(FORGERIES),
)
@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_verdict_is_not_signed(forged: tuple[Enforced, Path], name: str) -> None:
    mode, room = forged
    forgery = FORGERIES[name]
    commit = commit_forgery(mode, room, forgery)
    registered = mode.registered()

    done = ask(mode, commit, "fairness")

    assert done.returncode == 2, done.stdout
    assert forgery.refused_by in done.stdout
    assert not (mode.workspace / "data" / CASE / "fairness" / "verdict.json").exists()
    assert mode.registered() == registered


def test_what_was_not_signed_is_not_registered(forged: tuple[Enforced, Path]) -> None:
    mode, room = forged
    commit = commit_forgery(mode, room, FORGERIES["by a lax limit"])
    registered = mode.registered()
    done = ask(mode, commit, "register")
    assert done.returncode != 0
    assert mode.registered() == registered
