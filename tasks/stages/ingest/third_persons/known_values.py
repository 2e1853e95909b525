"""Everybody's identifying values as hashes, and whose each is: 20 bytes a value, for millions."""

from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tasks.config.cases import Columns, Role
from tasks.stages.ingest.matching import match_keys
from tasks.stages.ingest.packed_table import PackedTable, text_array
from tasks.stages.ingest.params import IngestParams
from tasks.stages.ingest.third_persons.many_spellings import keys_of_many, pairs_of_names
from tasks.stages.ingest.third_persons.spellings import (
    KIND_OF_PREFIX,
    ValueKind,
    fold_words,
    street_keys,
    value_kind,
)

IDENTIFYING_ROLES = (Role.SUBJECT, Role.IDENTIFIER)
# An odd number spreads owners over all 64 bits (Knuth's multiplicative hashing).
SPREAD = np.uint64(0x9E3779B97F4A7C15)
VALUES_AT_ONCE = 65_536
PREFIXES = pa.array(KIND_OF_PREFIX, pa.large_string())
KINDS_OF_PREFIXES = np.array(list(KIND_OF_PREFIX.values()), np.uint8)

Hashes = np.ndarray[Any, np.dtype[np.uint64]]
Owners = np.ndarray[Any, np.dtype[np.int64]]
Places = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class KnownValues:
    """What is known of everybody. Asked by key, it says what a key is of, and whether it is one's.

    Two keys of one hash (64 bits) would be taken for one: among ten million values and as many
    mentions that happens once in 200,000 deliveries.
    """

    hashes: Hashes  # of all keys, sorted
    kinds: np.ndarray[Any, np.dtype[np.uint8]]  # place in `KINDS` of each
    owned: Hashes  # of each key together with whose it is, sorted; parts of streets as well
    name_pairs: Mapping[str, Set[str]]  # word of a full name -> those that follow it in one

    def kinds_of(self, hashes: Hashes) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return the place in `KINDS` of each key; -1 where nobody has it."""
        if not len(self.hashes):
            return np.full(len(hashes), -1)
        places = _places_of(hashes, self.hashes)
        return np.where(self.hashes[places] == hashes, self.kinds[places].astype(np.int64), -1)

    def are_own(self, hashes: Hashes, people: Owners) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Say of each key whether it is that person's own."""
        if not len(self.owned):
            return np.zeros(len(hashes), bool)
        asked = _with_owner(hashes, people)
        is_own: np.ndarray[Any, np.dtype[np.bool_]]
        is_own = self.owned[_places_of(asked, self.owned)] == asked
        return is_own


@dataclass(frozen=True)
class _RowOwners:
    """Rows of a source, and whom each is about: a row of several people is there several times."""

    rows: Places
    people: Owners


def hash_keys(keys: Sequence[str] | np.ndarray[Any, np.dtype[np.object_]]) -> Hashes:
    """Return the hash of each key: the same in every process."""
    return pd.util.hash_array(np.asarray(keys, dtype=object), categorize=False)


