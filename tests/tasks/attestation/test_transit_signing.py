"""Keys that never leave a key service: against a real OpenBao server."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.attestation.statement import Artefact
from tasks.attestation.transit_signing import TransitSigner
from tasks.errors import ConfigError, ServiceError
from tasks.notary.notary import open_ledger, open_notary, trusted_root
from tasks.system.bao import BaoServer
from tasks.verifier.log_reader import EVERYTHING, Log, read_log
from tasks.verifier.statement_index import verified
from tests import services
from tests.installations import installation_at
from tests.services import Bao
from tests.tasks.predicate_samples import COMPLETION

RECEIPT = COMPLETION.about(Artefact("erasure/1", "ab" * 32))


@pytest.fixture(scope="module")
def bao() -> Iterator[Bao]:
    """An OpenBao server whose Transit engine holds the roles' keys."""
    with services.bao() as server:
        for role in ("root", "log", "erasure"):
            server.ask(f"transit/keys/portcullis-{role}", b'{"type": "ed25519"}')
        server.ask("transit/keys/portable", b'{"type": "ed25519", "exportable": true}')
        server.ask("transit/keys/saved", b'{"type": "ed25519", "allow_plaintext_backup": true}')
        yield server


@pytest.fixture
def configured(bao: Bao, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PORTCULLIS_SIGNING_VAULT_ADDR", bao.address)
    monkeypatch.setenv("PORTCULLIS_SIGNING_TOKEN", services.TOKEN)
    monkeypatch.delenv("PORTCULLIS_LEDGER_URL", raising=False)
    monkeypatch.delenv("PORTCULLIS_TRUST_ROOT", raising=False)
    return tmp_path


def log_of(root: Path) -> Log:
    ledger = open_ledger(installation_at(root))
    try:
        return read_log(ledger, trusted_root(installation_at(root)), EVERYTHING)
    finally:
        ledger.close()


def test_statements_are_signed_by_keys_that_are_nowhere_here(configured: Path) -> None:
    with open_notary(installation_at(configured)) as notary:
        index = notary.record(RECEIPT).index
    log = log_of(configured)
    assert verified(log.entries[index], log.keys).statement == RECEIPT
    assert not (configured / "home" / "signing").exists()


def test_a_key_rotated_in_the_service_is_entered_and_the_old_signatures_hold(
    configured: Path, bao: Bao
) -> None:
    with open_notary(installation_at(configured)) as notary:
        before = notary.record(RECEIPT).index
    bao.ask("transit/keys/portcullis-erasure/rotate")
    with open_notary(installation_at(configured)) as notary:
        after = notary.record(RECEIPT).index
    log = log_of(configured)
    first, second = (verified(log.entries[index], log.keys).key.public for index in (before, after))
    assert first != second


def test_a_token_that_may_not_sign_a_service_that_is_down_and_a_key_that_can_be_exported(
    configured: Path, bao: Bao, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="not exportable"):
        TransitSigner(BaoServer(bao.address), services.TOKEN, "portable")
    with pytest.raises(ConfigError, match="allow_plaintext_backup: True"):
        TransitSigner(BaoServer(bao.address), services.TOKEN, "saved")
    with pytest.raises(ServiceError, match="HTTP 403"):
        TransitSigner(BaoServer(bao.address), "nobody", "portcullis-log")
    with pytest.raises(ServiceError, match="HTTP 404"):
        TransitSigner(BaoServer(bao.address), services.TOKEN, "portcullis-none")
    monkeypatch.setenv("PORTCULLIS_SIGNING_VAULT_ADDR", "http://127.0.0.1:9")
    with (
        open_notary(installation_at(configured)) as notary,
        pytest.raises(ServiceError, match="nothing was signed"),
    ):
        notary.record(RECEIPT)


@pytest.mark.parametrize(
    "stated",
    [
        {"exportable": True, "allow_plaintext_backup": False},
        {"exportable": False, "allow_plaintext_backup": True},
        {"exportable": False},
        {"allow_plaintext_backup": False},
    ],
)
def test_a_key_that_may_leave_the_service_or_of_which_that_is_not_said_signs_nothing(
    stated: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    public = {"public_key": base64.b64encode(bytes(32)).decode()}
    answer = {"type": "ed25519", "latest_version": 1, "keys": {"1": public}, **stated}
    monkeypatch.setattr(
        "tasks.attestation.transit_signing.ask_transit", lambda *_, **__: dict(answer)
    )
    with pytest.raises(ConfigError, match="not exportable"):
        TransitSigner(BaoServer("http://127.0.0.1:9"), "token", "portcullis-log")
