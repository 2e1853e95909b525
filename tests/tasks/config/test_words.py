"""A label is a word beside a column, and never a part of what is judged."""

from typing import Any

import pytest
from pydantic import ValidationError

from tasks.config.resolving import split_words
from tasks.config.words import Words, words_of

COLUMN = {"role": "feature", "source": "a"}


def test_labels_and_units_leave_the_columns_as_they_are_without() -> None:
    labelled = {**COLUMN, "label": "weekly wage", "unit": "dollars"}
    values: dict[str, Any] = {"title": "t", "columns": {"wage": labelled, "age": COLUMN}}
    resolved = split_words(values)
    assert resolved["columns"] == {"wage": COLUMN, "age": COLUMN}
    assert words_of(resolved).name_of("wage") == "weekly wage, dollars (wage)"
    assert words_of(resolved).name_of("age") == "age"
    assert values["columns"]["wage"] == labelled  # what is given is not changed


def test_where_there_is_no_label_nothing_is_added() -> None:
    values = {"columns": {"age": COLUMN}}
    assert split_words(values) is values
    assert words_of(values) == Words()


def test_outcomes_stay_beside_labels() -> None:
    outcomes = {"favourable": "approved", "unfavourable": "declined"}
    values = {"words": {"outcomes": outcomes}, "columns": {"age": {**COLUMN, "unit": "years"}}}
    words = words_of(split_words(values))
    assert words.outcomes is not None
    assert words.outcomes.favourable == "approved"
    assert words.name_of("age") == "years (age)"


@pytest.mark.parametrize(
    "words",
    [
        {"columns": {"a": {"label": ""}}},
        {"columns": {"a": {"label": "two\nlines"}}},
        {"columns": {"a": {"label": "x" * 81}}},
        {"columns": {"a": {"labels": "x"}}},
        {"outcomes": {"favourable": "approved"}},
    ],
)
def test_what_is_no_word_is_refused(words: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        words_of({"words": words})
