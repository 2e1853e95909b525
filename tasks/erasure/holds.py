"""What is kept although somebody asked to be erased: by a court (a hold, until released) or by a law (a term).

Training data goes at once either way. Only decision records are kept, sealed to custodians: no pipeline reads them.
"""

import secrets
from collections.abc import Collection, Mapping
from datetime import date
from hashlib import blake2b
from pathlib import Path

from tasks.config.cases import section
from tasks.erasure.journal import Hold, Journal, Request
from tasks.erasure.policy import ErasureParams, months_later
from tasks.errors import ConfigError, DataError
from tasks.keystore.custody import Restriction, load_custodians
from tasks.keystore.keys import KeyStore, Retention
from tasks.system.installation import Installation


def place_hold(
    journal: Journal,
    subject: str,
    case: str,
    basis: str,
    since: date,
    review: date,
    installation: Installation,
) -> Hold:
    """Write down a hold on a subject's decision records; whether an erasure was asked for already does not matter.

    Raises:
        ConfigError: It has no basis, or no day after today on which somebody looks at it again.
    """
    if len(basis.strip()) < 10 or review <= since:
        raise ConfigError(
            "hold",
            expected="a legal basis in words, and a day of review to come",
            found=f"{len(basis.strip())} characters, review on {review}",
            remedy="Say which court, case or law, and when somebody looks at it again.",
        )
    hold = Hold(
        f"H{since:%Y%m%d}-{secrets.token_hex(4)}",
        _mark(subject, installation),
        case,
        basis.strip(),
        since,
        review,
    )
    journal.hold(hold)
    return hold


def active_holds(journal: Journal, subject: str, installation: Installation) -> list[Hold]:
    """Return the holds on a subject that nobody has released."""
    mark = _mark(subject, installation)
    return [hold for hold in journal.holds() if hold.mark == mark and hold.released is None]


def release_holds(
    journal: Journal, subject: str, on: date, installation: Installation
) -> list[Hold]:
    """Release every hold on a subject.

    Raises:
        DataError: There is none.
    """
    from dataclasses import replace

    holds = active_holds(journal, subject, installation)
    if not holds:
        raise DataError(
            "hold", expected="one on this person", found="none", remedy="Check the identifier."
        )
    for hold in holds:
        journal.hold(replace(hold, released=on))
    return holds


def restrictions(
    keys: KeyStore,
    journal: Journal,
    requests: Collection[Request],
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
    kept: dict[str, Restriction] = {}
    for request in requests:
        key_id = request.key_ids.get(Retention.DECISION_RECORD.value)
        if request.subject is None or key_id is None:
            continue
        terms = [
            term
            for case in sorted(cases.get(key_id, ()))
            if (term := legal_term(case, request.day, installation.workspace))
        ]
        holds = active_holds(journal, request.subject, installation)
        reasons = [(hold.basis, hold.review) for hold in holds] + terms
        if reasons:
            kept[request.subject] = Restriction(
                basis="; ".join(dict.fromkeys(basis for basis, _ in reasons)),
                review=max(review for _, review in reasons),
                custodians=load_custodians(installation, allow_local=keys.root.is_local),
                held=bool(holds),
            )
    return kept


def legal_term(case: str, day: date, workspace: Path) -> tuple[str, date] | None:
    """Return the law that keeps a use case's decision records, and until when, counted from a request's day.

    The decision was made before the request, so that the law's own term cannot end later.
    """
    keep = section(case, "erasure", ErasureParams, workspace).decision_records
    return (keep.basis, months_later(day, keep.months)) if keep else None


def _mark(subject: str, installation: Installation) -> bytes:
    return blake2b(
        subject.encode(), key=installation.secret("tombstone"), digest_size=16, person=b"hold"
    ).digest()
