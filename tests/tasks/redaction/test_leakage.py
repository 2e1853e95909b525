"""What the gate sees of a row's own identifiers in its masked text: whole words, and no chance."""

import pytest

from tasks.errors import DataError
from tasks.redaction.leakage import LeakageCount, Survivors, surviving


@pytest.mark.parametrize(
    ("text", "kind", "value", "count"),
    [
        ("sent an online application", "name", "Li", 0),
        ("Ms Li sent it", "name", "Li", 1),
        ("as LI said", "name", "Li", 1),
        ("it will rain", "name", "Will", 0),
        ("Will came", "name", "Will", 1),
        ("saw ann lee there", "name", "Ann Lee", 1),
        ("paid 471100 and 24711", "account", "4711", 0),
        ("account 4711.", "account", "4711", 1),
        ("file kd-4711 is open", "text", "KD-4711", 1),
        ("ann@example.org wrote", "email", "Ann@Example.org", 1),
        ("in Reading", "city", "Reading", 0),
        ("c (ab+cd)*", "account", "(ab+cd)*", 1),
        ("Herr Strauß rief an", "name", "Strauß", 1),
        ("HERR STRAUSS RIEF AN", "name", "Strauß", 1),
        ("Herr Strauß rief an", "name", "Strauss", 1),
        ("ein strauß Blumen", "name", "Strauß", 0),
        ("Straße: ein Strauß", "name", "Strauß", 1),
        ("Straußenei", "name", "Strauß", 0),
        ("Herr Mu\u0308ller rief an", "name", "Müller", 1),
        ("Mu\u0308ller\nJo\u0308rg", "name", "Müller Jörg", 1),
        ("Ann  \n Lee", "name", "Ann Lee", 1),
        ("Mil\u200bler\u00ad", "name", "Miller", 1),
        ("(413) 295 1160", "phone", "413-295-1160", 1),
        ("413.295.\n1160,", "phone", "4132951160", 1),
        ("4132951160 5 days", "phone", "413-295-1160", 1),
        ("14132951160", "phone", "413-295-1160", 0),
        ("A413 295 1160", "phone", "413-295-1160", 0),
        ("de89370400440532013000", "iban", "DE89 3704 0044 0532 0130 00", 1),
        ("born 1962/05/03", "date", "1962-05-03", 1),
        ("12, 34, 56", "account", "123456", 0),
    ],
)
def test_an_identifier_survives_as_a_word_of_its_own(
    text: str, kind: str, value: str, count: int
) -> None:
    assert surviving(text, ((kind, value),)).standing == count


def test_what_is_too_short_to_look_for_is_counted_and_never_a_leak() -> None:
    person = (("account", "12"), ("account", ""), ("account", "4711"), ("name", "B"))
    assert surviving("for 12 months, B, 4711", person) == Survivors(standing=1, too_short=2)


def test_two_columns_of_a_kind_are_both_looked_for() -> None:
    person = (("phone", "555-0101"), ("phone", "555-0102"))
    assert surviving("call 555-0101 or 555-0102", person).standing == 2


@pytest.mark.parametrize(
    "answer",
    [
        "x",
        "null",
        "{}",
        '{"start": 0}',
        "[[0, 1]]",
        '[{"start": 0}]',
        '[{"start": 0, "end": 99, "owner": "self", "type": "X"}]',
        '[{"start": 2, "end": 2, "owner": "self", "type": "X"}]',
        '[{"start": -3, "end": -1, "owner": "self", "type": "X"}]',
        '[{"start": "0", "end": 1, "owner": "self", "type": "X"}]',
        '[{"start": 0, "end": 1, "owner": "Ann Miller", "type": "X"}]',
        '[{"start": 0, "end": 1, "owner": "self", "type": 5}]',
    ],
)
def test_planted_answers_that_are_none_are_refused_without_being_quoted(answer: str) -> None:
    with pytest.raises(DataError, match="planted answers") as refusal:
        LeakageCount().add("hello you there", answer, ())
    assert "Miller" not in str(refusal.value)
