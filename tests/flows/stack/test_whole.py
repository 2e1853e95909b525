"""The stack with one layer: real servers, and clients as people and services use them."""

import httpx
import pytest

from flows.stack.whole import GATEKEEPER, TRAINING, Stack
from tests.stacks import person_token, service_token

EXPERIMENTS = "/api/2.0/mlflow/experiments/search?max_results=5"


def status(stack: Stack, token: str, path: str = EXPERIMENTS) -> int:
    headers = {"authorization": f"Bearer {token}"}
    return httpx.get(f"{stack.origin}{path}", headers=headers).status_code


@pytest.mark.parametrize("service", [GATEKEEPER, TRAINING])
def test_a_service_is_let_in_by_its_credentials(identified: Stack, service: str) -> None:
    assert identified.identity
    assert status(identified, service_token(identified.identity, service)) == 200


@pytest.mark.parametrize("person", ["dana", "audrey", "adam"])
def test_a_person_is_let_in_by_the_login_page(identified: Stack, person: str) -> None:
    assert identified.identity
    assert status(identified, person_token(identified.identity, person)) == 200


def test_nobody_is_let_in_without_a_token(identified: Stack) -> None:
    assert httpx.get(f"{identified.origin}{EXPERIMENTS}").status_code == 401
