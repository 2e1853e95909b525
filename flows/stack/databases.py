"""Roles and databases of the stack's PostgreSQL, with passwords that are made at each start."""

import secrets

from flows.stack.postgres import PostgresServer

PASSWORD_BYTES = 24


def set_password(postgres: PostgresServer, role: str) -> str:
    """Give a role a new password, and return it; the role is made if need be.

    The server gets a verifier, made here: no statement, and so no log, holds the password.
    """
    import psycopg
    from psycopg import sql

    password = secrets.token_urlsafe(PASSWORD_BYTES)
    with psycopg.connect(postgres.superuser_url, autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
        if known is None:
            connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
        # A verifier of SCRAM (RFC 7677), from which no password can be read.
        verifier = connection.pgconn.encrypt_password(
            password.encode(), role.encode(), b"scram-sha-256"
        )
        connection.execute(
            sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(
                sql.Identifier(role), sql.Literal(verifier.decode())
            )
        )
    return password


def make_database(postgres: PostgresServer, database: str, owner: str) -> str:
    """Make a database that belongs to a role, unless it is there; return the role's new password.

    Nobody else may connect to it until they are allowed to.
    """
    import psycopg
    from psycopg import sql

    password = set_password(postgres, owner)

    # `autocommit`, for CREATE DATABASE runs in no transaction.
    with psycopg.connect(postgres.superuser_url, autocommit=True) as connection:
        known = connection.execute(
            "SELECT 1 FROM pg_database WHERE datname = %s", [database]
        ).fetchone()
        names = {"database": sql.Identifier(database), "owner": sql.Identifier(owner)}
        if known is None:
            connection.execute(sql.SQL("CREATE DATABASE {database} OWNER {owner}").format(**names))
        # PostgreSQL lets everybody connect to a new database and make temporary tables in it.
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {database} FROM PUBLIC").format(**names))
    return password
