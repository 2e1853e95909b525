"""Which of many texts may hold a full name that is known: few do, and only those are read.

A sieve says yes too often and never no too often. All texts are looked at as one array of bytes:
the words of a text become numbers, and two numbers beside one another a place in a table.
"""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from functools import lru_cache
from typing import Any

import numpy as np

from tasks.stages.ingest.third_persons.spellings import (
    KEPT_WORDS,
    LONGEST_KEPT_WORD,
    fold_words,
)

Flags = np.ndarray[Any, np.dtype[np.bool_]]
Numbers = np.ndarray[Any, np.dtype[np.uint64]]
Places = np.ndarray[Any, np.dtype[np.int64]]

# ASCII letters in lower case, digits and all bytes of other characters; all else parts words.
FOLDED_BYTES = bytes(
    byte if byte >= 0x80 or chr(byte).isalnum() else 0 for byte in bytes(range(256)).lower()
)
OTHER_BYTE = re.compile(rb"[\x80-\xff]")  # of a character that is not ASCII
EMPTY_WORD = b"\x01"  # folded to nothing: it is a word all the same, and stands between two others
FIRST_OF_SEVERAL = 0xC0  # bytes from here on begin a character of two to four bytes (UTF-8)
MOST_BYTES_OF_A_CHARACTER = 4

BATCH_BYTES = 1 << 18  # looked at together: what they need fits into a processor's cache
SLOTS_PER_PAIR = 16  # so that a pair of words is taken for a known one at first once in sixteen

# A word's number is the sum of each of its bytes times a power of an odd number, modulo 2**64.
# Odd numbers have an inverse there: sums from the beginning of the array can be shifted.
BASE = 0x9E3779B97F4A7C15
BASE_INVERSE = pow(BASE, -1, 1 << 64)
PAIR_FACTOR = np.uint64(0xC2B2AE3D27D4EB4F)  # odd, too: "ann null" is not "null ann"


class NameSieve:
    """Asked for texts, it says of each whether it may hold a full name."""

    def __init__(self, name_pairs: Mapping[str, Set[str]]) -> None:
        """Remember which words follow one another in names.

        Args:
            name_pairs: Folded word of a full name -> those that follow it in one; each of these is
                a key, too.
        """
        words = list(name_pairs)
        place_of = {word: place for place, word in enumerate(words)}
        followers = [[place_of[word] for word in sorted(name_pairs[first])] for first in words]
        counts = [len(places) for places in followers]

        encoded = [_encode_word(word) for word in words]
        batches = [b"\0".join(encoded[start:end]) for start, end in _batches(encoded)]
        numbers = np.concatenate(
            [np.empty(0, np.uint64), *(_number_words(batch)[0] for batch in batches)]
        )
        firsts = np.repeat(numbers, counts)
        seconds = numbers[np.array(list(itertools.chain.from_iterable(followers)), np.int64)]

        bits = max(8, (len(firsts) * SLOTS_PER_PAIR - 1).bit_length())
        self._shift = np.uint64(64 - bits)
        self._table: Flags = np.zeros(1 << bits, bool)
        self._pairs = np.sort(_number_pairs(firsts, seconds))
        self._table[self._pairs >> self._shift] = True

    def may_name(self, texts: Sequence[str]) -> Flags:
        """Say of each text whether it may hold a full name; True where it was not looked at."""
        encoded = [_encode_text(text) for text in texts]
        result = np.array([len(text) > BATCH_BYTES for text in encoded], bool)
        for start, end in _batches(encoded):
            if not result[start]:
                result[start:end] = self._may_name(encoded[start:end])
        return result

    def _may_name(self, encoded: Sequence[bytes]) -> Flags:
        numbers, starts, is_character = _number_words(b"\0".join(encoded))
        # Texts follow one another here: at worst, the last words of one and the first of the next
        # look like a name.
        is_name = np.zeros(len(numbers), bool)
        is_name[:-1] = self._are_pairs(numbers[:-1], numbers[1:])

        # John Q. Smith: an initial may stand between two words of a name, or several.
        before = np.flatnonzero(is_character[1:-1])
        is_name[before] |= is_character[before + 2]
        is_name[before] |= self._are_pairs(numbers[before], numbers[before + 2])

        ends = np.cumsum([len(text) + 1 for text in encoded])
        result = np.zeros(len(encoded), bool)
        result[np.searchsorted(ends, starts[is_name], side="right")] = True
        return result

    def _are_pairs(self, firsts: Numbers, seconds: Numbers) -> Flags:
        pairs = _number_pairs(firsts, seconds)
        result: Flags = self._table[pairs >> self._shift]
        if not result.any():
            return result

        # The table says so of one pair in sixteen by chance; only these are looked up.
        likely = np.flatnonzero(result)
        places = np.searchsorted(self._pairs, pairs[likely])
        result[likely] = self._pairs[np.minimum(places, len(self._pairs) - 1)] == pairs[likely]
        return result


