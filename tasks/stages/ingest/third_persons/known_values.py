"""Everybody's identifying values as hashes, and whose each is: 20 bytes a value, for millions."""

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tasks.config.cases import Columns, Role
from tasks.stages.ingest.matching import match_keys
from tasks.stages.ingest.params import IngestParams
from tasks.stages.ingest.third_persons.spellings import (
    FEWEST_NAME_WORDS,
    KIND_OF_PREFIX,
    MOST_NAME_WORDS,
    ValueKind,
    fold_words,
    keys_of,
    value_kind,
)

IDENTIFYING_ROLES = (Role.SUBJECT, Role.IDENTIFIER)
# An odd number spreads owners over all 64 bits (Knuth's multiplicative hashing).
SPREAD = np.uint64(0x9E3779B97F4A7C15)
VALUES_AT_ONCE = 65_536

Hashes = np.ndarray[Any, np.dtype[np.uint64]]
Owners = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class KnownValues:
    """What is known of everybody. Asked by key, it says what a key is of, and whether it is one's.

    Two keys of one hash (64 bits) would be taken for one: among ten million values and as many
    mentions that happens once in 200,000 deliveries.
    """

    hashes: Hashes  # of all keys, sorted
    kinds: np.ndarray[Any, np.dtype[np.uint8]]  # place in `KINDS` of each
    owned: Hashes  # of each key together with whose it is, sorted
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


def hash_keys(keys: Iterable[str]) -> Hashes:
    """Return the hash of each key: the same in every process."""
    array = np.array(list(keys), dtype=object)
    return pd.util.hash_array(array, categorize=False)


def collect_known_values(
    frames: Mapping[str, pd.DataFrame],
    rows: pd.DataFrame,
    people: Owners,
    columns: Columns,
    params: IngestParams,
) -> KnownValues:
    """Return what identifies the people of all sources, also of rows that no join takes.

    Args:
        frames: The sources, as they were delivered: people who were erased are still in them.
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

    for frame, owners in _owned_frames(frames, rows, people, columns, params):
        for name in filter(named.__contains__, map(str, frame.columns)):
            codes, texts = pd.factorize(_as_texts(frame[name]))
            if named[name] is ValueKind.PERSON:
                _add_pairs(name_pairs, texts)
            key_hashes, key_kinds, origins = _hashed_keys(named[name], texts)
            hashes.append(key_hashes)
            kinds.append(key_kinds)
            owned.append(_owned_keys(key_hashes, origins, codes, owners))

    all_hashes, first_places = np.unique(np.concatenate(hashes), return_index=True)
    return KnownValues(
        all_hashes,
        np.concatenate(kinds)[first_places],
        _sorted_once(np.concatenate(owned)),
        name_pairs,
    )


def _hashed_keys(
    kind: ValueKind, texts: "pd.Index[str]"
) -> tuple[Hashes, "np.ndarray[Any, np.dtype[np.uint8]]", "np.ndarray[Any, np.dtype[np.int64]]"]:
    """Return the hash and kind of every key of these values, and which value each is of.

    A value has several keys or none. Some values at a time: as Python's texts, keys take ten times
    the memory of their hashes.
    """
    hashes: list[Hashes] = [np.empty(0, np.uint64)]
    kinds: list[np.ndarray[Any, np.dtype[np.uint8]]] = [np.empty(0, np.uint8)]
    origins: list[np.ndarray[Any, np.dtype[np.int64]]] = [np.empty(0, np.int64)]
    for start in range(0, len(texts), VALUES_AT_ONCE):
        keys = [keys_of(kind, text) for text in texts[start : start + VALUES_AT_ONCE]]
        flat = [key for several in keys for key in several]
        hashes.append(hash_keys(flat))
        kinds.append(np.array([KIND_OF_PREFIX[key[0]] for key in flat], np.uint8))
        places = np.arange(start, start + len(keys))
        origins.append(np.repeat(places, [len(several) for several in keys]))
    return np.concatenate(hashes), np.concatenate(kinds), np.concatenate(origins)


def _owned_frames(
    frames: Mapping[str, pd.DataFrame],
    rows: pd.DataFrame,
    people: Owners,
    columns: Columns,
    params: IngestParams,
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Yield each source with whose its rows are: pairs of row and person.

    A row that a join superseded is its person's as the later one is; one that no key matches is
    nobody's here, so that everybody else is a third person to it.
    """
    subject = columns.only(Role.SUBJECT)
    joined = {join.source for join in params.joins}
    own = [name for name in map(str, rows.columns) if columns.root[name].source not in joined]
    yield rows[own], pd.DataFrame({"row": np.arange(len(rows)), "person": people})

    for join in params.joins:
        source = frames[join.source]
        row_keys, source_keys = match_keys(
            rows[join.by], source[join.by], is_subject=join.by == subject
        )
        pairs = pd.DataFrame({"key": row_keys, "person": people}).drop_duplicates()
        sides = pd.DataFrame({"key": source_keys, "row": np.arange(len(source))})
        matched = sides[sides["key"] >= 0].merge(pairs, on="key")
        yield source, matched[["row", "person"]]


def _owned_keys(key_hashes: Hashes, origins: Any, codes: Any, owners: pd.DataFrame) -> Hashes:
    """Return the hash of each key together with each of its owners."""
    value_owners = pd.DataFrame(
        {"value": codes[owners["row"].to_numpy()], "person": owners["person"].to_numpy()}
    ).drop_duplicates()
    keys = pd.DataFrame({"value": origins, "key": key_hashes})
    pairs = keys.merge(value_owners, on="value")
    return _with_owner(pairs["key"].to_numpy(np.uint64), pairs["person"].to_numpy(np.int64))


def _add_pairs(name_pairs: dict[str, set[str]], names: Iterable[str]) -> None:
    """Add which words follow which in these names; the first follows the last."""
    for name in names:
        words = fold_words(name)
        if FEWEST_NAME_WORDS <= len(words) <= MOST_NAME_WORDS:
            for first, second in zip(words, [*words[1:], words[0]], strict=True):
                name_pairs.setdefault(first, set()).add(second)


def _sorted_once(hashes: Hashes) -> Hashes:
    # `np.unique` hashes numbers that are hashes already: ten times as slow as sorting them.
    return np.unique(hashes, return_index=True)[0]


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
