"""The registry store on a real MLflow, with a model that a real worker has released into it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.serving.ports import find_free_port
from flows.stack.registry import RegistryProcess
from tasks.attestation.artefacts import artefact
from tasks.formats.digests import sha256_of
from tasks.notary.notary import open_ledger, trusted_root
from tasks.verifier.lineage import examine, latest_decision
from tasks.verifier.log_reader import EVERYTHING, Log, read_log
from tasks.worker import running
from tasks.worker.run_folder import RunFolder
from tests.installations import installation_at
from tests.tasks.judged import CASE, present

MODEL = Path("data") / CASE / "train" / "model"
DECISION_SECONDS = 3600


@dataclass(frozen=True)
class EndedStage:
    """A stage's process that did its work when it was started."""

    code: int = 0
    isolation: Any = None

    def wait(self) -> int:
        return self.code

    def read_report(self) -> Any:
        from tasks.worker.starting import StageReport

        return StageReport()


def log_of(workspace: Path) -> Log:
    """Return the whole log of an installation."""
    ledger = open_ledger(installation_at(workspace))
    try:
        return read_log(ledger, trusted_root(installation_at(workspace)), EVERYTHING)
    finally:
        ledger.close()


def trust_values(workspace: Path, **change: Any) -> dict[str, Any]:
    """Return a configuration that trusts one installation, as its file holds it."""
    log = log_of(workspace)
    decision = present(latest_decision(examine(log, CASE, sha256_of(workspace / MODEL)), "decide"))
    trusted = {
        "origin": log.head.origin,
        "root_key": next(iter(log.keys.entries)),
        "decision_keys": [decision.key.public.keyid],
        "names": {CASE: CASE},
    }
    return {
        "logs": [trusted],
        "policies": [artefact(workspace, "configs/policy").sha256],
        "policy_workspace": str(workspace),
        "least_mode": "local",
        "artifact_roots": ["mlflow-artifacts:/"],
        "decision_seconds": DECISION_SECONDS,
        "clock_skew_seconds": 0,
        "serving_aliases": ["champion"],
        "most_model_bytes": 1 << 24,
        **change,
    }


def release(workspace: Path, origin: str, patch: pytest.MonkeyPatch) -> tuple[int, tuple[str, ...]]:
    """Have the worker register the model that lies there, in the registry at an address."""

    def start(_stage: str, _case: str, _run: RunFolder, *_: object) -> EndedStage:
        return EndedStage(isolation={})

    patch.setenv("MLFLOW_TRACKING_URI", origin)
    patch.setattr(running, "start_stage", start)
    patch.setattr("tasks.pipeline.runner.list_stale", lambda *_: ())
    patch.delenv("DVC_EXP_BASELINE_REV", raising=False)
    return running.run_stage("register", CASE, installation_at(workspace))


@contextmanager
def store_server(folder: Path, trust: dict[str, Any]) -> Iterator[str]:
    """Run a plain `mlflow server` whose registry is ours; yield its address."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "store.yaml"
    config.write_text(yaml.safe_dump(trust))
    server = RegistryProcess(
        folder / "server",
        folder / "server.log",
        port=find_free_port(),
        store_url=f"sqlite:///{folder / 'mlflow.db'}",
        registry_store_url=f"portcullis+sqlite:///{folder / 'mlflow.db'}",
        artifacts=str(folder / "artifacts"),
        more={"PORTCULLIS_STORE_CONFIG": str(config)},
    )
    try:
        server.start()
        server.wait()
        yield server.origin
    finally:
        server.stop()


def copy_pattern(pattern: Path, folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """Return a workspace, and let its home be the one of this process."""
    from tests.tasks.conftest import UNSET
    from tests.tasks.judged import RULES_OF_TESTS

    shutil.copytree(pattern, folder, symlinks=True, dirs_exist_ok=True)
    patch.setenv("PORTCULLIS_HOME", str(folder / "home"))
    for name in UNSET:
        patch.delenv(name, raising=False)
    patch.setattr("tasks.clearance.own_limits.RULES_OF", RULES_OF_TESTS)
    return folder / "checkout"