def collect_known_values(
    sources: Mapping[str, PackedTable],
    rows: PackedTable,
    people: Owners,
    columns: Columns,
    params: IngestParams,
) -> KnownValues:
    """Return what identifies the people of all sources, also of rows that no join takes.

    Args:
        sources: What each source delivered: people who were erased are still in them.
        rows: The joined rows, with every key.
        people: Whom each of `rows` is about.
        columns: How the use case declares its columns.
        params: How the sources are joined.
    """
    named = {
        name: kind
        for name in columns.named(*IDENTIFYING_ROLES)
        if (kind := value_kind(columns.root[name].kind))
    }
    hashes: list[Hashes] = [np.empty(0, np.uint64)]
    kinds: list[np.ndarray[Any, np.dtype[np.uint8]]] = [np.empty(0, np.uint8)]
    owned: list[Hashes] = [np.empty(0, np.uint64)]
    name_pairs: dict[str, set[str]] = {}

    for table, owners in _owned_tables(sources, rows, people, columns, params, named):
        for name in filter(named.__contains__, table.columns):
            codes, different = pd.factorize(_as_texts(table[name]))
            texts = text_array(different)
            if named[name] is ValueKind.PERSON:
                _add_pairs(name_pairs, texts)
            key_hashes, key_kinds, origins = _hashed_keys(named[name], texts)
            hashes.append(key_hashes)
            kinds.append(key_kinds)
            value_owners = codes[owners.rows], owners.people
            owned += [
                _with_owner(key_hashes[places], people)
                for places, people in _owned(origins, *value_owners)
            ]

    # Once all names are known: of a street, only a part with one in it is ever asked for.
    streets = {
        name for name in columns.named(*IDENTIFYING_ROLES) if columns.root[name].kind == "street"
    }
    for table, owners in _owned_tables(sources, rows, people, columns, params, streets):
        for name in filter(streets.__contains__, table.columns):
            codes, different = pd.factorize(table[name])
            key_hashes, origins = _hashed_street_keys(different, name_pairs)
            value_owners = codes[owners.rows], owners.people
            owned += [
                _with_owner(key_hashes[places], people)
                for places, people in _owned(origins, *value_owners)
            ]

    all_owned = np.concatenate(owned)
    del owned
    all_owned.sort()
    all_hashes = np.concatenate(hashes)
    del hashes
    order = np.argsort(all_hashes, kind="stable")  # of equal keys the first one's kind counts
    all_hashes = all_hashes[order]
    is_first = _is_first(all_hashes)
    return KnownValues(
        all_hashes[is_first],
        np.concatenate(kinds)[order[is_first]],
        all_owned[_is_first(all_owned)],
        name_pairs,
    )


def _hashed_keys(
    kind: ValueKind, texts: pa.Array
) -> tuple[Hashes, "np.ndarray[Any, np.dtype[np.uint8]]", "np.ndarray[Any, np.dtype[np.int64]]"]:
    """Return the hash and kind of every key of these values, and which value each is of.

    A value has several keys or none. Some values at a time: as Python's texts, keys take ten times
    the memory of their hashes.
    """
    hashes: list[Hashes] = [np.empty(0, np.uint64)]
    kinds: list[np.ndarray[Any, np.dtype[np.uint8]]] = [np.empty(0, np.uint8)]
    origins: list[np.ndarray[Any, np.dtype[np.int64]]] = [np.empty(0, np.int64)]
    for start in range(0, len(texts), VALUES_AT_ONCE):
        keys, places = keys_of_many(kind, texts[start : start + VALUES_AT_ONCE])
        hashes.append(hash_keys(keys.to_numpy(zero_copy_only=False)))
        prefixes = pc.index_in(pc.utf8_slice_codeunits(keys, 0, 1), PREFIXES).to_numpy()
        kinds.append(KINDS_OF_PREFIXES[prefixes])
        origins.append(places + start)
    return np.concatenate(hashes), np.concatenate(kinds), np.concatenate(origins)


def _hashed_street_keys(
    streets: "pd.Index[str]", name_pairs: Mapping[str, Set[str]]
) -> tuple[Hashes, Places]:
    """Return the hash of every part of the streets that are called like somebody, and its street.

    Few are: 711 Vincent Lane is, where a Vincent Lane is known.
    """
    keys: list[str] = []
    origins: list[int] = []
    for start in range(0, len(streets), VALUES_AT_ONCE):
        texts = text_array(streets[start : start + VALUES_AT_ONCE]).to_pylist()
        for place, words in enumerate(map(fold_words, texts), start):
            if any(second in name_pairs.get(first, ()) for first, second in pairwise(words)):
                parts = list(street_keys(words))
                keys += parts
                origins += [place] * len(parts)
    return hash_keys(keys), np.array(origins, np.int64)


