"""Find data subjects' rows in every sealed version, and read what identifies them there."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain
from pathlib import Path

import pandas as pd

from tasks.config.cases import Columns, section
from tasks.erasure.searching.identifying import Cell, read_values
from tasks.erasure.searching.places import Place, StoredFile
from tasks.erasure.searching.search_terms import PersonalValue
from tasks.errors import ConfigError, SealError
from tasks.keystore.keys import SubjectKey
from tasks.sealed.packing import Layout, unpack
from tasks.under_way import under_way

BATCH_ROWS = 10_000  # unpacked at a time, so that memory does not grow with versions


@dataclass(frozen=True)
class SealedCopy:
    """One sealed file, whosever rows it holds."""

    file: StoredFile
    dataset: str  # use case/stage/name
    code: str  # the authentication code: the same for every copy of one version
    text_columns: tuple[str, ...]


@dataclass(frozen=True)
class SubjectRows:
    """One sealed file that holds rows of the people who are looked for."""

    file: StoredFile
    dataset: str  # use case/stage/name
    code: str  # the authentication code: the same for every copy of one version
    rows: dict[bytes, tuple[int, ...]]  # key id -> places of its rows in the file

    def places(self, key_ids: Iterable[bytes]) -> list[int]:
        """Return where the rows under some keys stand."""
        return sorted(number for key_id in key_ids for number in self.rows.get(key_id, ()))


@dataclass(frozen=True)
class Discovery:
    """Every sealed file that holds rows of theirs, and how much was looked at."""

    copies: tuple[SubjectRows, ...]
    files: int
    sealed_files: int
    sealed_rows: int
    sealed_copies: tuple[SealedCopy, ...] = ()  # also those that hold no row of theirs

    def versions(self) -> list[SubjectRows]:
        """Return one copy of each version."""
        return list({copy.code: copy for copy in self.copies}.values())


def discover_rows(places: Iterable[Place], key_ids: Collection[bytes]) -> Discovery:
    """Look through every file of `places` for rows under those keys. Reads key ids, never a row."""
    wanted_ids = set(key_ids)
    copies: list[SubjectRows] = []
    files = 0
    sealed_files = 0
    sealed_rows = 0
    sealed_copies: list[SealedCopy] = []

    with under_way("looking for their rows in stored files") as work:
        for stored in chain.from_iterable(place.files() for place in places):
            files += 1
            work.done = files
            with stored.open() as stream:
                sealed = stored.read_sealed(stream)
                if sealed is None:
                    continue
                sealed_files += 1
                sealed_rows += sealed.rows
                sealed_copies.append(
                    SealedCopy(stored, sealed.dataset, sealed.code, sealed.text_columns)
                )
                row_places = sealed.places(wanted_ids) if wanted_ids else {}

            if row_places:
                rows = {key_id: tuple(numbers) for key_id, numbers in row_places.items()}
                copies.append(SubjectRows(stored, sealed.dataset, sealed.code, rows))

    return Discovery(tuple(copies), files, sealed_files, sealed_rows, tuple(sealed_copies))


def read_subject_rows(copy: SubjectRows, keys: dict[bytes, SubjectKey]) -> pd.DataFrame:
    """Return the rows of a file whose keys are among `keys`; empty where the file has gone."""
    with copy.file.open() as stream:
        sealed = copy.file.read_sealed(stream)
        return pd.DataFrame() if sealed is None else sealed.unseal(copy.places(keys), keys)


def read_identifying_values(
    copies: Sequence[SubjectRows], keys: dict[bytes, SubjectKey], workspace: Path
) -> set[PersonalValue]:
    """Return what identifies people in their rows, of each version by the first copy that opens.

    In memory only: whoever writes it down makes another copy that has to be erased.

    Raises:
        SealError: Of some version no copy can be read, so that nobody can say what stands there.
    """
    columns_of = cache(partial(read_columns, workspace=workspace))
    values: set[PersonalValue] = set()
    # By use case, which says of what kind a column is: most versions say the same of a person.
    seen: defaultdict[str, set[Cell]] = defaultdict(set)
    # By use case and layout: what several versions say alike is unpacked once, and many at a time.
    packed: defaultdict[tuple[str, bytes], dict[bytes, None]] = defaultdict(dict)

    def read_packed(case: str, layout: bytes) -> set[PersonalValue]:
        frame = unpack(list(packed.pop((case, layout))), Layout.from_json(layout))
        return read_values(frame, columns_of(case), seen[case])

    versions: defaultdict[str, list[SubjectRows]] = defaultdict(list)
    for copy in copies:
        versions[copy.code].append(copy)
    with under_way("reading their rows in copies", len(versions)) as work:
        for same in versions.values():
            work.done += 1
            case, _, _ = same[0].dataset.partition("/")
            layout, rows = _open_version(same, keys)
            if rows:
                same_layout = packed[case, layout]
                same_layout.update(dict.fromkeys(rows))
                if len(same_layout) >= BATCH_ROWS:
                    values |= read_packed(case, layout)
    for case, layout in list(packed):
        values |= read_packed(case, layout)
    return values


def _open_version(
    copies: Sequence[SubjectRows], keys: dict[bytes, SubjectKey]
) -> tuple[bytes, list[bytes]]:
    """Return the layout and the packed rows of a version by the first of its copies that opens.

    One damaged object of a cache must not keep a person from being erased while a whole one lies in
    the remote.

    Raises:
        SealError, OSError: None can be read; the error is of the last one.
    """
    *others, last = copies
    for copy in others:
        with suppress(SealError, OSError):
            if opened := _open_copy(copy, keys):
                return opened
    return _open_copy(last, keys) or (b"", [])


def _open_copy(
    copy: SubjectRows, keys: dict[bytes, SubjectKey]
) -> tuple[bytes, list[bytes]] | None:
    """Return the layout and the packed rows of one file; None where it is sealed no more."""
    with copy.file.open() as stream:
        sealed = copy.file.read_sealed(stream)
        if sealed is None:
            return None
        return sealed.layout, sealed.open_rows(copy.places(keys), keys)


def read_columns(case: str, workspace: Path) -> Columns | None:
    """Return what a use case declares; nothing for one that was removed.

    Its rows lie in the cache still, and are their people's.
    """
    try:
        return section(case, "columns", Columns, workspace)
    except ConfigError:
        return None
