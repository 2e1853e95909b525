"""The account by which OpenBao makes others in PostgreSQL, and the only things it may do.

`CREATEROLE` would let it make itself a member of nearly any role (PostgreSQL 15). It has no such
right: functions, which belong to who installs them, make accounts of two kinds, the server's and
the gatekeeper's, and prolong and drop them.
"""

from typing import LiteralString

from tasks.errors import ServiceError
from tasks.formats.shown import kind_of_error

MAKER = "portcullis_openbao"
# What OpenBao fills in: a name `v-…`, a SCRAM verifier instead of the password, and a time.
CREATION = "SELECT portcullis_accounts.make('{{name}}', '{{password}}', '{{expiration}}')"
GATEKEEPER_CREATION = CREATION.replace(".make(", ".make_gatekeeper(")
RENEWAL = "SELECT portcullis_accounts.prolong('{{name}}', '{{expiration}}')"
REVOCATION = "SELECT portcullis_accounts.drop('{{name}}')"

_FUNCTIONS: LiteralString = """
CREATE SCHEMA IF NOT EXISTS portcullis_accounts;
REVOKE ALL ON SCHEMA portcullis_accounts FROM PUBLIC;

CREATE OR REPLACE FUNCTION portcullis_accounts.require_leased(account text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF account !~ '^v-[A-Za-z0-9_-]{8,60}$' THEN
        RAISE EXCEPTION 'no name of a leased account' USING ERRCODE = 'insufficient_privilege';
    END IF;
END $$;

CREATE OR REPLACE FUNCTION portcullis_accounts.make(account text, secret text, until text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM portcullis_accounts.require_leased(account);
    EXECUTE format(
        'CREATE ROLE %I LOGIN PASSWORD %L VALID UNTIL %L IN ROLE portcullis_server',
        account, secret, until
    );
END $$;

CREATE OR REPLACE FUNCTION portcullis_accounts.make_gatekeeper(
    account text, secret text, until text
)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM portcullis_accounts.require_leased(account);
    EXECUTE format(
        'CREATE ROLE %I LOGIN PASSWORD %L VALID UNTIL %L IN ROLE portcullis_gatekeeper',
        account, secret, until
    );
END $$;

CREATE OR REPLACE FUNCTION portcullis_accounts.prolong(account text, until text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM portcullis_accounts.require_leased(account);
    EXECUTE format('ALTER ROLE %I VALID UNTIL %L', account, until);
END $$;

-- Sessions outlive a role that is dropped; they are ended first, and no new ones begin.
CREATE OR REPLACE FUNCTION portcullis_accounts.drop(account text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM portcullis_accounts.require_leased(account);
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = account) THEN
        EXECUTE format('ALTER ROLE %I NOLOGIN', account);
        PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = account;
        EXECUTE format('DROP ROLE %I', account);
    END IF;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA portcullis_accounts FROM PUBLIC;
GRANT USAGE ON SCHEMA portcullis_accounts TO portcullis_openbao;
GRANT EXECUTE ON FUNCTION portcullis_accounts.make, portcullis_accounts.make_gatekeeper,
    portcullis_accounts.prolong, portcullis_accounts.drop TO portcullis_openbao;
"""


def install_account_maker(owner_url: str, password: str) -> None:
    """Make OpenBao's account and the functions; again, it only sets the password anew.

    Args:
        owner_url: The registry's database, as a superuser. `tasks.registry_database` has made
            its roles before.
        password: Of the account.

    Raises:
        ServiceError: The database does not answer or refuses; then nothing was changed.
    """
    import psycopg
    from psycopg.sql import SQL, Identifier, Literal

    address = owner_url.replace("postgresql+psycopg://", "postgresql://", 1)
    try:
        with psycopg.connect(address) as link:
            # The server, and its log, get the verifier alone.
            verifier = link.pgconn.encrypt_password(
                password.encode(), MAKER.encode(), b"scram-sha-256"
            ).decode()
            # PostgreSQL has no `CREATE ROLE IF NOT EXISTS`.
            is_there = link.execute("SELECT FROM pg_roles WHERE rolname = %s", [MAKER]).rowcount
            if not is_there:
                link.execute(SQL("CREATE ROLE {}").format(Identifier(MAKER)))
            link.execute(
                SQL("ALTER ROLE {} LOGIN NOINHERIT PASSWORD {}").format(
                    Identifier(MAKER), Literal(verifier)
                )
            )
            database = Identifier(link.info.dbname)
            link.execute(
                SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, Identifier(MAKER))
            )
            link.execute(_FUNCTIONS)
    except psycopg.Error as error:
        fault = kind_of_error(error)
    else:
        return
    # Outside of `except`: the driver's error quotes the statement.
    raise ServiceError(
        "the registry's database",
        expected=f"to make the account {MAKER}",
        found=fault,
        remedy="Check that it answers, that its roles are installed, and that you are a superuser.",
    )
