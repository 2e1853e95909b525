"""The keys of many values at once: `spellings`, a column at a time, in Arrow.

A delivery has several identifying values a row, and to learn everybody's keys value by value took
half of the stage. Values in ASCII, which most are, have their keys made in Arrow; what is left is
asked of `spellings`, value by value. A test compares both ways.
"""

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.stages.ingest.third_persons.spellings import (
    FEWEST_DIGITS,
    FEWEST_NAME_WORDS,
    LONGEST_NUMBER,
    LONGEST_PHONE,
    MOST_NAME_WORDS,
    NORTH_AMERICAN_DIGITS,
    ONE_DIGIT_CODES,
    SHORTEST_DIGITS,
    SHORTEST_NUMBER,
    TWO_DIGIT_CODES,
    ValueKind,
    fold_words,
    keys_of,
)

# What `str.strip()` takes away of a text in ASCII, and what `\s` of `re` is there.
SPACES = " \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f"
# Of an address whose mailbox is all that stands before its only sign.
PLAIN_ADDRESS = r"^[^@+%]+@[^@+%]+$"
INTERNATIONAL = r"^[ \t-\r\x1c-\x1f]*\(?(?:\+|00)"
# The first that fits counts; a number shorter than its code has nothing behind it.
COUNTRY_CODE = f"^(?:{'|'.join((*ONE_DIGIT_CODES, *sorted(TWO_DIGIT_CODES)))}|[0-9]{{1,3}})0*"

Places = np.ndarray[Any, np.dtype[np.int64]]
# Keys of some values, and the place of the value that each is of.
PlacedKeys = tuple[pa.Array, Places]


def keys_of_many(kind: ValueKind, texts: pa.Array) -> PlacedKeys:
    """Return all keys of these values, in any order, and the place of the value that each is of.

    A value has several keys or none. A key may be there twice, where two rules make the same one.

    Args:
        kind: What the values are.
        texts: The values, of type `large_string`; none is missing.
    """
    if kind is ValueKind.NUMBER:
        # As in `keys_of`: an address may be a person's number.
        is_address = pc.match_substring(texts, "@")
        parts = [
            *_select(ValueKind.NUMBER, texts, pc.invert(is_address)),
            *_select(ValueKind.EMAIL, texts, is_address),
        ]
    else:
        parts = [*_select(kind, texts, pa.array(np.ones(len(texts), bool)))]
    return (
        pa.concat_arrays([keys for keys, _ in parts]),
        np.concatenate([places for _, places in parts]),
    )


def pairs_of_names(texts: pa.Array) -> Iterator[tuple[str, list[str]]]:
    """Yield words of full names and those that follow each; the first follows the last.

    A word may come twice. Of equal words there is one text in memory: millions of names are made of
    some thousands.
    """
    is_ascii = pc.string_is_ascii(texts)
    names, places = _person_keys(texts.filter(is_ascii))[0]
    if len(places):
        yield from _pairs_of_folded(pc.utf8_slice_codeunits(names, 2))
    for name in texts.filter(pc.invert(is_ascii)).to_pylist():
        words = [sys.intern(word) for word in fold_words(name)]
        if FEWEST_NAME_WORDS <= len(words) <= MOST_NAME_WORDS:
            for first, second in zip(words, [*words[1:], words[0]], strict=True):
                yield first, [second]


def _pairs_of_folded(names: pa.Array) -> Iterator[tuple[str, list[str]]]:
    """Yield the same of names whose words are parted by one blank each."""
    lists = pc.split_pattern(names, " ")
    encoded = lists.flatten().dictionary_encode()
    words = [sys.intern(word) for word in encoded.dictionary.to_pylist()]
    codes = encoded.indices.to_numpy().astype(np.int64)

    ends = np.cumsum(pc.list_value_length(lists).to_numpy())
    following = np.append(codes[1:], 0)
    following[ends - 1] = codes[np.append(0, ends[:-1])]

    pairs = np.sort(codes * len(words) + following)
    firsts, seconds = np.divmod(pairs[np.append(True, pairs[1:] != pairs[:-1])], len(words))
    starts = np.flatnonzero(np.append(True, firsts[1:] != firsts[:-1]))
    for first, some in zip(firsts[starts], np.split(seconds, starts[1:]), strict=True):
        yield words[first], [words[second] for second in some]


