import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.config.cases import Columns
from tasks.errors import ConfigError
from tasks.gates import Outcome
from tasks.redaction.engines.redacting import redact_groups
from tasks.redaction.params import RedactLimits, RedactParams
from tasks.redaction.spans import MASKED, Span, mask, merge, without_masks
from tasks.redaction.tally import RedactReport, Tally
from tasks.redaction.texts import WITHHELD, MaskedChunk, TextChunk, TextRedactor
from tasks.stages.redact.checks import RedactCheck
from tasks.stages.redact.judging import judge_redaction
from tests.tasks.redaction.people import LINKER

PARAMS = RedactParams(
    mode="exact",
    language="en",
    model="m",
    min_score=0.3,
    tokenised=("account",),
    dates="year",
    chunk_rows=2,
)
LIMITS = RedactLimits(
    own_leak_ratio=0,
    third_person_leak_ratio=0,
    over_redaction_ratio=0,
    surviving_identifiers=0,
    withheld_ratio=0,
)
COLUMNS = Columns.model_validate(
    {
        "email": {"role": "subject", "source": "a", "kind": "email"},
        "name": {"role": "identifier", "source": "a", "kind": "name"},
        "phone": {"role": "identifier", "source": "a", "kind": "phone"},
        "account": {"role": "identifier", "source": "a", "kind": "account"},
        "born": {"role": "quasi_identifier", "source": "a", "kind": "date"},
        "ip": {"role": "quasi_identifier", "source": "a", "kind": "ip"},
        "notes": {"role": "free_text", "source": "a", "kind": "text"},
        "income": {"role": "feature", "source": "a"},
        "old": {"role": "dropped", "source": "a"},
    }
)
PERSON = {
    "name": "Ann-Marie O'Neil",
    "email": "am.oneil@example.org",
    "phone": "(617) 555-1234",
    "ssn": "123-45-6789",
    "account": "0098765432",
    "street": "12 Elm Street",
    "city": "Newbridge",
}


class NoFinder:
    """Finds nobody: what the row link alone can do."""

    recogniser = "none"
    masks = MASKED

    def prove(self, texts: list[str]) -> None:
        pass

    def find(self, texts: list[str]) -> Iterator[list[Any]]:
        for _ in texts:
            yield []


class WordFinder(NoFinder):
    """Finds one word, as a recogniser would find a third person."""

    def find(self, texts: list[str]) -> Iterator[list[Span]]:
        for text in texts:
            at = text.find("Bob")
            yield [Span(at, at + 3, "PERSON")] if at >= 0 else []


def rows(notes: list[Any]) -> pd.DataFrame:
    count = len(notes)
    return pd.DataFrame(
        {
            "subject": [f"{i:032x}" for i in range(count)],
            "person": range(count),
            "email": [f"ann{i}@example.org" for i in range(count)],
            "name": ["Ann Lee"] * count,
            "phone": ["(617) 555-1234"] * count,
            "account": ["0098765432"] * count,
            "born": ["1980-03-04"] * count,
            "ip": ["203.0.113.77" if i % 2 else "2001:db8:1:2::7" for i in range(count)],
            "notes": pd.Series(notes, dtype=object),
            "income": np.arange(count),
        }
    )


class HereEngine:
    """Masks chunks at once, with a given finder."""

    def __init__(self, finder: NoFinder | WordFinder) -> None:
        self.finder = finder

    def mask(self, chunks: Iterable[TextChunk]) -> Iterator[MaskedChunk]:
        redactor = TextRedactor(self.finder, LINKER)
        for chunk in chunks:
            yield redactor.redact(chunk)


def redact(
    frame: pd.DataFrame,
    columns: Columns,
    params: RedactParams,
    finder: Callable[..., Any] | type[NoFinder],
) -> tuple[pd.DataFrame, RedactReport]:
    """Redact a whole frame; return it and the report."""
    tally, parts = Tally(), []
    for part, found in redact_groups(
        [frame], columns, params, b"k" * 32, lambda _: HereEngine(finder()), lambda _: None
    ):
        parts.append(part)
        tally.add(found)
    (whole,) = parts
    return whole, tally.report(has_gold="gold" in columns.root)


