"""Which key had which role at which entry: replayed from the log itself, which begins with its root key.

Adding, rotating and revoking keys are entries, signed by the root key. Validity goes by index, never by a clock.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from tasks.attestation.dsse import IN_TOTO, Envelope
from tasks.attestation.predicates.key_entry import KeyAddition, KeyRevocation
from tasks.attestation.predicates.reading import read_predicate
from tasks.attestation.roles import ROLES, ROOT
from tasks.attestation.signing_keys import PublicKey
from tasks.attestation.statement import Artefact, Statement, read_statement
from tasks.errors import EvidenceError

ORIGIN = "portcullis/"


@dataclass(frozen=True)
class KeyEntry:
    """A key, what it may sign, and over which entries: [since, until)."""

    public: PublicKey
    roles: tuple[str, ...]
    holder: str  # "worker", or the staff id of a person
    since: int
    until: int | None = None
    email_sha256: str = ""
    reason: str = ""


@dataclass
class KeyRing:
    """The keys of one log. `trusted` is the root key's id, or the beginning of it (at least 32 hex digits)."""

    trusted: str
    entries: dict[str, KeyEntry] = field(default_factory=dict)

    def signed(self, index: int, envelope: Envelope, role: str) -> KeyEntry:
        """Return whose signature an entry carries, if that key may sign for `role` there.

        Raises:
            EvidenceError: The key is unknown, void there, in another role, or did not sign these bytes.
        """
        where, found = f"ledger entry {index}", self.entries.get(envelope.keyid)
        if envelope.payload_type != IN_TOTO:
            raise _unfit(where, f"payload type {IN_TOTO}", envelope.payload_type[:60])
        if found is None:
            raise _unfit(
                where,
                f"a key with role `{role}` that is in the log",
                f"key {envelope.keyid[:12]}…, unknown",
            )
        if role not in found.roles:
            raise _unfit(
                where,
                f"a key with role `{role}`",
                f"key {envelope.keyid[:12]}… of {', '.join(found.roles)}",
            )
        if index < found.since or (found.until is not None and index >= found.until):
            until = "on" if found.until is None else f"to {found.until - 1}"
            raise _unfit(
                where,
                f"a key valid there (entries {found.since} {until})",
                "one that is void: revoked or not yet added",
            )
        if not envelope.is_signed_by(found.public):
            raise _unfit(
                where, f"a signature of key {envelope.keyid[:12]}…", "one that does not verify"
            )
        return found

    def replay(self, index: int, envelope: Envelope) -> None:
        """Take a key entry of the log into account."""
        if index == 0:
            self._begin(envelope)
            return
        self.signed(index, envelope, ROOT)
        statement = read_statement(envelope.payload, f"ledger entry {index}")
        self._apply(index, statement)

    def holders(self, role: str, index: int) -> tuple[KeyEntry, ...]:
        """Return the keys that may sign for `role` at `index`."""
        return tuple(
            entry
            for entry in self.entries.values()
            if role in entry.roles
            and entry.since <= index
            and (entry.until is None or index < entry.until)
        )

    @property
    def origin(self) -> str:
        """The log's name, which is its root key's."""
        first = next(iter(self.entries.values()))
        return origin_of(first.public)

    def _begin(self, envelope: Envelope) -> None:
        where = "ledger entry 0"
        statement = read_statement(envelope.payload, where)
        addition = read_predicate(statement, where)
        if not isinstance(addition, KeyAddition):
            raise _unfit(where, "the root key, signed by itself", "something else")

        public = _public(statement, addition)
        if len(self.trusted) < 32 or not public.keyid.startswith(self.trusted):
            raise _unfit(
                where,
                f"the root key {self.trusted[:32] or 'that you trust'}…",
                f"root key {public.keyid[:32]}…",
            )
        if not envelope.is_signed_by(public):
            raise _unfit(where, "the root key, signed by itself", "something else")
        self.entries[public.keyid] = KeyEntry(public, (ROOT,), addition.holder, 0)

    def _apply(self, index: int, statement: Statement) -> None:
        where = f"ledger entry {index}"
        change = read_predicate(statement, where)
        if isinstance(change, KeyAddition):
            self._add(index, statement, change)
            return

        keyid = statement.subjects[0].sha256
        old = self.entries.get(keyid)
        if not isinstance(change, KeyRevocation) or old is None or change.valid_to > index:
            raise _unfit(
                where,
                "the revocation of a known key, valid to an entry before this one",
                "something else",
            )
        # What was revoked stays so: a later entry can only move the end back.
        if old.until is None or change.valid_to < old.until:
            self.entries[keyid] = replace(old, until=change.valid_to, reason=change.reason)

    def _add(self, index: int, statement: Statement, addition: KeyAddition) -> None:
        public = _public(statement, addition)
        roles = addition.roles
        if not roles or not set(roles) <= set(ROLES):
            raise _unfit(
                f"ledger entry {index}",
                "a key with known roles",
                f"roles {', '.join(roles) or 'none'}",
            )

        # Two workers may enter it at once. A revoked key is not revived by it either.
        if public.keyid in self.entries:
            return
        self.entries[public.keyid] = KeyEntry(
            public,
            roles,
            addition.holder,
            index,
            None,
            addition.email_sha256,
            addition.reason,
        )


def origin_of(root_key: PublicKey) -> str:
    """Return the name of the log that begins with this root key."""
    return ORIGIN + root_key.keyid[:32]


def add_key(
    public: PublicKey,
    roles: Iterable[str],
    holder: str,
    *,
    reason: str = "",
    email_sha256: str = "",
) -> Statement:
    """Return the statement that gives a key its roles."""
    addition = KeyAddition(
        pem=public.pem,
        scheme=public.scheme,
        roles=tuple(roles),
        holder=holder,
        reason=reason,
        email_sha256=email_sha256,
    )
    return addition.about(Artefact("key", public.keyid))


def revoke_key(keyid: str, valid_to: int, reason: str) -> Statement:
    """Return the statement that voids a key from entry `valid_to` on."""
    return KeyRevocation(valid_to, reason).about(Artefact("key", keyid))


def _public(statement: Statement, addition: KeyAddition) -> PublicKey:
    public = PublicKey(addition.pem)
    if statement.subjects[0].sha256 != public.keyid:
        raise _unfit(
            "key entry", f"key {statement.subjects[0].sha256[:12]}…", f"key {public.keyid[:12]}…"
        )
    return public


def _unfit(where: str, expected: str, found: str) -> EvidenceError:
    return EvidenceError(
        where,
        expected=expected,
        found=found,
        remedy="It clears nothing; find out who signed it, and how.",
    )
