"""The stage `alternatives`: searches for less discriminatory alternatives, reports and judges."""

import logging

from tasks.config.cases import Role
from tasks.errors import DataError
from tasks.learning.params import TrainParams
from tasks.path import STAGES
from tasks.stages.alternatives.choosing import compare_configurations
from tasks.stages.alternatives.configurations import configurations
from tasks.stages.alternatives.judging import judge_alternatives
from tasks.stages.alternatives.pages import write_alternatives_page
from tasks.stages.alternatives.params import AlternativesLimits, AlternativesParams, JudgedGroups
from tasks.stages.alternatives.searching import draw_people, search
from tasks.stages.workspace import StageRun
from tasks.under_way import under_way

JUDGED = STAGES["alternatives"].judges

logger = logging.getLogger("portcullis.alternatives")


def run(stage_run: StageRun) -> None:
    """Fit the declared grid, compare it with the shipped configuration, write the page, and judge.

    Raises:
        DataError: The predictions are not those of these rows, or there are none.
        ConfigError: The grid names columns of another role, or learners that could not be shipped.
    """
    params = stage_run.params(AlternativesParams)
    limits = stage_run.limits(AlternativesLimits)
    judged = stage_run.params(JudgedGroups, "fairness")
    train = stage_run.params(TrainParams, "train")
    columns = stage_run.columns
    together = configurations(columns, params, train)

    needed = columns.named(Role.FEATURE, Role.PROTECTED, Role.TARGET)
    rows = stage_run.read_rows("redact", columns=("subject", "person", *needed))
    predictions = stage_run.read_predictions(rows, columns=("subject", "oof_approved"))
    # The model is compared on the rows that it was judged on, and by the share that it approves.
    if not len(rows):
        raise DataError(
            "predictions",
            expected="at least one",
            found="none",
            remedy=f"Run `dvc repro train@{stage_run.case}` again.",
        )

    # Out of fold, on all rows: as configurations are scored here, and not by the registered model's
    # cut-off.
    approval_rate = float(predictions["oof_approved"].mean())
    searched = search(draw_people(rows, params), columns, together, params)
    with under_way("comparing alternatives"):
        report = compare_configurations(searched, together, judged, params, approval_rate)
    checks = judge_alternatives(report, limits)

    with stage_run.folder_of("page") as page:
        write_alternatives_page(page, stage_run.case, report, checks, params, stage_run.words)
    stage_run.write_report(report)
    verdict = stage_run.write_verdict(checks, about=JUDGED)
    logger.info("%d configurations, %d fits: %s", len(together), report.fits, verdict.outcome.value)
