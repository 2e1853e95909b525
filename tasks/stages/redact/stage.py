"""The stage `redact`."""

import logging

from tasks.config.cases import Role
from tasks.path import STAGES
from tasks.redaction.engines import open_engine
from tasks.redaction.engines.progress import Progress
from tasks.redaction.engines.redacting import redact_groups
from tasks.redaction.params import RedactLimits, RedactParams
from tasks.redaction.tally import Tally
from tasks.stages.redact.judging import judge_redaction
from tasks.stages.redact.pages import redaction_page
from tasks.stages.workspace import StageRun

JUDGED = STAGES["redact"].judges

logger = logging.getLogger("portcullis.redact")


def run(stage_run: StageRun) -> None:
    """Redact ingest's rows group by group, report what was found, and judge what leaked."""
    # imported here: the pages need matplotlib, and the rows can do without it
    from tasks.reports import write_page

    params = stage_run.params(RedactParams)
    limits = stage_run.limits(RedactLimits)
    progress = Progress(stage_run.count_rows("ingest"), logger.info)
    groups = redact_groups(
        stage_run.iter_rows("ingest"),
        stage_run.columns,
        params,
        stage_run.secret("pseudonym"),
        lambda trial: open_engine(params, trial),
        progress.add,
    )

    # One group at a time: the data may be larger than memory.
    tally = Tally()
    with stage_run.writing_rows() as writer:
        for rows, group_tally in groups:
            writer.write(rows)
            tally.add(group_tally)
    report = tally.report(has_gold=bool(stage_run.columns.named(Role.GOLD)))

    checks = judge_redaction(report, limits)
    with stage_run.folder_of("page") as page:
        write_page(page, redaction_page(stage_run.case, report, checks))
    stage_run.write_report(report)
    verdict = stage_run.write_verdict(checks, about=JUDGED)

    for name, column in report.explained.items():
        if column.check:
            logger.info("check column `%s`: %s", name, column.check)
    logger.info("names by: %s", report.recogniser)
    logger.info("%d rows, %d texts masked: %s", report.rows, report.texts, verdict.outcome.value)
