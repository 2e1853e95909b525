"""A registration from the stage's end to the receipt: in which order, and what stops it where."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tasks.attestation.artefacts import declared
from tasks.attestation.predicates.provenance import Provenance
from tasks.attestation.statement import Artefact
from tasks.clearance.attest_stage import look, observe
from tasks.clearance.plans import plan_now
from tasks.errors import EvidenceError, RefusedError, ServiceError
from tasks.formats.digests import sha256_of
from tasks.notary.notary import Recorded, open_ledger, trusted_root
from tasks.registry.client import ATTEMPTS_TAG, PLAN_TAG, Publication, Published, Receipt
from tasks.stages.workspace import CLEARANCE
from tasks.verifier.answer import Answer, judge
from tasks.verifier.bundle import verify_bundle
from tasks.verifier.lineage import examine, latest_decision
from tasks.verifier.log_reader import EVERYTHING, Log, read_log
from tasks.worker import running
from tasks.worker.publishing import publish_model
from tasks.worker.run_folder import RunFolder, open_run_folder
from tasks.worker.snapshot import open_snapshot
from tasks.worker.starting import StageReport
from tests.cases import change_case
from tests.installations import installation_at
from tests.tasks.judged import CASE, CATALOGUES, check, present, put_verdict, sign_for

pytestmark = [
    # MLflow 3.17 leaves SQLite connections to the collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

MODEL = Path("data") / CASE / "train" / "model"


@dataclass(frozen=True)
class EndedStage:
    """A stage's process that did its work when it was started."""

    code: int
    isolation: ClassVar[Mapping[str, str]] = {}

    def wait(self) -> int:
        return self.code

    def read_report(self) -> StageReport:
        return StageReport()


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is stale, as far as DVC knows, and no experiment runs."""
    monkeypatch.setattr("tasks.pipeline.runner.list_stale", lambda *_: ())
    monkeypatch.delenv("DVC_EXP_BASELINE_REV", raising=False)


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[Publication]:
    """Stand in for the registry, and remember what was published."""
    releases: list[Publication] = []

    def publish(release: Publication, installation: object) -> Published:
        releases.append(release)
        receipt = Receipt(
            name=release.name,
            alias=release.alias,
            model_sha256=release.model_sha256,
            decision_sha256=release.decision_sha256,
        )
        return Published(receipt=receipt, version="1", run_id="r", registry="here", is_new=True)

    monkeypatch.setattr("tasks.registry.publish", publish)
    return releases


def register(
    root: Path, monkeypatch: pytest.MonkeyPatch, act: Callable[[Path], int] = lambda _: 0
) -> tuple[int, tuple[str, ...]]:
    """Run `register` by the worker, with `act` as the stage's own code."""

    def start(_stage: str, _case: str, run: RunFolder, *_: object) -> EndedStage:
        return EndedStage(act(run.path))

    monkeypatch.setattr(running, "start_stage", start)
    return running.run_stage("register", CASE, installation_at(root))


def log_of(root: Path) -> Log:
    ledger = open_ledger(installation_at(root))
    try:
        return read_log(ledger, trusted_root(installation_at(root)), EVERYTHING)
    finally:
        ledger.close()


def decision_on(root: Path) -> tuple[int, str]:
    """Return where the latest decision about registration stands, and what it is."""
    chain = examine(log_of(root), CASE, sha256_of(root / MODEL))
    decision = present(latest_decision(chain, "register"))
    return decision.index, decision.predicate.result


def receipt_of(root: Path) -> Path:
    return root / "data" / CASE / "register" / "receipt.json"


def entries_about_the_receipt(root: Path) -> int:
    """Return how many statements have the receipt as their subject."""
    name = f"{CASE}/register/receipt.json"
    return len(log_of(root).statements(Provenance, name))


def other_model(folder: Path) -> None:
    """Put a model of another cut-off in the place of a model."""
    path = folder / "scorer.json"
    path.write_text(path.read_text().replace("0.5", "0.1"))


