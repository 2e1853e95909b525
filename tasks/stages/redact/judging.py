"""The gate `redact`: judges what leaked."""

from tasks.errors import DataError
from tasks.gates import Check, at_most, not_measured
from tasks.redaction.params import RedactLimits
from tasks.redaction.tally import RedactReport
from tasks.stages.redact.checks import RedactCheck

# Always among the checks: what was not measured says so under its own id, or the policy refuses.
OWN_LEAK = "leak ratio, own person"


def judge_redaction(report: RedactReport, limits: RedactLimits) -> tuple[Check, ...]:
    """Judge a redaction.

    Without planted answers leakage is undecided, unless the limits say why it does not apply.

    Raises:
        DataError: There was no row: nothing leaked, and nothing was masked.
    """
    # No row is no result: 0 survivors of 0 rows would pass every check.
    if not report.rows:
        raise DataError(
            "redact",
            expected="at least one row to mask",
            found="none",
            remedy="Look at what `ingest` reports, and at who was erased.",
        )
    survivors = at_most(
        RedactCheck.SURVIVING_IDENTIFIERS,
        "identifiers of its own row that survive in a text",
        report.surviving_identifiers,
        limits.surviving_identifiers,
    )
    # Withheld texts count: a stage that could read none has free text, and is held to its limits.
    if report.texts + report.withheld.count == 0:
        leakage = not_measured(
            RedactCheck.OWN_LEAK_RATIO,
            OWN_LEAK,
            expected="measured, or no free text",
            reason="the data holds no free text",
        )
        return survivors, leakage, *_judge_services(report, limits)

    withheld = at_most(
        RedactCheck.WITHHELD_RATIO, "withheld ratio", report.withheld.value, limits.withheld_ratio
    )
    return survivors, withheld, *_judge_leakage(report, limits), *_judge_services(report, limits)


def _judge_services(report: RedactReport, limits: RedactLimits) -> tuple[Check, ...]:
    """Judge what was sent to services of others, and what one found; nothing without a limit."""
    checks: list[Check] = []
    if limits.sent_bytes is not None:
        recipients = "; ".join(
            f"{sent.processor} ({sent.service}), agreement {sent.agreement}, {sent.sends}"
            for sent in report.sent
        )
        checks.append(
            at_most(
                RedactCheck.SENT_BYTES,
                f"bytes of texts sent to {recipients or 'nobody'}",
                sum(sent.bytes for sent in report.sent),
                limits.sent_bytes,
            )
        )

    if limits.bucket_objects is not None:
        bucket = report.bucket
        doubt = bucket.doubt if bucket else "no bucket was searched"
        # What was found counts also where there may be more of it; that there is none does not.
        is_known = bucket is not None and (not doubt or bucket.objects > limits.bucket_objects)
        checks.append(
            at_most(
                RedactCheck.BUCKET_OBJECTS,
                f"objects with personal data in {bucket.bucket if bucket else 'a bucket'}",
                bucket.objects if bucket and is_known else None,
                limits.bucket_objects,
                reason=doubt,
            )
        )

    return tuple(checks)


def _judge_leakage(report: RedactReport, limits: RedactLimits) -> tuple[Check, ...]:
    """Judge what leaked of the planted answers, or say that there are none to compare with."""
    leaked = report.leakage
    # Only where nothing was measured: a reason in the limits excuses no ratio that is there.
    if leaked is None and limits.not_applicable:
        declared = not_measured(
            RedactCheck.OWN_LEAK_RATIO,
            OWN_LEAK,
            expected="measured, or declared",
            reason=limits.not_applicable,
        )
        return (declared,)

    return (
        at_most(
            RedactCheck.OWN_LEAK_RATIO,
            OWN_LEAK,
            leaked.own.value if leaked else None,
            limits.own_leak_ratio,
        ),
        at_most(
            RedactCheck.THIRD_PERSON_LEAK_RATIO,
            "leak ratio, third persons",
            leaked.third.value if leaked else None,
            limits.third_person_leak_ratio,
        ),
        at_most(
            RedactCheck.OVER_REDACTION_RATIO,
            "over-redaction ratio",
            leaked.over.value if leaked else None,
            limits.over_redaction_ratio,
        ),
    )
