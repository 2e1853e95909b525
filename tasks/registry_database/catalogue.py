"""What `checking` asks PostgreSQL's catalogue, with an empty search path; every account may."""

from typing import LiteralString

ROLES: LiteralString = "SELECT rolname FROM pg_roles"

# Who is a member of what, however far round.
MEMBERSHIPS: LiteralString = """
WITH RECURSIVE held (member, role) AS (
    SELECT member, roleid FROM pg_auth_members
    UNION SELECT held.member, more.roleid FROM held
    JOIN pg_auth_members AS more ON more.member = held.role)
SELECT who.rolname, what.rolname FROM held
JOIN pg_roles AS who ON who.oid = held.member JOIN pg_roles AS what ON what.oid = held.role"""

ATTRIBUTES: LiteralString = """
SELECT rolname, rolcanlogin, array_remove(ARRAY[
    CASE WHEN rolsuper THEN 'SUPERUSER' END, CASE WHEN rolcreaterole THEN 'CREATEROLE' END,
    CASE WHEN rolcreatedb THEN 'CREATEDB' END, CASE WHEN rolreplication THEN 'REPLICATION' END,
    CASE WHEN rolbypassrls THEN 'BYPASSRLS' END], NULL)
FROM pg_roles WHERE rolname = ANY (%s)"""

# Rights on the database and its schemas, but for those of their owners.
PLACES: LiteralString = """
SELECT held.place, coalesce(who.rolname, 'PUBLIC'), held.privilege FROM (
    SELECT 'database' AS place, datdba AS owner, one.grantee, one.privilege_type AS privilege
    FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) AS one
    WHERE datname = current_database()
    UNION ALL SELECT nspname, nspowner, one.grantee, one.privilege_type
    FROM pg_namespace, aclexplode(coalesce(nspacl, acldefault('n', nspowner))) AS one
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema') AS held
LEFT JOIN pg_roles AS who ON who.oid = held.grantee WHERE held.grantee <> held.owner"""

OWNERS: LiteralString = """
SELECT 'database', rolname FROM pg_database JOIN pg_roles ON pg_roles.oid = datdba
WHERE datname = current_database()
UNION ALL SELECT nspname, rolname FROM pg_namespace JOIN pg_roles ON pg_roles.oid = nspowner
WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"""

TABLES: LiteralString = """
SELECT nspname, relname, relkind = 'r', rolname,
    relrowsecurity OR EXISTS (SELECT FROM pg_rewrite WHERE ev_class = pg_class.oid)
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
JOIN pg_roles ON pg_roles.oid = relowner
WHERE nspname IN ('public', 'portcullis') AND relkind IN ('r', 'p', 'v', 'm', 'f')"""

# Rights on tables and on columns of them, but for those of their owners.
GRANTS: LiteralString = """
SELECT nspname, relname, held.field, coalesce(who.rolname, 'PUBLIC'), held.privilege FROM (
    SELECT pg_class.oid AS relation, '' AS field, one.grantee, one.privilege_type AS privilege
    FROM pg_class, aclexplode(relacl) AS one
    UNION ALL SELECT attrelid, attname, one.grantee, one.privilege_type
    FROM pg_attribute, aclexplode(attacl) AS one WHERE NOT attisdropped) AS held
JOIN pg_class ON pg_class.oid = held.relation JOIN pg_namespace ON pg_namespace.oid = relnamespace
LEFT JOIN pg_roles AS who ON who.oid = held.grantee
WHERE nspname IN ('public', 'portcullis') AND relkind IN ('r', 'p', 'v', 'm', 'f')
AND held.grantee <> relowner"""

# `O` is as a foreign key's are made, `A` also where changes come from a replica.
TRIGGERS: LiteralString = """
SELECT nspname, relname, tgname, tgisinternal, tgenabled::text, pg_get_triggerdef(pg_trigger.oid)
FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE nspname IN ('public', 'portcullis')"""

FUNCTIONS: LiteralString = """
SELECT nspname, proname, rolname, prosecdef, coalesce(proconfig, '{}'), prosrc,
    EXISTS (SELECT FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) AS one
        WHERE one.grantee <> proowner)
FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
JOIN pg_roles ON pg_roles.oid = proowner WHERE nspname IN ('public', 'portcullis')"""

CONSTRAINTS: LiteralString = """
SELECT conname FROM pg_constraint JOIN pg_namespace ON pg_namespace.oid = connamespace
WHERE nspname = 'portcullis' AND convalidated"""

# Settings of this database, and of accounts, in this database or in all.
SETTINGS: LiteralString = """
SELECT coalesce(rolname, ''), split_part(setting, '=', 1), substr(setting, strpos(setting, '=') + 1)
FROM pg_db_role_setting LEFT JOIN pg_roles ON pg_roles.oid = setrole, unnest(setconfig) AS setting
WHERE setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))"""

PARAMETER_RIGHTS: LiteralString = """
SELECT coalesce(rolname, 'PUBLIC'), privilege_type, parname
FROM pg_parameter_acl, aclexplode(paracl) AS one LEFT JOIN pg_roles ON pg_roles.oid = one.grantee
WHERE one.grantee <> 10"""

CALLABLE: LiteralString = """
SELECT name FROM unnest(%s::text[]) AS name
WHERE has_function_privilege('portcullis_server', 'pg_catalog.' || name, 'EXECUTE')"""

IS_AUDITING: LiteralString = """
SELECT EXISTS (SELECT FROM pg_settings WHERE name = 'pgaudit.log'),
    current_setting('log_destination') LIKE '%jsonlog%'"""

# Rows that the triggers would have refused: they were written while one was off.
UNFOUNDED_VERSIONS: LiteralString = """
SELECT count(*) FILTER (WHERE made.name IS NULL),
    count(*) FILTER (WHERE made.name IS NOT NULL AND gone.name IS NULL
        AND (there.source, there.run_id, there.storage_location)
            IS DISTINCT FROM (made.source, made.run_id, made.source))
FROM public.model_versions AS there
LEFT JOIN portcullis.versions AS made USING (name, version)
LEFT JOIN portcullis.withdrawals AS gone USING (name, version)
WHERE NOT EXISTS (SELECT FROM portcullis.inherited AS old
    WHERE old.name = there.name AND old.version = there.version)"""
LOST_VERSIONS: LiteralString = """
SELECT count(*) FROM portcullis.versions AS made WHERE NOT EXISTS (
    SELECT FROM public.model_versions AS there
    WHERE there.name = made.name AND there.version = made.version)"""
SERVING_ALIASES: LiteralString = "SELECT alias FROM portcullis.serving_aliases"
UNFOUNDED_ALIASES: LiteralString = """
SELECT count(*) FROM public.registered_model_aliases AS there
WHERE NOT EXISTS (SELECT FROM portcullis.approvals AS given WHERE given.name = there.name
    AND given.alias = there.alias AND given.version = there.version)
AND (EXISTS (SELECT FROM portcullis.serving_aliases WHERE alias = lower(there.alias))
    OR NOT EXISTS (SELECT FROM portcullis.versions AS made JOIN portcullis.evidence AS given
        ON given.evidence_id = made.evidence_id
        OR (given.name = made.name AND given.version = made.version)
        WHERE made.name = there.name AND made.version = there.version
        AND given.alias = there.alias))
AND NOT EXISTS (SELECT FROM portcullis.inherited AS old
    WHERE old.name = there.name AND old.version = there.version)"""
