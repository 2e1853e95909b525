"""Which of some Presidio recognisers could find anything in a text: one RE2 pass over all patterns.

A pattern is relaxed for RE2: look-around is dropped, so that it matches wherever the original does,
and more. A recogniser with a pattern that cannot be relaxed is a candidate for every text. The
filter may only ever let too many through: characters outside ASCII become one of their kind, and
where RE2 gives up, all recognisers are candidates.
"""

import re
import unicodedata
from typing import Any

LOOK_AROUND = ("(?<!", "(?<=", "(?!", "(?=")
# What may not mean the same in RE2, or on a text whose characters were replaced: negated classes,
# back references, atomic and conditional groups, recursion, letters outside ASCII.
UNCERTAIN = re.compile(r"\[\^|(?<!\\)\\[1-9]|\(\?[>R(]|\(\?P=|[^\x00-\x7f]")
# "{2,5}" as a repetition, and where it may be none: behind a backslash, or in a class
BOUNDED = re.compile(r"\{(\d+),\d+\}")
BOUND_IN_CLASS = re.compile(r"\\\{|\[[^\]]*\{\d")
RE2_MEMORY_BYTES = 64 << 20  # RE2's default of 8 MB is too little for all patterns in one set
ALIKE = {"\u0130": "i", "\u0131": "i"}  # what Python's IGNORECASE takes for an i


class Prefilter:
    """Tells, for a text, which recognisers have to look at it.

    Recognisers that read spaCy's entities are left out: names are not found by patterns.
    """

    def __init__(self, recognisers: list[Any]) -> None:
        import re2

        self._set = re2.Set.SearchSet(re2_options())
        # Matches every text but the empty one: where it is missing from the answer, RE2 gave up.
        self._set.Add("(?s).")
        self._owners: list[Any] = [None]  # by number of the pattern in the set

        self._order = [
            recogniser
            for recogniser in recognisers
            if type(recogniser).__name__ != "SpacyRecognizer"
        ]
        self._always = [recogniser for recogniser in self._order if not self._add(recogniser)]
        self._set.Compile()

    def candidates(self, text: str) -> list[Any]:
        """Return the recognisers that might find something, in their order."""
        ascii_text = text if text.isascii() else as_ascii(text)
        matched = self._set.Match(ascii_text) or ()
        if 0 not in matched:
            return self._order if text else []

        # by identity: Presidio's recognisers have no equality of their own
        candidates = {id(self._owners[number]) for number in matched}
        candidates |= {id(recogniser) for recogniser in self._always}
        return [recogniser for recogniser in self._order if id(recogniser) in candidates]

    def _add(self, recogniser: Any) -> bool:
        """Add a recogniser's patterns to the set: all, or none and say so."""
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


def re2_options() -> Any:
    """Return RE2's options that stand for Presidio's flags: any case, dot matches line ends.

    There is none for MULTILINE: `^` and `$` are the ends of the text, unless a pattern says `(?m)`.
    """
    import re2

    options = re2.Options()
    options.max_mem = RE2_MEMORY_BYTES
    options.log_errors = False
    options.case_sensitive = False
    options.dot_nl = True
    return options


def as_ascii(text: str) -> str:
    """Return `text` with each character outside ASCII replaced by one that patterns take alike.

    The length stays, so that places in the result are places in `text`.
    """
    if text.isascii():
        return text
    return "".join(char if char < "\x80" else _ascii_alike(char) for char in text)


def relaxed(pattern: str) -> str | None:
    """Return a pattern for RE2 that matches at least where `pattern` does.

    None where that is not certain. It says `(?m)`: a pattern runs with MULTILINE, so its `^` and
    `$` may match at any line.
    """
    if UNCERTAIN.search(pattern):
        return None

    while starts := [
        position for opening in LOOK_AROUND if (position := pattern.find(opening)) >= 0
    ]:
        start = min(starts)
        end = _after_closing(pattern, start)
        if end is None:
            return None
        pattern = pattern[:start] + pattern[end:]
    return f"(?m){pattern}"


def without_upper_bounds(pattern: str) -> str:
    """Return a pattern that matches wherever `pattern` does: what repeats may repeat for ever.

    RE2 counts repetitions by copies, each of which makes further states. One in which a bound could
    be meant literally, or belong to what may not match, stays as it is.
    """
    if BOUND_IN_CLASS.search(pattern):
        return pattern
    return BOUNDED.sub(lambda match: f"{{{match[1]},}}", pattern)


def _ascii_alike(char: str) -> str:
    normal = ALIKE.get(char) or unicodedata.normalize("NFKC", char)
    # a digit of another script stays a digit, but superscripts and the like are no `\d`
    if len(normal) == 1 and normal < "\x80" and not normal.isdigit():
        return normal
    if char.isspace():
        return " "
    if char.isdigit():
        return "0"
    return "a" if char.isalnum() else "."


def _after_closing(pattern: str, start: int) -> int | None:
    """Return the place after the parenthesis that closes the one at `start`; None: it is open."""
    depth = 0
    is_in_class = False  # between `[` and `]`, where parentheses are letters
    position = start
    while position < len(pattern):
        char = pattern[position]
        if char == "\\":
            position += 2
            continue

        if is_in_class:
            is_in_class = char != "]"
        elif char == "[":
            is_in_class = True
        elif char in "()":
            depth += 1 if char == "(" else -1
            if depth == 0:
                return position + 1
        position += 1
    return None
