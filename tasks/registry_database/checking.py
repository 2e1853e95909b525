"""Say what a registry's database has otherwise than `installing` makes it, and change nothing.

PostgreSQL's catalogue is compared with the declarations of `privileges` and the bodies of
`schema.sql`; and the rows with each other: a version that no evidence let in was made while a
trigger was off. The auditor's account suffices.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tasks.plain_text import one_line
from tasks.registry_database import catalogue
from tasks.registry_database.installing import (
    AUDIT_SETTINGS,
    LARGE_OBJECT_MAKERS,
    SCHEMA_FILE,
    SEARCH_PATH,
    connected,
)
from tasks.registry_database.privileges import (
    ACCOUNT_MAKER,
    ACCOUNT_ROLES,
    EVIDENCE_TABLES,
    GUARDS,
    MLFLOW_FUNCTIONS,
    SCHEMA,
    SERVER_GRANTS,
    SERVING_ALIAS,
    DatabaseRole,
    Guard,
    grants_of,
)

if TYPE_CHECKING:
    import psycopg

    Link = psycopg.Connection[tuple[Any, ...]]

FUNCTION = re.compile(r"FUNCTION portcullis\.(\w+)\(.*?\$portcullis\$(.*?)\$portcullis\$", re.S)
CONSTRAINT = re.compile(r"CONSTRAINT (\w+)")
FUNCTION_SETTINGS = ["search_path=pg_catalog, pg_temp"]
EVENTS = ("INSERT", "DELETE", "UPDATE", "TRUNCATE")  # in PostgreSQL's own order
# No account of ours is given these, by itself or by a careless administrator.
ACCOUNT_SETTINGS = re.compile(
    r"(search_path|role|session_replication_role|pgaudit\..*|.*preload.*)"
)


@dataclass(frozen=True)
class Deviation:
    """One thing that is otherwise: `kind` is what programs match, `place` where it is."""

    kind: str
    place: str

    def line(self) -> str:
        """Return what a person reads."""
        return one_line(f"{self.kind}: {self.place}")


def check(database_url: str, *, is_audited: bool = True) -> tuple[Deviation, ...]:
    """Compare a database with what `install` makes; empty where all is as it should be.

    Raises:
        ServiceError: The database does not answer, or the account may not read the evidence.
    """
    with connected(database_url) as link, link.transaction():
        link.execute("SET TRANSACTION READ ONLY")
        link.execute(
            "SET LOCAL search_path = ''"
        )  # the catalogue's own names are found all the same
        present = {name for (name,) in link.execute(catalogue.ROLES)}
        if missing := [role.value for role in DatabaseRole if role not in present]:
            return tuple(Deviation("role.missing", name) for name in missing)

        tables = link.execute(catalogue.TABLES).fetchall()
        deviations = [
            *_check_roles(link),
            *_check_places(link),
            *_check_tables(tables),
            *_check_grants(link, {(schema, name) for schema, name, *_ in tables}),
            *_check_triggers(link),
            *_check_functions(link),
            *_check_settings(link, is_audited=is_audited),
        ]

        # Only where all tables are there, for its questions name them.
        if not any(item.kind == "table.missing" for item in deviations):
            deviations += _check_rows(link)
    return tuple(deviations)


def _check_roles(link: "Link") -> Iterator[Deviation]:
    """Say which role or account may more than it should, or has two roles."""
    roles_of: dict[str, set[str]] = {}
    for account, role in link.execute(catalogue.MEMBERSHIPS):
        roles_of.setdefault(account, set()).add(role)
    ours = {role.value for role in DatabaseRole}
    accounts = {account for account, roles in roles_of.items() if roles & set(ACCOUNT_ROLES)}

    for account in sorted(roles_of):
        roles = roles_of[account]
        # An account has one role of ours; a role of ours is a member of nothing.
        is_too_much = len(roles) > 1 if account in accounts else account in ours
        if is_too_much or DatabaseRole.AUDITED in roles:
            yield Deviation("role.member", f"{account} is a member of {', '.join(sorted(roles))}")
    for name, can_log_in, attributes in link.execute(
        catalogue.ATTRIBUTES, (sorted(accounts | ours),)
    ):
        for attribute in attributes:
            yield Deviation("role.attribute", f"{name} is {attribute}")
        if can_log_in and name in ours:
            yield Deviation("role.attribute", f"{name} is LOGIN")
    for account, setting, _ in link.execute(catalogue.SETTINGS):
        if account in accounts | ours and ACCOUNT_SETTINGS.fullmatch(setting):
            yield Deviation("role.setting", f"{account} has its own {setting}")
    for name, privilege, parameter in link.execute(catalogue.PARAMETER_RIGHTS):
        if name in accounts | ours | {"PUBLIC"}:
            yield Deviation("role.setting", f"{name} may {privilege} {parameter}")
    for place, owner in link.execute(catalogue.OWNERS):
        if owner in accounts | set(ACCOUNT_ROLES) or (place == SCHEMA and owner not in ours):
            yield Deviation("place.owner", f"{place} is owned by {owner}")


def _check_places(link: "Link") -> Iterator[Deviation]:
    """Say who may do what with the database and its schemas that they should not."""
    everybody = (*ACCOUNT_ROLES, DatabaseRole.OWNER)
    declared = {("database", role.value, "CONNECT") for role in everybody}
    declared |= {
        (schema, role.value, "USAGE") for schema in ("public", SCHEMA) for role in everybody
    }
    declared |= {(place, DatabaseRole.OWNER.value, "CREATE") for place in ("database", "public")}
    declared |= {
        ("database", ACCOUNT_MAKER, "CONNECT"),
        ("portcullis_accounts", ACCOUNT_MAKER, "USAGE"),
    }

    granted = set(link.execute(catalogue.PLACES).fetchall())
    for place, who, privilege in sorted(granted - declared):
        yield Deviation("place.grant", f"{who} has {privilege} on {place}")


def _check_tables(tables: Iterable[tuple[Any, ...]]) -> Iterator[Deviation]:
    """Say which table is missing, is not listed, or is not the owner's."""
    listed = {("public", name) for name in SERVER_GRANTS}
    listed |= {(SCHEMA, name) for name in EVIDENCE_TABLES}

    present = set()
    for schema, name, is_table, owner, has_rule in sorted(tables):
        place = f"{schema}.{name}"
        present.add((schema, name))

        if (schema, name) not in listed:
            yield Deviation("table.unlisted", f"{place}; nobody is granted anything there")

        if owner != DatabaseRole.OWNER:
            yield Deviation("table.owner", f"{place} is owned by {owner}")
        if has_rule or not is_table:
            yield Deviation("table.rule", f"{place} is a view, or has a rule or row security")

    for schema, name in sorted(listed - present):
        yield Deviation("table.missing", f"{schema}.{name}")


