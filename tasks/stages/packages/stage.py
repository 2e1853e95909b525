"""The stage `packages`: scans what the model is shipped with, reports and judges."""

import logging

from tasks.config.sources import today
from tasks.path import STAGES
from tasks.stages.packages.judging import judge_packages
from tasks.stages.packages.measuring import measure_packages
from tasks.stages.packages.pages import write_packages_page
from tasks.stages.packages.params import PackagesLimits, PackagesParams
from tasks.stages.workspace import StageRun

JUDGED = STAGES["packages"].judges

logger = logging.getLogger("portcullis.packages")


def run(stage_run: StageRun) -> None:
    """Scan the locks, write the page, and judge.

    Raises:
        ConfigError: A lock or what is declared is not there, or cannot be read.
    """
    params = stage_run.params(PackagesParams)
    limits = stage_run.limits(PackagesLimits)
    # The model brings the packages of its lock along: this verdict is about it, as others are.
    stage_run.input("train", "model")

    # By today's date: acceptances of a vulnerability expire.
    report = measure_packages(stage_run.workspace, today(stage_run.installation.settings))
    checks = judge_packages(report, params, limits)

    with stage_run.folder_of("page") as page:
        write_packages_page(page, stage_run.case, report, checks)
    stage_run.write_report(report)
    verdict = stage_run.write_verdict(checks, about=JUDGED)
    logger.info("%d packages: %s", report.packages, verdict.outcome.value)
