"""The worker publishes through the server as the Gatekeeper, with tokens of a few seconds."""

from pathlib import Path

import pytest

from tasks.errors import PortcullisError
from tasks.registry import publish
from tests.identity import Issuer
from tests.installations import installation_at
from tests.publications import publication
from tests.registry_servers import GATEKEEPER, RunningRegistry

pytestmark = pytest.mark.integration
SECRET = "with: / and +"


@pytest.fixture(autouse=True)
def environment(
    server: RunningRegistry, issuer: Issuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Another account's secret does not open the Gatekeeper's, nor does its own role.
    monkeypatch.setattr(issuer, "services", {GATEKEEPER: SECRET, "svc-training": "other"})
    monkeypatch.setattr(issuer, "service_seconds", 4)
    for name, value in {
        "PORTCULLIS_HOME": str(tmp_path / "home"),
        "MLFLOW_TRACKING_URI": server.origin,
        "MLFLOW_TRACKING_AUTH": "",  # set by `open_registry`, and put back after the test
        "PORTCULLIS_REGISTRY_ISSUER": issuer.address,
        "PORTCULLIS_REGISTRY_CLIENT": GATEKEEPER,
        "PORTCULLIS_REGISTRY_CLIENT_SECRET": SECRET,
    }.items():
        monkeypatch.setenv(name, value)


def test_a_release_is_published_by_the_tokens_of_its_account(
    issuer: Issuer, tmp_path: Path
) -> None:
    release = publication(tmp_path)
    asked = issuer.asked.count("/token")
    published = publish(release, installation_at(Path()))
    assert published.is_new
    assert not publish(release, installation_at(Path())).is_new
    # At each opening, and again as the calls go on.
    assert issuer.asked.count("/token") - asked >= 2


def test_a_service_without_the_role_publishes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORTCULLIS_REGISTRY_CLIENT", "svc-training")
    monkeypatch.setenv("PORTCULLIS_REGISTRY_CLIENT_SECRET", "other")
    release = publication(tmp_path).model_copy(update={"name": "another-name"})
    with pytest.raises(PortcullisError):
        publish(release, installation_at(Path()))
