"""The stage `fairness`."""

import logging

from tasks.config.cases import Role
from tasks.errors import DataError
from tasks.stages.fairness.judging import judge_fairness
from tasks.stages.fairness.measuring import measure_fairness
from tasks.stages.fairness.pages import write_fairness_page
from tasks.stages.fairness.params import FairnessLimits, FairnessParams
from tasks.stages.workspace import Work

logger = logging.getLogger("portcullis.fairness")


def run(work: Work) -> None:
    """Measure the model's decisions by group, write the page, and judge."""
    params, limits = work.params(FairnessParams), work.limits(FairnessLimits)
    attributes = work.columns.named(Role.PROTECTED)
    rows = work.read_rows("redact", columns=("subject", *attributes))
    found = work.read_rows("train", "predictions")
    if not rows["subject"].equals(found["subject"]):
        raise DataError(
            "predictions",
            expected="one per row, in the rows' order",
            found="others",
            remedy=f"Run `dvc repro train@{work.case}` again.",
        )
    chosen = (
        slice(None) if params.evaluate_on == "out_of_fold" else (found["part"] == "test").to_numpy()
    )
    prefix = "oof_" if params.evaluate_on == "out_of_fold" else ""
    protected = rows.loc[chosen, list(attributes)].reset_index(drop=True)
    actual = found.loc[chosen, "actual"].to_numpy()
    approved = found.loc[chosen, f"{prefix}approved"].to_numpy()
    scores = found.loc[chosen, f"{prefix}score"].to_numpy()
    report = measure_fairness(protected, actual, approved, scores, params)
    checks = judge_fairness(report, params, limits)
    with work.folder_of("page") as page:
        write_fairness_page(
            page,
            work.case,
            report,
            checks,
            protected,
            actual,
            approved,
            scores,
            limits.disparate_impact,
        )
    work.write_report(report)
    verdict = work.write_verdict(checks)
    logger.info("%d groups, %d checks: %s", len(report.groups), len(checks), verdict.outcome.value)
