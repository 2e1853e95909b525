"""Mask third persons who are known, in texts and in the planted answers about them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from tasks.config.cases import Columns, Role
from tasks.errors import DataError
from tasks.stages.ingest.packed_table import PackedTable
from tasks.stages.ingest.params import IngestParams
from tasks.stages.ingest.third_persons.known_values import (
    KnownValues,
    Owners,
    collect_known_values,
    hash_keys,
)
from tasks.stages.ingest.third_persons.mentions import find_mentions
from tasks.stages.ingest.third_persons.sieve import NameSieve
from tasks.stages.ingest.third_persons.spellings import (
    KINDS,
    ValueKind,
    fold_words,
    street_keys,
)

PERSON = KINDS.index(ValueKind.PERSON)
LONGEST_WORD = 40  # characters looked at for the word beside a name
CHUNK_ROWS = 20_000  # texts whose mentions are looked up together: bounds the memory


@dataclass(frozen=True, order=True)
class KnownMention:
    """A place in a text where somebody who is known is mentioned."""

    start: int
    end: int
    kind: ValueKind
    is_own: bool  # of the person whom the row is about


@dataclass
class MaskedTexts:
    """What was masked. Counts only."""

    rows: int = 0  # with at least one mention masked
    mentions: dict[str, int] = field(default_factory=dict)  # by what stands in their place

    def add(self, masked: Sequence[KnownMention]) -> None:
        """Count what was masked in one text."""
        for mention in masked:
            name = mention.kind.value
            self.mentions[name] = self.mentions.get(name, 0) + 1

    def add_counts(self, other: "MaskedTexts") -> None:
        """Add what was masked in other rows."""
        self.rows += other.rows
        for name, count in other.mentions.items():
            self.mentions[name] = self.mentions.get(name, 0) + count


class ThirdPersonMask:
    """Who is known in a delivery, ready to be masked in its rows, some at a time.

    Made before anybody's rows are left out: a person who was erased is in the delivery still, and
    would be known by nothing else. A person's own values stay in their own rows. Equal input gives
    equal texts, however the rows are divided.
    """

    def __init__(
        self,
        rows: PackedTable,
        people: Owners,
        sources: Mapping[str, PackedTable],
        columns: Columns,
        params: IngestParams,
    ) -> None:
        """Learn who is known.

        Args:
            rows: The joined rows, with every column.
            people: A number of whom each row is about.
            sources: What each source delivered.
            columns: How the use case declares its columns.
            params: How the sources are joined.
        """
        self._texts = columns.named(Role.FREE_TEXT)
        self._answers = {columns.root[name].describes: name for name in columns.named(Role.GOLD)}
        self._known = (
            collect_known_values(sources, rows, people, columns, params)
            if self._texts and len(rows)
            else None
        )
        self._sieve = NameSieve(self._known.name_pairs if self._known else {})

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read and changed: free texts, and planted answers about them."""
        return (
            *self._texts,
            *(self._answers[name] for name in self._texts if name in self._answers),
        )

    def mask(
        self, rows: pd.DataFrame, people: Owners
    ) -> tuple[dict[str, "pd.Series[str]"], MaskedTexts]:
        """Return the columns that change, free texts and their answers, and what was masked.

        Args:
            rows: Some of the rows, with texts and answers.
            people: Whom each of them is about.

        Raises:
            DataError: A planted answer is not a list of places, so that it cannot be kept true.
        """
        masked = MaskedTexts()
        result: dict[str, pd.Series[str]] = {}
        if self._known is None:
            return result, masked

        has_mention = np.zeros(len(rows), bool)
        for name in self._texts:
            masked_by_row = dict(_mentions_to_mask(rows[name], people, self._known, self._sieve))
            if not masked_by_row:
                continue
            result[name] = _masked_column(rows[name], masked_by_row)
            if name in self._answers:
                answer_name = self._answers[name]
                result[answer_name] = _moved_column(answer_name, rows[answer_name], masked_by_row)
            has_mention[list(masked_by_row)] = True
            for mentions in masked_by_row.values():
                masked.add(mentions)

        masked.rows = int(has_mention.sum())
        return result, masked


@dataclass(frozen=True)
class TextsOfPart:
    """Texts and planted answers of some of the rows, and whom each row is about."""

    rows: pd.DataFrame
    people: Owners


def mask_part(
    mask: ThirdPersonMask, part: TextsOfPart
) -> tuple[dict[str, "pd.Series[str]"], MaskedTexts]:
    """Return what `mask.mask` does; of the module's top level, so that a worker finds it.

    Raises:
        DataError: A planted answer is not a list of places.
    """
    return mask.mask(part.rows, part.people)


def mask_text(text: str, mentions: Sequence[KnownMention]) -> str:
    """Return a text with each mention replaced; mentions are sorted and disjoint."""
    parts: list[str] = []
    position = 0
    for mention in mentions:
        parts += [text[position : mention.start], mention.kind.value]
        position = mention.end
    return "".join([*parts, text[position:]])


def choose_mentions(mentions: Sequence[KnownMention]) -> list[KnownMention]:
    """Return the mentions to mask, sorted and disjoint.

    Of those that overlap the longest counts, so that `Ann Smith` in `Mary Ann Smith` masks nothing
    where Mary Ann is the row's own person; of two at one place the own one does.
    """
    chosen: list[KnownMention] = []
    for mention in sorted(
        mentions, key=lambda mention: (mention.start - mention.end, not mention.is_own, mention)
    ):
        if all(mention.end <= other.start or other.end <= mention.start for other in chosen):
            chosen.append(mention)
    return sorted(mention for mention in chosen if not mention.is_own)


