"""Access: everything about one person, nothing about another, restricted records by two people."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from tasks.access.export import export_person
from tasks.errors import ConfigError, SealError
from tasks.keystore.custodians import LOCAL, local_custodian
from tests.tasks.erasure.small_installation import (
    CASE,
    DAY,
    LAW,
    PEOPLE,
    VERSIONS,
    SmallInstallation,
    email,
    name,
)

Custodian = tuple[str, X25519PrivateKey]


def export(
    small_installation: SmallInstallation, identifier: str, *custodians: Custodian
) -> dict[str, Any]:
    return export_person(
        CASE,
        identifier,
        why="a request",
        day=DAY,
        installation=small_installation.installation,
        custodians=custodians,
    )


def datasets(person: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {held["dataset"]: held for held in person["held"]}


@pytest.fixture
def custodians(small_installation: SmallInstallation) -> list[Custodian]:
    installation = small_installation.installation
    return [(custodian, local_custodian(custodian, installation)) for custodian in LOCAL]


@pytest.fixture
def restricted(small_installation: SmallInstallation) -> SmallInstallation:
    """An installation in which a law keeps the decision records of person 3, who was erased."""
    small_installation.keep_decision_records(25)
    small_installation.erase(3)
    return small_installation


def test_every_dataset_that_holds_the_person_is_given(
    small_installation: SmallInstallation,
) -> None:
    held = datasets(export(small_installation, email(3)))

    assert set(held) == {"tiny/ingest/rows", "tiny/redact/rows", "tiny/explain/reasons"}
    rows = held["tiny/ingest/rows"]
    assert rows["versions"] == VERSIONS
    # In the cache and in the remote, and the last version in the working tree, too.
    assert rows["copies"] == VERSIONS * 2 + 1
    assert sorted(row["income"] for row in rows["rows"]) == [21.0, 22.0, 23.0]
    assert {row["name"] for row in rows["rows"]} == {name(3)}


def test_a_row_that_several_versions_hold_is_given_once(
    small_installation: SmallInstallation,
) -> None:
    # Sealed anew, the same rows are another version by their authentication code.
    small_installation.add_version(VERSIONS - 1)

    rows = datasets(export(small_installation, email(3)))["tiny/ingest/rows"]["rows"]

    assert len(rows) == VERSIONS


def test_nothing_about_anybody_else_is_given(small_installation: SmallInstallation) -> None:
    text = json.dumps(export(small_installation, email(3)), ensure_ascii=False)

    for number in set(range(PEOPLE)) - {3}:
        assert email(number) not in text
        assert name(number) not in text
        assert small_installation.subject(number) not in text


def test_it_is_json_that_any_program_reads(small_installation: SmallInstallation) -> None:
    json.dumps(export(small_installation, email(3)), allow_nan=False)


def test_what_the_law_asks_about_the_processing_is_said(
    small_installation: SmallInstallation,
) -> None:
    person = export(small_installation, email(3))

    (described,) = person["use_cases"]
    assert described["use_case"] == CASE
    assert described["purpose"] == "Tests"
    assert described["sources"]["applications"] == {
        "owner": "o", "role": "controller", "legal_basis": "consent", "agreement": "A-1",
    }  # fmt: skip
    assert described["columns"]["email"]["role"] == "subject"
    assert described["reason_codes"]["income"] == "The income of the applicant"
    assert "lightgbm" in described["logic"]
    for article in ("Art. 16", "Art. 17", "Art. 18", "Art. 20", "Art. 21", "Art. 22", "Art. 77"):
        assert article in person["rights"]


def test_the_identifier_is_taken_however_it_is_spelt(
    small_installation: SmallInstallation,
) -> None:
    assert export(small_installation, f" {email(3).upper()} ")["held"]


def test_a_tag_is_ignored_where_an_erasure_ignores_it(
    small_installation: SmallInstallation,
) -> None:
    assert export(small_installation, "person3+bank@example.org")["held"] == []

    small_installation.ignore_plus_tags()

    held = datasets(export(small_installation, "person3+bank@example.org"))
    assert held == datasets(export(small_installation, email(3)))


def test_what_is_restricted_is_found_by_an_address_with_a_tag(
    restricted: SmallInstallation, custodians: list[Custodian]
) -> None:
    restricted.ignore_plus_tags()

    person = export(restricted, "person3+bank@example.org", *custodians)

    assert [kept["basis"] for kept in person["restricted"]] == [LAW]
    assert "tiny/explain/reasons" in datasets(person)


def test_a_stranger_is_told_that_nothing_is_held(small_installation: SmallInstallation) -> None:
    person = export(small_installation, "stranger@example.org")

    assert (person["held"], person["restricted"], person["use_cases"]) == ([], [], [])


def test_nothing_is_held_of_whom_was_erased(small_installation: SmallInstallation) -> None:
    small_installation.erase(3)

    assert export(small_installation, email(3))["held"] == []


def test_reading_is_audited_and_the_audit_names_nobody(
    small_installation: SmallInstallation,
) -> None:
    export(small_installation, email(3))

    folder = small_installation.home / "audit"
    lines = "".join(path.read_text() for path in folder.glob("*.jsonl"))
    assert "people:export" in lines
    assert "2 keys, 0 restricted" in lines
    assert email(3) not in lines


def test_what_cannot_be_audited_is_not_read(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OSError("disk full")

    def unexpected(*_: object) -> None:
        raise AssertionError("rows were looked for")

    monkeypatch.setattr("tasks.access.export.audit", broken)
    monkeypatch.setattr("tasks.access.export.discover_rows", unexpected)
    with pytest.raises(OSError, match="disk full"):
        export(small_installation, email(3))


def test_restricted_records_are_named_and_not_given(restricted: SmallInstallation) -> None:
    person = export(restricted, email(3))

    assert person["held"] == []
    assert person["restricted"] == [
        {"basis": LAW, "since": "2026-11-24", "kept_until_or_reviewed_on": "2028-12-24"}
    ]


def test_two_custodians_open_restricted_records(
    restricted: SmallInstallation, custodians: list[Custodian]
) -> None:
    person = export(restricted, email(3), *custodians)

    assert set(datasets(person)) == {"tiny/explain/reasons"}
    assert datasets(person)["tiny/explain/reasons"]["rows"][0]["reason"] == "income"


def test_a_stranger_s_key_opens_nothing(
    restricted: SmallInstallation, custodians: list[Custodian]
) -> None:
    stranger = (LOCAL[1], local_custodian("stranger", restricted.installation))

    with pytest.raises(SealError):
        export(restricted, email(3), custodians[0], stranger)


@pytest.mark.parametrize("times", [1, 3])
def test_it_takes_two_of_them(
    restricted: SmallInstallation, custodians: list[Custodian], times: int
) -> None:
    with pytest.raises(ConfigError, match="two of them"):
        export(restricted, email(3), *[custodians[0]] * times)
