"""One cell: only the person goes, JSON stays JSON, words of a program stay."""

import base64
import json
from typing import Any

import pytest

from tasks.erasure.searching.search_terms import PersonalValue, SearchTerms
from tasks.erasure.sinks.cells import is_json, look_at_cell, mask_cell, sift_rows
from tasks.erasure.sinks.columns import Protection, TextColumn
from tests.tasks.erasure.sinks.people import ANN, ANNS_NAME, BOB, TERMS, person_of

TEXT = TextColumn("value", "TEXT")
WORDS = person_of("Completed", "Model", "Finished")


def mask(value: Any, *, may_empty: bool = False, terms: Any = TERMS) -> Any:
    return mask_cell(value, TEXT, terms, may_empty=may_empty)


def test_of_a_text_only_the_values_go() -> None:
    assert mask(f"log: {ANN} and {BOB}") == f"log: [erased] and {BOB}"


def test_of_json_every_other_byte_stays() -> None:
    text = (
        f'{{"a" : ["{ANN}",\n "{BOB}", 1.50, {{"n":"Zo\\u00eb Quarantine, \\u00e9"}}], "b":null }}'
    )

    assert mask(text) == text.replace(ANN, "[erased]").replace("Zo\\u00eb Quarantine", "[erased]")


def test_json_that_is_not_ascii_stays_so() -> None:
    assert mask(f'{{"n":"{ANNS_NAME} é"}}') == '{"n":"[erased] é"}'


def test_an_address_as_a_key_is_masked_and_a_field_s_name_is_not() -> None:
    text = f'{{"{ANN}": 1, "Model": 2}}'

    assert mask(text) == '{"[erased]": 1, "Model": 2}'
    assert mask(text, terms=WORDS) == text


@pytest.mark.parametrize(
    "text",
    [
        '{"state": {"name": "Completed"}}',
        '{"state_type": "Completed"}',
        '{"prefect.state-name": "Completed"}',
        '{"prefect.resource.id": "Model"}',
        '{"x": [{"type": "Model"}]}',
    ],
)
def test_words_of_a_program_stay_where_it_keeps_its_words(text: str) -> None:
    assert mask(text, terms=WORDS) == text


def test_the_next_of_a_list_is_no_word_of_the_one_before() -> None:
    text = '{"notes": [{"type": "Model"}, "Model"]}'

    assert mask(text, terms=WORDS) == '{"notes": [{"type": "Model"}, "[erased]"]}'


def test_an_address_is_no_word_of_a_program() -> None:
    assert mask(f'{{"customer_id": "{ANN}"}}') == '{"customer_id": "[erased]"}'


def test_what_is_encoded_in_a_text_is_left_or_unpacked_or_emptied() -> None:
    hidden = base64.b64encode(f"a long result for {ANN}".encode()).decode()
    text = json.dumps({"result": hidden, "other": BOB})

    kept = mask(text)
    emptied = json.loads(mask(text, may_empty=True))

    assert hidden not in json.dumps(emptied)
    assert emptied["other"] == BOB
    assert json.loads(kept)["other"] == BOB


@pytest.mark.parametrize("clean", [b"unpacked", ANN.encode()])
def test_what_masking_does_not_reach_is_unpacked_or_left(
    monkeypatch: pytest.MonkeyPatch, clean: bytes
) -> None:
    hidden = f"log: {base64.b64encode(f'a long result for {ANN}'.encode()).decode()}"
    monkeypatch.setattr("tasks.erasure.sinks.cells.remove_person", lambda *_: clean)

    is_clean = clean == b"unpacked"
    assert mask(hidden) == ("unpacked" if is_clean else hidden)
    assert mask(hidden.encode()) == (clean if is_clean else hidden.encode())


def test_bytes_of_text_are_masked_and_others_are_left() -> None:
    assert mask(f"{ANN} {BOB}".encode()) == f"[erased] {BOB}".encode()
    assert mask(memoryview(b"\x00\xff " + ANN.encode())) == b"\x00\xff " + ANN.encode()
    assert mask(b"\x00\xff " + ANN.encode(), may_empty=True) == b"\x00\xff [erased]"


def test_bytes_that_masking_does_not_reach_are_emptied_where_they_may_be() -> None:
    hidden = b"\x00\xff " + base64.b64encode(f"a long result for {ANN}".encode())

    clean = mask(hidden, may_empty=True)

    assert base64.b64encode(ANN.encode())[:12] not in clean


def test_a_protected_cell_stays() -> None:
    column = TextColumn("name", "TEXT", protection=Protection.KEY)

    assert mask_cell(ANN, column, TERMS, may_empty=True) == ANN


def test_a_word_of_a_program_stays_and_a_sentence_beside_it_does_not() -> None:
    column = TextColumn("status", "TEXT", protection=Protection.WORDS)

    assert mask_cell("Finished", column, WORDS, may_empty=True) == "Finished"
    assert mask_cell("is Finished.", column, WORDS, may_empty=True) == "is [erased]."


@pytest.mark.parametrize("text", ["x", "1", "null", 'say "x"', '{"a": ', '["' * 100_000])
def test_what_is_no_json_with_texts_is_none(text: str) -> None:
    assert not is_json(text)


# Many rows at once


def sifted(*rows: list[Any]) -> list[int]:
    return [number for number, _ in sift_rows(list(enumerate(rows)), TERMS)]


def test_rows_without_the_person_are_sifted_out_together() -> None:
    assert sifted(["a", 1, None], [BOB, 2.5, "b"], ["0123abcd" * 4, None, "line\nline"]) == []
    assert sifted() == []


@pytest.mark.parametrize(
    "value",
    [
        ANN,
        f"for {ANN}, twice",
        ANN.upper(),
        base64.b64encode(f"a long result for {ANN} and others".encode()).decode(),
        f"a long result for {ANN}".encode().hex(),
        ANN.replace("@", "%40"),
        ANN.replace("@", "&#64;"),
        ANN.replace("@", "\\u0040"),
        ANN.replace("example", "<b>example</b>"),
        ANN.encode("utf-16").decode("latin-1"),
        ANN.encode(),
        memoryview(ANN.encode("utf-16")),
        f"Zoë {ANNS_NAME}",
    ],
)
def test_a_row_with_the_person_stays_whatever_stands_around_it(value: Any) -> None:
    """Looked at by itself it holds the person, and so it does among simple texts of others."""
    assert look_at_cell(value, TERMS).holds_person
    others: list[list[Any]] = [["0123456789abcdef" * 2, f"word{number}", 7] for number in range(50)]

    kept = sifted(*others[:25], ["deadbeef" * 4, value, "cafe"], *others[25:])

    assert 25 in kept


def test_a_value_that_is_no_simple_text_keeps_its_row() -> None:
    assert sifted(["a"], [b"\x89PNG"], ["ä"], ["-----BEGIN PGP MESSAGE-----"], ["a"]) == [1, 2, 3]


def test_numbers_are_looked_at_as_they_are_written() -> None:
    terms = SearchTerms.of([PersonalValue("phone", "+49 30 1234567890")])
    rows = [(number, [value]) for number, value in enumerate([1, 493012345678901, 493012345678])]

    assert [number for number, _ in sift_rows(rows, terms)] == [
        number for number, (value,) in rows if look_at_cell(value, terms).holds_person
    ]
