"""What an operator may write, and what is refused before a server starts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.attestation.artefacts import artefact
from tasks.errors import ConfigError
from tasks.registry_store.configuring import read_store_config
from tasks.registry_store.store import make_registry_store

CHECKOUT = Path(__file__).parents[3]


def values() -> dict[str, Any]:
    key = "ab" * 32
    log = {"origin": "portcullis/a", "root_key": key, "decision_keys": [key]}
    return {
        "logs": [{**log, "names": {"loan": "loan"}}],
        "policies": [artefact(CHECKOUT, "configs/policy").sha256],
        "policy_workspace": str(CHECKOUT),
        "least_mode": "enforced",
        "artifact_roots": ["mlflow-artifacts:/", "s3://bucket/prefix/"],
        "decision_seconds": 60,
        "clock_skew_seconds": 0,
        "serving_aliases": ["champion"],
        "most_model_bytes": 1,
    }


def written(folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    content = values()
    change(content)
    path = folder / "store.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_a_whole_configuration_is_read(tmp_path: Path) -> None:
    config = read_store_config(written(tmp_path, lambda _: None))
    log = config.log_of("loan")
    assert log is not None
    assert log.names == {"loan": "loan"}
    assert config.log_of("other") is None


@pytest.mark.parametrize(
    "change",
    [
        lambda v: v.update(logs=[]),
        lambda v: v.update(policies=[]),
        lambda v: v.update(policies=["0" * 64]),
        lambda v: v.update(policy_workspace="/nowhere"),
        lambda v: v.update(least_mode="none"),
        lambda v: v.update(artifact_roots=[]),
        lambda v: v.update(artifact_roots=["file:///srv"]),
        lambda v: v.update(artifact_roots=["https://elsewhere/"]),
        lambda v: v.update(artifact_roots=["mlflow-artifacts://elsewhere/"]),
        lambda v: v.update(decision_seconds=0),
        lambda v: v.update(decision_seconds=24 * 3600 + 1),
        lambda v: v.update(clock_skew_seconds=3600),
        lambda v: v.update(unknown=1),
        lambda v: v.pop("serving_aliases"),
        lambda v: v["logs"][0].update(decision_keys=[]),
        lambda v: v["logs"][0].update(root_key="ab" * 16),
        lambda v: v["logs"][0].update(names={}),
        lambda v: v["logs"].append(v["logs"][0]),
    ],
)
def test_what_would_trust_nobody_or_too_many_starts_no_server(
    tmp_path: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    with pytest.raises(ConfigError):
        read_store_config(written(tmp_path, change))


def test_without_a_configuration_no_server_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORTCULLIS_STORE_CONFIG", raising=False)
    with pytest.raises(ConfigError, match="PORTCULLIS_STORE_CONFIG"):
        make_registry_store("portcullis+sqlite:///x.db")
