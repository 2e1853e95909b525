"""Clearance: whether the ledger lets a model be trained, or registered. It believes no file's word.

The facts come from the ledger alone (`chain.examine`) and from digests computed now; the policy judges them.
"""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from tasks.attestation.artefacts import artefact, declared, named, section_of
from tasks.attestation.statement import canonical
from tasks.clearance import policy
from tasks.clearance.attest_stage import POLICY, is_anchored
from tasks.config.case_paths import resolved_path
from tasks.errors import EvidenceError
from tasks.ledger.ledger import Ledger
from tasks.notary.notary import open_ledger, trusted_root
from tasks.path import BEFORE_TRAINING
from tasks.system.installation import Installation
from tasks.verifier.approvals import Consents
from tasks.verifier.lineage import JUDGED, Chain, GateVerdict, examine, latest_decision
from tasks.verifier.log_reader import Log, read_log


@dataclass(frozen=True)
class Clearance:
    """Whether a model, or data to train on, is cleared; `refusals` says why not, one line each."""

    chain: Chain
    refusals: tuple[str, ...]


def clear_model(case: str, model_sha256: str, installation: Installation) -> Clearance:
    """Say whether the model with these bytes may be registered."""
    return _clear("register", case, "train/model", model_sha256, tuple(JUDGED), installation)


def clear_training(case: str, rows_sha256: str, installation: Installation) -> Clearance:
    """Say whether a model may be trained on these redacted rows."""
    return _clear("train", case, "redact/rows.parquet", rows_sha256, BEFORE_TRAINING, installation)


def configuration_now(gate: str, case: str, workspace: Path) -> dict[str, str]:
    """Return name -> sha256 of everything that a verdict of `gate` has to have been made by, as it is in force now."""
    found = declared(gate, case, workspace)
    limits = section_of(workspace / resolved_path(case), f"limits.{gate}")
    files = {
        name
        for name in found.inputs
        if name.startswith("configs/") and name != POLICY and (workspace / name).exists()
    }
    return {
        f"gate:{gate}": sha256(canonical(limits)).hexdigest(),
        "policy": artefact(workspace, POLICY).sha256,
        **{f"params:{key}": digest for key, digest in found.params_sha256.items()},
        **{named(name): artefact(workspace, name).sha256 for name in files},
    }


def facts_of(purpose: str, log: Log, chain: Chain, workspace: Path) -> dict[str, Any]:
    """Return what the policy judges."""
    decision = latest_decision(chain, "decide")
    consents = Consents.of(log, chain)
    return {
        "purpose": purpose,
        "useCase": chain.case,
        "model": chain.model_sha256,
        "now": consents.now,
        "broken": list(chain.broken),
        "steps": [
            {"stage": s.stage, "index": s.signed.index, "commit": s.commit, "dirty": list(s.dirty)}
            for s in chain.steps
        ],
        "gates": {
            gate: _gate_facts(verdict, configuration_now(gate, chain.case, workspace))
            for gate, verdict in chain.verdicts.items()
        },
        "attributes": sorted(
            section_of(workspace / resolved_path(chain.case), "fairness.privileged") or {}
        ),
        "decision": {}
        if decision is None
        else {
            "index": decision.index,
            "result": decision.statement.predicate["verificationResult"],
            "refusals": list(decision.statement.predicate.get("portcullis_refusals", [])),
        },
        "approval": {
            "required": bool(
                section_of(workspace / resolved_path(chain.case), "register.approval")
            ),
            "given": [each.facts() for each in consents.approvals],
        },
        "acceptances": [each.facts() for each in consents.acceptances],
    }


def _clear(
    purpose: str,
    case: str,
    target: str,
    digest: str,
    gates: tuple[str, ...],
    installation: Installation,
) -> Clearance:
    away: tuple[str, ...] = ()
    ledger = open_ledger(installation)
    try:
        if ledger.head() is None:
            lines = (f"ledger: it is empty: no stage was ever signed for here; {_again(case)}",)
            return Clearance(Chain(case, digest, (), {}, (), lines), lines)
        log = read_log(
            ledger, trusted_root(installation), lambda payload: f'"{case}/'.encode() in payload
        )
        chain = examine(log, case, digest, target=target, gates=gates)
        if purpose == "register" and (decision := latest_decision(chain, "decide")):
            away = _outside(ledger, decision.index, installation)
    except EvidenceError as error:
        return Clearance(Chain(case, digest, (), {}, (), (str(error),)), (str(error),))
    finally:
        ledger.close()
    if any("no signed statement" in line for line in chain.broken):
        away = (
            *away,
            f"ledger: was it made elsewhere, or before there was a ledger? {_again(case)}",
        )
    facts = facts_of(purpose, log, chain, installation.workspace)
    return Clearance(
        chain, tuple(dict.fromkeys((*chain.broken, *policy.refusals(facts, installation), *away)))
    )


def _gate_facts(verdict: GateVerdict, current: dict[str, str]) -> dict[str, Any]:
    return {
        "index": verdict.signed.index,
        "outcome": verdict.outcome,
        "passed": list(verdict.tests("passed")),
        "undecided": list(verdict.tests("warned")),
        "failed": list(verdict.tests("failed")),
        "report": verdict.predicate["portcullis_context"]["report"]["digest"]["sha256"],
        "configuration": verdict.configuration(),
        "current": current,
    }


def _outside(ledger: Ledger, index: int, installation: Installation) -> tuple[str, ...]:
    if not is_anchored(installation.settings):
        return ()
    from tasks.anchoring.publishing import refusals

    return refusals(ledger, index, installation)


def _again(case: str) -> str:
    return f"`dvc repro --force register@{case}` makes everything and its evidence anew"
