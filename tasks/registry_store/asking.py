"""Ask the policy once more, on the server: the same rules, about what the log alone says.

Where the worker asks, it tells what lies in its workspace now. A server has no workspace. What the
policy compares there with the present is compared here with what was sealed before training, and
with itself: every step and gate in one environment, judged by the sealed limits. Which columns are
protected stands in no statement; the worker has asked that.
"""

from dataclasses import dataclass
from typing import Any

from tasks.attestation.predicates.code_identity import CodeIdentity
from tasks.attestation.predicates.provenance import Provenance
from tasks.attestation.predicates.verification_summary import VerificationSummary
from tasks.clearance.check import FactsHere, compose_facts
from tasks.clearance.code_facts import is_code, provenance_of_gate
from tasks.clearance.policy import refusals_of
from tasks.errors import EvidenceError
from tasks.registry_store.configuring import StoreConfig
from tasks.verifier.in_force.objections import mode_of
from tasks.verifier.lineage import Chain, GateVerdict, Step
from tasks.verifier.log_reader import Log
from tasks.verifier.statement_index import Signed

OPA_URL = ""  # the embedded engine: what a server of rules could add, the worker has heard


def ask_policy(
    log: Log,
    chain: Chain,
    decision: Signed[VerificationSummary],
    config: StoreConfig,
) -> None:
    """Refuse what the policy refuses; an engine that does not answer refuses, too.

    Raises:
        EvidenceError: It refuses.
        ServiceError, ConfigError: It was not asked, or did not answer.
    """
    # What the archive does not hold is left empty: the worker has judged by it before the release
    # (ADR 93), and a decision of that worker is what is verified here.
    facts_here = FactsHere(
        code=SignedCode(chain.case, log),
        configuration_of=lambda gate: _sealed(chain, gate, decision.predicate.policy_sha256),
        protected={"attributes": [], "excused": {}},
        is_approval_required=False,
        current_code=_code_of_training(chain),
    )

    facts = compose_facts("register", log, chain, facts_here, mode_of(decision.predicate))

    if refusals := refusals_of(facts, config.policy_workspace, OPA_URL):
        raise EvidenceError(
            "policy, asked by the registry's server",
            expected="a model that it lets in",
            found=refusals[0].text,
            remedy="Nothing was changed: mend what failed, and release the model again.",
        )


@dataclass(frozen=True)
class SignedCode:
    """By which code a step and a gate were made, as was signed; of its files none lies here."""

    case: str
    log: Log

    def of_step(self, step: Step) -> dict[str, Any]:
        """Return the fact `code` of a step."""
        provenance = step.signed.predicate
        return _code(provenance.run.code, provenance)

    def of_gate(self, verdict: GateVerdict) -> dict[str, Any]:
        """Return the fact `code` of a gate; none where nobody signed for its file."""
        provenance = provenance_of_gate(verdict, self.case, self.log)
        return {} if provenance is None else _code(verdict.content.code, provenance)


def _code(code: CodeIdentity | None, provenance: Provenance) -> dict[str, Any]:
    if code is None:
        return {}

    digests = provenance.material_digests().items()
    materials = {name: digest for name, digest in digests if is_code(name)}

    # The code is compared with itself: the server has no checkout, and whether it was the code of
    # the commit is what the worker has judged.
    return {
        "code": {
            "environment": code.environment_sha256,
            "foreign": list(code.foreign),
            "materials": materials,
            "current": materials,
        }
    }


def _sealed(chain: Chain, gate: str, policy_sha256: str) -> dict[str, str]:
    """Return what a gate had to judge by: what was sealed. Without a plan, nothing: it refuses."""
    if chain.plan is None:
        return {}
    name = f"gate:{gate}"
    return {name: chain.plan.parts.get(name, ""), "policy": policy_sha256}


def _code_of_training(chain: Chain) -> dict[str, Any]:
    code = chain.steps[0].signed.predicate.run.code if chain.steps else None
    if code is None:
        return {}
    return {"environment": code.environment_sha256, "foreign": []}