def _check_grants(link: "Link", present: set[tuple[str, str]]) -> Iterator[Deviation]:
    """Say which right on a table is too much, and which is missing."""
    declared: set[tuple[str, str, str, str, str]] = set()
    for role in DatabaseRole:
        for (schema, table), grant in grants_of(role).items():
            # A table that is missing is said once, as such, and not for each of its rights.
            if (schema, table) not in present:
                continue

            declared |= {(schema, table, "", role.value, verb) for verb in grant.table}
            declared |= {
                (schema, table, column, role.value, verb)
                for verb, columns in grant.columns.items()
                for column in columns
            }

    granted = set(link.execute(catalogue.GRANTS).fetchall())
    for kind, word, rows in (
        ("table.grant", "has", granted - declared),
        ("table.no_grant", "lacks", declared - granted),
    ):
        for schema, table, column, who, verb in sorted(rows):
            place = f"{schema}.{table}" + (f" ({column})" if column else "")
            yield Deviation(kind, f"{who} {word} {verb} on {place}")


def _check_triggers(link: "Link") -> Iterator[Deviation]:
    """Say which trigger is missing, off, altered, or not ours; also those of foreign keys."""
    declared = {(guard.schema, guard.table, guard.name): _definition(guard) for guard in GUARDS}

    present = set()
    # All triggers that there are, not ours alone: a foreign one may undo what ours keep.
    for schema, table, name, is_internal, state, definition in link.execute(catalogue.TRIGGERS):
        place = f"{name if not is_internal else 'a foreign key'} on {schema}.{table}"

        key = (schema, table, name)
        present.add(key)

        # Those of MLflow and of foreign keys are made as "O"; "A" is more than that.
        if is_internal or name in MLFLOW_FUNCTIONS:
            if state not in "OA":
                yield Deviation("trigger.off", place)

        elif key not in declared:
            yield Deviation("trigger.unlisted", place)
        elif definition != declared[key]:
            yield Deviation("trigger.altered", place)
        elif state != "A":
            yield Deviation("trigger.off", f"{place} does not fire always")

    for schema, table, name in sorted(declared.keys() - present):
        yield Deviation("trigger.missing", f"{name} on {schema}.{table}")


