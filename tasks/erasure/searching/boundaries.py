"""Boundaries: whether a match stands alone, or is a part of a longer word, number or address.

Words are Unicode's: letters, digits and combining marks of any script, as UTF-8 has them or as
JSON, URLs and HTML escape them. Scripts that write no blanks between words (Chinese, Japanese,
Thai, Khmer …) have no boundaries to look for: there a match counts wherever it stands.
"""

import html
import re
import unicodedata
from contextlib import suppress
from urllib.parse import unquote_to_bytes

from tasks.erasure.searching.spellings import EMAIL, INVISIBLE, NAME_KINDS, NUMBER_KINDS

# What is read beside a match: two escaped characters (`\ud83d\ude00`, `%F0%9F%98%80`), and a sign.
BYTES_BESIDE = 28
LONGEST_CHARACTER_BYTES = 4  # RFC 3629
# Korean puts its particles right behind a name.
UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
    r"\U00020000-\U0003ffff]"
)

ESCAPED_BEFORE = re.compile(
    rb"(?:\\u([0-9A-Fa-f]{4})|\\x([0-9A-Fa-f]{2})|((?:%[0-9A-Fa-f]{2})+)|(&#?\w{1,8};)"
    rb'|(\\[nrtbf"/\\]))\Z'
)
ESCAPED_AFTER = re.compile(
    rb"(?:\\u([0-9A-Fa-f]{4})|\\x([0-9A-Fa-f]{2})|((?:%[0-9A-Fa-f]{2})+)|(&#?\w{1,8};)"
    rb'|(\\[nrtbf"/\\]))'
)
# What the local part of an address may go on with: joann@…, jo.ann@… and jo+ann@… are others.
ADDRESS_SIGNS = "._+-"
# "ann@example.org." ends a sentence; "ann@example.org.uk" is another domain.
DOMAIN_SIGNS = ".-"
# Ann Quarantine-Lee and Mary-Ann Quarantine are others; Ann Quarantine's is hers.
NAME_SIGNS = "-\u2010\u2011"
# A decimal's point, a longer number's hyphen: 0.4155550132 is nobody's telephone.
NUMBER_SIGNS = ".-"
# A table with gaps writes whole numbers as 4155550132.0, and 0143x12 is an extension of 0143.
NUMBER_TAIL = re.compile(rb"\.0(?![0-9])|x[0-9]{1,5}(?![0-9])", re.IGNORECASE)
# Two line ends are two paragraphs, and of two paragraphs no name is made.
NEW_PARAGRAPH = re.compile(rb"(?:\n|\\n|%0A)(?:[ \t\r]|\\r|%0D)*(?:\n|\\n|%0A)", re.IGNORECASE)
COMMA = re.compile(rb",|%2C|&#44;|\\u002c|\xd8\x8c", re.IGNORECASE)
BLANKS = (" ", "\t", "\u00a0")
NOT_DIGITS = re.compile(rb"[^0-9A-Za-z]+")


def stands_alone(content: bytes, start: int, end: int, kind: str) -> bool:
    """Say whether no longer word, number or address goes on before or after a match."""
    hit = content[start:end]
    if kind in NAME_KINDS and NEW_PARAGRAPH.search(hit):
        return False
    if kind in NUMBER_KINDS and _is_row_of_digits(hit):
        return False

    if kind in NUMBER_KINDS and (tail := NUMBER_TAIL.match(content, end)):
        end = tail.end()

    before, beyond_before = _characters_before(content[max(0, start - BYTES_BESIDE) : start])
    after, beyond_after = _characters_after(content[end : end + BYTES_BESIDE])
    if _joins(before, hit) or _joins(after, hit):
        return False
    if kind != EMAIL and after == "@" and not UNSPACED.match(beyond_after):
        # A name in somebody's address; a bracket begins a literal (RFC 5321, 4.1.3), or our mask.
        return not is_word_character(beyond_after) and beyond_after != "["

    signs_before, signs_after = _signs_of(kind, hit)
    goes_on_before = before in signs_before and _goes_on(beyond_before, kind)
    goes_on_after = after in signs_after and _goes_on(beyond_after, kind)
    return not (goes_on_before or goes_on_after)


