"""Clearance: whether the ledger lets a model be trained, or registered. It believes no file's word.

The facts come from the ledger alone (`lineage.examine`) and from digests computed now; the policy
judges them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Protocol

from tasks.attestation.artefacts import artefact, section_of
from tasks.attestation.predicates.circumstances import LOCAL
from tasks.attestation.predicates.signed_verdict import SignedVerdict
from tasks.attestation.predicates.verification_summary import VerificationSummary
from tasks.clearance import policy
from tasks.clearance.agreements import agreement_refusals
from tasks.clearance.code_facts import CodeFacts
from tasks.clearance.configuration import POLICY, configuration_now, is_anchored
from tasks.clearance.plans import plan_now, plan_refusals
from tasks.config.case_paths import resolved_path
from tasks.config.cases import Role
from tasks.errors import EvidenceError, Refusal, RefusalKind
from tasks.ledger.ledger import Ledger
from tasks.notary.notary import open_ledger, trusted_root
from tasks.path import BEFORE_TRAINING, SUBJECTS
from tasks.system.installation import Installation
from tasks.verifier.approvals import Consents
from tasks.verifier.in_force.law import Law, law_of
from tasks.verifier.in_force.objections import LawFacts, objections
from tasks.verifier.lineage import MODEL, Chain, GateVerdict, Step, examine, latest_decision
from tasks.verifier.log_reader import Log, Selection, read_log
from tasks.verifier.statement_index import Signed


@dataclass(frozen=True)
class AcceptedCheck:
    """An undecided check that a validator has accepted, by its key, until the end of a day."""

    gate: str
    key: str
    person: str
    expires: date


@dataclass(frozen=True)
class Clearance:
    """Whether a model, or data to train on, is cleared; `refusals` says why not.

    Attributes:
        chain: What was asked about.
        refusals: Why it is not cleared; empty where it is.
        accepted: The undecided checks that somebody has accepted: what else it rests on.
        law: What was in force; None where no entry of the ledger says so.
        registry_name: The name under which the model may be registered, and no other.
    """

    chain: Chain
    refusals: tuple[Refusal, ...]
    accepted: tuple[AcceptedCheck, ...] = ()
    law: Law | None = None
    registry_name: str = ""


def clear_model(
    case: str,
    model_sha256: str,
    installation: Installation,
    *,
    mode: str = LOCAL,
    may_recall: bool = False,
) -> Clearance:
    """Say whether the model with these bytes may be registered.

    Args:
        case: A use case.
        model_sha256: Of the model's bytes.
        installation: Whose ledger, policy and configuration.
        mode: In which the caller runs; in any but `local` something has to be in force.
        may_recall: Whether the last look at what is installed may stand in for a new one
            (`installed_files.recalled`). Never where the answer is the one that opens the registry.
    """
    gates = tuple(SUBJECTS)
    return _clear(
        "register", case, MODEL, model_sha256, gates, installation, mode, may_recall=may_recall
    )


def clear_training(
    case: str,
    rows_sha256: str,
    installation: Installation,
    *,
    mode: str = LOCAL,
    may_recall: bool = False,
) -> Clearance:
    """Say whether a model may be trained on these redacted rows; as `clear_model` does."""
    rows = "redact/rows.parquet"
    return _clear(
        "train",
        case,
        rows,
        rows_sha256,
        BEFORE_TRAINING,
        installation,
        mode,
        may_recall=may_recall,
    )


def facts_of(
    purpose: str,
    log: Log,
    chain: Chain,
    installation: Installation,
    *,
    drill: str = "",
    mode: str = LOCAL,
    may_recall: bool = False,
) -> dict[str, Any]:
    """Return what the policy judges.

    Args:
        purpose: `train` or `register`.
        log: With at least the entries about the use case.
        chain: Of what is to be cleared.
        installation: Whose configuration is in force, in its workspace.
        drill: The date that stands in for today's, by PORTCULLIS_TODAY; empty where none does.
        mode: In which the caller runs, as `Consents.of` takes it.
        may_recall: As `clear_model` takes it.
    """
    workspace = installation.workspace
    # One look at the tree for all facts about code: between two looks it could be changed and
    # changed back.
    code = CodeFacts(chain.case, log, installation)
    configuration = workspace / resolved_path(chain.case)
    here = FactsHere(
        code=code,
        configuration_of=lambda gate: configuration_now(gate, chain.case, workspace),
        protected=_protected_facts(configuration),
        is_approval_required=bool(section_of(configuration, "register.approval")),
        current_code=code.now(may_recall=may_recall),
        drill=drill,
    )
    return compose_facts(purpose, log, chain, here, mode)


class MakersCode(Protocol):
    """Says by which code a step and a gate were made, and what it is compared with."""

    def of_step(self, step: Step) -> dict[str, Any]:
        """Return the fact `code` of a step."""

    def of_gate(self, verdict: GateVerdict) -> dict[str, Any]:
        """Return the fact `code` of a gate."""


@dataclass(frozen=True)
class FactsHere:
    """What the policy is told that no statement of the log says: how it is where it is asked.

    Attributes:
        code: By which code it was made.
        configuration_of: What a verdict of a gate has to be made by: name -> sha256.
        protected: Which attributes have to be judged, and which of them are excused.
        is_approval_required: Whether a second person has to approve.
        current_code: The environment, and what could be imported there.
        drill: The date that stands in for today's.
    """

    code: MakersCode
    configuration_of: Callable[[str], dict[str, str]]
    protected: dict[str, Any]
    is_approval_required: bool
    current_code: dict[str, Any]
    drill: str = ""


def compose_facts(
    purpose: str, log: Log, chain: Chain, here: FactsHere, mode: str = LOCAL
) -> dict[str, Any]:
    """Return what the policy judges: what the log says of a chain, held against what is here."""
    decision = latest_decision(chain, "decide")
    consents = Consents.of(log, chain, mode)

    return {
        "purpose": purpose,
        "useCase": chain.case,
        "model": chain.model_sha256,
        # As `now_after`, and not by Rego's own `time.now_ns`, which is the machine's clock.
        "now": consents.now,
        "broken": [refusal.to_dict() for refusal in chain.broken],
        # From the table and not from what there are verdicts of: a gate that is missing is to be
        # missed.
        "required_gates": list(BEFORE_TRAINING if purpose == "train" else SUBJECTS),
        "steps": [
            {
                "stage": step.stage,
                "index": step.signed.index,
                "commit": step.commit,
                "dirty": list(step.dirty),
                **here.code.of_step(step),
                "drill": step.signed.predicate.run.drill,
            }
            for step in chain.steps
        ],
        "gates": {
            gate: _gate_facts(verdict, here.configuration_of(gate)) | here.code.of_gate(verdict)
            for gate, verdict in chain.verdicts.items()
        },
        **here.protected,
        "decision": {} if decision is None else _decision_facts(decision, log),
        "approval": {
            "required": here.is_approval_required,
            "given": [consent.facts() for consent in consents.approvals],
        },
        "acceptances": [consent.facts() for consent in consents.acceptances],
        "current_code": here.current_code,
        "unknown_actors": list(consents.unknown_actors),
        "drill": here.drill,
    }


def _protected_facts(configuration: Path) -> dict[str, Any]:
    """Return which attributes have to be judged, and which of them a person has excused.

    From the roles of the columns, and not from what the gate was told to judge: a privileged group
    that is taken out of `fairness` leaves a column as protected as it was.
    """
    columns = section_of(configuration, "columns") or {}
    protected = {name for name, column in columns.items() if column["role"] == Role.PROTECTED}
    intersections = section_of(configuration, "fairness.intersections") or []
    excused = section_of(configuration, "fairness.excused") or {}

    return {
        "attributes": [*sorted(protected), *(" and ".join(names) for names in intersections)],
        "excused": {
            name: {field: str(value) for field, value in excuse.items()}
            for name, excuse in excused.items()
        },
    }


def accepted_checks(log: Log, chain: Chain, mode: str = LOCAL) -> tuple[AcceptedCheck, ...]:
    """Return the undecided checks of a chain that somebody has accepted who may, and until when.

    Also those whose acceptance has expired: registration rested on them while it was in force.
    """
    acceptances = Consents.of(log, chain, mode).acceptances
    accepted: dict[tuple[str, str], AcceptedCheck] = {}

    for gate, verdict in chain.verdicts.items():
        for consent in acceptances:
            is_about_it = (consent.gate, consent.verdict) == (gate, verdict.report_sha256)
            is_second_person = not consent.by_author and not consent.unidentified
            if not is_about_it or not is_second_person or not consent.expires:
                continue

            # In log order: of several acceptances of one check the latest is named.
            expires = datetime.fromtimestamp(consent.expires, UTC).date()
            for key in set(consent.tests) & set(verdict.content.warned):
                accepted[gate, key] = AcceptedCheck(gate, key, consent.person, expires)

    return tuple(accepted[name] for name in sorted(accepted))


def _clear(
    purpose: str,
    case: str,
    target: str,
    digest: str,
    gates: tuple[str, ...],
    installation: Installation,
    mode: str,
    *,
    may_recall: bool,
) -> Clearance:
    hints: tuple[Refusal, ...] = ()
    ledger = open_ledger(installation)
    try:
        # Said apart, because it is the usual thing on a fresh checkout, where every link would be
        # named as unsigned.
        if ledger.head() is None:
            text = f"ledger: it is empty: no stage was ever signed for here; {_again(case)}"
            return _unclear(case, digest, Refusal(RefusalKind.LEDGER_EMPTY, text))
        log = read_log(ledger, trusted_root(installation), Selection.of_case(case))
        chain = examine(log, case, digest, target=target, gates=gates)
        # Within the same reading of the ledger as the chain, so that what is anchored is what was
        # examined. Mirror and witness are asked about the decision, which rests on all the rest.
        if purpose == "register" and (decision := latest_decision(chain, "decide")):
            hints = _outside(ledger, decision.index, installation)
        anchors = _anchors_holding(ledger, log, chain, installation)
    # A ledger that does not verify clears nothing, and that is an answer: `register` records it.
    except EvidenceError as error:
        return _unclear(case, digest, Refusal(RefusalKind.LEDGER_UNREADABLE, str(error)))
    finally:
        ledger.close()

    if any(refusal.kind == RefusalKind.LINEAGE_UNSIGNED for refusal in chain.broken):
        text = f"ledger: was it made elsewhere, or before there was a ledger? {_again(case)}"
        hints = (*hints, Refusal(RefusalKind.LEDGER_FOREIGN, text))

    drill = installation.settings.today
    facts = facts_of(
        purpose, log, chain, installation, drill=drill, mode=mode, may_recall=may_recall
    )
    denials = policy.refusals(facts, installation)

    # The policy lies in the tree of who is judged; what is in force does not.
    registry_name = _registry_name(case, installation.workspace)
    law_facts = LawFacts(
        purpose=purpose,
        mode=mode,
        # Of the very folder that the policy is read from, with what any ignore file would hide.
        policy_sha256=artefact(installation.workspace, POLICY).sha256,
        registry_name=registry_name,
        plan_sha256=_plan_asked_for(purpose, case, log, installation.workspace),
        anchors=anchors,
    )
    objected = (
        *agreement_refusals(purpose, case, installation.workspace, facts["now"]),
        *plan_refusals(chain, installation.workspace),
        *objections(log, chain, law_facts),
    )
    # All of them, though one is enough to refuse: who has to mend it should not come back for each.
    # Hints last: they explain what is above them.
    refusals = tuple(dict.fromkeys((*chain.broken, *denials, *objected, *hints)))
    accepted = accepted_checks(log, chain, mode)
    return Clearance(chain, refusals, accepted, law_of(log), registry_name)


def _plan_asked_for(purpose: str, case: str, log: Log, workspace: Path) -> str:
    """Return the digest of the plan that training would seal now, where the law asks for it."""
    law = law_of(log)
    if purpose != "train" or law is None or not (law.terms.plans or law.terms.attempts):
        return ""
    return plan_now(case, workspace).sha256


def _anchors_holding(
    ledger: Ledger, log: Log, chain: Chain, installation: Installation
) -> dict[str, str]:
    """Return the anchors that hold the decision about a model, and whose they are.

    They are asked only where something in force requires some: each is a service elsewhere.
    """
    law = law_of(log)
    decision = latest_decision(chain, "decide")
    if not (law and law.terms.anchors and decision):
        return {}
    from tasks.anchoring.publishing import anchors_holding

    return anchors_holding(ledger, decision.index, installation)


def _registry_name(case: str, workspace: Path) -> str:
    """Return the name under which a use case registers; empty where it says none."""
    name = section_of(workspace / resolved_path(case), "register.model")
    return name if isinstance(name, str) else ""


def _unclear(case: str, digest: str, refusal: Refusal) -> Clearance:
    """Return the clearance of what the ledger cannot be asked about."""
    return Clearance(Chain(case, digest, (), {}, (), (refusal,)), (refusal,))


def _gate_facts(verdict: GateVerdict, current: dict[str, str]) -> dict[str, Any]:
    """Return a verdict as the policy judges it; without `checks` where these have no ids."""
    facts = {
        "index": verdict.signed.index,
        "outcome": verdict.outcome,
        "report": verdict.report_sha256,
        "configuration": verdict.configuration(),
        "current": current,
        "drill": verdict.content.drill,
    }

    try:
        checks = verdict.checks()
    except EvidenceError:
        return facts

    return facts | {
        "checks": [
            {
                "id": check.id,
                "key": check.key,
                "measure": check.measure,
                "about": check.about.to_dict(),
                "outcome": check.outcome.value,
            }
            for check in checks
        ]
    }


def _decision_facts(decision: Signed[VerificationSummary], log: Log) -> dict[str, Any]:
    """Return a decision as the policy judges it, each of its refusals as what it is about.

    `report` is the digest of the verdict's file by which a refusal was decided: an acceptance is of
    one verdict, and answers no decision about another. Of refusals that were signed before they had
    kinds, or named their check, the fields are empty.
    """
    summary = decision.predicate
    decided_on = {
        signed.predicate.gate: signed.predicate.report_sha256
        # By the envelopes that the decision names, and not by what is latest now: the gate may have
        # judged again since.
        for signed in log.statements(SignedVerdict)
        if (f"gate:{signed.predicate.gate}", signed.envelope_sha256) in summary.inputs
    }

    refusals = []
    for item in summary.refusals:
        refusal = item if isinstance(item, Refusal) else None
        gate = refusal.gate if refusal else ""
        refusals.append(
            {
                "kind": str(refusal.kind) if refusal else "",
                "text": str(item),
                "gate": gate,
                "check": refusal.check if refusal else "",
                "report": decided_on.get(gate, ""),
            }
        )

    return {
        "index": decision.index,
        "result": summary.result,
        "refusals": refusals,
        "drill": summary.drill,
    }


def _outside(ledger: Ledger, index: int, installation: Installation) -> tuple[Refusal, ...]:
    """Return why registration waits for the mirror or the witness, where one is configured."""
    if not is_anchored(installation.settings):
        return ()
    from tasks.anchoring.publishing import refusals

    lines = refusals(ledger, index, installation)
    return tuple(Refusal(RefusalKind.ANCHOR_BEHIND, line) for line in lines)


def _again(case: str) -> str:
    return f"`dvc repro --force register@{case}` makes everything and its evidence anew"
