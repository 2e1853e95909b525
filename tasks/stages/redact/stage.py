"""The stage `redact`."""

import logging

from tasks.config.cases import Role
from tasks.config.sources import today
from tasks.errors import AgreementError, DataError
from tasks.path import STAGES
from tasks.redaction.cloud.disclosing import disclosures, foretell, lapses, measure_texts
from tasks.redaction.cloud.macie import BucketReport, Macie
from tasks.redaction.engines import Masking
from tasks.redaction.engines.redacting import redact_groups
from tasks.redaction.params import (
    RedactLimits,
    RedactParams,
    require_one_place,
    require_service_limits,
)
from tasks.redaction.tally import Tally
from tasks.stages.redact.judging import judge_redaction
from tasks.stages.redact.pages import redaction_page
from tasks.stages.workspace import StageRun
from tasks.under_way import under_way

JUDGED = STAGES["redact"].judges

logger = logging.getLogger("portcullis.redact")


def run(stage_run: StageRun) -> None:
    """Redact ingest's rows group by group, report what was found, and judge what leaked.

    Raises:
        AgreementError: A service of others is declared whose agreement is not in force.
        ConfigError: One is declared without a limit.
        DataError: More text would be sent than the limit allows. Nothing was sent.
    """
    # imported here: the pages need matplotlib, and the rows can do without it
    from tasks.reports import write_page

    params = stage_run.params(RedactParams)
    limits = stage_run.limits(RedactLimits)
    # In this order: what the configuration forbids, then who may be sent texts and how much it is,
    # then the bucket, which costs money; only then is a row redacted.
    require_one_place(params, stage_run.engine_params, stage_run.case)
    texts = stage_run.columns.named(Role.FREE_TEXT)
    _announce_services(stage_run, params, limits, texts)
    bucket = _search_bucket(stage_run, params)

    # One group at a time: the data may be larger than memory.
    tally = Tally()
    with (
        under_way("redacting", stage_run.count_rows("ingest"), "rows") as work,
        stage_run.writing_rows() as writer,
    ):
        groups = redact_groups(
            stage_run.iter_rows("ingest"),
            stage_run.columns,
            params,
            stage_run.secret("pseudonym"),
            lambda trial: Masking(stage_run.engine, params, trial),
            work.advance,
        )
        for rows, group_tally in groups:
            writer.write(rows)
            tally.add(group_tally)
    report = tally.report(
        has_gold=bool(stage_run.columns.named(Role.GOLD)),
        sent=disclosures(params.detectors, texts, tally.sent),
        bucket=bucket,
    )

    # Judged, shown, written, in this order, and nothing raised: a verdict that failed is written as
    # well, and the edge stops.
    checks = judge_redaction(report, limits)
    with stage_run.folder_of("page") as page:
        write_page(page, redaction_page(stage_run.case, report, checks, stage_run.words))
    stage_run.write_report(report)
    verdict = stage_run.write_verdict(checks, about=JUDGED)

    for name, column in report.explained.items():
        if column.check:
            logger.info("check column `%s`: %s", name, column.check)
    logger.info("names by: %s", report.recogniser)
    logger.info("%d rows, %d texts masked: %s", report.rows, report.texts, verdict.outcome.value)


def _announce_services(
    stage_run: StageRun, params: RedactParams, limits: RedactLimits, texts: tuple[str, ...]
) -> None:
    """Say what leaves the house before it leaves; stop what is not allowed to."""
    require_service_limits(params, limits, stage_run.case)
    lines = tuple(lapses(params.detectors, params.macie, today(stage_run.installation.settings)))
    if lines:
        raise AgreementError(
            f"{stage_run.case}, {lines[0]}",
            expected="an agreement in force with every service that texts are sent to",
            found=f"{len(lines)} without",
            remedy="Renew it and set `agreement` and `expires`, "
            "or take the service out of the use case.",
        )
    if not params.detectors:
        return

    volume = measure_texts(stage_run.iter_rows("ingest"), texts, params.detectors)
    for line in foretell(params.detectors, texts, volume):
        logger.info("%s", line)
    # Each detector gets every text.
    sent_bytes = volume.bytes * len(params.detectors)
    # `require_service_limits` has refused a missing limit; were there none, nothing would be
    # allowed.
    if sent_bytes > (limits.sent_bytes or 0):
        raise DataError(
            "redact.detectors",
            expected=f"at most {limits.sent_bytes} bytes to send (limits.redact.sent_bytes)",
            found=f"{sent_bytes:d} in texts as they stand",
            remedy="Nothing was sent. Raise the limit, or take a detector out of the use case.",
        )


def _search_bucket(stage_run: StageRun, params: RedactParams) -> BucketReport | None:
    """Let Macie search the declared bucket; None where none is declared."""
    if params.macie is None:
        return None
    return Macie(params.macie).search(f"portcullis {stage_run.case}")
