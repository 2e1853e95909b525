"""Spellings: the pattern by which one value is found however programs write it.

A pattern is RE2 over bytes. It grows with the length of its value, never with the product of what
may vary: each character that has several forms is a group of them, and whatever may stand between
two words is one group, too.
"""

import json
import re
import unicodedata
from collections.abc import Iterator
from datetime import date
from functools import cache
from html.entities import codepoint2name

import re2

EMAIL = "email"
PHONE = "phone"
NOTE = "note"  # a text as a whole, or a long part of one
# Kinds of names that people write as "First Last", "Last, First" and "LAST First".
NAME_KINDS = ("name", "person", "full_name")
# Kinds whose separators carry no meaning: 123-45-6789 and 123 45 6789 are one number.
NUMBER_KINDS = ("phone", "ssn", "account", "iban", "card", "number", "passport", "tax_id")

# What a wrapped line, HTML, a URL or JSON puts between two words.
BLANK = (
    rb"[\t-\r\x1c-\x1f +]|%(?:20|C2%A0|0[AD])"
    rb"|(?-i:\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2\x80[\x80-\x8a\xa8\xa9\xaf]|\xe2\x81\x9f|\xe3\x80\x80)"
    rb"|\\[nrt]|\\u00a0|&nbsp;|&#(?:32|160|xa0);|<br ?/?>"
)
WORD_GAP = rb"(?:%b)+" % BLANK
# The same in the name of a file: Ann_Quarantine.pdf.
NAME_GAP = rb"(?:%b|[_-])+" % BLANK
# A double name is written with a hyphen, with a blank, and on two lines.
HYPHENS = re.compile("[-\u2010-\u2013]")
DOUBLE_NAME_GAP = rb"(?:%b|[_-]|%%2D|(?-i:\xe2\x80[\x90-\x93]|\xc2\xad))+" % BLANK
# Of a long text there are many gaps, and its pattern has to stay small.
TEXT_GAP = rb"(?:[\t-\r +]|%(?:20|0[AD])|\\[nrt]|(?-i:\xc2\xa0)|&nbsp;|<br ?/?>)+"
COMMA_GAP = rb"(?:%b)*(?:,|%%2C|&#44;|\\u002c|\xd8\x8c)(?:%b)*" % (BLANK, BLANK)
DIGIT_GAP = rb"(?:[ ().\-/]|(?-i:\xc2\xa0|\xe2\x80[\x90-\x93\xaf])|%(?:20|2F|2D)|\+|&nbsp;)*"
# A number that is as long as this stands for nothing else where a line wraps in it.
LONG_NUMBER = 12
WRAPPED_DIGIT_GAP = DIGIT_GAP.replace(b"(?:[ ", b"(?:[ \r\n", 1)

# Of more words, only the last is taken for a family name: "Müller, Zoë van".
MOST_NAME_WORDS = 4
# Apostrophes and hyphens that word processors put in place of ASCII's.
TYPOGRAPHIC = {
    "'": "\u2019\u2018\u02bc\u00b4\u2032\uff07`",
    "-": "\u2010\u2011\u2012\u2013",
    '"': "\u201c\u201d\u201e",
    "\u2019": "'",
    "\u2010": "-",
}
SHARP_S = ("ß", "ẞ")
LONG_S = "\u017f"  # of old print: the only letter that folds to one of ASCII, and is composed
# Letters that are no other letter with an accent, and what German, Danish and Norwegian write for
# theirs where they have none.
PLAIN_LETTERS = {
    "ø": "o",
    "ł": "l",
    "đ": "d",
    "\u0131": "i",
    "æ": "ae",
    "œ": "oe",
    "ð": "d",
    "þ": "th",
}
PLAIN_LETTERS |= {"\u2019": "'", "\u2018": "'", "\u2010": "-", "\u2011": "-"}
DIGRAPHS = {"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"}
# Zero-width characters, the soft hyphen, and what says in which direction a text runs (UAX #9):
# nobody sees them, and they part no word.
INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\u061c\ufeff\u00ad]")

