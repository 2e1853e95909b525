"""The register of agreements: each clause by its place, as the worker signed it, or a gap."""

from dataclasses import replace
from hashlib import sha256

from tasks.attestation.agreement_review import ReviewedSource
from tasks.attestation.statement import Artefact
from tasks.dossier.claims import AnswerStanding, Claim, Missing
from tasks.dossier.pages.agreements import compose_agreements, compose_processing
from tests.tasks.dossier.making import REVIEWED, SmallDossier
from tests.tasks.verifier.signed_log import CASE


def test_every_clause_is_a_claim_about_the_signed_review(small: SmallDossier) -> None:
    page = compose_agreements(small.subject())
    places = {row.labels[0]: row.answer for row in page.answered_rows() if "28(3)" in row.labels[0]}
    assert [answer.text for answer in places.values()] == ["no. 2", "no. 3"]
    for answer in places.values():
        assert isinstance(answer, Claim)
        assert answer.references[0].entry == small.review_entry


def test_without_the_review_the_page_is_a_gap_and_so_is_the_requirement(
    small: SmallDossier,
) -> None:
    subject = small.subject(log=small.read(without=small.review_entry))
    (row,) = compose_agreements(subject).answered_rows()
    assert isinstance(row.answer, Missing)
    by_id = {row.requirement.id: row for row in subject.weighed}
    assert "no signed review" in by_id["GDP-28"].answer.text


def test_own_data_whose_record_is_elsewhere_is_owed_and_shows_no_figure(
    fresh: SmallDossier,
) -> None:
    admitted = Artefact(f"{CASE}/admit/sources.json", sha256(fresh.sources).hexdigest())
    fresh.say_review(admitted, (ReviewedSource("files", "ROPA-1", "controller", ""),))
    (row,) = compose_agreements(fresh.subject()).answered_rows()
    assert isinstance(row.answer, Missing)
    assert row.figures == ()


def test_a_clause_that_is_missing_speaks_against_it(fresh: SmallDossier) -> None:
    admitted = Artefact(f"{CASE}/admit/sources.json", sha256(fresh.sources).hexdigest())
    without = replace(
        REVIEWED[1], clauses={"GDPR 28(3)(d)": ""}, faults=("clause GDPR 28(3)(d) is missing",)
    )
    fresh.say_review(admitted, (without,))
    subject = fresh.subject()
    rows = compose_agreements(subject).answered_rows()
    against = [row for row in rows if row.answer.standing is AnswerStanding.AGAINST]
    assert [row.labels[0] for row in against] == ["hosting", "GDPR 28(3)(d)"]
    assert not {row.requirement.id: row for row in subject.weighed}["GDP-28"].standing.is_answer


def test_transfers_are_those_that_are_agreed(small: SmallDossier) -> None:
    rows = {
        row.labels[0]: row.answer for row in compose_processing(small.subject()).answered_rows()
    }
    transfers = next(answer for label, answer in rows.items() if label.startswith("(e)"))
    assert transfers.text == "IE: annex B"