def may_be_two_names(content: bytes, start: int, end: int) -> bool:
    """Say whether "Last, First" may be the end of one name and the beginning of the next.

    In "Bob Quarantine, Ann Lee" nobody is called Ann Quarantine. And in "sku,price,max" nobody is
    called Max Price: those are columns. Names have a capital letter, where their script has any.
    """
    if not COMMA.search(content, start, end):
        return False
    if content[start:end].decode(errors="replace").islower():
        return True

    before, beyond_before = _characters_before(content[max(0, start - BYTES_BESIDE) : start])
    after, beyond_after = _characters_after(content[end : end + BYTES_BESIDE])

    return (before in BLANKS and beyond_before.isalpha()) or (
        after in BLANKS and beyond_after.isupper()
    )


def is_word_character(char: str) -> bool:
    """Say whether a character is a letter, a digit or a mark on one; none is no character."""
    return bool(char) and unicodedata.category(char[0])[0] in "LMN"


def is_unspaced(text: str) -> bool:
    """Say whether a text has letters of a script that writes no blanks between words."""
    return bool(UNSPACED.search(text))


def _signs_of(kind: str, hit: bytes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the signs before and after a match that may join it to more of the same."""
    if kind == EMAIL:
        return tuple(ADDRESS_SIGNS), tuple(DOMAIN_SIGNS)
    if kind == "ip":
        # After the fourth number a port may follow; in RFC 4291's form the address goes on.
        signs = (":",) if b":" in hit else (".",)
        return signs, signs
    if kind in NUMBER_KINDS:
        return tuple(NUMBER_SIGNS), tuple(NUMBER_SIGNS)
    return (tuple(NAME_SIGNS), tuple(NAME_SIGNS)) if kind in NAME_KINDS else ((), ())


def _goes_on(beyond: str, kind: str) -> bool:
    if kind in NUMBER_KINDS:
        return beyond.isdigit()
    return beyond.isalpha() if kind in NAME_KINDS else is_word_character(beyond)


def _joins(neighbour: str, hit: bytes) -> bool:
    """Say whether a neighbour belongs to the same word."""
    if not is_word_character(neighbour):
        return False
    if unicodedata.category(neighbour)[0] == "M":
        return True  # a mark changes the letter before it, in any script
    if UNSPACED.match(neighbour):
        return False
    return not is_unspaced(hit.decode("utf-8", errors="ignore"))


def _is_row_of_digits(hit: bytes) -> bool:
    """Say whether a number is written as single digits with something between each two."""
    groups = [group for group in NOT_DIGITS.split(hit) if group]
    return sum(map(len, groups)) < 2 * len(groups) - 1


def _characters_before(window: bytes) -> tuple[str, str]:
    """Return the last character of some bytes and the one before it; nothing for a stray byte."""
    last, rest = _last_character(window)
    return last, _last_character(rest)[0]


def _characters_after(window: bytes) -> tuple[str, str]:
    first, rest = _first_character(window)
    return first, _first_character(rest)[0]


def _last_character(window: bytes) -> tuple[str, bytes]:
    if escape := ESCAPED_BEFORE.search(window):
        return _unescape(escape)[-1:], window[: escape.start()]
    for length in range(1, LONGEST_CHARACTER_BYTES + 1):
        with suppress(UnicodeDecodeError):
            char = window[-length:].decode()
            rest = window[:-length]
            return _last_character(rest) if INVISIBLE.match(char) else (char, rest)
    return "", b""


def _first_character(window: bytes) -> tuple[str, bytes]:
    if escape := ESCAPED_AFTER.match(window):
        return _unescape(escape)[:1], window[escape.end() :]
    for length in range(1, LONGEST_CHARACTER_BYTES + 1):
        with suppress(UnicodeDecodeError):
            char = window[:length].decode()
            rest = window[length:]
            return _first_character(rest) if INVISIBLE.match(char) else (char, rest)
    return "", b""


def _unescape(escape: re.Match[bytes]) -> str:
    """Return what an escape stands for; of one that stands for a control or a sign, a blank."""
    code, byte, percents, entity, _ = escape.groups()
    if code or byte:
        return chr(int(code or byte, 16))
    if percents:
        return unquote_to_bytes(percents).decode("utf-8", errors="ignore")
    return html.unescape(entity.decode()) if entity else " "
