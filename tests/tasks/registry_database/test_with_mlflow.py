"""MLflow itself on this database: ordinary work works, and the worker alone publishes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import PortcullisError
from tasks.registry import Publication, publish
from tasks.registry.client import ENTRY_TAG
from tasks.registry_database import find_admission
from tests.identity import Issuer, identity_provider
from tests.installations import installation_at
from tests.publications import publication
from tests.registry_databases import RegistryDatabase, copy_of
from tests.registry_servers import GATEKEEPER, RunningRegistry, registry_server

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def driver_url(database: RegistryDatabase, account: str) -> str:
    return database.url_of(account).replace("postgresql://", "postgresql+psycopg://")


def test_ordinary_work_works(database: RegistryDatabase, tmp_path: Path) -> None:
    program = Path(__file__).with_name("ordinary_use.py")
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "ignore",
            program,
            driver_url(database, "server"),
            tmp_path.as_uri(),
        ],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "MLFLOW_DISABLE_TELEMETRY": "true"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with identity_provider() as running:
        yield running


@pytest.fixture(scope="module")
def published(cluster: RegistryDatabase) -> Iterator[RegistryDatabase]:
    with copy_of(cluster, "published") as database:
        yield database


@pytest.fixture(scope="module")
def server(
    published: RegistryDatabase, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningRegistry]:
    folder = tmp_path_factory.mktemp("registry")
    with registry_server(folder, issuer, driver_url(published, "server")) as running:
        yield running


@pytest.fixture
def release(
    server: RunningRegistry,
    issuer: Issuer,
    published: RegistryDatabase,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Publication:
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.origin)
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", issuer.token(GATEKEEPER))
    monkeypatch.setenv("PORTCULLIS_REGISTRY_EVIDENCE_URL", driver_url(published, "gatekeeper"))
    return publication(tmp_path)


def test_the_worker_publishes_with_evidence_and_nobody_without(
    release: Publication, published: RegistryDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    # The gatekeeper's token alone, stolen or in a deceived server: no row is made.
    url = os.environ["PORTCULLIS_REGISTRY_EVIDENCE_URL"]
    monkeypatch.setenv("PORTCULLIS_REGISTRY_EVIDENCE_URL", "")
    with pytest.raises(PortcullisError):
        publish(release, installation_at(Path()))
    assert published.rows("SELECT name FROM registered_models") == []
    monkeypatch.setenv("PORTCULLIS_REGISTRY_EVIDENCE_URL", url)

    # It stops between the evidence and the version, and is called again.
    create = MlflowClient.create_model_version

    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(MlflowClient, "create_model_version", stop)
    with pytest.raises(KeyboardInterrupt):
        publish(release, installation_at(Path()))
    monkeypatch.setattr(MlflowClient, "create_model_version", create)
    first = publish(release, installation_at(Path()))
    assert first.is_new
    assert not publish(release, installation_at(Path())).is_new
    assert published.rows("SELECT count(*) FROM portcullis.evidence WHERE version IS NULL") == [
        (1,)
    ]

    # Another decision about the same model: its tags follow, by evidence of that decision.
    later = release.model_copy(update={"decision_sha256": "e" * 64, "log_entry": 52})
    assert not publish(later, installation_at(Path())).is_new
    assert published.rows("SELECT value FROM model_version_tags WHERE key = %s", (ENTRY_TAG,)) == [
        ("52",)
    ]
    stored = find_admission(published.url_of("auditor"), "loan", int(first.version))
    assert stored is not None
    assert stored.admission.decision_sha256 == "e" * 64
    assert published.rows("SELECT alias, version FROM registered_model_aliases") == [
        ("candidate", int(first.version))
    ]
