"""Look evidence up, by references that people write into `configs/governance`.

Each answer is a claim with its entries, or says what is not there. Bytes that lie in `data/` are
believed only where their digest is the one that a statement of the chain names.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from tasks.attestation.agreement_review import PASSED, AgreementReview, review_name
from tasks.attestation.predicates.erasure import ErasureReceipt
from tasks.attestation.predicates.predicate import Predicate
from tasks.attestation.predicates.provenance import Provenance
from tasks.attestation.predicates.records import (
    SUITE,
    TEST_FAILED,
    TEST_PASSED,
    AuditBatch,
    SuiteRun,
)
from tasks.attestation.predicates.verification_summary import VerificationSummary
from tasks.dossier.claims import Claim, Reference
from tasks.errors import EvidenceError
from tasks.formats.canonical_json import canonical
from tasks.formats.yaml_file import read_yaml
from tasks.gates import Check, Outcome, Verdict
from tasks.path import MEASURING
from tasks.verifier.answer import Answer as VerifierAnswer
from tasks.verifier.answer import Verification, judge
from tasks.verifier.approvals import Consents
from tasks.verifier.attempts.finding import Attempt, DataVersion, find_attempts
from tasks.verifier.in_force.law import law_of
from tasks.verifier.lineage import Chain, GateVerdict, Step
from tasks.verifier.log_reader import Log
from tasks.verifier.statement_index import Signed

COMMITMENT = "explain/decisions"
ADMITTED = MEASURING[0].product


@dataclass(frozen=True)
class Lacking:
    """Why a reference leads to nothing."""

    reason: str


Found = Claim | Lacking


@dataclass(frozen=True)
class CaseEvidence:
    """What the log says of one model, and what of it lies at hand.

    Attributes:
        log: The whole log, verified.
        chain: The model's.
        data: `data/<case>`, whose bytes are compared before they are believed.
        case_values: The use case, resolved; a section is believed where its digest was signed.
    """

    log: Log
    chain: Chain
    data: Path
    case_values: dict[str, Any]

    # How the release stands

    @property
    def case(self) -> str:
        """The use case."""
        return self.chain.case

    @property
    def is_trained(self) -> bool:
        """Whether there is a model: else it is about the data that none was made from."""
        return self.chain.sealing is not None

    @cached_property
    def decision(self) -> Signed[VerificationSummary] | None:
        """The last decision about the model, by whichever stage."""
        return self.chain.decisions[-1] if self.chain.decisions else None

    @cached_property
    def verification(self) -> Verification:
        """What `verify` says of the chain."""
        return judge(self.log, self.chain)

    @property
    def is_let_in(self) -> bool:
        """Whether `register` let the model in, and nothing in the log speaks against it now.

        As `verify` answers: a link that does not hold, a later verdict or a revoked key counts.
        """
        return self.verification.answer is not VerifierAnswer.REFUSED

    @cached_property
    def day(self) -> str:
        """The day of the release: of the last thing that was signed about it. Empty for nothing."""
        times = [step.signed.predicate.run.finished for step in self.chain.steps]
        times += [verdict.content.finished for verdict in self.chain.verdicts.values()]
        times += [decision.predicate.finished for decision in self.chain.decisions]
        # Of a release that admitted nothing, the review of its agreements is all that was signed.
        if not times and self.review is not None:
            times.append(self.review.predicate.finished)
        return max(times, default="")[:10]

    @cached_property
    def first_day(self) -> str:
        """The day of the first decision about any model of the use case.

        What is owed counts from it, so that another release puts nothing off.
        """
        own = f"{self.case}/"
        days = [
            signed.predicate.finished[:10]
            for signed in self.log.statements(VerificationSummary)
            if any(subject.name.startswith(own) for subject in signed.subjects)
        ]
        return min(days, default=self.day)

    @cached_property
    def attempts(self) -> tuple[Attempt, ...]:
        """Every attempt on the same data."""
        return find_attempts(self.log, DataVersion.of(self.chain))

    @cached_property
    def review(self) -> Signed[AgreementReview] | None:
        """What the worker found in the agreements when it admitted what the model was made from.

        Of several reviews of the same sources the last: each run of `admit` makes one. Where no
        data was admitted, the last review of the use case, which says why.
        """
        name = f"{self.case}/{ADMITTED}"
        digest = self.chain.artefacts().get(name)
        if digest is None:
            reviews = self.log.statements(AgreementReview, review_name(self.case))
        else:
            reviews = self.log.statements(AgreementReview, name, digest)
        return reviews[-1] if reviews else None

    @cached_property
    def suite_run(self) -> Signed[SuiteRun] | None:
        """The last signed run of the project's own tests; None where nobody recorded one."""
        runs = self.log.statements(SuiteRun, SUITE)
        return runs[-1] if runs else None

    @property
    def code_sha256(self) -> str:
        """The digest of the code that the last step of the release ran; empty where none is said.

        Code and configuration are one: a test run by other limits says nothing about these.
        """
        codes = [step.signed.predicate.run.code for step in self.chain.steps]
        return codes[0].tree_sha256 if codes and codes[0] else ""

    # References

    def refer(self, signed: Signed[Predicate], **about: str) -> Reference:
        """Return the reference to a statement, or to something in it."""
        return Reference(signed.index, signed.envelope_sha256, **about)

    def find(self, name: str) -> Found:
        """Return what a reference such as `gate:fairness` leads to.

        Raises:
            ValueError: There is no such kind of reference.
        """
        kind, _, rest = name.partition(":")
        finders: dict[str, Callable[[str], Found]] = {
            "stage": self.find_stage,
            "gate": self.find_gate,
            "check": self.find_check,
            "artefact": self.find_artefact,
            "declared": self.find_declared,
            "decision": self._find_decision,
            "plan": self._find_plan,
            "code": self._find_code,
            "commit": self._find_commit,
            "explanations": self._find_explanations,
            "audit": self._find_audit,
            "log": self._find_log,
            "erasures": self._find_erasures,
            "attempts": self._find_attempts,
            "approval": self._find_approval,
            "in-force": self._find_law,
            "agreements": self._find_agreements,
        }
        if kind not in finders:
            raise ValueError(f"no kind of reference: `{kind}`")
        return finders[kind](rest)

    def step(self, stage: str) -> Step | None:
        """Return the step of a stage; None where the chain has none."""
        return next((step for step in self.chain.steps if step.stage == stage), None)

    def find_stage(self, stage: str) -> Found:
        """Return that a stage ran, by its provenance."""
        step = self.step(stage)
        if step is None:
            return Lacking(f"no signed statement of stage {stage}")
        run = step.signed.predicate.run
        text = f"{stage} ran on {run.finished[:10]} and made {step.name} sha256:{step.sha256[:12]}…"
        return Claim(text, (self.refer(step.signed, name=step.name, sha256=step.sha256),))

    def find_gate(self, gate: str) -> Found:
        """Return what a gate came to."""
        verdict = self.chain.verdicts.get(gate)
        if verdict is None:
            return Lacking(f"no verdict of gate {gate} about this model")
        content = verdict.content
        counts = (
            f"{len(content.passed)} pass, {len(content.failed)} fail, "
            f"{len(content.warned)} undecided"
        )
        text = f"gate {gate}: {content.outcome}; {counts}"
        return Claim(text, (self.refer(verdict.signed),), is_against=content.result != "PASSED")

    def checks(self, gate: str) -> tuple[Check, ...]:
        """Return a gate's checks as signed, with intervals and reasons where the file is at hand.

        The file of a verdict counts where its digest is the signed one.
        """
        verdict = self.chain.verdicts.get(gate)
        if verdict is None:
            return ()
        whole = self._read(f"{gate}/verdict.json", verdict.report_sha256)
        if whole is not None:
            return Verdict.from_dict(whole).checks
        try:
            return verdict.checks()
        except EvidenceError:  # of a time before checks had ids
            return ()

    def find_check(self, check_id: str) -> Found:
        """Return what all checks of one id came to."""
        gate = check_id.partition(".")[0]
        verdict = self.chain.verdicts.get(gate)
        checks = [check for check in self.checks(gate) if check.id == check_id]
        if verdict is None or not checks:
            return Lacking(f"no check {check_id} about this model")
        worst = Outcome.worst(check.outcome for check in checks)
        count = f" ({len(checks)} checks)" if len(checks) > 1 else ""
        references = tuple(self.refer(verdict.signed, check=check.key) for check in checks)
        text = f"{check_id}: {worst.text}{count}"
        return Claim(text, references, is_against=worst is not Outcome.PASS)

    def claim_check(self, gate: str, check: Check) -> Claim:
        """Return the claim of one check of a verdict that is there."""
        verdict: GateVerdict = self.chain.verdicts[gate]
        reference = self.refer(verdict.signed, check=check.key)
        return Claim(check.outcome.text, (reference,), is_against=check.outcome.is_blocking)

    def find_artefact(self, name: str) -> Found:
        """Return that an artefact of the use case was made, by its digest."""
        made = self._maker(name)
        if made is None:
            return Lacking(f"no signed statement names {name}")
        signed, digest = made
        full = f"{self.case}/{name}"
        reference = self.refer(signed, name=full, sha256=digest)
        return Claim(f"{full} sha256:{digest[:12]}…", (reference,))

    def read_artefact(self, name: str, *fields: str) -> tuple[Any, Reference] | Lacking:
        """Return a JSON artefact and its reference, where its bytes are those that were signed.

        An object that lacks one of `fields` is of another version of the stage, and lacks it.
        """
        made = self._maker(name)
        if made is None:
            return Lacking(f"no signed statement names {name}")
        signed, digest = made
        values = self._read(name, digest)
        if values is None:
            return Lacking(f"{name} is not at hand with the bytes that were signed")
        if absent := [field for field in fields if field not in values]:
            return Lacking(f"{name} says nothing of {absent[0]}")
        return values, self.refer(signed, name=f"{self.case}/{name}", sha256=digest)

    def section(self, name: str) -> tuple[Any, Reference] | Lacking:
        """Return a section of the use case and the statement that names its digest."""
        if name not in self.case_values:
            return Lacking(f"the use case declares no {name}")
        digest = sha256(canonical(self.case_values[name])).hexdigest()
        named = [
            step
            for step in self.chain.steps
            if step.signed.predicate.run.params_sha256.get(name) == digest
        ]
        if not named:
            # Not all sections are any step's of the chain; decisions name those of their stage.
            made = self._runs_with(name, digest)
            if made is None:
                return Lacking(
                    f"no stage that ended has signed for section {name} as it stands here"
                )
            return self.case_values[name], self.refer(made)
        return self.case_values[name], self.refer(named[0].signed)

    def read_case_file(self, section: str, field: str) -> tuple[Any, Reference] | Lacking:
        """Return a file that a section of the use case names, and the statement of the section.

        The section holds the file's digest: a file that was exchanged since is not believed.
        """
        found = self.section(section)
        if isinstance(found, Lacking):
            return found
        values, reference = found
        pinned = values.get(field) if isinstance(values, dict) else None
        if not isinstance(pinned, dict):
            return Lacking(f"{section} names no file of {field}")
        path = self.data.parents[1] / pinned["path"]
        try:
            content = path.read_bytes()
        except OSError:
            content = b""
        if sha256(content).hexdigest() != pinned["sha256"]:
            return Lacking(f"the file of {field} that was signed for is not at hand")
        return read_yaml(path, pinned["path"]), reference

    def find_tests(self, tests: tuple[str, ...]) -> Found:
        """Return how tests ended in the last signed run, where it was of the release's code."""
        run = self.suite_run
        if run is None:
            return Lacking("no signed statement of a test run")
        if run.predicate.code.tree_sha256 != self.code_sha256:
            return Lacking("the last signed test run was of other code")
        results = run.predicate.results
        day = run.predicate.finished[:10]
        failed = [test for test in tests if results.get(test) == TEST_FAILED]
        passed = [test for test in tests if results.get(test) == TEST_PASSED]
        if failed:
            text = f"{len(failed)} of {len(tests)} tests failed on {day}"
            return Claim(text, (self.refer(run),), is_against=True)
        if len(passed) < len(tests):
            skipped = len(tests) - len(passed)
            return Lacking(f"{skipped} of {len(tests)} tests did not run on {day}")
        return Claim(f"{len(tests)} tests passed on {day}", (self.refer(run),))

    def find_declared(self, name: str) -> Found:
        """Return that a section of the use case is the one by which stages ran."""
        section = self.section(name)
        if isinstance(section, Lacking):
            return section
        values, reference = section
        digest = sha256(canonical(values)).hexdigest()
        return Claim(f"declared: {name}, sha256:{digest[:12]}…", (reference,))

    # The single facts

    def _find_decision(self, _: str) -> Found:
        if self.decision is None:
            return Lacking("no signed decision about this model")
        predicate = self.decision.predicate
        stage = predicate.verifier.split("/")[-2]
        reasons = f", {len(predicate.refusals)} reasons" if predicate.refusals else ""
        text = f"{stage} decided {predicate.result} on {predicate.finished[:10]}{reasons}"
        return Claim(text, (self.refer(self.decision),))

    def _find_plan(self, _: str) -> Found:
        plan = self.chain.plan
        sealing = self.chain.sealing
        if plan is None or sealing is None:
            return Lacking("no plan was sealed before training")
        text = f"plan sha256:{plan.sha256[:12]}… of {len(plan.settings)} settings, sealed before "
        return Claim(f"{text}training", (self.refer(sealing.signed),))

    def _find_code(self, _: str) -> Found:
        steps = [step for step in self.chain.steps if step.signed.predicate.run.code]
        if not steps or len(steps) < len(self.chain.steps):
            return Lacking("a stage says nothing about its code")
        locks = {str(step.signed.predicate.run.code.lock_sha256) for step in steps}  # type: ignore[union-attr]
        foreign = [name for step in steps for name in step.signed.predicate.run.code.foreign]  # type: ignore[union-attr]
        text = f"lock sha256:{sorted(locks)[0][:12]}…, {len(foreign)} modules outside it"
        references = tuple(self.refer(step.signed) for step in steps)
        return Claim(text, references, is_against=bool(foreign))

    def _find_commit(self, _: str) -> Found:
        step = self.chain.sealing
        if step is None or not step.commit:
            return Lacking("training ran outside git")
        differing = "1 file differs" if len(step.dirty) == 1 else f"{len(step.dirty)} files differ"
        state = f"{differing} from it" if step.dirty else "nothing differs"
        text = f"commit {step.commit[:12]}, {state}"
        return Claim(text, (self.refer(step.signed),), is_against=bool(step.dirty))

    def _find_explanations(self, _: str) -> Found:
        name = f"{self.case}/{COMMITMENT}"
        own = [
            signed
            for signed in self.log.statements(Provenance, name)
            if (f"{self.case}/train/model", self.chain.model_sha256)
            in signed.predicate.material_digests().items()
        ]
        if not own:
            return Lacking("no commitment to explanations of this model's decisions")
        digest = str(own[-1].digest_of(name))
        text = f"every explanation is committed to under one root, {digest[:12]}…"
        return Claim(text, (self.refer(own[-1], name=name, sha256=digest),))

    def _find_audit(self, _: str) -> Found:
        batches = self.log.statements(AuditBatch)
        if not batches:
            return Lacking("no batch of the audit log is signed for")
        events = sum(batch.predicate.events for batch in batches)
        return Claim(
            f"{events} audit events in {len(batches)} signed batches", _ends(self, batches)
        )

    def _find_log(self, _: str) -> Found:
        """Return that the log is whole: by its first entry, the root key, and the head after it."""
        first = next((entry for entry in self.log.entries if entry.index == 0), None)
        if first is None:
            return Lacking("the log's first entry is not at hand")
        head = self.log.head
        text = f"the log of {head.size} entries derives to {head.root_hash.hex()[:12]}…"
        return Claim(text, (Reference(0, first.envelope_sha256),))

    def _find_erasures(self, _: str) -> Found:
        receipts = self.log.statements(ErasureReceipt)
        if receipts:
            return Claim(f"{len(receipts)} erasures on record", _ends(self, receipts))
        made = self._maker("admit/erasures.json")
        if made is None:
            return Lacking("no statement says which erasures there were")
        name = f"{self.case}/admit/erasures.json"
        reference = self.refer(made[0], name=name, sha256=made[1])
        return Claim("no erasure on record; each run asks anew", (reference,))

    def _find_attempts(self, _: str) -> Found:
        entries = {index for attempt in self.attempts for index in attempt.rests_on}
        by_index = {entry.index: entry for entry in self.log.entries}
        known = sorted(index for index in entries if index in by_index)
        if not known:
            return Lacking("no attempt is known")
        count = len(self.attempts)
        text = f"{count} {'attempt' if count == 1 else 'attempts'} on this data"
        ends = dict.fromkeys((known[0], known[-1]))
        return Claim(text, tuple(Reference(i, by_index[i].envelope_sha256) for i in ends))

    def _find_approval(self, _: str) -> Found:
        consents = Consents.of(self.log, self.chain)
        counting = [consent for consent in consents.approvals if consents.counts(consent)]
        if not counting:
            return Lacking("nobody who did not make the model has approved exactly this one")
        people = ", ".join(dict.fromkeys(consent.person for consent in counting))
        references = tuple(Reference(item.index, item.envelope_sha256) for item in counting)
        return Claim(f"approved by {people}", references)

    def _find_law(self, _: str) -> Found:
        law = law_of(self.log)
        if law is None or not law.signatures:
            return Lacking("nothing is signed to be in force")
        by_index = {entry.index: entry for entry in self.log.entries}
        references = tuple(
            Reference(item.index, by_index[item.index].envelope_sha256)
            for item in law.signatures
            if item.index in by_index
        )
        return Claim(f"terms in force since entry {law.signatures[-1].index}", references)

    def _find_agreements(self, _: str) -> Found:
        if self.review is None:
            return Lacking("no signed review of the agreements that the data was read by")
        review = self.review.predicate
        unregistered = [item.source for item in review.sources if not item.sha256]
        if unregistered:
            return Lacking(f"source {unregistered[0]} has no agreement in the register")
        clauses = sum(len(item.clauses) for item in review.sources)
        text = f"{len(review.sources)} sources, {clauses} clauses in place, judged on {review.day}"
        return Claim(text, (self.refer(self.review),), is_against=review.result != PASSED)

    # Bytes

    def _maker(self, name: str) -> tuple[Signed[Provenance], str] | None:
        """Return the statement of the run that made an artefact of the chain, and its digest."""
        full = f"{self.case}/{name}"
        for step in self.chain.steps:
            if digest := step.signed.digest_of(full):
                return step.signed, digest
        stage = name.partition("/")[0]
        verdict = self.chain.verdicts.get(stage)
        if verdict is None or verdict.content.report is None:
            return None
        # A gate's other outputs: by the run that made the verdict's file.
        report = verdict.content.report
        runs = self.log.statements(Provenance, report.name, report.sha256)
        for signed in reversed(runs):
            if digest := signed.digest_of(full):
                return signed, digest
        return None

    def _runs_with(self, section: str, digest: str) -> Signed[Provenance] | None:
        own = f"{self.case}/"
        runs = [
            signed
            for signed in self.log.statements(Provenance)
            if signed.predicate.run.params_sha256.get(section) == digest
            and signed.subjects[0].name.startswith(own)
        ]
        return runs[-1] if runs else None

    def _read(self, name: str, digest: str) -> Any:
        path = self.data / name
        try:
            content = path.read_bytes()
        except OSError:
            return None
        if sha256(content).hexdigest() != digest:
            return None
        return json.loads(content)


def _ends(evidence: CaseEvidence, signed: tuple[Signed[Any], ...]) -> tuple[Reference, ...]:
    """Return references to the first and the last of several statements."""
    ends = dict.fromkeys((signed[0].index, signed[-1].index))
    by_index = {item.index: item for item in signed}
    return tuple(evidence.refer(by_index[index]) for index in ends)
