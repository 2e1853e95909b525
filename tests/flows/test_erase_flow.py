"""The flows of erasures without a server: which block is kept, read again and deleted, and when."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect import State
from prefect.exceptions import ObjectNotFound

from flows import erase as flows
from tasks.erasure.erasing import held_blocks
from tasks.erasure.request import RequestState
from tasks.erasure.sinks import PurgeReport
from tasks.erasure.sinks.git import GitSink
from tests.tasks.erasure import conftest
from tests.tasks.erasure.small_installation import CASE, DAY, SmallInstallation, email

pattern = conftest.pattern
small_installation = conftest.small_installation


class FakeServer:
    """Prefect's client, with the blocks that a server would hold."""

    def __init__(self) -> None:
        self.blocks: dict[UUID, str] = {}
        self.reads: list[UUID] = []

    def add(self, identifier: str) -> Any:
        """Return a Secret block as the form hands it over."""
        block = uuid4()
        self.blocks[block] = identifier
        return SimpleNamespace(_block_document_id=block, get=lambda: identifier)

    def read_block_document(self, block: UUID) -> Any:
        self.reads.append(block)
        return SimpleNamespace(data={"value": self._required(block)})

    def delete_block_document(self, block: UUID) -> None:
        self._required(block)
        del self.blocks[block]

    def _required(self, block: UUID) -> str:
        if block not in self.blocks:
            raise ObjectNotFound(RuntimeError())
        return self.blocks[block]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> FakeServer:
    server = FakeServer()

    @contextmanager
    def get_client(**_: object) -> Iterator[FakeServer]:
        yield server

    monkeypatch.setattr(flows, "get_client", get_client)
    monkeypatch.setattr(flows, "get_run_logger", lambda: logging.getLogger("test"))
    return server


def erase(person: Any, **options: bool) -> State[str]:
    # The form offers the use cases that there are; this one is made for the test.
    use_case: Any = CASE
    state: State[str] = flows.erase.fn(use_case, person, DAY, **options)
    return state


def erase_due() -> State[str]:
    state: State[str] = flows.erase_due.fn()
    return state


def fail(patch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> PurgeReport:
        raise RuntimeError("person1@example.org")

    patch.setattr(GitSink, "purge", failing)


@pytest.mark.usefixtures("small_installation")
def test_a_block_is_deleted_when_its_request_is_done(server: FakeServer) -> None:
    state = erase(server.add(email(1)))

    assert state.is_completed()
    assert ": erased" in str(state.message)
    assert server.blocks == {}


def test_while_a_request_is_set_aside_its_block_stays_and_the_run_fails_with_the_reason(
    small_installation: SmallInstallation, server: FakeServer
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        fail(patch)
        state = erase(server.add(email(1)))
        other = erase(server.add(email(2)))

        assert state.is_failed()
        assert str(state.message).endswith("set aside, at `purge git`: RuntimeError")
        assert other.is_failed()
    assert len(server.blocks) == 2

    due = erase_due()

    assert due.is_completed()
    assert len(server.reads) == 2
    assert server.blocks == {}
    assert held_blocks(small_installation.installation) == {}
    states = {request.state for request in small_installation.journal.requests()}
    assert states == {RequestState.ERASED}


@pytest.mark.parametrize("secret", ["", "   ", " \n\t\n"])
def test_a_block_without_an_identifier_is_refused_by_name(
    small_installation: SmallInstallation, server: FakeServer, secret: str
) -> None:
    state = erase(server.add(secret), search_anyway=True)

    assert state.is_failed()
    assert state.message == flows.NO_IDENTIFIER
    assert len(server.blocks) == 1, "it is filled in and used again"
    assert not small_installation.journal.requests()


def test_several_identifiers_of_one_person_are_one_request(
    small_installation: SmallInstallation, server: FakeServer
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        fail(patch)
        state = erase(server.add(f"{email(1)}\n {email(2)} \n"), search_texts=True)
        assert state.is_failed()
    due = erase_due()

    assert due.is_completed()
    (request,) = small_installation.journal.requests()
    assert request.state is RequestState.ERASED
    assert request.options.searches_texts
    assert server.blocks == {}
    assert set(small_installation.readable_copies()).isdisjoint({1, 2})


@pytest.mark.usefixtures("small_installation")
def test_a_block_that_somebody_deleted_is_no_hindrance(server: FakeServer) -> None:
    with pytest.MonkeyPatch.context() as patch:
        fail(patch)
        erase(server.add(email(1)))
    server.blocks.clear()

    assert erase_due().is_completed()


def test_of_somebody_unknown_nothing_is_done_until_that_is_asked_for(
    small_installation: SmallInstallation, server: FakeServer
) -> None:
    state = erase(server.add("nobody@example.org"))
    assert state.is_failed()
    assert "nothing is held under this identifier" in str(state.message)
    assert server.blocks == {}
    assert small_installation.journal.requests() == []

    searched = erase(server.add("nobody@example.org"), search_anyway=True)
    assert searched.is_completed()
    assert ": nothing was held" in str(searched.message)


def test_beside_somebody_unknown_what_was_carried_out_is_told(
    small_installation: SmallInstallation, server: FakeServer
) -> None:
    def ended(*_: object) -> PurgeReport:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GitSink, "purge", ended)
        with pytest.raises(KeyboardInterrupt):
            erase(server.add(email(1)))
    (waiting,) = small_installation.journal.requests()

    state = erase(server.add("nobody@example.org"))
    assert state.is_failed()
    assert "nothing is held under this identifier" in str(state.message)
    assert f"{waiting.request_id}: erased" in str(state.message)
    erase_due()
    assert server.blocks == {}


@pytest.mark.usefixtures("small_installation")
def test_an_identifier_that_is_in_no_block_of_the_server_is_taken_all_the_same(
    server: FakeServer,
) -> None:
    person = SimpleNamespace(_block_document_id=None, get=lambda: email(1))

    assert erase(person).is_completed()
    assert erase_due().message == "nothing to do"


def test_a_lost_key_store_fails_the_run_and_the_block_stays(
    small_installation: SmallInstallation, server: FakeServer
) -> None:
    person = server.add(email(1))
    erase(server.add(email(2)))
    for path in small_installation.home.glob("keys.db*"):
        path.unlink()

    assert erase(person).is_failed()
    assert erase_due().is_failed()
    assert len(server.blocks) == 1
