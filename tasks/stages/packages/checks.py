"""The checks of this gate, and the limit that each of them is held against.

Of the standard library alone: the worker reads it, too.
"""

from tasks.gates.check import CheckId
from tasks.gates.holding import LimitRule, Unmeasured


class PackagesCheck(CheckId):
    """The checks of this gate."""

    VULNERABILITIES = "packages.vulnerabilities"
    TRIVY = "packages.trivy"
    LICENCES = "packages.licences"


NO_TRIVY = "where Trivy is installed"  # shown as the limit of what was not measured

RULES: dict[CheckId, LimitRule] = {
    PackagesCheck.VULNERABILITIES: LimitRule(
        "vulnerabilities",
        "≤",
        unmeasured=(
            Unmeasured(
                "{limit}",
                declared_by="packages.no_database_because",
                # Where no database is asked, Trivy may be absent as well: then nothing is held
                # against the limit.
                excuses=("vulnerabilities",),
            ),
        ),
    ),
    PackagesCheck.TRIVY: LimitRule("vulnerabilities", "≤", unmeasured=(Unmeasured(NO_TRIVY),)),
    PackagesCheck.LICENCES: LimitRule("forbidden_licences", "≤"),
}
