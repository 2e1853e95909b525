"""Carriers: who else has a value that a person is looked for by.

Reads other people's rows, and so costs half a minute where there are a million of them. It is asked
at the first match that only the answer decides: a name, or what a text mentions.
"""

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from tasks.config.cases import Columns
from tasks.erasure.searching.identifying import classify_column
from tasks.erasure.searching.places import Place, PurgeRule, StoredFile
from tasks.erasure.searching.search_terms import PersonalValue, SearchTerms
from tasks.erasure.searching.spellings import NOTE
from tasks.errors import SealError
from tasks.keystore.keys import KeyStore
from tasks.sealed.objects import SealedFile
from tasks.sealed.rows import check_file

# Between cells: no value goes across it, since no text of ours and no blank has it.
CELL_END = b"\x00"
ReadColumns = Callable[[str], Columns | None]


def find_carriers(
    terms: SearchTerms,
    places: Sequence[Place],
    keys: KeyStore,
    own_key_ids: Collection[bytes],
    read_columns: ReadColumns,
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

    Raises:
        SealError: Of some dataset the newest version was altered or cannot be read, and no whole
            copy of it lies on this machine: nobody can say who else has a name.
    """
    asking = _Asking(terms, keys, frozenset(own_key_ids), read_columns)
    carried: dict[str, set[PersonalValue]] = {}
    for copies in _newest_versions(places):
        for person, value in asking.find_in_version(copies):
            carried.setdefault(person, set()).add(value)

    return [frozenset(values) for values in carried.values()]


@dataclass(frozen=True)
class _VersionCopy:
    """One file of a version, and what it says of itself."""

    file: StoredFile
    dataset: str
    code: str  # the same for every copy of one version


def _newest_versions(places: Iterable[Place]) -> list[list[_VersionCopy]]:
    """Return the newest version of each dataset, with its copies.

    That of the working tree, or where that has none, the largest; the file by which it was chosen
    stands first.
    """
    newest: dict[str, tuple[bool, int, _VersionCopy]] = {}
    copies: list[_VersionCopy] = []
    for place in places:
        is_working_tree = place.rule is PurgeRule.REWRITE
        for stored in place.files():
            with stored.open() as stream:
                sealed = stored.read_sealed(stream)
                if sealed is None:
                    continue
                copy = _VersionCopy(stored, sealed.dataset, sealed.code)
                copies.append(copy)
                rank = (is_working_tree, sealed.rows)
                best = newest.get(sealed.dataset)
                if best is None or rank > best[:2]:
                    newest[sealed.dataset] = (*rank, copy)

    return [
        [first, *(copy for copy in copies if _is_same_version(copy, first) and copy is not first)]
        for *_, first in newest.values()
    ]


def _is_same_version(copy: _VersionCopy, other: _VersionCopy) -> bool:
    return (copy.dataset, copy.code) == (other.dataset, other.code)


@dataclass(frozen=True)
class _Asking:
    """What other people's rows are asked for, and by which keys they open."""

    terms: SearchTerms
    keys: KeyStore
    own_ids: frozenset[bytes]
    read_columns: ReadColumns

    def find_in_version(
        self, copies: Sequence[_VersionCopy]
    ) -> Collection[tuple[str, PersonalValue]]:
        """Return (whose row, which value) of a version, by the first of its copies that is whole.

        One damaged file must not keep everybody from being erased while the same rows lie beside
        it.

        Raises:
            SealError: None is whole.
        """
        newest, *others = copies
        try:
            return self._find_in_newest(newest)
        except (SealError, OSError) as error:
            # Asked for nothing less than the first: all its rows, by the code over all of them.
            for copy in others:
                with suppress(SealError, OSError):
                    return self._find_in_copy(copy)
            raise self._none_whole(newest) from error

    def _find_in_newest(self, copy: _VersionCopy) -> list[tuple[str, PersonalValue]]:
        with copy.file.open() as stream:
            sealed = copy.file.read_sealed(stream)
            # Replaced meanwhile by what is not sealed: that is searched as plain bytes.
            return [] if sealed is None else list(self._find_in_file(sealed))

    def _find_in_copy(self, copy: _VersionCopy) -> list[tuple[str, PersonalValue]]:
        """Return the same of a copy whose authentication code is right.

        Whoever can damage the first file can lay another one beside it that claims the same code,
        and holds rows under keys that nobody has: these would be passed over.

        Raises:
            SealError: It is not the version that was sealed here, or not on this machine.
        """
        sealed = None
        if copy.file.place.is_local:
            checked = check_file(Path(copy.file.path), copy.dataset, self.keys)
            with copy.file.open() as stream:
                sealed = copy.file.read_sealed(stream)
        if sealed is None or sealed.code != copy.code:
            raise self._none_whole(copy)

        # By the file that was checked, and not by its path once more.
        return list(self._find_in_file(replace(sealed, file=checked.file, path=None)))

    def _find_in_file(self, sealed: SealedFile) -> Iterator[tuple[str, PersonalValue]]:
        declared = self.read_columns(sealed.dataset.partition("/")[0])
        # As packed rows have them, only texts read as they are.
        searched = set(_searched_columns(sealed.columns, declared))
        sift = self.terms.sift_rows if searched <= set(sealed.text_columns) else None
        for frame, _ in sealed.iter_others(self.own_ids, self.keys.by_id_once, sift):
            yield from _find_in_rows(frame, declared, self.terms)

    def _none_whole(self, newest: _VersionCopy) -> SealError:
        case = newest.dataset.partition("/")[0]
        # What a file says of itself is shown where the configuration says it, too.
        is_declared = self.read_columns(case) is not None
        return SealError(
            newest.file.shown,
            expected=f"whole rows of use case {case if is_declared else 'that is gone'}, which "
            "every erasure asks who else has a name",
            found="an altered or unreadable file, and no whole copy of it on this machine",
            remedy="Run `dvc checkout`, or `dvc pull` where the cache has no whole copy, look for "
            "who or what wrote into the file, and retry what was set aside.",
        )


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
