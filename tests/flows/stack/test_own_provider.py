"""A bank's own provider in the place of the stack's: no Node.js, no demo people."""

from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from flows.stack.own_provider import OwnProvider, read_own_provider
from flows.stack.whole import StackPlan, common_config
from tasks.errors import ConfigError
from tests.identity import AUDIENCE, CLIENT, CLIENT_SECRET, identity_provider
from tests.stacks import running_plan

FIELDS = {
    "issuer": "https://login.example/realms/bank",
    "audience": AUDIENCE,
    "client_id": CLIENT,
    "algorithms": ["ES256"],
    "groups": {"risk": "DataScientist"},
    "services": {"svc-release": "Gatekeeper"},
}


def read(folder: Path, values: dict[str, Any], secret: str = "word") -> OwnProvider:
    path = folder / "login.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    common = common_config("http://127.0.0.1:5000", folder / "audit.jsonl")
    return read_own_provider(path, secret, common)


def test_a_file_says_who_signs_people_in(tmp_path: Path) -> None:
    provider = read(tmp_path, FIELDS)
    assert provider.issuer == FIELDS["issuer"]
    assert provider.client_secret == "word"


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"issuer": "http://login.example"}, "issuer"),
        ({"algorithms": ["HS256"]}, "algorithms"),
        ({"groups": {"risk": "Gatekeeper"}}, "groups"),
        ({"audience": CLIENT}, "audience"),
        ({"audit_file": "/dev/null"}, "another field"),
    ],
)
def test_a_file_that_is_not_valid_is_refused_before_anything_starts(
    tmp_path: Path, change: dict[str, Any], match: str
) -> None:
    with pytest.raises(ConfigError, match=match):
        read(tmp_path, FIELDS | change)


def test_without_the_client_s_secret_nothing_starts(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="PORTCULLIS_SERVER_CLIENT_SECRET"):
        read(tmp_path, FIELDS, secret="")


@pytest.mark.integration
def test_the_stack_takes_the_word_of_another_provider(tmp_path: Path) -> None:
    with identity_provider() as issuer:
        issuer.groups = {"ann": ["risk"], "ben": ["cycling"]}
        provider = read(tmp_path, FIELDS | {"issuer": issuer.address}, CLIENT_SECRET)
        plan = StackPlan(tmp_path / "stack", frozenset({1}), provider=provider)
        with running_plan(plan) as stack:
            assert stack.identity is None
            assert stack.release_environment()["PORTCULLIS_REGISTRY_ISSUER"] == issuer.address
            statuses = {}
            for name in issuer.groups:
                headers = {"authorization": f"Bearer {issuer.token(name)}"}
                place = f"{stack.origin}/api/2.0/mlflow/experiments/search?max_results=1"
                statuses[name] = httpx.get(place, headers=headers).status_code
            assert statuses == {"ann": 200, "ben": 403}
