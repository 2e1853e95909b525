"""`./portcullis keys pin`: remember the ledger's head anew, where this installation has no pin.

Without a pin nothing is read or appended, since a log that was rolled back could not be told. So
this is a person's act, and never silent: it verifies the whole log, asks the mirror and the
witness where they are configured, and leaves in the log that it was done, by whom and why.
"""

from dataclasses import dataclass
from typing import Any

from tasks.anchoring.publishing import refusals
from tasks.attestation.dsse import sign
from tasks.attestation.keyring import add_key
from tasks.attestation.roles import ROOT
from tasks.attestation.run_context import started_by
from tasks.audit_log.events import UPDATE, auditing, event
from tasks.errors import ConfigError, EvidenceError, ServiceError
from tasks.ledger.ledger import Ledger
from tasks.notary.notary import Notary, open_pin, open_store
from tasks.system.installation import Installation
from tasks.verifier.log_reader import KEYS_ALONE, Log, read_log

# Anchors are asked whether they know more than the log here, not whether they hold an entry of it.
NO_ENTRY = -1


@dataclass(frozen=True)
class PinnedHead:
    """What was remembered, and where the log says why; `str()` is the line for people.

    Attributes:
        origin: The log's name.
        entries: At how many it was read and verified, before this was stated in it.
        entry: The entry that says why; None of a reader, who has no root key.
        unrecorded: Where the log would not take the event in the audit log; empty if it did.
    """

    origin: str
    entries: int
    entry: int | None
    unrecorded: str

    def __str__(self) -> str:
        line = f"pinned {self.origin}, read and verified at {self.entries} entries"
        if self.entry is not None:
            line += f"; entry {self.entry} says why"
        if self.unrecorded:
            why = f"this installation may not append ({self.unrecorded})"
            line += f"; not recorded in it, for {why}"
        return line

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "origin": self.origin,
            "entries": self.entries,
            "entry": self.entry,
            "isRecorded": not self.unrecorded,
        }


def set_pin(reason: str, installation: Installation, *, is_first: bool) -> PinnedHead:
    """Set the pin; return what was done.

    Args:
        reason: Why, in a person's words; it stays in the log.
        installation: Whose pin.
        is_first: Whether this installation shares a ledger that others keep and has never read it.
            The root key that `$PORTCULLIS_TRUST_ROOT` names is then trusted, and no root key of
            its own needed.

    Raises:
        ConfigError: There is a pin, no reason, or no root key is named that could be trusted.
        EvidenceError: The log does not verify, an anchor knows another, or the log's root key is
            not kept here. Nothing was set.
    """
    pin = open_pin(installation)
    if pin.is_set():
        raise _unfit(pin.path.name, "no pin", "one", "Nothing is missing: `./portcullis audit`.")
    if not reason.strip():
        raise _unfit("--reason", "a reason", "none", "Say why the pin is set anew.")
    if is_first:
        _require_named_root(installation)

    # The pin is what is missing: this ledger is opened without it, and nothing else ever is.
    ledger = Ledger(open_store(installation))
    try:
        notary = Notary(ledger, installation)
        if ledger.head() is None:
            raise _unfit("ledger", "entries", "none", "The first append makes the pin.")
        trusted = installation.settings.trusted_root_key.strip().lower()
        if not is_first:
            # Before anything is read: who may not set the pin is not asked to wait for it.
            trusted = trusted or notary.log_root_key().public.keyid

        log = read_log(ledger, trusted, KEYS_ALONE)
        # A log that was rolled back verifies as well as the one that was: only who keeps a copy
        # elsewhere can tell. Where no anchor is configured, nobody is asked.
        if lines := refusals(ledger, NO_ENTRY, installation):
            raise EvidenceError(
                "ledger",
                expected="the log that its anchors know",
                found="; ".join(lines),
                remedy="Nothing was pinned: restore the newest copy, and find out who changed it.",
            )

        pinned = _state(log, notary, reason, installation, is_first=is_first)
        # Read once more: what is remembered is a head that was verified, with what was just stated.
        pin.set_anew(read_log(ledger, trusted, KEYS_ALONE).note)
        return pinned
    finally:
        ledger.close()


def _state(
    log: Log, notary: Notary, reason: str, installation: Installation, *, is_first: bool
) -> PinnedHead:
    """State in the log that the pin is set, as far as this installation can."""
    entry = None
    unrecorded = ""
    if not is_first:
        # The root key's entry once more, with the reason: readers replay it, it changes no role,
        # and every bundle holds it, for bundles hold all entries about keys.
        root_key = notary.log_root_key()
        text = f"pin set anew at {log.head.size} entries: {reason.strip()}"
        statement = add_key(root_key.public, (ROOT,), "worker", reason=text)
        recorded = notary.append_signed([sign(statement.to_bytes(), root_key)])
        entry = recorded[0].index

    try:
        _record_event(log, notary, reason, installation)
    except (EvidenceError, ServiceError) as error:
        if not is_first:
            raise
        # A reader has no key in the log, nor the right to append. The event stays in the audit log
        # here, and is signed for with the next batch that is.
        unrecorded = error.where
    return PinnedHead(log.head.origin, log.head.size, entry, unrecorded)


def _record_event(log: Log, notary: Notary, reason: str, installation: Installation) -> None:
    """Write into the audit log who did it, and sign for that."""
    audit_event = event(
        "ledger:pin",
        actor=started_by(installation.settings),
        activity=UPDATE,
        resources=[(log.head.origin, "pin", {"entries": log.head.size})],
        detail=reason.strip(),
    )
    with auditing(installation.home, [audit_event]) as batches:
        notary.record_all(batches)


def _require_named_root(installation: Installation) -> None:
    """Refuse `--first` where no root key is named, or where nobody else keeps the ledger."""
    if not installation.settings.ledger_url:
        raise _unfit(
            "--first",
            "a ledger that several installations share ($PORTCULLIS_LEDGER_URL)",
            "this installation's own file",
            "Where the log's root key is kept, leave it out.",
        )

    if not installation.settings.trusted_root_key.strip():
        raise _unfit(
            "$PORTCULLIS_TRUST_ROOT",
            "the root key's id, from whoever keeps the ledger",
            "none",
            "Nothing in a log vouches for its first key.",
        )


def _unfit(where: str, expected: str, found: str, remedy: str) -> ConfigError:
    return ConfigError(where, expected=expected, found=found, remedy=remedy)
