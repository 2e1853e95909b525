"""Nobody's note names another customer; everybody's own values stay; answers stay true."""

import json
import string
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.config.cases import Columns
from tasks.errors import DataError
from tasks.redaction.leakage import LeakageCount
from tasks.redaction.spans import MASKED
from tasks.stages.ingest.third_persons.masking import KnownMention, choose_mentions, move_answer
from tasks.stages.ingest.third_persons.spellings import ValueKind
from tests.tasks.stages.ingest.third_persons.people import (
    ANN,
    BOB,
    COLUMNS,
    delivery,
    mask,
    note_of,
    planted,
)


@pytest.mark.parametrize(
    ("written", "tag"),
    [
        *((text, "[PERSON]") for text in (
            "Zoë Quarantine", "ZOE QUARANTINE", "zoe quarantine", "Zoe\u0308 Quarantine",
            "Zoë  Quarantine", "Zoë\nQuarantine", "Quarantine, Zoë", "Zoë M. Quarantine",
            "Zo\u00adë Quaran\u200btine", "Zoë-Quarantine", "Ann Null",
        )),
        *((text, "[EMAIL_ADDRESS]") for text in (
            "ann.null@example.org", "ANN.NULL@EXAMPLE.ORG", "ann.null+loan@example.org",
            "ann.null%40example.org", "zoe@example.org",
        )),
        *((text, "[PHONE_NUMBER]") for text in (
            "+49 (0)30 1234567", "+49 30 1234567", "0049 30 1234567", "030 1234567", "030/1234567",
            "+49301234567", "(030) 123-4567", "(617) 555-0147", "617.555.0147", "6175550147",
            "+1 617 555 0147", "1-617-555-0147", "001 617 555 0147",
        )),
        *((text, "[NUMBER]") for text in (
            "GB29 NWBK 6016 1331 9268 19", "GB29NWBK60161331926819", "gb29nwbk60161331926819",
            "DE89 3704 0044 0532 0130 00", "DE89370400440532013000", "C-10024", "C10024", "c 10024",
        )),
    ],
)  # fmt: skip
def test_a_customer_in_somebody_else_s_note_is_masked(written: str, tag: str) -> None:
    assert note_of(f"Spoke to {written}; will call back.") == f"Spoke to {tag}; will call back."
    assert note_of(written) == tag


@pytest.mark.parametrize(
    "note",
    [
        "Bob Stone, bob@example.org, C-10025",  # his own
        "Stone, Bob called; B. Stone agreed",
        "Ann called, and Mr. Null too",  # half a name is anybody's
        "Joann Null; Ann Nullman and Ann and Null",  # other words, or not beside one another
        "joann.null@example.org and ann.null@example.org.uk",
        "Granby is a town",  # many people share it
        "$1,617,555.0147 and $6175550147 for 6175550147%",  # amounts
        "account 16175550147889, 617555014 and 55501478",  # longer and shorter numbers
        "C-100245, AC-10024",
        "paid 2026-11-24 and 24.11.2026",
        "Nobody else. Nothing at all, 30 years, 26.2 percent",
        "",
        "[PERSON] was masked before",
    ],
)
def test_all_else_stays_as_it_was(note: str) -> None:
    assert note_of(note) == note


def test_a_person_s_own_values_stay_in_all_their_rows_whoever_else_has_them() -> None:
    second = {**BOB, "name": "Robert Stone", "phone": "(617) 555-0147"}
    rows = delivery("Robert Stone, (617) 555-0147, Bob Stone, Zoë Quarantine", second)

    masked, _ = mask(rows, [0, 1, 2, 0])

    # The telephone is Zoe's, too: it is his own all the same.
    assert masked["notes"][0] == "Robert Stone, (617) 555-0147, Bob Stone, [PERSON]"


def test_of_two_of_one_name_the_row_s_own_keeps_it_and_a_third_does_not() -> None:
    namesake = {**BOB, "email": "b2@example.org", "customer": "C-10077"}
    rows = delivery("Bob Stone", namesake)
    rows.loc[1, "notes"] = "Bob Stone"

    masked, counts = mask(rows)

    assert masked["notes"].tolist()[:2] == ["Bob Stone", "[PERSON]"]
    assert (counts.rows, counts.mentions) == (1, {"[PERSON]": 1})


