"""Which key had which role at which entry: replayed from the log, which begins with its root key.

Adding, rotating and revoking keys are entries, signed by the root key. Validity goes by index,
never by a clock: a clock can be set back, an index cannot.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property

from tasks.attestation.dsse import IN_TOTO, Envelope
from tasks.attestation.identities import WORKER, Identity, fold_name
from tasks.attestation.predicates.key_entry import KeyAddition, KeyRevocation
from tasks.attestation.predicates.reading import read_predicate
from tasks.attestation.roles import ROLES, ROOT
from tasks.attestation.signing_keys import PublicKey
from tasks.attestation.statement import Artefact, Statement, read_statement
from tasks.errors import EvidenceError

ORIGIN = "portcullis/"
TRUSTED_DIGITS = 32  # 128 bits: what a second key with that beginning cannot be searched for


@dataclass(frozen=True)
class KeyEntry:
    """A key, what it may sign, and over which entries: [since, until)."""

    public: PublicKey
    roles: tuple[str, ...]
    holder: str  # "worker", or the staff id of a person
    since: int
    until: int | None = None
    emails_sha256: tuple[str, ...] = ()
    logins: tuple[str, ...] = ()
    reason: str = ""

    @cached_property
    def identity(self) -> Identity:
        """What this entry says about who the holder is."""
        # Kept in the object's dictionary, which a frozen class allows: readers ask it for every
        # key.
        return Identity.of((self.holder, *self.logins), self.emails_sha256)

    @property
    def is_of_person(self) -> bool:
        """Whether a person holds it, and not the worker."""
        return fold_name(self.holder) not in ("", WORKER)

    def is_valid_at(self, index: int) -> bool:
        """Return whether the key may sign the entry at `index`."""
        return self.since <= index and (self.until is None or index < self.until)


@dataclass
class KeyRing:
    """The keys of one log, as far as it was replayed.

    Attributes:
        trusted: The root key's id, or the beginning of it (at least `TRUSTED_DIGITS` hex digits).
        entries: All keys that the log ever named, by key id.
    """

    trusted: str
    entries: dict[str, KeyEntry] = field(default_factory=dict)

    def signed(self, index: int, envelope: Envelope, *roles: str) -> KeyEntry:
        """Return whose signature an entry carries, if that key has one of `roles` there.

        Raises:
            EvidenceError: The key is unknown, void there, in another role, or did not sign these
                bytes.
        """
        where = f"ledger entry {index}"
        entry = self.entries.get(envelope.keyid)
        shown = f"key {envelope.keyid[:12]}…"
        wanted = " or ".join(f"`{role}`" for role in roles)

        # 1. Signed as an in-toto statement: a signature over another type is about something else.
        if envelope.payload_type != IN_TOTO:
            raise _unfit(where, f"payload type {IN_TOTO}", envelope.payload_type[:60])

        # 2. By a key that the log names, in this role.
        if entry is None:
            raise _unfit(where, f"a key with role {wanted} that is in the log", f"{shown}, unknown")
        # Asked before the signature: a key of another role has nothing to say, whatever it signed.
        if not set(roles) & set(entry.roles):
            held = ", ".join(entry.roles)
            raise _unfit(where, f"a key with role {wanted}", f"{shown} of {held}")

        # 3. At an index at which the key is valid.
        if not entry.is_valid_at(index):
            until = "on" if entry.until is None else f"to {entry.until - 1}"
            raise _unfit(
                where,
                f"a key valid there (entries {entry.since} {until})",
                "one that is void: revoked or not yet added",
            )

        # 4. Over exactly these bytes.
        if not envelope.is_signed_by(entry.public):
            raise _unfit(where, f"a signature of {shown}", "one that does not verify")
        return entry

    def replay(self, index: int, envelope: Envelope) -> None:
        """Take a key entry of the log into account."""
        if index == 0:
            self._begin(envelope)
            return
        self.signed(index, envelope, ROOT)
        # Read after the signature was verified, never before: what nobody signed is not parsed.
        statement = read_statement(envelope.payload, f"ledger entry {index}")
        self._apply(index, statement)

    def holders(self, role: str, index: int) -> tuple[KeyEntry, ...]:
        """Return the keys that may sign for `role` at `index`."""
        return tuple(
            entry
            for entry in self.entries.values()
            if role in entry.roles and entry.is_valid_at(index)
        )

    def keys_of(self, holder: str) -> tuple[KeyEntry, ...]:
        """Return every key that the log ever gave to a person, those that are void by now, too."""
        folded = fold_name(holder)
        return tuple(
            entry
            for entry in self.entries.values()
            if entry.is_of_person and fold_name(entry.holder) == folded
        )

    def identity_of(self, holder: str) -> Identity:
        """Return who a person is, by all keys that they hold or held: two keys are one person.

        A key that was revoked still says who its holder is, or else whoever gave theirs up would
        become somebody else.
        """
        identity = Identity.of((holder,))
        for entry in self.keys_of(holder):
            identity = identity.joined(entry.identity)
        return identity

    def people_like(self, identity: Identity) -> tuple[Identity, ...]:
        """Return everybody enrolled who shares a name or an address with `identity`."""
        # One pass over all keys: a bundle comes from anybody, and may hold thousands.
        people: dict[str, Identity] = {}
        for entry in self.entries.values():
            if entry.is_of_person:
                holder = fold_name(entry.holder)
                people[holder] = people.get(holder, Identity()).joined(entry.identity)
        # By all keys of a holder together: one key may know the login, and another the address.
        return tuple(person for person in people.values() if person.shares(identity))

    @property
    def origin(self) -> str:
        """The log's name, which is its root key's."""
        first = next(iter(self.entries.values()))
        return origin_of(first.public)

    def _begin(self, envelope: Envelope) -> None:
        """Take entry 0 into account: the root key, which signs for itself."""
        where = "ledger entry 0"
        statement = read_statement(envelope.payload, where)
        addition = read_predicate(statement, where)
        if not isinstance(addition, KeyAddition):
            raise _unfit(where, "the root key, signed by itself", "something else")

        # Nothing in the log vouches for its first key: that is what `trusted` is for.
        public = _public_key(statement, addition)
        # The length is asked besides, for every id begins with an empty text.
        is_trusted = public.keyid.startswith(self.trusted)
        if len(self.trusted) < TRUSTED_DIGITS or not is_trusted:
            trusted = self.trusted[:TRUSTED_DIGITS] or "that you trust"
            raise _unfit(
                where, f"the root key {trusted}…", f"root key {public.keyid[:TRUSTED_DIGITS]}…"
            )
        if not envelope.is_signed_by(public):
            raise _unfit(where, "the root key, signed by itself", "something else")
        self.entries[public.keyid] = KeyEntry(public, (ROOT,), addition.holder, since=0)

    def _apply(self, index: int, statement: Statement) -> None:
        """Take a verified key entry into account."""
        where = f"ledger entry {index}"
        change = read_predicate(statement, where)
        if isinstance(change, KeyAddition):
            self._add(index, statement, change)
            return

        # A key may be voided from an earlier entry on, since when it is known to be stolen; never
        # from a later one, up to which a thief could still sign.
        keyid = statement.subjects[0].sha256
        entry = self.entries.get(keyid)
        if not isinstance(change, KeyRevocation) or entry is None or change.valid_to > index:
            raise _unfit(
                where,
                "the revocation of a known key, valid to an entry before this one",
                "something else",
            )

        # What was revoked stays so: a second revocation can only void more.
        if entry.until is None or change.valid_to < entry.until:
            self.entries[keyid] = replace(entry, until=change.valid_to, reason=change.reason)

    def _add(self, index: int, statement: Statement, addition: KeyAddition) -> None:
        public = _public_key(statement, addition)
        roles = addition.roles
        if not roles or not set(roles) <= set(ROLES):
            raise _unfit(
                f"ledger entry {index}",
                "a key with known roles",
                f"roles {', '.join(roles) or 'none'}",
            )

        # Two workers may enter a key at once. A revoked key is not revived by it either.
        if public.keyid in self.entries:
            return
        self.entries[public.keyid] = KeyEntry(
            public,
            roles,
            addition.holder,
            since=index,
            emails_sha256=addition.emails_sha256,
            logins=addition.logins,
            reason=addition.reason,
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
    emails_sha256: Iterable[str] = (),
    logins: Iterable[str] = (),
) -> Statement:
    """Return the statement that gives a key its roles, and says who holds it."""
    addition = KeyAddition(
        pem=public.pem,
        scheme=public.scheme,
        roles=tuple(roles),
        holder=holder,
        reason=reason,
        emails_sha256=tuple(emails_sha256),
        logins=tuple(logins),
    )
    return addition.about(Artefact("key", public.keyid))


def revoke_key(keyid: str, valid_to: int, reason: str) -> Statement:
    """Return the statement that voids a key from entry `valid_to` on."""
    return KeyRevocation(valid_to, reason).about(Artefact("key", keyid))


def _public_key(statement: Statement, addition: KeyAddition) -> PublicKey:
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
