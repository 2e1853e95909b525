"""Where a text mentions the person, also in escapes, and which mentions are surely theirs."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from tasks.erasure.searching.removing.edits import Edit
from tasks.erasure.searching.search_terms import MASK, RECORD_BYTES, Match, SearchTerms
from tasks.erasure.searching.unfolding.escapes import ESCAPINGS

# Entities in JSON, mojibake of mojibake: what is written thrice over is left to a person.
DEEPEST_ESCAPE = 2
# Kinds of texts that may be any word: where a schema has a name, such a text is the schema's word.
FREE_TEXT_KINDS = ("note", "text")


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
        if group:
            between = content[group[-1].end : mention.start]
            if len(between) > RECORD_BYTES or b"\n" in between:
                yield group
                group = []
        group.append(mention)
    if group:
        yield group
