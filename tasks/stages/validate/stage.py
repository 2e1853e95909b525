"""The stage `validate`: measures data quality, reports and judges."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.config.case_files import CaseFile
from tasks.config.cases import validated
from tasks.formats.strict_json import parse_json
from tasks.path import STAGES
from tasks.stages.validate.expectations import SuiteCheck, load_suite
from tasks.stages.validate.judging import judge_quality
from tasks.stages.validate.pages import quality_page
from tasks.stages.validate.params import ValidateLimits, ValidateParams
from tasks.stages.validate.quality import measure_quality, measured_columns
from tasks.stages.validate.reference.profile import Profile
from tasks.stages.workspace import StageRun
from tasks.under_way import under_way

if TYPE_CHECKING:
    import pandas as pd

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
    check = SuiteCheck(load_suite(params.suite.path_in(stage_run.workspace)))
    rows = _read_rows(stage_run, check, params)
    results, html = check.finish(rows)
    accepted = _load_accepted(params.reference, stage_run.workspace)
    with under_way("measuring duplicates, drift and groups"):
        report = measure_quality(rows, stage_run.columns, params, results, accepted)

    with stage_run.folder_of("docs") as docs:
        (docs / "index.html").write_text(html, encoding="utf-8")

    checks = judge_quality(report, params, limits)
    with stage_run.folder_of("page") as page:
        write_page(page, quality_page(stage_run.case, report, checks, stage_run.words))

    stage_run.write_report(report)
    verdict = stage_run.write_verdict(checks, about=JUDGED)
    logger.info("%d expectations, %d checks: %s", len(results), len(checks), verdict.outcome.value)


def _read_rows(stage_run: StageRun, check: SuiteCheck, params: ValidateParams) -> "pd.DataFrame":
    """Return the columns that have to be there at once; what else the suite names is counted."""
    present = stage_run.columns_of_rows("redact")
    asked = check.columns()
    measured = measured_columns(stage_run.columns, params)
    by_part = tuple(name for name in check.columns_by_part(kept=measured) if name in present)
    kept = [
        name
        for name in present
        if name not in by_part and (asked is None or name in asked or name in measured)
    ]

    def count(part: "pd.DataFrame") -> "pd.DataFrame":
        check.add_part(part[list(by_part)])
        return part[kept]

    return stage_run.read_rows("redact", columns=(*kept, *by_part), keep=count)


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
