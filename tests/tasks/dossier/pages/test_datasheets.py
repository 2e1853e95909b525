"""The datasheet says what evidence says, and owes the rest."""

from tasks.dossier.claims import Claim, Missing, Statable
from tasks.dossier.pages.datasheets import MOTIVATION, USES, compose_datasheets
from tests.tasks.dossier.making import SmallDossier


def answers(small: SmallDossier) -> dict[str, Statable]:
    page = compose_datasheets(small.subject())
    return {row.labels[0]: row.answer for row in page.answered_rows()}


def test_what_only_the_owner_knows_is_owed(small: SmallDossier) -> None:
    rows = {
        row.labels[0]: row.answer for row in compose_datasheets(small.subject()).answered_rows()
    }
    for question in (*MOTIVATION, *USES):
        answer = rows[question]
        assert isinstance(answer, Missing)
        assert answer.owner == "data-owner"


def test_a_source_is_told_as_it_was_signed_for(small: SmallDossier) -> None:
    rows = {
        row.labels[0]: row.answer for row in compose_datasheets(small.subject()).answered_rows()
    }
    answer = rows["From whom does files come, and on what basis?"]
    assert isinstance(answer, Claim)
    assert answer.text == "Example Bank; GDPR 6(1)(b); agreement ROPA-1"


def test_a_report_that_is_not_at_hand_is_a_gap(small: SmallDossier) -> None:
    rows = {
        row.labels[0]: row.answer for row in compose_datasheets(small.subject()).answered_rows()
    }
    assert isinstance(rows["Rows, people, labels"], Missing)