def test_the_longest_name_counts_and_the_own_one_before_its_part() -> None:
    mary = {**ANN, "email": "m@example.org", "name": "Mary Ann Null"}
    rows = delivery("Mary Ann Null", mary)
    rows.loc[1:3, "notes"] = "Mary Ann Null and Ann Null"

    masked, _ = mask(rows)

    assert masked["notes"].tolist() == [
        "[PERSON]",
        "[PERSON] and Ann Null",
        "[PERSON] and [PERSON]",
        "Mary Ann Null and [PERSON]",
    ]


def test_names_that_are_words_are_words_where_nothing_is_a_capital() -> None:
    will = {**ANN, "email": "w@example.org", "name": "Will Price"}
    assert note_of("we will price it; Will Price asked", will) == "we will price it; [PERSON] asked"


def test_a_name_of_one_word_and_a_short_number_identify_nobody() -> None:
    prince = {**ANN, "email": "p@example.org", "name": "Prince", "customer": "17", "phone": "12345"}
    note = "Prince owes 17 of 12345"
    assert note_of(note, prince) == note


def test_missing_texts_stay_missing_and_other_columns_are_not_touched() -> None:
    rows = delivery(None)
    masked, counts = mask(rows)
    pd.testing.assert_frame_equal(masked, rows)
    assert (counts.rows, counts.mentions) == (0, {})


def test_no_text_no_row_and_no_identifier_are_nothing_to_do() -> None:
    rows = delivery("Zoë Quarantine")
    without_texts = Columns({name: COLUMNS.root[name] for name in ("email", "name")})
    assert mask(rows[["email", "name"]], columns=without_texts)[1].rows == 0
    assert mask(rows.iloc[:0])[1].rows == 0

    declared = {"email": COLUMNS.root["email"], "notes": COLUMNS.root["notes"]}
    nameless = rows[["email", "notes"]].assign(email="x")
    masked, _ = mask(nameless, columns=Columns(declared))
    assert masked["notes"][0] == "Zoë Quarantine"


def test_masking_again_changes_nothing_and_every_mask_is_one_of_redaction_s() -> None:
    rows = delivery("Ann Null <ann.null@example.org> and Zoë Quarantine, +1 617 555 0147")
    once, _ = mask(rows)
    twice, counts = mask(once)
    pd.testing.assert_frame_equal(once, twice)
    assert counts.rows == 0
    assert all(MASKED.fullmatch(kind.value) for kind in ValueKind)


def test_planted_answers_follow_the_text_and_count_as_masked() -> None:
    note = "Bob Stone met Zoë Quarantine, then Otto Nobody."
    rows = delivery(note, gold=planted(note, "Zoë Quarantine", "Otto Nobody"))

    masked, _ = mask(rows)

    text = masked["notes"][0]
    answer = masked["gold"][0]
    spans = json.loads(answer)
    assert text == "Bob Stone met [PERSON], then Otto Nobody."
    assert [text[span["start"] : span["end"]] for span in spans] == ["[PERSON]", "Otto Nobody"]
    count = LeakageCount()
    count.add(text, answer, ())
    measured = count.measured()
    assert (measured.third.count, measured.third.of) == (1, 2)
    assert (measured.over.count, measured.over.of) == (0, 4)


def test_answers_of_rows_without_a_mention_keep_every_byte() -> None:
    rows = delivery("Nobody", gold='[ {"start": 0, "end": 1, "type": "x", "owner": "self"} ]')
    rows.loc[1, "notes"] = "Zoë Quarantine"  # her answer is missing
    masked, _ = mask(rows)
    assert masked["gold"].tolist()[0] == rows["gold"][0]
    assert masked["gold"].isna().tolist() == rows["gold"].isna().tolist()


@pytest.mark.parametrize("gold", ["no JSON", "[1]", '[{"begin": 1}]', '[{"start": "a", "end": 2}]'])
def test_an_answer_that_cannot_be_kept_true_stops_without_a_value(gold: str) -> None:
    with pytest.raises(DataError, match="column `gold`") as refusal:
        mask(delivery("Zoë Quarantine", gold=gold))
    assert "Quarantine" not in str(refusal.value)


def mention(start: int, end: int, *, is_own: bool = False) -> KnownMention:
    return KnownMention(start, end, ValueKind.PERSON, is_own)


