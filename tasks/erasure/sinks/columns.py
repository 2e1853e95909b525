"""Which columns of somebody else's database may hold text, and which of them are not ours to mask.

A key, a name that must be unique, a state or a type is what the program itself goes by: masked, it
would lose runs, aliases and flows that are nobody's data. A hit there is reported.
"""

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Enum, Inspector, LargeBinary, inspect
from sqlalchemy.exc import SAWarning

# Types that hold no text, by what their names contain in SQLite and PostgreSQL. Any other type is
# searched: a type that nobody thought of may hold anything.
TYPES_WITHOUT_TEXT = (
    "INT",
    "FLOAT",
    "DOUBLE",
    "REAL",
    "NUMERIC",
    "DECIMAL",
    "BOOL",
    "DATE",
    "TIME",
    "UUID",
)

# How a row is addressed in a table without a primary key.
SQLITE_ROW = "rowid"
POSTGRES_ROW = "ctid"

# Tables that describe the program itself: versions of the schema, kinds of blocks, settings with
# the key that encrypts blocks.
SCHEMA_TABLES = {
    "alembic_version",
    "block_schema",
    "block_schema_reference",
    "block_type",
    "configuration",
    "csrf_token",
}
# The last words of names of columns and JSON keys under which programs keep words of their own
# (Prefect: `state_type`, `prefect.state-name`; MLflow: `lifecycle_stage`, `source_type`). Only a
# single plain word there is the program's: an address under `source_id` is somebody's.
WORD_FIELDS = {
    "alias",
    "backend",
    "branch",
    "digest",
    "event",
    "hash",
    "id",
    "key",
    "kind",
    "provider",
    "role",
    "scope",
    "severity",
    "slug",
    "stage",
    "state",
    "status",
    "type",
    "unit",
    "uuid",
    "version",
}
# Names of something else, as a column or in JSON.
NAME_FIELDS = {
    "block_type_name",
    "model_name",
    "prefect.state-name",
    "server_name",
    "state_name",
    "work_queue_name",
}
STATE_TABLES = {"flow_run_state", "task_run_state"}
# Where a program finds its files: another text there would lose all of them.
LOCATION_FIELDS = {"entrypoint", "location", "path", "uri", "url"}
LOCATION_COLUMNS = {("model_versions", "source")}

PLAIN_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
WORD_BORDER = re.compile(r"[^A-Za-z0-9]+")


class Protection(StrEnum):
    """Why a column is never masked."""

    NONE = ""
    WORDS = "words of its program"  # single words are: anything else there may be masked
    KEY = "keys, or names that other rows go by"
    CHECKED = "values that the database itself checks or computes"
    LOCATION = "locations of files"
    SCHEMA = "the program's own description of itself"


@dataclass(frozen=True)
class TextColumn:
    """A column that may hold text, and the type to cast to where the database is strict."""

    name: str
    sql_type: str
    holds_bytes: bool = False
    protection: Protection = Protection.NONE

    def protects(self, text: str) -> bool:
        """Say whether a value of this column has to stay as it is."""
        if self.protection is Protection.WORDS:
            return PLAIN_WORD.fullmatch(text) is not None
        return self.protection is not Protection.NONE


@dataclass(frozen=True)
class TextTable:
    """A table: the columns that address a row of it, and those that may hold text."""

    name: str
    key: tuple[str, ...]
    columns: tuple[TextColumn, ...]


def read_tables(connection: Connection) -> list[TextTable]:
    """Return every table that has a column which may hold text."""
    with warnings.catch_warnings():
        # An index over an expression has no column that could be protected.
        warnings.simplefilter("ignore", SAWarning)
        schema = inspect(connection)
        tables = [_read_table(connection, schema, name) for name in schema.get_table_names()]
    return [table for table in tables if table.columns]


def is_program_word(name: str, text: str, parent: str = "") -> bool:
    """Say whether a text under a name, as a column or a JSON key, is a word of the program.

    Args:
        name: What it stands under.
        text: The text.
        parent: What the object that it stands in stands under: a state's `name` is a state.
    """
    if PLAIN_WORD.fullmatch(text) is None:
        return False

    words = WORD_BORDER.split(name.lower())
    parents = WORD_BORDER.split(parent.lower())

    return (
        words[-1] in WORD_FIELDS
        or name.lower() in NAME_FIELDS
        or (words[-1] == "name" and parents[-1] == "state")
    )


def _read_table(connection: Connection, schema: Inspector, name: str) -> TextTable:
    any_row = SQLITE_ROW if connection.dialect.name == "sqlite" else POSTGRES_ROW
    key = tuple(schema.get_pk_constraint(name)["constrained_columns"]) or (any_row,)
    key_columns = {*key, *_named_columns(schema, name)}
    checks = " ".join(str(check["sqltext"]) for check in schema.get_check_constraints(name))

    columns = []
    for column in schema.get_columns(name):
        sql_type = str(column["type"])
        if any(word in sql_type.upper() for word in TYPES_WITHOUT_TEXT):
            continue
        columns.append(
            TextColumn(
                column["name"],
                sql_type,
                isinstance(column["type"], LargeBinary),
                _protection_of(name, column, key_columns, checks),
            )
        )
    return TextTable(name, key, tuple(columns))


def _named_columns(schema: Inspector, table: str) -> Iterator[str]:
    """Yield the columns by which rows of a table are told apart or refer to others."""
    for foreign_key in schema.get_foreign_keys(table):
        yield from foreign_key["constrained_columns"]
    for constraint in schema.get_unique_constraints(table):
        yield from constraint["column_names"]
    for index in schema.get_indexes(table):
        if index["unique"]:
            yield from filter(None, index["column_names"])


def _protection_of(table: str, column: Any, key_columns: set[str], checks: str) -> Protection:
    name = column["name"]
    if table in SCHEMA_TABLES:
        return Protection.SCHEMA
    if name in key_columns:
        return Protection.KEY
    is_checked = re.search(rf"\b{re.escape(name)}\b", checks) is not None
    if is_checked or isinstance(column["type"], Enum) or "computed" in column:
        return Protection.CHECKED

    last_word = WORD_BORDER.split(name.lower())[-1]
    if last_word in LOCATION_FIELDS or (table, name) in LOCATION_COLUMNS:
        return Protection.LOCATION
    parent = "state" if table in STATE_TABLES else ""
    return Protection.WORDS if is_program_word(name, "word", parent) else Protection.NONE
