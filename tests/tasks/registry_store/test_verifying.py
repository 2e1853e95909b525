"""Evidence that is real and says no: every signature holds, and the server lets nothing in."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tasks.attestation.dsse import sign
from tasks.attestation.predicates.verification_summary import VerificationSummary
from tasks.attestation.roles import DECISION
from tasks.clearance.bundle_writer import choose, files_of
from tasks.errors import EvidenceError, PortcullisError, Refusal, RefusalKind
from tasks.formats.archives import archive
from tasks.gates import Outcome
from tasks.registry_store import verifying
from tasks.registry_store.configuring import StoreConfig
from tasks.registry_store.verifying import verify_clearance
from tasks.verifier.lineage import MODEL, examine
from tests.tasks.predicate_samples import POLICY, RUN
from tests.tasks.verifier.signed_log import CASE, SignedLog, artefact_of, digest, plan_of

CHECKOUT = Path(__file__).parents[3]
NAME = "loan-model"


def now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class Evidence:
    """A log, and what the server says to the archive that is made of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = SignedLog(folder)

    def say_chain(self, plan: Any = None) -> None:
        """Append a whole chain, under a plan."""
        plan = plan or plan_of()
        for name in reversed(tuple(verifying_made())):
            self.log.say_made(name, plan=plan if name == MODEL else None)
        for gate in verifying_gates():
            self.log.say_judged(gate, plan=plan)
        self.log.say_decided("decide")

    def decide(self, finished: str | None = None, name: str = NAME, **change: Any) -> int:
        """Append a decision of `register`, of now unless another time is named; return its place.

        Of now, and not of when the tests were collected: a long run of them would be too old.
        """
        finished = now() if finished is None else finished
        model = artefact_of(MODEL)
        run = replace(RUN, stage="register", finished=finished)
        summary = VerificationSummary.of(run, model, POLICY, (), (), name)
        return self.log.append(replace(summary, **change).about(model), DECISION)

    def ask(self, entry: int, config: StoreConfig | None = None, **options: Any) -> None:
        """Have the server verify the archive of the log as it stands."""
        log = self.log.read()
        contents = choose(log, examine(log, CASE, digest(MODEL)))
        path = self.folder / "clearance.zip"
        path.write_bytes(archive(files_of(contents, self.log.ledger)))
        verify_clearance(
            path,
            entry,
            NAME,
            config or self.config(),
            **{"model_sha256": digest(MODEL), "is_new": True, **options},
        )

    def config(self) -> StoreConfig:
        """Return a configuration that trusts the log."""
        return StoreConfig.model_validate(
            {
                "logs": [
                    {
                        "origin": self.log.origin,
                        "root_key": self.log.trusted,
                        "decision_keys": [self.log.signers[DECISION].public.keyid],
                        "names": {NAME: CASE},
                    }
                ],
                "policies": [POLICY.sha256],
                "policy_workspace": CHECKOUT,
                "least_mode": "local",
                "artifact_roots": ["mlflow-artifacts:/"],
                "decision_seconds": 3600,
                "clock_skew_seconds": 5,
                "serving_aliases": ["champion"],
                "most_model_bytes": 1,
            }
        )


def verifying_made() -> dict[str, Any]:
    from tasks.verifier.lineage import MADE

    return MADE


def verifying_gates() -> tuple[str, ...]:
    from tasks.path import SUBJECTS

    return tuple(SUBJECTS)


@pytest.fixture
def evidence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Evidence:
    """A chain of which every gate has passed; the policy is asked where a test says so."""
    monkeypatch.setattr(verifying, "ask_policy", lambda *_, **__: None)
    made = Evidence(tmp_path)
    made.say_chain()
    return made


def test_a_chain_that_has_passed_is_let_in(evidence: Evidence) -> None:
    """Else the refusals below would be for another reason."""
    evidence.ask(evidence.decide())


