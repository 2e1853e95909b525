"""What a release has come to so far: each reason once, whoever says it."""

import logging

from prefect import State
from prefect.states import Failed

from flows.steps.progress import ReleaseProgress, begin_progress, progress_of
from flows.steps.stages import blocked_message, describe_refusals
from tasks.errors import Refusal, RefusalKind

AUC = Refusal(RefusalKind.CHECK_FAILED, "train: AUC = 0.5", "train", "train.auc_lower_end")
MISSING = Refusal(RefusalKind.APPROVAL_MISSING, "approval: nobody has approved it")


def test_what_a_gate_has_said_is_not_said_again() -> None:
    progress = ReleaseProgress()
    progress.note_gate((AUC,))
    assert not progress.refusals  # a failed gate alone stops nothing
    assert progress.block((AUC, MISSING, MISSING)) == (MISSING,)
    assert progress.refusals == (AUC, MISSING)
    assert progress.block((MISSING,)) == ()


def test_a_check_that_the_ledger_names_in_other_words_is_known_too() -> None:
    progress = ReleaseProgress()
    progress.note_gate((AUC,))
    in_other_words = Refusal(RefusalKind.VERDICT_NOT_PASSED, "ledger: AUC", "train", AUC.check)
    assert progress.block((AUC, in_other_words)) == ()
    assert progress.refusals == (AUC,)


def test_what_the_ledger_alone_says_of_a_check_blocks_too() -> None:
    progress = ReleaseProgress()
    hidden = Refusal(RefusalKind.VERDICT_NOT_PASSED, "ledger: AUC", "train", AUC.check)
    assert progress.block((hidden,)) == (hidden,)
    assert progress.refusals == (hidden,)


def test_what_the_policy_says_of_a_check_becomes_what_its_gate_said() -> None:
    progress = ReleaseProgress()
    progress.note_gate((AUC,))
    in_other_words = "train: AUC: failed, says entry 149"
    by_policy = Refusal(RefusalKind.CHECK_FAILED, in_other_words, "train", AUC.check)
    of_another = Refusal(RefusalKind.CHECK_FAILED, in_other_words, "explain", AUC.check)
    assert progress.block((by_policy, AUC, of_another)) == (of_another,)
    assert progress.refusals == (AUC, of_another)


def test_a_decision_against_a_check_is_a_reason_only_where_the_check_refuses_no_more() -> None:
    text = "decide: entry 9 decided against this model: train: AUC"
    against = Refusal(RefusalKind.DECISION_AGAINST, text, "train", AUC.check)
    progress = ReleaseProgress()
    progress.note_gate((AUC,))
    assert progress.block((against, AUC)) == ()
    assert progress.refusals == (AUC,)

    accepted_since = ReleaseProgress()
    accepted_since.note_gate((AUC,))
    alone = Refusal(RefusalKind.DECISION_AGAINST, text)
    assert accepted_since.block((against,)) == (alone,)
    assert accepted_since.refusals == (alone,)


def test_reasons_without_a_check_are_never_taken_for_each_other() -> None:
    progress = ReleaseProgress()
    first = Refusal(RefusalKind.VERDICT_MISSING, "train: no verdict", "train")
    second = Refusal(RefusalKind.VERDICT_MISSING, "train: no verdict either", "train")
    assert progress.block((first,)) == (first,)
    assert progress.block((second,)) == (second,)


def test_a_release_that_begins_anew_remembers_nothing() -> None:
    begin_progress("tiny").reach("admit")
    assert progress_of("tiny").reached == {"admit"}
    assert begin_progress("tiny").reached == frozenset()


def test_a_state_s_message_counts_kinds_and_then_names_each_reason_once() -> None:
    first, *lines = blocked_message((AUC, AUC, MISSING)).splitlines()
    assert first == "2 reasons: approval.missing 1, check.failed 1"
    assert lines == [f"check.failed: {AUC.text}", f"approval.missing: {MISSING.text}"]
    assert describe_refusals((MISSING,)) == "1 reason: approval.missing 1"


def test_a_run_s_log_repeats_no_reason() -> None:
    logger = logging.getLogger("prefect.flow_runs")
    state: State[None] = Failed(name="Blocked", message=blocked_message((AUC, MISSING)))
    record = logger.makeRecord(
        logger.name, logging.ERROR, "", 0, "Finished in state %s", (state,), None
    )
    assert logger.filter(record)
    assert record.getMessage().startswith("Finished in state Blocked(")
    assert "approval.missing 1" in record.getMessage()
    assert AUC.text not in record.getMessage()
