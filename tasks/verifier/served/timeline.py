"""The steps of serving aliases that count, in the order of the log."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from tasks.attestation.predicates.serving.promotion import (
    NOTHING,
    AliasMove,
    PromotionDecision,
    PromotionStep,
)
from tasks.verifier.expiry import epoch
from tasks.verifier.lineage import MODEL, examine
from tasks.verifier.log_reader import Log
from tasks.verifier.served.approving import StepTerms, find_approval
from tasks.verifier.statement_index import Signed


@dataclass(frozen=True)
class ServedPeriod:
    """A model's time under an alias.

    Attributes:
        registry_name: The registered model.
        alias: The alias.
        version: Its number in the registry.
        model_sha256: The model.
        step: `promote` or `roll_back`.
        decision: The entry of the decision.
        decided_on: When it was decided, in RFC 3339.
        requested_by: Who asked for it.
        approval: The entry of the approval.
        approval_sha256: The approval's envelope.
        approved_by: Whose it is.
        since: When the alias was moved; empty where nothing in the log says that it was.
        until: When the next model took its place; empty where none has.
    """

    registry_name: str
    alias: str
    version: int
    model_sha256: str
    step: str
    decision: int
    decided_on: str
    requested_by: str
    approval: int
    approval_sha256: str
    approved_by: str
    since: str = ""
    until: str = ""

    def is_at(self, moment: int) -> bool:
        """Say whether it served at a moment, in epoch seconds."""
        has_begun = bool(self.since) and epoch(self.since) <= moment
        return has_begun and (not self.until or moment < epoch(self.until))

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "registryName": self.registry_name,
            "alias": self.alias,
            "version": self.version,
            "modelSha256": self.model_sha256,
            "step": self.step,
            "decisionEntry": self.decision,
            "decidedOn": self.decided_on,
            "requestedBy": self.requested_by,
            "approvalEntry": self.approval,
            "approvedBy": self.approved_by,
            "since": self.since,
            "until": self.until,
        }


@dataclass(frozen=True)
class ServedTimeline:
    """Who served when, and which decisions count for nothing, with the reason of each."""

    periods: tuple[ServedPeriod, ...]
    ignored: tuple[tuple[int, str], ...]

    def of_alias(self, registry_name: str, alias: str) -> tuple[ServedPeriod, ...]:
        """Return the periods of one alias, the latest last."""
        return tuple(
            period
            for period in self.periods
            if (period.registry_name, period.alias) == (registry_name, alias)
        )

    def present(self, registry_name: str, alias: str) -> ServedPeriod | None:
        """Return what was decided last for an alias, whether it was moved yet or not."""
        periods = self.of_alias(registry_name, alias)
        return periods[-1] if periods else None


def read_timeline(log: Log, case: str) -> ServedTimeline:
    """Return which models of a use case served when.

    Believed is no word of a decision about a second person: the approval is looked up, and weighed
    by the same rules as before the decision was taken.

    Args:
        log: With at least the entries about the use case and the lineages of others.
        case: A use case.
    """
    subject = f"{case}/{MODEL}"
    periods: list[ServedPeriod] = []
    ignored = [
        (void.index, void.reason)
        for void in log.every_void_statement(PromotionDecision)
        if void.statement.digest_of(subject)
    ]

    for signed in log.statements(PromotionDecision, subject):
        # A refused step moved nothing, and is no fault of the log either.
        if not signed.predicate.has_passed or signed.predicate.case != case:
            continue
        # In log order, against the periods so far: whether a step follows what serves, and whether
        # its approval was used, is a question about those before it.
        period = _judge(log, signed, str(signed.digest_of(subject)), periods)
        if isinstance(period, str):
            ignored.append((signed.index, period))
        else:
            periods.append(period)
    return ServedTimeline(tuple(_dated(log, case, periods)), tuple(sorted(ignored)))


def used_approvals(periods: Iterable[ServedPeriod]) -> frozenset[str]:
    """Return the approvals by which models have served, by their envelopes."""
    return frozenset(period.approval_sha256 for period in periods)


def _judge(
    log: Log,
    signed: Signed[PromotionDecision],
    model_sha256: str,
    earlier: list[ServedPeriod],
) -> ServedPeriod | str:
    """Return the period that a decision begins, or why it counts for nothing."""
    decision = signed.predicate
    of_alias = ServedTimeline(tuple(earlier), ()).of_alias(decision.registry_name, decision.alias)
    present = of_alias[-1] if of_alias else None

    # Of two that were decided at once, the second follows what is no longer the latest.
    is_pruned = present is None and NOTHING < decision.follows < log.pruned_below
    if decision.follows != (present.decision if present else NOTHING) and not is_pruned:
        return "another decision came first"
    if present and decision.replaces_sha256 != present.model_sha256:
        return "it replaces another model than served"

    # Forward, an approval that ever moved this alias is used up, whichever model it was for; back,
    # only one by which this very model has served lets it serve again.
    own = tuple(period for period in of_alias if period.model_sha256 == model_sha256)
    is_back = decision.step == PromotionStep.ROLL_BACK
    terms = StepTerms(
        step=decision.step,
        registry_name=decision.registry_name,
        alias=decision.alias,
        replaces_sha256=decision.replaces_sha256,
        rule_sha256=decision.rule_sha256,
        requested_by=decision.requested_by,
        below=signed.index,
        # Nobody revives an expired approval by a clock that was put back.
        moment=max(epoch(decision.decided_on), log.before(signed.index).latest_time),
        mode=decision.mode,
    )
    chain = examine(log, decision.case, model_sha256)
    used = used_approvals(own if is_back else of_alias)
    # The one approval that the decision names, and none where it names none: an empty digest would
    # stand for any.
    approval = find_approval(log, chain, terms, used, decision.approval_sha256 or "none")
    if isinstance(approval, str):
        return approval
    return ServedPeriod(
        registry_name=decision.registry_name,
        alias=decision.alias,
        version=decision.version,
        model_sha256=model_sha256,
        step=decision.step,
        decision=signed.index,
        decided_on=decision.decided_on,
        requested_by=decision.requested_by,
        approval=approval.entry,
        approval_sha256=approval.envelope_sha256,
        approved_by=approval.person,
    )


def _dated(log: Log, case: str, periods: list[ServedPeriod]) -> Iterator[ServedPeriod]:
    """Yield periods with their beginnings and ends: by the moves of the alias, not by decisions."""
    moves: dict[int, str] = {}
    for signed in log.statements(AliasMove, f"{case}/{MODEL}"):
        # The first move of a decision: two calls at once may both record one, and the model has
        # served since the first.
        moves.setdefault(signed.predicate.decision, signed.predicate.moved_on)
    starts = {period.decision: moves.get(period.decision, "") for period in periods}

    for number, period in enumerate(periods):
        following = (
            starts[later.decision]
            for later in periods[number + 1 :]
            if (later.registry_name, later.alias) == (period.registry_name, period.alias)
        )
        # Until the next that really moved the alias: a decision whose move never came left the
        # earlier model serving.
        until = next(filter(None, following), "")
        yield replace(period, since=starts[period.decision], until=until)
