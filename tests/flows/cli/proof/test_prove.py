"""`prove`: one decision's explanation for an outsider, and nothing about anybody else."""

import json
import zipfile
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from flows.cli.proof import prove, verify
from tasks.errors import DataError, EvidenceError
from tasks.formats.digests import sha256_of
from tasks.keystore.keys import Retention, open_keys
from tasks.keystore.shredding import shred
from tasks.notary.notary import trusted_root
from tasks.stages.decide.stage import run as decide
from tasks.stages.explain.committing import REASONS, commitments
from tasks.stages.workspace import StageRun
from tasks.system.installation import Installation
from tasks.verifier.bundle import DECISION
from tasks.verifier.decision_proof import DecisionProof
from tasks.verifier.explanation_commitments import TREE, commitment, run_id, tree_bytes
from tests.flows.cli.proof.test_refusals import run
from tests.installations import installation_at
from tests.tasks.judged import CASE, attested, judged, sign_for

DECLINED_ROWS = (3, 5, 8)
VERSION = "reasons-1"


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """A checkout whose run declined three applications, and signed for their explanations."""
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PORTCULLIS_TODAY", raising=False)
    # What is proven rests on the ledger; that the use case is one is tried in test_refusals.
    monkeypatch.setattr(prove, "load_case", lambda *_: None)
    root = judged(tmp_path / "checkout")
    decide(StageRun("decide", CASE, installation_at(root)))
    attested(root)
    explain(root)
    sign_for(root, "explain")
    return installation_at(root)


def subject_of(row: int) -> str:
    return f"{row:032x}"


def reasons_of(rows: tuple[int, ...]) -> pd.DataFrame:
    """Return a table of reasons: the first two of each row, and no third."""
    columns: dict[str, object] = {
        "subject": pd.array([subject_of(row) for row in rows], dtype="str"),
        "row": pd.array(list(rows), dtype="int64"),
    }
    for number in range(1, REASONS + 1):
        code = f"R{number}" if number <= 2 else None
        columns[f"reason_{number}"] = pd.array([code] * len(rows), dtype="str")
        columns[f"log_odds_{number}"] = [0.5 / number] * len(rows)
    return pd.DataFrame(columns)


def explain(root: Path) -> None:
    """Write what `explain` writes about its explanations: reasons, tree and report."""
    data = root / "data" / CASE
    stage_run = StageRun("explain", CASE, installation_at(root))
    reasons = reasons_of(DECLINED_ROWS)
    stage_run.write_rows(reasons, "reasons", Retention.DECISION_RECORD)

    model_sha256 = sha256_of(data / "train" / "model")
    scored = run_id(model_sha256, sha256_of(data / "redact" / "rows.parquet"))
    leaves = commitments(reasons, stage_run.keys, scored, model_sha256, VERSION)
    (data / TREE).write_bytes(tree_bytes(leaves))
    (data / "explain" / "report.json").write_text(json.dumps({"reason_map_version": VERSION}))


def prove_row(installation: Installation, row: int) -> Path:
    """Prove a decision; return where the archive lies, or would."""
    output = installation.workspace.parent / "proof.zip"
    arguments = (CASE, "--decision", str(row), "--output", str(output))
    assert run(prove, installation, *arguments) == 0
    return output


@pytest.mark.parametrize("row", DECLINED_ROWS)
def test_a_proof_holds_the_explanation_that_the_run_committed_to(
    installation: Installation, row: int
) -> None:
    with zipfile.ZipFile(prove_row(installation, row)) as archive:
        proof = DecisionProof.from_dict(json.loads(archive.read(DECISION)))
    assert proof.explanation.row == row
    assert proof.explanation.reasons == (("R1", 0.5), ("R2", 0.25))
    assert (proof.index, proof.size) == (DECLINED_ROWS.index(row), len(DECLINED_ROWS))

    tree = (installation.workspace / "data" / CASE / TREE).read_bytes()
    start = 32 * proof.index
    assert tree[start : start + 32] == commitment(proof.salt, proof.explanation)


def test_an_archive_names_no_data_subject(installation: Installation) -> None:
    with zipfile.ZipFile(prove_row(installation, 5)) as archive:
        content = b"".join(archive.read(name) for name in archive.namelist())
    for row in DECLINED_ROWS:
        assert subject_of(row).encode() not in content


def test_an_outsider_verifies_the_archive_by_the_root_key(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    output = prove_row(installation, 5)
    capsys.readouterr()
    run(verify, installation, str(output), "--root", str(trusted_root(installation)))
    shown = capsys.readouterr()
    assert "\nproof.zip: every link holds" in shown.out
    assert shown.err == ""


def test_how_to_verify_the_archive_is_printed(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    output = prove_row(installation, 5)
    expected = f"wrote {output}: verify it with `./portcullis verify proof.zip`, here or anywhere\n"
    assert capsys.readouterr().out == expected


def refuse(installation: Installation, row: int, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        prove_row(installation, row)
    assert not (installation.workspace.parent / "proof.zip").exists()


def test_a_row_that_was_not_declined_has_no_proof(installation: Installation) -> None:
    refuse(installation, 4, DataError, "decision 4 of tiny: expected a declined application")


def test_an_erased_subject_s_decision_is_not_proven_and_others_are(
    installation: Installation,
) -> None:
    shred(open_keys(installation), [subject_of(5)], date(2026, 11, 24))
    refuse(installation, 5, DataError, "its subject was erased")
    assert prove_row(installation, 8).is_file()


def test_reasons_and_a_tree_of_two_runs_prove_nothing(installation: Installation) -> None:
    report = installation.workspace / "data" / CASE / "explain" / "report.json"
    report.write_text(json.dumps({"reason_map_version": "reasons-2"}))
    refuse(installation, 5, EvidenceError, "The sealed reasons and the tree are of two runs")


def test_a_tree_that_no_run_signed_for_proves_nothing(installation: Installation) -> None:
    path = installation.workspace / "data" / CASE / TREE
    path.write_bytes(path.read_bytes() + bytes(32))
    refuse(installation, 5, EvidenceError, "expected a signed statement about the tree")