def link(text: str, person: dict[str, str]) -> list[Span]:
    return LINKER.link(text, person.items())


def masked(text: str) -> str:
    return mask(text, merge(link(text, PERSON)))


@pytest.mark.parametrize(
    "text",
    [
        "Spoke to Ann-Marie O'Neil today",
        "ANN-MARIE O'NEIL",
        "ann-marie o'neil wants to know",
        "O'Neil, Ann-Marie",
        "A. O'Neil called",
        "write to am.oneil@example.org",
        "AM.ONEIL@EXAMPLE.ORG",
        "call 617-555-1234",
        "call 617.555.1234",
        "call +1 6175551234"[5:],
        "SSN 123 45 6789",
        "account ending 5432",
        "lives at 12 elm street",
        "the house in Elm Street",
        "moved to Newbridge",
    ],
)
def test_the_row_finds_its_own_person_however_it_is_written(text: str) -> None:
    redacted = masked(text).casefold()
    for part in ("neil", "ann-marie", "oneil@", "1234", "6789", "5432", "elm", "newbridge"):
        assert part not in redacted


@pytest.mark.parametrize(
    "text", ["will pay in may", "annual income", "Elmira is far", "6175551234567", "ends 54321"]
)
def test_what_only_resembles_the_person_stays(text: str) -> None:
    person = {**PERSON, "name": "Will May"}
    assert mask(text, merge(link(text, person))) == text


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12)), max_size=12))
def test_merged_spans_are_ordered_disjoint_and_cover_what_was_found(
    pairs: list[tuple[int, int]],
) -> None:
    spans = [Span(start, start + length, "X") for start, length in pairs]
    merged = merge(spans)
    assert all(a.end <= b.start for a, b in itertools.pairwise(merged))
    covered = {i for span in merged for i in range(span.start, span.end)}
    assert covered == {i for span in spans for i in range(span.start, span.end)}


def test_redacting_twice_changes_nothing() -> None:
    text = "Ann-Marie O'Neil and [PERSON] and [OWN_NAME]"
    once = masked(text)
    spans = without_masks(
        once,
        merge(link(once, PERSON), [Span(once.index("PERSON"), once.index("PERSON") + 6, "ORG")]),
    )
    assert mask(once, spans) == once


def test_a_frame_loses_its_identities_and_nothing_else() -> None:
    result, report = redact(rows(["Ann Lee met Bob"] * 3), COLUMNS, PARAMS, WordFinder)
    assert list(result.columns) == ["subject", "person", "account", "born", "ip", "income", "notes"]
    assert set(result["born"]) == {"1980"}
    assert set(result["ip"]) == {"203.0.113.0/24", "2001:db8:1::/48"}
    assert set(result["notes"]) == {"[OWN_NAME] met [PERSON]"}
    assert result["account"].nunique() == 1
    assert "0098765432" not in result.to_csv()
    assert report.entities == {"notes": {"OWN_NAME": 3, "PERSON": 3}}
    assert report.explained["old"].fate == "dropped"


def test_what_cannot_be_read_is_withheld_and_counted_and_what_is_missing_stays_missing() -> None:
    notes = ["fine", None, np.nan, "", 7, b"bytes", ["list"], "x" * 1_000_001]
    result, report = redact(rows(notes), COLUMNS, PARAMS, NoFinder)
    values = result["notes"].tolist()
    assert values[0] == "fine"
    assert pd.isna(values[1])
    assert pd.isna(values[2])
    assert values[3] == ""
    assert values[4:] == [WITHHELD] * 4
    assert report.withheld.count == 4
    refused = [
        check for check in judge_redaction(report, LIMITS) if check.id == RedactCheck.WITHHELD_RATIO
    ]
    assert refused[0].outcome is Outcome.FAIL


def test_an_address_that_is_none_and_a_date_that_is_none_are_withheld() -> None:
    given_rows = rows(["a", "b"]).assign(ip=["not an ip", "10.0.0.1"], born=["soon", "1970-01-01"])
    result, _ = redact(given_rows, COLUMNS, PARAMS, NoFinder)
    assert pd.isna(result["ip"][0])
    assert pd.isna(result["born"][0])
    assert result["ip"][1] == "10.0.0.0/24"


