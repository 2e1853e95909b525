"""Find what a reference leads to, such as `gate:fairness` or `plan`."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from tasks.dossier.claims import Claim
from tasks.dossier.evidence.lacking import Lacking, Lookup
from tasks.dossier.evidence.ledger_facts import (
    find_audit,
    find_erasures,
    find_law,
    find_log,
)
from tasks.dossier.evidence.model_facts import (
    find_agreements,
    find_approval,
    find_attempts,
    find_code,
    find_commit,
    find_decision,
    find_explanations,
    find_plan,
)
from tasks.dossier.evidence.signed_files import SignedFiles
from tasks.errors import EvidenceError
from tasks.formats.canonical_json import canonical
from tasks.gates import Check, Outcome, Verdict

# What a reference of one word leads to: there is one of each about a release.
SINGLE_FACTS: dict[str, Callable[[SignedFiles], Lookup]] = {
    "decision": find_decision,
    "plan": find_plan,
    "code": find_code,
    "commit": find_commit,
    "explanations": find_explanations,
    "audit": find_audit,
    "log": find_log,
    "erasures": find_erasures,
    "attempts": find_attempts,
    "approval": find_approval,
    "in-force": find_law,
    "agreements": find_agreements,
}


@dataclass(frozen=True)
class CaseEvidence(SignedFiles):
    """All that is known of one model, and how each kind of reference is looked up in it."""

    def find(self, name: str) -> Lookup:
        """Return what a reference such as `gate:fairness` leads to.

        Raises:
            ValueError: There is no such kind of reference.
        """
        kind, _, rest = name.partition(":")
        finders: dict[str, Callable[[str], Lookup]] = {
            "stage": self.find_stage,
            "gate": self.find_gate,
            "check": self.find_check,
            "artefact": self.find_artefact,
            "declared": self.find_declared,
        }

        if kind in finders:
            return finders[kind](rest)
        if kind in SINGLE_FACTS:
            return SINGLE_FACTS[kind](self)
        # A fault of the register and no gap of the release: a misspelt reference must not read as
        # missing evidence.
        raise ValueError(f"no kind of reference: `{kind}`")

    def find_stage(self, stage: str) -> Lookup:
        """Return that a stage ran, by its provenance."""
        step = self.step(stage)
        if step is None:
            return Lacking(f"no signed statement of stage {stage}")

        run = step.signed.predicate.run
        text = f"{stage} ran on {run.finished[:10]} and made {step.name} sha256:{step.sha256[:12]}…"
        return Claim(text, (self.refer(step.signed, name=step.name, sha256=step.sha256),))

    def find_gate(self, gate: str) -> Lookup:
        """Return what a gate came to."""
        verdict = self.chain.verdicts.get(gate)
        if verdict is None:
            return Lacking(f"no verdict of gate {gate} about this model")

        # What is undecided is no pass: only a verdict that passed does not speak against the model.
        content = verdict.content
        is_against = content.result != "PASSED"
        return Claim(content.summary, (self.refer(verdict.signed),), is_against=is_against)

    def checks(self, gate: str) -> tuple[Check, ...]:
        """Return a gate's checks as signed, with intervals and reasons where the file is at hand.

        The file of a verdict counts where its digest is the signed one.
        """
        verdict = self.chain.verdicts.get(gate)
        if verdict is None:
            return ()

        whole = self.read_signed(f"{gate}/verdict.json", verdict.report_sha256)
        # The checks are the signed ones either way: the verdict names its file by digest.
        if whole is not None:
            return Verdict.from_dict(whole).checks

        # What was signed holds each check as well, without its interval and its reason.
        try:
            return verdict.checks()
        except EvidenceError:  # of a time before checks had ids
            return ()

    def find_check(self, check_id: str) -> Lookup:
        """Return what all checks of one id came to."""
        gate = check_id.partition(".")[0]
        verdict = self.chain.verdicts.get(gate)
        checks = [check for check in self.checks(gate) if check.id == check_id]
        if verdict is None or not checks:
            return Lacking(f"no check {check_id} about this model")

        # One group that fails is enough: a claim about several checks is as good as the worst.
        worst = Outcome.worst(check.outcome for check in checks)
        count = f" ({len(checks)} checks)" if len(checks) > 1 else ""
        references = tuple(self.refer(verdict.signed, check=check.key) for check in checks)
        text = f"{check_id}: {worst.text}{count}"
        return Claim(text, references, is_against=worst is not Outcome.PASS)

    def claim_check(self, gate: str, check: Check) -> Claim:
        """Return the claim of one check of a verdict that is there."""
        verdict = self.chain.verdicts[gate]
        reference = self.refer(verdict.signed, check=check.key)
        return Claim(check.outcome.text, (reference,), is_against=check.outcome.is_blocking)

    def find_artefact(self, name: str) -> Lookup:
        """Return that an artefact of the use case was made, by its digest."""
        maker = self.maker_of(name)
        if maker is None:
            return Lacking(f"no signed statement names {name}")

        signed, digest = maker
        full = f"{self.case}/{name}"
        reference = self.refer(signed, name=full, sha256=digest)
        return Claim(f"{full} sha256:{digest[:12]}…", (reference,))

    def find_declared(self, name: str) -> Lookup:
        """Return that a section of the use case is the one by which stages ran."""
        section = self.section(name)
        if isinstance(section, Lacking):
            return section

        values, reference = section
        digest = sha256(canonical(values)).hexdigest()
        return Claim(f"declared: {name}, sha256:{digest[:12]}…", (reference,))
