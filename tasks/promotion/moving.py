"""Decide about a step of a serving alias, sign for the decision, and move the alias.

The order makes a call repeatable after a crash at any point: what was decided stands in the log
before the registry's database is told and the alias is moved, and that it was moved is recorded
last. A call that finds the step decided already finishes what is missing.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tasks.attestation.predicates.serving.promotion import (
    NOTHING,
    AliasMove,
    PromotionDecision,
    PromotionStep,
)
from tasks.attestation.predicates.verification_summary import FAILED, PASSED
from tasks.attestation.run_context import timestamp
from tasks.attestation.statement import Artefact
from tasks.clearance.bundle_writer import bundle_of
from tasks.config.cases import section
from tasks.errors import EvidenceError, Refusal, RefusalKind, RefusedError
from tasks.notary.notary import Recorded, open_notary, read_case_log
from tasks.promotion.approving import rule_of
from tasks.promotion.comparing import ComparedFigure, compare_models
from tasks.promotion.params import FirstModel, PromoteParams
from tasks.registry.aliases import find_aliased, move_alias, put_promotion
from tasks.registry.loading import FetchedModel, fetch_model
from tasks.registry_database import AliasApproval, approve_alias
from tasks.serving import judge_serving
from tasks.stages.register.params import RegisterParams
from tasks.system.installation import Installation
from tasks.verifier.expiry import now_after
from tasks.verifier.lineage import MODEL, Chain, examine
from tasks.verifier.log_reader import Log
from tasks.verifier.served.approving import GivenApproval, StepTerms, find_approval
from tasks.verifier.served.shown import lines_of_period
from tasks.verifier.served.timeline import (
    ServedPeriod,
    ServedTimeline,
    read_timeline,
    used_approvals,
)
from tasks.worker.mandate import Mandate, Mode

EXPECTED = "clearance, second person and rule to speak for it"


@dataclass(frozen=True)
class TakenStep:
    """What serves now, and whether this call made it so."""

    period: ServedPeriod
    comparisons: tuple[str, ...]
    is_new: bool

    @property
    def lines(self) -> tuple[str, ...]:
        """What people read: by which figures, and what serves now."""
        known = () if self.is_new else ("it was decided before; nothing else was changed",)
        return (*self.comparisons, *lines_of_period(self.period), *known)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "isNew": self.is_new,
            "comparisons": list(self.comparisons),
            "serves": self.period.to_dict(),
        }


def promote(case: str, alias: str, installation: Installation, *, version: str = "") -> TakenStep:
    """Have a cleared model take a serving alias, if it may.

    It may if it is cleared today, a second person has approved exactly this step, and it equals or
    beats the model that serves by the rule of the use case. The decision is signed either way.

    Args:
        case: A use case.
        alias: The alias that it takes.
        installation: Whose ledger and registry.
        version: Its number in the registry; empty for the candidate.

    Raises:
        RefusedError: It may not; all that speaks against it is named.
        EvidenceError: There is no such version, or another step was decided a moment before.
        ConfigError: The use case declares no rule for the alias.
        ServiceError: The registry, or its database, does not answer.
    """
    rule = rule_of(case, alias, installation)
    params = section(case, "register", RegisterParams, installation.workspace)
    place = f"/{version}" if version else f"@{params.alias}"

    with _one_at_a_time(installation), TemporaryDirectory(prefix="portcullis-promote-") as scratch:
        fetched = fetch_model(f"models:/{params.model}{place}", Path(scratch), installation)
        situation = _Situation.read(PromotionStep.PROMOTE, case, alias, rule, fetched, installation)

        if situation.is_taken:
            return _finish_decided(situation)

        # All of it is asked even where something refuses: the signed decision names every reason at
        # once.
        figures = situation.compare()
        refusals = (*situation.refusals(), *situation.refusals_by_rule(figures))

        return _decide(situation, figures, refusals)


def roll_back(case: str, alias: str, installation: Installation, *, version: str = "") -> TakenStep:
    """Have the alias go back to a version that has served before, if that may decide today.

    Args:
        case: A use case.
        alias: The serving alias.
        installation: Whose ledger and registry.
        version: Its number; empty for the one that served last before the present one.

    Raises:
        RefusedError: It is not cleared (any more), or the approval by which it served is not in
            force.
        EvidenceError: It never served, its bytes are others by now, or another step came first.
        ConfigError, ServiceError: As `promote`.
    """
    rule = rule_of(case, alias, installation)

    name = section(case, "register", RegisterParams, installation.workspace).model
    with _one_at_a_time(installation), TemporaryDirectory(prefix="portcullis-promote-") as scratch:
        timeline = read_timeline(read_case_log(case, installation), case)
        target = _earlier(timeline.of_alias(name, alias), version)
        uri = f"models:/{name}/{target.version}"
        fetched = fetch_model(uri, Path(scratch), installation)

        # What served is known by its digest; a version number says where the bytes of now lie.
        # A version's files can be exchanged in the registry's store; a digest cannot.
        if fetched.model_sha256 != target.model_sha256:
            raise _refused_step("the bytes that served then", "others")

        situation = _Situation.read(
            PromotionStep.ROLL_BACK, case, alias, rule, fetched, installation
        )

        if situation.is_taken:
            return _finish_decided(situation)

        return _decide(situation, (), situation.refusals())


def _earlier(periods: tuple[ServedPeriod, ...], version: str) -> ServedPeriod:
    """Return the period to go back to.

    Raises:
        EvidenceError: There is none.
    """
    present = periods[-1] if periods else None
    # The newest first: without a number, back means to the last other model.
    for period in reversed(periods):
        # The step that a killed call has decided is finished: it is the present one.
        is_other = present is not None and period.model_sha256 != present.model_sha256

        is_unfinished = (
            period is present and not period.since and period.step == PromotionStep.ROLL_BACK
        )

        if str(period.version) == version or (not version and (is_unfinished or is_other)):
            return period

    raise _refused_step(
        "a version that has served under this alias before",
        "one that never did" if version else "none but the present one",
    )


@dataclass(frozen=True)
class _Situation:
    """What lies before a decision, read once."""

    step: PromotionStep
    alias: str
    rule: PromoteParams
    fetched: FetchedModel
    log: Log
    timeline: ServedTimeline
    chain: Chain
    mandate: Mandate
    installation: Installation

    @classmethod
    def read(
        cls,
        step: PromotionStep,
        case: str,
        alias: str,
        rule: PromoteParams,
        fetched: FetchedModel,
        installation: Installation,
    ) -> "_Situation":
        log = read_case_log(case, installation)
        chain = examine(log, case, fetched.model_sha256)
        timeline = read_timeline(log, case)

        mandate = Mandate.of(installation)
        return cls(step, alias, rule, fetched, log, timeline, chain, mandate, installation)

    @property
    def name(self) -> str:
        return self.fetched.name

    @property
    def present(self) -> ServedPeriod | None:
        return self.timeline.present(self.name, self.alias)

    @property
    def is_taken(self) -> bool:
        """Whether the log says already that this model serves."""
        return self.present is not None and self.present.model_sha256 == self.chain.model_sha256

    def compare(self) -> tuple[ComparedFigure, ...]:
        if self.present is None:
            return ()
        champion = examine(self.log, self.chain.case, self.present.model_sha256)
        return compare_models(self.chain, champion, self.rule)

    def approval(self) -> GivenApproval | str:
        of_alias = self.timeline.of_alias(self.name, self.alias)
        # An approval is good once; going back uses the one by which this very model served.
        if self.step is PromotionStep.ROLL_BACK:
            of_alias = tuple(
                period for period in of_alias if period.model_sha256 == self.chain.model_sha256
            )

        terms = StepTerms(
            step=self.step,
            registry_name=self.name,
            alias=self.alias,
            replaces_sha256=self.present.model_sha256 if self.present else "",
            rule_sha256=self.rule.sha256,
            requested_by=self.mandate.actor,
            below=self.log.head.size,
            moment=now_after(self.log.latest_time),
            mode=self.mandate.mode,
        )
        return find_approval(self.log, self.chain, terms, used_approvals(of_alias))

    def refusals(self) -> tuple[Refusal, ...]:
        """Return why the model may not serve, whatever it is compared with."""
        approval = self.approval()
        lacks = (_against(f"approval: {approval}"),) if isinstance(approval, str) else ()
        return (*self.clearance_refusals(), *lacks)

    def clearance_refusals(self) -> tuple[Refusal, ...]:
        """Return why it is not cleared today: asked again, and taken from no tag."""
        return judge_serving(
            self.name,
            self.chain.case,
            self.fetched.model_sha256,
            self.installation,
            report=self.fetched.report,
            has_key_store=self.mandate.mode is Mode.LOCAL,
        )

    def refusals_by_rule(self, figures: tuple[ComparedFigure, ...]) -> tuple[Refusal, ...]:
        if self.present is None and self.rule.without_champion is FirstModel.REFUSED:
            return (_against("rule: none serves yet, and the rule lets no first one in"),)
        return tuple(
            _against(f"rule: {figure.line}") for figure in figures if not figure.is_as_good
        )


def _finish_decided(situation: _Situation) -> TakenStep:
    """Finish a step that was decided before, if the model may still serve."""
    if refusals := situation.clearance_refusals():
        raise RefusedError(
            f"{situation.name} version {situation.fetched.version} as `{situation.alias}`",
            refusals,
            remedy="The log gives it the alias, and it may not serve: go back, or promote another.",
            expected=EXPECTED,
        )
    return _finish(situation, (), is_new=False)


def _decide(
    situation: _Situation, figures: tuple[ComparedFigure, ...], refusals: tuple[Refusal, ...]
) -> TakenStep:
    """Sign for what was decided, and, where nothing speaks against the step, take it."""
    lines = tuple(figure.line for figure in figures)
    recorded = _record(situation, lines, refusals)
    if refusals:
        raise RefusedError(
            f"{situation.step.value.replace('_', ' ')} of {situation.name} version "
            f"{situation.fetched.version} to `{situation.alias}`",
            refusals,
            remedy=f"Nothing was moved; entry {recorded.index} says so.",
            expected=EXPECTED,
        )

    # Somebody else may have decided a moment before; then the log says that theirs counts.
    case = situation.chain.case
    timeline = read_timeline(read_case_log(case, situation.installation), case)
    present = timeline.present(situation.name, situation.alias)
    if present is None or present.decision != recorded.index:
        raise _refused_step("to be the next step of this alias", "another that came first")
    return _finish(situation, lines, is_new=True)


def _record(
    situation: _Situation, comparisons: tuple[str, ...], refusals: tuple[Refusal, ...]
) -> Recorded:
    present = situation.present
    approval = situation.approval()

    decision = PromotionDecision(
        case=situation.chain.case,
        step=situation.step,
        registry_name=situation.name,
        alias=situation.alias,
        version=int(situation.fetched.version),
        # Of two that follow the same decision the later one in the log counts for nothing.
        follows=present.decision if present else NOTHING,
        replaces_sha256=present.model_sha256 if present else "",
        approval_sha256="" if isinstance(approval, str) else approval.envelope_sha256,
        result=FAILED if refusals else PASSED,
        rule=situation.rule.text,
        rule_sha256=situation.rule.sha256,
        comparisons=comparisons,
        refusals=tuple(refusal.text for refusal in refusals),
        requested_by=situation.mandate.actor,
        decided_on=timestamp(),
        mode=situation.mandate.mode,
    )

    model = Artefact(f"{situation.chain.case}/{MODEL}", situation.chain.model_sha256)
    with open_notary(situation.installation) as notary:
        return notary.record(decision.about(model))


def _finish(situation: _Situation, comparisons: tuple[str, ...], *, is_new: bool) -> TakenStep:
    """Tell the registry's database, move the alias, and sign for that: what of it is missing."""
    case = situation.chain.case
    installation = situation.installation
    period = read_timeline(read_case_log(case, installation), case).present(
        situation.name, situation.alias
    )
    assert period is not None

    version = situation.fetched.version
    # Asked, not remembered: an earlier call may have been killed anywhere below. The alias last,
    # for the server looks for the archive then, and the database for the approval.
    if find_aliased(situation.name, situation.alias, installation) != version:
        # What the registry's server verifies by itself, and whoever has the run offline.
        content = bundle_of(
            case,
            situation.chain.model_sha256,
            installation,
            leaves_house=bool(installation.settings.tracking_uri),
        )
        put_promotion(situation.name, version, period.decision, content, installation)
        # Optional, as the database's own layer is (docs/adr/0094).
        if url := installation.settings.registry_evidence_url:
            approval = AliasApproval(
                name=situation.name,
                version=int(version),
                alias=situation.alias,
                requested_by=period.requested_by,
                approved_by=period.approved_by,
                log_entry=period.decision,
            )
            approve_alias(url, approval)
        move_alias(situation.name, situation.alias, version, installation)

    if not period.since:
        move = AliasMove(case, period.decision, timestamp())
        model = Artefact(f"{case}/{MODEL}", situation.chain.model_sha256)
        with open_notary(installation) as notary:
            notary.record(move.about(model))
        period = read_timeline(read_case_log(case, installation), case).present(
            situation.name, situation.alias
        )
        assert period is not None
    return TakenStep(period, comparisons, is_new)


@contextmanager
def _one_at_a_time(installation: Installation) -> Iterator[None]:
    """Hold a lock of this installation; of two installations the log decides."""
    with (installation.home / "promotion.lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _against(text: str) -> Refusal:
    return Refusal(RefusalKind.PROMOTION_REFUSED, text)


def _refused_step(expected: str, found: str) -> EvidenceError:
    return EvidenceError(
        "promotion",
        expected=expected,
        found=found,
        remedy="Nothing was moved: `./portcullis served` shows what serves and what has served.",
    )
