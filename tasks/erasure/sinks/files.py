"""Files: report pages, quality documents, run logs, artifacts, and DVC's objects in plain text."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tasks.erasure.searching.looking import Look, look_at_content, look_at_name
from tasks.erasure.searching.masking import remove_person
from tasks.erasure.searching.places import EntryKind, Place, PlaceEntry, PurgeRule, StoredFile
from tasks.erasure.searching.search_terms import SearchTerms
from tasks.erasure.sinks.sink import AS_MASKING_ALLOWS, PurgeOptions, PurgeReport, SinkId

# Larger files do not fit into a worker's memory several times over (content, masked content,
# decoded parts): they are searched piece by piece, and never rewritten.
WHOLE_BYTES = 256 * 1024**2
PIECE_BYTES = 16 * 1024**2
# Of the piece before, so that a value across the border of two pieces is found; a text longer than
# that is not, where it lies across one.
OVERLAP_BYTES = 64 * 1024
LARGE_FILE = f"compressed or encoded parts of a file of more than {WHOLE_BYTES // 1024**2} MiB"

REPORTED_LINES = 20
REMEDY = "or give --remove-files"


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
            report += _PlacePurge(place, self.attested, terms, options).run()
        return report


@dataclass
class _PlacePurge:
    """One place, searched once."""

    place: Place
    attested: tuple[str, ...]
    terms: SearchTerms
    options: PurgeOptions
    # Kinds of content that nothing could look into, and in how many files.
    unsearched: Counter[str] = field(default_factory=Counter)
    named_folders: list[str] = field(default_factory=list)
    # Changed files of which another name leads to what they held before.
    linked: list[str] = field(default_factory=list)
    # What holds, or is called, what others are called, too.
    ambiguous: list[str] = field(default_factory=list)

    def run(self) -> PurgeReport:
        report = PurgeReport()
        for entry in self.place.entries():
            if isinstance(entry, StoredFile):
                report += self._purge_file(entry)
            else:
                report += self._look_at_entry(entry)

        # The innermost first: a folder within another one.
        for folder in reversed(self.named_folders):
            report += self._purge_folder(folder)
        left = (*self.linked, *self._describe_ambiguous())
        return report + PurgeReport(left=left, unseen=tuple(self._describe_unsearched()))

    def _purge_file(self, stored: StoredFile) -> PurgeReport:
        """Take the people out of one file, or say why it is left to a person."""
        try:
            is_sealed, look = self._look_at(stored)
        except OSError as error:
            # Another account's file, or one that went while it was searched.
            line = f"{self._show(stored)} could not be read ({type(error).__name__})"
            return PurgeReport(unseen=(line,))
        except Exception as error:
            if self.place.is_local:
                line = f"{self._show(stored)} could not be looked into ({type(error).__name__})"
                return PurgeReport(unseen=(line,))
            raise self.place.silence(type(error).__name__) from error

        self.unsearched.update(set(look.unsearched))
        name = look_at_name(stored.name, self.terms)
        if not look.holds_person and not name.holds_person:
            if look.is_ambiguous or name.is_ambiguous:
                self.ambiguous.append(self._show(stored))
            return PurgeReport(searched=1)

        if is_sealed or self._rule_of(stored) is PurgeRule.REPORT:
            return self._leave(stored, "a person has to decide")
        if name.holds_person:
            # Rewriting leaves the name.
            return self._remove(stored, "is named after them")
        if self._rule_of(stored) is PurgeRule.REMOVE:
            return self._remove(stored, "holds a value of theirs under the digest of its content")
        if stored.size_bytes > WHOLE_BYTES:
            return self._remove(stored, "holds a value of theirs and is too large to be masked")
        return self._mask(stored)

    def _look_at(self, stored: StoredFile) -> tuple[bool, Look]:
        """Say whether a file is sealed, and what stands in one that is not."""
        with stored.open() as stream:
            if stored.read_sealed(stream) is not None:
                return True, Look()

            stream.seek(0)
            if stored.size_bytes <= WHOLE_BYTES:
                return False, look_at_content(stored.name, stream.read(), self.terms)

            look = Look(unsearched=(LARGE_FILE,))
            end_of_last_piece = b""
            while piece := stream.read(PIECE_BYTES):
                look += look_at_content("", end_of_last_piece + piece, self.terms, plain=True)
                if look.holds_person:
                    break
                end_of_last_piece = piece[-OVERLAP_BYTES:]
        return False, look

    def _mask(self, stored: StoredFile) -> PurgeReport:
        """Take the person out of a file in place."""
        before = _fingerprint(stored)
        clean = None
        # Whatever stops a parser halfway through a damaged file, the file is as it was.
        with suppress(Exception):
            clean = remove_person(stored.name, stored.read(), self.terms)
        # Looked at again: a value may stand where masking does not reach.
        look = Look(holds_person=True)
        if clean is not None:
            look = look_at_content(stored.name, clean, self.terms)
        if clean is None or look.holds_person:
            return self._remove(stored, "holds a value of theirs and cannot be masked in place")

        if look.is_ambiguous:
            self.ambiguous.append(self._show(stored))
        if has_other_names(stored):
            self.linked.append(
                f"{self._show(stored)} has another name (a hard link), by which what it held can "
                "be read: find it, and remove it"
            )
        if self.options.is_dry_run:
            return PurgeReport(searched=1, planned=(f"{self._show(stored)} would be masked",))
        if _fingerprint(stored) != before:
            return self._leave(stored, "it changed while it was masked, run this again")
        try:
            stored.replace(clean)
        except OSError as error:
            return self._leave(stored, f"it cannot be written ({type(error).__name__})")
        return PurgeReport(searched=1, rewritten=1)

    def _remove(self, stored: StoredFile, reason: str) -> PurgeReport:
        """Remove a file that no masking helps, if the caller allows it."""
        shown = self._show(stored)
        if not self.options.removes_files:
            line = f"{shown} {reason}: a person has to decide, {REMEDY}"
            return PurgeReport(searched=1, left=(line,))
        if self.options.is_dry_run:
            return PurgeReport(searched=1, planned=(f"{shown} {reason}: it would be removed",))

        try:
            stored.remove()
        except OSError as error:  # a write-once bucket, a folder of another account
            return self._leave(stored, f"it cannot be removed ({type(error).__name__})")
        return PurgeReport(searched=1, removed=1)

    def _leave(self, stored: StoredFile, reason: str) -> PurgeReport:
        line = f"{self._show(stored)} holds a value of theirs: {reason}"
        return PurgeReport(searched=1, left=(line,))

    def _look_at_entry(self, entry: PlaceEntry) -> PurgeReport:
        """Look at the name of what is no file, and at what a link points to."""
        if entry.kind is EntryKind.UNREADABLE:
            return PurgeReport(unseen=(f"{self._show(entry)} could not be listed",))
        if entry.leads_out:
            self.unsearched.update(["a link that leads elsewhere"])

        look = look_at_name(entry.name.rpartition("/")[2], self.terms)
        if entry.kind is EntryKind.LINK:
            look += look_at_name(entry.target, self.terms)
        if not look.holds_person:
            if look.is_ambiguous:
                self.ambiguous.append(self._show(entry))
            return PurgeReport()

        if entry.kind is EntryKind.FOLDER and self.place.rule is not PurgeRule.REPORT:
            self.named_folders.append(entry.path)
            return PurgeReport()
        line = (
            f"{self._show(entry)}, a {entry.kind.value}, is named after them: rename or remove it"
        )
        return PurgeReport(left=(line,))

    def _purge_folder(self, path: str) -> PurgeReport:
        """Remove an empty folder that is named after the person; one with files in it is left."""
        entry = PlaceEntry(self.place, path, EntryKind.FOLDER)
        shown = f"{self._show(entry)}, a folder, is named after them"
        if not self.options.removes_files:
            return PurgeReport(left=(f"{shown}: rename or remove it, {REMEDY}",))
        if self.options.is_dry_run:
            return PurgeReport(planned=(f"{shown}: it would be removed once it is empty",))

        try:
            Path(path).rmdir()
        except OSError as error:
            line = f"{shown} and cannot be removed ({type(error).__name__}): rename or remove it"
            return PurgeReport(left=(line,))
        return PurgeReport(removed=1)

    def _describe_ambiguous(self) -> list[str]:
        """Return a line for each, and of very many a number: nobody reads a thousand lines."""
        shown = self.ambiguous[:REPORTED_LINES]
        lines = [
            f"{name} has what others are called, too: a person has to decide" for name in shown
        ]
        if rest := len(self.ambiguous) - len(shown):
            lines.append(f"{self.place.name}: so have {rest:,} more")
        return lines

    def _describe_unsearched(self) -> list[str]:
        return [
            f"{self.place.name}: {kind}: {files:,} not looked into"
            for kind, files in sorted(self.unsearched.items())
        ]

    def _show(self, entry: StoredFile | PlaceEntry) -> str:
        return self.terms.mask_name(entry.shown)

    def _rule_of(self, stored: StoredFile) -> PurgeRule:
        is_attested = bool(set(Path(stored.name).parts) & set(self.attested))
        return PurgeRule.REPORT if is_attested else self.place.rule


def has_other_names(stored: StoredFile) -> bool:
    """Say whether other names lead to a file of this machine: replaced, it stays under those."""
    with suppress(OSError):
        return stored.place.is_local and Path(stored.path).stat().st_nlink > 1
    return False


def _fingerprint(stored: StoredFile) -> tuple[int, ...]:
    """Return what changes when another program writes a file of this machine."""
    if not stored.place.is_local:
        return ()
    try:
        facts = Path(stored.path).stat()
    except OSError:
        return (-1,)
    return (facts.st_ino, facts.st_size, facts.st_mtime_ns)
