"""The state folder: receipts, statements, audit logs, drafts, and what holds are based on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from tasks.erasure.searching.looking import look_at_content
from tasks.erasure.searching.places import Place
from tasks.erasure.searching.search_terms import SearchTerms
from tasks.erasure.sinks.database import open_for_purge, reporting_silence
from tasks.erasure.sinks.files import FileSink
from tasks.erasure.sinks.sink import AS_MASKING_ALLOWS, PurgeOptions, PurgeReport, SinkId

JOURNAL = "erasures.db"
READING = PurgeOptions(is_dry_run=True)


@dataclass(frozen=True)
class StateSink:
    """The state folder. What lies there is evidence: a person has to decide about a hit."""

    home: Path
    places: Sequence[Place]
    sink_id: SinkId = SinkId.STATE

    def purge(self, terms: SearchTerms, options: PurgeOptions = AS_MASKING_ALLOWS) -> PurgeReport:
        """Search files and the bases of holds; change nothing."""
        report = FileSink(self.sink_id, self.places).purge(terms, options)
        return report + self._search_holds(terms)

    def _search_holds(self, terms: SearchTerms) -> PurgeReport:
        """Search what people wrote as the basis of a hold.

        The rest of the journal names people by pseudonyms, this very batch until its last step.
        """
        path = self.home / JOURNAL
        if not path.is_file():
            return PurgeReport()

        with (
            reporting_silence("the journal of erasures"),
            open_for_purge(f"sqlite:///{path}", READING) as engine,
            engine.connect() as connection,
        ):
            rows = connection.execute(text("SELECT hold, basis FROM holds ORDER BY hold")).all()
        left = []
        for hold_id, basis in rows:
            look = look_at_content("basis.txt", str(basis).encode(), terms)
            if look.holds_person:
                left.append(f"the basis of hold {hold_id} holds a value of theirs: word it anew")
            elif look.is_ambiguous:
                left.append(f"the basis of hold {hold_id} has what others are called, too")
        return PurgeReport(searched=len(rows), left=tuple(left))
