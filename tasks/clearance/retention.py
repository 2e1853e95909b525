"""How long evidence is kept, by kind of record and jurisdiction; pruning; legal hold.

Only envelopes are pruned. Records, tiles and checkpoints stay: every proof of what remains still
holds, and what was pruned can still be proven by whoever kept its envelope.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from tasks.attestation.predicates.predicate import Predicate
from tasks.attestation.predicates.records import LegalHold, Prune
from tasks.attestation.roles import (
    ACCEPTANCE,
    AGREEMENTS,
    ALIAS_MOVE,
    ANSWER,
    APPROVAL,
    AUDIT,
    ERASURE,
    HOLD,
    IN_FORCE,
    KEY,
    KEY_STORE,
    PROMOTION,
    PROMOTION_APPROVAL,
    PROVENANCE,
    PRUNE,
    SUITE_RUN,
    SUMMARY,
    TEST_RESULT,
)
from tasks.attestation.statement import Artefact, Statement
from tasks.errors import ConfigError
from tasks.formats.yaml_file import read_yaml
from tasks.verifier.expiry import epoch
from tasks.verifier.log_reader import Log
from tasks.verifier.statement_index import Signed, verified

PATH = Path("configs") / "records" / "retention.yaml"

# Kind of record by type of predicate, as the retention table calls it.
KINDS = {
    PROVENANCE: "provenance",
    TEST_RESULT: "verdict",
    SUMMARY: "decision",
    APPROVAL: "approval",
    ACCEPTANCE: "approval",
    ERASURE: "erasure",
    AUDIT: "audit",
    KEY: "key",
    PRUNE: "key",
    HOLD: "key",
    IN_FORCE: "key",
    KEY_STORE: "key",
    ANSWER: "answer",
    AGREEMENTS: "verdict",
    SUITE_RUN: "verdict",
    PROMOTION_APPROVAL: "approval",
    PROMOTION: "decision",
    ALIAS_MOVE: "decision",
}
DAY = 24 * 3600
UNKNOWN_DAY = 1 << 40  # epoch seconds: what does not say when it was made is never old enough


@dataclass(frozen=True)
class Rule:
    """How long one kind of record is kept in one jurisdiction, and by which source of law."""

    kind: str
    jurisdiction: str
    keep_days: int | None  # None: for ever
    source: str


@dataclass(frozen=True)
class PrunePlan:
    """What a prune would take away."""

    below: int  # the first index that is kept
    envelopes: int
    because: str  # why it stops there


def load_rules(workspace: Path) -> tuple[Rule, ...]:
    """Return the retention table.

    Raises:
        ConfigError: It is not there, a row lacks a field, or a kind of record has no row.
    """
    try:
        rows: Any = read_yaml(workspace / PATH, PATH.as_posix())["retention"]
        rules = tuple(
            Rule(
                str(row["kind"]),
                str(row["jurisdiction"]),
                _days(row["keep_days"]),
                str(row["source"]),
            )
            for row in rows
        )
    except (ConfigError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(
            PATH.as_posix(),
            expected="rows of kind, jurisdiction, keep_days and source",
            found=type(error).__name__,
            remedy="Restore it; there is no default for how long evidence is kept.",
        ) from error

    if missing := sorted(set(KINDS.values()) - {rule.kind for rule in rules}):
        raise ConfigError(
            PATH.as_posix(),
            expected="a row for every kind",
            found=f"none for {missing[0]}",
            remedy="Add it.",
        )
    return rules


def plan(log: Log, rules: tuple[Rule, ...], now: int) -> PrunePlan:
    """Return how far the log can be pruned: to the first entry that a rule or a hold still keeps.

    Keys, holds, prunes and what is in force are kept for ever, but do not stop a prune: it spares
    them.
    """
    holds_in_force = holds(log)
    envelopes = 0

    # From the first entry on, and never past one that is kept: what is missing is a beginning of
    # the log, which one index says.
    for entry in log.entries:
        # An entry that does not verify stops the prune with an error: taking its envelope away
        # would take the evidence of what happened to it.
        signed = verified(entry, log.keys)
        kind = KINDS[signed.statement.predicate_type]
        place = f"entry {entry.index}"
        if kind == "key":
            continue

        # 1. The law: the longest period of all jurisdictions counts.
        periods = [rule.keep_days for rule in rules if rule.kind == kind]
        days = [period for period in periods if period is not None]
        if len(days) < len(periods):
            return PrunePlan(entry.index, envelopes, f"{place}: every {kind} is kept for ever")
        made = when(signed)
        # Before the sum, for the reason: no period is too long here, the statement says no day.
        if made == UNKNOWN_DAY:
            return PrunePlan(entry.index, envelopes, f"{place}: {kind} without a day")
        until = made + max(days) * DAY
        if until > now:
            day = _day_of(until)
            return PrunePlan(entry.index, envelopes, f"{place}: a {kind} that is kept until {day}")

        # 2. A court: a hold stops what no period keeps any more.
        for name, prefix in holds_in_force.items():
            if _is_held(signed, prefix):
                return PrunePlan(entry.index, envelopes, f"{place}: under legal hold `{name}`")

        envelopes += 1

    return PrunePlan(log.head.size, envelopes, "the end of the log")


def is_spared(signed: Signed[Predicate]) -> bool:
    """Say whether a prune leaves an envelope: who may sign, what was held, or is in force."""
    return KINDS[signed.statement.predicate_type] == "key"


def holds(log: Log) -> dict[str, str]:
    """Return the holds in force: name -> beginning of the names of what is held.

    An empty beginning holds everything.

    Raises:
        EvidenceError: The signature of a hold or a release does not hold.
    """
    in_force: dict[str, str] = {}
    # In log order: a hold that was released and put again is in force. One whose signature does not
    # hold stops everything, since what it holds is not known.
    for signed in log.required_statements(LegalHold):
        if signed.predicate.is_released:
            in_force.pop(signed.predicate.name, None)
        else:
            in_force[signed.predicate.name] = signed.predicate.prefix

    return in_force


def hold(name: str, prefix: str, reason: str, *, is_released: bool = False) -> Statement:
    """Return the statement that holds all whose subjects' names begin so, or that releases it."""
    subject = Artefact(f"hold/{name}", sha256(name.encode()).hexdigest())
    return LegalHold(name, prefix, reason, is_released).about(subject)


def prune(below: int, envelopes: int, policy: Artefact) -> Statement:
    """Return the statement that lets envelopes below an index be missing, under the policy."""
    return Prune(below, envelopes, policy.sha256).about(policy)


def when(signed: Signed[Predicate]) -> int:
    """Return when a statement was made, by what it says; of what does not say, a day to come."""
    return epoch(signed.predicate.signed_on) or UNKNOWN_DAY


def _is_held(signed: Signed[Predicate], prefix: str) -> bool:
    """Say whether a statement mentions an artefact, a subject or another, whose name begins so."""
    names = (
        *(subject.name for subject in signed.subjects),
        *signed.predicate.artefact_names(),
    )
    return any(name.startswith(prefix) for name in names)


def _day_of(moment: int) -> str:
    # A signer's clock, and a period, may lead beyond the years that a date can have.
    try:
        return datetime.fromtimestamp(moment, UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return "after the year 9999"


def _days(value: object) -> int | None:
    if value == "for ever":
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError("keep_days")
    return value
