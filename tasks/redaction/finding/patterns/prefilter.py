"""Which of some Presidio recognisers could find anything in a text at all: one RE2 pass over all their patterns.

A pattern is relaxed for RE2: look-around is dropped, so that it matches wherever the original does, and more. A
recogniser with a pattern that cannot be relaxed is a candidate for every text. The filter may only ever let too many
through: characters outside ASCII become one of their kind, and where RE2 gives up, all recognisers are candidates.
"""

import re
import unicodedata
from typing import Any

FEWEST_PHONE_DIGITS = 7
LOOK_AROUND = ("(?<!", "(?<=", "(?!", "(?=")
UNCERTAIN = re.compile(r"\[\^|(?<!\\)\\[1-9]|\(\?[>R(]|\(\?P=|[^\x00-\x7f]")
MEMORY = 64 << 20
PHONE = re.compile(
    rf"\d(?:[^\w\n]{{0,4}}\d){{{FEWEST_PHONE_DIGITS - 1}}}"
)  # digits with little between them
ALIKE = {"\u0130": "i", "\u0131": "i"}  # what Python's IGNORECASE takes for an i


class Prefilter:
    """Tell, for a text, which recognisers have to look at it. Recognisers that read spaCy's entities are left out."""

    def __init__(self, recognisers: list[Any]) -> None:
        import re2

        options = re2.Options()
        options.max_mem, options.log_errors = MEMORY, False
        options.case_sensitive, options.dot_nl, options.one_line = False, True, False
        self._set = re2.Set.SearchSet(options)
        self._set.Add(
            "(?s)."
        )  # matches every text: where it is missing from the answer, RE2 has given up
        self._owners: list[Any] = [None]
        self._order = [one for one in recognisers if type(one).__name__ != "SpacyRecognizer"]
        self._phones = [one for one in self._order if type(one).__name__ == "PhoneRecognizer"]
        self._always = [
            one for one in self._order if one not in self._phones and not self._add(one)
        ]
        self._set.Compile()

    def candidates(self, text: str) -> list[Any]:
        """Return the recognisers that might find something, in their order."""
        plain = text if text.isascii() else as_ascii(text)
        matched = self._set.Match(plain) or ()
        if 0 not in matched:
            return self._order if text else []
        wanted = {id(self._owners[index]) for index in matched} | {id(one) for one in self._always}
        if self._phones and PHONE.search(plain):
            wanted |= {id(one) for one in self._phones}
        return [one for one in self._order if id(one) in wanted]

    def _add(self, recogniser: Any) -> bool:
        import re2

        patterns = [
            relaxed(pattern.regex) for pattern in getattr(recogniser, "patterns", None) or ()
        ]
        if not patterns:
            return False
        try:
            for pattern in patterns:
                if pattern is None:
                    return False
                re2.compile(pattern)
        except re2.error:
            return False
        for pattern in patterns:
            self._set.Add(pattern)
            self._owners.append(recogniser)
        return True


def as_ascii(text: str) -> str:
    """Return `text` with every character outside ASCII replaced by one that patterns take for the same."""
    if text.isascii():
        return text
    return "".join(char if char < "\x80" else _ascii_alike(char) for char in text)


def relaxed(pattern: str) -> str | None:
    """Return a pattern for RE2 that matches at least where `pattern` does; None where that is not certain."""
    if UNCERTAIN.search(pattern):
        return None
    while starts := [at for opening in LOOK_AROUND if (at := pattern.find(opening)) >= 0]:
        start = min(starts)
        end = _closing(pattern, start)
        if end is None:
            return None
        pattern = pattern[:start] + pattern[end:]
    return pattern


def _ascii_alike(char: str) -> str:
    plain = ALIKE.get(char) or unicodedata.normalize("NFKC", char)
    if len(plain) == 1 and plain < "\x80" and not plain.isdigit():
        return plain
    if char.isspace():
        return " "
    return "0" if char.isdigit() else "a" if char.isalnum() else "."


def _closing(pattern: str, start: int) -> int | None:
    """Return the place after the parenthesis that closes the one at `start`."""
    depth, in_class, at = 0, False, start
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            at += 2
            continue
        if in_class:
            in_class = char != "]"
        elif char == "[":
            in_class = True
        elif char in "()":
            depth += 1 if char == "(" else -1
            if depth == 0:
                return at + 1
        at += 1
    return None
