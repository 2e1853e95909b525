"""One batch of requests under way: what it works on, and what it has found out so far."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property, partial

from tasks.erasure.journal import Journal
from tasks.erasure.receipt import PersonalReceipt, compute_commitment, derive_nonce
from tasks.erasure.request import ErasureRequest, Person, RequestOptions
from tasks.erasure.searching.carriers import find_carriers
from tasks.erasure.searching.discovery import (
    Discovery,
    discover_rows,
    read_columns,
    read_identifying_values,
)
from tasks.erasure.searching.places import Place
from tasks.erasure.searching.search_terms import EMAIL, PersonalValue, SearchTerms
from tasks.erasure.sinks import PurgeOptions, Sink
from tasks.erasure.sinks.texts import OtherRows
from tasks.erasure.statements import StatementLog
from tasks.keystore.keys import KeyStore
from tasks.system.installation import Installation

BATCH_BYTES = 6  # two batches of one day get one name once in 2^48 times
SEED_BYTES = 32  # as long as the nonce that HMAC-SHA256 makes of it

DeliverReceipt = Callable[[PersonalReceipt], None]
SayProgress = Callable[[str], None]


@dataclass
class ErasureBatch:
    """Requests that are carried out together, and all that their steps need."""

    name: str
    installation: Installation
    keys: KeyStore
    journal: Journal
    log: StatementLog
    places: Sequence[Place]  # where sealed versions lie
    sinks: Sequence[Sink]
    deliver: DeliverReceipt
    say: SayProgress
    identifiers: dict[str, str] = field(default_factory=dict)  # by pseudonym; empty when resumed
    options: PurgeOptions = field(default_factory=PurgeOptions)

    @property
    def requests(self) -> list[ErasureRequest]:
        """The batch's requests, as the journal has them now."""
        return self.journal.requests(batch=self.name)

    @property
    def subjects(self) -> list[str]:
        """Their pseudonyms, of all their identifiers."""
        return [subject for request in self.requests for subject in request.subjects]

    @property
    def key_ids(self) -> list[bytes]:
        """The ids of the keys that the step `find keys` noted."""
        return [
            bytes.fromhex(key_id)
            for request in self.requests
            for key_ids in request.key_ids.values()
            for key_id in key_ids
        ]

    @cached_property
    def discovery(self) -> Discovery:
        """Where their rows stand. That does not change: keys are destroyed, not bytes."""
        discovery = discover_rows(self.places, self.key_ids)
        self.say(
            f"{discovery.sealed_files:,} sealed files of {discovery.files:,} looked at, "
            f"{discovery.sealed_rows:,} rows"
        )
        return discovery

    def find_other_rows(self) -> OtherRows:
        """Return where other people's rows lie, and which keys' rows are not theirs."""
        return OtherRows(self.discovery.sealed_copies, frozenset(self.key_ids))

    @cached_property
    def terms(self) -> SearchTerms:
        """What to look for in plain text, in memory only: as much as can be read at first use."""
        # Somebody with several identifiers is one person: the main one's pseudonym stands for all.
        owners = {
            subject: request.subjects[0]
            for request in self.requests
            for subject in request.subjects
        }
        values = {PersonalValue("key id", key_id.hex()) for key_id in self.key_ids}
        values |= {PersonalValue("pseudonym", subject, owners[subject]) for subject in owners}
        values |= {
            PersonalValue(
                EMAIL if "@" in identifier else "identifier", identifier, owners.get(subject, "")
            )
            for subject, identifier in self.identifiers.items()
        }

        # A batch that is resumed after its keys are destroyed reads nothing any more: its sinks
        # were purged before.
        if readable := self.keys.by_id(self.key_ids):
            values |= {
                replace(value, person=owners.get(value.person, value.person))
                for value in read_identifying_values(
                    self.discovery.copies, readable, self.installation.workspace
                )
            }
        return SearchTerms.of(values, find_carriers=self._find_carriers)

    def _find_carriers(self, terms: SearchTerms) -> list[frozenset[PersonalValue]]:
        """Return what other people carry of what is searched for."""
        workspace = self.installation.workspace
        return find_carriers(
            terms,
            self.places,
            self.keys,
            self.key_ids,
            partial(read_columns, workspace=workspace),
        )


def open_batch(
    journal: Journal,
    case: str,
    people: Sequence[Person],
    received: date,
    day: date,
    options: RequestOptions | None = None,
) -> str:
    """Write down a new batch, one request for each person, and return its name.

    From here on it will be finished, by this process or by another.

    Args:
        journal: Where it is written down.
        case: The use case in whose name the requests came.
        people: Who asks; none of their identifiers is written down.
        received: The day on which the requests came in.
        day: Today.
        options: What whoever asked allowed; written down, so that every later try does the same.
    """
    name = new_batch_name()
    requests = []
    for number, person in enumerate(people, 1):
        request_id = f"E{day:%Y%m%d}-{name}-{number}"
        seed = secrets.token_bytes(SEED_BYTES)
        # Computed while the identifier is known: it is written nowhere, and the receipt may be made
        # by a later process.
        commitment = compute_commitment(derive_nonce(seed, request_id), person.identifiers[0])

        requests.append(
            ErasureRequest(
                request_id=request_id,
                batch=name,
                use_case=case,
                received=received,
                day=day,
                subject=person.subjects[0],
                seed=seed,
                commitment=commitment,
                aliases=person.subjects[1:],
                options=options or RequestOptions(),
            )
        )
    journal.put_requests(requests)
    return name


def new_batch_name() -> str:
    """Return a name that no other batch has."""
    return secrets.token_hex(BATCH_BYTES)
