"""Direct SQL as the account that MLflow serves as: nothing gets registered, moved or forged.

Whoever got into MLflow's process has exactly these credentials.
"""

from collections.abc import Iterator

import psycopg
import pytest

from tests.registry_databases import (
    NAME,
    RUN,
    RegistryDatabase,
    admission,
    copy_of,
    set_alias,
    source_of,
)
from tests.services import has_pgaudit

DENIED = psycopg.errors.InsufficientPrivilege
OTHER_RUN = "2" * 32
STATE = """SELECT 'names' AS kind, to_jsonb(t) FROM registered_models t
UNION ALL SELECT 'versions', to_jsonb(t) FROM model_versions t
UNION ALL SELECT 'tags', to_jsonb(t) FROM model_version_tags t
UNION ALL SELECT 'name tags', to_jsonb(t) FROM registered_model_tags t
UNION ALL SELECT 'aliases', to_jsonb(t) FROM registered_model_aliases t
UNION ALL SELECT 'runs', to_jsonb(t) FROM runs t
UNION ALL SELECT 'params', to_jsonb(t) FROM params t
UNION ALL SELECT 'metrics', to_jsonb(t) FROM metrics t
UNION ALL SELECT 'run tags', to_jsonb(t) FROM tags t
UNION ALL SELECT 'experiments', to_jsonb(t) FROM experiments t
UNION ALL SELECT 'evidence', to_jsonb(t) FROM portcullis.evidence t
UNION ALL SELECT 'used', to_jsonb(t) FROM portcullis.versions t
UNION ALL SELECT 'approvals', to_jsonb(t) FROM portcullis.approvals t
ORDER BY 1, 2"""
ANOTHER = (
    "INSERT INTO model_versions (name, version, creation_time, last_updated_time, current_stage, "
    f"source, storage_location, run_id, status, workspace) VALUES ('{NAME}', 2, 1, 1, 'None', "
    f"'{source_of(OTHER_RUN)}', '{source_of(OTHER_RUN)}', '{OTHER_RUN}', 'READY', 'default')"
)
STATEMENTS = {
    # Register without evidence, or on what is there.
    "insert": ANOTHER,
    "insert, on conflict": f"{ANOTHER} ON CONFLICT DO NOTHING",
    "insert over the old one": ANOTHER.replace(", 2, 1", ", 1, 1")
    + " ON CONFLICT (workspace, name, version) DO UPDATE SET source = excluded.source",
    "insert under evidence that is used": ANOTHER.replace(OTHER_RUN, RUN),
    "insert by a query": f"WITH new AS ({ANOTHER} RETURNING *) SELECT * FROM new",
    "merge": "MERGE INTO model_versions AS old USING (SELECT 2 AS version) AS new "
    "ON old.version = new.version WHEN NOT MATCHED THEN INSERT (name, version, source, run_id, "
    f"workspace) VALUES ('{NAME}', 2, 's', '{OTHER_RUN}', 'default')",
    "merge into the old one": "MERGE INTO model_versions AS old USING (SELECT 1 AS version) AS new "
    "ON old.version = new.version WHEN MATCHED THEN UPDATE SET source = 's3://elsewhere'",
    "prepare": f"PREPARE p AS {ANOTHER}; EXECUTE p",
    "name": "INSERT INTO registered_models (name, workspace) VALUES ('mine', 'default')",
    "name in another workspace": "INSERT INTO registered_models (name, workspace) "
    f"VALUES ('{NAME}', 'other')",
    "rename": "UPDATE registered_models SET name = 'mine'",
    # Change what a version is.
    "source": "UPDATE model_versions SET source = 's3://elsewhere'",
    "storage location": "UPDATE model_versions SET storage_location = 's3://elsewhere'",
    "run": f"UPDATE model_versions SET run_id = '{OTHER_RUN}'",
    "number": "UPDATE model_versions SET version = 5",
    "stage": "UPDATE model_versions SET current_stage = 'Production'",
    "deletion as MLflow does it": "UPDATE model_versions SET current_stage = 'Deleted_Internal', "
    "source = 'REDACTED-SOURCE-PATH', run_id = 'REDACTED-RUN-ID'",
    "delete": "DELETE FROM model_versions",
    "delete the name": "DELETE FROM registered_models",
    "truncate": "TRUNCATE model_versions CASCADE",
    # Aliases and tags.
    "alias": "INSERT INTO registered_model_aliases (alias, version, name, workspace) "
    f"VALUES ('prod', 1, '{NAME}', 'default')",
    "serving alias": "INSERT INTO registered_model_aliases (alias, version, name, workspace) "
    f"VALUES ('champion', 1, '{NAME}', 'default')",
    "serving alias in capitals": "INSERT INTO registered_model_aliases (alias, version, name, "
    f"workspace) VALUES ('Champion', 1, '{NAME}', 'default')",
    "alias of no version": "UPDATE registered_model_aliases SET version = 9",
    "rename an alias": "UPDATE registered_model_aliases SET alias = 'champion'",
    "alias over the old one": "INSERT INTO registered_model_aliases (alias, version, name, "
    f"workspace) VALUES ('candidate', 9, '{NAME}', 'default') "
    "ON CONFLICT (workspace, name, alias) DO UPDATE SET version = excluded.version",
    "tag": "UPDATE model_version_tags SET value = 'forged'",
    "tag that was not there": "INSERT INTO model_version_tags (key, value, name, version, "
    f"workspace) VALUES ('portcullis.approved', 'yes', '{NAME}', 1, 'default')",
    "tag in capitals": "INSERT INTO model_version_tags (key, value, name, version, "
    f"workspace) VALUES (' Portcullis.model_sha256', 'x', '{NAME}', 1, 'default')",
    "tag deleted": "DELETE FROM model_version_tags",
    "tag of the name": "INSERT INTO registered_model_tags (key, value, name, workspace) "
    f"VALUES ('portcullis.use_case', 'other', '{NAME}', 'default')",
    # The run that a version was made of.
    "param": f"INSERT INTO params (key, value, run_uuid) VALUES ('p', 'v', '{RUN}')",
    "metric": "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) "
    f"VALUES ('auc', 1, 1, '{RUN}', 0, false)",
    "run tag": f"INSERT INTO tags (key, value, run_uuid) VALUES ('t', 'v', '{RUN}')",
    "run's status": "UPDATE runs SET status = 'RUNNING'",
    "run's place": "UPDATE runs SET artifact_uri = 's3://elsewhere'",
    "run's deletion": "DELETE FROM runs",
    "experiment's place": "UPDATE experiments SET artifact_location = 's3://elsewhere'",
    "experiment's end": "UPDATE experiments SET lifecycle_stage = 'deleted' "
    "WHERE experiment_id = 1",
    "input": "INSERT INTO inputs (input_uuid, source_type, source_id, destination_type, "
    f"destination_id) VALUES ('i', 'DATASET', 'd', 'RUN', '{RUN}')",
    "logged model": "INSERT INTO logged_models (model_id, experiment_id, name, artifact_location, "
    "creation_timestamp_ms, last_updated_timestamp_ms, status, lifecycle_stage, source_run_id) "
    f"VALUES ('m-1', 1, 'm', 'a', 1, 1, 2, 'active', '{RUN}')",
    # Evidence of one's own.
    "evidence": "INSERT INTO portcullis.evidence (name, use_case, log_origin, log_entry, run_id, "
    "source, model_sha256, decision_sha256, alias, tags, valid_until) SELECT name, use_case, "
    f"log_origin, log_entry, '{OTHER_RUN}', source, model_sha256, decision_sha256, alias, tags, "
    "valid_until FROM portcullis.evidence",
    "approval": "INSERT INTO portcullis.approvals (name, version, alias, requested_by, "
    f"approved_by, log_entry, valid_until) VALUES ('{NAME}', 1, 'champion', 'a', 'b', 1, now())",
    "withdrawal": f"INSERT INTO portcullis.withdrawals VALUES ('{NAME}', 1, 1)",
    "unused again": "DELETE FROM portcullis.versions",
    "longer valid": "UPDATE portcullis.evidence SET valid_until = now() + interval '1 day'",
    "no alias serves": "DELETE FROM portcullis.serving_aliases",
    # Out of the way with what refuses.
    "trigger off": "ALTER TABLE model_versions DISABLE TRIGGER ALL",
    "trigger dropped": "DROP TRIGGER portcullis_make_version ON model_versions",
    "function replaced": "CREATE OR REPLACE FUNCTION portcullis.make_version() RETURNS trigger "
    "LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    "function of its name": "CREATE FUNCTION public.pg_has_role(name, name, text) RETURNS boolean "
    "LANGUAGE sql RETURN true",
    "table": "CREATE TABLE public.mine (i integer)",
    "temporary table": "CREATE TEMP TABLE versions (LIKE portcullis.versions)",
    "schema": "CREATE SCHEMA mine",
    "view": "CREATE VIEW public.mine AS SELECT * FROM model_versions",
    "rule": "CREATE RULE r AS ON INSERT TO model_versions DO INSTEAD NOTHING",
    "column": "ALTER TABLE model_versions ADD COLUMN mine integer",
    "owner": "ALTER TABLE model_versions OWNER TO server",
    "role of the owner": "SET ROLE portcullis_owner",
    "role of the gatekeeper": "SET ROLE portcullis_gatekeeper",
    "another session's account": "SET SESSION AUTHORIZATION t",
    "grant": "GRANT portcullis_owner TO server",
    "role": "CREATE ROLE mine SUPERUSER",
    "replication role": "SET session_replication_role = replica",
    "setting of the account": "ALTER ROLE portcullis_gatekeeper SET search_path = pg_temp",
    "setting of the database": "ALTER SYSTEM SET session_preload_libraries = 'x'",
    "audit off": "SET pgaudit.log = 'none'",
    "block": "DO $$ BEGIN NULL; END $$",
    "extension": "CREATE EXTENSION dblink",
    "copy from a program": "COPY tags FROM PROGRAM 'id'",
    "copy from a file": "COPY tags FROM '/etc/passwd'",
    "large object": "SELECT lo_create(0)",
    "large object of bytes": "SELECT lo_from_bytea(0, 'x')",
    "large object of a file": "SELECT lo_import('/etc/passwd')",
    "file": "SELECT pg_read_file('/etc/passwd')",
    "secrets": "SELECT * FROM secrets",
    "passwords": "SELECT * FROM pg_authid",
    "function of a trigger": "SELECT portcullis.is_migrating()",
}