def _select(kind: ValueKind, texts: pa.Array, is_selected: pa.Array) -> Iterator[PlacedKeys]:
    """Yield the keys of the selected values, of one kind: in Arrow where that can be."""
    is_plain = pc.and_(is_selected, pc.string_is_ascii(texts))
    if kind is ValueKind.EMAIL:
        is_plain = pc.and_(is_plain, pc.match_substring_regex(texts, PLAIN_ADDRESS))
    elif kind is ValueKind.PHONE:
        is_plain = pc.and_(is_plain, pc.invert(pc.match_substring(texts, "(0)")))

    plain_places = np.flatnonzero(is_plain.to_numpy(zero_copy_only=False))
    for keys, places in KEYS_OF_KIND[kind](texts.filter(is_plain)):
        yield keys.cast(pa.large_string()), plain_places[places]

    is_other = pc.and_not(is_selected, is_plain)
    other_places = np.flatnonzero(is_other.to_numpy(zero_copy_only=False))
    keys_of_each = [keys_of(kind, text) for text in texts.filter(is_other).to_pylist()]
    flat = [key for keys in keys_of_each for key in keys]
    yield pa.array(flat, pa.large_string()), np.repeat(other_places, [*map(len, keys_of_each)])


def _person_keys(texts: pa.Array) -> list[PlacedKeys]:
    folded = pc.replace_substring_regex(pc.ascii_lower(texts), "[^a-z0-9]+", " ")
    names = pc.ascii_trim(folded, " ")
    blanks = pc.count_substring(names, " ").to_numpy()
    # One word more than blanks between them; an empty name has none of either.
    is_full = (blanks >= FEWEST_NAME_WORDS - 1) & (blanks < MOST_NAME_WORDS)
    return [_keys_where(is_full, "p ", names)]


def _email_keys(texts: pa.Array) -> list[PlacedKeys]:
    addresses = pc.ascii_lower(pc.ascii_trim(texts, SPACES))
    # What was a blank before or behind the sign may have been all there was.
    is_whole = pc.match_substring_regex(addresses, PLAIN_ADDRESS)
    return [_keys_where(is_whole.to_numpy(zero_copy_only=False), "e ", addresses)]


def _number_keys(texts: pa.Array) -> list[PlacedKeys]:
    # An expression takes four times as long as a sign, and most numbers are parted by one or none.
    numbers = pc.ascii_lower(pc.replace_substring(texts, "-", ""))
    if not pc.all(pc.or_(pc.ascii_is_alnum(numbers), pc.equal(numbers, "")), min_count=0).as_py():
        numbers = pc.replace_substring_regex(numbers, "[^a-z0-9]+", "")
    lengths = pc.binary_length(numbers).to_numpy()
    digits = lengths.copy()
    has_letters = pc.invert(pc.ascii_is_decimal(numbers))
    counts = pc.count_substring_regex(numbers.filter(has_letters), "[0-9]").to_numpy()
    digits[has_letters.to_numpy(zero_copy_only=False)] = counts
    fewest = np.where(digits == lengths, SHORTEST_DIGITS, SHORTEST_NUMBER)
    is_long = (fewest <= lengths) & (lengths <= LONGEST_NUMBER) & (digits >= FEWEST_DIGITS)
    return [_keys_where(is_long, "n ", numbers)]


def _phone_keys(texts: pa.Array) -> list[PlacedKeys]:
    digits = pc.ascii_ltrim(pc.replace_substring_regex(texts, "[^0-9]+", ""), "0")
    lengths = pc.binary_length(digits).to_numpy()
    is_number = lengths <= LONGEST_PHONE
    is_international = pc.match_substring_regex(texts, INTERNATIONAL)
    starts_with_one = pc.starts_with(digits, "1").to_numpy(zero_copy_only=False)
    has_trunk_one = (lengths == NORTH_AMERICAN_DIGITS + 1) & starts_with_one

    without_code = pc.if_else(
        is_international,
        pc.replace_substring_regex(digits, COUNTRY_CODE, ""),
        pc.utf8_slice_codeunits(digits, 1),
    )
    is_second = is_number & (is_international.to_numpy(zero_copy_only=False) | has_trunk_one)
    is_second &= pc.binary_length(without_code).to_numpy() >= SHORTEST_DIGITS
    return [
        _keys_where(is_number & (lengths >= SHORTEST_DIGITS), "t ", digits),
        _keys_where(is_second, "t ", without_code),
    ]


def _keys_where(
    is_key: "np.ndarray[Any, np.dtype[np.bool_]]", prefix: str, values: pa.Array
) -> PlacedKeys:
    chosen = values.filter(pa.array(is_key))
    prefixes = pa.scalar(prefix, chosen.type)
    keys = pc.binary_join_element_wise(prefixes, chosen, pa.scalar("", chosen.type))
    return keys, np.flatnonzero(is_key)


# Of values in ASCII: of addresses the plain ones, of telephones those without `(0)`.
KEYS_OF_KIND = {
    ValueKind.PERSON: _person_keys,
    ValueKind.EMAIL: _email_keys,
    ValueKind.PHONE: _phone_keys,
    ValueKind.NUMBER: _number_keys,
}