def test_a_cleared_model_is_published_with_its_evidence(
    signed: Path, published: list[Publication], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, lines = register(signed, monkeypatch)
    (release,) = published
    assert code == 0
    assert "tiny version 1 registered in here as `candidate`" in lines
    assert release.model_sha256 == sha256_of(signed / MODEL)
    assert release.tags[PLAN_TAG] == plan_now(CASE, signed).sha256
    assert release.tags[ATTEMPTS_TAG].startswith("1 attempt (1 registered) on the same data")
    assert "no. 1 registered" in release.description
    assert release.metrics == {
        str(check_id): 1.0 for catalogue in CATALOGUES.values() for check_id in catalogue
    }
    assert release.tags["portcullis.gate.fairness"] == "pass"
    assert release.tags["portcullis.git_commit"] == "no git"
    assert json.loads(receipt_of(signed).read_text())["model_sha256"] == release.model_sha256
    assert entries_about_the_receipt(signed) == 1


def test_the_decision_stands_in_the_ledger_before_anything_is_published(
    signed: Path, published: list[Publication], monkeypatch: pytest.MonkeyPatch
) -> None:
    decisions: list[tuple[int, str]] = []

    def publish(release: Publication, installation: object) -> Published:
        decisions.append(decision_on(signed))
        assert release.log_entry == decisions[0][0]
        raise ServiceError("registry", expected="an answer", found="none", remedy="Start it.")

    monkeypatch.setattr("tasks.registry.publish", publish)
    with pytest.raises(ServiceError):
        register(signed, monkeypatch)
    assert [result for _, result in decisions] == ["PASSED"]


def test_a_registry_that_is_down_leaves_the_decision_and_no_receipt_and_the_rerun_completes_it(
    signed: Path, published: list[Publication], monkeypatch: pytest.MonkeyPatch
) -> None:
    def publish(release: Publication, installation: object) -> Published:
        raise ServiceError("registry", expected="an answer", found="none", remedy="Start it.")

    with monkeypatch.context() as down:
        down.setattr("tasks.registry.publish", publish)
        with pytest.raises(ServiceError) as failure:
            register(signed, down)
    assert failure.value.exit_code == 4
    assert decision_on(signed)[1] == "PASSED"
    assert not receipt_of(signed).exists()
    assert entries_about_the_receipt(signed) == 0

    assert register(signed, monkeypatch)[0] == 0
    assert entries_about_the_receipt(signed) == 1
    assert published[0].log_entry == decision_on(signed)[0]


@pytest.mark.parametrize("gate", list(CATALOGUES))
def test_a_stage_that_lets_a_failed_gate_through_is_stopped_by_the_worker(
    signed: Path, published: list[Publication], monkeypatch: pytest.MonkeyPatch, gate: str
) -> None:
    failed = next(iter(CATALOGUES[gate]))
    put_verdict(signed, gate, checks=(check(failed, 0.4),))
    sign_for(signed, gate)
    sign_for(signed, "decide")
    with pytest.raises(RefusedError, match="The stage let it through; the worker does not"):
        register(signed, monkeypatch)
    assert published == []
    assert decision_on(signed)[1] == "FAILED"
    assert not receipt_of(signed).exists()


def test_a_clearance_that_the_stage_forges_clears_nothing(
    signed: Path, published: list[Publication], monkeypatch: pytest.MonkeyPatch
) -> None:
    put_verdict(signed, "fairness", checks=(check(next(iter(CATALOGUES["fairness"])), 0.4),))
    sign_for(signed, "fairness")

    def forge(folder: Path) -> int:
        assert json.loads((folder / CLEARANCE).read_text()) != []
        (folder / CLEARANCE).write_text("[]")
        return 0

    with pytest.raises(RefusedError):
        register(signed, monkeypatch, forge)
    assert published == []


def test_what_dvc_calls_stale_reaches_the_stage(
    signed: Path, published: list[Publication], monkeypatch: pytest.MonkeyPatch
) -> None:
    line = "train@tiny: changed deps tasks/train"
    monkeypatch.setattr("tasks.pipeline.runner.list_stale", lambda *_: (line,))

    def refuse(folder: Path) -> int:
        assert line in (folder / CLEARANCE).read_text()
        return 3

    assert register(signed, monkeypatch, refuse)[0] == 3
    assert published == []
    assert decision_on(signed)[1] == "FAILED"


def test_a_receipt_that_the_stage_writes_is_not_the_one_that_is_signed(
    signed: Path, published: list[Publication], monkeypatch: pytest.MonkeyPatch
) -> None:
    def forge(folder: Path) -> int:
        (folder / "data" / CASE / "register" / "receipt.json").write_text('{"name": "loan"}')
        return 0

    register(signed, monkeypatch, forge)
    assert json.loads(receipt_of(signed).read_text())["name"] == CASE


def test_a_stage_that_refuses_is_not_published_although_nothing_speaks_against_it(
    signed: Path, published: list[Publication], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert register(signed, monkeypatch, lambda _: 3)[0] == 3
    assert published == []
    assert not receipt_of(signed).exists()


def test_the_name_and_alias_are_those_of_the_snapshot(
    signed: Path, published: list[Publication], monkeypatch: pytest.MonkeyPatch
) -> None:
    def rename(_: Path) -> int:
        def change(values: dict[str, Any]) -> None:
            values["register"]["model"] = "loan"

        change_case(signed, CASE, change)
        return 0

    register(signed, monkeypatch, rename)
    assert published[0].name == CASE


def test_a_model_that_was_exchanged_after_the_decision_is_not_published(
    signed: Path, published: list[Publication]
) -> None:
    here = installation_at(signed)
    decided_on = Artefact(f"{CASE}/train/model", sha256_of(signed / MODEL), "", is_folder=True)
    with open_snapshot(here, here.home / "trees") as (_, snapshot):
        declaration = declared("register", CASE, snapshot)
        with open_run_folder(declaration, signed, snapshot) as run:
            before = look(declaration, here, configuration=snapshot, data=run.path)
            circumstances = observe(before, "0" * 32).run
            other_model(signed / MODEL)
            with pytest.raises(EvidenceError, match="the model that was decided on"):
                publish_model(decided_on, run, circumstances, Recorded(1, "", "log"), here)
    assert published == []


def test_the_archive_of_the_log_is_published_with_the_model_and_verifies_offline(
    signed: Path, published: list[Publication], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    register(signed, monkeypatch)
    (release,) = published
    path = tmp_path / "clearance.zip"
    path.write_bytes(present(release.clearance))
    verified = verify_bundle(path, trusted_root(installation_at(signed)))
    assert verified.is_complete
    assert verified.log.head.origin == release.log_origin
    answer = judge(verified.log, verified.chain)
    assert answer.model_sha256 == release.model_sha256
    assert answer.answer is Answer.CLEARED
    decided = present(latest_decision(verified.chain, "register"))
    assert decided.index == release.log_entry
