"""The stage `validate`: measures data quality, reports and judges."""

import logging
from pathlib import Path

from tasks.config.case_files import CaseFile
from tasks.config.cases import validated
from tasks.formats.strict_json import parse_json
from tasks.path import STAGES
from tasks.stages.validate.counting import CountedColumns, combine_parts, count_rows_of_part
from tasks.stages.validate.expectations import SuiteCheck, load_suite
from tasks.stages.validate.judging import judge_quality
from tasks.stages.validate.pages import quality_page
from tasks.stages.validate.params import ValidateLimits, ValidateParams
from tasks.stages.validate.quality import measure_quality
from tasks.stages.validate.reference.profile import Profile
from tasks.stages.workspace import StageRun
from tasks.under_way import under_way

JUDGED = STAGES["validate"].judges

logger = logging.getLogger("portcullis.validate")


def run(stage_run: StageRun) -> None:
    """Measure redact's rows, write the pages, and judge.

    Raises:
        ConfigError: The suite or the accepted profile is not what it should be.
        DataError: There are no rows, or a declared column is absent.
    """
    from tasks.reports import write_page

    params = stage_run.params(ValidateParams)
    limits = stage_run.limits(ValidateLimits)
    suite = load_suite(params.suite.path_in(stage_run.workspace))
    check = SuiteCheck(suite)
    present = stage_run.columns_of_rows("redact")
    asked = CountedColumns.of(suite, check, stage_run.columns, params, present)
    counted = combine_parts(
        check,
        stage_run.map_rows("redact", count_rows_of_part, asked, columns=asked.needed(present)),
    )
    results, html = check.finish(counted.kept)
    accepted = _load_accepted(params.reference, stage_run.workspace)
    with under_way("measuring duplicates, drift and groups"):
        report = measure_quality(
            counted.kept,
            stage_run.columns,
            params,
            results,
            accepted,
            counted.people,
            counted.hashes,
        )

    with stage_run.folder_of("docs") as docs:
        (docs / "index.html").write_text(html, encoding="utf-8")

    checks = judge_quality(report, params, limits)
    with stage_run.folder_of("page") as page:
        write_page(page, quality_page(stage_run.case, report, checks, stage_run.words))

    stage_run.write_report(report)
    verdict = stage_run.write_verdict(checks, about=JUDGED)
    logger.info("%d expectations, %d checks: %s", len(results), len(checks), verdict.outcome.value)


def _load_accepted(reference: CaseFile | None, workspace: Path) -> Profile | None:
    """Return the accepted profile, or None where the use case names none.

    A damaged file is a ConfigError, never "none yet": drift would pass unmeasured.
    """
    if reference is None:
        return None

    path = reference.path_in(workspace)
    try:
        values = parse_json(path.read_bytes())
    except ValueError:
        values = None  # no profile, which the next line says in words people understand
    return validated(Profile, values, reference.path)