def _owned_tables(
    sources: Mapping[str, PackedTable],
    rows: PackedTable,
    people: Owners,
    columns: Columns,
    params: IngestParams,
    wanted: Collection[str],
) -> Iterator[tuple[PackedTable, _RowOwners]]:
    """Yield each source that has a wanted column, with whose its rows are.

    A row that a join superseded is its person's as the later one is; one that no key matches is
    nobody's here, so that everybody else is a third person to it.
    """
    subject = columns.only(Role.SUBJECT)
    joined = {join.source for join in params.joins}
    own = [name for name in rows.columns if columns.root[name].source not in joined]
    yield rows.only(own), _RowOwners(np.arange(len(rows)), people)

    for join in params.joins:
        source = sources[join.source]
        if not any(name in wanted for name in source.columns):
            continue
        yield source, _owners_of(source, rows, people, join.by, is_subject=join.by == subject)


def _owners_of(
    source: PackedTable, rows: PackedTable, people: Owners, key: str, *, is_subject: bool
) -> _RowOwners:
    """Return whose the rows of a joined source are: everybody's whose row has their key."""
    row_keys, source_keys = match_keys(rows[key], source[key], is_subject=is_subject)
    matched = [(np.empty(0, np.int64), people[:0]), *_owned(source_keys, row_keys, people)]
    return _RowOwners(*map(np.concatenate, zip(*matched, strict=True)))


def _owned(asked: Places, values: Places, people: Owners) -> Iterator[tuple[Places, Owners]]:
    """Yield which of the `asked` values are somebody's, and whose: a pair for each owner of one.

    A value that is missing (below 0) is nobody's. Some values at a time: pairs are several times
    what they are of.

    Args:
        asked: Values, as numbers.
        values: Values that people have, shape of `people`.
        people: Whose each of `values` is, numbered from 0.
    """
    # Value and person as one number, each pair once: millions times millions fit into 64 bits.
    numbers = int(people.max(initial=0)) + 1
    pairs = values[values >= 0] * numbers + people[values >= 0]
    pairs.sort()
    owned_values, owners = np.divmod(pairs[_is_first(pairs)], numbers)
    del pairs

    for first in range(0, len(asked), VALUES_AT_ONCE):
        some = asked[first : first + VALUES_AT_ONCE]
        starts = np.searchsorted(owned_values, some)
        counts = np.searchsorted(owned_values, some, side="right") - starts
        places = np.repeat(np.arange(len(some)), counts)
        nth_owner = np.arange(len(places)) - np.repeat(np.cumsum(counts) - counts, counts)
        yield first + places, owners[starts[places] + nth_owner]


def _add_pairs(name_pairs: dict[str, set[str]], names: pa.Array) -> None:
    """Add which words follow which in these names; the first follows the last."""
    for start in range(0, len(names), VALUES_AT_ONCE):
        for first, following in pairs_of_names(names[start : start + VALUES_AT_ONCE]):
            name_pairs.setdefault(first, set()).update(following)


def _is_first(ordered: "np.ndarray[Any, Any]") -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """Say of each of sorted numbers whether none before it is equal."""
    # `np.unique` hashes numbers that are hashes already: ten times as slow as sorting them.
    is_first = np.ones(len(ordered), bool)
    is_first[1:] = ordered[1:] != ordered[:-1]
    return is_first


def _places_of(hashes: Hashes, ordered: Hashes) -> "np.ndarray[Any, np.dtype[np.int64]]":
    """Return where each would stand in sorted hashes; the last place for those behind it."""
    return np.minimum(np.searchsorted(ordered, hashes), len(ordered) - 1)


def _with_owner(hashes: Hashes, people: Owners) -> Hashes:
    # One more than the person: nobody's number may leave a hash as it is.
    return hashes ^ ((people.astype(np.uint64) + np.uint64(1)) * SPREAD)


def _as_texts(values: "pd.Series[Any]") -> "pd.Series[str]":
    """Return values as texts: a number that was read as a float has no point."""
    if pd.api.types.is_numeric_dtype(values):
        return values.round().astype("Int64").astype("string")
    return values
