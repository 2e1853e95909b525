"""What is kept although somebody asked to be erased: by a court (a hold) or by a law (a term).

GDPR Art. 17(3)(b) and (e): no erasure where a legal obligation, or the establishment, exercise or
defence of legal claims, needs the data. Only decision records fall under it here; training data
goes at once either way. What is kept is restricted (Art. 18): sealed to custodians, so that no
pipeline reads it.
"""

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date
from hashlib import blake2b
from pathlib import Path

from tasks.config.cases import section
from tasks.erasure.journal import Hold, Journal
from tasks.erasure.policy import ErasureParams, add_months
from tasks.erasure.request import ErasureRequest
from tasks.errors import ConfigError, DataError
from tasks.keystore.custodians import Restriction, load_custodians
from tasks.keystore.keys import KeyStore, Retention
from tasks.system.installation import Installation

# The person is told the basis (Art. 12(4)): it has to be words, not "yes" or a file number.
SHORTEST_BASIS_CHARACTERS = 10
MARK_BYTES = 16


@dataclass(frozen=True)
class KeepingReason:
    """A law or a court that keeps decision records, and until when at the least."""

    basis: str
    review: date


def place_hold(
    journal: Journal,
    subject: str,
    case: str,
    basis: str,
    since: date,
    review: date,
    installation: Installation,
) -> Hold:
    """Write down a hold on a subject's decision records, before or after a request for erasure.

    Raises:
        ConfigError: It has no basis, or no day after today on which somebody looks at it again.
    """
    basis = basis.strip()
    if len(basis) < SHORTEST_BASIS_CHARACTERS or review <= since:
        raise ConfigError(
            "hold",
            expected="a legal basis in words, and a day of review to come",
            found=f"{len(basis)} characters, review on {review}",
            remedy="Say which court, case or law, and when somebody looks at it again.",
        )

    hold = Hold(
        hold_id=f"H{since:%Y%m%d}-{secrets.token_hex(4)}",
        mark=_mark_of(subject, installation),
        use_case=case,
        basis=basis,
        since=since,
        review=review,
    )
    journal.put_hold(hold)
    return hold


def active_holds(journal: Journal, subject: str, installation: Installation) -> list[Hold]:
    """Return the holds on a subject that nobody has released."""
    mark = _mark_of(subject, installation)
    return [hold for hold in journal.holds() if hold.mark == mark and hold.released is None]


def release_holds(
    journal: Journal, subject: str, day: date, installation: Installation
) -> list[Hold]:
    """Release every hold on a subject; return them as they were.

    Raises:
        DataError: There is none.
    """
    holds = active_holds(journal, subject, installation)
    if not holds:
        raise DataError(
            "hold", expected="one on this person", found="none", remedy="Check the identifier."
        )
    for hold in holds:
        journal.put_hold(replace(hold, released=day))
    return holds


def find_restrictions(
    keys: KeyStore,
    journal: Journal,
    requests: Collection[ErasureRequest],
    cases: Mapping[str, Collection[str]],
    installation: Installation,
) -> dict[str, Restriction]:
    """Return for which subjects the decision-record key is kept, why, and until when at the least.

    Args:
        keys: The key store, whose root says whether custodians must be people.
        journal: Where holds stand.
        requests: Those under way.
        cases: Key id (hex) -> use cases in whose versions it has rows.
        installation: The checkout, its keys and its settings.
    """
    restrictions: dict[str, Restriction] = {}
    for request in requests:
        key_id = request.key_ids.get(Retention.DECISION_RECORD)
        if request.subject is None or key_id is None:
            continue

        holds = active_holds(journal, request.subject, installation)
        reasons = [KeepingReason(hold.basis, hold.review) for hold in holds]
        for case in sorted(cases.get(key_id, ())):
            if term := legal_term(case, request.day, installation.workspace):
                reasons.append(term)
        if not reasons:
            continue

        # One key seals the records of all use cases: the longest of several reasons counts.
        restrictions[request.subject] = Restriction(
            basis="; ".join(dict.fromkeys(reason.basis for reason in reasons)),
            review=max(reason.review for reason in reasons),
            custodians=load_custodians(installation, allow_local=keys.root_key.is_local),
            held=bool(holds),
        )
    return restrictions


def legal_term(case: str, day: date, workspace: Path) -> KeepingReason | None:
    """Return the law that keeps a use case's decision records, and until when.

    Counted from a request's day: the decision was made before it, so that the law's own term cannot
    end later.
    """
    law = section(case, "erasure", ErasureParams, workspace).decision_records
    return KeepingReason(law.basis, add_months(day, law.months)) if law else None


def _mark_of(subject: str, installation: Installation) -> bytes:
    """Return a subject's mark: keyed BLAKE2b (RFC 7693), told apart from tombstones by `person`."""
    secret = installation.secret("tombstone")
    return blake2b(subject.encode(), key=secret, digest_size=MARK_BYTES, person=b"hold").digest()
