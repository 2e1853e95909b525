"""The circumstances of a run: who started it, and with which tools."""

import os
import pwd
import re
from importlib.metadata import PackageNotFoundError, version

import pytest

from tasks.attestation.identities import person_sha256
from tasks.attestation.run_context import (
    started_by,
    timestamp,
    tools_of,
)
from tasks.path import STAGES
from tests.installations import settings_now

AUTHOR = "ann@example.org"


@pytest.mark.parametrize("email", ["ANN@example.org", " ann@example.org\n", "Ann@Example.ORG"])
def test_one_address_in_several_spellings_is_one_person(email: str) -> None:
    assert person_sha256(email) == person_sha256(AUTHOR)


def test_two_addresses_are_two_people() -> None:
    assert person_sha256("bob@example.org") != person_sha256(AUTHOR)


@pytest.mark.parametrize("email", ["", " ", "\n"])
def test_no_address_is_nobody(email: str) -> None:
    assert person_sha256(email) == ""


def test_an_address_cannot_be_read_off() -> None:
    assert re.fullmatch("[0-9a-f]{64}", person_sha256(AUTHOR))


def test_the_staff_id_that_is_set_started_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTCULLIS_ACTOR", " ann ")
    assert started_by(settings_now()) == "ann"


def test_without_a_staff_id_the_login_name_started_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTCULLIS_ACTOR", "  ")
    assert started_by(settings_now()) == pwd.getpwuid(os.getuid()).pw_name


def test_an_account_without_a_name_is_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORTCULLIS_ACTOR")
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_001)
    assert started_by(settings_now()) == "uid 4000000001"


@pytest.mark.parametrize("stage", STAGES)
def test_tools_are_named_by_their_installed_versions(stage: str) -> None:
    tools = tools_of(stage)
    assert set(tools) == {"python", *STAGES[stage].tools, *STAGES[stage].optional_tools}
    assert all(tools[name] == version(name) for name in STAGES[stage].tools)


def test_a_tool_that_is_not_installed_is_named_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", refuse)
    tools = tools_of("admit")
    assert {tools[name] for name in STAGES["admit"].tools} == {"not installed"}


def test_the_time_is_rfc_3339_in_utc() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", timestamp())
