"""Write the present checkpoint to all anchors, and say what a registration has to wait for.

Each of mirror, witness and time stamp is optional; configured means required.

Each is optional, but what is configured is required: registration is refused until what it rests on
is out of this machine's reach.
"""

from tasks.anchoring.mirror import open_mirror
from tasks.anchoring.timestamp import stamp
from tasks.anchoring.witness import Witness, cosign, cosigned_up_to
from tasks.errors import EvidenceError
from tasks.ledger.checkpoint import read_checkpoint
from tasks.ledger.ledger import Ledger
from tasks.system.installation import Installation


def publish(ledger: Ledger, installation: Installation) -> int:
    """Mirror, cosign and stamp the present checkpoint, as configured; return its size.

    Raises:
        ServiceError: One of them does not answer. The log itself is whole, and the next call goes
            on.
        EvidenceError: One of them knows another log.
    """
    head = ledger.head()
    if head is None:
        return 0
    if mirror := open_mirror(installation.settings):
        mirror.push(ledger)
    cosign(ledger, installation)
    stamp(ledger, installation)
    return head.size


def refusals(ledger: Ledger, index: int, installation: Installation) -> tuple[str, ...]:
    """Return why registration has to wait.

    What is configured does not hold entry `index`, or knows another log.
    """
    lines = []
    try:
        if (mirror := open_mirror(installation.settings)) and (
            missing := _not_mirrored(ledger, mirror.newest(), index)
        ):
            lines.append(missing)
        if installation.settings.witness_url:
            size = cosigned_up_to(
                ledger, installation.home, Witness.parse(installation.settings.witness_key)
            )
            if size <= index:
                lines.append(
                    f"witness: it has cosigned {size} entries, not entry {index}; "
                    "run `./portcullis anchor`"
                )
    except EvidenceError as error:
        lines.append(str(error))
    return tuple(lines)


def _not_mirrored(ledger: Ledger, note: str | None, index: int) -> str:
    if note is None:
        return "mirror: it is empty; run `./portcullis anchor`"
    there = read_checkpoint(note)[0]
    here = ledger.head()
    if here is None or here.size < there.size:
        return (
            f"mirror: it holds {there.size} entries, more than the log here: "
            "this copy was rolled back"
        )
    if ledger.root_hash(there.size) != there.root_hash:
        return f"mirror: the log here is not the one that was mirrored at {there.size} entries"
    if there.size <= index:
        return (
            f"mirror: it holds {there.size} entries, not entry {index}; run `./portcullis anchor`"
        )
    return ""