def move_answer(answer: str, mentions: Sequence[KnownMention]) -> str:
    """Return planted places (JSON) as they lie once `mentions` are masked.

    A place that touches a mask covers the whole of it: what stood there was planted.

    Raises:
        ValueError, TypeError, KeyError: It is no list of places.
    """
    spans: list[dict[str, Any]] = json.loads(answer)
    moved = [
        {
            **span,
            "start": _moved(span["start"], mentions, is_end=False),
            "end": _moved(span["end"], mentions, is_end=True),
        }
        for span in spans
    ]
    return json.dumps(moved, ensure_ascii=False, separators=(",", ":"))


def _moved(position: int, mentions: Sequence[KnownMention], *, is_end: bool) -> int:
    """Return where a position lies in the masked text."""
    shift = 0
    for mention in mentions:
        tag = len(mention.kind.value)
        if mention.end <= position:
            shift += tag - (mention.end - mention.start)
        elif mention.start < position:
            # Inside the mention: the mask belongs to the place as a whole.
            return mention.start + shift + (tag if is_end else 0)
    return position + shift


def _mentions_to_mask(
    texts: "pd.Series[str]", people: Owners, known: KnownValues, sieve: NameSieve
) -> Iterator[tuple[int, list[KnownMention]]]:
    """Yield each row whose text mentions a known third person, with the mentions to mask."""
    for first in range(0, len(texts), CHUNK_ROWS):
        chunk = texts.iloc[first : first + CHUNK_ROWS]
        rows: list[int] = []
        places: list[tuple[int, int]] = []
        keys: list[str] = []
        read = [(row, text) for row, text in enumerate(chunk, first) if isinstance(text, str)]
        may_name = sieve.may_name([text for _, text in read]).tolist()
        for (row, text), has_names in zip(read, may_name, strict=True):
            for start, end, key in find_mentions(text, known.name_pairs if has_names else {}):
                rows.append(row)
                places.append((start, end))
                keys.append(key)

        hashes = hash_keys(keys)
        kinds = known.kinds_of(hashes)
        is_own = known.are_own(hashes, people[np.array(rows, np.int64)])
        others = np.flatnonzero((kinds == PERSON) & ~is_own).tolist()
        named = [(texts.iloc[rows[index]], *places[index]) for index in others]
        is_own[others] = _are_in_own_streets(
            named, people[[rows[index] for index in others]], known
        )
        mentions: dict[int, list[KnownMention]] = {}
        for index in np.flatnonzero(kinds >= 0).tolist():
            start, end = places[index]
            mention = KnownMention(start, end, KINDS[kinds[index]], bool(is_own[index]))
            mentions.setdefault(rows[index], []).append(mention)
        for row, known_mentions in mentions.items():
            if chosen := choose_mentions(known_mentions):
                yield row, chosen


def _are_in_own_streets(
    named: Sequence[tuple[str, int, int]], people: Owners, known: KnownValues
) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """Say of each name whether it is the middle of the person's own street: 711 Vincent Lane.

    It is masked with the rest of the street when the row is redacted. Masked here, the number of
    the house would stay, and nobody could tell any more what it belongs to.

    Args:
        named: Texts, and where in each a name begins and ends.
        people: Whom the row of each is about.
        known: Whose streets are called like somebody.
    """
    keys: list[str] = []
    origins: list[int] = []
    for place, (text, start, end) in enumerate(named):
        words = fold_words(text[start:end])
        before = fold_words(text[max(0, start - LONGEST_WORD) : start])[-1:]
        behind = fold_words(text[end : end + LONGEST_WORD])[:1]
        parts = [*street_keys(before + words), *street_keys(words + behind)]
        keys += parts
        origins += [place] * len(parts)

    # All at once: to hash a few keys takes as long as to hash a thousand.
    key_origins = np.array(origins, np.int64)
    is_own = known.are_own(hash_keys(keys), people[key_origins])
    is_in_street = np.zeros(len(named), bool)
    is_in_street[key_origins[is_own]] = True
    return is_in_street


def _masked_column(
    texts: "pd.Series[str]", masked_by_row: Mapping[int, Sequence[KnownMention]]
) -> "pd.Series[str]":
    cells = texts.tolist()
    for row, mentions in masked_by_row.items():
        cells[row] = mask_text(cells[row], mentions)
    return pd.Series(cells, texts.index, dtype=texts.dtype, name=texts.name)


def _moved_column(
    name: str, answers: "pd.Series[str]", masked_by_row: Mapping[int, Sequence[KnownMention]]
) -> "pd.Series[str]":
    cells = answers.tolist()
    for row, mentions in masked_by_row.items():
        if not isinstance(cells[row], str):
            continue
        try:
            cells[row] = move_answer(cells[row], mentions)
        except (ValueError, TypeError, KeyError) as error:
            raise DataError(
                f"column `{name}`",
                expected="planted answers: a JSON list of `start`, `end`, `type` and `owner`",
                found="something else",
                remedy="Mend the answers, or leave the column out.",
            ) from error
    return pd.Series(cells, answers.index, dtype=answers.dtype, name=answers.name)
