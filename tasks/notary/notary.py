"""The notary: signs statements with the role's key and appends them to the ledger.

    with open_notary(installation) as notary:
        recorded = notary.record(Statement(subjects, predicate_type, predicate))

The role follows from the statement's kind (`role_of`). What is returned is stored for good.
A process that runs a stage's own code never opens one: `python -m tasks` does, after the stage has
ended.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tasks.attestation.dsse import Envelope, sign
from tasks.attestation.keyring import add_key, origin_of
from tasks.attestation.predicates.key_entry import KeyAddition
from tasks.attestation.predicates.reading import read_predicate
from tasks.attestation.roles import LOG, PERSONAL, ROOT
from tasks.attestation.signing_keys import PublicKey, Signer, role_signer
from tasks.attestation.statement import Statement, read_statement
from tasks.errors import EvidenceError
from tasks.ledger.ledger import Ledger
from tasks.ledger.pin import Pin
from tasks.ledger.sqlite_store import SqliteStore
from tasks.ledger.store import LedgerStore
from tasks.ledger.tiles import Record
from tasks.notary.revocations import require_unrevoked
from tasks.system.installation import Installation
from tasks.verifier.log_reader import Log, Selection, checked, read_log
from tasks.verifier.statement_index import place_of


@dataclass(frozen=True)
class Recorded:
    """Where a statement stands in the log."""

    index: int
    envelope_sha256: str
    origin: str


class Notary:
    """Signs and appends.

    Role keys are made and entered into the log on first use, but for those that people hold.
    """

    def __init__(self, ledger: Ledger, installation: Installation) -> None:
        self.ledger = ledger
        self._installation = installation
        self._signers: dict[str, Signer] = {}

    def record(self, statement: Statement, role: str | None = None) -> Recorded:
        """Sign one statement and append it; return where it stands.

        Args:
            statement: What to say.
            role: The role it has to be signed in, where the caller wants that checked.

        Raises:
            EvidenceError: The kind belongs to another role, or the log does not derive.
            ServiceError: The database or the key service does not answer; nothing was recorded.
        """
        if role is not None and role_of(statement) != role:
            raise EvidenceError(
                f"statement of type {statement.predicate_type}",
                expected=f"one that role `{role}` makes",
                found="one of another role",
                remedy="See tasks/attestation/roles.py.",
            )

        return self.record_all([statement])[0]

    def record_all(self, statements: Sequence[Statement]) -> list[Recorded]:
        """Sign several statements and append them in one transaction, in this order."""
        roles = [role_of(statement) for statement in statements]
        # Before any key is made: a worker that could make a person's key would be that person.
        personal = sorted(set(roles) & set(PERSONAL))
        if personal:
            raise EvidenceError(
                f"role `{personal[0]}`",
                expected="a person's own key",
                found="the worker's notary",
                remedy=(
                    "Use `./portcullis approve`; `append_signed` takes what a person has signed."
                ),
            )

        # Keys before what they sign: an entry of a key that is not in the log yet is refused.
        self.begin()
        for role in dict.fromkeys(roles):
            self.enrolled(role)

        # One append for all, so that there is never a verdict without its provenance.
        return self.append_signed(
            [
                sign(statement.to_bytes(), self.signer(role))
                for statement, role in zip(statements, roles, strict=True)
            ]
        )

    def append_signed(
        self, envelopes: Sequence[Envelope], *, size: int | None = None
    ) -> list[Recorded]:
        """Append what somebody else has signed. The caller has verified it.

        Args:
            envelopes: What is appended, in this order.
            size: As of `append_with`.
        """
        return self.append_with(self.signer(LOG), envelopes, size=size)

    def append_with(
        self,
        log: Signer,
        envelopes: Sequence[Envelope],
        *,
        signed_before: PublicKey | None = None,
        size: int | None = None,
    ) -> list[Recorded]:
        """Append under a log key.

        Args:
            log: The log's signer.
            envelopes: What is appended, in this order.
            signed_before: The key that signed the present head, where the log's key changes.
            size: How many entries the log has to have, where what is appended names one by number.

        Raises:
            EvidenceError: A key of this installation that signed one of them is revoked by now, the
                log has grown, or does not derive. Nothing was appended.
        """
        bodies = [envelope.to_bytes() for envelope in envelopes]
        records = [
            Record.of(envelope.payload, body)
            for envelope, body in zip(envelopes, bodies, strict=True)
        ]

        # The name goes into the checkpoint. It is the log's own where there is one: another
        # installation may append to it, whose root key is another.
        origin = self.origin()
        entries = list(zip(records, bodies, strict=True))
        # Under the log's lock: a key that is revoked at this moment signs nothing after that.
        own = {signer.public.keyid: role for role, signer in self._signers.items() if role != LOG}
        roles = {
            envelope.keyid: own[envelope.keyid] for envelope in envelopes if envelope.keyid in own
        }
        try:
            start = self.ledger.append(
                entries,
                log,
                origin,
                signed_before=signed_before,
                check=lambda: self._require_fit(roles, size),
            )
        except EvidenceError:
            # A head that another key has signed: of a rotation that this machine's files do not
            # know of, and not of a log that was exchanged.
            with self.ledger.store.appending():
                require_unrevoked(self.ledger, {log.public.keyid: LOG})
            raise

        return [
            Recorded(start + offset, record.envelope_sha256.hex(), origin)
            for offset, record in enumerate(records)
        ]

    def _require_fit(self, roles: Mapping[str, str], size: int | None) -> None:
        """Refuse to append, while nobody else can."""
        require_unrevoked(self.ledger, roles)
        head = self.ledger.head()
        present = head.size if head else 0
        if size is not None and size != present:
            raise EvidenceError(
                "ledger",
                expected=f"{size} entries, as when this was signed",
                found=f"{present}: another process appends, too",
                remedy="Run it again. Nothing was signed for.",
            )

    def origin(self) -> str:
        """Return the log's name; a log that was never begun is begun."""
        head = self.ledger.head()
        return head.origin if head else origin_of(self.signer(ROOT).public)

    def signer(self, role: str) -> Signer:
        """Return the signer of a role."""
        # Kept, because a signer of a key service is asked for its public key once.
        if role not in self._signers:
            self._signers[role] = role_signer(role, self._installation)
        return self._signers[role]

    def log_root_key(self) -> Signer:
        """Return the signer of the root key that began this log.

        Raises:
            EvidenceError: Another root key is kept here.
        """
        root_key = self.signer(ROOT)
        # The log is named after the root key that began it.
        if origin_of(root_key.public) != self.origin():
            raise EvidenceError(
                "root key",
                expected="the log's own",
                found="another",
                remedy="Run this where the log's root key is kept.",
            )

        return root_key

    def enrolled(self, role: str) -> None:
        """Enter the role's key into the log, unless it is there."""
        public = self.signer(role).public
        # Asked of the log and not of memory: two workers may share it. Entered twice a key changes
        # nothing (`KeyRing`), it only takes an entry.
        if self._is_entered(public.keyid):
            return

        # Only the log's own root key adds keys, and a worker of another installation has another.
        root_key = self.signer(ROOT)
        if origin_of(root_key.public) != self.origin():
            raise EvidenceError(
                f"key of role `{role}`",
                expected="a key that is in the log",
                found=f"unknown key {public.keyid[:12]}…",
                remedy=(
                    "Whoever holds the log's root key has to enrol it: `./portcullis keys enrol`."
                ),
            )

        self.add_keys(
            [sign(add_key(public, (role,), "worker").to_bytes(), root_key)], [public.keyid]
        )

    def add_keys(self, envelopes: Sequence[Envelope], keyids: Sequence[str]) -> None:
        """Append key entries and note where they stand."""
        for keyid, recorded in zip(keyids, self.append_signed(envelopes), strict=True):
            # After the append and apart: a mark is a hint where to look, and one that is lost costs
            # an entry.
            with self.ledger.store.appending():
                self.ledger.store.put_mark(f"key {keyid}", str(recorded.index))

    def begin(self) -> None:
        """Begin the log with its root key and its own key, unless it has begun."""
        if self.ledger.head() is not None:
            return

        root_key = self.signer(ROOT)
        log = self.signer(LOG)
        # The root key signs for itself and then for the log's own key, which signs the checkpoint
        # over both: entry 0 is what a verifier's trusted id names.
        statements = (
            add_key(root_key.public, (ROOT,), "worker"),
            add_key(log.public, (LOG,), "worker"),
        )
        self.add_keys(
            [sign(statement.to_bytes(), root_key) for statement in statements],
            [root_key.public.keyid, log.public.keyid],
        )

    def _is_entered(self, keyid: str) -> bool:
        """Look the key up where the mark says; a mark alone is believed by nobody."""
        mark = self.ledger.store.mark(f"key {keyid}")
        if mark is None or not mark.isdigit():
            return False
        for index, record, body in self.ledger.entries(int(mark), int(mark) + 1):
            entry = checked(index, record, body or b"")
            statement = read_statement(entry.envelope.payload, place_of(entry))
            is_addition = isinstance(read_predicate(statement, place_of(entry)), KeyAddition)
            return is_addition and statement.digest_of("key") == keyid
        return False


