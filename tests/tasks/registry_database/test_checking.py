"""Each thing that somebody with more rights changed is named; and one install sets it right."""

import psycopg
import pytest

from tasks.errors import ConfigError
from tasks.registry_database.checking import check
from tasks.registry_database.installing import add_account, install
from tasks.registry_database.privileges import GUARDS, DatabaseRole
from tests.registry_databases import RegistryDatabase
from tests.services import has_pgaudit

IS_AUDITED = has_pgaudit()


def deviations(database: RegistryDatabase) -> set[str]:
    found = check(database.url_of("auditor"), is_audited=IS_AUDITED)
    return {item.line() for item in found}


# What was done -> what is said about it.
CHANGES = {
    "ALTER TABLE model_versions DISABLE TRIGGER portcullis_make_version": "trigger.off: "
    "portcullis_make_version on public.model_versions does not fire always",
    "ALTER TABLE model_versions ENABLE TRIGGER portcullis_make_version": "trigger.off: "
    "portcullis_make_version on public.model_versions does not fire always",
    "ALTER TABLE params DISABLE TRIGGER ALL": "trigger.off: a foreign key on public.params",
    "DROP TRIGGER portcullis_guard_alias ON registered_model_aliases": "trigger.missing: "
    "portcullis_guard_alias on public.registered_model_aliases",
    "CREATE OR REPLACE TRIGGER portcullis_make_version AFTER INSERT ON model_versions FOR EACH ROW "
    "WHEN (false) EXECUTE FUNCTION portcullis.make_version()": "trigger.altered: "
    "portcullis_make_version on public.model_versions",
    "CREATE TRIGGER a BEFORE INSERT ON model_versions FOR EACH ROW EXECUTE FUNCTION "
    "portcullis.refuse_change()": "trigger.unlisted: a on public.model_versions",
    "CREATE OR REPLACE FUNCTION portcullis.is_migrating() RETURNS boolean LANGUAGE plpgsql AS "
    "'BEGIN RETURN true; END'": "function.altered: portcullis.is_migrating",
    "ALTER FUNCTION portcullis.make_version() SET search_path = public": "function.altered: "
    "portcullis.make_version",
    "ALTER FUNCTION portcullis.make_version() SECURITY INVOKER": "function.altered: "
    "portcullis.make_version",
    "GRANT EXECUTE ON FUNCTION portcullis.refuse(text) TO PUBLIC": "function.altered: "
    "portcullis.refuse",
    "CREATE FUNCTION public.now() RETURNS integer LANGUAGE sql RETURN 1": "function.unlisted: "
    "public.now",
    "ALTER TABLE portcullis.versions DROP CONSTRAINT versions_source_key": "constraint.missing: "
    "versions_source_key",
    "GRANT UPDATE ON model_versions TO portcullis_server": "table.grant: portcullis_server has "
    "UPDATE on public.model_versions",
    "GRANT INSERT ON portcullis.evidence TO server": "table.grant: server has INSERT on "
    "portcullis.evidence",
    "GRANT UPDATE (source) ON portcullis.evidence TO portcullis_gatekeeper": "table.grant: "
    "portcullis_gatekeeper has UPDATE on portcullis.evidence (source)",
    "GRANT TRUNCATE ON runs TO PUBLIC": "table.grant: PUBLIC has TRUNCATE on public.runs",
    "REVOKE SELECT ON runs FROM portcullis_server": "table.no_grant: portcullis_server lacks "
    "SELECT on public.runs",
    "ALTER TABLE model_versions OWNER TO server": "table.owner: public.model_versions is owned by "
    "server",
    "CREATE TABLE next_mlflow (i integer)": "table.unlisted: public.next_mlflow; nobody is granted "
    "anything there",
    "CREATE VIEW mine AS SELECT 1 AS one": "table.rule: public.mine is a view, or has a rule or "
    "row security",
    "CREATE RULE r AS ON INSERT TO model_versions DO INSTEAD NOTHING": "table.rule: "
    "public.model_versions is a view, or has a rule or row security",
    "ALTER TABLE portcullis.evidence ENABLE ROW LEVEL SECURITY": "table.rule: portcullis.evidence "
    "is a view, or has a rule or row security",
    "DROP TABLE trace_metrics": "table.missing: public.trace_metrics",
    "GRANT CREATE ON SCHEMA public TO PUBLIC": "place.grant: PUBLIC has CREATE on public",
    "GRANT CREATE ON SCHEMA portcullis TO server": "place.grant: server has CREATE on portcullis",
    "CREATE SCHEMA mine\nGRANT USAGE ON SCHEMA mine TO server": "place.grant: server has USAGE on "
    "mine",
    "GRANT EXECUTE ON FUNCTION lo_create(oid) TO PUBLIC": "function.callable: portcullis_server "
    "may call lo_create(oid)",
    "DELETE FROM portcullis.serving_aliases": "alias.not_serving: champion",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_by_the_owner_is_named(database: RegistryDatabase, change: str) -> None:
    with database.as_account() as link:
        for statement in change.splitlines():
            link.execute(statement)
    assert CHANGES[change] in deviations(database)


# Of the whole server, and so undone at once.
CHANGES_OF_ROLES = {
    ("GRANT portcullis_owner TO server", "REVOKE portcullis_owner FROM server"): "role.member: "
    "server is a member of portcullis_owner, portcullis_server",
    ("GRANT server TO gatekeeper", "REVOKE server FROM gatekeeper"): "role.member: gatekeeper is "
    "a member of portcullis_gatekeeper, portcullis_server, server",
    (
        "GRANT pg_write_all_data TO portcullis_server",
        "REVOKE pg_write_all_data FROM portcullis_server",
    ): "role.member: portcullis_server is a member of pg_write_all_data",
    (
        "GRANT portcullis_audited TO auditor",
        "REVOKE portcullis_audited FROM auditor",
    ): "role.member: auditor is a member of portcullis_audited, portcullis_auditor",
    ("ALTER ROLE server SUPERUSER", "ALTER ROLE server NOSUPERUSER"): "role.attribute: server is "
    "SUPERUSER",
    (
        "ALTER ROLE portcullis_owner LOGIN",
        "ALTER ROLE portcullis_owner NOLOGIN",
    ): "role.attribute: portcullis_owner is LOGIN",
    (
        "ALTER ROLE server SET search_path = mine",
        "ALTER ROLE server RESET search_path",
    ): "role.setting: server has its own search_path",
    (
        "GRANT SET ON PARAMETER session_replication_role TO server",
        "REVOKE SET ON PARAMETER session_replication_role FROM server",
    ): "role.setting: server may SET session_replication_role",
}


@pytest.mark.parametrize("change", CHANGES_OF_ROLES)
def test_a_role_with_too_much_is_named(cluster: RegistryDatabase, change: tuple[str, str]) -> None:
    do, undo = change
    with cluster.as_account() as link:
        link.execute(do)
        try:
            assert CHANGES_OF_ROLES[change] in deviations(cluster)
        finally:
            link.execute(undo)
    assert deviations(cluster) == set()


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("INSERT INTO model_versions SELECT 'loan', 2, 1, 1, 'd', 'u', 'None', 's', 'r', 'READY', "
         "'m', 'l', 's', 'default'", "version.without_evidence: 1 of them"),
        ("UPDATE model_versions SET source = 's3://elsewhere'", "version.altered: 1 of them"),
        ("DELETE FROM model_versions", "version.deleted: 1 of them"),
        ("INSERT INTO registered_model_aliases (name, alias, version, workspace) VALUES "
         "('loan', 'champion', 1, 'default')", "alias.without_evidence: 1 of them"),
    ],
)  # fmt: skip
def test_rows_that_came_while_a_trigger_was_off_are_counted(
    database: RegistryDatabase, statement: str, kind: str
) -> None:
    database.make_version()
    with database.as_account() as link:
        for table in ("model_versions", "registered_model_aliases"):
            link.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        link.execute(statement)
    install(database.url, is_audited=IS_AUDITED)
    assert deviations(database) == {kind}


