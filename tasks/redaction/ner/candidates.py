"""Which tokens a name could be or touch: only around those does the network have to look.

A token's vector depends on four neighbours on either side, so what is read costs the same wherever
it stands, and most of a text is words that nobody is called. Who wants every label of the pipeline
reads everything.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from tasks.redaction.ner.tokens import Tokens

Flags = npt.NDArray[np.bool_]

# What a word says about names, by itself.
QUIET = 0  # nobody and no place is called so
OPENING = 1  # the same, though it has a capital, where it begins a sentence
NOUN = 2  # one of those two, or, as "japan" is, a name: the network has to say
TELLING = 3  # it may be a name or part of one

Hint = Callable[[str], int]
SENTENCE_ENDS = frozenset((".", "!", "?", ":"))
# the pipelines' labels of people and places
NAME_LABELS = frozenset(("PERSON", "PER", "GPE", "LOC", "FAC"))
REACH = 1  # tokens beside a telling one that are read as well


def candidates(tokens: Tokens, hints: npt.NDArray[np.int64], ends_sentence: Flags) -> Flags:
    """Say of each token whether it is worth reading.

    `hints` and `ends_sentence` have one item a token; no hint is `NOUN` any more.
    """
    begins_text = np.zeros(len(hints) + 1, dtype=bool)
    begins_text[np.concatenate([[0], np.cumsum(tokens.lengths)])] = True
    opens = begins_text[:-1].copy()
    opens[1:] |= ends_sentence[:-1]
    # "May Smith called": with something telling behind it, a word may be the beginning of a name
    is_followed_quietly = begins_text[1:].copy()
    is_followed_quietly[:-1] |= hints[1:] == QUIET
    is_telling = (hints == TELLING) | ((hints == OPENING) & ~(opens & is_followed_quietly))
    return widened(is_telling, REACH)


def ends_sentence(word: str) -> bool:
    """Say whether a token ends a sentence or a line."""
    return word in SENTENCE_ENDS or (word.isspace() and "\n" in word)


def widened(flags: Flags, by: int) -> Flags:
    """Return flags with those on either side of a set one set as well, `by` places far."""
    for _ in range(by):
        wider = flags.copy()
        wider[1:] |= flags[:-1]
        wider[:-1] |= flags[1:]
        flags = wider
    return flags
