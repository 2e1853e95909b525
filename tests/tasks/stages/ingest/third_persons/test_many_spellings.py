"""Keys of many values at once are those of each value; so are the pairs of words of names."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.stages.ingest.third_persons.many_spellings import keys_of_many, pairs_of_names
from tasks.stages.ingest.third_persons.spellings import (
    FEWEST_NAME_WORDS,
    MOST_NAME_WORDS,
    ValueKind,
    fold_words,
    keys_of,
)

# Signs that a rule looks at, in ASCII and beyond: values of them come near every edge.
SIGNS = "aZ\u00df\u00e9019 +@%40()/-.,_'\t\n\x0b\x1c\x1f\u00a0\u200b\uff11\u0130"
WRITTEN = [
    *(
        "Ann Null",
        "O'Brien, Jos\u00e9",
        "a b c d e f g h",
        "a b c d e f g h i",
        "",
        "Ann",
        "ANN NULL",
    ),
    *("Ann.Null@Example.org", " a@b ", " @b", "a@ ", "a+b@c", "a%40b", "a@b@c", "%@b", "\x1ca@b"),
    *("+49 (0)30 1234567", "0049 30 1234567", "030 1234567", "+1 617 555 0147", "16175550147"),
    *("(617) 555-0147", "+7 0 123 45 67", "+49", "+2", "+999 0001234567", "\x0b(+49 301234567"),
    *("1234567890123456", "00", "123-45-6789", "C-10023", "GB29 NWBK 6016 1331 9268 19", "123456"),
    *("1234567", "AB1234", "12.345-6", "-", "x" * 34 + "12345", "\u00e9-12345", "12345\u00df"),
]
values = st.lists(st.one_of(st.sampled_from(WRITTEN), st.text(SIGNS, max_size=20), st.text()))


def as_texts(texts: list[str]) -> pa.Array:
    return pa.array(texts, pa.large_string())


def sets_of_keys(kind: ValueKind, texts: list[str]) -> list[set[str]]:
    keys, places = keys_of_many(kind, as_texts(texts))
    result: list[set[str]] = [set() for _ in texts]
    for key, place in zip(keys.to_pylist(), places.tolist(), strict=True):
        result[place].add(key)
    return result


@pytest.mark.parametrize("kind", ValueKind)
def test_each_written_value_has_its_own_keys(kind: ValueKind) -> None:
    assert sets_of_keys(kind, WRITTEN) == [set(keys_of(kind, text)) for text in WRITTEN]
    assert sets_of_keys(kind, []) == []


@pytest.mark.parametrize("kind", ValueKind)
@given(texts=values)
def test_any_values_have_the_keys_that_each_has_alone(kind: ValueKind, texts: list[str]) -> None:
    assert sets_of_keys(kind, texts) == [set(keys_of(kind, text)) for text in texts]


@given(texts=values)
def test_pairs_are_those_of_each_name(texts: list[str]) -> None:
    expected: set[tuple[str, str]] = set()
    for text in texts:
        words = fold_words(text)
        if FEWEST_NAME_WORDS <= len(words) <= MOST_NAME_WORDS:
            expected.update(zip(words, [*words[1:], words[0]], strict=True))

    pairs = pairs_of_names(as_texts(texts))
    assert {(first, second) for first, following in pairs for second in following} == expected


def test_equal_words_of_names_are_one_text_in_memory() -> None:
    pairs = dict(pairs_of_names(as_texts(["Ann Null", "Ann Nulli", "Zo\u00eb Ann"])))
    words = [word for first, following in pairs.items() for word in (first, *following)]
    assert len({id(word) for word in words if word == "ann"}) == 1
