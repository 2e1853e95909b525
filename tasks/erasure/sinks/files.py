"""Files: report pages, quality documents, scratch, run logs, artifacts, and DVC's objects that are not sealed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.erasure.searching.masking import CannotMaskError, holds, without
from tasks.erasure.searching.places import Item, Place, Rule
from tasks.erasure.searching.traces import Traces
from tasks.erasure.sinks.sink import Purged

WHOLE_BYTES = 256 * 1024**2  # larger files are searched piece by piece, and go as a whole
PIECE_BYTES = 16 * 1024**2
OVERLAP_BYTES = 64 * 1024


@dataclass(frozen=True)
class Files:
    """Folders that are searched for plain text. Sealed files are passed over: their keys are what is destroyed."""

    name: str
    places: Sequence[Place]
    attested: tuple[
        str, ...
    ] = ()  # folders whose files are never rewritten: their digests are evidence

    def purge(self, traces: Traces) -> Purged:
        """Take the people out of every file, as its place's rule allows."""
        done = Purged()
        for place in self.places:
            for item in place.items():
                done += self._purge(item, traces)
        return done

    def _purge(self, item: Item, traces: Traces) -> Purged:
        is_named = traces.hidden(item.name) != item.name
        if not is_named and not self._holds(item, traces):
            return Purged(searched=1)
        rule = Rule.REPORT if set(Path(item.path).parts) & set(self.attested) else item.place.rule
        if rule is Rule.REPORT:
            shown = traces.hidden(item.shown)
            return Purged(
                searched=1, left=(f"{shown} holds a value of theirs: a person has to decide",)
            )
        if rule is Rule.REWRITE and item.size <= WHOLE_BYTES and not is_named:
            try:
                clean = without(item.path, item.read(), traces)
                if not holds(item.path, clean, traces):
                    item.replace(clean)
                    return Purged(searched=1, rewritten=1)
            except CannotMaskError:
                pass
        try:
            item.remove()
        except OSError as error:  # a write-once bucket, a folder of another account
            why = f"holds a value of theirs and cannot be removed ({type(error).__name__})"
            return Purged(searched=1, left=(f"{traces.hidden(item.shown)} {why}",))
        return Purged(searched=1, removed=1)

    def _holds(self, item: Item, traces: Traces) -> bool:
        with item.open() as stream:
            if item.sealed(stream) is not None:
                return False
            stream.seek(0)
            if item.size <= WHOLE_BYTES:
                return holds(item.path, stream.read(), traces)
            before = b""
            while piece := stream.read(PIECE_BYTES):
                if traces.are_in(before + piece):
                    return True
                before = piece[-OVERLAP_BYTES:]
        return False
