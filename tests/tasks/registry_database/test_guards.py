"""What the triggers let through, in which order, and what two sessions at once cannot do."""

import threading
import time
from collections.abc import Callable

import psycopg
import pytest

from tasks.registry_database import AliasApproval, admit, approve_alias, withdraw
from tests.registry_databases import (
    MODEL,
    NAME,
    RUN,
    Link,
    RegistryDatabase,
    admission,
    insert_version,
    make_name,
    set_alias,
    set_tag,
    source_of,
)

DENIED = psycopg.errors.InsufficientPrivilege
SECOND = "2" * 32
PARAM = "INSERT INTO params (key, value, run_uuid) VALUES ('p', 'v', %s)"
DELETE_AS_MLFLOW = (
    "UPDATE model_versions SET current_stage = 'Deleted_Internal', last_updated_time = 2, "
    "description = NULL, user_id = NULL, source = 'REDACTED-SOURCE-PATH', "
    "run_id = 'REDACTED-RUN-ID', run_link = 'REDACTED-RUN-LINK', status_message = NULL "
    "WHERE version = 1"
)


def approval(version: int, alias: str = "champion") -> AliasApproval:
    return AliasApproval(
        name=NAME, version=version, alias=alias, requested_by="ann", approved_by="ben", log_entry=9
    )


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"source": "s3://x", "storage_location": "s3://x"}, "no evidence"),
        ({"storage_location": "s3://x"}, "loaded from its source"),
        ({"storage_location": None}, "loaded from its source"),
        ({"run_id": SECOND}, "no evidence"),
        ({"run_id": "3" * 32}, "finished run"),
        ({"run_id": "REDACTED-RUN-ID"}, "finished run"),
        ({"current_stage": "Production"}, "without a stage"),
        ({"version": 2}, "one after the other"),
        ({"version": -1}, "one after the other"),
        ({"workspace": "other"}, "violates foreign key"),
    ],
)
def test_evidence_lets_in_exactly_what_it_is_about(
    database: RegistryDatabase, changes: dict[str, object], what: str
) -> None:
    database.make_run()
    database.make_run(SECOND)
    database.admit()
    with database.as_account("server") as link:
        make_name(link)
        with pytest.raises((DENIED, psycopg.errors.ForeignKeyViolation), match=what):
            insert_version(link, **changes)  # type: ignore[arg-type]
        assert database.rows("SELECT * FROM portcullis.versions") == []
        insert_version(link)  # what failed has used nothing up


def test_evidence_of_another_name_lets_nothing_in(database: RegistryDatabase) -> None:
    database.make_run()
    database.admit(name="other")
    with database.as_account("server") as link:
        with pytest.raises(DENIED, match="gave this name to nobody"):
            make_name(link)
        make_name(link, "other")
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            insert_version(link)


def test_evidence_that_has_expired_lets_nothing_in(database: RegistryDatabase) -> None:
    database.make_run()
    database.admit(valid_seconds=0)
    with database.as_account("server") as link:
        make_name(link)
        with pytest.raises(DENIED, match="valid and unused"):
            insert_version(link)


def test_a_transaction_that_began_before_it_expired_does_not_help(
    database: RegistryDatabase,
) -> None:
    database.make_run()
    database.admit(valid_seconds=1)
    with database.as_account("server") as link, link.transaction():
        link.execute("SELECT now()")
        make_name(link)
        until = "SELECT valid_until < clock_timestamp() FROM portcullis.evidence"
        while link.execute(until).fetchone() != (True,):
            time.sleep(0.05)
        with pytest.raises(DENIED), link.transaction():
            insert_version(link)


@pytest.mark.parametrize("status", ["RUNNING", "FAILED"])
def test_a_version_is_made_of_a_finished_run(database: RegistryDatabase, status: str) -> None:
    database.make_run(status=status)
    database.admit()
    with database.as_account("server") as link:
        make_name(link)
        with pytest.raises(DENIED, match="finished run"):
            insert_version(link)


def test_one_run_and_source_is_one_version(database: RegistryDatabase) -> None:
    database.make_version()
    # A second row of evidence about the same run, as another decision would give.
    database.admit(decision_sha256="c" * 64)
    with database.as_account("server") as link, pytest.raises(DENIED):
        insert_version(link, version=2)


def test_an_older_version_cannot_be_put_back(database: RegistryDatabase) -> None:
    database.make_version()
    withdraw(database.url_of("gatekeeper"), NAME, 1, 3)
    row = database.rows("SELECT source, run_id, run_link FROM model_versions")[0]
    with database.as_account("server") as link:
        link.execute(DELETE_AS_MLFLOW)
        with pytest.raises(DENIED):
            link.execute(
                "UPDATE model_versions SET current_stage = 'None', source = %s, run_id = %s, "
                "run_link = %s",
                row,
            )
        with pytest.raises(DENIED):
            insert_version(link, version=2)
        with pytest.raises(DENIED):
            set_alias(link, "candidate", 1)
        with pytest.raises(DENIED, match="stays what it was"):
            link.execute("UPDATE model_versions SET source = 's3://elsewhere'")


