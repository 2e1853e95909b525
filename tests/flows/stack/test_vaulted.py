"""The whole stack on OpenBao: it is used, and nothing secret stands anywhere that it left or runs.

Whatever the stack makes up begins with a mark; `tests/tasks/secrets/test_scan.py` tells how forms
of a secret are looked for.
"""

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest

from flows.stack.whole import GATEKEEPER, Stack
from tasks.registry.signing_in import ServiceTokens
from tasks.registry_bucket import open_bucket
from tasks.registry_database import claim_name
from tasks.secrets.opening import ReferencedSettings, open_with_secrets
from tests.stacks import running_stack, service_token
from tests.tasks.secrets.test_scan import TOKENS, forms_of

MARK = "Zq7MarkedZ"
HEX_MARK = MARK.encode().hex()
# Files that hold a secret by intent, each for this account alone (docs/secrets.md).
LOGINS = {"registry.secret-id", "worker.secret-id"}
INNER_KEYS = {"security.toml"}  # of SeaweedFS's own ports, which nothing else knows


@dataclass(frozen=True)
class MarkedStack:
    """The stack, its folder, and the forms of the mark."""

    stack: Stack
    folder: Path
    forms: tuple[bytes, ...]

    def hits(self, content: bytes) -> list[bytes]:
        return [form for form in self.forms if form in content] + TOKENS.findall(content)


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MarkedStack]:
    folder = tmp_path_factory.mktemp("marked")
    urlsafe, in_hex = secrets.token_urlsafe, secrets.token_hex
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(secrets, "token_urlsafe", lambda size: MARK + urlsafe(size))
        # What is shorter is the name of an account.
        patch.setattr(
            secrets,
            "token_hex",
            lambda size: ((HEX_MARK if size >= 20 else "") + in_hex(size))[: 2 * size],
        )
        with running_stack(folder, {1, 2, 3, 4}, has_openbao=True) as stack:
            forms = (*forms_of(MARK), HEX_MARK.upper().encode())
            yield MarkedStack(stack, folder, tuple(forms))
    assert not [path for path in folder.rglob("*") if path.name in LOGINS]


def test_nothing_secret_is_in_a_file_or_a_process_of_the_stack(marked: MarkedStack) -> None:
    stack = marked.stack
    assert stack.identity is not None
    assert all(MARK in value for value in stack.identity.service_secrets.values())
    token = service_token(stack.identity, GATEKEEPER)
    own = {"authorization": f"Bearer {token}"}
    api = f"{stack.origin}/api/2.0/mlflow"
    made = httpx.post(f"{api}/experiments/create", json={"name": "scanned"}, headers=own)
    assert made.status_code == 200, made.text
    assert httpx.post(f"{api}/experiments/create", content=b"{", headers=own).status_code >= 400

    assert marked.hits(repr(stack.release_environment()).encode()) == []
    assert stack.openbao is not None
    key = stack.openbao.key_file
    scanned = set()
    for path in [item for item in marked.folder.rglob("*") if item.is_file()]:
        if path.name in LOGINS | INNER_KEYS or path == key:
            assert path.stat().st_mode & 0o077 == 0, path
            continue
        scanned.add(path.name)
        content = path.read_bytes()
        assert marked.hits(content) == [], path
        assert key.read_bytes() not in content, path
    assert {"registry.log", "openbao.log", "audit.jsonl", "registry.yaml", "vault.db"} <= scanned
    assert "accounts.json" not in scanned

    with psycopg.connect(stack.postgres.superuser_url_of("registry")) as link:
        tables = link.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (name,) in tables.fetchall():
            rows = link.execute(f'SELECT t::text FROM "{name}" t').fetchall()
            assert marked.hits("\n".join(row[0] for row in rows).encode()) == [], name


def test_no_process_of_the_stack_shows_a_secret(marked: MarkedStack) -> None:
    names = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environ = (process / "environ").read_bytes()
            command = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if str(marked.folder).encode() not in environ + command:
            continue
        names.add(command.split(b"\0")[0].rpartition(b"/")[2].decode())
        assert marked.hits(environ) == [], command
        assert marked.hits(command) == [], command
    assert {"bao", "weed"} <= names
    assert [name for name in names if name.startswith("python")]


def test_a_release_works_by_what_the_terminal_shows(marked: MarkedStack, tmp_path: Path) -> None:
    """Sign in, claim a name as the gatekeeper, write to the bucket: by references alone."""
    stack = marked.stack
    settings = open_with_secrets(tmp_path, stack.release_environment()).settings
    assert isinstance(settings, ReferencedSettings)
    try:
        tokens = ServiceTokens(
            settings.registry_issuer,
            settings.registry_client,
            lambda: settings.registry_client_secret,
        )
        assert tokens.current()
        claim_name(settings.registry_evidence_url, name="loan", use_case="loan", log_origin="a-log")
        bucket = open_bucket(settings)
        assert bucket is not None
        assert bucket.client.list_objects_v2(Bucket=bucket.name)["KeyCount"] == 0
    finally:
        settings._provider.close()


def test_the_server_is_served_by_leased_accounts_alone(marked: MarkedStack) -> None:
    with psycopg.connect(marked.stack.postgres.superuser_url) as link:
        rows = link.execute(
            "SELECT DISTINCT usename FROM pg_stat_activity WHERE datname = 'registry'"
        ).fetchall()
        able = link.execute("SELECT rolname FROM pg_roles WHERE rolcanlogin").fetchall()
    assert rows
    assert all(
        re.fullmatch(r"v-approle-.*|portcullis_openbao|stack_superuser", row[0]) for row in rows
    ), rows
    named = {row[0] for row in able if not row[0].startswith("v-")}
    assert named == {"stack_superuser", "registry_owner", "portcullis_openbao"}