@pytest.mark.parametrize("gate", verifying_gates())
def test_a_gate_that_failed_before_or_after_the_decision_refuses(
    evidence: Evidence, gate: str
) -> None:
    entry = evidence.decide()
    evidence.log.say_judged(gate, Outcome.FAIL, plan=plan_of())
    with pytest.raises(EvidenceError, match=gate):
        evidence.ask(entry)


def test_a_gate_whose_verdict_is_missing_refuses(tmp_path: Path) -> None:
    made = Evidence(tmp_path)
    for name in reversed(tuple(verifying_made())):
        made.log.say_made(name, plan=plan_of() if name == MODEL else None)
    made.log.say_decided("decide")
    with pytest.raises(EvidenceError, match="no signed verdict"):
        made.ask(made.decide())


def test_a_gate_that_judged_by_other_limits_than_sealed_refuses(evidence: Evidence) -> None:
    evidence.log.say_judged("fairness", plan=plan_of(fairness="2"))
    with pytest.raises(EvidenceError, match="outside the plan"):
        evidence.ask(evidence.decide())


def test_an_undecided_gate_that_nobody_accepted_refuses(evidence: Evidence) -> None:
    evidence.log.say_judged("fairness", Outcome.UNDECIDED, plan=plan_of())
    with pytest.raises(EvidenceError, match="undecided"):
        evidence.ask(evidence.decide())


def test_a_decision_against_it_that_is_later_refuses(evidence: Evidence) -> None:
    entry = evidence.decide()
    against = Refusal(RefusalKind.VERDICT_NOT_PASSED, "no")
    evidence.log.say_decided("decide", (against,))
    with pytest.raises(EvidenceError, match="FAILED"):
        evidence.ask(entry)


def test_an_earlier_decision_is_not_the_one_that_counts(evidence: Evidence) -> None:
    first = evidence.decide()
    evidence.decide()
    with pytest.raises(EvidenceError, match="as the latest"):
        evidence.ask(first)


@pytest.mark.parametrize("finished", ["2026-01-01T00:00:00Z", "2099-01-01T00:00:00Z", "soon", ""])
def test_a_decision_of_another_day_makes_no_version(evidence: Evidence, finished: str) -> None:
    entry = evidence.decide(finished)
    with pytest.raises(EvidenceError, match="decision"):
        evidence.ask(entry)


def test_a_decision_of_another_day_still_holds_for_an_alias(evidence: Evidence) -> None:
    evidence.ask(evidence.decide("2026-01-01T00:00:00Z"), is_new=False)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"name": ""},
        {"policy_sha256": "0" * 64},
        {"result": "PASSED "},
        {"drill": "2026-01-01"},
    ],
    ids=str,
)
def test_a_decision_that_says_something_else_refuses(
    evidence: Evidence, change: dict[str, Any]
) -> None:
    entry = evidence.decide(**change)
    with pytest.raises(EvidenceError):
        evidence.ask(entry)


def test_evidence_about_another_model_refuses(evidence: Evidence) -> None:
    with pytest.raises(EvidenceError, match="about the bytes"):
        evidence.ask(evidence.decide(), model_sha256="0" * 64)


def test_a_key_that_was_revoked_decides_nothing(evidence: Evidence) -> None:
    entry = evidence.decide()
    evidence.log.revoke(DECISION, valid_to=entry)
    with pytest.raises(EvidenceError):
        evidence.ask(entry)


def test_a_decision_by_a_key_of_another_role_counts_for_nothing(evidence: Evidence) -> None:
    model = artefact_of(MODEL)
    run = replace(RUN, stage="register", finished=now())
    summary = VerificationSummary.of(run, model, POLICY, (), (), NAME)
    statement = summary.about(model)
    entry = evidence.log.append_all([sign(statement.to_bytes(), evidence.log.signers["gate"])])
    with pytest.raises(EvidenceError):
        evidence.ask(entry)


def test_the_policy_is_asked_about_it_too(
    evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    """These verdicts have one check each: the shipped policy asks for its own by id."""
    monkeypatch.undo()
    with pytest.raises(PortcullisError, match="policy, asked by the registry's server"):
        evidence.ask(evidence.decide())
