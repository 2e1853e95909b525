"""The gate `redact`: judges what leaked."""

from tasks.gates import Check, at_most, holds
from tasks.redaction.params import RedactLimits
from tasks.redaction.tally import RedactReport

OWN_LEAK = "leak ratio, own person"  # always among the checks: what was not measured says so under its name


def judge_redaction(report: RedactReport, limits: RedactLimits) -> tuple[Check, ...]:
    """Judge a redaction. Without planted answers leakage is undecided, unless the limits say why it does not apply."""
    checks = [
        at_most(
            "identifiers of its own row that survive in a text",
            report.surviving_identifiers,
            limits.surviving_identifiers,
        )
    ]
    if report.texts + report.withheld.count == 0:
        return (
            *checks,
            holds(
                OWN_LEAK,
                True,
                expected="measured, or no free text",
                reason="the data holds no free text",
            ),
        )
    checks.append(at_most("withheld ratio", report.withheld.value, limits.withheld_ratio))
    if report.leakage is None and limits.not_applicable:
        reason = f"not measured: {limits.not_applicable}"
        return (
            *checks,
            holds(OWN_LEAK, True, expected="measured, or declared", reason=reason),
        )
    leaked = report.leakage
    return (
        *checks,
        at_most(OWN_LEAK, leaked.own.value if leaked else None, limits.own_leak_ratio),
        at_most(
            "leak ratio, third persons",
            leaked.third.value if leaked else None,
            limits.third_person_leak_ratio,
        ),
        at_most(
            "over-redaction ratio",
            leaked.over.value if leaked else None,
            limits.over_redaction_ratio,
        ),
    )