def test_an_empty_frame_is_an_empty_frame() -> None:
    result, report = redact(rows([]), COLUMNS, PARAMS, NoFinder)
    assert len(result) == 0
    assert report.texts == 0


def test_leakage_is_measured_against_planted_answers_own_and_third_and_over() -> None:
    columns = Columns.model_validate(
        {
            **COLUMNS.model_dump(),
            "gold": {"role": "gold", "source": "a", "kind": "text", "describes": "notes"},
        }
    )
    text = "Ann Lee met Bob and Carl"
    gold = [
        {"start": 0, "end": 7, "type": "PERSON", "owner": "self"},
        {"start": 12, "end": 15, "type": "PERSON", "owner": "other"},
        {"start": 20, "end": 24, "type": "PERSON", "owner": "other"},
    ]
    given_rows = rows([text]).assign(gold=json.dumps(gold))
    _, report = redact(given_rows, columns, PARAMS, WordFinder)
    assert report.leakage is not None
    assert report.leakage.own.value == 0
    assert (report.leakage.third.count, report.leakage.third.of) == (1, 2)
    assert (report.leakage.over.count, report.leakage.over.of) == (0, 2)
    outcomes = {check.id: check.outcome for check in judge_redaction(report, LIMITS)}
    assert outcomes[RedactCheck.THIRD_PERSON_LEAK_RATIO] is Outcome.FAIL
    assert outcomes[RedactCheck.OWN_LEAK_RATIO] is Outcome.PASS


def test_without_planted_answers_the_gate_is_undecided_unless_that_is_declared_with_a_reason() -> (
    None
):
    _, report = redact(rows(["Ann Lee"]), COLUMNS, PARAMS, NoFinder)
    assert Outcome.UNDECIDED in {check.outcome for check in judge_redaction(report, LIMITS)}
    declared = LIMITS.model_copy(update={"not_applicable": "our own data has no planted answers"})
    outcomes = {check.id: check.outcome for check in judge_redaction(report, declared)}
    assert outcomes.pop(RedactCheck.OWN_LEAK_RATIO) is Outcome.NOT_MEASURED
    assert set(outcomes.values()) == {Outcome.PASS}


def test_the_finder_is_opened_only_where_there_is_free_text() -> None:
    columns = Columns.model_validate(
        {name: c for name, c in COLUMNS.model_dump().items() if name != "notes"}
    )

    def never() -> None:
        raise AssertionError("opened")

    redact(rows(["a"]), columns, PARAMS, never)


def test_a_tokenised_column_that_is_no_identifier_is_refused() -> None:
    params = PARAMS.model_copy(update={"tokenised": ("income",)})
    with pytest.raises(ConfigError, match="income"):
        redact(rows(["a"]), COLUMNS, params, NoFinder)


class BesideFinder(NoFinder):
    """Finds Bob, and Carol only where a mask stands before her."""

    def find(self, texts: list[str]) -> Iterator[list[Span]]:
        for text in texts:
            yield [
                Span(match.start(match.lastgroup or 0), match.end(), "PERSON")
                for match in re.finditer(r"(?P<a>Bob)|(?:PERSON|NAME)\] (?P<b>Carol)", text)
            ]


@pytest.mark.parametrize(
    ("until_stable", "expected"),
    [
        (False, "[OWN_NAME] Carol and [PERSON] Carol"),
        (True, "[OWN_NAME] [PERSON] and [PERSON] [PERSON]"),
    ],
)
def test_a_stage_masks_until_nothing_more_is_found_where_asked(
    until_stable: bool, expected: str
) -> None:
    text = "Ann-Marie O'Neil Carol and Bob Carol"
    planted = [
        {"start": text.rindex("Carol"), "end": len(text), "type": "PERSON", "owner": "other"}
    ]
    chunk = TextChunk(
        {"notes": [text, None]}, [tuple(PERSON.items())] * 2, {"notes": [json.dumps(planted), "[]"]}
    )
    masked = TextRedactor(BesideFinder(), LINKER, until_stable=until_stable).redact(chunk)
    assert masked.cells["notes"] == [expected, None]
    assert masked.tally.leakage.counts["other"] == [0 if until_stable else 1, 1]
    assert masked.tally.entities["notes"]["PERSON"] == (3 if until_stable else 1)
