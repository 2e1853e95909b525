"""One form for all spellings of an identifying value: the key that it is looked up by.

A key begins with what it is a key of, so that an account is never taken for a telephone.
"""

import re
import unicodedata
from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache

# Soft hyphens, zero-width characters and accents that stand for themselves belong to their word.
JOINED_MARKS = "\u00ad\u0300-\u036f\u200b-\u200d\u2060\ufeff"
WORD = re.compile(rf"[\w{JOINED_MARKS}]+")  # of a text whose underscores are blanks
ASCII_WORD = re.compile(r"[A-Za-z0-9]+")
# Letters in lower case and digits; all else parts words. Faster than any expression.
ASCII_FOLDED = bytes(
    byte if chr(byte).isalnum() else ord(" ") for byte in bytes(range(128)).lower()
).ljust(256)
ASCII_SIGNS = bytes(byte for byte in range(128) if not chr(byte).isalnum())
ASCII_NO_DIGITS = bytes(byte for byte in range(128) if not chr(byte).isdigit())
NO_SIGN = re.compile(r"[\W_]+")
LONGEST_KEPT_WORD = 32  # characters
KEPT_WORDS = 1 << 14
FEWEST_NAME_WORDS = 2  # "Smith" alone is anybody's
MOST_NAME_WORDS = 8
FEWEST_STREET_WORDS = 3  # a name, and the number of the house or another word

SHORTEST_NUMBER = 6  # letters and digits of "C-10023"
FEWEST_DIGITS = 5  # of them
SHORTEST_DIGITS = 7  # of a number without letters: shorter ones are amounts and years
LONGEST_NUMBER = 34  # of an IBAN (ISO 13616)

LONGEST_PHONE = 15  # digits (ITU-T E.164)
TRUNK_ZERO = re.compile(r"\(0\)")
INTERNATIONAL = re.compile(r"\s*\(?(?:\+|00)")
# ITU-T E.164, list of assigned country codes: those of one digit and of two; all others have three.
ONE_DIGIT_CODES = ("1", "7")
TWO_DIGIT_CODES = frozenset(
    map(str, (20, 27, *range(30, 35), 36, 39, 40, 41, *range(43, 50), *range(51, 59)))
) | frozenset(map(str, (*range(60, 67), 81, 82, 84, 86, *range(90, 96), 98)))
NORTH_AMERICAN_DIGITS = 10


class ValueKind(StrEnum):
    """What is masked; the values are what stands in its place, as redaction masks the same."""

    PERSON = "[PERSON]"
    EMAIL = "[EMAIL_ADDRESS]"
    PHONE = "[PHONE_NUMBER]"
    NUMBER = "[NUMBER]"


KINDS = tuple(ValueKind)
# What a key begins with -> place in `KINDS`.
KIND_OF_PREFIX = {
    "p": KINDS.index(ValueKind.PERSON),
    "e": KINDS.index(ValueKind.EMAIL),
    "t": KINDS.index(ValueKind.PHONE),
    "n": KINDS.index(ValueKind.NUMBER),
}
# Kinds of columns whose values say nothing alone, or that many people share.
UNSEARCHED_KINDS = ("street", "city", "date", "zip", "age", "flag", "ip")


def value_kind(column_kind: str) -> ValueKind | None:
    """Return what the values of an identifying column are; None where they are not searched."""
    if column_kind in UNSEARCHED_KINDS:
        return None
    named = {"name": ValueKind.PERSON, "email": ValueKind.EMAIL, "phone": ValueKind.PHONE}
    return named.get(column_kind, ValueKind.NUMBER)


def keys_of(kind: ValueKind, text: str) -> tuple[str, ...]:
    """Return the keys of a value; none where it is too short to identify anybody."""
    # An address may be a person's number, too: some shops have no other.
    if kind is ValueKind.NUMBER and "@" in text:
        kind = ValueKind.EMAIL
    match kind:
        case ValueKind.PERSON:
            words = fold_words(text)
            is_full = FEWEST_NAME_WORDS <= len(words) <= MOST_NAME_WORDS
            return (name_key(words),) if is_full else ()
        case ValueKind.EMAIL:
            return email_keys(text)
        case ValueKind.PHONE:
            return phone_keys(text)
        case ValueKind.NUMBER:
            return number_keys(text)


