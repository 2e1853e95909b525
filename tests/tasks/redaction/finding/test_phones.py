"""Numbers in doubt: part of a place, somebody's telephone, or the number of a thing."""

import pytest

from tasks.redaction.finding.phones import SURE, settle_phones
from tasks.redaction.spans import Span

DOUBTED = SURE - 0.1


@pytest.mark.parametrize("text", ["order no. 5550 1234", "Invoice #5550 1234", "total: 5550 1234"])
def test_the_number_of_a_thing_is_no_telephone(text: str) -> None:
    at = text.index("5550")
    assert settle_phones(text, [Span(at, len(text), "PHONE_NUMBER", DOUBTED)], []) == ([], [])


@pytest.mark.parametrize(
    ("text", "score"),
    [("order no. 5550 1234", SURE), ("I order. 5550 1234", DOUBTED), ("ring 5550 1234", DOUBTED)],
)
def test_a_number_that_is_sure_or_has_another_label_stays(text: str, score: float) -> None:
    spans = [Span(text.index("5550"), len(text), "PHONE_NUMBER", score)]
    assert settle_phones(text, spans, []) == (spans, [])


def test_a_number_that_shares_digits_with_a_place_is_masked_as_part_of_it() -> None:
    text = "new one to 99449 18 McPherson Road"
    place = Span(text.index("18"), len(text), "LOCATION", 0.8)
    phone = Span(text.index("99449"), text.index(" McPh"), "PHONE_NUMBER", DOUBTED)
    assert settle_phones(text, [phone], [place]) == (
        [],
        [Span(phone.start, place.end, "LOCATION", 0.8)],
    )


def test_a_number_that_joins_places_makes_one_of_them() -> None:
    places = [Span(0, 6, "LOCATION"), Span(8, 12, "LOCATION"), Span(13, 20, "LOCATION")]
    phone = Span(4, 15, "PHONE_NUMBER", DOUBTED)
    assert settle_phones("x" * 20, [phone], places) == ([], [Span(0, 20, "LOCATION")])


def test_places_that_only_touch_a_number_are_left_alone() -> None:
    text = "Oslo 5550 1234 Rome"
    phone = [Span(5, 14, "PHONE_NUMBER", DOUBTED)]
    places = [Span(0, 5, "LOCATION"), Span(14, 19, "LOCATION")]
    assert settle_phones(text, phone, places) == (phone, places)
