"""The stage `redact`."""

import logging

from tasks.redact.judging import judge_redaction
from tasks.redact.opening import open_finder
from tasks.redact.params import RedactLimits, RedactParams
from tasks.redact.redacting import redact
from tasks.work import Work

logger = logging.getLogger("portcullis.redact")


def run(work: Work) -> None:
    """Redact ingest's rows, report what was found, and judge what leaked."""
    params, limits = work.params(RedactParams), work.limits(RedactLimits)

    rows, report = redact(
        work.read_rows("ingest"),
        work.columns,
        params,
        work.secret("pseudonym"),
        lambda: open_finder(params),
        lambda done, of: logger.info("%d of %d texts", done, of),
    )
    work.write_rows(rows)
    work.write_report(report)
    verdict = work.write_verdict(judge_redaction(report, limits))
    logger.info("names by: %s", report.recogniser)
    logger.info("%d rows, %d texts masked: %s", report.rows, report.texts, verdict.outcome.value)
