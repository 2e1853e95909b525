"""What the worker signs for: bytes on disk, digested by itself; and what it does not sign for."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.attestation.agreement_review import AgreementReview
from tasks.attestation.artefacts import artefact, declared
from tasks.attestation.predicates.provenance import Provenance
from tasks.attestation.predicates.signed_verdict import EarlierCheck
from tasks.attestation.statement import Artefact
from tasks.clearance import attest_stage
from tasks.clearance.attest_stage import attest
from tasks.errors import AgreementError, EvidenceError, RefusalKind, RefusedError
from tasks.formats.digests import sha256_of
from tasks.gates import Outcome, at_least, not_measured
from tasks.notary.notary import open_ledger, trusted_root
from tasks.path import SUBJECTS
from tasks.stages.explain.checks import ExplainCheck
from tasks.stages.fairness.checks import FairnessCheck
from tasks.verifier.lineage import Chain, examine, latest_decision
from tasks.verifier.log_reader import EVERYTHING, Log, read_log
from tests.cases import change_case
from tests.installations import installation_at
from tests.tasks.judged import (
    CASE,
    CHECKOUT,
    check,
    observed,
    present,
    put_verdict,
    sign_for,
)

IMPACT = FairnessCheck.DISPARATE_IMPACT_RATIO


def log_of(root: Path) -> Log:
    ledger = open_ledger(installation_at(root))
    try:
        return read_log(ledger, trusted_root(installation_at(root)), EVERYTHING)
    finally:
        ledger.close()


def chain_of(root: Path) -> Chain:
    return examine(log_of(root), CASE, sha256_of(root / "data" / CASE / "train" / "model"))


def result_of(chain: Chain, stage: str) -> str:
    decision = latest_decision(chain, stage)
    assert decision is not None
    return str(decision.statement.predicate["verificationResult"])


def test_the_whole_chain_is_there_and_whole(signed: Path) -> None:
    chain = chain_of(signed)
    assert chain.broken == ()
    assert [step.stage for step in chain.steps] == ["train", "redact", "ingest", "admit"]
    assert set(chain.verdicts) == set(SUBJECTS)
    assert {verdict.outcome for verdict in chain.verdicts.values()} == {"pass"}
    assert present(latest_decision(chain, "decide")).predicate.result == "PASSED"
    step = chain.steps[0]
    assert step.sha256 == sha256_of(signed / "data" / CASE / "train" / "model")
    assert step.signed.predicate.run.params_sha256["limits"]


def test_a_failed_and_an_undecided_verdict_are_signed_as_such(signed: Path) -> None:
    put_verdict(signed, "explain", checks=(check(ExplainCheck.PROXY, 0.4),))
    sign_for(signed, "explain")
    put_verdict(
        signed,
        "fairness",
        checks=(check(IMPACT, None), check(FairnessCheck.THEIL_INDEX)),
    )
    sign_for(signed, "fairness")
    chain = chain_of(signed)
    assert (chain.verdicts["explain"].outcome, chain.verdicts["fairness"].outcome) == (
        "fail",
        "undecided",
    )
    assert chain.verdicts["fairness"].content.result == "FAILED"
    assert chain.verdicts["fairness"].content.warned == (IMPACT,)
    sign_for(signed, "decide")
    assert present(latest_decision(chain_of(signed), "decide")).predicate.result == "FAILED"


def test_a_check_that_was_not_measured_is_signed_as_neither_passed_nor_failed(signed: Path) -> None:
    nothing = not_measured(IMPACT, "impact", expected="declared", reason="declared so")
    put_verdict(signed, "fairness", checks=(nothing, check(FairnessCheck.THEIL_INDEX)))
    sign_for(signed, "fairness")
    verdict = chain_of(signed).verdicts["fairness"]
    assert verdict.content.result == "PASSED"
    assert verdict.content.passed == (FairnessCheck.THEIL_INDEX,)
    assert verdict.content.warned == verdict.content.failed == ()
    assert verdict.checks()[0].outcome is Outcome.NOT_MEASURED


@pytest.mark.parametrize(
    ("field", "value"), [("id", None), ("id", "Theil index"), ("outcome", "x"), ("value", "0.9")]
)
def test_a_verdict_with_a_check_that_is_none_is_not_signed(
    signed: Path, field: str, value: Any
) -> None:
    seen = observed(signed, "fairness")
    path = signed / "data" / CASE / "fairness" / "verdict.json"
    values = json.loads(path.read_text())
    values["checks"][0][field] = value
    path.write_text(json.dumps(values))
    with pytest.raises(EvidenceError, match="each of its checks with an id"):
        attest(seen, {})


def test_a_verdict_by_lax_limits_that_names_the_right_digest_is_not_signed(signed: Path) -> None:
    put_verdict(signed, "fairness", checks=(at_least(IMPACT, "impact", 0.4, 0.3),))
    entries = len(log_of(signed).entries)
    with pytest.raises(EvidenceError, match=r"the limit in force, ≥ 0\.5; found another limit"):
        sign_for(signed, "fairness")
    assert len(log_of(signed).entries) == entries


def test_a_verdict_for_another_use_case_is_not_signed(signed: Path) -> None:
    put_verdict(signed, "fairness", use_case="loan")
    with pytest.raises(EvidenceError, match="a verdict for `tiny`"):
        sign_for(signed, "fairness")


def test_what_was_signed_before_checks_had_ids_is_refused_and_not_guessed(signed: Path) -> None:
    verdict = chain_of(signed).verdicts["fairness"]
    earlier = (EarlierCheck("Theil index", "pass", 1.0, "at least 0.5", 0.5),)
    before = replace(verdict.signed, predicate=replace(verdict.content, checks=earlier))
    with pytest.raises(EvidenceError, match="each of its checks with an id"):
        replace(verdict, signed=before).checks()


def test_a_verdict_about_other_bytes_is_not_signed(signed: Path) -> None:
    seen = observed(signed, "fairness")
    path = signed / "data" / CASE / "fairness" / "verdict.json"
    values = json.loads(path.read_text())
    values["about"]["train/predictions.parquet"] = "0" * 64
    path.write_text(json.dumps(values))
    with pytest.raises(
        EvidenceError, match=r"tiny/train/predictions.parquet: expected what the verdict is about"
    ):
        attest(seen, {})


def test_a_verdict_about_what_the_stage_does_not_declare_is_not_signed(signed: Path) -> None:
    path = signed / "data" / CASE / "validate" / "verdict.json"
    values = json.loads(path.read_text())
    values["about"]["train/model"] = sha256_of(signed / "data" / CASE / "train" / "model")
    path.write_text(json.dumps(values))
    with pytest.raises(EvidenceError, match="found nothing declared"):
        sign_for(signed, "validate")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"gate": "explain"}, "gate `explain` makes no check"),
        ({"limits_sha256": "0" * 64}, "by the limits in force"),
        ({"checks": []}, "at least one check"),
        ({"about": None}, "expected a verdict"),
    ],
)
def test_a_verdict_that_is_none(signed: Path, change: dict[str, Any], words: str) -> None:
    path = signed / "data" / CASE / "fairness" / "verdict.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(EvidenceError, match=words):
        sign_for(signed, "fairness")


def test_of_data_every_file_counts_whatever_it_is_called(signed: Path) -> None:
    model = f"data/{CASE}/train/model"
    before = artefact(signed, model)
    (signed / model / "__pycache__").mkdir()
    (signed / model / "__pycache__" / "planted.pyc").write_bytes(b"bytecode")
    assert artefact(signed, model) != before
    assert artefact(signed, model).sha256 == sha256_of(signed / model)


def test_a_missing_output_is_not_signed_for(signed: Path) -> None:
    seen = observed(signed, "explain")
    entries = len(log_of(signed).entries)
    (signed / "data" / CASE / "explain" / "report.json").unlink()
    with pytest.raises(EvidenceError, match="found nothing"):
        attest(seen, {})
    assert len(log_of(signed).entries) == entries


@pytest.mark.parametrize(
    ("written", "words"), [(b"{}", "found other bytes"), (None, "no regular file")]
)
@pytest.mark.parametrize("name", ["verdict.json", "decisions.tree"])
def test_what_is_written_after_it_was_digested_is_not_signed(
    signed: Path, monkeypatch: pytest.MonkeyPatch, name: str, written: bytes | None, words: str
) -> None:
    path = signed / "data" / CASE / "explain" / name

    def digest_then_write(workspace: Path, named: str) -> Artefact:
        digested = artefact(workspace, named)
        if named.endswith(f"explain/{name}"):
            path.unlink()
            path.write_bytes(written) if written is not None else os.mkfifo(path)
        return digested

    monkeypatch.setattr(attest_stage, "artefact", digest_then_write)
    with pytest.raises(EvidenceError, match=words):
        attest(observed(signed, "explain"), {})


def test_a_refused_registration_without_a_model_says_so(signed: Path) -> None:
    shutil.rmtree(signed / "data" / CASE / "train" / "model")
    with pytest.raises(EvidenceError, match="the model that is decided about; found nothing"):
        attest(observed(signed, "register"), {}, code=RefusedError.exit_code)


def test_what_the_stage_claims_is_marked_as_claimed(signed: Path) -> None:
    sign_for(signed, "redact", {"unsealed": 7, "shredded": 1})
    step = next(step for step in chain_of(signed).steps if step.stage == "redact")
    assert step.signed.predicate.run.claimed == {"unsealed": 7, "shredded": 1}


def test_a_folder_has_the_digests_of_the_house_and_of_dvc(tmp_path: Path) -> None:
    from dvc_data.hashfile.hash_info import HashInfo
    from dvc_data.hashfile.meta import Meta
    from dvc_data.hashfile.tree import Tree

    for name in ("b", "a/x", "a-b/y", "a.b"):
        (tmp_path / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "folder" / name).write_text(name)
    found = artefact(tmp_path, "folder")
    tree = Tree()  # type: ignore[no-untyped-call]
    for name in ("b", "a/x", "a-b/y", "a.b"):
        md5 = artefact(tmp_path / "folder", name).md5
        tree.add(tuple(name.split("/")), Meta(), HashInfo("md5", md5))
    tree.digest()
    assert f"{found.md5}.dir" == tree.hash_info.value
    assert found.sha256 == sha256_of(tmp_path / "folder")


def test_what_dvc_declares_is_what_is_read(signed: Path) -> None:
    found = declared("train", CASE, signed)
    dvc = yaml.safe_load((CHECKOUT / "dvc.yaml").read_text())["stages"]["train"]["do"]
    suite = f"configs/{CASE}/suite.yaml"  # which a section names
    assert len({*found.inputs} - {suite}) == len(dvc["deps"])
    assert suite in found.inputs
    assert suite in declared("validate", CASE, signed).inputs
    assert f"data/{CASE}/train/roc.json" in found.outputs
    assert f"data/{CASE}/train/report.json" in found.outputs


def test_a_registration_that_the_stage_let_through_and_the_worker_does_not(signed: Path) -> None:
    change_case(signed, CASE, lambda values: values["register"].update(approval=True))
    (signed / "data" / CASE / "register").mkdir()
    (signed / "data" / CASE / "register" / "receipt.json").write_text("{}")
    with pytest.raises(RefusedError) as refusal:
        sign_for(signed, "register")
    assert refusal.value.refusals[0].kind == RefusalKind.APPROVAL_MISSING
    decision = latest_decision(chain_of(signed), "register")
    assert present(decision).predicate.result == "FAILED"


def call_processor(values: dict[str, Any]) -> None:
    values["sources"]["applications"]["role"] = "processor"


def test_the_worker_finds_a_missing_clause_that_the_stage_let_through(signed: Path) -> None:
    # As if the stage's code said nothing: it ended well, and wrote its outputs.
    change_case(signed, CASE, call_processor)
    before = len(log_of(signed).entries)
    with pytest.raises(AgreementError, match="the register has no file of it"):
        attest(observed(signed, "admit"), {})

    log = log_of(signed)
    new = [entry.index for entry in log.entries if entry.index >= before]
    (review,) = [item for item in log.statements(AgreementReview) if item.index in new]
    assert review.predicate.result == "FAILED"
    assert [subject.name for subject in review.subjects] == [f"{CASE}/agreements"]
    assert not [item for item in log.statements(Provenance) if item.index in new]


def test_what_the_worker_found_is_signed_where_the_stage_refused(signed: Path) -> None:
    change_case(signed, CASE, call_processor)
    # Nothing was admitted, so nothing was written either.
    (signed / "data" / CASE / "admit" / "sources.json").unlink()
    attest(observed(signed, "admit"), {}, code=AgreementError.exit_code)
    reviews = log_of(signed).statements(AgreementReview)
    assert [item.predicate.result for item in reviews][-1] == "FAILED"
