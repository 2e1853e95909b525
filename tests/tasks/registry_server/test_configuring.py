"""The server starts with a configuration that holds, or not at all."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.errors import ConfigError
from tasks.registry_server.app import create_app
from tasks.registry_server.configuring import read_config
from tasks.registry_server.sessions import CookieJar
from tests.registry_servers import server_values


def written(folder: Path, **changes: Any) -> Path:
    values = server_values("https://registry.example", "https://login.example", Path("/a/b"))
    path = folder / "server.yaml"
    path.write_text(yaml.safe_dump(values | changes))
    return path


def test_a_valid_configuration_is_read(tmp_path: Path) -> None:
    config = read_config(written(tmp_path, hosts=["internal:5000"]))
    assert config.allowed_hosts == {"registry.example", "internal:5000"}
    assert config.is_secure


@pytest.mark.parametrize(
    "changes",
    [
        {"origin": "http://registry.example"},
        {"origin": "https://registry.example/mlflow"},
        {"origin": "https://registry.example/"},
        {"issuer": "http://login.example"},
        {"issuer": "https://user:word@login.example"},
        {"issuer": "https://login.example?x"},
        {"audience": ""},
        {"audience": "registry-pages"},  # an ID token would be an access token
        {"algorithms": []},
        {"algorithms": ["none"]},
        {"algorithms": ["HS256"]},
        {"groups": {"release": "Gatekeeper"}},
        {"groups": {"release": "Root"}},
        {"longest_token_seconds": 0},
        {"longest_token_seconds": 86400},
        {"recheck_seconds": 61},
        {"clock_skew_seconds": 3600},
        {"most_artifact_bytes": None},
        {"audit_file": "audit.jsonl"},
        {"unknown": True},
    ],
    ids=str,
)
def test_what_would_let_somebody_in_is_refused_by_its_field(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError) as error:
        read_config(written(tmp_path, **changes))
    assert "server.yaml" in error.value.where
    assert "word" not in str(error.value)


@pytest.mark.parametrize("key", ["", "zz", "5a" * 31, "5a" * 33])
def test_a_session_key_of_another_length_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(ConfigError, match="SESSION_KEY") as error:
        CookieJar(read_config(written(tmp_path)), lambda: (key,))
    assert not key or key not in str(error.value)


def test_without_a_configuration_no_server_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORTCULLIS_SERVER_CONFIG", raising=False)
    with pytest.raises(ConfigError, match="SERVER_CONFIG"):
        create_app()
