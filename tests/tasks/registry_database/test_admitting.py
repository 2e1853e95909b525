"""The gatekeeper's evidence: it lets in one version, once, and is never changed."""

import psycopg
import pytest

from tasks.errors import EvidenceError, ServiceError
from tasks.registry_database import (
    AliasApproval,
    admit,
    approve_alias,
    claim_name,
    find_admission,
    withdraw,
)
from tests.registry_databases import (
    CASE,
    NAME,
    ORIGIN,
    RegistryDatabase,
    admission,
    insert_version,
    make_name,
)


def test_evidence_lets_a_version_in_and_is_read_back(database: RegistryDatabase) -> None:
    number = database.admit()
    database.make_run()
    with database.as_account("server") as link:
        make_name(link)
        insert_version(link)
    for account in ("gatekeeper", "server", "auditor"):
        stored = find_admission(database.url_of(account), NAME, 1)
        assert stored is not None
        assert stored.evidence_id == number
        assert stored.admitted_by == "gatekeeper"
        assert stored.admission.row() == admission().row()
    assert find_admission(database.url, NAME, 2) is None


def test_the_same_admission_twice_is_one_row_before_and_after_its_version(
    database: RegistryDatabase,
) -> None:
    first = database.admit()
    assert database.admit() == first
    database.make_run()
    with database.as_account("server") as link:
        make_name(link)
        insert_version(link)
    assert database.admit() == first
    assert database.rows("SELECT count(*) FROM portcullis.evidence") == [(1,)]


def test_evidence_that_expired_before_its_version_is_inserted_anew(
    database: RegistryDatabase,
) -> None:
    old = database.admit(valid_seconds=0)
    assert database.admit() > old


def test_a_name_stays_with_its_use_case(database: RegistryDatabase) -> None:
    url = database.url_of("gatekeeper")
    claim_name(url, name=NAME, use_case=CASE, log_origin=ORIGIN)
    claim_name(url, name=NAME, use_case=CASE, log_origin=ORIGIN)
    with pytest.raises(EvidenceError, match="of another use case or log"):
        claim_name(url, name=NAME, use_case="other", log_origin=ORIGIN)
    with pytest.raises(EvidenceError, match="SQLSTATE 23503"):
        admit(url, admission().model_copy(update={"use_case": "other"}))


@pytest.mark.parametrize("account", ["server", "auditor"])
def test_no_other_account_inserts_evidence(database: RegistryDatabase, account: str) -> None:
    database.admit()
    with pytest.raises(EvidenceError, match="SQLSTATE 42501"):
        admit(database.url_of(account), admission("2" * 32))
    with pytest.raises(EvidenceError, match="SQLSTATE 42501"):
        claim_name(database.url_of(account), name="x", use_case=CASE, log_origin=ORIGIN)
    with pytest.raises(EvidenceError, match="SQLSTATE 42501"):
        withdraw(database.url_of(account), NAME, 1, 3)


def test_an_approval_has_two_people_and_a_version(database: RegistryDatabase) -> None:
    url = database.url_of("gatekeeper")
    approval = AliasApproval(
        name=NAME, version=1, alias="champion", requested_by="ann", approved_by="ben", log_entry=9
    )
    with pytest.raises(EvidenceError, match="SQLSTATE 23503"):
        approve_alias(url, approval)
    database.make_version()
    assert approve_alias(url, approval) > 0
    with pytest.raises(EvidenceError, match="SQLSTATE 23514"):
        approve_alias(url, approval.model_copy(update={"approved_by": " Ann "}))
    withdraw(url, NAME, 1, 3)
    with pytest.raises(EvidenceError, match="SQLSTATE 42501"):
        approve_alias(url, approval)


def test_evidence_once_more_is_about_the_same_model_alone(database: RegistryDatabase) -> None:
    database.make_version()
    again = admission().model_copy(update={"version": 1, "log_entry": 8})
    url = database.url_of("gatekeeper")
    number = admit(url, again)
    assert admit(url, again) == number
    stored = find_admission(url, NAME, 1)
    assert stored is not None
    assert stored.admission.log_entry == 8
    with pytest.raises(EvidenceError, match="SQLSTATE 42501"):
        admit(url, again.model_copy(update={"model_sha256": "c" * 64}))
    with pytest.raises(EvidenceError, match="SQLSTATE 42501"):
        admit(url, again.model_copy(update={"version": 2}))


@pytest.mark.parametrize("account", ["gatekeeper", "server", "auditor", "t"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE portcullis.evidence SET valid_until = valid_until + interval '1 hour'",
        "DELETE FROM portcullis.evidence",
        "TRUNCATE portcullis.evidence CASCADE",
        "UPDATE portcullis.names SET use_case = 'x'",
        "DELETE FROM portcullis.versions",
    ],
)
def test_what_is_written_stays_for_everybody(
    database: RegistryDatabase, account: str, statement: str
) -> None:
    database.make_version()
    before = database.rows("SELECT * FROM portcullis.evidence, portcullis.versions")
    with (
        database.as_account(account) as link,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        link.execute(statement)
    assert database.rows("SELECT * FROM portcullis.evidence, portcullis.versions") == before


def test_a_database_that_does_not_answer_is_one_error(database: RegistryDatabase) -> None:
    with pytest.raises(ServiceError, match="registry's database"):
        claim_name("postgresql://t@127.0.0.1:1/x", name=NAME, use_case=CASE, log_origin=ORIGIN)