def _number_pairs(firsts: Numbers, seconds: Numbers) -> Numbers:
    # The upper bits are used alone: multiplied, they depend on all others.
    pairs: Numbers = (firsts * PAIR_FACTOR + seconds) * np.uint64(BASE)
    return pairs


def _batches(encoded: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    """Yield from where to where texts are looked at together; one that is too long is alone."""
    start = 0
    size = 0
    for place, text in enumerate(encoded):
        if place > start and size + len(text) > BATCH_BYTES:
            yield start, place
            start = place
            size = 0
        size += len(text) + 1
    if start < len(encoded):
        yield start, len(encoded)


def _number_words(text: bytes) -> tuple[Numbers, Places, Flags]:
    """Return of each word its number, where it starts, and whether it may be one character."""
    data = np.frombuffer(b"\0" + text + b"\0", np.uint8)
    is_word = data != 0
    edges = np.flatnonzero(is_word[1:] != is_word[:-1])
    starts = edges[::2] + 1
    ends = edges[1::2] + 1

    powers, inverses = _powers(max(BATCH_BYTES, len(text)) + 2)
    sums = np.cumsum(data * powers[: len(data)])
    numbers = (sums[ends - 1] - sums[starts - 1]) * inverses[starts]

    lengths = ends - starts
    is_character = lengths == 1
    is_character |= (lengths <= MOST_BYTES_OF_A_CHARACTER) & (data[starts] >= FIRST_OF_SEVERAL)
    # One byte was put before the text.
    return numbers, starts - 1, is_character


@lru_cache(maxsize=1)
def _powers(count: int) -> tuple[Numbers, Numbers]:
    """Return the powers of `BASE` and of its inverse."""
    powers = np.cumprod(np.full(count, BASE, np.uint64), dtype=np.uint64)
    inverses = np.cumprod(np.full(count, BASE_INVERSE, np.uint64), dtype=np.uint64)
    return powers, inverses


def _encode_text(text: str) -> bytes:
    """Return the folded words of a text, with zeros between them."""
    folded = text.encode("utf-8", "surrogatepass").translate(FOLDED_BYTES)
    if text.isascii():
        return folded

    parts: list[bytes] = []
    position = 0
    while other := OTHER_BYTE.search(folded, position):
        start = folded.rfind(b"\0", position, other.start()) + 1 or position
        end = folded.find(b"\0", other.end())
        end = len(folded) if end < 0 else end
        fold = _fold_kept if end - start <= LONGEST_KEPT_WORD else _fold_other
        parts += [folded[position:start], fold(folded[start:end])]
        position = end
    return b"".join([*parts, folded[position:]])


def _fold_other(encoded: bytes) -> bytes:
    # Some characters part words though they are not ASCII: it may be several.
    words = fold_words(encoded.decode("utf-8", "surrogatepass"))
    return b"\0".join(map(_encode_word, words))


# Words come again and again. Only short ones are kept: no text makes this large.
_fold_kept = lru_cache(maxsize=KEPT_WORDS)(_fold_other)


def _encode_word(word: str) -> bytes:
    return word.encode("utf-8", "surrogatepass") or EMPTY_WORD
