"""The kind by which a column is treated that nobody declared: by its looks, and by its name.

Numbers and categories stay in clear and a finder does not know a user name from a word, so a name
that tells who somebody is counts for more than values that look harmless. A pseudonym keeps what is
equal equal: where the name misleads, little is lost.
"""

import re
from collections.abc import Iterable
from itertools import islice
from typing import Any

from tasks.redaction.columns.looks import (
    COMPILED,
    FREE_TEXT_WORDS,
    LONGEST_VALUE,
    SAMPLE_VALUES,
    look,
    snake_case,
)
from tasks.redaction.finding.patterns.plain import to_plain
from tasks.redaction.finding.words import word_list

POSTAL_CODES = word_list("postal_codes")
NUMBERS_OF_SOMEBODY = word_list("numbers_of_somebody")
NUMBERS_OF_ANYTHING = word_list("numbers_of_anything")
PEOPLE = word_list("people")
WHOLE_NUMBER = re.compile(r"(\d+)(?:\.0)?")  # a column with gaps is often read as decimals
NUMBER = dict(COMPILED)["number"]
LONG_DIGITS = 9  # a whole number as long as this is a number of somebody or something


def kind_of(name: str, values: Iterable[Any]) -> tuple[str, str]:
    """Return a kind and the reason; `text`, which is masked, where nothing is clear."""
    sample = list(islice((value for value in values if _is_there(value)), SAMPLE_VALUES))
    column_look = look(name, sample)
    kind = column_look.kind if column_look.is_clear else "text"
    if kind not in ("number", "category", "text"):
        return kind, column_look.why
    if kind == "text" and sample and _words_a_value(sample) >= FREE_TEXT_WORDS:
        return kind, column_look.why

    named = _kind_by_name(name, column_look.kind, sample)
    if named is not None:
        return named, f"its name `{name}`; {column_look.why}"
    if column_look.kind == "number" and _are_numbers_of_somebody(sample):
        return "account", f"whole numbers that are long, or begin with zeros; {column_look.why}"
    return kind, column_look.why


def is_number(text: str) -> bool:
    """Say whether a text is written as a number is."""
    return NUMBER.fullmatch(to_plain(text.strip()[:LONGEST_VALUE]).text) is not None


def _kind_by_name(name: str, looks_like: str, sample: list[Any]) -> str | None:
    """Return what a name says that its values do not; None: nothing."""
    snake = snake_case(name)
    words = {*snake.split("_"), snake}
    if looks_like in ("number", "category"):
        # The last word is what it is: a `claim_amount` is an amount, a `patient_type` a type.
        words = {snake.rpartition("_")[2], snake}
    is_number = looks_like == "number"
    if is_number and ("_of_" in snake or not all(map(_whole_digits, sample))):
        return None

    if words & POSTAL_CODES:
        return "zip"
    if words & NUMBERS_OF_SOMEBODY:
        return "account"
    if words & NUMBERS_OF_ANYTHING and looks_like != "category":
        return "account"
    # "child: 2" is a number of people and none of them
    return "name" if words & PEOPLE and not is_number else None


def _are_numbers_of_somebody(sample: list[Any]) -> bool:
    """Say whether all are whole, and some are long or begin with zeros: no amount is written so."""
    digits = [_whole_digits(value) for value in sample]
    if not all(digits):
        return False
    return any(len(number) >= LONG_DIGITS or (number[0] == "0" < number[1:]) for number in digits)


def _whole_digits(value: Any) -> str:
    """Return the digits of a whole number that is not negative; nothing for anything else."""
    match = WHOLE_NUMBER.fullmatch(str(value).strip())
    return match[1] if match else ""


def _words_a_value(sample: list[Any]) -> float:
    return sum(len(str(value).split()) for value in sample) / len(sample)


def _is_there(value: Any) -> bool:
    """Say whether a value is neither missing nor empty."""
    from tasks.redaction.texts import is_missing

    return not is_missing(value) and str(value) != ""
