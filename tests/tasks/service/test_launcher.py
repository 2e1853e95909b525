"""What the worker asks of the launcher has one form."""

import json

import pytest

from tasks.service.launcher import Request

REQUEST = {"stage": "ingest", "case": "loan", "snapshot": "a" * 64, "network": True}


def test_a_request_names_a_stage_a_use_case_and_a_snapshot() -> None:
    request = Request.read(json.dumps(REQUEST).encode())
    assert request == Request("ingest", "loan", "a" * 64, network=True)


@pytest.mark.parametrize(
    "change",
    [
        {"stage": "other"},
        {"case": "../x"},
        {"snapshot": "../trees"},
        {"network": 1},
        {"environment": {}},
    ],
)
def test_any_other_request_is_none(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="no request"):
        Request.read(json.dumps(REQUEST | change).encode())
