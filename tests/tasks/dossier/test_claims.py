"""A claim has a reference; there is no way to make one that has none."""

import pytest

from tasks.dossier.claims import AnswerStanding, Claim, Missing, NotApplicable, Reference
from tasks.dossier.content import AnsweredRow

REFERENCE = Reference(7, "e" * 64)


def test_a_text_that_nothing_stands_behind_is_no_claim() -> None:
    with pytest.raises(ValueError, match="at least one reference"):
        Claim("the model is fair", ())


def test_a_reference_to_nothing_said_is_no_claim() -> None:
    with pytest.raises(ValueError, match="a text"):
        Claim("", (REFERENCE,))


@pytest.mark.parametrize("answer", [Missing("nobody", "legal"), NotApplicable("none", "legal")])
def test_figures_stand_beside_a_claim_alone(answer: Missing | NotApplicable) -> None:
    with pytest.raises(ValueError, match="figures"):
        AnsweredRow(("AUC",), answer, ("0.99",))


def test_evidence_against_is_no_answer() -> None:
    against = Claim("fail", (REFERENCE,), is_against=True)
    assert against.standing is AnswerStanding.AGAINST
    assert not against.standing.is_answer


def test_what_is_missing_names_its_owner_and_its_day() -> None:
    text = Missing("nobody has answered", "legal", "2026-12-28").text
    assert text == "MISSING · legal · due 2026-12-28 (nobody has answered)"


def test_what_is_empty_is_no_part_of_a_reference_for_programs() -> None:
    assert REFERENCE.to_dict() == {"entry": 7, "envelopeSha256": "e" * 64}
