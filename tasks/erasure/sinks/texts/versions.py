"""Which sealed versions have free texts, in which columns."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

from tasks.config.cases import Columns, Role
from tasks.erasure.searching.discovery import SealedCopy, read_columns

# Datasets whose columns are all declared; others have columns of their own, like reasons.
DATASETS_OF_DECLARED_COLUMNS = ("/ingest/rows", "/redact/rows")
SUBJECT = "subject"


@dataclass(frozen=True)
class OtherRows:
    """Where other people's rows may lie, and which keys' rows are the person's own."""

    copies: Collection[SealedCopy]
    own_ids: Collection[bytes] = ()


@dataclass
class VersionWithTexts:
    """A version of a dataset: its free texts, and its copies, that of the working tree first."""

    columns: list[str]
    copies: list[SealedCopy] = field(default_factory=list)


def find_versions(copies: Iterable[SealedCopy], workspace: Path) -> list[VersionWithTexts]:
    """Return the versions that have free texts, each once."""
    columns_of = cache(partial(read_columns, workspace=workspace))
    versions: dict[str, VersionWithTexts] = {}
    for copy in copies:
        columns = _text_columns(copy, columns_of(copy.dataset.partition("/")[0]))
        if columns:
            version = versions.setdefault(copy.code, VersionWithTexts(columns))
            version.copies.append(copy)
    return list(versions.values())


def _text_columns(copy: SealedCopy, declared: Columns | None) -> list[str]:
    """Return its columns that may mention other people.

    Every text may where nobody can say any more what it was: a column that the use case declared
    once, and all those of a use case that was removed.
    """
    names = [name for name in copy.text_columns if name != SUBJECT]
    if declared is None:
        return names

    free_texts = declared.named(Role.FREE_TEXT, Role.GOLD)
    has_declared_columns = copy.dataset.endswith(DATASETS_OF_DECLARED_COLUMNS)

    return [
        name
        for name in names
        if name in free_texts or (has_declared_columns and name not in declared.root)
    ]
