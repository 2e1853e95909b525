"""`prove`: one decision's explanation for an outsider, and nothing about anybody else."""

import json
import zipfile
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flows.cli.proof import prove, verify
from tasks.errors import ConfigError, DataError, EvidenceError
from tasks.formats.archives import archive
from tasks.formats.digests import sha256_of
from tasks.keystore.keys import Retention, open_keys
from tasks.keystore.shredding import shred
from tasks.model import DecisionModel
from tasks.notary.notary import trusted_root
from tasks.path import STAGES, SUBJECTS
from tasks.stages.decide.stage import run as decide
from tasks.stages.explain.committing import REASONS, commitments
from tasks.stages.explain.reasons import reason_table
from tasks.stages.workspace import StageRun
from tasks.system.installation import Installation
from tasks.verifier.answer import Answer
from tasks.verifier.bundle import DECISION
from tasks.verifier.decision_proof import DecisionProof
from tasks.verifier.explanation_commitments import (
    TREE,
    ToldReason,
    commitment,
    run_id,
    tree_bytes,
)
from tests.flows.cli.running import run
from tests.installations import installation_at
from tests.models import income_model
from tests.tasks.judged import CASE, attested, judged, put_verdict, sign_for

DECLINED_ROWS = (3, 5, 8)


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
    """Return a table of reasons: the only one that the model's map has."""
    columns: dict[str, object] = {
        "subject": pd.array([subject_of(row) for row in rows], dtype="str"),
        "row": pd.array(list(rows), dtype="int64"),
    }
    for number in range(1, REASONS + 1):
        code = "A" if number == 1 else None
        columns[f"reason_{number}"] = pd.array([code] * len(rows), dtype="str")
        columns[f"log_odds_{number}"] = [0.5 / number] * len(rows)
    return pd.DataFrame(columns)


def explain(root: Path) -> None:
    """Write what `explain` writes about its explanations: reasons and tree."""
    data = root / "data" / CASE
    stage_run = StageRun("explain", CASE, installation_at(root))
    reasons = reasons_of(DECLINED_ROWS)
    stage_run.write_rows(reasons, "reasons", Retention.DECISION_RECORD)

    model_sha256 = sha256_of(data / "train" / "model")
    scored = run_id(model_sha256, sha256_of(data / "redact" / "rows.parquet"))
    reason_map = DecisionModel.load(data / "train" / "model").reasons
    leaves = commitments(reasons, stage_run.keys, scored, model_sha256, reason_map)
    (data / TREE).write_bytes(tree_bytes(leaves))


def prove_row(installation: Installation, row: int, *more: str) -> Path:
    """Prove a decision; return where the archive lies, or would."""
    output = installation.workspace.parent / "proof.zip"
    arguments = (CASE, "--decision", str(row), "--output", str(output), *more)
    assert run(prove, installation, *arguments) == 0
    return output


@pytest.mark.parametrize("row", DECLINED_ROWS)
def test_a_proof_holds_the_explanation_that_the_run_committed_to(
    installation: Installation, row: int
) -> None:
    with zipfile.ZipFile(prove_row(installation, row)) as source:
        proof = DecisionProof.from_dict(json.loads(source.read(DECISION)))
    assert proof.explanation.row == row
    sentences = (("de", "Das Einkommen ist niedrig"), ("en", "The income is low"))
    assert proof.explanation.reasons == (ToldReason("A", 0.5, sentences),)
    assert (proof.index, proof.size) == (DECLINED_ROWS.index(row), len(DECLINED_ROWS))

    tree = (installation.workspace / "data" / CASE / TREE).read_bytes()
    start = 32 * proof.index
    assert tree[start : start + 32] == commitment(proof.salt, proof.explanation)


def test_an_archive_names_no_data_subject(installation: Installation) -> None:
    with zipfile.ZipFile(prove_row(installation, 5)) as source:
        content = b"".join(source.read(name) for name in source.namelist())
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
    assert "1. Das Einkommen ist niedrig (A, +0.500 log odds)" in shown.out
    assert "1. The income is low (A, +0.500 log odds)" in shown.out
    assert shown.err == ""


