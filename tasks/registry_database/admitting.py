"""What the gatekeeper writes beneath the registry, with database credentials of its own.

In the order of a publication: `claim_name` before the registered model is made, `admit` before the
version is made (or, with `version`, before tags and alias of one that is there are moved), and
`approve_alias` before an alias that serves is moved. Each may be called again after a crash. What
is written is never changed: the newest row counts.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from tasks.errors import EvidenceError, ServiceError
from tasks.formats.shown import kind_of_error

if TYPE_CHECKING:
    import psycopg

TAG_PREFIX = "portcullis."
VALID_SECONDS = 900  # of evidence: publishing goes on right after it
REFUSED_STATES = ("42501", "23503", "23505", "23514")  # privilege, foreign key, unique, check


class Admission(BaseModel):
    """A decision that lets one model in, as the database holds registered versions against it.

    `tags` are those of the version; the ones that begin with `portcullis.` are kept. `version` is
    None for a version that is still to be made; else `run_id` and `source` are that version's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    use_case: str
    log_origin: str
    log_entry: int = Field(ge=0)
    run_id: str
    source: str
    model_sha256: str = Field(pattern="^[0-9a-f]{64}$")
    decision_sha256: str = Field(pattern="^[0-9a-f]{64}$")
    alias: str
    tags: Mapping[str, str]
    version: int | None = None

    def row(self) -> dict[str, Any]:
        """Return it as columns of `portcullis.evidence`."""
        own_tags = {key: text for key, text in self.tags.items() if key.startswith(TAG_PREFIX)}
        return {**self.model_dump(), "tags": own_tags}


class StoredAdmission(BaseModel):
    """The newest row of evidence about a version, and who inserted it when, by the database."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    evidence_id: int
    admission: Admission
    valid_until: datetime
    admitted_at: datetime
    admitted_by: str


class AliasApproval(BaseModel):
    """A second person's approval that an alias names a version; `log_entry` is where it stands."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: int
    alias: str
    requested_by: str = Field(min_length=1)
    approved_by: str = Field(min_length=1)
    log_entry: int = Field(ge=0)


def claim_name(database_url: str, *, name: str, use_case: str, log_origin: str) -> None:
    """Give a registered model's name to a use case of a log; once given, it stays.

    Raises:
        EvidenceError: It is another's.
        ServiceError: The database does not answer.
    """
    with _as_gatekeeper(database_url, f"name `{name}`") as connection:
        connection.execute(
            "INSERT INTO portcullis.names (name, use_case, log_origin) VALUES (%s, %s, %s) "
            "ON CONFLICT DO NOTHING",
            (name, use_case, log_origin),
        )

        owner = connection.execute(
            # Read back in the same transaction: whoever was first has the name, and keeps it.
            "SELECT use_case, log_origin FROM portcullis.names WHERE name = %s",
            (name,),
        ).fetchone()

    if owner != (use_case, log_origin):
        raise EvidenceError(
            f"registered model `{name}`",
            expected=f"the name of use case `{use_case}` of the log {log_origin}",
            found="that of another use case or log, by the registry's database",
            remedy="Give the use case a name of its own in `register.model`.",
        )


def admit(database_url: str, admission: Admission, valid_seconds: int = VALID_SECONDS) -> int:
    """Insert the evidence for one version, unless it is there, valid or used; return its id.

    Raises:
        EvidenceError: The database refuses it: another use case's name, another model's version.
        ServiceError: The database does not answer.
    """
    from psycopg.types.json import Jsonb

    row = admission.row()
    row["tags"] = Jsonb(row["tags"])
    columns = ", ".join(row)
    values = ", ".join(f"%({name})s" for name in row)
    same = " AND ".join(f"given.{name} IS NOT DISTINCT FROM %({name})s" for name in row)
    with _as_gatekeeper(database_url, f"registered model `{admission.name}`") as connection:
        # Two calls at once must not both find nothing. The lock is let go with the transaction.
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('portcullis.evidence'))")
        present = connection.execute(
            f"SELECT given.evidence_id FROM portcullis.evidence AS given "
            f"LEFT JOIN portcullis.versions AS made USING (evidence_id) WHERE {same} "
            "AND (made.evidence_id IS NOT NULL OR given.version IS NOT NULL "
            "     OR given.valid_until > clock_timestamp() + make_interval(secs => 60)) "
            "AND NOT EXISTS (SELECT FROM portcullis.evidence AS later WHERE later.name = given.name"
            "     AND later.evidence_id > given.evidence_id) "
            "ORDER BY given.evidence_id DESC LIMIT 1",
            row,
        ).fetchone()
        if present is None:
            present = connection.execute(
                f"INSERT INTO portcullis.evidence ({columns}, valid_until) VALUES ({values}, "
                "clock_timestamp() + make_interval(secs => %(valid_seconds)s)) "
                "RETURNING evidence_id",
                {**row, "valid_seconds": valid_seconds},
            ).fetchone()
    assert present is not None
    return int(present[0])


