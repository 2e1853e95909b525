"""Keys, log, journal and sealed files: are they what they were, and each other's."""

from collections.abc import Collection, Iterator
from datetime import date

from tasks.anchoring.publishing import identify_anchors, refusals
from tasks.attestation.roles import ROLES
from tasks.attestation.signing_keys import LocalSigner, signing_folder
from tasks.doctor.copying import ANCHORS
from tasks.doctor.findings import Finding, Grade
from tasks.erasure.journal import open_journal, open_known_journal
from tasks.erasure.request import RequestState
from tasks.erasure.searching.places import version_places
from tasks.erasure.status import RequestStatus
from tasks.errors import PortcullisError
from tasks.guard.journals import has_journal
from tasks.guard.renewal import SET_ASIDE
from tasks.guard.seen import SEALED_FILES, read_known_stores
from tasks.keystore.custodians import CUSTODIANS, LOCAL, load_custodians
from tasks.keystore.key_tables import KeyTables, open_key_tables
from tasks.keystore.known_stores import KnownStores, has_tables, open_known_keys
from tasks.keystore.state import SECRETS, STORE_ID
from tasks.notary.notary import open_ledger, open_pin, trusted_root
from tasks.sealed.objects import SealedFile
from tasks.system.installation import Installation
from tasks.verifier.log_reader import KEYS_ALONE, read_log

KEY_STORE = "key store"
SIGNING = "signing keys"
LATER = "run `./portcullis anchor`"  # in what is said of an anchor that only lags behind
JOURNAL = "journal of erasures"


def look_at_ledger(copy: Installation) -> Iterator[Finding]:
    """Say whether the log is there, whether it is the one that was pinned, and what it has seen."""
    ledger = open_ledger(copy)
    try:
        head = ledger.head()
        # The pin first: of a log that is shorter than it nothing else is worth asking.
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


def look_at_signing(copy: Installation, installation: Installation) -> Iterator[Finding]:
    """Say whether the key files that sign here are those that the log knows.

    A lost one is made anew by the next command that signs, and the log refuses what it signs.

    Args:
        copy: Whose log is read.
        installation: Whose key files are; they are read, and not copied.
    """
    if installation.settings.signing_address:
        return
    ledger = open_ledger(copy)
    try:
        if (head := ledger.head()) is None:
            return
        keys = read_log(ledger, trusted_root(copy), KEYS_ALONE).keys
    finally:
        ledger.close()

    folder = signing_folder(installation)
    remedy = "Restore signing/ from its newest backup, or have new keys enrolled: `keys enrol`."
    ours = [role for role in ROLES if (folder / f"{role}.pem").is_file()]
    if not ours:
        text = f"no key file, and a log of {head.size} entries"
        yield Finding(Grade.REFUSES, SIGNING, text, remedy)
        return
    # By the id of the public key, not by the file's name: a key that was made anew has the same
    # name.
    keyids = {role: LocalSigner.load(folder / f"{role}.pem").public.keyid for role in ours}
    unknown = [role for role, keyid in keyids.items() if keyid not in keys.entries]
    # Of a rotation that was killed before the files, a backup of before one, or a revocation alone.
    void = [
        role
        for role, keyid in keyids.items()
        if role not in unknown and keys.entries[keyid].until is not None
    ]
    # One file of several, too: what is made anew in its place is refused at the next signature.
    lost = [
        role
        for role in ROLES
        if role not in ours
        and any(not holder.is_of_person for holder in keys.holders(role, head.size))
    ]
    for role in unknown:
        yield Finding(
            Grade.REFUSES, f"{SIGNING} `{role}`", "a key that the log does not know", remedy
        )
    for role in lost:
        text = "no key file, and the log knows a key of this role"
        yield Finding(Grade.REFUSES, f"{SIGNING} `{role}`", text, remedy)
    for role in void:
        yield Finding(
            Grade.REFUSES,
            f"{SIGNING} `{role}`",
            "a key that the log has voided: rotated or revoked",
            f"If the file was restored, restore the newest one; else `./portcullis keys rotate "
            f"{role}`, which also finishes a rotation that was interrupted.",
        )
    if not unknown and not lost and not void:
        yield Finding(Grade.WELL, SIGNING, f"the log knows the keys of {len(ours)} roles")