def test_the_reasons_are_told_in_the_person_s_language(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    output = prove_row(installation, 5, "--language", "de")
    printed = capsys.readouterr().out
    run(verify, installation, str(output), "--unpinned", "--language", "de")
    for shown in (printed, capsys.readouterr().out):
        lines = shown.splitlines()
        told = lines.index("    1. Das Einkommen ist niedrig (A, +0.500 log odds)")
        assert lines[told - 1] == (
            "  decision about row 5: declined; reasons in de, most adverse first:"
        )
        assert "The income is low" not in shown


def test_a_language_that_the_reasons_lack_is_refused_and_nothing_is_written(
    installation: Installation,
) -> None:
    with pytest.raises(ConfigError, match="expected one of de, en; found fr"):
        prove_row(installation, 5, "--language", "fr")
    assert not (installation.workspace.parent / "proof.zip").exists()
    output = prove_row(installation, 5)
    with pytest.raises(ConfigError, match="expected one of de, en; found fr"):
        run(verify, installation, str(output), "--unpinned", "--language", "fr")


def test_an_empty_language_is_not_the_same_as_none(installation: Installation) -> None:
    with pytest.raises(ConfigError, match="expected one of de, en; found nothing"):
        prove_row(installation, 5, "--language", "")
    output = prove_row(installation, 5)
    with pytest.raises(ConfigError, match="expected one of de, en; found nothing"):
        run(verify, installation, str(output), "--unpinned", "--language", "")


def test_a_sentence_that_somebody_changed_is_not_what_the_run_committed_to(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    output = prove_row(installation, 5)
    with zipfile.ZipFile(output) as source:
        files = {name: source.read(name) for name in source.namelist()}
    assert b"The income is low" in files[DECISION]
    files[DECISION] = files[DECISION].replace(b"The income is low", b"The income is odd")
    output.write_bytes(archive(files))
    capsys.readouterr()

    assert run(verify, installation, str(output), "--unpinned") == Answer.BROKEN
    assert "expected an explanation that leads to its root" in capsys.readouterr().err


def test_how_to_verify_the_archive_is_printed(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    output = prove_row(installation, 5)
    expected = f"wrote {output}: verify it with `./portcullis verify proof.zip`, here or anywhere"
    assert capsys.readouterr().out.splitlines()[-1] == expected


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
    stage_run = StageRun("explain", CASE, installation)
    reasons = reasons_of(DECLINED_ROWS).assign(log_odds_1=-0.9)
    stage_run.write_rows(reasons, "reasons", Retention.DECISION_RECORD)
    refuse(installation, 5, EvidenceError, "The sealed reasons and the tree are of two runs")


def test_a_tree_that_no_run_signed_for_proves_nothing(installation: Installation) -> None:
    path = installation.workspace / "data" / CASE / TREE
    path.write_bytes(path.read_bytes() + bytes(32))
    refuse(installation, 5, EvidenceError, "expected a signed statement about the tree")


def replayable(installation: Installation) -> tuple[int, ...]:
    """Let the run commit to what its model really decides; return the declined rows."""
    root = installation.workspace
    data = root / "data" / CASE
    stage_run = StageRun("explain", CASE, installation)
    model = DecisionModel.load(data / "train" / "model")
    model_sha256 = sha256_of(data / "train" / "model")
    rows = applications()
    StageRun("redact", CASE, installation).write_rows(rows)
    decisions = model.decide(rows)
    table = reason_table(
        rows["subject"], decisions, model.reasons, np.zeros(len(decisions.declined))
    )
    stage_run.write_rows(table, "reasons", Retention.DECISION_RECORD)
    identity = run_id(model_sha256, sha256_of(data / "redact" / "rows.parquet"))
    leaves = commitments(table, stage_run.keys, identity, model_sha256, model.reasons)
    (data / TREE).write_bytes(tree_bytes(leaves))
    # Everything is judged and signed for again, about these rows.
    for gate in SUBJECTS:
        put_verdict(root, gate)
    decide(StageRun("decide", CASE, installation))
    for stage in tuple(STAGES)[:-1]:
        sign_for(root, stage)
    return tuple(table["row"])


def applications() -> pd.DataFrame:
    """Return rows of every feature of the model, some of them declined."""
    generator = np.random.default_rng(0)
    features = income_model().scorer.features
    values = {name: generator.normal(0, 3, 20) for name in features}
    return pd.DataFrame({"subject": [subject_of(row) for row in range(20)], **values})


def test_a_decision_is_replayed_to_the_committed_bytes(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    declined = replayable(installation)
    assert 0 < len(declined) < 20
    for row in declined:
        (installation.workspace.parent / "proof.zip").unlink(missing_ok=True)
        prove_row(installation, row, "--replay")
        assert "decided again by this model: the bytes" in capsys.readouterr().out


def test_others_who_were_erased_do_not_move_the_row_that_is_replayed(
    installation: Installation,
) -> None:
    declined = replayable(installation)
    earlier = [subject_of(row) for row in range(declined[-1]) if row not in declined]
    shred(open_keys(installation), earlier, date(2026, 11, 24))
    assert prove_row(installation, declined[-1], "--replay").is_file()


def test_reasons_that_the_model_does_not_give_are_not_replayed(
    installation: Installation,
) -> None:
    """The run of this fixture committed to reasons that somebody made up."""
    assert prove_row(installation, 5).is_file()
    (installation.workspace.parent / "proof.zip").unlink()
    with pytest.raises(DataError, match="decided again by this model"):
        prove_row(installation, 5, "--replay")
    assert not (installation.workspace.parent / "proof.zip").exists()
