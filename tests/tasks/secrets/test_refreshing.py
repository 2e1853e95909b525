"""What was read stays in use while the server fails, against a server in memory."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tasks.errors import ServiceError
from tasks.secrets import access
from tasks.secrets.declaring import SecretsFile
from tasks.secrets.provider import Secrets
from tasks.system.bao import BaoServer, DeniedError

SESSION = "PORTCULLIS_SERVER_SESSION_KEY"
DECLARED = {
    "bao": {"address": "http://127.0.0.1:1", "token": "env:TOKEN", "refresh_seconds": 0.02},
    "secrets": {SESSION: "bao:kv/registry#session_key"},
}
FIRST = "first"
SECOND = "second"


class KeyValues:
    """The versions of one secret, and how the server answers about the earlier one."""

    def __init__(self) -> None:
        self.versions = {1: FIRST, 2: SECOND}
        self.earlier_status = 200
        self.asked_for_earlier = 0

    def ask(self, _: BaoServer, _token: str, path: str, *_body: Any, **_more: Any) -> Any:
        if path.startswith("auth/"):
            return {"data": {"ttl": 3600}}

        version = path.partition("?version=")[2]
        self.asked_for_earlier += bool(version)
        if version and self.earlier_status != 200:
            raise DeniedError(self.earlier_status)
        number = int(version or max(self.versions))
        data = {"session_key": self.versions[number]}
        return {"data": {"data": data, "metadata": {"version": number}}}

    def answer(self, status: int) -> None:
        """Answer so about the earlier version, and return when that was asked for again."""
        self.earlier_status = status
        self.asked_for_earlier = 0
        _until(lambda: self.asked_for_earlier > 1)


@pytest.fixture
def key_values(monkeypatch: pytest.MonkeyPatch) -> KeyValues:
    server = KeyValues()
    monkeypatch.setattr(access, "ask_bao", server.ask)
    return server


@pytest.fixture
def secrets(key_values: KeyValues) -> Iterator[Secrets]:
    provider = Secrets(SecretsFile.model_validate(DECLARED), {"TOKEN": "t"})
    yield provider
    provider.close()


@pytest.mark.parametrize("status", [403, 429, 500, 503])
def test_a_failure_about_the_earlier_version_does_not_end_its_use(
    key_values: KeyValues, secrets: Secrets, status: int
) -> None:
    assert secrets.accepted(SESSION) == (SECOND, FIRST)
    key_values.answer(status)
    assert secrets.accepted(SESSION) == (SECOND, FIRST)


def test_an_earlier_version_that_was_deleted_is_accepted_no_more(
    key_values: KeyValues, secrets: Secrets
) -> None:
    assert secrets.accepted(SESSION) == (SECOND, FIRST)
    key_values.answer(404)
    assert secrets.accepted(SESSION) == (SECOND,)


def test_a_server_that_answers_about_one_version_alone_is_an_error_at_first(
    key_values: KeyValues, secrets: Secrets
) -> None:
    key_values.earlier_status = 500
    with pytest.raises(ServiceError, match="HTTP 500"):
        secrets.read(SESSION)


def _until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)