def test_of_two_mentions_at_one_place_the_own_one_counts() -> None:
    assert choose_mentions([mention(0, 5), mention(0, 5, is_own=True)]) == []
    assert choose_mentions([mention(0, 5), mention(3, 9), mention(9, 12)]) == [
        mention(3, 9),
        mention(9, 12),
    ]


@pytest.mark.parametrize(
    ("place", "moved"),
    [
        ((0, 4), (0, 4)),
        ((0, 10), (0, 10)),
        ((10, 24), (10, 18)),
        ((12, 20), (10, 18)),
        ((5, 20), (5, 18)),
        ((12, 30), (10, 24)),
        ((24, 30), (18, 24)),
        ((40, 50), (34, 42)),
    ],
)
def test_a_place_that_touches_a_mask_covers_it(
    place: tuple[int, int], moved: tuple[int, int]
) -> None:
    answer = json.dumps([{"start": place[0], "end": place[1], "type": "x", "owner": "other"}])
    (span,) = json.loads(move_answer(answer, [mention(10, 24), mention(40, 50)]))
    assert (span["start"], span["end"]) == moved
    assert (span["type"], span["owner"]) == ("x", "other")


WORDS = st.sampled_from(
    [
        "Ann",
        "Null",
        "Zoë",
        "Quarantine",
        "Bob",
        "Stone",
        "and",
        ",",
        ".",
        "617",
        "555-0147",
        "C-10024",
    ]
)


@settings(deadline=None)
@given(st.lists(st.one_of(WORDS, st.text(string.printable, max_size=6)), max_size=12))
def test_what_is_left_of_any_note_names_nobody_else(parts: list[str]) -> None:
    note = " ".join(parts)
    text = note_of(note)
    assert text == note_of(note)  # the same in every run
    assert note_of(text) == text
    assert "Ann Null" not in text
    assert "Zoë Quarantine" not in text


def test_identifiers_that_are_numbers_are_found_without_a_point() -> None:
    columns: dict[str, Any] = {
        "id": {"role": "subject", "source": "bank", "kind": "number"},
        "notes": {"role": "free_text", "source": "bank", "kind": "text"},
    }
    rows = pd.DataFrame({"id": [1000001.0, 1000002.0], "notes": ["see 1000002", "see 1000002"]})
    masked, _ = mask(rows, columns=Columns.model_validate(columns))
    assert masked["notes"].tolist() == ["see [NUMBER]", "see 1000002"]


@pytest.mark.parametrize(
    ("note", "masked"),
    [
        ("lives at 711 Vincent Lane, Granby", "lives at 711 Vincent Lane, Granby"),
        ("711 vincent lane; saw Vincent Lane", "711 vincent lane; saw [PERSON]"),
        ("lives at 712 Vincent Lane", "lives at 712 [PERSON]"),  # another one's
        ("Vincent Lane has 711 shares", "[PERSON] has 711 shares"),
        ("in Vincent Lane 711", "in [PERSON] 711"),  # so it is not written in the delivery
    ],
)
def test_a_name_in_the_own_street_stays_for_the_whole_street_to_be_masked(
    note: str, masked: str
) -> None:
    columns = Columns.model_validate(
        {
            "email": {"role": "subject", "source": "bank", "kind": "email"},
            "name": {"role": "identifier", "source": "bank", "kind": "name"},
            "street": {"role": "identifier", "source": "bank", "kind": "street"},
            "notes": {"role": "free_text", "source": "bank", "kind": "text"},
        }
    )
    rows = pd.DataFrame(
        {
            "email": ["bob@example.org", "vincent@example.org"],
            "name": ["Bob Stone", "Vincent Lane"],
            "street": ["711 Vincent Lane", "1 Elm Street"],
            "notes": [note, "none"],
        },
        dtype="str",
    )
    assert mask(rows, columns=columns)[0]["notes"].iloc[0] == masked
    # Who lives there is alone in having that street.
    other = rows.assign(notes=["none", "met at 711 Vincent Lane"], name=["Bob Stone", "Max Lane"])
    with_vincent = pd.concat(
        [other, rows.assign(email="v@example.org", notes=None).iloc[1:]], ignore_index=True
    )
    assert mask(with_vincent, columns=columns)[0]["notes"].iloc[1] == "met at 711 [PERSON]"
