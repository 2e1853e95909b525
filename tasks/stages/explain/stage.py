"""The stage `explain`."""

import logging

from tasks.config.cases import Role
from tasks.keystore.keys import Retention
from tasks.model import Scorer, load_refits
from tasks.path import STAGES
from tasks.stages.explain.committing import commitments
from tasks.stages.explain.explaining import explain
from tasks.stages.explain.judging import judge_explanation
from tasks.stages.explain.pages import write_explain_page
from tasks.stages.explain.params import ExplainLimits, ExplainParams
from tasks.stages.explain.reasons import load_reason_map
from tasks.stages.workspace import StageRun
from tasks.verifier.explanation_commitments import run_id, tree_bytes

JUDGED = STAGES["explain"].judges

logger = logging.getLogger("portcullis.explain")


def run(stage_run: StageRun) -> None:
    """Explain the model's decisions, write the reasons sealed, the page, and judge."""
    params, limits = stage_run.params(ExplainParams), stage_run.limits(ExplainLimits)
    scorer = Scorer.load(stage_run.input("train", "model"))
    known = load_reason_map(params.reasons.path_in(stage_run.workspace), scorer.features)
    attributes = stage_run.columns.named(Role.PROTECTED)
    rows = stage_run.read_rows("redact", columns=("subject", *scorer.features, *attributes))
    predictions = stage_run.read_rows("train", "predictions")
    protected = rows[list(attributes)]
    refits = load_refits(stage_run.input("train", "refits"))
    found = explain(rows, predictions, scorer, refits, protected, known, params)
    checks = judge_explanation(found.report, limits)
    stage_run.write_rows(found.reasons, "reasons", Retention.DECISION_RECORD)
    model, run = (
        stage_run.inputs["train/model"],
        run_id(stage_run.inputs["train/model"], stage_run.inputs["redact/rows.parquet"]),
    )
    with stage_run.writing("decisions.tree") as path:
        path.write_bytes(
            tree_bytes(commitments(found.reasons, stage_run.keys, run, model, known.version))
        )
    with stage_run.folder_of("page") as page:
        write_explain_page(page, stage_run.case, scorer, found, known, checks)
    stage_run.write_report(found.report)
    verdict = stage_run.write_verdict(checks, about=JUDGED)
    logger.info(
        "%d declined explained, %d checks: %s",
        found.report.declined_rows,
        len(checks),
        verdict.outcome.value,
    )
