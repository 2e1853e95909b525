"""Files: report pages, quality documents, run logs, artifacts, and DVC's objects in plain text."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tasks.erasure.searching.masking import CannotMaskError, holds_person, remove_person
from tasks.erasure.searching.places import Place, PurgeRule, StoredFile
from tasks.erasure.searching.search_terms import SearchTerms
from tasks.erasure.sinks.sink import AS_MASKING_ALLOWS, PurgeOptions, PurgeReport, SinkId

# Larger files do not fit into a worker's memory several times over (content, masked content,
# decoded parts): they are searched piece by piece, and go as a whole.
WHOLE_BYTES = 256 * 1024**2
PIECE_BYTES = 16 * 1024**2
# Of the piece before, so that a value across the border of two pieces is found; a text longer than
# that is not, where it lies across one.
OVERLAP_BYTES = 64 * 1024


@dataclass(frozen=True)
class FileSink:
    """Folders that are searched for plain text.

    Sealed files are passed over: their keys are destroyed instead.
    """

    sink_id: SinkId
    places: Sequence[Place]
    # Names of folders whose files are never rewritten: their digests are evidence.
    attested: tuple[str, ...] = ()

    def purge(self, terms: SearchTerms, options: PurgeOptions = AS_MASKING_ALLOWS) -> PurgeReport:
        """Take the people out of every file, as its place's rule allows."""
        report = PurgeReport()
        for place in self.places:
            for stored in place.files():
                report += self._purge_file(stored, terms, options)
        return report

    def _purge_file(
        self, stored: StoredFile, terms: SearchTerms, options: PurgeOptions
    ) -> PurgeReport:
        is_named_after_person = terms.mask_name(stored.name) != stored.name
        if not is_named_after_person and not _holds_person(stored, terms):
            return PurgeReport(searched=1)

        if self._rule_of(stored) is PurgeRule.REPORT:
            reason = "holds a value of theirs: a person has to decide"
            return PurgeReport(searched=1, left=(f"{terms.mask_name(stored.shown)} {reason}",))

        if options.is_dry_run:
            line = f"{terms.mask_name(stored.shown)} would be masked or removed"
            return PurgeReport(searched=1, planned=(line,))

        # Rewriting leaves the name, so that a file named after the person has to go.
        may_rewrite = self._rule_of(stored) is PurgeRule.REWRITE and not is_named_after_person
        if may_rewrite and _rewrite_file(stored, terms):
            return PurgeReport(searched=1, rewritten=1)

        try:
            stored.remove()
        except OSError as error:  # a write-once bucket, a folder of another account
            reason = f"holds a value of theirs and cannot be removed ({type(error).__name__})"
            return PurgeReport(searched=1, left=(f"{terms.mask_name(stored.shown)} {reason}",))
        return PurgeReport(searched=1, removed=1)

    def _rule_of(self, stored: StoredFile) -> PurgeRule:
        is_attested = bool(set(Path(stored.path).parts) & set(self.attested))
        return PurgeRule.REPORT if is_attested else stored.place.rule


def _rewrite_file(stored: StoredFile, terms: SearchTerms) -> bool:
    """Take the person out of a file; say whether that could be done."""
    if stored.size_bytes > WHOLE_BYTES:
        return False

    with suppress(CannotMaskError):
        clean = remove_person(stored.path, stored.read(), terms)
        # Looked at again: a value may stand where masking does not reach, as inside base64.
        if not holds_person(stored.path, clean, terms):
            stored.replace(clean)
            return True
    return False


def _holds_person(stored: StoredFile, terms: SearchTerms) -> bool:
    with stored.open() as stream:
        if stored.read_sealed(stream) is not None:
            return False

        stream.seek(0)
        if stored.size_bytes <= WHOLE_BYTES:
            return holds_person(stored.path, stream.read(), terms)

        end_of_last_piece = b""
        while piece := stream.read(PIECE_BYTES):
            if terms.has_match(end_of_last_piece + piece):
                return True
            end_of_last_piece = piece[-OVERLAP_BYTES:]
    return False
