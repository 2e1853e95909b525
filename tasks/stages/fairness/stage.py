"""The stage `fairness`: measures decisions by group, reports and judges."""

import logging

import numpy as np

from tasks.config.cases import Role
from tasks.disparity.counts import DecidedRows
from tasks.path import STAGES
from tasks.stages.fairness.judging import judge_fairness
from tasks.stages.fairness.measuring import measure_fairness
from tasks.stages.fairness.pages import write_fairness_page
from tasks.stages.fairness.params import FairnessLimits, FairnessParams
from tasks.stages.fairness.power import power_of_report
from tasks.stages.fairness.reading import (
    IDENTIFYING,
    PREDICTED,
    combine_groups,
    combine_predictions,
    take_groups,
    take_predictions,
)
from tasks.stages.fairness.registered import compare_registered, judge_registered
from tasks.stages.workspace import StageRun

JUDGED = STAGES["fairness"].judges

logger = logging.getLogger("portcullis.fairness")


def run(stage_run: StageRun) -> None:
    """Measure the model's decisions by group, write the page, and judge.

    Raises:
        DataError: The predictions are not those of these rows.
        ConfigError: The parameters name a column that is no protected attribute.
    """
    params = stage_run.params(FairnessParams)
    limits = stage_run.limits(FairnessLimits)
    attributes = stage_run.columns.named(Role.PROTECTED)
    groups = combine_groups(
        stage_run.map_rows("redact", take_groups, attributes, columns=(*IDENTIFYING, *attributes))
    )
    predicted = combine_predictions(
        stage_run.map_rows("train", take_predictions, None, columns=PREDICTED, name="predictions")
    )
    # Rows and predictions are two files in the same order. Without this a file with other rows, or
    # in another order, would give each decision another person's group.
    stage_run.require_own_predictions(np.array_equal(groups.subjects, predicted.subjects))

    all_protected = groups.protected()
    predictions = predicted.predictions
    # Of all rows, before any are left out: the registered model is compared on `test` whatever the
    # gate evaluates on.
    is_test = predicted.is_test
    is_evaluated = is_test if params.evaluate_on == "test" else np.ones(len(is_test), dtype=bool)
    protected = all_protected[is_evaluated].reset_index(drop=True)
    decided = DecidedRows.of_predictions(
        predictions[is_evaluated], groups.people[is_evaluated], params.evaluate_on
    )

    report = measure_fairness(protected, decided, params)

    # The model that is registered, beside those whose decisions were measured.
    registered = compare_registered(
        all_protected,
        is_test,
        predictions.loc[is_test, "oof_approved"].to_numpy(bool),
        predictions.loc[is_test, "approved"].to_numpy(bool),
        groups.people[is_test],
        params,
    )

    checks = (
        *judge_fairness(report, params, limits),
        *judge_registered(registered, params, limits),
    )
    # After judging, and judged by nothing: a table of chances moves no verdict.
    power = power_of_report(report, params, limits)

    with stage_run.folder_of("page") as page:
        write_fairness_page(
            page,
            stage_run.case,
            report,
            checks,
            power,
            protected,
            decided,
            limits,
            registered,
            stage_run.words,
        )
    stage_run.write_report(
        {
            **report.model_dump(mode="json"),
            "power": power.model_dump(mode="json"),
            "registered": [group.model_dump(mode="json") for group in registered],
        }
    )
    verdict = stage_run.write_verdict(checks, about=JUDGED)
    logger.info("%d groups, %d checks: %s", len(report.groups), len(checks), verdict.outcome.value)
