"""The checks of this gate, and the limit that each of them is held against.

Of the standard library alone: the worker reads it, too.
"""

from tasks.gates.check import CheckId
from tasks.gates.holding import LimitRule, Unmeasured


class RedactCheck(CheckId):
    """The checks of this gate."""

    SURVIVING_IDENTIFIERS = "redact.surviving_identifiers"
    WITHHELD_RATIO = "redact.withheld_ratio"
    OWN_LEAK_RATIO = "redact.leak_ratio_own_person"
    THIRD_PERSON_LEAK_RATIO = "redact.leak_ratio_third_persons"
    OVER_REDACTION_RATIO = "redact.over_redaction_ratio"
    SENT_BYTES = "redact.sent_bytes"
    BUCKET_OBJECTS = "redact.bucket_objects"


# Without planted answers, or without free text, there is nothing to compare leakage with.
WITHOUT_ANSWERS = ("third_person_leak_ratio", "over_redaction_ratio")

RULES: dict[CheckId, LimitRule] = {
    RedactCheck.SURVIVING_IDENTIFIERS: LimitRule("surviving_identifiers", "≤"),
    RedactCheck.WITHHELD_RATIO: LimitRule("withheld_ratio", "≤"),
    RedactCheck.OWN_LEAK_RATIO: LimitRule(
        "own_leak_ratio",
        "≤",
        # What the worker accepts in place of a number, and which other limits fall away with it: a
        # stage cannot name another excuse.
        unmeasured=(
            Unmeasured("measured, or no free text", excuses=(*WITHOUT_ANSWERS, "withheld_ratio")),
            Unmeasured(
                "measured, or declared",
                declared_by="limits.redact.not_applicable",
                excuses=WITHOUT_ANSWERS,
            ),
        ),
    ),
    RedactCheck.THIRD_PERSON_LEAK_RATIO: LimitRule("third_person_leak_ratio", "≤"),
    RedactCheck.OVER_REDACTION_RATIO: LimitRule("over_redaction_ratio", "≤"),
    # These two are made where the limit is declared: by a use case that asks services of others.
    RedactCheck.SENT_BYTES: LimitRule("sent_bytes", "≤"),
    RedactCheck.BUCKET_OBJECTS: LimitRule("bucket_objects", "≤"),
}
