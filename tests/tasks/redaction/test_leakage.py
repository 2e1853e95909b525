"""What the gate sees of a row's own identifiers in its masked text: whole words, and no chance."""

import pytest

from tasks.redaction.leakage import Survivors, surviving


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
