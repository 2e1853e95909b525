"""Instructions for use: figures by reference, and what a person has to say stays open."""

from tasks.dossier.claims import AnswerStanding, Claim, Missing
from tasks.dossier.pages.instructions import compose_instructions
from tests.tasks.dossier.making import SmallDossier


def test_figures_are_claims_and_oversight_is_a_persons(small: SmallDossier) -> None:
    rows = {
        row.labels[0]: row.answer for row in compose_instructions(small.subject()).answered_rows()
    }
    assert isinstance(rows["How good it is, group by group"], Claim)
    assert isinstance(rows["What it is for, and what it is not for"], Missing)
    assert isinstance(rows["How a person oversees it, and what helps them"], Missing)


def test_it_is_in_a_dossier_whose_profile_asks_for_it(small: SmallDossier) -> None:
    assert "instructions.html" in small.dossier().files
    assert "instructions.html" not in small.dossier(profile="us-credit").files


def test_without_the_statement_of_training_it_says_so(small: SmallDossier) -> None:
    trained = small.subject().evidence.step("train")
    assert trained is not None
    subject = small.subject(log=small.read(without=trained.signed.index))
    rows = {row.labels[0]: row.answer for row in compose_instructions(subject).answered_rows()}
    assert rows["Which model this is about"].standing is AnswerStanding.MISSING
