"""The stage `subgroups`: searches the worst subgroup, confirms it, reports and judges."""

import logging

from tasks.config.cases import Role
from tasks.disparity.counts import DecidedRows, evaluated_rows
from tasks.path import STAGES
from tasks.stages.subgroups.judging import judge_subgroups
from tasks.stages.subgroups.measuring import measure_subgroups
from tasks.stages.subgroups.pages import write_subgroups_page
from tasks.stages.subgroups.params import SubgroupsLimits, SubgroupsParams
from tasks.stages.workspace import StageRun

JUDGED = STAGES["subgroups"].judges

logger = logging.getLogger("portcullis.subgroups")


def run(stage_run: StageRun) -> None:
    """Search the model's decisions, confirm the worst subgroups, write the page, and judge.

    Raises:
        DataError: The predictions are not those of these rows.
    """
    params = stage_run.params(SubgroupsParams)
    limits = stage_run.limits(SubgroupsLimits)
    attributes = stage_run.columns.named(Role.PROTECTED)
    columns = ("subject", "person", *attributes, *params.audit)
    rows = stage_run.read_rows("redact", columns=columns)
    predictions = stage_run.read_predictions(rows)

    # Positions are reset, for all that follows is by position: codes, halves and decisions.
    is_evaluated = evaluated_rows(predictions, params.evaluate_on)
    evaluated = rows[is_evaluated].reset_index(drop=True)
    people = evaluated["person"].to_numpy()
    decided = DecidedRows.of_predictions(predictions[is_evaluated], people, params.evaluate_on)

    report = measure_subgroups(
        evaluated[list(attributes)],
        evaluated[list(params.audit)],
        decided,
        evaluated["person"],
        params,
    )
    checks = judge_subgroups(report, params, limits)

    with stage_run.folder_of("page") as page:
        write_subgroups_page(page, stage_run.case, report, checks, params, limits, stage_run.words)
    stage_run.write_report(report)
    verdict = stage_run.write_verdict(checks, about=JUDGED)
    logger.info(
        "%d subgroups kept, %d checks: %s",
        len(report.subgroups),
        len(checks),
        verdict.outcome.value,
    )
