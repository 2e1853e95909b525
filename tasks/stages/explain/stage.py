"""The stage `explain`."""

import logging

from tasks.config.cases import CONFIGS, Role
from tasks.keystore.keys import Retention
from tasks.model import Scorer, load_refits
from tasks.stages.explain.committing import commitments
from tasks.stages.explain.explaining import explain
from tasks.stages.explain.judging import judge_explanation
from tasks.stages.explain.pages import write_explain_page
from tasks.stages.explain.params import ExplainLimits, ExplainParams
from tasks.stages.explain.reasons import load_reason_map
from tasks.stages.workspace import Work
from tasks.verifier.explanation_commitments import run_id, tree_bytes

logger = logging.getLogger("portcullis.explain")


def run(work: Work) -> None:
    """Explain the model's decisions, write the reasons sealed, the page, and judge."""
    params, limits = work.params(ExplainParams), work.limits(ExplainLimits)
    scorer = Scorer.load(work.input("train", "model"))
    known = load_reason_map(
        work.root / CONFIGS / "reasons" / f"{params.reasons}.yaml", scorer.features
    )
    attributes = work.columns.named(Role.PROTECTED)
    rows = work.read_rows("redact", columns=("subject", *scorer.features, *attributes))
    predictions = work.read_rows("train", "predictions")
    protected = rows[list(attributes)]
    refits = load_refits(work.input("train", "refits"))
    found = explain(rows, predictions, scorer, refits, protected, known, params)
    checks = judge_explanation(found.report, limits)
    work.write_rows(found.reasons, "reasons", Retention.DECISION_RECORD)
    model, run = (
        work.inputs["train/model"],
        run_id(work.inputs["train/model"], work.inputs["redact/rows.parquet"]),
    )
    with work.writing("decisions.tree") as path:
        path.write_bytes(
            tree_bytes(commitments(found.reasons, work.keys, run, model, known.version))
        )
    with work.folder_of("page") as page:
        write_explain_page(page, work.case, scorer, found, known, checks)
    work.write_report(found.report)
    verdict = work.write_verdict(checks)
    logger.info(
        "%d declined explained, %d checks: %s",
        found.report.declined_rows,
        len(checks),
        verdict.outcome.value,
    )
