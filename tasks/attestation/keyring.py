"""Which key had which role at which entry: replayed from the log itself, which begins with its root key.

Adding, rotating and revoking keys are entries, signed by the root key. Validity goes by index, never by a clock.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from tasks.attestation.dsse import IN_TOTO, Envelope
from tasks.attestation.roles import KEY, ROLES, ROOT
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
        statement = read_statement(envelope.payload, "ledger entry 0")
        public = _public(statement)
        if len(self.trusted) < 32 or not public.keyid.startswith(self.trusted):
            raise _unfit(
                "ledger entry 0",
                f"the root key {self.trusted[:32] or 'that you trust'}…",
                f"root key {public.keyid[:32]}…",
            )
        if statement.predicate_type != KEY or not envelope.is_signed_by(public):
            raise _unfit("ledger entry 0", "the root key, signed by itself", "something else")
        self.entries[public.keyid] = KeyEntry(
            public, (ROOT,), str(statement.predicate.get("holder", "")), 0
        )

    def _apply(self, index: int, statement: Statement) -> None:
        said, where = statement.predicate, f"ledger entry {index}"
        if said.get("action") == "add":
            public, roles = _public(statement), tuple(map(str, said.get("roles", ())))
            if not roles or not set(roles) <= set(ROLES):
                raise _unfit(where, "a key with known roles", f"roles {', '.join(roles) or 'none'}")
            if (
                public.keyid in self.entries
            ):  # two workers entered it at once; a revoked key is not revived by it either
                return
            self.entries[public.keyid] = KeyEntry(
                public,
                roles,
                str(said.get("holder", "")),
                index,
                None,
                str(said.get("emailSha256", "")),
                str(said.get("reason", "")),
            )
            return
        keyid, until = statement.subjects[0].sha256, said.get("validTo")
        old = self.entries.get(keyid)
        if (
            said.get("action") != "revoke"
            or old is None
            or not isinstance(until, int)
            or not 0 <= until <= index
        ):
            raise _unfit(
                where,
                "the revocation of a known key, valid to an entry before this one",
                "something else",
            )
        if old.until is None or until < old.until:  # what was revoked stays so
            self.entries[keyid] = replace(old, until=until, reason=str(said.get("reason", "")))


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
    said: dict[str, Any] = {
        "action": "add", "publicKey": public.pem, "scheme": public.scheme, "roles": list(roles), "holder": holder,
        "reason": reason, "emailSha256": email_sha256,
    }  # fmt: skip
    return Statement((Artefact("key", public.keyid),), KEY, said)


def revoke_key(keyid: str, valid_to: int, reason: str) -> Statement:
    """Return the statement that voids a key from entry `valid_to` on."""
    return Statement(
        (Artefact("key", keyid),), KEY, {"action": "revoke", "validTo": valid_to, "reason": reason}
    )


def _public(statement: Statement) -> PublicKey:
    public = PublicKey(str(statement.predicate.get("publicKey", "")))
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
