"""A finding on its way to a webhook: signed, tried again, and to nobody else."""

import base64
from pathlib import Path
from typing import Any

import pytest

from tasks.alerts.posting import Webhook, post_finding, read_webhook
from tasks.errors import ConfigError, ServiceError
from tests.installations import installation_with_home
from tests.webhooks import KEY, webhook_receiver

FINDING: dict[str, Any] = {
    "time": 1_767_268_800_000,
    "metadata": {"uid": "f" * 32},
    "finding_info": {"analytic": {"name": "denied_sql"}},
}


def webhook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, key: str = KEY) -> Webhook:
    monkeypatch.setenv("PORTCULLIS_ALERT_WEBHOOK", url)
    monkeypatch.setenv("PORTCULLIS_ALERT_KEY", key)
    made = read_webhook(installation_with_home(tmp_path).settings)
    assert made is not None
    return made


def test_a_receiver_can_check_who_sent_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with webhook_receiver() as receiver:
        post_finding(webhook(tmp_path, monkeypatch, receiver.url), FINDING)
        assert receiver.names == ["denied_sql"]
        other = "whsec_" + base64.b64encode(b"x" * 32).decode()
        forged = webhook(tmp_path, monkeypatch, receiver.url, other)
        with pytest.raises(ServiceError, match="HTTPStatusError"):
            post_finding(forged, FINDING, wait=lambda _: None)
        assert len(receiver.refused) == 3
        assert len(receiver.alerts) == 1


@pytest.mark.parametrize("status", [302, 404, 429, 500])
def test_what_is_not_taken_is_tried_again_and_then_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    waits: list[float] = []
    with webhook_receiver() as receiver:
        receiver.status = status
        target = webhook(tmp_path, monkeypatch, receiver.url)
        with pytest.raises(ServiceError, match="alert webhook") as error:
            post_finding(target, FINDING, wait=waits.append)
        assert waits == [2.0, 4.0]
        assert "127.0.0.1" not in str(error.value)

        def recover(_: float) -> None:
            receiver.status = 204

        post_finding(target, FINDING, wait=recover)
        assert receiver.names == ["denied_sql"]


@pytest.mark.parametrize(
    ("url", "key", "field"),
    [
        ("http://hooks.example/x", KEY, "WEBHOOK"),
        ("hooks.example", KEY, "WEBHOOK"),
        ("https://", KEY, "WEBHOOK"),
        ("https://[", KEY, "WEBHOOK"),
        ("https://hooks.example:99999/x", KEY, "WEBHOOK"),
        ("https://hooks.example", "", "KEY"),
        ("https://hooks.example", KEY.removeprefix("whsec_"), "KEY"),
        ("https://hooks.example", "whsec_c2hvcnQ=", "KEY"),
        ("https://hooks.example", "whsec_!!", "KEY"),
    ],
)
def test_a_webhook_that_cannot_be_trusted_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, key: str, field: str
) -> None:
    with pytest.raises(ConfigError, match=f"PORTCULLIS_ALERT_{field}"):
        webhook(tmp_path, monkeypatch, url, key)


def test_without_a_webhook_there_is_none(tmp_path: Path) -> None:
    assert read_webhook(installation_with_home(tmp_path).settings) is None
