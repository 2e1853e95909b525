"""Search the texts of one version, as far as keys open them."""

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum

import pandas as pd

from tasks.erasure.searching.discovery import SealedCopy
from tasks.erasure.searching.search_terms import SearchTerms
from tasks.erasure.sinks.texts.versions import VersionWithTexts
from tasks.errors import SealError
from tasks.keystore.keys import KeyStore


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


def search_version(
    version: VersionWithTexts, terms: SearchTerms, own_ids: Collection[bytes], keys: KeyStore
) -> TextSearch:
    """Search one copy of a version: the first that can be read.

    Raises:
        SealError, OSError: None can be; the error is of the last one.
    """
    *others, last = version.copies
    for copy in others:
        with suppress(SealError, OSError):
            return _search_copy(copy, version.columns, terms, own_ids, keys)
    return _search_copy(last, version.columns, terms, own_ids, keys)


def _search_copy(
    copy: SealedCopy,
    columns: list[str],
    terms: SearchTerms,
    own_ids: Collection[bytes],
    keys: KeyStore,
) -> TextSearch:
    """Search one file, a row group at a time.

    Raises:
        SealError: It is not sealed any more, or a row was altered.
        OSError: It cannot be read.
    """
    search = TextSearch()
    with copy.file.open() as stream:
        sealed = copy.file.read_sealed(stream)
        if sealed is None:
            raise SealError(
                "a sealed version",
                expected="the file that was found",
                found="another",
                remedy="Run the same command again.",
            )
        for frame, closed_ids in sealed.iter_others(own_ids, keys.by_id_once):
            search.rows += len(frame)
            for mention in _mentions(frame[columns], terms):
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
