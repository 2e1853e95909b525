"""A real ledger of statements about one use case, without any stage, and fast to make."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from tasks.attestation.dsse import IN_TOTO, Envelope, sign
from tasks.attestation.keyring import add_key, origin_of, revoke_key
from tasks.attestation.plan import Plan
from tasks.attestation.predicates.code_identity import CodeIdentity
from tasks.attestation.predicates.predicate import Predicate
from tasks.attestation.predicates.provenance import Provenance
from tasks.attestation.predicates.signed_verdict import SignedVerdict
from tasks.attestation.predicates.verification_summary import VerificationSummary
from tasks.attestation.roles import APPROVER, COMPLIANCE, LOG, PERSONAL, ROLES, ROOT, VALIDATOR
from tasks.attestation.signing_keys import LocalSigner
from tasks.attestation.statement import Artefact, Statement
from tasks.errors import Refusal
from tasks.gates import Check, Outcome, Verdict
from tasks.ledger.ledger import Ledger
from tasks.ledger.sqlite_store import SqliteStore
from tasks.ledger.tiles import Record
from tasks.path import SUBJECTS
from tasks.verifier.lineage import MADE, MODEL
from tasks.verifier.log_reader import EVERYTHING, Log, Selection, read_log
from tests.tasks.predicate_samples import POLICY, RUN

CASE = "tiny"
PEOPLE = {APPROVER: "ann", VALIDATOR: "ann", COMPLIANCE: "carla"}


def digest(name: str, version: int = 1) -> str:
    """Return what stands for the sha256 of a version of an artefact."""
    return sha256(f"{name} {version}".encode()).hexdigest()


def artefact_of(name: str, version: int = 1, case: str = CASE) -> Artefact:
    return Artefact(f"{case}/{name}", digest(name, version))


def plan_of(**limits: str) -> Plan:
    """Return a plan of one limit for each gate; `fairness="2"` makes that of a gate another."""
    values = {gate: limits.get(gate, "1") for gate in SUBJECTS}
    return Plan(
        parts={
            "policy": POLICY.sha256,
            **{f"gate:{gate}": digest(gate, int(value)) for gate, value in values.items()},
        },
        settings={f"limits.{gate}.m": value for gate, value in values.items()},
    )


class SignedLog:
    """A ledger with a key of every role, and statements that a test appends to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.signers = {role: LocalSigner.make(folder / f"{role}.pem") for role in ROLES}
        self.ledger = Ledger(SqliteStore(folder / "ledger.db"))
        self.origin = origin_of(self.signers[ROOT].public)
        self.trusted = self.signers[ROOT].public.keyid
        self.size = 0

        self.append_all(
            [self.sign_addition(ROOT), *(self.sign_addition(role) for role in ROLES[1:])]
        )

    def sign_addition(self, role: str) -> Envelope:
        holder = PEOPLE.get(role, "worker") if role in PERSONAL else "worker"
        statement = add_key(self.signers[role].public, (role,), holder)
        return sign(statement.to_bytes(), self.signers[ROOT])

    def append_all(self, envelopes: list[Envelope]) -> int:
        """Append envelopes, whatever they say; return the index of the first."""
        bodies = [envelope.to_bytes() for envelope in envelopes]
        records = [
            (Record.of(envelope.payload, body), body)
            for envelope, body in zip(envelopes, bodies, strict=True)
        ]
        first = self.ledger.append(records, self.signers[LOG], self.origin)
        self.size = first + len(envelopes)
        return first

    def append(self, statement: Statement, role: str) -> int:
        """Append a statement that the key of a role has signed, rightly or not."""
        return self.append_all([sign(statement.to_bytes(), self.signers[role])])

    def say(self, predicate: Predicate, *subjects: Artefact) -> int:
        """Append a statement in the role that it has to be signed in."""
        return self.append(predicate.about(*subjects), predicate.role)

    def append_bytes(self, payload: bytes, role: str) -> int:
        """Append a payload that may be no statement."""
        return self.append_all([sign(payload, self.signers[role], IN_TOTO)])

    def revoke(self, role: str, valid_to: int) -> int:
        statement = revoke_key(self.signers[role].public.keyid, valid_to, "stolen")
        return self.append(statement, ROOT)

    def read(self, selection: Selection = EVERYTHING) -> Log:
        return read_log(self.ledger, self.trusted, selection)

    # One use case, cleared by every gate.

    def say_chain(self) -> None:
        """Append how the model was made, and a verdict of every gate."""
        for name in reversed(MADE):
            self.say_made(name)
        for gate in SUBJECTS:
            self.say_judged(gate)

    def say_made(
        self,
        name: str,
        version: int = 1,
        *,
        material_version: int = 1,
        plan: Plan | None = None,
        case: str = CASE,
        started_by: str = RUN.started_by,
        code: CodeIdentity | None = None,
    ) -> int:
        stage, material = MADE[name]
        materials = (artefact_of(material, material_version, case),) if material else ()
        # What gates judge besides the chain's own artefacts is made by the same stages.
        products = [artefact_of(name, version, case), *self._others(stage, name, case)]
        run = replace(RUN, stage=stage, case=case, started_by=started_by, code=code)
        return self.say(Provenance(run, materials, plan), *products)

    def _others(self, stage: str, name: str, case: str) -> list[Artefact]:
        judged = {subject for subjects in SUBJECTS.values() for subject in subjects}
        return [
            artefact_of(subject, case=case)
            for subject in sorted(judged - {name})
            if subject.startswith(f"{stage}/")
        ]

    def say_judged(
        self,
        gate: str,
        outcome: Outcome = Outcome.PASS,
        *,
        version: int = 1,
        case: str = CASE,
        plan: Plan | None = None,
    ) -> int:
        subjects = [artefact_of(name) for name in SUBJECTS[gate][:-1]]
        primary = artefact_of(SUBJECTS[gate][-1], version)
        verdict = verdict_of(gate, outcome, case)
        if plan is not None:
            parts = ((name, plan.parts[name]) for name in ("policy", f"gate:{gate}"))
            configuration = tuple(Artefact(name, sha256) for name, sha256 in parts)
            verdict = replace(verdict, configuration=configuration)
        return self.say(verdict, *subjects, primary)

    def say_decided(
        self, stage: str, refusals: tuple[Refusal, ...] = (), *, version: int = 1
    ) -> int:
        model = artefact_of(MODEL, version)
        run = replace(RUN, stage=stage)
        return self.say(VerificationSummary.of(run, model, POLICY, (), refusals), model)


def report_of(gate: str) -> Artefact:
    return artefact_of(f"{gate}/verdict.json")


def verdict_of(gate: str, outcome: Outcome, case: str = CASE) -> SignedVerdict:
    """Return a verdict of one check."""
    value = {Outcome.PASS: 0.75, Outcome.FAIL: 0.25}.get(outcome)
    check = Check(f"{gate}.measure", "a measure", outcome, value, "at least 0.5")
    verdict = Verdict(gate, case, (check,), "8" * 64, {"x": "9" * 64})
    run = replace(RUN, stage=gate, case=case)
    policy = Artefact("policy", POLICY.sha256)
    return SignedVerdict.of(run, verdict, report_of(gate), (policy,))