def test_one_install_sets_right_what_it_may(database: RegistryDatabase) -> None:
    assert deviations(database) == set()
    with database.as_account() as link:
        link.execute("ALTER TABLE model_versions DISABLE TRIGGER USER")
        link.execute("GRANT ALL ON model_versions, portcullis.evidence TO PUBLIC, server")
        link.execute("GRANT UPDATE (source) ON model_versions TO portcullis_server")
        link.execute("DROP FUNCTION portcullis.refuse_change() CASCADE")
        link.execute("ALTER TABLE runs OWNER TO t")
        link.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")
    assert len(deviations(database)) > 10
    install(database.url, is_audited=IS_AUDITED)
    # What somebody gave to an account of their own is named, and left to them.
    left = {line for line in deviations(database) if not line.startswith("table.grant: server")}
    assert left == set()


def test_an_mlflow_that_is_there_is_taken_over_with_its_versions(
    database: RegistryDatabase,
) -> None:
    with database.as_account() as link:
        link.execute("DROP SCHEMA portcullis CASCADE")
        link.execute("INSERT INTO registered_models (name, workspace) VALUES ('old', 'default')")
        link.execute(
            "INSERT INTO model_versions (name, version, source, run_id, current_stage, status, "
            "workspace) VALUES ('old', 1, 's', 'r', 'None', 'READY', 'default')"
        )
        link.execute("ALTER TABLE model_versions OWNER TO t")
        link.execute("ALTER FUNCTION prevent_secrets_aad_mutation() OWNER TO t")
    install(database.url, is_audited=IS_AUDITED)
    assert deviations(database) == set()
    with (
        database.as_account("server") as link,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        link.execute(
            "INSERT INTO registered_model_aliases (name, alias, version, workspace) VALUES "
            "('old', 'candidate', 1, 'default')"
        )


def test_a_table_of_the_next_mlflow_is_granted_to_nobody(database: RegistryDatabase) -> None:
    with database.as_account() as link:
        link.execute("CREATE TABLE next_mlflow (i integer)")
        link.execute("ALTER TABLE next_mlflow OWNER TO portcullis_owner")
        link.execute("GRANT ALL ON next_mlflow TO portcullis_server")
    install(database.url, is_audited=IS_AUDITED)
    assert deviations(database) == {
        "table.unlisted: public.next_mlflow; nobody is granted anything there"
    }


def test_an_account_logs_in_by_a_password_that_the_server_never_saw(
    database: RegistryDatabase,
) -> None:
    add_account(database.url, "leased", DatabaseRole.SERVER, "only-for-this-test")
    try:
        (verifier,) = database.rows("SELECT rolpassword FROM pg_authid WHERE rolname = 'leased'")[0]
        assert str(verifier).startswith("SCRAM-SHA-256$")
        assert deviations(database) == set()
    finally:
        with database.as_account() as link:
            link.execute("DROP ROLE leased")


@pytest.mark.skipif(IS_AUDITED, reason="pgaudit is installed here")
def test_an_install_that_asks_for_pgaudit_refuses_without_it(database: RegistryDatabase) -> None:
    with pytest.raises(ConfigError, match="pgaudit"):
        install(database.url)


def test_no_two_triggers_of_a_table_have_one_name() -> None:
    names = [(guard.schema, guard.table, guard.name) for guard in GUARDS]
    assert len(names) == len(set(names))
