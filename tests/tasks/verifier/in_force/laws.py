"""Laws for tests: terms that the cleared chain of a `SignedLog` meets, and who signs them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from tasks.attestation.dsse import sign
from tasks.attestation.keyring import add_key
from tasks.attestation.predicates.circumstances import LOCAL
from tasks.attestation.predicates.in_force import (
    InForce,
    RequiredApprovals,
    Terms,
)
from tasks.attestation.predicates.provenance import Provenance
from tasks.attestation.roles import COMPLIANCE, ROOT
from tasks.attestation.signing_keys import LocalSigner
from tasks.attestation.statement import Artefact
from tasks.path import SUBJECTS
from tests.tasks.predicate_samples import POLICY, RUN
from tests.tasks.verifier.signed_log import CASE, SignedLog, report_of

NOW = "2026-01-01T00:00:06Z"
LAX = Terms(
    policy_sha256=POLICY.sha256,
    gates={gate: (f"{gate}.measure",) for gate in SUBJECTS},
    unmeasured={},
    approvals=RequiredApprovals(0, "approval", ""),
    registry_names={CASE: CASE},
    anchors={},
    refs=(),
    signers=(),
    least_mode=LOCAL,
    plans={},
    attempts=0,
    people=1,
    replaces="",
)


def terms_of(**changes: Any) -> Terms:
    """Return terms that the chain meets, with changes."""
    return replace(LAX, **changes)


class Lawgivers:
    """Signs terms into a log, as people of role `compliance`: `carla` is enrolled already."""

    def __init__(self, log: SignedLog, folder: Path) -> None:
        self.log = log
        self._folder = folder
        self._names: Iterator[int] = iter(range(1000))
        self.carla = log.signers[COMPLIANCE]

    def enrol(self, holder: str, *, emails_sha256: tuple[str, ...] = ()) -> LocalSigner:
        """Return a new key of role `compliance`, enrolled under a name."""
        signer = LocalSigner.make(self._folder / f"person-{next(self._names)}.pem")
        statement = add_key(signer.public, (COMPLIANCE,), holder, emails_sha256=emails_sha256)
        self.log.append(statement, ROOT)
        return signer

    def say(
        self,
        terms: Terms,
        signer: LocalSigner | None = None,
        person: str = "carla",
        subject: Artefact | None = None,
    ) -> int:
        """Append somebody's signature under terms; return its entry."""
        statement = InForce(terms, person, "as decided", NOW).to_statement()
        if subject:
            statement = replace(statement, subjects=(subject,))
        return self.log.append_all([sign(statement.to_bytes(), signer or self.carla)])


def say_gate_runs(log: SignedLog, **changes: Any) -> None:
    """Append how every gate was run, with changes to its circumstances."""
    for gate in SUBJECTS:
        log.say(Provenance(replace(RUN, stage=gate, **changes), ()), report_of(gate))
