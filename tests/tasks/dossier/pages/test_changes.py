"""What changed since the last model that was let in, and nothing where there was none."""

from dataclasses import replace

from tasks.attestation.predicates.verification_summary import VerificationSummary
from tasks.dossier.claims import Claim, Reference
from tasks.dossier.content import AnsweredRow
from tasks.dossier.pages.changes import _checks, compose_changes
from tasks.gates import Check, Outcome
from tasks.notary.earlier_release import find_earlier_release
from tasks.verifier.lineage import MODEL
from tests.tasks.dossier.making import SmallDossier
from tests.tasks.predicate_samples import POLICY, RUN
from tests.tasks.verifier.signed_log import artefact_of


def let_in(small: SmallDossier, version: int) -> int:
    """Append how another version of the model was made, and that it was let in."""
    log = small.signed_log
    log.say_made(MODEL, version)
    run = replace(RUN, stage="register", case="tiny")
    model = artefact_of(MODEL, version)
    return log.say(VerificationSummary.of(run, model, POLICY, (), ()), model)


def test_without_an_earlier_model_there_is_nothing_to_compare_with(small: SmallDossier) -> None:
    page = compose_changes(small.subject())
    assert page.chapters == ()
    assert "nothing to compare with" in page.lead


def test_the_model_before_is_named_with_the_entry_that_let_it_in(fresh: SmallDossier) -> None:
    entry = let_in(fresh, 2)
    fresh.say_release()
    page = compose_changes(fresh.subject())
    rows = {row.labels[0]: row.answer for row in page.answered_rows()}
    model = rows["Model"]
    assert isinstance(model, Claim)
    assert model.references[0].entry == entry
    assert rows["Rows that it learnt from"].text == "the same rows"
    assert rows["Erasures since"].text == "0"


def test_a_check_that_is_judged_no_longer_is_said_to_be_gone(fresh: SmallDossier) -> None:
    entry = let_in(fresh, 2)
    fresh.say_release()
    subject = fresh.subject()
    earlier = find_earlier_release(subject.evidence.log, subject.evidence.chain)
    assert earlier is not None
    gone = Check("fairness.gone", "a measure of then", Outcome.PASS, 0.75, "at least 0.5")
    table = _checks(subject, replace(earlier, checks=(gone,)), Reference(entry, "0" * 64))
    rows = [row for row in table.rows if isinstance(row, AnsweredRow)]
    (answer,) = (row.answer for row in rows if row.labels == ("a measure of then",))
    assert answer == Claim("not judged in this release", (Reference(entry, "0" * 64),), True)