@pytest.fixture(scope="module")
def attacked(cluster: RegistryDatabase) -> Iterator[RegistryDatabase]:
    """Yield a database with a version, its tags and alias; no attack changes it: all share it."""
    with copy_of(cluster, "attacked") as database:
        database.make_version()
        database.make_run(OTHER_RUN)
        with database.as_account("server") as link:
            link.execute(
                "INSERT INTO model_version_tags VALUES "
                f"('portcullis.model_sha256', %s, '{NAME}', 1, 'default')",
                (admission().model_sha256,),
            )
            set_alias(link, "candidate", 1)
        yield database


@pytest.mark.parametrize("attempt", STATEMENTS)
def test_no_statement_of_the_server_s_account_changes_the_registry(
    attacked: RegistryDatabase, attempt: str
) -> None:
    if attempt == "audit off" and not has_pgaudit():
        pytest.skip("no pgaudit on this machine")
    before = attacked.rows(STATE)
    with attacked.as_account("server") as link, pytest.raises(DENIED):
        link.execute(STATEMENTS[attempt])
    assert attacked.rows(STATE) == before


@pytest.mark.parametrize("attempt", STATEMENTS)
@pytest.mark.parametrize("setting", ["search_path = pg_temp, mine", "portcullis.migrating = on"])
def test_nor_does_one_after_a_setting_of_one_s_own(
    attacked: RegistryDatabase, attempt: str, setting: str
) -> None:
    if "FROM pg" in STATEMENTS[attempt] or attempt == "audit off":
        pytest.skip("about no table of the registry")
    before = attacked.rows(STATE)
    with attacked.as_account("server") as link:
        link.execute(f"SET {setting}")
        with pytest.raises((DENIED, psycopg.errors.UndefinedTable)):
            link.execute(STATEMENTS[attempt])
    assert attacked.rows(STATE) == before
