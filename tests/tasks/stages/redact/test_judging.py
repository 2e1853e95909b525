"""The gate `redact`: what leaks fails, and what was not measured is neither a pass nor a figure."""

import pytest

from tasks.errors import DataError
from tasks.gates import Check, Outcome
from tasks.redaction.cloud.disclosing import Disclosure
from tasks.redaction.cloud.macie import BucketReport
from tasks.redaction.leakage import Leakage, Ratio
from tasks.redaction.params import RedactLimits
from tasks.redaction.tally import RedactReport, Tally
from tasks.stages.redact.checks import RedactCheck
from tasks.stages.redact.judging import judge_redaction

LIMITS = RedactLimits(
    surviving_identifiers=0,
    withheld_ratio=0.01,
    own_leak_ratio=0.001,
    third_person_leak_ratio=0.02,
    over_redaction_ratio=0.05,
    sent_bytes=1000,
    bucket_objects=1,
)
NO_SERVICES = LIMITS.model_copy(update={"sent_bytes": None, "bucket_objects": None})
SENT = Disclosure(
    service="google_dlp in europe-west3",
    processor="Google Cloud EMEA Ltd",
    agreement="A-17",
    sends="masked",
    columns=("note",),
    texts=3,
    bytes=600,
    units=600,
    usd=0.0,
)
BUCKET = BucketReport(
    bucket="s3://exports in eu-central-1",
    job="j1",
    objects=1,
    occurrences={"PERSONAL_INFORMATION": 1},
    not_searched=0,
    reason="",
)
UNMEASURED = Tally(rows=1, texts=1).report(has_gold=False, sent=(SENT,), bucket=BUCKET)
NONE = Ratio(count=0, of=1000)
MEASURED = UNMEASURED.model_copy(
    update={"leakage": Leakage(own=NONE, third=NONE, over=NONE, leaked_by_type={})}
)


def judged(report: RedactReport, limits: RedactLimits = LIMITS) -> dict[str, Check]:
    return {check.id: check for check in judge_redaction(report, limits)}


def test_a_redaction_that_leaks_nothing_passes_every_check_of_the_catalogue() -> None:
    checks = judged(MEASURED)
    assert set(checks) == set(RedactCheck)
    assert {check.outcome for check in checks.values()} == {Outcome.PASS}


@pytest.mark.parametrize(
    ("leaking", "check_id"),
    [
        ("own", RedactCheck.OWN_LEAK_RATIO),
        ("third", RedactCheck.THIRD_PERSON_LEAK_RATIO),
        ("over", RedactCheck.OVER_REDACTION_RATIO),
    ],
)
def test_each_kind_of_leak_fails_its_own_check(leaking: str, check_id: RedactCheck) -> None:
    assert MEASURED.leakage is not None
    leakage = MEASURED.leakage.model_copy(update={leaking: Ratio(count=100, of=1000)})
    checks = judged(MEASURED.model_copy(update={"leakage": leakage}))
    failed = [name for name, check in checks.items() if check.outcome is Outcome.FAIL]
    assert failed == [check_id]
    assert checks[check_id].value == 0.1


def test_a_single_surviving_identifier_fails() -> None:
    survivor = MEASURED.model_copy(update={"surviving_identifiers": 1})
    assert judged(survivor)[RedactCheck.SURVIVING_IDENTIFIERS].outcome is Outcome.FAIL


def test_leakage_that_was_not_measured_is_undecided() -> None:
    assert judged(UNMEASURED)[RedactCheck.OWN_LEAK_RATIO].outcome is Outcome.UNDECIDED


def test_what_the_limits_declare_not_to_apply_is_not_measured_and_no_figure() -> None:
    declared = LIMITS.model_copy(update={"not_applicable": "our data has no planted answers"})
    check = judged(UNMEASURED, declared)[RedactCheck.OWN_LEAK_RATIO]
    assert (check.outcome, check.value) == (Outcome.NOT_MEASURED, None)
    assert "our data has no planted answers" in check.line("redact")
    assert "= not measured" in check.line("redact")


def test_what_is_declared_not_to_apply_is_judged_all_the_same_where_it_was_measured() -> None:
    declared = LIMITS.model_copy(update={"not_applicable": "our data has no planted answers"})
    assert judged(MEASURED, declared)[RedactCheck.OWN_LEAK_RATIO].outcome is Outcome.PASS


def test_data_without_free_text_has_no_leakage_to_measure() -> None:
    checks = judged(Tally(rows=1).report(has_gold=False))
    assert checks[RedactCheck.OWN_LEAK_RATIO].outcome is Outcome.NOT_MEASURED
    assert RedactCheck.WITHHELD_RATIO not in checks


def test_texts_that_were_all_withheld_are_no_data_without_free_text() -> None:
    checks = judged(Tally(rows=1, withheld=1).report(has_gold=False))
    assert checks[RedactCheck.WITHHELD_RATIO].outcome is Outcome.FAIL
    assert checks[RedactCheck.OWN_LEAK_RATIO].outcome is Outcome.UNDECIDED


def test_a_redaction_of_no_row_is_judged_by_nobody() -> None:
    with pytest.raises(DataError, match="redact: expected at least one row to mask; found none"):
        judge_redaction(Tally().report(has_gold=False), LIMITS)


def test_a_use_case_that_asks_no_service_has_no_check_of_services() -> None:
    unasked = Tally(rows=1, texts=1).report(has_gold=False)
    services = {RedactCheck.SENT_BYTES, RedactCheck.BUCKET_OBJECTS}
    assert services.isdisjoint(judged(unasked, NO_SERVICES))


def test_who_was_sent_how_much_stands_in_the_verdict_and_all_of_it_counts() -> None:
    other = SENT.model_copy(update={"service": "aws_comprehend in eu-central-1", "bytes": 401})
    checks = judged(MEASURED.model_copy(update={"sent": (SENT, other)}))
    check = checks[RedactCheck.SENT_BYTES]
    assert (check.value, check.outcome) == (1001, Outcome.FAIL)
    for words in ("Google Cloud EMEA Ltd", "europe-west3", "A-17", "eu-central-1", "masked"):
        assert words in check.measure
    nothing = judged(MEASURED.model_copy(update={"sent": ()}))[RedactCheck.SENT_BYTES]
    assert (nothing.value, nothing.measure) == (0, "bytes of texts sent to nobody")


def test_data_without_free_text_is_held_to_the_limits_of_services_as_well() -> None:
    empty = Tally(rows=1).report(has_gold=False, bucket=BUCKET)
    assert {RedactCheck.SENT_BYTES, RedactCheck.BUCKET_OBJECTS} <= set(judged(empty))


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, Outcome.PASS),
        ({"objects": 2}, Outcome.FAIL),
        ({"reason": "the job has met errors"}, Outcome.UNDECIDED),
        ({"not_searched": 1}, Outcome.UNDECIDED),
        # That there is too much is known, however much more there is.
        ({"objects": 2, "not_searched": 1}, Outcome.FAIL),
    ],
)
def test_a_bucket_that_was_not_searched_whole_is_not_clean(
    changes: dict[str, object], outcome: Outcome
) -> None:
    bucket = BUCKET.model_copy(update=changes)
    checks = judged(MEASURED.model_copy(update={"bucket": bucket}))
    assert checks[RedactCheck.BUCKET_OBJECTS].outcome is outcome
    unasked = judged(MEASURED.model_copy(update={"bucket": None}))
    assert unasked[RedactCheck.BUCKET_OBJECTS].outcome is Outcome.UNDECIDED
