"""Carriers: who else has a value that a person is looked for by.

Reads other people's rows, and so costs half a minute where there are a million of them. It is asked
at the first match that only the answer decides: a name, or what a text mentions.
"""

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

import pandas as pd

from tasks.config.cases import Columns
from tasks.erasure.searching.identifying import classify_column
from tasks.erasure.searching.places import Place, PurgeRule, StoredFile
from tasks.erasure.searching.search_terms import PersonalValue, SearchTerms
from tasks.erasure.searching.spellings import NOTE
from tasks.keystore.keys import KeyStore

# Between cells: no value goes across it, since no text of ours and no blank has it.
CELL_END = b"\x00"


def find_carriers(
    terms: SearchTerms,
    places: Sequence[Place],
    keys: KeyStore,
    own_key_ids: Collection[bytes],
    read_columns: Callable[[str], Columns | None],
) -> list[frozenset[PersonalValue]]:
    """Return, for each other person who carries any, which of the searched values they carry.

    Values of identifier columns are looked for in others' identifier columns: who is mentioned in
    a text does not carry that name. What was mentioned itself is looked for in texts, too.

    Args:
        terms: What is searched for.
        places: Where sealed versions lie.
        keys: The key store; a person whose key is restricted is not asked.
        own_key_ids: The keys of those who are looked for.
        read_columns: Returns what a use case declares, or nothing.
    """
    own_ids = set(own_key_ids)
    carried: dict[str, set[PersonalValue]] = {}
    for stored in _newest_files(places):
        with stored.open() as stream:
            sealed = stored.read_sealed(stream)
            if sealed is None:
                continue
            declared = read_columns(sealed.dataset.partition("/")[0])
            # As packed rows have them, only texts read as they are.
            searched = set(_searched_columns(sealed.columns, declared))
            sift = terms.sift_rows if searched <= set(sealed.text_columns) else None
            for frame, _ in sealed.iter_others(own_ids, keys.by_id_once, sift):
                for person, value in _find_in_rows(frame, declared, terms):
                    carried.setdefault(person, set()).add(value)

    return [frozenset(values) for values in carried.values()]


def _newest_files(places: Iterable[Place]) -> list[StoredFile]:
    """Return one file of each dataset: the working tree's, or where that has none, the largest."""
    newest: dict[str, tuple[bool, int, StoredFile]] = {}
    for place in places:
        is_working_tree = place.rule is PurgeRule.REWRITE
        for stored in place.files():
            with stored.open() as stream:
                sealed = stored.read_sealed(stream)
                if sealed is None:
                    continue
                rank = (is_working_tree, sealed.rows)
                best = newest.get(sealed.dataset)
                if best is None or rank > best[:2]:
                    newest[sealed.dataset] = (*rank, stored)

    return [stored for *_, stored in newest.values()]


def _find_in_rows(
    frame: pd.DataFrame, declared: Columns | None, terms: SearchTerms
) -> Iterator[tuple[str, PersonalValue]]:
    """Yield (whose row, which value) for every value that some rows carry."""
    people = list(frame["subject"])
    for name, kind in _searched_columns(map(str, frame.columns), declared).items():
        cells = [
            b"" if cell is None else str(cell).encode("utf-8", errors="surrogatepass")
            for cell in frame[name].astype(object).where(frame[name].notna(), None)
        ]
        starts = [0]
        for cell in cells:
            starts.append(starts[-1] + len(cell) + len(CELL_END))

        for place, value in terms.find_carried(CELL_END.join(cells)):
            if value.is_mentioned or kind != NOTE:
                yield people[bisect_right(starts, place) - 1], value


def _searched_columns(names: Iterable[str], declared: Columns | None) -> dict[str, str]:
    """Return the columns in which values are looked for, each with its kind."""
    kinds = {name: classify_column(name, declared) for name in names if name != "subject"}
    return {name: kind for name, kind in kinds.items() if kind}