def role_of(statement: Statement) -> str:
    """Return the one role that may make a statement.

    Raises:
        EvidenceError: No role may, or it does not say what every reader will ask of it. It would
            stay in the log for ever and count for nothing.
    """
    # Read as every reader will, before it is signed.
    return read_predicate(statement, "a statement to be signed").role


def open_store(installation: Installation) -> LedgerStore:
    """Return the store that `$PORTCULLIS_LEDGER_URL` names, else this installation's own file."""
    if url := installation.settings.ledger_url:
        from tasks.ledger.postgres_store import PostgresStore

        return PostgresStore(url)
    return SqliteStore(installation.home / "ledger.db")


def open_ledger(installation: Installation) -> Ledger:
    """Return this installation's ledger, with its pin."""
    return Ledger(open_store(installation), open_pin(installation))


def open_pin(installation: Installation) -> Pin:
    """Return this installation's pin of its ledger, whether it is set or not."""
    return Pin(installation.home / "ledger.pin")


@contextmanager
def open_notary(installation: Installation) -> Iterator[Notary]:
    """Open the notary of an installation."""
    ledger = open_ledger(installation)
    try:
        yield Notary(ledger, installation)
    finally:
        ledger.close()


def trusted_root(installation: Installation) -> str:
    """Return the id of the root key that this installation trusts, or the beginning of it.

    It is `$PORTCULLIS_TRUST_ROOT`, else the pinned log's; empty where there is neither.

    Raises:
        EvidenceError: The pin is damaged.
    """
    if keyid := installation.settings.trusted_root_key:
        return keyid.strip().lower()

    # The log's name is `portcullis/<beginning of the root key's id>`.
    return open_pin(installation).read_origin().rpartition("/")[2]


def read_case_log(case: str, installation: Installation) -> Log:
    """Return what the ledger says of a use case, and of the lineages of its models.

    Raises:
        EvidenceError: It does not verify, or nothing was ever signed for in it.
    """
    ledger = open_ledger(installation)
    try:
        if ledger.head() is None:
            raise EvidenceError(
                "ledger",
                expected="entries",
                found="none",
                remedy=f"Run `./portcullis release {case}`.",
            )

        return read_log(ledger, trusted_root(installation), Selection.of_case_and_lineages(case))
    finally:
        ledger.close()