def find_words(text: str) -> Iterator[re.Match[str]]:
    """Yield where each word of a text stands; underscores part words."""
    if text.isascii():
        return ASCII_WORD.finditer(text)
    return WORD.finditer(text.replace("_", " "))


def fold_words(text: str) -> list[str]:
    """Return the words of a text in the form in which they are compared."""
    if text.isascii():
        return text.encode("ascii").translate(ASCII_FOLDED).decode("ascii").split()
    words = WORD.findall(text.replace("_", " "))
    return [word.lower() if word.isascii() else fold_word(word) for word in words]


def fold_word(word: str) -> str:
    """Return a word without case, accents and invisible characters."""
    if word.isascii():
        return word.lower()
    return _fold_kept(word) if len(word) <= LONGEST_KEPT_WORD else _fold_other(word)


def _fold_other(word: str) -> str:
    # Twice: letters for mathematics have a case once they are decomposed, and folding "İ" composes.
    parts = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", word).casefold())
    return "".join(char for char in parts if unicodedata.category(char) not in ("Mn", "Cf"))


# Words come again and again. Only short ones are kept: no text makes this large.
_fold_kept = lru_cache(maxsize=KEPT_WORDS)(_fold_other)


def name_key(words: list[str]) -> str:
    """Return the key of a full name."""
    return "p " + " ".join(words)


def street_keys(words: list[str]) -> Iterator[str]:
    """Yield the keys of every part of a street that has three words or more, itself included."""
    for first in range(len(words)):
        for end in range(first + FEWEST_STREET_WORDS, len(words) + 1):
            yield "a " + " ".join(words[first:end])


def email_keys(text: str) -> tuple[str, ...]:
    """Return the keys of an address: as it is, and without what stands after `+` (RFC 5233)."""
    address = unicodedata.normalize("NFKC", text).strip().casefold().replace("%40", "@")
    local, sign, domain = address.rpartition("@")
    if not local or not domain:
        return ()
    mailbox = local.partition("+")[0]
    keys = dict.fromkeys((f"e {address}", f"e {mailbox}{sign}{domain}"))
    return tuple(keys)


def number_keys(text: str) -> tuple[str, ...]:
    """Return the key of a number of any kind (account, IBAN, customer), whatever parts it."""
    if text.isascii():
        encoded = text.encode("ascii").translate(ASCII_FOLDED, ASCII_SIGNS)
        number = encoded.decode("ascii")
        digits = len(encoded.translate(None, ASCII_NO_DIGITS))
    else:
        number = NO_SIGN.sub("", text).casefold()
        digits = sum(map(str.isdigit, number))
    fewest = SHORTEST_DIGITS if digits == len(number) else SHORTEST_NUMBER
    if not fewest <= len(number) <= LONGEST_NUMBER or digits < FEWEST_DIGITS:
        return ()
    return (f"n {number}",)


def phone_keys(text: str) -> tuple[str, ...]:
    """Return the keys of a telephone number: with its country code, where it has one, and without.

    Two spellings of one number have a key in common: +49 (0)30 1234567, 0049 30 1234567 and
    030 1234567 have 301234567.
    """
    without_trunk = TRUNK_ZERO.sub("", text) if "(0)" in text else text
    digits = _digits_of(without_trunk).lstrip("0")
    is_international = INTERNATIONAL.match(without_trunk) is not None
    if len(digits) > LONGEST_PHONE:
        return ()

    numbers = [digits]
    if is_international:
        numbers.append(digits[_code_length(digits) :].lstrip("0"))
    elif len(digits) == NORTH_AMERICAN_DIGITS + 1 and digits.startswith("1"):
        numbers.append(digits[1:])
    return tuple(
        f"t {number}" for number in dict.fromkeys(numbers) if len(number) >= SHORTEST_DIGITS
    )


def searched_keys(text: str) -> Iterator[str]:
    """Yield every key that a number in a text may have: nobody can see what it is a number of."""
    yield from number_keys(text)
    if not any(map(str.isalpha, text)):
        yield from phone_keys(text)


def _digits_of(text: str) -> str:
    if text.isascii():
        return text.encode("ascii").translate(None, ASCII_NO_DIGITS).decode("ascii")
    return "".join(filter(str.isdigit, text))


def _code_length(digits: str) -> int:
    if digits[:1] in ONE_DIGIT_CODES:
        return 1
    return 2 if digits[:2] in TWO_DIGIT_CODES else 3
