"""Keys, log, journal and sealed files: are they what they were, and each other's."""

from collections.abc import Iterator
from datetime import date

from tasks.doctor.findings import Finding, Grade
from tasks.erasure.journal import open_journal
from tasks.erasure.request import RequestState
from tasks.erasure.status import RequestStatus
from tasks.errors import PortcullisError
from tasks.guard.renewal import SET_ASIDE
from tasks.guard.seen import SEALED_FILES, read_known_stores
from tasks.keystore.custodians import CUSTODIANS, LOCAL, load_custodians
from tasks.keystore.key_tables import KeyTables, open_key_tables
from tasks.keystore.known_stores import KnownStores, has_tables, open_known_keys
from tasks.keystore.state import SECRETS, STORE_ID
from tasks.notary.notary import open_ledger, open_pin
from tasks.sealed.objects import SealedFile
from tasks.system.installation import Installation

KEY_STORE = "key store"


def look_at_ledger(copy: Installation) -> Iterator[Finding]:
    """Say whether the log is there, whether it is the one that was pinned, and what it has seen."""
    ledger = open_ledger(copy)
    try:
        head = ledger.head()
        if ledger.pin is not None:
            ledger.pin.check(ledger, head)
    finally:
        ledger.close()
    if head is None:
        yield Finding(Grade.NOTE, "ledger", "none yet; the first command that signs begins it")
        return
    yield Finding(Grade.WELL, "ledger", f"{head.size} entries, as far as the pin or further")
    if not open_pin(copy).is_set():
        yield Finding(Grade.REFUSES, "ledger.pin", "missing", "./portcullis keys pin --reason …")


def look_at_keys(copy: Installation) -> Iterator[Finding]:
    """Say whether key store, secrets and root key are those that the log has seen."""
    known = read_known_stores(copy)
    if not known.states and not has_tables(copy) and not known.has_sealed and not known.receipts:
        yield Finding(Grade.NOTE, KEY_STORE, "none yet; the first release makes it")
        return

    yield from _look_at_secrets(copy, known)
    store = open_known_keys(copy, known)
    store_id = store.fact(STORE_ID) or ""
    people = len(store.tombstones())
    yield Finding(Grade.WELL, KEY_STORE, f"as the log has seen it, or further; {people} erased")
    for line in known.describe_renewal(store_id):
        yield Finding(Grade.NOTE, KEY_STORE, line.partition(": ")[2])
    if store.root_key.is_local:
        text = "a file of this machine: enough to develop with"
        yield Finding(Grade.NOTE, "root key", text, "Keep it in Vault or OpenBao: docs/privacy.md.")


def _look_at_secrets(copy: Installation, known: KnownStores) -> Iterator[Finding]:
    """Say of each secret that it is not there: the store would refuse at the first of them."""
    for name in SECRETS:
        path = f"{name}.key"
        try:
            is_missing = copy.existing_secret(name) is None
        except PortcullisError as error:
            yield Finding.of_error(f"secret {path}", error)
            continue
        if is_missing and known.states:
            yield Finding(Grade.REFUSES, f"secret {path}", "missing", "Restore its newest backup.")


def look_at_custodians(copy: Installation) -> Iterator[Finding]:
    """Say who holds what a law or a court keeps."""
    restricted = 0
    if has_tables(copy):
        tables = open_key_tables(copy)
        restricted = int(tables.rows("SELECT count(*) FROM restricted_keys")[0][0])
    if (copy.workspace / CUSTODIANS).is_file():
        custodians = load_custodians(copy, allow_local=False)
        names = len(custodians.public_keys)
        yield Finding(Grade.WELL, "custodians", f"{names} are named, {restricted} keys kept")
    elif restricted:
        missing = [name for name in LOCAL if copy.existing_secret(name) is None]
        if missing:
            text = f"{restricted} keys are kept for two local ones, and {missing[0]}.key is missing"
            yield Finding(Grade.REFUSES, "custodians", text, "Restore it from its backup.")
        else:
            yield Finding(Grade.NOTE, "custodians", f"none are named; {restricted} keys are kept")


def look_at_requests(copy: Installation, day: date) -> Iterator[Finding]:
    """Say which requests for erasure wait for a person."""
    if not (copy.home / "erasures.db").is_file():
        if read_known_stores(copy).receipts:
            yield Finding(
                Grade.REFUSES,
                "journal of erasures",
                "missing, although the log has receipts: what runs, is held or deferred is unknown",
                "Restore erasures.db from its newest backup.",
            )
        return

    requests = tuple(open_journal(copy).requests())
    status = RequestStatus(day, requests, (), ())
    running = [request for request in requests if request.state is RequestState.RUNNING]
    aside = [request for request in requests if request.state is RequestState.SET_ASIDE]
    for request in aside:
        yield Finding(
            Grade.REFUSES,
            f"request {request.request_id}",
            f"{request.state.value}, received {request.received}",
            f"See `./portcullis requests`, then `./portcullis erase --retry {request.request_id}`.",
        )
    for request in status.overdue:
        yield Finding(
            Grade.REFUSES,
            f"request {request.request_id}",
            f"past its term, received {request.received}",
            "./portcullis erase --resume",
        )
    text = f"{len(requests)} requests, {len(running)} not done, {len(aside)} set aside"
    yield Finding(Grade.WELL, "journal of erasures", text)


def look_at_sealed_files(copy: Installation) -> Iterator[Finding]:
    """Say which sealed files hold rows of keys that this store neither has nor has destroyed."""
    paths = sorted((copy.workspace / "data").glob(SEALED_FILES))
    if not paths:
        return
    if not has_tables(copy):
        text = f"{len(paths)} of a key store that is not here"
        yield Finding(Grade.REFUSES, "sealed files", text, "Restore it, or run every stage anew.")
        return

    tables = open_key_tables(copy)
    foreign = 0
    for path in paths:
        name = path.relative_to(copy.workspace).as_posix()
        try:
            key_ids = SealedFile.open(path, name).key_ids()
        except PortcullisError as error:
            yield Finding.of_error(name, error)
            continue
        if unknown := len(key_ids) - _count_known(tables, list(key_ids)):
            foreign += 1
            text = f"{unknown} of {len(key_ids)} keys are unknown to this key store, and not erased"
            yield Finding(
                Grade.REFUSES,
                name,
                text,
                "It is of another installation or an older key store: run its stage anew, or "
                "restore the key store that sealed it.",
            )
    yield Finding(Grade.WELL, "sealed files", f"{len(paths) - foreign} of {len(paths)} are ours")


def _count_known(tables: KeyTables, key_ids: list[bytes]) -> int:
    known: set[bytes] = set()
    for table in ("keys", "destroyed", "restricted_keys"):
        query = f"SELECT key_id FROM {table} WHERE key_id {{among}}"
        known |= {bytes(row[0]) for row in tables.rows_among(query, key_ids)}
    return len(known)


def look_at_set_aside(installation: Installation) -> Iterator[Finding]:
    """Say what a renewal has left beside the store."""
    for folder in sorted((installation.home / SET_ASIDE).glob("*")):
        text = f"{folder.name} holds what was left of an older key store"
        yield Finding(Grade.NOTE, "set aside", text, "Delete it when nobody needs it any more.")
