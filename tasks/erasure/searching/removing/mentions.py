"""Where a text mentions the person, also in escapes, and which mentions are surely theirs."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from tasks.erasure.searching.removing.edits import Edit
from tasks.erasure.searching.search_terms import MASK, Match, SearchTerms, is_beside
from tasks.erasure.searching.unfolding.escapes import ESCAPINGS

# Entities in JSON, mojibake of mojibake: what is written thrice over is left to a person.
DEEPEST_ESCAPE = 2
# Kinds of texts that may be any word: where a schema has a name, such a text is the schema's word.
FREE_TEXT_KINDS = ("note", "text")
# A field that is an address and nothing else.
ADDRESS = re.compile(rb"[^\s@,;<>\"']+@[^\s@,;<>\"']+\.[^\s@,;<>\"']+")

Range = tuple[int, int]


@dataclass(frozen=True)
class Mention:
    """A range of a text that says a value of theirs, and the match of that value."""

    start: int
    end: int
    match: Match


def find_mentions(content: bytes, terms: SearchTerms, depth: int = DEEPEST_ESCAPE) -> list[Mention]:
    """Return every mention, in order, each range once; also where escapes spell the value."""
    mentions = {
        (match.start, match.end): Mention(match.start, match.end, match)
        for match in terms.find(content)
    }
    for escaping in ESCAPINGS if depth else ():
        rendering = escaping.render(content) if escaping.can_mask else None
        if rendering is None:
            continue
        for inner in find_mentions(rendering.content, terms, depth - 1):
            start, end = rendering.to_written(inner.start, inner.end)
            mentions.setdefault((start, end), Mention(start, end, inner.match))

    return sorted(mentions.values(), key=lambda mention: (mention.start, mention.end))


def identify(terms: SearchTerms, mentions: Iterable[Mention]) -> bool:
    """Say whether mentions that stand together are surely about the person."""
    return terms.identifies(mention.match for mention in mentions)


def select_theirs(terms: SearchTerms, mentions: list[Mention]) -> list[Mention]:
    """Return which mentions of one record are the person's: none, if it does not identify them."""
    matches = [replace(item.match, start=item.start, end=item.end) for item in mentions]
    theirs = {(match.start, match.end) for match in terms.select(matches)}
    return [item for item in mentions if (item.start, item.end) in theirs]


def is_of_another(content: bytes, fields: Iterable[Range], whole: Collection[Mention]) -> bool:
    """Say whether a record is about somebody else, and names the person in a later field.

    Whom a record is about stands first in it: behind the customer's own address comes that of a
    guarantor, a partner or a clerk.

    Args:
        content: What the record stands in.
        fields: Where the texts of its fields stand, without quotes.
        whole: The mentions that fill a field.
    """
    alone = [mention.start for mention in whole if not mention.match.is_ambiguous]
    first = min(alone or [mention.start for mention in whole], default=0)
    theirs = {(mention.start, mention.end) for mention in whole}

    return any(
        start < first and (start, end) not in theirs and ADDRESS.fullmatch(content, start, end)
        for start, end in fields
    )


def select_in_record(
    terms: SearchTerms,
    by_field: Sequence[list[Mention]],
    whole: Collection[Mention],
    *,
    is_anothers: bool,
) -> list[Mention]:
    """Return which mentions of a record that stays are the person's.

    What identifies them within a text, or in another person's record, says nothing about the other
    fields: a household's telephone is the other one's, too. Unless what fills those identifies them
    as well.
    """
    alone = {mention for group in by_field for mention in group if not mention.match.is_ambiguous}
    is_named_within = not whole or (bool(alone) and alone.isdisjoint(whole))
    together = [mention for group in by_field for mention in group]
    if is_anothers or is_named_within:
        theirs = [mention for group in by_field for mention in select_theirs(terms, group)]
        if not identify(terms, [mention for mention in whole if mention not in theirs]):
            return theirs

    return select_theirs(terms, together)


def mask_mentions(mentions: Iterable[Mention]) -> Iterator[Edit]:
    """Yield what masks mentions where they stand."""
    for mention in mentions:
        yield Edit(mention.start, mention.end, MASK)


def edit_lines(content: bytes, terms: SearchTerms) -> Iterator[Edit]:
    """Yield what masks the person in a text, where mentions beside each other identify them."""
    for mentions in group_by_line(content, find_mentions(content, terms)):
        yield from mask_mentions(select_theirs(terms, mentions))


def group_by_line(content: bytes, mentions: Iterable[Mention]) -> Iterator[list[Mention]]:
    """Yield mentions that stand in one line, and not far apart."""
    group: list[Mention] = []
    for mention in mentions:
        if group and not is_beside(content, group[-1].end, mention.start):
            yield group
            group = []
        group.append(mention)
    if group:
        yield group
