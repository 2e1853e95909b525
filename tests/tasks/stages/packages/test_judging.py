"""The gate `packages`: every branch of the judge, on reports that are made and not measured."""

import pytest

from tasks.gates import Check, Outcome
from tasks.stages.packages.checks import PackagesCheck
from tasks.stages.packages.judging import judge_packages
from tasks.stages.packages.measuring import PackagesReport, ScanFigures
from tasks.stages.packages.params import PackagesLimits, PackagesParams

CLEAN = ScanFigures(state="answered", count=0, findings=())
SILENT = ScanFigures(state="unanswered", count=None, findings=("the database did not answer",))
NOT_ASKED = ScanFigures(state="not asked", count=None, findings=("nobody asked",))
GOOD = PackagesReport(
    packages=3, vulnerabilities=CLEAN, trivy=CLEAN, licences=CLEAN, database_sha256=""
)
LIMITS = PackagesLimits(vulnerabilities=0, forbidden_licences=0)


def judged(
    report: PackagesReport, because: str = "", limits: PackagesLimits = LIMITS
) -> dict[str, Check]:
    checks = judge_packages(report, PackagesParams(no_database_because=because), limits)
    return {check.id: check for check in checks}


def test_packages_of_which_nothing_bad_is_known_pass() -> None:
    assert {check.outcome for check in judged(GOOD).values()} == {Outcome.PASS}
    assert set(judged(GOOD)) == {str(check_id) for check_id in PackagesCheck}


@pytest.mark.parametrize("field", ["vulnerabilities", "trivy", "licences"])
def test_one_more_than_the_limit_fails_and_its_finding_is_said(field: str) -> None:
    one = ScanFigures(state="answered", count=1, findings=("alpha 1.0: CVE-2026-1, high",))
    check = judged(GOOD.model_copy(update={field: one}))[f"packages.{field}"]
    assert check.outcome is Outcome.FAIL
    assert check.reason == "alpha 1.0: CVE-2026-1, high"
    lax = PackagesLimits(vulnerabilities=1, forbidden_licences=1)
    report = GOOD.model_copy(update={field: one})
    assert judged(report, limits=lax)[f"packages.{field}"].outcome is Outcome.PASS


@pytest.mark.parametrize("field", ["vulnerabilities", "trivy", "licences"])
@pytest.mark.parametrize("because", ["", "a use case may not excuse a database's silence"])
def test_a_database_that_was_asked_in_vain_is_undecided(field: str, because: str) -> None:
    report = GOOD.model_copy(update={field: SILENT})
    check = judged(report, because)[f"packages.{field}"]
    assert check.outcome is Outcome.UNDECIDED
    assert check.reason == "the database did not answer"


@pytest.mark.parametrize(
    ("because", "outcome"),
    [
        ("", Outcome.UNDECIDED),
        ("  ", Outcome.UNDECIDED),
        ("no network here", Outcome.NOT_MEASURED),
    ],
)
def test_without_a_database_the_use_case_has_to_say_why(because: str, outcome: Outcome) -> None:
    report = GOOD.model_copy(update={"vulnerabilities": NOT_ASKED})
    assert judged(report, because)["packages.vulnerabilities"].outcome is outcome


def test_what_was_measured_counts_although_the_use_case_says_that_nothing_is() -> None:
    bad = ScanFigures(state="answered", count=2, findings=("a", "b"))
    report = GOOD.model_copy(update={"vulnerabilities": bad})
    assert judged(report, "no network")["packages.vulnerabilities"].outcome is Outcome.FAIL


def test_many_findings_are_counted_in_the_reason() -> None:
    many = ScanFigures(
        state="answered", count=5, findings=tuple(f"finding {number}" for number in range(5))
    )
    check = judged(GOOD.model_copy(update={"licences": many}))["packages.licences"]
    assert check.reason == "finding 0; finding 1; finding 2; and 2 more"
