"""Make an MLflow database that its own server can neither alter nor register into by itself.

One command, and again after every upgrade: whatever is there already stays, and what is missing or
otherwise is set right. The account needs the right to make roles; pgaudit's settings, and taking
PUBLIC's rights to make large objects, need a superuser.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.errors import ConfigError, ServiceError
from tasks.formats.shown import kind_of_error
from tasks.registry_database.privileges import (
    ACCOUNT_ROLES,
    GUARDS,
    MLFLOW_FUNCTIONS,
    SCHEMA,
    SERVER_GRANTS,
    SERVING_ALIAS,
    DatabaseRole,
    Grant,
    grants_of,
)
from tasks.system.database import open_database, with_driver

if TYPE_CHECKING:
    import psycopg

    Link = psycopg.Connection[tuple[Any, ...]]

SCHEMA_FILE = Path(__file__).with_name("schema.sql")
# PostgreSQL 15 is the first that shows rights on settings (`pg_parameter_acl`).
OLDEST_SERVER = 150000
SEARCH_PATH = "public"
MIGRATING = "-c portcullis.migrating=on"  # the triggers let the owner rewrite rows then
AUDIT_SETTINGS = {
    "pgaudit.log": "role, ddl",
    "pgaudit.role": DatabaseRole.AUDITED.value,
    "pgaudit.log_parameter": "off",
    # A statement's text may hold values; neither pgaudit nor an error's line quotes it.
    "pgaudit.log_statement": "off",
    "log_min_error_statement": "panic",
}
# They make large objects: storage that no table's grant bounds. PUBLIC may call them.
LARGE_OBJECT_MAKERS = (
    "lo_creat(integer)",
    "lo_create(oid)",
    "lo_from_bytea(oid, bytea)",
    "lo_open(oid, integer)",
)


def install(owner_url: str, *, is_audited: bool = True) -> None:
    """Make roles, MLflow's tables, evidence, triggers, grants and pgaudit's settings.

    Args:
        owner_url: The database, as an account that may make roles.
        is_audited: Whether pgaudit has to be there.

    Raises:
        ConfigError: The server is too old, or pgaudit is asked for, and it does not load it.
        ServiceError: The database does not answer, or refuses a step; each step is all or nothing.
    """
    with connected(owner_url) as link:
        if link.info.server_version < OLDEST_SERVER:
            raise ConfigError(
                "the registry's database",
                expected=f"PostgreSQL {OLDEST_SERVER // 10000} or newer",
                found=f"version {link.info.server_version // 10000}",
                remedy="Upgrade it: rights on settings cannot be looked at before.",
            )

        if is_audited:
            _require_pgaudit(link)

        with link.transaction():
            _make_roles(link)
            _take_tables(link)

    _migrate(owner_url)
    # By a connection of its own, so that MLflow's tables are there when guards and grants are made.
    with connected(owner_url) as link, link.transaction():
        _make_evidence(link)
        _make_guards(link)
        _set_grants(link)
        _set_database(link, is_audited=is_audited)


def add_account(owner_url: str, account: str, role: DatabaseRole, password: str) -> None:
    """Make an account that logs in as a member of one role, or give it another password.

    The password is turned into its SCRAM verifier here: it never reaches the server, nor its log.

    Raises:
        ServiceError: The database does not answer, or refuses.
    """
    from psycopg.sql import SQL, Identifier, Literal

    with connected(owner_url) as link, link.transaction():
        verifier = link.pgconn.encrypt_password(
            password.encode(), account.encode(), b"scram-sha-256"
        ).decode()
        if not _has_role(link, account):
            link.execute(SQL("CREATE ROLE {} LOGIN").format(Identifier(account)))
        link.execute(
            SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(Identifier(account), Literal(verifier))
        )
        link.execute(SQL("GRANT {} TO {}").format(Identifier(role), Identifier(account)))


@contextmanager
def connected(database_url: str) -> "Iterator[Link]":
    """Yield a connection; what PostgreSQL does not do becomes an error of ours.

    Raises:
        ServiceError: With the SQLSTATE, and without the statement, which may hold values.
    """
    import psycopg

    from tasks.system.postgres import connect_postgres

    try:
        with connect_postgres(database_url) as link:
            yield link
    except psycopg.Error as error:
        raise ServiceError(
            "the registry's database",
            expected="that it does what its owner asks",
            found=f"{kind_of_error(error)}, SQLSTATE {error.sqlstate or 'unknown'}",
            remedy="Mend it, and run the same command again; docs/registry-server.md says what "
            "the account needs.",
        ) from error


def _require_pgaudit(link: "Link") -> None:
    # Who is no superuser cannot see `shared_preload_libraries`.
    if link.execute("SELECT FROM pg_settings WHERE name = 'pgaudit.log'").fetchone() is None:
        raise ConfigError(
            "shared_preload_libraries of the registry's database",
            expected="pgaudit",
            found="other libraries, or none",
            remedy="Install and load it (docs/registry-server.md), or say --without-audit.",
        )


def _has_role(link: "Link", name: str) -> bool:
    return link.execute("SELECT FROM pg_roles WHERE rolname = %s", (name,)).fetchone() is not None


def _make_roles(link: "Link") -> None:
    from psycopg.sql import SQL, Identifier

    for role in DatabaseRole:
        if not _has_role(link, role):
            link.execute(SQL("CREATE ROLE {} NOLOGIN").format(Identifier(role)))
    # A superuser is a member of every role; anybody else has to be one to act as the owner.
    link.execute(
        "DO $$ BEGIN IF NOT pg_has_role(current_user, 'portcullis_owner', 'MEMBER') "
        "THEN EXECUTE format('GRANT portcullis_owner TO %I', current_user); END IF; END $$"
    )
    (database,) = link.execute("SELECT current_database()").fetchone() or ("",)
    name = Identifier(str(database))
    accounts = SQL(", ").join(Identifier(role) for role in ACCOUNT_ROLES)
    owner = Identifier(DatabaseRole.OWNER)
    for statement in (
        SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name),
        SQL("REVOKE ALL ON DATABASE {} FROM {}").format(name, accounts),
        SQL("GRANT CONNECT ON DATABASE {} TO {}").format(name, accounts),
        SQL("GRANT CONNECT, CREATE ON DATABASE {} TO {}").format(name, owner),
        SQL("REVOKE ALL ON SCHEMA public FROM PUBLIC"),
        SQL("REVOKE ALL ON SCHEMA public FROM {}").format(accounts),
        SQL("GRANT USAGE ON SCHEMA public TO {}").format(accounts),
        SQL("GRANT USAGE, CREATE ON SCHEMA public TO {}").format(owner),
    ):
        link.execute(statement)


def _take_tables(link: "Link") -> None:
    """Give the owner what an MLflow that is there already has: tables, sequences, functions."""
    from psycopg.sql import SQL, Identifier

    foreign = link.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
        "AND relkind IN ('r', 'p') AND relowner <> 'portcullis_owner'::regrole"
    ).fetchall()
    for (table,) in foreign:
        if str(table) in SERVER_GRANTS:
            link.execute(
                SQL("ALTER TABLE public.{} OWNER TO {}").format(
                    Identifier(str(table)), Identifier(DatabaseRole.OWNER)
                )
            )
    for name in MLFLOW_FUNCTIONS:
        if link.execute("SELECT to_regproc(%s)", (f"public.{name}",)).fetchone() != (None,):
            link.execute(
                SQL("ALTER FUNCTION public.{} OWNER TO {}").format(
                    Identifier(name), Identifier(DatabaseRole.OWNER)
                )
            )


def _migrate(owner_url: str) -> None:
    """Run MLflow's migrations as the owner.

    Raises:
        ServiceError: One failed.
    """
    import logging

    from mlflow.store.db.utils import _initialize_tables, _is_empty_database, _upgrade_db

    options = f"-c role={DatabaseRole.OWNER} -c search_path={SEARCH_PATH} {MIGRATING}"
    url = with_driver(owner_url).update_query_dict({"options": options})
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.ERROR)
    try:
        # What `mlflow db upgrade` does, whose command line would show the password.
        with open_database(url.render_as_string(hide_password=False)) as engine:
            if _is_empty_database(engine):
                _initialize_tables(engine)
            else:
                _upgrade_db(engine)
    except Exception as error:  # of SQLAlchemy, Alembic, psycopg or MLflow
        raise ServiceError(
            "the migrations of MLflow's database",
            expected="that each succeeds",
            found=kind_of_error(error),
            remedy="Restore the backup that you made before the upgrade, or mend it and run the "
            "same command again.",
        ) from error


def _make_evidence(link: "Link") -> None:
    from psycopg.sql import SQL, Identifier

    owner = Identifier(DatabaseRole.OWNER)
    link.execute(
        SQL("CREATE SCHEMA IF NOT EXISTS {} AUTHORIZATION {}").format(Identifier(SCHEMA), owner)
    )

    # Versions of a time before this have no evidence (ADR 94). Once only: later ones need it.
    is_first = link.execute("SELECT to_regclass('portcullis.versions')").fetchone() == (None,)
    link.execute(SQL("SET LOCAL ROLE {}").format(owner))
    link.execute(SCHEMA_FILE.read_text(encoding="utf-8"))
    if is_first:
        link.execute(
            "INSERT INTO portcullis.inherited (name, version) "
            "SELECT name, version FROM public.model_versions WHERE workspace = 'default'"
        )
    link.execute(
        "INSERT INTO portcullis.serving_aliases (alias) VALUES (%s) ON CONFLICT DO NOTHING",
        (SERVING_ALIAS,),
    )
    link.execute("RESET ROLE")


def _make_guards(link: "Link") -> None:
    from psycopg.sql import SQL, Identifier, Literal

    link.execute("SET LOCAL ROLE portcullis_owner")
    for guard in GUARDS:
        table = Identifier(guard.schema, guard.table)
        link.execute(
            SQL("CREATE OR REPLACE TRIGGER {} {} ON {} FOR EACH {} EXECUTE FUNCTION {}({})").format(
                Identifier(guard.name),
                SQL(guard.when),
                table,
                SQL("ROW" if guard.is_row else "STATEMENT"),
                Identifier(SCHEMA, guard.function),
                SQL(", ").join(Literal(argument) for argument in guard.arguments),
            )
        )
        # Always: also where `session_replication_role` says that changes come from elsewhere.
        link.execute(
            SQL("ALTER TABLE {} ENABLE ALWAYS TRIGGER {}").format(table, Identifier(guard.name))
        )
    link.execute("RESET ROLE")


def _set_grants(link: "Link") -> None:
    from psycopg.sql import SQL, Identifier

    link.execute("SET LOCAL ROLE portcullis_owner")
    roles = SQL(", ").join(
        [SQL("PUBLIC"), *(Identifier(role) for role in DatabaseRole if role != DatabaseRole.OWNER)]
    )
    tables = link.execute(
        "SELECT relnamespace::regnamespace::text, relname FROM pg_class WHERE relkind IN ('r', 'p')"
        " AND relnamespace IN ('public'::regnamespace, 'portcullis'::regnamespace)"
        " AND relowner = 'portcullis_owner'::regrole"
    ).fetchall()

    # All is taken away first: a right that is declared no more does not outlive an upgrade.
    for schema, table in tables:
        name = Identifier(str(schema), str(table))
        link.execute(SQL("REVOKE ALL ON TABLE {} FROM {}").format(name, roles))
    for schema in ("public", SCHEMA):
        name = Identifier(schema)
        for kind in ("SEQUENCES", "FUNCTIONS"):
            link.execute(
                SQL("REVOKE ALL ON ALL {} IN SCHEMA {} FROM {}").format(SQL(kind), name, roles)
            )
    readers = SQL(", ").join(Identifier(role) for role in ACCOUNT_ROLES)
    link.execute(SQL("REVOKE ALL ON SCHEMA portcullis FROM {}").format(roles))
    link.execute(SQL("GRANT USAGE ON SCHEMA portcullis TO {}").format(readers))
    # Numbers of experiments and of rollups.
    link.execute(
        SQL("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {}").format(
            Identifier(DatabaseRole.SERVER)
        )
    )
    present = {(str(schema), str(table)) for schema, table in tables}
    for role in DatabaseRole:
        for key, grant in grants_of(role).items():
            if key in present:
                _grant(link, role, key, grant)
    link.execute("RESET ROLE")


def _grant(link: "Link", role: DatabaseRole, table: tuple[str, str], grant: Grant) -> None:
    from psycopg.sql import SQL, Identifier

    name = Identifier(*table)
    account = Identifier(role)
    if grant.table:
        verbs = SQL(", ".join(sorted(grant.table)))
        link.execute(SQL("GRANT {} ON TABLE {} TO {}").format(verbs, name, account))
    for verb, columns in grant.columns.items():
        link.execute(
            SQL("GRANT {} ({}) ON TABLE {} TO {}").format(
                SQL(verb),
                SQL(", ").join(Identifier(column) for column in columns),
                name,
                account,
            )
        )


def _set_database(link: "Link", *, is_audited: bool) -> None:
    from psycopg.sql import SQL, Identifier, Literal

    (database, is_superuser) = link.execute(
        "SELECT current_database(), current_setting('is_superuser') = 'on'"
    ).fetchone() or ("", False)
    settings = {"search_path": SEARCH_PATH, **(AUDIT_SETTINGS if is_audited else {})}
    for name, value in settings.items():
        link.execute(
            SQL("ALTER DATABASE {} SET {} = {}").format(
                Identifier(str(database)), SQL(name), Literal(value)
            )
        )

    # These belong to PostgreSQL itself: nobody but a superuser takes a right on them away.
    if is_superuser:
        for function in LARGE_OBJECT_MAKERS:
            link.execute(
                SQL("REVOKE EXECUTE ON FUNCTION pg_catalog.{} FROM PUBLIC").format(SQL(function))
            )
        link.execute("REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC")
        link.execute("GRANT USAGE ON LANGUAGE plpgsql TO portcullis_owner")
