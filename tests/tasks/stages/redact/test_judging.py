"""The gate `redact`."""

from tasks.gates import Outcome
from tasks.redaction.params import RedactLimits
from tasks.redaction.tally import Tally
from tasks.stages.redact.judging import OWN_LEAK, judge_redaction

LIMITS = RedactLimits(
    surviving_identifiers=0,
    withheld_ratio=0.01,
    own_leak_ratio=0.001,
    third_person_leak_ratio=0.02,
    over_redaction_ratio=0.05,
)
UNMEASURED = Tally(rows=1, texts=1).report(has_gold=False)


def test_leakage_that_was_not_measured_is_undecided() -> None:
    outcomes = {check.measure: check.outcome for check in judge_redaction(UNMEASURED, LIMITS)}
    assert outcomes[OWN_LEAK] is Outcome.UNDECIDED


def test_leakage_passes_unmeasured_only_where_the_limits_say_why() -> None:
    declared = LIMITS.model_copy(update={"not_applicable": "our data has no planted answers"})
    checks = judge_redaction(UNMEASURED, declared)
    assert {check.outcome for check in checks} == {Outcome.PASS}
    assert "our data has no planted answers" in checks[-1].reason
