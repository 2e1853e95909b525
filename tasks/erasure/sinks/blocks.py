"""Prefect's blocks, which it encrypts: opened by its own key, masked, and sealed by it again.

Prefect 3 stores `Fernet(key).encrypt(JSON)` as a JSON string in `block_document.data`; the key is
`$PREFECT_SERVER_ENCRYPTION_KEY`, else lies in its own table `configuration`
(`prefect.server.utilities.encryption`).
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import Connection, inspect, text

from tasks.erasure.searching.search_terms import SearchTerms
from tasks.erasure.sinks.cells import look_at_cell, mask_cell
from tasks.erasure.sinks.columns import TextColumn
from tasks.erasure.sinks.database import open_for_purge, reporting_silence, sqlite_path
from tasks.erasure.sinks.sink import PurgeOptions, PurgeReport
from tasks.plain_text import lines_of

KEY_VARIABLE = "PREFECT_SERVER_ENCRYPTION_KEY"
TABLE = "block_document"
DATA = TextColumn("data", "JSON")


@dataclass(frozen=True)
class Block:
    """One block: its id, the token that Prefect has stored, and what that says."""

    block_id: Any
    token: str
    text: str  # JSON; empty where no key opens it


def purge_blocks(
    name: str, url: str, key: str, terms: SearchTerms, options: PurgeOptions
) -> PurgeReport:
    """Mask what blocks hold.

    A Secret block that is the person's identifier and nothing else is what the form of an erasure
    was given, and is left: the form asks for it again if it fails, and deletes it when it is done.

    Args:
        name: What reports call the database.
        url: Where it is.
        key: The key of blocks that the environment names; empty for the one in the database.
        terms: What to look for.
        options: What may be changed.

    Raises:
        ServiceError: The database does not answer.
    """
    path = sqlite_path(url)
    if path is not None and not path.is_file():
        return PurgeReport()

    with (
        reporting_silence(name),
        open_for_purge(url, options) as engine,
        engine.connect() as connection,
    ):
        if TABLE not in inspect(connection).get_table_names():
            return PurgeReport()
        if path is not None and not options.is_dry_run:
            # The old token opens with the same key: SQLite would leave it in the page.
            connection.execute(text("PRAGMA secure_delete=ON"))
        report = _purge_opened(name, connection, key, terms, options)
        connection.commit()
    return report


def _purge_opened(
    name: str, connection: Connection, key: str, terms: SearchTerms, options: PurgeOptions
) -> PurgeReport:
    fernet = _open_key(key or _stored_key(connection))
    counts: Counter[str] = Counter()
    for block in list(_read_blocks(connection, fernet)):
        counts["searched"] += 1
        if not block.text:
            counts["closed"] += 1
            continue
        look = look_at_cell(block.text, terms)
        if look.is_ambiguous and not look.holds_person:
            counts["ambiguous"] += 1
        if not look.holds_person:
            continue
        if _is_identifier_alone(block.text, terms):
            counts["alone"] += 1
            continue

        clean = mask_cell(block.text, DATA, terms, may_empty=options.removes_files)
        if look_at_cell(clean, terms).holds_person:
            counts["left"] += 1
        elif options.is_dry_run:
            counts["planned"] += 1
        else:
            # Without a key there was no text to be masked.
            token = cast("Fernet", fernet).encrypt(clean.encode()).decode()
            _write_block(connection, block, token)
            counts["rewritten"] += 1
    return _report(name, counts)


def _report(name: str, counts: Counter[str]) -> PurgeReport:
    left = {
        "alone": "hold an identifier of theirs and nothing else: the erasure's form deletes its "
        "own when it is done, delete any other",
        "ambiguous": "hold what others are called, too: a person has to decide",
        "left": "hold a value of theirs that cannot be masked: a person has to decide",
    }
    closed = (
        f"{name}: {counts['closed']:,} blocks that no key here opens: name it in ${KEY_VARIABLE}"
    )
    planned = f"{counts['planned']:,} of {name}'s blocks would be masked"

    return PurgeReport(
        searched=counts["searched"],
        rewritten=counts["rewritten"],
        left=tuple(
            f"{name}: {counts[kind]:,} of its blocks {reason}"
            for kind, reason in left.items()
            if counts[kind]
        ),
        unseen=(closed,) if counts["closed"] else (),
        planned=(planned,) if counts["planned"] else (),
    )


def _open_key(key: str) -> Fernet | None:
    try:
        return Fernet(key.encode())
    except ValueError:
        return None


def _stored_key(connection: Connection) -> str:
    """Return the key that Prefect made for itself; nothing where there is none."""
    if "configuration" not in inspect(connection).get_table_names():
        return ""
    query = "SELECT CAST(value AS TEXT) FROM configuration WHERE key = 'ENCRYPTION_KEY'"
    value = connection.execute(text(query)).scalar()
    try:
        return str(json.loads(value or "{}").get("fernet_key", ""))
    except (ValueError, AttributeError):
        return ""


def _read_blocks(connection: Connection, fernet: Fernet | None) -> Iterator[Block]:
    """Yield every block whose data is a token; one in clear is searched with all other cells."""
    rows = connection.execute(text(f"SELECT id, CAST(data AS TEXT) FROM {TABLE}"))
    for block_id, data in rows:
        try:
            token = json.loads(data or "null")
        except ValueError:
            continue
        if isinstance(token, str):
            yield Block(block_id, token, _decrypt(token, fernet))


def _decrypt(token: str, fernet: Fernet | None) -> str:
    if fernet is None:
        return ""
    try:
        return fernet.decrypt(token.encode()).decode()
    except (InvalidToken, UnicodeDecodeError):
        return ""


def _is_identifier_alone(block: str, terms: SearchTerms) -> bool:
    """Say whether a block is a Secret (`{"value": …}`) each of whose lines is a value of theirs."""
    data = json.loads(block)
    if not isinstance(data, dict) or set(data) != {"value"} or not isinstance(data["value"], str):
        return False
    # As the flow reads a block.
    lines = [line.strip() for line in lines_of(data["value"])]
    return all(_is_value(line, terms) for line in lines if line)


def _is_value(line: str, terms: SearchTerms) -> bool:
    content = line.encode("utf-8", errors="surrogatepass")
    return any((match.start, match.end) == (0, len(content)) for match in terms.find(content))


def _write_block(connection: Connection, block: Block, token: str) -> None:
    target = ":data" if connection.dialect.name == "sqlite" else "CAST(:data AS JSON)"
    statement = text(f"UPDATE {TABLE} SET data = {target} WHERE id = :block")
    connection.execute(statement, {"data": json.dumps(token), "block": block.block_id})
