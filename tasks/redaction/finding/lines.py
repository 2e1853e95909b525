"""Where a line ends what the recogniser of names takes for one: headers of mails, forms, lists.

The recogniser was trained on sentences, where a line end is a space. A mail's "To: Lena Marsh" and
the "Cc:" of its next line are one name to it, and so are the ends of two lines of "Marsh, Lena".
"""

import re
from collections.abc import Iterator

# up to three words and a colon, at the beginning of a line
LABEL = re.compile(r"\r?\n[ \t>]{0,4}[^\W\d_][\w/-]{0,30}(?:[ \t][^\W\d_][\w/-]{0,30}){0,2}[ \t]?:")
LONGEST_LABEL = 110  # characters after a name in which the label's colon is looked for
# written with a capital: the surname before a given name, and the given name after a surname
SURNAME_BEFORE = re.compile(r"\b[^\W\d_a-z][\w'\u2019-]{0,30},[ \t]{0,2}$")
GIVEN_NAME_AFTER = re.compile(r",[ \t]{0,2}[^\W\d_a-z][\w'\u2019-]{0,30}")
LONGEST_SURNAME = 34  # characters before a name in which the surname is looked for
LINE_END = re.compile(r"[ \t]*\r?\n[ \t]*")


def in_lines(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the parts of `text[start:end]` that belong together; most often it is one.

    Labels are in none. A name that is only wrapped ("John", then "Smith called") stays whole.
    """
    if text.find("\n", start, end) < 0:
        yield start, end
        return

    # Two entries of a list, "Marsh, Lena" and on the next line "Adams, Jenny", are taken whole: a
    # surname alone ("Stone") may be a word.
    before = SURNAME_BEFORE.search(text, max(0, start - LONGEST_SURNAME), start)
    after = GIVEN_NAME_AFTER.match(text, end)
    breaks = LABEL
    if before and after:
        breaks = LINE_END
        start = before.start()
        end = after.end()

    for match in breaks.finditer(text, start, end + LONGEST_LABEL):
        if match.start() >= end:
            break
        if match.start() > start:
            yield start, match.start()
        start = match.end()
    if start < end:
        yield start, end
