"""A label is a word beside a column, and never a part of what is judged."""

from typing import Any

import pytest
from pydantic import ValidationError

from tasks.config.resolving import split_words
from tasks.config.words import Words, words_of
from tasks.model import deciding

COLUMN = {"role": "feature", "source": "a"}


def test_labels_and_units_leave_the_columns_as_they_are_without() -> None:
    labelled = {**COLUMN, "label": "weekly wage", "unit": "dollars"}
    values: dict[str, Any] = {"title": "t", "columns": {"wage": labelled, "age": COLUMN}}
    resolved = split_words(values)
    assert resolved["columns"] == {"wage": COLUMN, "age": COLUMN}
    assert words_of(resolved).name_of("wage") == "weekly wage, dollars (wage)"
    assert words_of(resolved).name_of("age") == "age"
    assert values["columns"]["wage"] == labelled  # what is given is not changed


def test_the_section_is_there_where_nothing_has_a_label_for_dvc_tracks_it() -> None:
    values = {"columns": {"age": COLUMN}}
    assert split_words(values) == {**values, "words": {"columns": {}}}
    assert words_of(values) == words_of(split_words(values)) == Words()


def test_plots_show_labels_alone_and_combinations_each_of_theirs() -> None:
    words = words_of({"words": {"columns": {"race": {"label": "ethnicity"}}}})
    assert words.label_of("race") == "ethnicity"
    assert words.label_of("sex") == "sex"
    assert words.attribute_of("race and sex") == "ethnicity and sex"


def test_outcomes_without_words_are_called_as_the_model_calls_them() -> None:
    assert (Words().favourable, Words().unfavourable) == (deciding.APPROVED, deciding.DECLINED)


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