def find_admission(database_url: str, name: str, version: int) -> StoredAdmission | None:
    """Return the newest evidence about a version; None where it was made without any.

    The server's and the auditor's accounts may read it, too.

    Raises:
        ServiceError: The database does not answer.
    """
    fields = ", ".join(f"given.{field}" for field in Admission.model_fields)

    # By the version's own row, or by a later one that names the version: the newest counts.
    with _as_gatekeeper(database_url, f"registered model `{name}`") as connection:
        row = connection.execute(
            f"SELECT given.evidence_id, given.valid_until, given.admitted_at, given.admitted_by, "
            f"{fields} FROM portcullis.versions AS made JOIN portcullis.evidence AS given "
            "ON given.evidence_id = made.evidence_id "
            "OR (given.name = made.name AND given.version = made.version) "
            "WHERE made.name = %s AND made.version = %s ORDER BY given.evidence_id DESC LIMIT 1",
            (name, version),
        ).fetchone()

    if row is None:
        return None

    return StoredAdmission(
        evidence_id=row[0],
        valid_until=row[1],
        admitted_at=row[2],
        admitted_by=row[3],
        admission=Admission(**dict(zip(Admission.model_fields, row[4:], strict=True))),
    )


def approve_alias(
    database_url: str, approval: AliasApproval, valid_seconds: int = VALID_SECONDS
) -> int:
    """Insert a second person's approval, for promotion as for going back; return its id.

    The newest approval of an alias counts: with it, every earlier one has lapsed.

    Raises:
        EvidenceError: The database refuses it: no such version, or no second person.
        ServiceError: The database does not answer.
    """
    # Valid from the database's clock, by which the trigger judges.
    with _as_gatekeeper(database_url, f"registered model `{approval.name}`") as connection:
        row = connection.execute(
            "INSERT INTO portcullis.approvals (name, version, alias, requested_by, approved_by, "
            "log_entry, valid_until) VALUES (%(name)s, %(version)s, %(alias)s, %(requested_by)s, "
            "%(approved_by)s, %(log_entry)s, "
            "clock_timestamp() + make_interval(secs => %(valid_seconds)s)) RETURNING approval_id",
            {**approval.model_dump(), "valid_seconds": valid_seconds},
        ).fetchone()

    assert row is not None
    return int(row[0])


def withdraw(database_url: str, name: str, version: int, log_entry: int) -> None:
    """Allow that a version is deleted in MLflow; from then on no alias names it any more.

    Raises:
        EvidenceError: The database refuses it.
        ServiceError: The database does not answer.
    """
    with _as_gatekeeper(database_url, f"registered model `{name}`") as connection:
        connection.execute(
            "INSERT INTO portcullis.withdrawals (name, version, log_entry) VALUES (%s, %s, %s) "
            "ON CONFLICT DO NOTHING",
            (name, version, log_entry),
        )


@contextmanager
def _as_gatekeeper(
    database_url: str, about: str
) -> "Iterator[psycopg.Connection[tuple[Any, ...]]]":
    """Yield a connection in one transaction; what the database refuses becomes an error of ours."""
    import psycopg

    from tasks.system.postgres import connect_postgres

    try:
        with connect_postgres(database_url) as connection, connection.transaction():
            yield connection
    except psycopg.Error as error:
        # Neither the message nor the statement is shown: both quote values.
        if error.sqlstate in REFUSED_STATES:
            raise EvidenceError(
                f"the registry's database, {about}",
                expected="evidence that it takes",
                found=f"a refusal, SQLSTATE {error.sqlstate}",
                remedy="Look into PostgreSQL's log, and whether this is the gatekeeper's account.",
            ) from error
        raise ServiceError(
            f"the registry's database, {about}",
            expected="an answer",
            found=kind_of_error(error),
            remedy="Start it, or mend the address, and run the same command again.",
        ) from error
