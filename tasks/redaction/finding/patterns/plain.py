"""A text as the built-in patterns read it: ASCII only, and no character that nobody sees.

Personal data written in other characters is still personal data: digits of any script, full-width
forms, look-alike letters, hyphens and spaces of any kind become the ASCII ones; accents are
dropped; other letters become `x` or `X`, other signs a character that no pattern knows. What is
found in the plain text is mapped back to the original.
"""

import unicodedata
from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache

# Letters that look like Latin ones (Unicode TR39, the common part: Cyrillic, then Greek), and
# letters of Latin alphabets that have no decomposition.
LOOK_ALIKES = dict(
    zip(
        "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u04bb\u0501"
        "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425\u0406\u0408\u0405"
        "\u03bf\u03b1\u03c1\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d"
        "\u039f\u03a1\u03a4\u03a5\u03a7"
        "\u00df\u00f8\u00d8\u0142\u0141\u0131\u0111\u0110\u00f0\u00d0\u017f",
        "aeopcyxijshdABEKMHOPCTXIJSoapABEZHIKMNOPTYXsoOlLidDdDs",
        strict=True,
    )
)
HYPHENS = frozenset("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d")
QUOTES = {
    "\u2018": "'",
    "\u2019": "'",
    "\u02bc": "'",
    "\u00b4": "'",
    "\u201c": '"',
    "\u201d": '"',
    "\u00ab": '"',
    "\u00bb": '"',
}
LIGATURES = {"\u00e6": "ae", "\u00c6": "AE", "\u0153": "oe", "\u0152": "OE"}
LINE_ENDS = "\x85\u2028\u2029"
# Cf: zero-width and directional signs, soft hyphens; Mn, Me: combining accents
INVISIBLE_CATEGORIES = ("Cf", "Mn", "Me")
OTHER_SIGN = "\x7f"  # for what has no ASCII form: no pattern knows it


@dataclass(frozen=True)
class PlainText:
    """A text and its plain form.

    `origin` says of each character of `text` which character of `original` it stands for; it never
    decreases. None: every character stands for itself.
    """

    original: str
    text: str
    origin: tuple[int, ...] | None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the original's characters that `text[start:end]` stands for."""
        if self.origin is None or end <= start:
            return start, end
        return self.origin[start], self.origin[end - 1] + 1

    def place(self, index: int) -> int:
        """Return where the original's character `index` stands in `text`.

        Where that one is left out, the place of the next that is not.
        """
        return index if self.origin is None else bisect_left(self.origin, index)


def to_plain(text: str) -> PlainText:
    """Return `text` as patterns read it; one that is ASCII already is its own plain form."""
    if text.isascii():
        return PlainText(text, text, None)

    chars: list[str] = []
    origin: list[int] = []
    for index, char in enumerate(text):
        folded = char if char < "\x80" else _fold(char)
        chars.append(folded)
        origin += [index] * len(folded)
    return PlainText(text, "".join(chars), tuple(origin))


@lru_cache(maxsize=4096)
def _fold(char: str) -> str:
    """Return the ASCII that stands for a character; nothing for one that nobody sees."""
    if unicodedata.category(char) in INVISIBLE_CATEGORIES:
        return ""
    for table in (LOOK_ALIKES, QUOTES, LIGATURES):
        if char in table:
            return table[char]

    if char in HYPHENS:
        return "-"
    if char.isspace():
        return "\n" if char in LINE_ENDS else " "
    if char.isdecimal():
        return str(unicodedata.decimal(char))

    decomposed = unicodedata.normalize("NFKD", char)
    folded = "".join(part for part in decomposed if not unicodedata.combining(part))
    if folded.isascii() and folded:
        return folded
    if char.isalnum():
        return "X" if char.isupper() else "x"
    return OTHER_SIGN
