"""Where a person's rows stand, in every version wherever it lies, and what is in them while they can be read."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pandas as pd

from tasks.config.cases import Columns, Role, section
from tasks.erasure.searching.places import Item, Place
from tasks.erasure.searching.traces import Value
from tasks.errors import ConfigError
from tasks.keystore.keys import SubjectKey

NAMING = (Role.SUBJECT, Role.IDENTIFIER, Role.FREE_TEXT, Role.GOLD)
SHARED_KINDS = ("city", "date")  # many people have the same


@dataclass(frozen=True)
class Holding:
    """One sealed file that holds rows of people who are looked for."""

    item: Item
    dataset: str
    code: str  # the same for every copy of one version
    rows: dict[bytes, tuple[int, ...]]  # key id -> which rows


@dataclass(frozen=True)
class Survey:
    """All of them, and how much was looked at."""

    holdings: tuple[Holding, ...]
    files: int
    sealed_files: int
    sealed_rows: int

    def versions(self) -> list[Holding]:
        """Return one holding for each version, however many copies there are."""
        return list({holding.code: holding for holding in self.holdings}.values())


def survey(places: Iterable[Place], key_ids: Collection[bytes]) -> Survey:
    """Look through every file of `places` for rows under those keys. Reads key ids only, never a row."""
    wanted = set(key_ids)
    holdings, files, sealed_files, sealed_rows = [], 0, 0, 0
    for place in places:
        for item in place.items():
            files += 1
            with item.open() as stream:
                file = item.sealed(stream)
                if file is None:
                    continue
                sealed_files += 1
                sealed_rows += file.rows
                if found := file.places(wanted) if wanted else {}:
                    rows = {key_id: tuple(where) for key_id, where in found.items()}
                    holdings.append(Holding(item, file.dataset, file.code, rows))
    return Survey(tuple(holdings), files, sealed_files, sealed_rows)


def read_holding(holding: Holding, keys: dict[bytes, SubjectKey]) -> pd.DataFrame:
    """Return the rows of a holding whose keys are given."""
    wanted = sorted(place for key_id in keys for place in holding.rows.get(key_id, ()))
    with holding.item.open() as stream:
        file = holding.item.sealed(stream)
        if file is None:
            return pd.DataFrame()
        return file.unseal(wanted, keys)


def naming_values(
    holdings: Sequence[Holding], keys: dict[bytes, SubjectKey], workspace: Path
) -> set[Value]:
    """Return what names the people in their rows: identifiers, addresses, whole texts; in memory only."""

    @cache
    def columns_of(case: str) -> Columns | None:
        try:
            return section(case, "columns", Columns, workspace)
        except ConfigError:  # a use case that is gone: its rows are not
            return None

    values: set[Value] = set()
    for holding in holdings:
        frame = read_holding(holding, keys)
        declared = columns_of(holding.dataset.partition("/")[0])
        for name in frame.columns:
            kind = _naming_kind(str(name), declared)
            if kind and pd.api.types.is_string_dtype(frame[name]):
                values |= {Value(kind, text) for text in frame[name].dropna().unique()}
    return values


def _naming_kind(name: str, declared: Columns | None) -> str:
    """Return the kind of a column whose values name a person, or nothing."""
    if name == "subject":
        return "pseudonym"
    if declared is None:
        return "text"
    column = declared.root.get(name)
    if column is None or column.kind in SHARED_KINDS:
        return ""
    return column.kind if column.role in NAMING or column.kind == "ip" else ""