# ITU-T E.164: country codes are one, two or three digits, and none begins another.
COUNTRY_CODE = re.compile(
    r"1|7|20|27|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|[2-9]\d\d",
)
SHORTEST_NATIONAL_NUMBER = 6

# ASCII's signs that JSON, HTML and CSV have forms of their own for; the others only URLs escape.
ESCAPED_SIGNS = "\"'&<>@/\\+="
# Where letters lie that fold to another one, of all scripts: to ask every character takes 0.1 s.
FOLDED_RANGES = (
    (0x80, 0x3000),  # Latin to Georgian
    (0xA640, 0xAC00),  # extensions of Cyrillic, Latin and Cherokee
    (0xFF21, 0xFF3B),  # full-width Latin
    (0x10400, 0x10600),  # Deseret, Osage, Vithkuqi
    (0x10C80, 0x10CB3),  # Old Hungarian
    (0x118A0, 0x118C0),  # Warang Citi
    (0x16E40, 0x16E60),  # Medefaidrin
    (0x1E900, 0x1E922),  # Adlam
)


def patterns_of(kind: str, text: str) -> Iterator[bytes]:
    """Yield the patterns of one value, in every spelling that this house knows.

    Case is folded by Unicode's rule, which is no language's: a Turkish dotless i is another letter
    than i. Composed and decomposed letters are one.
    """
    text = INVISIBLE.sub("", text.strip())
    if kind == PHONE:
        yield _phone_pattern(text)
    elif kind in NUMBER_KINDS:
        yield _number_pattern(text)
    elif kind == "date":
        yield _date_pattern(text)
    elif kind in NAME_KINDS:
        yield from _name_patterns(text)
    elif kind == NOTE:
        yield _words_pattern(text.split(), TEXT_GAP)
    else:
        yield _words_pattern(text.split(), WORD_GAP)

    # Letters that Unicode composes into others (U+212B, the sign of Angstrom) stay as they were.
    if unicodedata.normalize("NFC", text) != text:
        yield rb"(?-i:%b)" % re2.escape(_to_bytes(text))


