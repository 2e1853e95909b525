"""Texts of other people in sealed versions: a note about Bob that names Ann is sealed as Bob's.

Nothing is rewritten here: a version is named by its digest (docs/adr/0077). It is searched, as far
as keys open it, and each place that mentions the person is reported.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from functools import cache, partial
from pathlib import Path

import pandas as pd

from tasks.config.cases import Columns, Role, section
from tasks.erasure.searching.discovery import SealedCopy
from tasks.erasure.searching.search_terms import SearchTerms
from tasks.erasure.sinks.sink import AS_MASKING_ALLOWS, PurgeOptions, PurgeReport, SinkId
from tasks.errors import ConfigError, SealError
from tasks.keystore.keys import KeyStore, open_keys
from tasks.system.installation import Installation

WORKING_TREE = "data"  # the place of the newest version of each dataset
# Datasets whose columns are all declared; others have columns of their own, like reasons.
DATASETS_OF_DECLARED_COLUMNS = ("/ingest/rows", "/redact/rows")
SUBJECT = "subject"
SHOWN_CODE = 12  # hex digits of a version's code: enough to tell versions apart

NEWEST = "the next release replaces it: mask at ingest (`third_persons: masked`) or mend the source"
OLDER = "an older version: `dvc gc` or the owner of its store removes it"


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


class Mentioned(Enum):
    """How surely a row's texts mention the person."""

    CERTAINLY = "certainly"
    PERHAPS = "perhaps"


@dataclass
class TextSearch:
    """What one version's texts came to. Counts only."""

    rows: int = 0  # of other people, opened
    mentioning: int = 0  # of them
    doubtful: int = 0  # of them: only values that others carry, too
    closed_ids: set[bytes] = field(default_factory=set)  # of keys that are not there


@dataclass(frozen=True)
class TextsSink:
    """Free texts in other people's sealed rows, of every version."""

    installation: Installation
    find_other_rows: Callable[[], OtherRows]
    sink_id: SinkId = SinkId.TEXTS

    def purge(self, terms: SearchTerms, options: PurgeOptions = AS_MASKING_ALLOWS) -> PurgeReport:
        """Report each version in which somebody else's text mentions them; change nothing."""
        others = self.find_other_rows()
        versions = self._versions_with_texts(others.copies)
        if not versions:
            return PurgeReport()
        if not options.searches_texts:
            files = sum(len(version.copies) for version in versions)
            line = (
                "texts of other people in sealed versions were not searched: "
                f"{files:,} sealed files with free text; give --search-texts"
            )
            return PurgeReport(unseen=(line,))

        keys = open_keys(self.installation)
        report = PurgeReport()
        restricted_ids: set[bytes] = set()
        for version in versions:
            try:
                search = _search(version, terms, others.own_ids, keys)
            except (SealError, OSError) as error:
                name = terms.mask_name(version.copies[0].file.shown)
                line = f"{name}: its texts cannot be read ({type(error).__name__})"
                report += PurgeReport(unseen=(line,))
                continue

            report += PurgeReport(searched=1, left=_left(version, search, terms))
            restricted_ids |= search.closed_ids - set(keys.is_shredded(search.closed_ids))
        return report + PurgeReport(unseen=_unseen(restricted_ids))

    def _versions_with_texts(self, copies: Iterable[SealedCopy]) -> list[VersionWithTexts]:
        """Return the versions that have free text, each once."""
        read_columns = cache(partial(_read_columns, self.installation.workspace))
        versions: dict[str, VersionWithTexts] = {}
        for copy in copies:
            columns = _text_columns(copy, read_columns(copy.dataset.partition("/")[0]))
            if columns:
                version = versions.setdefault(copy.code, VersionWithTexts(columns))
                version.copies.append(copy)
        return list(versions.values())


def _read_columns(workspace: Path, case: str) -> Columns | None:
    try:
        return section(case, "columns", Columns, workspace)
    except ConfigError:
        # The use case was removed; its versions lie in the cache still.
        return None


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


def _search(
    version: VersionWithTexts, terms: SearchTerms, own_ids: Collection[bytes], keys: KeyStore
) -> TextSearch:
    """Search one copy of a version, a row group at a time.

    Raises:
        SealError: It is not sealed any more, or a row was altered.
        OSError: It cannot be read.
    """
    stored = version.copies[0].file
    search = TextSearch()
    with stored.open() as stream:
        sealed = stored.read_sealed(stream)
        if sealed is None:
            raise SealError(
                "a sealed version",
                expected="the file that was found",
                found="another",
                remedy="Run the same command again.",
            )
        for frame, closed_ids in sealed.iter_others(own_ids, keys.by_id):
            search.rows += len(frame)
            for mention in _mentions(frame[version.columns], terms):
                search.mentioning += mention is Mentioned.CERTAINLY
                search.doubtful += mention is Mentioned.PERHAPS
            search.closed_ids.update(closed_ids)
    return search


def _mentions(frame: pd.DataFrame, terms: SearchTerms) -> Iterator[Mentioned]:
    """Yield each row's mention of the person."""
    rows = frame.fillna("").itertuples(index=False, name=None)
    # One line a row: what stands in one line is told together.
    texts = [
        " ".join(" ".join(cells).split()).encode("utf-8", errors="surrogatepass") for cells in rows
    ]
    # All at once first: most groups mention nobody.
    if next(terms.find(b"\n".join(texts)), None) is None:
        return
    for text in texts:
        if terms.has_match(text):
            yield Mentioned.CERTAINLY
        elif terms.has_ambiguous(text):
            yield Mentioned.PERHAPS


def _left(version: VersionWithTexts, search: TextSearch, terms: SearchTerms) -> tuple[str, ...]:
    """Return what is said of one version, if anybody is mentioned in it."""
    counts = []
    if search.mentioning:
        counts.append(f"{search.mentioning:,} of {search.rows:,} rows of other people mention them")
    if search.doubtful:
        counts.append(
            f"{search.doubtful:,} rows hold only values that others carry, too: a person decides"
        )
    if not counts:
        return ()

    copies = version.copies
    first = copies[0]
    remedy = NEWEST if first.file.place.name == WORKING_TREE else OLDER
    files = f"{len(copies):,} files" if len(copies) > 1 else "1 file"
    name = terms.mask_name(first.dataset)
    shown = terms.mask_name(first.file.shown)
    place = f"{name}, version {first.code[:SHOWN_CODE]} ({files}, as {shown})"
    return (f"{place}: {'; '.join(counts)}; {remedy}",)


def _unseen(restricted_ids: set[bytes]) -> tuple[str, ...]:
    if not restricted_ids:
        return ()
    return (
        f"texts under {len(restricted_ids):,} keys that are sealed to custodians, or of another "
        "installation: two custodians can open them",
    )
