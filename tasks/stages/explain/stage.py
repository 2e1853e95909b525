"""The stage `explain`."""

import logging

from tasks.config.cases import Role
from tasks.keystore.keys import Retention
from tasks.model import DecisionModel, load_refits
from tasks.model.loading import require_judged_code
from tasks.path import STAGES
from tasks.stages.explain.committing import commitments
from tasks.stages.explain.explaining import explain
from tasks.stages.explain.judging import judge_explanation
from tasks.stages.explain.pages import write_explain_page
from tasks.stages.explain.params import ExplainLimits, ExplainParams
from tasks.stages.workspace import StageRun
from tasks.verifier.explanation_commitments import run_id, tree_bytes

JUDGED = STAGES["explain"].judges

logger = logging.getLogger("portcullis.explain")


def run(stage_run: StageRun) -> None:
    """Explain the model's decisions, write the reasons sealed, the page, and judge.

    Raises:
        DataError: The predictions are not those of these rows.
    """
    params = stage_run.params(ExplainParams)
    limits = stage_run.limits(ExplainLimits)
    model = DecisionModel.load(stage_run.input("train", "model"))
    # Before any row is unsealed: by other code nothing could be shown about the model that was
    # judged.
    require_judged_code(model)

    attributes = stage_run.columns.named(Role.PROTECTED)
    rows = stage_run.read_rows(
        "redact", columns=("subject", "person", *model.scorer.features, *attributes)
    )
    predictions = stage_run.read_predictions(rows, ("subject", "part", "score", "approved"))
    refits = load_refits(stage_run.input("train", "refits"))
    protected = rows[list(attributes)]
    explained = explain(
        rows,
        predictions,
        model,
        refits,
        protected,
        params,
        limits.proxy_strength,
        stage_run.engine,
    )
    checks = judge_explanation(explained.report, limits)

    stage_run.write_rows(explained.reasons, "reasons", Retention.DECISION_RECORD)
    model_sha256 = stage_run.inputs["train/model"]
    identity = run_id(model_sha256, stage_run.inputs["redact/rows.parquet"])
    with stage_run.writing("decisions.tree") as path:
        # After the reasons are written: a commitment opens to what lies there, sealed for the same
        # term.
        leaves = commitments(
            explained.reasons, stage_run.keys, identity, model_sha256, model.reasons
        )
        path.write_bytes(tree_bytes(leaves))
    with stage_run.folder_of("page") as page:
        write_explain_page(page, stage_run.case, model, explained, checks, stage_run.words)
    stage_run.write_report(explained.report)

    verdict = stage_run.write_verdict(checks, about=JUDGED)
    logger.info(
        "%d declined explained, %d checks: %s",
        explained.report.declined_rows,
        len(checks),
        verdict.outcome.value,
    )
