"""Refuse to sign by a key that the log knows as void: what it signs stays in the log for ever.

An entry of a void key is none that readers pass over: somebody may have meant it. A worker that
went on with a key which was rotated or revoked would so bar the log to itself.
"""

from collections.abc import Mapping

from tasks.attestation.predicates.key_entry import KeyRevocation
from tasks.attestation.predicates.reading import read_predicate
from tasks.attestation.roles import KEY
from tasks.attestation.statement import read_statement
from tasks.errors import EvidenceError
from tasks.ledger.ledger import Ledger
from tasks.verifier.log_reader import checked
from tasks.verifier.statement_index import place_of

ABOUT_KEYS = f'"{KEY}"'.encode()
# So many entries are read again by every append; how far was read is noted more seldom.
MOST_READ_AGAIN = 64


def require_unrevoked(ledger: Ledger, roles: Mapping[str, str]) -> None:
    """Refuse keys that the log has revoked; called while nobody else appends.

    Args:
        ledger: The log that is appended to.
        roles: Of each key of this installation that signed what is appended, by its id.

    Raises:
        EvidenceError: One is revoked.
    """
    head = ledger.head()
    size = head.size if head else 0
    for keyid, role in roles.items():
        _require_unrevoked(ledger, keyid, role, size)


def _require_unrevoked(ledger: Ledger, keyid: str, role: str, size: int) -> None:
    # A mark is a hint that nobody vouches for: whoever may write one could do worse to the log.
    mark = f"unrevoked {keyid}"
    noted = ledger.store.mark(mark)
    start = min(int(noted), size) if noted is not None and noted.isdigit() else 0

    for index, record, body in ledger.entries(start, size):
        # Entries about keys are never pruned.
        if body is None:
            continue
        entry = checked(index, record, body)
        if ABOUT_KEYS not in entry.envelope.payload:
            continue
        statement = read_statement(entry.envelope.payload, place_of(entry))
        revocation = read_predicate(statement, place_of(entry))
        # Whatever the entry up to which it is valid: that one comes before this.
        if isinstance(revocation, KeyRevocation) and statement.digest_of("key") == keyid:
            raise EvidenceError(
                f"key of role `{role}`",
                expected="one that may sign now",
                found=f"{keyid[:12]}…, which entry {index} of the ledger has voided",
                remedy=(
                    f"`./portcullis keys rotate {role}` finishes a rotation that was interrupted, "
                    "or makes a new key. If the key's file was restored from a backup of before a "
                    "rotation, restore the newest one instead. Nothing was signed for."
                ),
            )

    if size - start >= MOST_READ_AGAIN:
        ledger.store.put_mark(mark, str(size))
