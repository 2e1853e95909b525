"""What an erasure would do, found out by the same search, and with nothing changed."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from tasks.config.cases import section
from tasks.erasure.batch import SayProgress, open_batch
from tasks.erasure.erasing import find_unheld
from tasks.erasure.holds import find_restrictions
from tasks.erasure.journal import MemoryJournal
from tasks.erasure.policy import ErasureParams
from tasks.erasure.queue import ErasureStores, assemble_batch
from tasks.erasure.request import Identifiers, RequestOptions, identify_people
from tasks.erasure.saga import cases_of_keys, find_keys
from tasks.erasure.sinks import PurgeReport
from tasks.notary.audit import PeopleAction, audit
from tasks.system.installation import Installation

logger = logging.getLogger("portcullis.erasure")


@dataclass(frozen=True)
class ErasurePreview:
    """What would be destroyed, kept, changed and left of people. Counts and places, no value."""

    people: int
    keys: Mapping[str, int]  # by retention class
    versions: int
    copies: int
    rows: int
    kept: tuple[str, ...]  # on which basis, and until when, decision records would stay
    too_short: int  # values that would not be searched for
    report: PurgeReport
    # Under which identifiers nothing is held: which of the people, and which of their identifiers.
    unheld: tuple[tuple[int, int], ...] = ()


def preview_erasure(
    case: str,
    identifiers: Sequence[Identifiers],
    *,
    day: date,
    options: RequestOptions | None = None,
    installation: Installation,
    say: SayProgress = logger.info,
) -> ErasurePreview:
    """Return what `erase` would do with the same arguments; no request, tombstone or file changes.

    The people's rows are read to know what they are searched for by, so that it is audited as a
    reading.
    """
    rule = section(case, "erasure", ErasureParams, installation.workspace).identifiers
    stores = ErasureStores.open(installation, say)
    secret = installation.secret("pseudonym")
    people = identify_people(identifiers, rule, secret)
    audit(
        PeopleAction.READ_ROWS,
        what=case,
        why=f"dry run of an erasure of {len(people)} people",
        installation=installation,
    )

    # The saga's own search, on requests that stand in memory alone.
    draft = replace(stores, journal=MemoryJournal())
    name = open_batch(draft.journal, case, people, day, day, options)
    named = {
        subject: identifier
        for person in people
        for subject, identifier in person.by_subject.items()
    }
    batch = assemble_batch(draft, name, named, deliver=lambda _: None)
    # Before the first step: sinks look at this before they write.
    batch.options = replace(batch.options, is_dry_run=True)
    find_keys(batch)
    reports = [sink.purge(batch.terms, batch.options) for sink in batch.sinks]

    # Holds stand in the journal of the installation.
    cases = cases_of_keys(batch.discovery)
    restrictions = find_restrictions(
        stores.keys, stores.journal, batch.requests, cases, installation
    )
    keys: dict[str, int] = {}
    for request in batch.requests:
        for retention, key_ids in request.key_ids.items():
            keys[retention.value] = keys.get(retention.value, 0) + len(key_ids)

    versions = batch.discovery.versions()
    return ErasurePreview(
        people=len(people),
        keys=keys,
        versions=len(versions),
        copies=len(batch.discovery.copies),
        rows=sum(len(places) for copy in versions for places in copy.rows.values()),
        kept=tuple(
            dict.fromkeys(
                f"until {restriction.review}"
                f"{' at the earliest' if restriction.held else ''}: {restriction.basis}"
                for restriction in restrictions.values()
            )
        ),
        too_short=batch.terms.too_short,
        unheld=tuple(find_unheld(stores, identifiers, rule, secret)),
        report=sum(reports, PurgeReport()),
    )