def look_at_keys(copy: Installation) -> Iterator[Finding]:
    """Say whether key store, secrets and root key are those that the log has seen."""
    known = read_known_stores(copy)
    if not known.states and not has_tables(copy) and not known.has_sealed and not known.receipts:
        yield Finding(Grade.NOTE, KEY_STORE, "none yet; the first release makes it")
        return

    # Each secret by itself before the store is opened: opening stops at the first that is missing.
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
    is_new = not has_journal(copy)
    if is_new and read_known_stores(copy).receipts:
        # The key store may be of a time before it knew of journals, or the log be shared.
        text = "none, although the log has receipts: if it is lost, so are holds and who waits"
        yield Finding(Grade.NOTE, JOURNAL, text, "Restore erasures.db from its newest backup.")
    if has_tables(copy):
        journal = open_known_journal(copy, open_key_tables(copy))
    elif is_new:
        return
    else:
        journal = open_journal(copy)

    requests = tuple(journal.requests())
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
    yield Finding(Grade.WELL, JOURNAL, text)


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
    ours = 0
    for path in paths:
        name = path.relative_to(copy.workspace).as_posix()
        try:
            key_ids = SealedFile.open(path, name).key_ids()
        except PortcullisError as error:
            yield Finding.of_error(name, error)
            continue
        # Destroyed and restricted keys are known, too: their rows are unreadable, and no sign of
        # another store.
        if unknown := len(key_ids) - _count_known(tables, key_ids):
            text = f"{unknown} of {len(key_ids)} keys are unknown to this key store, and not erased"
            yield Finding(
                Grade.REFUSES,
                name,
                text,
                "It is of another installation or an older key store: run its stage anew, or "
                "restore the key store that sealed it.",
            )
        else:
            ours += 1
    grade = Grade.WELL if ours == len(paths) else Grade.NOTE
    yield Finding(grade, "sealed files", f"{ours} of {len(paths)} are ours")


def look_at_versions(copy: Installation) -> Iterator[Finding]:
    """Say how many sealed files of DVC's cache and remotes this key store cannot be asked about.

    Nothing refuses because of them: after a renewal older versions are of the old store. A person's
    rows in them are found by no erasure.
    """
    if not has_tables(copy) or not (copy.workspace / ".dvc").is_dir():
        return

    tables = open_key_tables(copy)
    for place in version_places(copy.workspace)[1:]:  # the working tree is looked at above
        sealed_files = 0
        foreign = 0
        for stored in place.files():
            with stored.open() as stream:
                if (sealed := stored.read_sealed(stream)) is None:
                    continue
                sealed_files += 1
                key_ids = sealed.key_ids()
                foreign += _count_known(tables, key_ids) < len(key_ids)
        text = f"{sealed_files - foreign} of {sealed_files} sealed files are ours"
        if foreign:
            remedy = (
                "No erasure finds anybody in the others: restore their key store, or delete them."
            )
            yield Finding(Grade.NOTE, place.name, text, remedy)
        else:
            yield Finding(Grade.WELL, place.name, text)


def look_at_anchors(copy: Installation) -> Iterator[Finding]:
    """Say whether mirror and witness know this log, and no more of it than lies here."""
    if not identify_anchors(copy.settings):
        text = "none are configured: a log and a pin that are restored together are not told"
        yield Finding(Grade.NOTE, ANCHORS, text, "See docs/evidence.md.")
        return

    ledger = open_ledger(copy)
    try:
        head = ledger.head()
        # Of an empty log no entry at all has to be anchored.
        lines = refusals(ledger, -1 if head is None else head.size - 1, copy)
    finally:
        ledger.close()

    for line in lines:
        # What is not anchored yet is anchored by the next release; another log is a fault.
        grade = Grade.NOTE if LATER in line else Grade.REFUSES
        yield Finding(grade, ANCHORS, line)

    if not lines:
        yield Finding(Grade.WELL, ANCHORS, "they hold this log up to its newest entry")


def _count_known(tables: KeyTables, key_ids: Collection[bytes]) -> int:
    known: set[bytes] = set()
    for table in ("keys", "destroyed", "restricted_keys"):
        query = f"SELECT key_id FROM {table} WHERE key_id {{among}}"
        known |= {bytes(row[0]) for row in tables.rows_among(query, list(key_ids))}
    return len(known)


def look_at_set_aside(installation: Installation) -> Iterator[Finding]:
    """Say what a renewal has left beside the store."""
    for folder in sorted((installation.home / SET_ASIDE).glob("*")):
        text = f"{folder.name} holds what was left of an older key store"
        yield Finding(Grade.NOTE, "set aside", text, "Delete it when nobody needs it any more.")
