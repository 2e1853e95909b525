"""A use case's own words in a page: labels beside the names of columns, and of the outcomes."""

import re

from tasks.config.words import AND, APPROVED, DECLINED, Words
from tasks.gates import About
from tasks.reports.cells import Cell, Term


def name_columns(measure: str, about: About, words: Words) -> str:
    """Return a measure with each column that its check is about named by its label, once."""
    named = measure
    attributes = about.attribute.split(AND) if about.attribute else ()
    for column in dict.fromkeys((about.feature, about.column, *attributes)):
        if column is None or words.label_of(column) == column:
            continue
        if f"({column})" in named:  # no brackets within brackets
            named = named.replace(f"({column})", f"({words.label_of(column)}; {column})", 1)
            continue
        # As a word of its own: `age` is no part of `average`.
        pattern = rf"(?<![\w-]){re.escape(column)}(?![\w-])"
        # A backslash in a label is a backslash, and no reference to a group.
        label = words.name_of(column).replace("\\", "\\\\")
        named = re.sub(pattern, label, named, count=1)

    return named


def column_cell(column: str, words: Words) -> Cell:
    """Return the cell of a column: its label, and small beside it the name that finds it."""
    label = words.label_of(column)
    return column if label == column else Term(text=label, name=column)


def group_text(attribute: str, group: str, words: Words) -> str:
    """Return a protected group as people read it: "black (race)"."""
    return f"{group} ({words.attribute_of(attribute)})"


def note_on_outcomes(words: Words) -> str:
    """Return how names of measures are read; empty where the outcomes are called as they are."""
    if (words.favourable, words.unfavourable) == (APPROVED, DECLINED):
        return ""
    return (
        f"In names of measures, to approve means “{words.favourable}” and to decline "
        f"“{words.unfavourable}”."
    )