def test_a_withdrawn_version_is_deleted_as_mlflow_does_it_and_no_other_way(
    database: RegistryDatabase,
) -> None:
    database.make_version()
    database.make_version(SECOND, 2)
    withdraw(database.url_of("gatekeeper"), NAME, 1, 3)
    with database.as_account("server") as link:
        for statement in (
            DELETE_AS_MLFLOW.replace("version = 1", "version = 2"),
            DELETE_AS_MLFLOW.replace("REDACTED-SOURCE-PATH", "s3://elsewhere"),
            DELETE_AS_MLFLOW.replace("Deleted_Internal", "Production"),
            "DELETE FROM model_versions",
        ):
            with pytest.raises(DENIED):
                link.execute(statement)
        link.execute(DELETE_AS_MLFLOW)
    # Its run stays closed: what was judged is still what people look up.
    with database.as_account("server") as link, pytest.raises(DENIED):
        link.execute(PARAM, (RUN,))


def test_people_may_describe(database: RegistryDatabase) -> None:
    database.make_version()
    with database.as_account("server") as link:
        link.execute("UPDATE model_versions SET description = 'd', last_updated_time = 5")
        link.execute("UPDATE registered_models SET description = 'd', last_updated_time = 5")
        set_tag(link, "team", "risk")
        link.execute("DELETE FROM model_version_tags WHERE key = 'team'")


def test_tags_of_evidence_hold_what_the_newest_evidence_says(database: RegistryDatabase) -> None:
    database.make_version()
    with database.as_account("server") as link:
        set_tag(link, "portcullis.model_sha256", MODEL)
        set_tag(link, "portcullis.log_entry", "7")
        with pytest.raises(DENIED, match="no evidence gives"):
            set_tag(link, "portcullis.log_entry", "8")
        again = admission().model_copy(update={"version": 1, "log_entry": 8})
        tags = {"portcullis.model_sha256": MODEL, "portcullis.log_entry": "8"}
        admit(database.url_of("gatekeeper"), again.model_copy(update={"tags": tags}))
        set_tag(link, "portcullis.log_entry", "8")
        with pytest.raises(DENIED, match="no evidence gives"):
            set_tag(link, "portcullis.log_entry", "7")
        with pytest.raises(DENIED):
            link.execute("UPDATE model_version_tags SET key = 'mine'")


def test_tags_of_a_name_say_whose_it_is(database: RegistryDatabase) -> None:
    database.make_version()
    insert = "INSERT INTO registered_model_tags VALUES (%s, %s, 'loan', 'default')"
    with database.as_account("server") as link:
        link.execute(insert, ("portcullis.use_case", "loan"))
        link.execute(insert, ("owner", "ann"))
        for key, value in (
            ("portcullis.log_origin", "elsewhere"),
            ("portcullis.anything", "x"),
            ("PORTCULLIS.log_origin", "bank.example/log"),
        ):
            with pytest.raises(DENIED):
                link.execute(insert, (key, value))


def test_an_alias_follows_the_newest_evidence(database: RegistryDatabase) -> None:
    database.make_version()
    database.make_version(SECOND, 2)
    with database.as_account("server") as link:
        with pytest.raises(DENIED):
            set_alias(link, "candidate", 1)
        set_alias(link, "candidate", 2)
        again = admission().model_copy(update={"version": 1, "log_entry": 8})
        admit(database.url_of("gatekeeper"), again)
        with pytest.raises(DENIED):
            set_alias(link, "Candidate", 2)
        set_alias(link, "candidate", 1)
        link.execute("DELETE FROM registered_model_aliases")  # none that serves


def test_an_alias_that_serves_follows_the_newest_approval(database: RegistryDatabase) -> None:
    gatekeeper = database.url_of("gatekeeper")
    database.make_version()
    database.make_version(SECOND, 2)
    with database.as_account("server") as link:
        approve_alias(gatekeeper, approval(1))
        set_alias(link, "champion", 1)
        with pytest.raises(DENIED):
            set_alias(link, "champion", 2)
        approve_alias(gatekeeper, approval(2))
        set_alias(link, "champion", 2)
        with pytest.raises(DENIED):
            set_alias(link, "champion", 1)  # its approval has lapsed with the newer one
        with pytest.raises(DENIED, match="moved, not deleted"):
            link.execute("DELETE FROM registered_model_aliases")
        approve_alias(gatekeeper, approval(1))  # going back
        set_alias(link, "champion", 1)
        approve_alias(gatekeeper, approval(2), valid_seconds=0)
        with pytest.raises(DENIED):
            set_alias(link, "champion", 2)


def test_evidence_that_names_a_serving_alias_does_not_stand_in_for_an_approval(
    database: RegistryDatabase,
) -> None:
    database.make_run()
    database.admit(alias="champion")
    with database.as_account("server") as link:
        make_name(link)
        insert_version(link)
        with pytest.raises(DENIED):
            set_alias(link, "champion", 1)