def fold(text: str) -> str:
    """Return a text as all of its spellings in letters have it: composed, in small letters."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def _words_pattern(words: list[str], gap: bytes) -> bytes:
    return gap.join(b"".join(_character_patterns(word)) for word in words)


def _name_patterns(text: str) -> Iterator[bytes]:
    """Yield a name as it reads, with its family name first, and with that in capitals."""
    family, comma, given = text.partition(",")
    words = [*given.split(), *family.split()] if comma else text.split()
    yield _name_pattern(words)
    yield from _plain_name_patterns(words)

    # Where the family name begins only the comma tells; "Quarantine Ann" without one may be
    # somebody else, "QUARANTINE Ann" is not.
    own_split = len(given.split())
    splits = range(1, len(words)) if len(words) <= MOST_NAME_WORDS else (len(words) - 1,)
    for split in (own_split,) if comma and own_split else splits:
        last, first = words[split:], words[:split]
        yield _name_pattern(last) + COMMA_GAP + _name_pattern(first)
        capitals = [_exact_word(word.upper()) for word in last]
        capitals += [_exact_word(word) for word in first if not word.isupper()]
        if len(capitals) == len(words):
            yield WORD_GAP.join(capitals)


def _name_pattern(words: list[str]) -> bytes:
    """Return words of a name, of which each may be a double name."""
    return NAME_GAP.join(_words_pattern(_split_double(word), DOUBLE_NAME_GAP) for word in words)


def _split_double(word: str) -> list[str]:
    return [part for part in HYPHENS.split(word) if part] or [word]


def _plain_name_patterns(words: list[str]) -> Iterator[bytes]:
    """Yield a name in ASCII alone, as systems write it that know no accents, in both orders.

    Müller is Muller and Mueller. Whoever is called so is another carrier of the name, as of any
    spelling.
    """
    if all(map(str.isascii, words)):
        return

    plain = [[_plain_word(part) for part in _split_double(word)] for word in words]
    if not all(part.isascii() for parts in plain for part in parts):
        return

    patterns = [DOUBLE_NAME_GAP.join(part.encode() for part in parts) for parts in plain]
    yield NAME_GAP.join(patterns)
    if 1 < len(patterns) <= MOST_NAME_WORDS:
        yield patterns[-1] + COMMA_GAP + NAME_GAP.join(patterns[:-1])


def _plain_word(word: str) -> str:
    return "".join(map(_plain_pattern, unicodedata.normalize("NFC", word)))


def _plain_pattern(char: str) -> str:
    """Return a character as ASCII writes it; one that it cannot write stays."""
    folded = char.casefold()
    base = "".join(
        part for part in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(part)
    )
    base = PLAIN_LETTERS.get(base, base)
    if not base.isascii():
        return char
    digraph = DIGRAPHS.get(folded)
    return f"(?:{base}|{digraph})" if digraph else str(re2.escape(base))


def _exact_word(word: str) -> bytes:
    parts = (unicodedata.normalize("NFC", part) for part in _split_double(word))
    return DOUBLE_NAME_GAP.join(
        rb"(?-i:%b)" % re2.escape(part.encode(errors="replace")) for part in parts
    )


def _number_pattern(text: str) -> bytes:
    """Return a number whose separators are of no account."""
    characters = [char for char in fold(text) if char.isalnum()]
    gap = WRAPPED_DIGIT_GAP if len(characters) >= LONG_NUMBER else DIGIT_GAP
    return gap.join(re2.escape(_to_bytes(char)) for char in characters)


def _phone_pattern(text: str) -> bytes:
    """Return a telephone number with and without its country, and the zero in front of it."""
    digits = "".join(char for char in text if char.isascii() and char.isdigit())
    is_international = text.lstrip(" (").startswith("+") or digits.startswith("00")
    country = b"[1-9][0-9]{0,2}"
    unsigned = b""
    national = digits.lstrip("0")
    if is_international and (code := COUNTRY_CODE.match(national)):
        rest = national[code.end() :].lstrip("0")
        if len(rest) >= SHORTEST_NATIONAL_NUMBER:
            country = code[0].encode()
            national = rest
            # Its digits alone, as databases keep it: so many in this order are no other number.
            if len(code[0] + rest) >= LONG_NUMBER:
                unsigned = rb"|%b" % country
    elif len(digits) == 11 and digits.startswith("1"):
        # North America's numbers have ten digits, and are written with its code without a sign.
        country = b"1"
        national = digits[1:]

    gap = WRAPPED_DIGIT_GAP if len(national) >= LONG_NUMBER - 2 else DIGIT_GAP
    number = gap.join(digit.encode() for digit in national)
    # 1-202-555-0143: the only country that is written without a sign, and within a line.
    bare_country = rb"|1[-.]?" if len(national) == 10 else b""
    prefix = rb"(?:(?:\+|%%2B|00)%b%b%b%b)?" % (country, gap, bare_country, unsigned)
    return rb"%b(?:\(?0\)?%b)?\(?%b" % (prefix, DIGIT_GAP, number)


def _date_pattern(text: str) -> bytes:
    """Return a day as year-month-day, day.month.year or month/day/year."""
    try:
        day = date.fromisoformat(text[:10])
    except ValueError:
        return _words_pattern(text.split(), WORD_GAP)
    written = {"y": b"%04d" % day.year, "m": b"0?%d" % day.month, "d": b"0?%d" % day.day}
    orders = ("ymd", "dmy", "mdy")
    return b"|".join(b"(?:[-/.]|%2F) ?".join(written[part] for part in order) for order in orders)


def _character_patterns(word: str) -> Iterator[bytes]:
    """Yield the pattern of each character of a word; of "ss", one for both."""
    word = unicodedata.normalize("NFC", word)
    place = 0
    while place < len(word):
        pair = word[place : place + 2]
        if pair.casefold() == "ss" and len(pair) > 1:
            yield rb"(?:ss|%b)" % b"|".join(_written_forms(form) for form in SHARP_S)
            place += 2
            continue

        folded = word[place].casefold()
        if word[place] == LONG_S:
            yield rb"(?:s|%b)" % _written_forms(LONG_S)
        elif len(folded) == 1:
            yield _character_pattern(folded)
        else:
            # One letter that folds to several: ß, a ligature.
            same = SHARP_S if folded == "ss" else (word[place],)
            several = b"".join(_character_pattern(char) for char in folded)
            yield rb"(?:%b|%b)" % (several, b"|".join(_written_forms(form) for form in same))
        place += 1


@cache
def _character_pattern(char: str) -> bytes:
    """Return one character in capitals and small letters, and as JSON, URLs, HTML and CSV do."""
    if char.isascii() and (char.isalnum() or char in " _"):
        return re2.escape(char.encode())  # type: ignore[no-any-return]
    if char.isascii():
        typographic = [_written_forms(other) for other in TYPOGRAPHIC.get(char, "")]
        return rb"(?:%b)" % b"|".join([_escaped_forms(char), *typographic])

    forms = [_written_forms(other) for other in sorted({char, *_folded_to().get(char, ())})]
    forms += [re2.escape(other.encode()) for other in TYPOGRAPHIC.get(char, "")]
    return rb"(?:%b)" % b"|".join(dict.fromkeys(forms))


@cache
def _folded_to() -> dict[str, tuple[str, ...]]:
    """Return which characters case folding makes one of."""
    origins: dict[str, list[str]] = {}
    for first, last in FOLDED_RANGES:
        for point in range(first, last):
            folded = chr(point).casefold()
            if folded != chr(point) and len(folded) == 1:
                origins.setdefault(folded, []).append(chr(point))
    return {folded: tuple(chars) for folded, chars in origins.items()}


def _written_forms(char: str) -> bytes:
    """Return a character beyond ASCII: composed, decomposed, and escaped."""
    forms = [_escaped_forms(char)]
    decomposed = unicodedata.normalize("NFD", char)
    if decomposed != char:
        # An ASCII letter and its marks: each as it is, or all escaped.
        forms.append(b"".join(b"(?:%b)" % _escaped_forms(part) for part in decomposed))

    if len(decomposed) > 2:
        # Windows composes a letter with one of its marks (code page 1258, of Vietnamese).
        partly = unicodedata.normalize("NFC", decomposed[:2]) + decomposed[2:]
        other = unicodedata.normalize("NFC", decomposed[0] + decomposed[2:]) + decomposed[1]
        forms += [
            b"".join(b"(?:%b)" % _escaped_forms(part) for part in form)
            for form in dict.fromkeys((partly, other))
            if unicodedata.normalize("NFC", form) == char
        ]

    return b"|".join(forms)


def _escaped_forms(char: str) -> bytes:
    """Return a character as it is, and as JSON (RFC 8259), URLs, HTML, Python and CSV escape it."""
    if char.isascii() and char.isalnum():
        # A letter in front of its mark: which case it has, the mark says nothing about.
        return rb"(?-i:%b)" % char.encode()

    raw = _to_bytes(char)
    point = ord(char)
    if char.isascii() and char not in ESCAPED_SIGNS:
        return rb"(?-i:%b)|%%%02X" % (re2.escape(raw), point)
    forms = {
        rb"(?-i:%b)" % re2.escape(raw),
        re2.escape(json.dumps(char)[1:-1].encode()),
        b"".join(b"%%%02X" % byte for byte in raw),
        rb"\\u%04x" % point if point < 0x10000 else b"",
        rb"\\x%02x" % point if 0x80 <= point < 0x100 else b"",
        b"&#0*%d;" % point,
        b"&#x0*%x;" % point,
    }
    if char == '"':
        forms.add(b'""')  # RFC 4180, section 2.7
    if char in "/'":
        forms.add(b"\\\\" + char.encode())
    if char == "'":
        forms |= {b"''", rb"'\\''"}  # SQL's way, and a shell's
    if point in codepoint2name:
        forms.add(b"&%b;" % codepoint2name[point].encode())
    # Sorted, so that one value has one pattern in every run.
    return b"|".join(sorted(form for form in forms if form))


def _to_bytes(text: str) -> bytes:
    return text.encode("utf-8", errors="surrogatepass")