def _definition(guard: Guard) -> str:
    """Return a trigger as PostgreSQL writes it."""
    moment, _, events = guard.when.partition(" ")
    named = events.split(" OR ")
    ordered = " OR ".join(event for event in EVENTS if event in named)
    arguments = ", ".join(f"'{argument}'" for argument in guard.arguments)
    return (
        f"CREATE TRIGGER {guard.name} {moment} {ordered} ON {guard.schema}.{guard.table} "
        f"FOR EACH {'ROW' if guard.is_row else 'STATEMENT'} "
        f"EXECUTE FUNCTION {SCHEMA}.{guard.function}({arguments})"
    )


def _check_functions(link: "Link") -> Iterator[Deviation]:
    """Say which function is missing, altered, or not ours, and which constraint is missing."""
    text = SCHEMA_FILE.read_text(encoding="utf-8")

    bodies = dict(FUNCTION.findall(text))
    present = set()

    for schema, name, owner, is_definer, settings, body, is_granted in link.execute(
        catalogue.FUNCTIONS
    ):
        place = f"{schema}.{name}"
        if schema != SCHEMA:
            if name not in MLFLOW_FUNCTIONS or owner != DatabaseRole.OWNER:
                yield Deviation("function.unlisted", place)
            continue

        present.add(name)
        if name not in bodies:
            yield Deviation("function.unlisted", place)
        elif (owner, is_definer, settings, body, is_granted) != (
            DatabaseRole.OWNER, True, FUNCTION_SETTINGS, bodies[name], False,
        ):  # fmt: skip
            yield Deviation("function.altered", place)

    for name in sorted(bodies.keys() - present):
        yield Deviation("function.missing", f"{SCHEMA}.{name}")

    constraints = {name for (name,) in link.execute(catalogue.CONSTRAINTS)}
    for name in sorted(set(CONSTRAINT.findall(text)) - constraints):
        yield Deviation("constraint.missing", name)


def _check_settings(link: "Link", *, is_audited: bool) -> Iterator[Deviation]:
    """Say which setting of the database is otherwise, and whether anything is audited."""
    declared = {"search_path": SEARCH_PATH, **(AUDIT_SETTINGS if is_audited else {})}
    present = {
        name: value for account, name, value in link.execute(catalogue.SETTINGS) if not account
    }

    for name, value in declared.items():
        if present.get(name) != value:
            yield Deviation("database.setting", f"{name} is not {value}")

    # A large object is storage that no table's grant bounds.
    for (function,) in link.execute(catalogue.CALLABLE, (list(LARGE_OBJECT_MAKERS),)):
        yield Deviation("function.callable", f"{DatabaseRole.SERVER} may call {function}")

    if not is_audited:
        return

    has_pgaudit, is_json = link.execute(catalogue.IS_AUDITING).fetchone() or (False, False)
    if not has_pgaudit:
        yield Deviation("audit.off", "shared_preload_libraries without pgaudit")
    if not is_json:
        yield Deviation("audit.off", "log_destination without jsonlog")


def _check_rows(link: "Link") -> Iterator[Deviation]:
    """Say how many versions and aliases are there that the triggers would not have let in."""
    unfounded, altered = link.execute(catalogue.UNFOUNDED_VERSIONS).fetchone() or (0, 0)

    (lost,) = link.execute(catalogue.LOST_VERSIONS).fetchone() or (0,)
    serving = {alias for (alias,) in link.execute(catalogue.SERVING_ALIASES)}
    if SERVING_ALIAS not in serving:
        yield Deviation("alias.not_serving", SERVING_ALIAS)
    (aliases,) = link.execute(catalogue.UNFOUNDED_ALIASES).fetchone() or (0,)

    for kind, number in (
        ("version.without_evidence", unfounded),
        ("version.altered", altered),
        ("version.deleted", lost),
        ("alias.without_evidence", aliases),
    ):
        if number:
            yield Deviation(kind, f"{number} of them")