def test_an_open_run_is_written_to_and_a_closed_one_erased_by_the_owner_alone(
    database: RegistryDatabase,
) -> None:
    database.make_run(SECOND)
    database.make_version()
    with database.as_account("server") as link:
        link.execute(PARAM, (SECOND,))
        link.execute("UPDATE runs SET status = 'FINISHED' WHERE run_uuid = %s", (SECOND,))
        link.execute("INSERT INTO tags (key, value, run_uuid) VALUES ('t', 'v', %s)", (SECOND,))
        with pytest.raises(DENIED):
            link.execute("UPDATE tags SET run_uuid = %s", (RUN,))
    with database.as_account() as link:  # a member of the owner, as every superuser is
        link.execute(PARAM, (RUN,))
        link.execute("UPDATE params SET value = '' WHERE run_uuid = %s", (RUN,))


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_an_older_snapshot_writes_nothing(database: RegistryDatabase, level: str) -> None:
    database.make_run()
    database.admit()
    acts: tuple[Callable[[Link], object], ...] = (
        lambda link: link.execute(PARAM, (RUN,)),
        insert_version,
    )
    with database.as_account("server") as link:
        make_name(link)
        for act in acts:
            link.execute(f"SET default_transaction_isolation = '{level.lower()}'")
            with pytest.raises(DENIED, match="READ COMMITTED"):
                act(link)


def at_once(act: Callable[[Link], object], links: list[Link]) -> list[str]:
    """Run one act in several sessions at the same time; return how each ended, sorted."""
    start = threading.Barrier(len(links))
    ends: list[str] = []

    def run(link: Link) -> None:
        start.wait()
        try:
            act(link)
            ends.append("done")
        except psycopg.Error as error:
            ends.append(type(error).__name__)

    threads = [threading.Thread(target=run, args=(link,)) for link in links]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return sorted(ends)


def test_sessions_at_once_make_one_version_of_one_row(database: RegistryDatabase) -> None:
    database.make_run()
    database.admit()
    numbers = iter(range(1, 5))
    with (
        database.as_account("server") as first,
        database.as_account("server") as second,
        database.as_account("server") as third,
    ):
        make_name(first)
        ends = at_once(lambda link: insert_version(link, version=next(numbers)), [first, second])
        assert ends.count("done") <= 1
        ends += at_once(lambda link: insert_version(link, version=1), [second, third])
    assert database.rows("SELECT count(*) FROM model_versions") == [(1,)]
    assert ends.count("done") == 1


def test_two_admissions_at_once_are_one_row(database: RegistryDatabase) -> None:
    database.admit(run_id=SECOND)
    with database.as_account() as first, database.as_account() as second:
        at_once(lambda _: database.admit(), [first, second])
    assert database.rows("SELECT count(*) FROM portcullis.evidence WHERE run_id = %s", (RUN,)) == [
        (1,)
    ]


def test_a_version_waits_for_whoever_writes_to_its_run(database: RegistryDatabase) -> None:
    database.make_run()
    database.admit()
    order: list[str] = []
    with database.as_account("server") as writer, database.as_account("server") as maker:

        def make() -> None:
            insert_version(maker)
            order.append("version")

        make_name(maker)
        with writer.transaction():
            writer.execute(PARAM, (RUN,))
            making = threading.Thread(target=make)
            making.start()
            waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            while database.rows(waits) == [(0,)]:
                time.sleep(0.01)
            order.append("param")
        making.join(timeout=30)
        assert order == ["param", "version"]
        with pytest.raises(DENIED):
            writer.execute(PARAM.replace("'p'", "'q'"), (RUN,))


def test_a_prepared_transaction_keeps_no_run_open(database: RegistryDatabase) -> None:
    database.make_run()
    database.admit()
    with database.as_account("server") as link:
        make_name(link)
        link.execute("BEGIN")
        link.execute(PARAM, (RUN,))
        link.execute("PREPARE TRANSACTION 'held'")
        link.execute("SET lock_timeout = '200ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            insert_version(link)
        link.execute("COMMIT PREPARED 'held'")
        insert_version(link)


def copy_in(link: Link, text: str) -> None:
    with link.cursor().copy(
        "COPY model_versions (name, version, creation_time, last_updated_time, "
        "current_stage, source, storage_location, run_id, status) FROM STDIN"
    ) as copy:
        copy.write(text)


def test_deferring_constraints_defers_no_trigger(database: RegistryDatabase) -> None:
    database.make_run()
    with database.as_account("server") as link:
        link.execute("BEGIN")
        link.execute("SET CONSTRAINTS ALL DEFERRED")
        with pytest.raises(DENIED):
            make_name(link)
        link.execute("ROLLBACK")
        database.admit()
        make_name(link)
        copied = f"loan\t1\t1\t1\tNone\t{source_of(SECOND)}\t{source_of(SECOND)}\t{RUN}\tREADY\n"
        with pytest.raises(DENIED):
            copy_in(link, copied)


def test_triggers_fire_also_where_changes_are_said_to_come_from_a_replica(
    database: RegistryDatabase,
) -> None:
    database.make_version()
    with database.as_account() as link:
        link.execute("SET session_replication_role = replica")
        with pytest.raises(DENIED):
            link.execute("UPDATE model_versions SET source = 's3://elsewhere'")
