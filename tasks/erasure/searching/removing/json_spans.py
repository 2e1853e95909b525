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
    group_by_line,
    identify,
    is_of_another,
    mask_mentions,
    select_in_record,
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
    name: bytes = b""  # of a key: as it is written
    inner: list["JsonSpan"] = field(default_factory=list)  # of an object keys and values in turn

    @property
    def is_leaf(self) -> bool:
        """Whether it is a text, number or word."""
        return self.sign not in b"{["

    @property
    def quote_bytes(self) -> int:
        """How many bytes stand around what it says, on each side."""
        return 1 if self.sign == b'"' else 0

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
        name = match.group() if sign == b'"' else b""
        span = JsonSpan(sign, match.start(), match.end(), name)
        open_spans[-1].inner.append(span)
        if not span.is_leaf:
            open_spans.append(span)

    return document.inner[0]


def list_records(span: JsonSpan) -> Iterator[JsonSpan]:
    """Yield every value whose texts are judged together, apart from those around it.

    Elements of lists; objects side by side that have the same keys, which are rows or columns of a
    table; lists side by side that have as many elements, which are columns. An outer one comes
    before those in it.
    """
    apart = {id(value) for value in (*_twin_objects(span), *_aligned_lists(span))}
    for inner in span.inner:
        is_element = span.sign == b"[" and not inner.is_leaf
        if is_element or id(inner) in apart:
            yield inner
        yield from list_records(inner)


def list_texts(span: JsonSpan) -> Iterator[JsonSpan]:
    """Yield every text that is an element of a list: a line of a page, or a cell of a row."""
    for inner in span.inner:
        if span.sign == b"[" and inner.is_leaf:
            yield inner
        yield from list_texts(inner)


def _twin_objects(span: JsonSpan) -> list[JsonSpan]:
    """Return the values of an object that are objects with the same keys as another one."""
    if span.sign != b"{":
        return []
    values = [value for _, value in span.pairs if value.sign == b"{" and value.inner]
    keys = [tuple(key.name for key, _ in value.pairs) for value in values]
    return [value for value, names in zip(values, keys, strict=True) if keys.count(names) > 1]


def _aligned_lists(span: JsonSpan) -> list[JsonSpan]:
    """Return the values of an object that are lists as long as another one, of two or more."""
    if span.sign != b"{":
        return []
    values = [value for _, value in span.pairs if len(value.elements) > 1]
    lengths = [len(value.elements) for value in values]
    return [value for value, size in zip(values, lengths, strict=True) if lengths.count(size) > 1]


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


# Texts, lists of elements, and objects that stand side by side with the same keys.
Collected = tuple[list[JsonSpan], list[tuple[list[JsonSpan], bool]], list[JsonSpan]]


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
        leaves, lists, twins = self._collect(span)
        whole = self._select_whole(leaves)
        theirs = set(
            select_in_record(
                self.terms,
                [
                    group
                    for leaf in (*leaves, *self._keys(span))
                    for group in group_by_line(self.content, self._within(leaf))
                ],
                whole,
                is_anothers=self._is_of_another(leaves, whole),
            )
        )
        for leaf in leaves if theirs else ():
            yield from _mask_leaf(leaf, [item for item in self._within(leaf) if item in theirs])

        yield from self._edit_keys(span)
        for twin in twins:
            yield from self.edit_unit(twin)

        for elements, is_aligned in lists:
            yield from self._edit_elements(elements, is_aligned=is_aligned)

    def is_record(self, span: JsonSpan) -> bool:
        """Say whether an element is a record about the person: values of theirs fill its texts."""
        if span.is_leaf:
            return False

        leaves, lists, _ = self._collect(span)
        # In a row of a table, and in a record's lists of plain texts, texts count as its own.
        if span.sign == b"[":
            leaves = [element for element in span.elements if element.is_leaf]

        leaves += [
            element
            for elements, _ in lists
            if all(element.is_leaf for element in elements)
            for element in elements
        ]
        whole = self._select_whole(leaves)
        return identify(self.terms, whole) and not self._is_of_another(leaves, whole)

    def _select_whole(self, leaves: list[JsonSpan]) -> list[Mention]:
        return [
            mention for leaf in leaves for mention in self._within(leaf) if _fills(mention, leaf)
        ]

    def _is_of_another(self, leaves: list[JsonSpan], whole: list[Mention]) -> bool:
        ranges = [(leaf.start + leaf.quote_bytes, leaf.end - leaf.quote_bytes) for leaf in leaves]
        return is_of_another(self.content, ranges, whole)

    def _collect(self, span: JsonSpan) -> Collected:
        """Return the texts of a value that are judged together, and what lies beside them.

        Of a list the second is whether others stand beside it with as many elements, so that to cut
        one would move the others' values.
        """
        if span.is_leaf:
            return [span], [], []
        if span.sign == b"[":
            return [], [(span.elements, False)], []

        leaves: list[JsonSpan] = []
        lists: list[tuple[list[JsonSpan], bool]] = []
        twins = _twin_objects(span)
        lengths = [len(value.elements) for _, value in span.pairs if value.sign == b"["]
        apart = {id(twin) for twin in twins}
        for _, value in span.pairs:
            if id(value) in apart:
                continue
            inner_leaves, inner_lists, inner_twins = self._collect(value)
            leaves += inner_leaves
            twins += inner_twins
            if value.sign == b"[":
                lists.append((value.elements, lengths.count(len(value.elements)) > 1))
            else:
                lists += inner_lists
        return leaves, lists, twins

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
                yield from mask_mentions(select_theirs(self.terms, mentions))
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
    return (mention.start, mention.end) == (
        leaf.start + leaf.quote_bytes,
        leaf.end - leaf.quote_bytes,
    )


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
