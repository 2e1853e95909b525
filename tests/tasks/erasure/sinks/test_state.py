"""The state folder: evidence is reported, a hold's basis is read, nothing is changed."""

from pathlib import Path

import pytest

from tasks.erasure.searching.places import Place, PurgeRule
from tasks.erasure.searching.search_terms import PersonalValue, SearchTerms
from tasks.erasure.sinks import PurgeOptions
from tasks.erasure.sinks.state import StateSink
from tasks.errors import ServiceError
from tests.tasks.erasure.sinks.people import ANN, TERMS
from tests.tasks.erasure.small_installation import SmallInstallation


def test_a_receipt_is_reported_and_stays_whatever_may_be_removed(tmp_path: Path) -> None:
    receipt = tmp_path / "receipts" / "E1.json"
    receipt.parent.mkdir()
    receipt.write_text(ANN)
    places = [Place.local("state", tmp_path, PurgeRule.REPORT)]

    report = StateSink(tmp_path, places).purge(TERMS, PurgeOptions(removes_files=True))

    assert report.left == (
        "state: receipts/E1.json holds a value of theirs: a person has to decide",
    )
    assert receipt.read_text() == ANN


@pytest.mark.parametrize(
    ("ambiguous", "end"),
    [(False, " holds a value of theirs: word it anew"), (True, " has what others are called, too")],
)
def test_the_basis_of_a_hold_is_searched_and_stays(
    small_installation: SmallInstallation, ambiguous: bool, end: str
) -> None:
    hold = small_installation.hold(1)
    value = PersonalValue("name", "Court of X")
    terms = SearchTerms((value,), 0, frozenset([value] if ambiguous else []))

    report = StateSink(small_installation.home, []).purge(terms)

    assert report.left == (f"the basis of hold {hold.hold_id}{end}",)
    assert StateSink(small_installation.home, []).purge(TERMS).left == ()


def test_a_journal_that_is_none_is_an_error_by_name(tmp_path: Path) -> None:
    (tmp_path / "erasures.db").write_text("no database, and as long as a page's head")

    with pytest.raises(ServiceError, match="the journal of erasures"):
        StateSink(tmp_path, []).purge(TERMS)
