"""Characters that are none: surrogates without their other half.

They come from bytes that somebody decoded with `surrogateescape`, and from pairs cut in two. No
encoding takes them, so neither spaCy nor a file does, and one cell would stop a whole batch.
"""

import re

SURROGATE = re.compile("[\ud800-\udfff]")
REPLACEMENT = (
    "\ufffd"  # what Unicode (3.9, U+FFFD substitution) puts in place of what is ill-formed
)


def well_formed(text: str) -> str:
    """Return `text`, of the same length, with U+FFFD in place of every lone surrogate."""
    return text if text.isascii() else SURROGATE.sub(REPLACEMENT, text)
