"""Models that were let in and registered, in an installation's own registry."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tasks.attestation.dsse import sign
from tasks.attestation.keyring import add_key
from tasks.attestation.signing_keys import LocalSigner
from tasks.formats.digests import sha256_of
from tasks.gates import Check
from tasks.notary.notary import open_notary
from tasks.path import SUBJECTS
from tasks.stages.decide.stage import run as decide
from tasks.stages.workspace import StageRun
from tasks.worker import running
from tasks.worker.run_folder import RunFolder
from tasks.worker.starting import StageReport
from tests.installations import installation_at
from tests.tasks.judged import CASE, attested, put_verdict


@dataclass(frozen=True)
class EndedStage:
    """A stage's process that did its work when it was started."""

    isolation: ClassVar[Mapping[str, str]] = {}

    def wait(self) -> int:
        return 0

    def read_report(self) -> StageReport:
        return StageReport()


def register(root: Path) -> None:
    """Have the worker let in and register the model that was signed for."""

    def start(_stage: str, _case: str, _run: RunFolder, *_: object) -> EndedStage:
        return EndedStage()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tasks.pipeline.runner.list_stale", lambda *_: ())
        patch.setattr(running, "start_stage", start)
        code, lines = running.run_stage("register", CASE, installation_at(root))
        assert code == 0, lines


def train_another(root: Path, **checks: tuple[Check, ...]) -> str:
    """Make another model, judged with these checks of gates; sign for all; return its digest."""
    scorer = root / "data" / CASE / "train" / "model" / "scorer.json"
    values = json.loads(scorer.read_text())
    values["cutoff"] += 0.01
    scorer.write_text(json.dumps(values))
    report = root / "data" / CASE / "train" / "report.json"
    report.write_text(json.dumps(json.loads(report.read_text()) | {"run": values["cutoff"]}))
    # What it decides about people is its own, and so are the verdicts on that.
    for name in {name for subjects in SUBJECTS.values() for name in subjects}:
        if name.startswith("train/") and name != "train/model":
            (root / "data" / CASE / name).write_text(f"{name} {values['cutoff']}")
    for gate in SUBJECTS:
        change: dict[str, Any] = {"checks": checks[gate]} if gate in checks else {}
        put_verdict(root, gate, **change)
    decide(StageRun("decide", CASE, installation_at(root)))
    attested(root)
    return model_here(root)


def model_here(root: Path) -> str:
    """Return the digest of the model that lies in `data/`."""
    return sha256_of(root / "data" / CASE / "train" / "model")


def enrol(root: Path, person: str, role: str = "approval", logins: tuple[str, ...] = ()) -> Path:
    """Return the file of a person's new key, enrolled in a role."""
    path = root.parent / f"{person}.pem"
    statement = add_key(LocalSigner.make(path).public, (role,), person, logins=logins)
    with open_notary(installation_at(root)) as notary:
        notary.append_signed([sign(statement.to_bytes(), notary.signer("root"))])
    return path
