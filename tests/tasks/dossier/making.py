"""The dossier of a small use case, made without any stage: a real ledger, and one artefact."""

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from tasks.attestation.agreement_review import AgreementReview, ReviewedSource
from tasks.attestation.predicates.consent import RequirementAnswer
from tasks.attestation.predicates.provenance import Provenance
from tasks.attestation.roles import COMPLIANCE
from tasks.attestation.statement import Artefact
from tasks.dossier.answering import rows_name
from tasks.dossier.governance import Governance, load_governance
from tasks.dossier.releasing import DossierTarget
from tasks.dossier.subject import DossierSubject
from tasks.dossier.writing import Dossier, make_dossier, make_subject
from tasks.formats.canonical_json import canonical
from tasks.path import SUBJECTS
from tasks.verifier.lineage import MADE, MODEL, examine
from tasks.verifier.log_reader import Log
from tests.tasks.predicate_samples import RUN
from tests.tasks.verifier.signed_log import CASE, SignedLog, artefact_of, digest

CHECKOUT = Path(__file__).parents[3]
GOVERNANCE = load_governance(CHECKOUT)
SOURCES = {
    "files": {
        "owner": "Example Bank",
        "role": "controller",
        "legal_basis": "GDPR 6(1)(b)",
        "agreement": "ROPA-1",
        "expires": "2031-12-31",
    },
    "hosting": {
        "owner": "Example Hosting",
        "role": "processor",
        "legal_basis": "GDPR 6(1)(f)",
        "agreement": "DPA-1",
        "expires": "2025-12-31",
    },
}
REVIEWED = (
    ReviewedSource("files", "ROPA-1", "controller", "Example Bank", "a" * 64, expires="2031-12-31"),
    ReviewedSource(
        source="hosting",
        agreement="DPA-1",
        role="processor",
        party="Example Hosting",
        sha256="b" * 64,
        file_sha256="c" * 64,
        expires="2025-12-31",
        clauses={"GDPR 28(3)(a)": "no. 2", "GDPR 28(3)(b)": "no. 3"},
        transfers=("IE: annex B",),
    ),
)
CASE_VALUES: dict[str, Any] = {"title": "Tiny", "purpose": "Decide something", "words": {}}
CHECKER = b"program"
# Sections of a use case, for those who ask that a stage has signed for them.
DECLARED: dict[str, Any] = {
    "columns": {
        "email": {"role": "subject", "kind": "email"},
        "income": {"role": "feature"},
        "is_owner": {"role": "feature", "kind": "flag"},
        "sex": {"role": "protected", "kind": "category"},
        "approve": {"role": "target", "kind": "flag"},
    },
    "train": {"family": "lightgbm", "seed": 7, "parameters": {"num_leaves": 7}},
    "erasure": {"keep": {"rows": {"months": 60, "basis": "a law"}}},
}


class SmallDossier:
    """A ledger of one release, the artefact that its admit made, and the dossier of them."""

    def __init__(
        self,
        folder: Path,
        sources: dict[str, Any] | None = None,
        sections: dict[str, Any] | None = None,
    ) -> None:
        self.folder = folder
        self.sections = sections or {}
        self.signed_log = SignedLog(folder)
        self.sources = json.dumps(SOURCES if sources is None else sources).encode()
        path = folder / "data" / CASE / "admit" / "sources.json"
        path.parent.mkdir(parents=True)
        path.write_bytes(self.sources)
        self.say_release()

    def say_release(self) -> None:
        """Append how the model was made from the sources that lie here, verdicts, a decision."""
        log = self.signed_log
        made = Artefact(f"{CASE}/admit/sources.json", sha256(self.sources).hexdigest())
        signed_for = {
            name: sha256(canonical(values)).hexdigest() for name, values in self.sections.items()
        }
        run = replace(RUN, stage="admit", case=CASE, params_sha256=signed_for)
        log.say(Provenance(run, ()), made)
        self.review_entry = self.say_review(made)
        run = replace(RUN, stage="ingest", case=CASE)
        log.say(Provenance(run, (made,)), artefact_of("ingest/rows.parquet"))
        for name in reversed(MADE):
            if name not in ("admit/sources.json", "ingest/rows.parquet"):
                log.say_made(name)
        for gate in SUBJECTS:
            log.say_judged(gate)
        log.say_decided("register")

    def say_review(self, admitted: Artefact, sources: tuple[ReviewedSource, ...] = REVIEWED) -> int:
        """Append what the worker found in the agreements."""
        review = AgreementReview(
            case=CASE,
            day="2025-12-31",
            register_sha256="d" * 64,
            sources=sources,
            invocation="0" * 32,
            mode="local",
            drill="",
            finished=RUN.finished,
        )
        return self.signed_log.append(review.to_statement(admitted), review.role)

    def say_answer(
        self,
        requirement: str,
        text: str = "It is necessary.",
        *,
        person: str = "carla",
        role: str = COMPLIANCE,
        rows_version: int = 1,
        requirement_sha256: str | None = None,
    ) -> int:
        """Append a person's answer, signed by the key of a role."""
        asked = GOVERNANCE.requirement(requirement)
        answer = RequirementAnswer(
            case=CASE,
            requirement=requirement,
            requirement_sha256=requirement_sha256 or asked.sha256,
            text=text,
            person=person,
            capacity="officer",
            given_on="2026-01-02T00:00:00Z",
        )
        rows = Artefact(rows_name(CASE), digest("redact/rows.parquet", rows_version))
        return self.signed_log.append(answer.to_statement(rows), role)

    def read(self, without: int | None = None) -> Log:
        """Read the log; without an entry, as somebody who has a bundle that lacks it."""
        log = self.signed_log.read()
        return replace(log, entries=tuple(item for item in log.entries if item.index != without))

    def subject(
        self,
        *,
        profile: str = "eu-credit",
        log: Log | None = None,
        governance: Governance = GOVERNANCE,
        **values: Any,
    ) -> DossierSubject:
        read = log or self.read()
        chain = examine(read, CASE, digest(MODEL))
        return make_subject(
            read,
            chain,
            governance,
            profile,
            {**CASE_VALUES, **self.sections, **values},
            self.folder,
        )

    def subject_without_data(self, log: Log | None = None) -> DossierSubject:
        """Return what a release is about that has admitted nothing."""
        read = log or self.read()
        values = {**CASE_VALUES, **self.sections}
        chain = DossierTarget().examine(read, CASE)
        return make_subject(read, chain, GOVERNANCE, "eu-credit", values, self.folder)

    def dossier(self, **options: Any) -> Dossier:
        return make_dossier(self.subject(**options), self.signed_log.ledger, CHECKER)
