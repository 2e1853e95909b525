"""The stage `fairness`: measures decisions by group, reports and judges."""

import logging

from tasks.config.cases import Role
from tasks.disparity.counts import DecidedRows, evaluated_rows
from tasks.path import STAGES
from tasks.stages.fairness.judging import judge_fairness
from tasks.stages.fairness.measuring import measure_fairness
from tasks.stages.fairness.pages import write_fairness_page
from tasks.stages.fairness.params import FairnessLimits, FairnessParams
from tasks.stages.fairness.power import power_of_report
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
    rows = stage_run.read_rows("redact", columns=("subject", "person", *attributes))
    predictions = stage_run.read_predictions(rows)

    is_evaluated = evaluated_rows(predictions, params.evaluate_on)
    protected = rows.loc[is_evaluated, list(attributes)].reset_index(drop=True)
    people = rows.loc[is_evaluated, "person"].to_numpy()
    decided = DecidedRows.of_predictions(predictions[is_evaluated], people, params.evaluate_on)

    report = measure_fairness(protected, decided, params)

    # The model that is registered, beside those whose decisions were measured.
    is_test = (predictions["part"] == "test").to_numpy()
    registered = compare_registered(
        rows.loc[is_test, list(attributes)].reset_index(drop=True),
        predictions.loc[is_test, "oof_approved"].to_numpy(bool),
        predictions.loc[is_test, "approved"].to_numpy(bool),
        rows.loc[is_test, "person"].to_numpy(),
        params,
    )

    checks = (
        *judge_fairness(report, params, limits),
        *judge_registered(registered, params, limits),
    )
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
