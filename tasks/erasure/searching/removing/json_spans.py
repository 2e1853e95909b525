"""Values of JSON as byte ranges: what goes is cut out, and every other byte stays.

Numbers keep their digits, objects the order of their keys and doubled ones, and lines their
indentation, because nothing is loaded and written again.
"""

import json
import re
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from tasks.erasure.searching.removing.edits import Edit
from tasks.erasure.searching.removing.mentions import (
    FREE_TEXT_KINDS,
    Mention,
    find_mentions,
    identify,
    mask_mentions,
    select_theirs,
)
from tasks.erasure.searching.search_terms import MASK, SearchTerms

# RFC 8259: strings, structure, and everything else (numbers, true, false, null).
TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]]|[^\s{}\[\],:"]+', re.DOTALL)


@dataclass
class JsonSpan:
    """One value: where it stands, and what is in it."""

    sign: bytes  # `{`, `[`, `"`, or anything else for numbers and words
    start: int
    end: int = 0
    inner: list["JsonSpan"] = field(default_factory=list)  # of an object keys and values in turn

    @property
    def is_leaf(self) -> bool:
        """Whether it is a text, number or word."""
        return self.sign not in b"{["

    @property
    def pairs(self) -> list[tuple["JsonSpan", "JsonSpan"]]:
        """The keys and values of an object."""
        return list(zip(self.inner[::2], self.inner[1::2], strict=True))

    @property
    def elements(self) -> list["JsonSpan"]:
        """The elements of a list."""
        return self.inner if self.sign == b"[" else []


def read_json(content: bytes) -> JsonSpan | None:
    """Return the value that a content is, or nothing if it is not one JSON value."""
    text = content.decode(errors="surrogateescape")
    with suppress(ValueError, RecursionError):
        json.loads(text)
        return _read_spans(content)
    return None


def _read_spans(content: bytes) -> JsonSpan:
    """Return the spans of a content that is known to be JSON."""
    document = JsonSpan(b"[", 0)
    open_spans = [document]
    for match in TOKEN.finditer(content):
        sign = match.group()[:1]
        if sign in b"}]":
            open_spans.pop().end = match.end()
            continue
        span = JsonSpan(sign, match.start(), match.end())
        open_spans[-1].inner.append(span)
        if not span.is_leaf:
            open_spans.append(span)
    return document.inner[0]


def list_elements(span: JsonSpan) -> Iterator[JsonSpan]:
    """Yield every object and list that is an element of a list, the outer before the inner."""
    for inner in span.inner:
        if span.sign == b"[" and not inner.is_leaf:
            yield inner
        yield from list_elements(inner)


def edit_json(content: bytes, document: JsonSpan, terms: SearchTerms) -> list[Edit]:
    """Return what takes the person out of one JSON value.

    Elements of lists that are records about them are cut, as are pairs whose key is theirs.
    Elsewhere values are masked: a text in a list keeps its place, because lists stand side by side.

    Raises:
        RecursionError: It is nested too deep.
    """
    mentions = find_mentions(content, terms)
    if not mentions:
        return []
    editor = JsonEditor(content, terms, mentions)
    return [*editor.edit_unit(document)]


def edit_json_lines(content: bytes, terms: SearchTerms) -> list[Edit]:
    """Return what takes the person out of lines that are JSON values each; a line is a record."""
    edits: list[Edit] = []
    start = 0
    for line in content.splitlines(keepends=True):
        mentions = find_mentions(line, terms)
        document = read_json(line) if mentions else None
        if document is not None:
            editor = JsonEditor(line, terms, mentions)
            inner = (
                [Edit(0, len(line))]
                if editor.is_record(document)
                else list(editor.edit_unit(document))
            )
        else:
            inner = list(mask_mentions(select_theirs(terms, mentions)))
        edits += (Edit(start + edit.start, start + edit.end, edit.text) for edit in inner)
        start += len(line)
    return edits


@dataclass
class JsonEditor:
    """Finds the edits of one JSON value."""

    content: bytes
    terms: SearchTerms
    mentions: list[Mention]

    def __post_init__(self) -> None:
        self._starts = [mention.start for mention in self.mentions]

    def edit_unit(self, span: JsonSpan) -> Iterator[Edit]:
        """Yield the edits of a document or an element, whose own texts are judged together."""
        leaves, lists = self._collect(span)
        own_mentions = [
            mention for leaf in (*leaves, *self._keys(span)) for mention in self._within(leaf)
        ]
        theirs = set(select_theirs(self.terms, own_mentions))
        for leaf in leaves if theirs else ():
            yield from _mask_leaf(leaf, [item for item in self._within(leaf) if item in theirs])
        yield from self._edit_keys(span)
        for elements, is_aligned in lists:
            yield from self._edit_elements(elements, is_aligned=is_aligned)

    def is_record(self, span: JsonSpan) -> bool:
        """Say whether an element is a record about the person: values of theirs fill its texts."""
        if span.is_leaf:
            return False
        leaves, lists = self._collect(span)
        # In a row of a table, and in a record's lists of plain texts, texts count as its own.
        if span.sign == b"[":
            leaves = [element for element in span.elements if element.is_leaf]
        leaves += [
            element
            for elements, _ in lists
            if all(element.is_leaf for element in elements)
            for element in elements
        ]
        whole = [
            mention for leaf in leaves for mention in self._within(leaf) if _fills(mention, leaf)
        ]
        return identify(self.terms, whole)

    def _collect(self, span: JsonSpan) -> tuple[list[JsonSpan], list[tuple[list[JsonSpan], bool]]]:
        """Return the texts of a value that lie in no list, and its lists.

        Of a list the second is whether others stand beside it with as many elements, so that to cut
        one would move the others' values.
        """
        if span.is_leaf:
            return [span], []
        if span.sign == b"[":
            return [], [(span.elements, False)]

        leaves: list[JsonSpan] = []
        lists: list[tuple[list[JsonSpan], bool]] = []
        lengths = [len(value.elements) for _, value in span.pairs if value.sign == b"["]
        for _, value in span.pairs:
            inner_leaves, inner_lists = self._collect(value)
            leaves += inner_leaves
            if value.sign == b"[":
                lists.append((value.elements, lengths.count(len(value.elements)) > 1))
            else:
                lists += inner_lists
        return leaves, lists

    def _keys(self, span: JsonSpan) -> Iterator[JsonSpan]:
        for key, value in span.pairs if span.sign == b"{" else ():
            yield key
            yield from self._keys(value)

    def _within(self, leaf: JsonSpan) -> list[Mention]:
        first = bisect_left(self._starts, leaf.start)
        last = bisect_left(self._starts, leaf.end)
        return [mention for mention in self.mentions[first:last] if mention.end <= leaf.end]

    def _edit_keys(self, span: JsonSpan) -> Iterator[Edit]:
        """Cut the pairs of an object that is keyed by person; words of a schema stay."""
        if span.sign != b"{":
            return
        is_cut = []
        for key, value in span.pairs:
            # A free text may be any word: a key that is one is a word of the schema.
            mentions = [
                mention
                for mention in self._within(key)
                if mention.match.kind not in FREE_TEXT_KINDS
            ]
            is_theirs = identify(self.terms, mentions)
            whole = [mention for mention in mentions if _fills(mention, key)]
            is_cut.append(is_theirs and identify(self.terms, whole))
            if is_theirs:
                yield from mask_mentions(mentions)
            yield from self._edit_keys(value)
        pairs = [JsonSpan(b"", key.start, value.end) for key, value in span.pairs]
        yield from _cut(pairs, is_cut)

    def _edit_elements(self, elements: list[JsonSpan], *, is_aligned: bool) -> Iterator[Edit]:
        is_cut = []
        for element in elements:
            is_record = self.is_record(element)
            is_cut.append(is_record and not is_aligned)
            if is_record and is_aligned:
                yield from _blank(element)
            elif not is_record:
                yield from self.edit_unit(element)
        yield from _cut(elements, is_cut)


def _mask_leaf(leaf: JsonSpan, mentions: list[Mention]) -> Iterator[Edit]:
    if leaf.sign == b'"':
        yield from mask_mentions(mentions)
    elif mentions:
        # A number that is a value of theirs: a mask would be no JSON.
        yield Edit(leaf.start, leaf.end, b"null")


def _fills(mention: Mention, leaf: JsonSpan) -> bool:
    """Say whether a mention is all that a text, key or number says."""
    quote_bytes = 1 if leaf.sign == b'"' else 0
    return mention.start == leaf.start + quote_bytes and mention.end == leaf.end - quote_bytes


def _blank(span: JsonSpan) -> Iterator[Edit]:
    """Empty a record that keeps its place: texts are masked, numbers and words become null."""
    if span.is_leaf:
        yield Edit(span.start, span.end, b'"%b"' % MASK if span.sign == b'"' else b"null")
    for value in span.inner[1::2] if span.sign == b"{" else span.inner:
        yield from _blank(value)


def _cut(spans: list[JsonSpan], is_cut: list[bool]) -> Iterator[Edit]:
    """Cut elements with the comma on one side; what stays keeps its blanks and line ends."""
    kept = [number for number, cut in enumerate(is_cut) if not cut]
    if not kept:
        if spans:
            yield Edit(spans[0].start, spans[-1].end)
        return

    last_kept = kept[-1]
    for number, cut in enumerate(is_cut[:last_kept]):
        if cut:
            yield Edit(spans[number].start, spans[number + 1].start)
    if last_kept + 1 < len(spans):
        yield Edit(spans[last_kept].end, spans[-1].end)
