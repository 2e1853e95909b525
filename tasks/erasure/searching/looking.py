"""What stands in a content or a name: the person, somebody who may be another, or what nobody sees.

Sinks ask here and nowhere else, so that all of them tell the two apart by the same rule.
"""

import hashlib
from dataclasses import dataclass
from pathlib import PurePosixPath

from tasks.erasure.searching.masking import SEARCHED_ALIKE, search_content
from tasks.erasure.searching.search_terms import SearchTerms

DIGEST_BYTES = 16
REMEMBERED_CONTENTS = 200_000  # some 50 MB; what comes later is looked at again


@dataclass(frozen=True)
class Look:
    """What was seen."""

    holds_person: bool = False
    is_ambiguous: bool = False  # only values that other people carry, too
    unsearched: tuple[str, ...] = ()  # kinds of content that could not be looked into

    def __add__(self, other: "Look") -> "Look":
        return Look(
            holds_person=self.holds_person or other.holds_person,
            is_ambiguous=self.is_ambiguous or other.is_ambiguous,
            unsearched=(*self.unsearched, *other.unsearched),
        )


def look_at_content(name: str, content: bytes, terms: SearchTerms, *, plain: bool = False) -> Look:
    """Look for the person in a content, and unless it is `plain` in what it contains.

    Args:
        name: What it is called, for kinds that only a suffix tells.
        content: All of it, or a piece.
        terms: What to look for.
        plain: Look at the bytes as they are: a piece of a file can be unpacked by nobody.
    """
    if plain:
        holds = terms.has_match(content)
        return Look(holds_person=holds, is_ambiguous=not holds and terms.has_ambiguous(content))

    # Of the name only the suffix tells how to read a content.
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in SEARCHED_ALIKE:
        suffix = ""
    key = hashlib.blake2b(content, digest_size=DIGEST_BYTES).digest()
    key += suffix.encode("utf-8", errors="surrogatepass")
    look: Look | None = terms.remembered.get(key)
    if look is None:
        search = search_content(name, content, terms)
        look = Look(search.holds_person, search.ambiguous, search.unsearched)
        if len(terms.remembered) < REMEMBERED_CONTENTS:
            terms.remembered[key] = look
    return look


def look_at_name(name: str, terms: SearchTerms) -> Look:
    """Look for the person in a name or path: of a file, a folder, a branch.

    An address that a suffix follows (`ann@example.org.txt`) looks like one of another domain, so
    that each part of a path is looked at without its suffixes, too.
    """
    look = _look_at_text(name, terms)
    for part in name.split("/"):
        stem = part
        while "." in stem and not look.holds_person:
            stem = stem.rpartition(".")[0]
            look += _look_at_text(stem, terms)

    return look


def _look_at_text(text: str, terms: SearchTerms) -> Look:
    return look_at_content("", text.encode("utf-8", errors="surrogatepass"), terms, plain=True)
