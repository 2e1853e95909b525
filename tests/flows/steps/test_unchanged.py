"""That a release is told of without Prefect only where the whole path would end the same way."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from typing import cast

import pytest

from flows.steps import unchanged, where
from flows.steps.progress import progress_of
from flows.steps.unchanged import confirm_unchanged
from tasks.clearance.check import AcceptedCheck
from tasks.errors import DataError, Refusal, RefusalKind, RefusedError
from tasks.path import PATH, STAGES
from tasks.pipeline.runner import StageResult
from tasks.release_page.record import read_record
from tasks.worker.confirming import Confirmation, ReleaseHistory
from tests.flows.workspace import CASE, Workspace
from tests.installations import installation_at
from tests.tasks.judged import CASE as JUDGED_CASE
from tests.tasks.judged import judged

NO_MODEL = DataError("x", expected="a", found="b", remedy="c")
REFUSED = RefusedError("x", (Refusal(RefusalKind.REGISTRATION_UNCONFIRMED, "r"),), remedy="y")


class UnchangedPlace:
    """A place where nothing has changed; a test makes one thing of it otherwise."""

    def __init__(self, root: Path) -> None:
        self.shown = root
        self.ran: list[str] = []
        self.lock_after = b"as it was"
        self.fault: Exception | None = None

    def reproduce(self, stage: str, on_line: where.LineSink) -> StageResult:
        del on_line
        self.ran.append(stage)
        Path("dvc.lock").write_bytes(self.lock_after)
        return StageResult(stage, True, 0.1, 1.0)

    def confirm(self) -> Confirmation:
        if self.fault is not None:
            raise self.fault
        return Confirmation("a" * 64, "1", (AcceptedCheck("fairness", "k", "ann", date.max),))

    def history(self) -> ReleaseHistory:
        return ReleaseHistory(("1 attempt on the same data",), made_seconds={"train": 75})


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UnchangedPlace:
    place = UnchangedPlace(judged(tmp_path / "checkout"))
    monkeypatch.chdir(place.shown)
    Path("dvc.lock").write_bytes(place.lock_after)

    @contextmanager
    def open_place(*_: object) -> Iterator[UnchangedPlace]:
        yield place

    monkeypatch.setattr(unchanged, "open_place", open_place)
    monkeypatch.setattr(unchanged, "load_case", lambda *_: {"title": "Small", "purpose": "Tests"})
    monkeypatch.setattr(unchanged, "list_stale", lambda *_: ())
    monkeypatch.setattr(unchanged, "prepare_to_confirm", lambda: None)
    return place


def look(place: UnchangedPlace) -> str:
    return confirm_unchanged(JUDGED_CASE, installation_at(place.shown), lambda _: None)


def test_where_nothing_has_changed_only_the_stages_run_that_always_do(
    place: UnchangedPlace,
) -> None:
    assert "1 undecided check accepted by ann" in look(place)
    assert place.ran == ["admit", "packages"]
    results = {result.stage: result for result in progress_of(JUDGED_CASE).results}
    assert set(results) == set(STAGES)
    assert {name for name, result in results.items() if result.changed} == {"admit", "packages"}
    assert results["admit"].seconds == 0.1
    assert (results["train"].seconds, results["train"].made_seconds) == (None, 75)
    assert results["explain"].made_seconds is None
    record = read_record(JUDGED_CASE, place.shown)
    assert record is not None
    assert record.reached == set(STAGES)
    assert (record.version, record.attempts) == ("1", ("1 attempt on the same data",))


def test_what_is_stale_is_left_to_the_whole_path_before_anything_runs(
    place: UnchangedPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unchanged, "list_stale", lambda *_: ("train@small: modified x",))
    assert look(place) == ""
    assert place.ran == []


def test_a_stage_that_always_runs_and_wrote_something_else_is_a_change(
    place: UnchangedPlace,
) -> None:
    place.lock_after = b"another source"
    assert look(place) == ""


@pytest.mark.parametrize("fault", [REFUSED, NO_MODEL, RuntimeError("e")])
def test_a_refusal_or_a_fault_is_left_to_the_whole_path(
    place: UnchangedPlace, fault: Exception
) -> None:
    place.fault = fault
    assert look(place) == ""


def test_a_verdict_that_cannot_be_read_is_left_to_the_whole_path(place: UnchangedPlace) -> None:
    path = place.shown / "data" / JUDGED_CASE / "explain" / "verdict.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"checks": [{}]}))
    assert look(place) == ""


# Each look is a process of its own, forked from one that has imported what a look needs.
LOOKS = """
import gc, json, os, sys
from pathlib import Path
from flows.steps.unchanged import confirm_unchanged
from tasks.system.installation import Installation
from tasks.worker.confirming import prepare_to_confirm
import dvc.repo, flows.cli.attended_release
prepare_to_confirm()
for line in sys.stdin:
    child = os.fork()
    if not child:
        os.environ.update(json.loads(line))
        here = Installation.open(Path(), os.environ)
        outcome = confirm_unchanged("tiny", here, lambda line: None)
        loaded = [name for name in ("prefect", "great_expectations") if name in sys.modules]
        print(json.dumps([outcome, loaded]), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""

Look = Callable[..., tuple[str, list[str]]]


@pytest.fixture(scope="module")
def shared(released: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A released workspace; whoever changes it puts back what was there."""
    return released.copy(tmp_path_factory.mktemp("unchanged"))


@pytest.fixture(scope="module")
def looking(shared: Workspace) -> Iterator[Look]:
    with subprocess.Popen(
        [sys.executable, "-c", LOOKS],
        cwd=shared.root,
        env=shared.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        asked, answers = process.stdin, process.stdout

        def look(**environment: str) -> tuple[str, list[str]]:
            asked.write(json.dumps(environment) + "\n")
            asked.flush()
            outcome, loaded = json.loads(answers.readline())
            return str(outcome), cast("list[str]", loaded)

        yield look
        asked.close()


@contextmanager
def restoring(*paths: Path) -> Iterator[None]:
    """Let a test do with files what it likes."""
    before = {path: (path.read_bytes(), path.stat().st_mode) for path in paths}
    try:
        yield
    finally:
        for path, (content, mode) in before.items():
            path.write_bytes(content)
            path.chmod(mode)


def always_made(workspace: Workspace) -> list[Path]:
    """Return what changes where a stage that always runs finds something else, or fails."""
    stages = (stage.name for stage in PATH if stage.is_always_run)
    made = (path for stage in stages for path in workspace.path(stage).rglob("*"))
    return [workspace.root / "dvc.lock", *(path for path in made if path.is_file())]


def append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


def blacken(path: Path) -> None:
    text = path.read_text()
    assert "blue" in text
    path.write_text(text.replace("blue", "black", 1))


def pass_verdict(path: Path) -> None:
    values = json.loads(path.read_text())
    path.write_text(json.dumps(values | {"about": {}}))


def run_always(path: Path) -> None:
    stage, deps = "  fairness:\n", "      deps:\n"
    head, _, tail = path.read_text().partition(stage)
    assert deps in tail
    path.write_text(head + stage + tail.replace(deps, f"      always_changed: true\n{deps}", 1))


def execute(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute(statement).rowcount


@pytest.mark.integration
def test_a_released_workspace_is_told_of_without_prefect(looking: Look) -> None:
    outcome, loaded = looking()
    assert outcome == f"{CASE}: every gate passed; the model is registered, no in-force entry"
    assert loaded == []


CHANGES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "a source": ("sources/applications.csv", blacken),
    "a stage's code": ("tasks/stages/train/stage.py", append),
    "the model": (f"data/{CASE}/train/model/scorer.json", append),
    "rows": (f"data/{CASE}/redact/rows.parquet", append),
    "a verdict": (f"data/{CASE}/fairness/verdict.json", pass_verdict),
    "the decision": (f"data/{CASE}/decide/decision.json", append),
    "the receipt": (f"data/{CASE}/register/receipt.json", append),
    "the policy": ("configs/policy/clearance.rego", append),
    "another stage always runs": ("dvc.yaml", run_always),
    "dvc.lock cannot be read": ("dvc.lock", lambda path: path.write_text("x: [")),
}


@pytest.mark.integration
@pytest.mark.parametrize("name", CHANGES)
def test_whatever_a_stage_reads_is_left_to_the_whole_path_once_it_changed(
    shared: Workspace, looking: Look, name: str
) -> None:
    place, change = CHANGES[name]
    path = shared.root / place
    with restoring(path, *always_made(shared)):
        path.chmod(0o644)
        change(path)
        assert looking() == ("", [])


def swap_digit(path: Path) -> None:
    """Exchange a digit: as many bytes as before, and JSON as before."""
    content = bytearray(path.read_bytes())
    places = [index for index, byte in enumerate(content) if byte in b"123456789"]
    content[places[-1]] = ord("1") + (content[places[-1]] - ord("0")) % 9
    with path.open("r+b") as stream:
        stream.write(content)


IN_SECRET = (
    "sources/applications.csv",
    f"data/{CASE}/redact/rows.parquet",
    f"data/{CASE}/train/model/scorer.json",
    f"data/{CASE}/fairness/verdict.json",
)


@pytest.mark.integration
@pytest.mark.parametrize("name", IN_SECRET)
def test_what_was_edited_in_place_and_given_its_old_time_is_left_to_the_whole_path(
    shared: Workspace, looking: Look, name: str
) -> None:
    path = shared.root / name
    with restoring(path, *always_made(shared)):
        before = path.stat()
        path.chmod(0o644)
        swap_digit(path)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        after = path.stat()
        assert (after.st_size, after.st_mtime_ns, after.st_ino) == (
            before.st_size,
            before.st_mtime_ns,
            before.st_ino,
        )
        assert looking() == ("", [])


@pytest.mark.integration
def test_an_older_copy_of_the_ledger_is_left_to_the_whole_path(
    shared: Workspace, looking: Look
) -> None:
    older = {path: path.read_bytes() for path in shared.home.glob("ledger.db*")}
    assert looking()[0]  # stages were signed for: the log has grown
    newer = list(shared.home.glob("ledger.db*"))
    with restoring(*newer, *always_made(shared)):
        for path, content in older.items():
            path.write_bytes(content)
        assert looking() == ("", [])


@pytest.mark.integration
def test_a_changed_setting_is_left_to_the_whole_path(shared: Workspace, looking: Look) -> None:
    folder = shared.root / "configs" / CASE
    with restoring(folder / "case.yaml", folder / "resolved.yaml"):
        shared.configure(limits__fairness__equal_opportunity_difference=0.9)
        assert looking() == ("", [])


@pytest.mark.integration
def test_a_day_on_which_an_agreement_has_ended_is_left_to_the_whole_path(
    shared: Workspace, looking: Look
) -> None:
    with restoring(*always_made(shared)):
        assert looking(PORTCULLIS_TODAY="2040-01-01") == ("", [])


@pytest.mark.integration
@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM registered_model_aliases",
        "UPDATE model_versions SET storage_location = '/tmp/x'",
    ],
)
def test_what_the_registry_no_longer_holds_is_left_to_the_whole_path(
    shared: Workspace, looking: Look, statement: str
) -> None:
    path = shared.home / "mlflow.db"
    with restoring(path):
        execute(path, statement)
        assert looking() == ("", [])


@pytest.mark.integration
def test_a_registered_model_whose_bytes_changed_is_left_to_the_whole_path(
    shared: Workspace, looking: Look
) -> None:
    (stored,) = shared.home.glob("mlartifacts/**/scorer.json")
    with restoring(stored):
        append(stored)
        assert looking() == ("", [])


@pytest.mark.integration
def test_statements_that_are_gone_are_left_to_the_whole_path(
    shared: Workspace, looking: Look
) -> None:
    # All that was changed before was put back: else this test, and those above, would prove little.
    assert looking()[0]
    # The last test of this workspace, for the ledger is not put back.
    execute(shared.home / "ledger.db", "DELETE FROM bodies")
    assert looking() == ("", [])
