"""Write the present checkpoint to all anchors, and say what a registration has to wait for.

Each of mirror, witness and time stamp is optional, but what is configured is required: registration
is refused until what it rests on is out of this machine's reach.
"""

from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from tasks.anchoring.anchor_files import anchors_folder
from tasks.anchoring.mirror import open_mirror
from tasks.anchoring.timestamp import stamp, stamped_at
from tasks.anchoring.witness import Witness, cosign, cosigned_up_to
from tasks.errors import EvidenceError, ServiceError
from tasks.ledger.checkpoint import read_checkpoint
from tasks.ledger.ledger import Ledger
from tasks.settings import Settings
from tasks.system.installation import Installation


def publish(ledger: Ledger, installation: Installation) -> int:
    """Mirror, cosign and stamp the present checkpoint, as configured; return its size.

    All of them are asked, also where one is away.

    Raises:
        ServiceError: One of them does not answer; the first is named. The log itself is whole, and
            the next call goes on.
        EvidenceError: One of them knows another log. None that comes after it is asked.
    """
    head = ledger.head()
    if head is None:
        return 0

    # The mirror first: who reads a cosigned or stamped checkpoint finds there what it is signed
    # over. One that is away holds up none of the others: what they hold nobody here can take back.
    # Only an anchor that knows another log does, for then it is open which copy is the true one.
    failures: list[ServiceError] = []
    for anchor in (_mirror, cosign, stamp):
        try:
            anchor(ledger, installation)
        except ServiceError as error:
            failures.append(error)

    if failures:
        raise failures[0]
    return head.size


def refusals(ledger: Ledger, index: int, installation: Installation) -> tuple[str, ...]:
    """Return why registration has to wait.

    What is configured does not hold entry `index`, or knows another log. All anchors are asked,
    whatever one of them says: people see everything at once.

    Raises:
        ServiceError: One of them does not answer, and nothing else refuses; else it is a line.
    """
    lines: list[str] = []
    failures: list[ServiceError] = []
    for refusal_of in (_mirror_refusal, _witness_refusal, _stamp_refusal):
        try:
            if line := refusal_of(ledger, index, installation):
                lines.append(line)
        except EvidenceError as error:
            lines.append(str(error))
        except ServiceError as error:
            failures.append(error)

    if failures and not lines:
        raise failures[0]
    return (*lines, *map(str, failures))


def identify_anchors(settings: Settings) -> dict[str, str]:
    """Return the anchors that are configured -> whose they are.

    A mirror is known by its address, a witness by its verifier key, an authority that stamps times
    by the sha256 of its root certificates. An anchor is worth what it is known by: a mirror, a
    witness and an authority of one's own are soon set up.
    """
    identities = {}
    if settings.mirror_url:
        endpoint = settings.mirror_endpoint
        identities["mirror"] = settings.mirror_url + (f" at {endpoint}" if endpoint else "")

    if settings.witness_url:
        identities["witness"] = settings.witness_key

    if settings.tsa_url and settings.tsa_root_path and Path(settings.tsa_root_path).is_file():
        identities["timestamp"] = sha256(Path(settings.tsa_root_path).read_bytes()).hexdigest()

    return identities


def anchors_holding(ledger: Ledger, index: int, installation: Installation) -> dict[str, str]:
    """Return which of the configured anchors hold entry `index` of this very log, and whose.

    One that is not configured holds nothing, and so does one that knows another log.
    """
    is_held_by = {"mirror": _is_mirrored, "witness": _is_cosigned, "timestamp": _is_stamped}
    return {
        name: identity
        for name, identity in identify_anchors(installation.settings).items()
        if is_held_by[name](ledger, index, installation)
    }


def _mirror(ledger: Ledger, installation: Installation) -> None:
    if mirror := open_mirror(installation.settings):
        mirror.push(ledger)


def _mirror_refusal(ledger: Ledger, index: int, installation: Installation) -> str:
    mirror = open_mirror(installation.settings)
    return "" if mirror is None else _not_mirrored(ledger, mirror.newest(), index)


def _witness_refusal(ledger: Ledger, index: int, installation: Installation) -> str:
    if not installation.settings.witness_url:
        return ""
    witness = Witness.parse(installation.settings.witness_key)
    size = cosigned_up_to(ledger, installation.home, witness)
    if size > index:
        return ""
    return f"witness: it has cosigned {size} entries, not entry {index}; run `./portcullis anchor`"


def _stamp_refusal(ledger: Ledger, index: int, installation: Installation) -> str:
    if not installation.settings.tsa_url or _is_stamped(ledger, index, installation):
        return ""
    return f"time stamp: no checkpoint with entry {index} is stamped; run `./portcullis anchor`"


def _is_mirrored(ledger: Ledger, index: int, installation: Installation) -> bool:
    try:
        mirror = open_mirror(installation.settings)
        return mirror is not None and not _not_mirrored(ledger, mirror.newest(), index)
    except EvidenceError:
        return False


def _is_cosigned(ledger: Ledger, index: int, installation: Installation) -> bool:
    try:
        witness = Witness.parse(installation.settings.witness_key)
        return cosigned_up_to(ledger, installation.home, witness) > index
    except EvidenceError:
        return False


def _is_stamped(ledger: Ledger, index: int, installation: Installation) -> bool:
    """Say whether an authority has stamped a checkpoint of this log that has entry `index`."""
    head = ledger.head()
    for path in anchors_folder(installation.home).glob("*.stamped"):
        # A file that is no stamp shows nothing, and hides none that is one.
        with suppress(EvidenceError, ValueError):
            # By what the note says, never by the file's name: both lie beside the log.
            stamped = read_checkpoint(path.read_text(encoding="utf-8"))[0]
            is_here = head is not None and index < stamped.size <= head.size
            if is_here and ledger.root_hash(stamped.size) == stamped.root_hash:
                stamped_at(installation, int(path.stem))
                return True

    return False


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
