"""No letter is made up: reasons and parties come from evidence, the rest is a person's."""

import pytest

from tasks.dossier.claims import Claim, Missing
from tasks.dossier.pages.adverse_action import compose_adverse_action
from tests.tasks.dossier.making import SmallDossier


def test_notices_are_owed_where_the_profile_asks_for_them(small: SmallDossier) -> None:
    page = compose_adverse_action(small.subject(profile="us-credit"))
    rows = {row.labels[0]: row.answer for row in page.answered_rows()}
    assert isinstance(rows["Statement of rights, agency, and how to ask"], Missing)
    assert isinstance(rows["Score, its range and date, key factors, rights"], Missing)
    assert isinstance(rows["Principal reasons"], Missing)  # their report is not at hand
    assert rows["Creditor"].text == "Example Bank"
    assert isinstance(rows["Consumer reporting agency"], Missing)  # no source is of one


@pytest.mark.parametrize("profile", ["eu-credit", "us-credit"])
def test_what_the_gate_judged_is_shown_check_by_check(small: SmallDossier, profile: str) -> None:
    page = compose_adverse_action(small.subject(profile=profile))
    claims = [answer for answer in page.answers() if isinstance(answer, Claim)]
    assert any(ref.check == "explain.measure" for claim in claims for ref in claim.references)


def test_reasons_whose_report_is_not_at_hand_are_a_gap(small: SmallDossier) -> None:
    rows = {
        row.labels[0]: row.answer for row in compose_adverse_action(small.subject()).answered_rows()
    }
    assert isinstance(rows["Reasons"], Missing)
