"""How a release stands by the log alone: its decision, its days, its attempts, its review."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tasks.attestation.agreement_review import AgreementReview, review_name
from tasks.attestation.predicates.predicate import Predicate
from tasks.attestation.predicates.records import SUITE, SuiteRun
from tasks.attestation.predicates.verification_summary import VerificationSummary
from tasks.dossier.claims import Reference
from tasks.path import MEASURING
from tasks.verifier.answer import Answer as VerifierAnswer
from tasks.verifier.answer import Verification, judge
from tasks.verifier.attempts.finding import Attempt, DataVersion, find_attempts
from tasks.verifier.lineage import Chain, Step
from tasks.verifier.log_reader import Log
from tasks.verifier.statement_index import Signed

ADMITTED = MEASURING[0].product


@dataclass(frozen=True)
class ReleaseStanding:
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
        # Times are UTC in one format, so that the greatest text is the latest time.
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
        # A chain begins with its last step.
        codes = [step.signed.predicate.run.code for step in self.chain.steps]
        return codes[0].tree_sha256 if codes and codes[0] else ""

    def refer(self, signed: Signed[Predicate], **about: str) -> Reference:
        """Return the reference to a statement, or to something in it."""
        return Reference(signed.index, signed.envelope_sha256, **about)

    def step(self, stage: str) -> Step | None:
        """Return the step of a stage; None where the chain has none."""
        return next((step for step in self.chain.steps if step.stage == stage), None)
