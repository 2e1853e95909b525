"""The sink: every version in which somebody else's text mentions the person, with counts."""

from collections.abc import Callable
from dataclasses import dataclass

from tasks.erasure.searching.search_terms import SearchTerms
from tasks.erasure.sinks.sink import AS_MASKING_ALLOWS, PurgeOptions, PurgeReport, SinkId
from tasks.erasure.sinks.texts.searching import TextSearch, search_version
from tasks.erasure.sinks.texts.versions import OtherRows, VersionWithTexts, find_versions
from tasks.errors import SealError
from tasks.keystore.keys import open_keys
from tasks.system.installation import Installation

WORKING_TREE = "data"  # the place of the newest version of each dataset
SHOWN_CODE = 12  # hex digits of a version's code: enough to tell versions apart

NEWEST = "the next release replaces it: mask at ingest (`third_persons: masked`) or mend the source"
OLDER = "an older version: `dvc gc` or the owner of its store removes it"


@dataclass(frozen=True)
class TextsSink:
    """Free texts in other people's sealed rows, of every version."""

    installation: Installation
    find_other_rows: Callable[[], OtherRows]
    sink_id: SinkId = SinkId.TEXTS

    def purge(self, terms: SearchTerms, options: PurgeOptions = AS_MASKING_ALLOWS) -> PurgeReport:
        """Report each version in which somebody else's text mentions them; change nothing."""
        others = self.find_other_rows()
        versions = find_versions(others.copies, self.installation.workspace)
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
                search = search_version(version, terms, others.own_ids, keys)
            except (SealError, OSError) as error:
                name = terms.mask_name(version.copies[0].file.shown)
                line = f"{name}: its texts cannot be read ({type(error).__name__})"
                report += PurgeReport(unseen=(line,))
                continue

            report += PurgeReport(searched=1, left=_left(version, search, terms))
            restricted_ids |= search.closed_ids - set(keys.is_shredded(search.closed_ids))
        return report + PurgeReport(unseen=_unseen(restricted_ids))


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
