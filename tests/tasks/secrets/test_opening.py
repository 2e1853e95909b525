"""Settings by reference: every secret of docs/settings.md, asked for when it is used."""

import atexit
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from tasks.attestation.transit_signing import transit_signer
from tasks.errors import ConfigError, EvidenceError, ServiceError
from tasks.registry_bucket import open_bucket
from tasks.registry_database import claim_name
from tasks.secrets import opening
from tasks.secrets.declaring import PREFECT_NAMES, read_secrets_file, secret_names
from tasks.secrets.opening import DECLARABLE, ReferencedSettings, open_with_secrets
from tasks.secrets.provider import Secrets
from tasks.secrets.setting_up import REGISTRY, WORKER
from tasks.settings import Reader, Settings, environment_of_stage
from tests.tasks.secrets.conftest import VALUES, Vaulted

REFERENCE = "bao:kv/portcullis/worker#client_secret"
Opened = Callable[..., Settings]


@pytest.fixture
def settings_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opened]:
    """Return a function that opens an installation with a file of references."""
    providers: list[tuple[Secrets, int]] = []
    monkeypatch.setattr(atexit, "register", lambda _, *more: providers.append(more))

    def open_one(values: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
        path = tmp_path / "secrets.yaml"
        path.write_text(yaml.safe_dump(dict(values)))
        variables = {**environ, "PORTCULLIS_SECRETS": str(path)}
        return open_with_secrets(tmp_path, variables).settings

    yield open_one
    for provider, opened_by in providers:
        opening._close(provider, opened_by)


@pytest.mark.parametrize("field", sorted(DECLARABLE))
def test_each_secret_may_be_a_reference_of_each_kind(
    field: str, vaulted: Vaulted, settings_of: Opened, tmp_path: Path
) -> None:
    name = DECLARABLE[field].name
    (tmp_path / "kept").write_text("from a file\n")
    for reference, value in (
        (f"file:{tmp_path / 'kept'}", "from a file"),
        ("env:ELSEWHERE", "from a variable"),
        (REFERENCE, VALUES["worker"]["client_secret"]),
    ):
        declared = {"bao": vaulted.section(), "secrets": {name: reference}}
        environ = vaulted.environ(WORKER) | {"ELSEWHERE": "from a variable", name: "a leftover"}
        settings = settings_of(declared, environ)
        assert getattr(settings, field) == value
        assert value not in repr(settings)


def test_what_is_not_declared_has_the_value_of_its_variable(
    vaulted: Vaulted, settings_of: Opened
) -> None:
    settings = settings_of(
        {"bao": vaulted.section()}, vaulted.environ() | {"PORTCULLIS_HEC_TOKEN": "of the variable"}
    )
    assert settings.hec_token == "of the variable"
    assert settings.ledger_url == ""
    assert settings.signing_prefix == "portcullis-"
    assert settings.s3_keys is None


def test_the_document_lists_every_name_that_may_be_declared() -> None:
    text = (Path(__file__).parents[3] / "docs" / "secrets.md").read_text(encoding="utf-8")
    _, _, rest = text.partition("## What may be a reference")
    section, _, _ = rest.partition("\n## ")
    listed = {line.split("`")[1] for line in section.splitlines() if line.startswith("| `")}
    assert listed == secret_names()


def test_nothing_is_asked_for_before_it_is_used(settings_of: Opened) -> None:
    section = {"address": "http://127.0.0.1:9", "token": "env:TOKEN"}
    settings = settings_of(
        {"bao": section, "secrets": {"PORTCULLIS_HEC_TOKEN": REFERENCE}}, {"TOKEN": "t"}
    )
    assert settings.opa_url == ""
    with pytest.raises(ServiceError, match=r"127\.0\.0\.1:9"):
        _ = settings.hec_token


def test_the_gatekeeper_leases_its_account_and_nobody_else_gets_one(
    vaulted: Vaulted, settings_of: Opened
) -> None:
    declared = {
        "bao": vaulted.section(),
        "databases": {vaulted.place: f"bao:database/creds/{WORKER}"},
    }
    variables = {"PORTCULLIS_REGISTRY_EVIDENCE_URL": f"postgresql://{vaulted.place}"}
    settings = settings_of(declared, vaulted.environ(WORKER) | variables)
    url = settings.registry_evidence_url
    claim_name(url, name="leased", use_case="loan", log_origin="log")
    with psycopg.connect(url) as link, pytest.raises(psycopg.errors.InsufficientPrivilege):
        link.execute("CREATE TABLE anything ()")

    # By the server's own account evidence is refused; and its login leases no gatekeeper's.
    served = declared | {"databases": {vaulted.place: f"bao:database/creds/{REGISTRY}"}}
    of_server = settings_of(served, vaulted.environ(REGISTRY) | variables)
    with pytest.raises(EvidenceError, match="42501"):
        claim_name(of_server.registry_evidence_url, name="x", use_case="loan", log_origin="log")
    thief = settings_of(declared, vaulted.environ(REGISTRY) | variables)
    with pytest.raises(ServiceError, match="HTTP 403"):
        _ = thief.registry_evidence_url


def test_an_address_with_a_login_of_its_own_keeps_it(vaulted: Vaulted, settings_of: Opened) -> None:
    url = f"postgresql://ann:word@{vaulted.place}"
    declared = {
        "bao": vaulted.section(),
        "databases": {vaulted.place: f"bao:database/creds/{WORKER}"},
    }
    environ = vaulted.environ(WORKER) | {"PORTCULLIS_LEDGER_URL": url}
    before = vaulted.users()
    assert settings_of(declared, environ).ledger_url == url
    assert vaulted.users() <= before


def test_the_login_signs_by_transit_and_its_token_goes_nowhere_else(
    vaulted: Vaulted, settings_of: Opened
) -> None:
    declared = {
        "bao": vaulted.section(),
        "secrets": {"PORTCULLIS_SIGNING_TOKEN": "bao:login"},
    }
    address = {"PORTCULLIS_SIGNING_VAULT_ADDR": vaulted.bao.address}
    settings = settings_of(declared, vaulted.environ(WORKER) | address)
    signer = transit_signer("log", settings)
    signature = signer.sign(b"what is signed")
    assert signer.public.verifies(signature, b"what is signed")
    assert not signer.public.verifies(signature, b"something else")

    elsewhere = {"PORTCULLIS_SIGNING_VAULT_ADDR": "http://127.0.0.1:9"}
    settings = settings_of(declared, vaulted.environ(WORKER) | elsewhere)
    with pytest.raises(ConfigError, match="PORTCULLIS_SIGNING_VAULT_ADDR"):
        transit_signer("log", settings)

    # The registry's login may not sign.
    settings = settings_of(declared, vaulted.environ(REGISTRY) | address)
    with pytest.raises(ServiceError, match="leave to sign"):
        transit_signer("log", settings)


def test_only_the_signing_token_may_be_the_login(tmp_path: Path) -> None:
    path = tmp_path / "secrets.yaml"
    section = {"address": "http://127.0.0.1:9", "token": "env:TOKEN"}
    path.write_text(
        yaml.safe_dump({"bao": section, "secrets": {"PORTCULLIS_HEC_TOKEN": "bao:login"}})
    )
    with pytest.raises(ConfigError, match="PORTCULLIS_HEC_TOKEN"):
        read_secrets_file(path)


def test_the_release_bucket_is_written_by_declared_keys(
    vaulted: Vaulted, settings_of: Opened
) -> None:
    reference = "bao:kv/portcullis/registry"
    declared = {
        "bao": vaulted.section(),
        "secrets": {
            "AWS_ACCESS_KEY_ID": f"{reference}#access_key_id",
            "AWS_SECRET_ACCESS_KEY": f"{reference}#secret_access_key",
        },
    }
    bucket = {
        "PORTCULLIS_RELEASE_BUCKET": "s3://releases",
        "PORTCULLIS_RELEASE_BUCKET_DAYS": "1",
        "PORTCULLIS_RELEASE_BUCKET_ENDPOINT": "http://127.0.0.1:9",
    }
    opened = open_bucket(settings_of(declared, vaulted.environ() | bucket))
    assert opened is not None
    keys = opened.client._request_signer._credentials
    assert (keys.access_key, keys.secret_key) == tuple(
        VALUES["registry"][name] for name in ("access_key_id", "secret_access_key")
    )


def test_a_stage_is_handed_what_it_reads_and_no_login(
    vaulted: Vaulted, settings_of: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {variable.name for variable in DECLARABLE.values()}
    declared = {
        "bao": vaulted.section(),
        "secrets": dict.fromkeys(names, REFERENCE) | {"PORTCULLIS_SIGNING_TOKEN": "bao:login"},
    }
    settings = settings_of(declared, vaulted.environ(WORKER))
    expected = {
        variable.name for variable in DECLARABLE.values() if Reader.STAGE in variable.readers
    }
    assert settings.stage_secrets().keys() == expected
    for name, value in vaulted.environ(WORKER).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PORTCULLIS_SECRETS", "/etc/portcullis/secrets.yaml")
    environment = environment_of_stage(os.environ) | settings.stage_secrets()
    assert "PORTCULLIS_SECRETS" not in environment
    assert "PORTCULLIS_SIGNING_TOKEN" not in environment


def test_a_rotation_reaches_a_worker_that_runs(vaulted: Vaulted, settings_of: Opened) -> None:
    declared = {
        "bao": vaulted.section(),
        "secrets": {"PORTCULLIS_REGISTRY_CLIENT_SECRET": REFERENCE},
    }
    settings = settings_of(declared, vaulted.environ(WORKER))
    assert settings.registry_client_secret == VALUES["worker"]["client_secret"]
    try:
        vaulted.set_up.put("worker", {"client_secret": "the next one"})
        until = time.monotonic() + 30
        while settings.registry_client_secret != "the next one":
            assert time.monotonic() < until
            time.sleep(0.05)
    finally:
        vaulted.set_up.put("worker", VALUES["worker"])


def test_prefect_finds_its_own_in_the_process_alone(
    vaulted: Vaulted, settings_of: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in PREFECT_NAMES:
        monkeypatch.setenv(name, "a leftover")
    declared = {
        "bao": vaulted.section(),
        "secrets": dict.fromkeys(PREFECT_NAMES, REFERENCE),
    }
    settings_of(declared, vaulted.environ(WORKER))
    value = VALUES["worker"]["client_secret"]
    assert {os.environ[name] for name in PREFECT_NAMES} == {value}
    # What the kernel shows of this process, and what a stage is started with.
    assert value.encode() not in Path("/proc/self/environ").read_bytes()
    assert value not in environment_of_stage(os.environ).values()


def test_a_child_does_not_end_the_login_of_its_parent(
    vaulted: Vaulted, settings_of: Opened
) -> None:
    settings = settings_of(
        {"bao": vaulted.section(), "secrets": {"PORTCULLIS_HEC_TOKEN": REFERENCE}},
        vaulted.environ(WORKER),
    )
    assert isinstance(settings, ReferencedSettings)
    provider = settings._provider
    token = provider.access().token
    opening._close(provider, os.getpid() + 1)
    assert provider.access().token == token
