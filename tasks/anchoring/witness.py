"""A witness outside the team's reach that cosigns checkpoints (C2SP tlog-witness).

It signs a checkpoint only if that continues the one it signed before: a fork needs its help. What
comes back is kept in `anchors/` of this installation, as `<size>.checkpoint` with the cosignature.
"""

import base64
import re
import urllib.request
from pathlib import Path
from typing import Self

from tasks.anchoring.anchor_files import anchors_folder, keep_anchor, post, service_down
from tasks.errors import EvidenceError
from tasks.ledger.checkpoint import Checkpoint, Cosigner, cosignature_time, read_checkpoint
from tasks.ledger.ledger import Ledger
from tasks.system.installation import Installation

WITNESS_KEY = "PORTCULLIS_WITNESS_KEY"
TIMEOUT_SECONDS = 20
SIGNED = 200
# No more digits than 64 bits have, and those of ASCII: Python converts neither thousands nor `²`.
SIZE = re.compile(r"[0-9]{1,19}")
CONFLICT = 409  # the witness has cosigned another size than the `old` of the request


class Witness(Cosigner):
    """The witness that this installation has configured."""

    @classmethod
    def parse(cls, text: str, where: str = f"${WITNESS_KEY}") -> Self:
        """Read what `$PORTCULLIS_WITNESS_KEY` says, as `Cosigner.parse` does."""
        return super().parse(text, where)


def cosign(ledger: Ledger, installation: Installation) -> None:
    """Have the configured witness cosign the present checkpoint, unless it has.

    Raises:
        ServiceError: It does not answer.
        EvidenceError: It refuses, for this log does not continue what it saw; or its signature does
            not verify.
    """
    url = installation.settings.witness_url
    if not url:
        return
    witness = Witness.parse(installation.settings.witness_key)
    folder = anchors_folder(installation.home)
    note = ledger.store.head() or ""
    head = read_checkpoint(note)[0]
    path = folder / f"{head.size}.checkpoint"
    if path.is_file():
        return

    # The witness says by 409 which size it cosigned last, where that is not what we remember: it
    # has seen more, as after a request whose answer was lost. Asked once more, from there.
    status, answer = _add_checkpoint(url, ledger, head, note, _largest_cosigned(folder))
    if status == CONFLICT and SIZE.fullmatch(answer.strip()):
        status, answer = _add_checkpoint(url, ledger, head, note, int(answer))
    if status != SIGNED:
        raise EvidenceError(
            f"witness {witness.name}",
            expected=f"its signature under {head.size} entries",
            found=f"HTTP {status}",
            remedy=(
                "It says that this log does not continue the one it saw: find out which copy is "
                "the true one."
            ),
        )

    cosigned = note + answer
    if cosignature_time(cosigned, witness.key, witness.name) is None:
        raise EvidenceError(
            f"witness {witness.name}",
            expected="a cosignature of its key",
            found="none that verifies",
            remedy=f"Check ${WITNESS_KEY}.",
        )
    keep_anchor(path, cosigned.encode())


def cosigned_up_to(ledger: Ledger, home: Path, witness: Witness) -> int:
    """Return how many entries the witness has cosigned.

    Each of its checkpoints is compared with the log as it lies here.

    Raises:
        EvidenceError: The log is not the one that was cosigned.
    """
    largest = 0
    for path in anchors_folder(home).glob("*.checkpoint"):
        note = path.read_text(encoding="utf-8")
        head = read_checkpoint(note)[0]
        # Of a former witness, perhaps: it proves nothing about this one.
        if cosignature_time(note, witness.key, witness.name) is None:
            continue

        here = ledger.head()
        is_prefix = here is not None and here.size >= head.size
        if not is_prefix or ledger.root_hash(head.size) != head.root_hash:
            raise EvidenceError(
                f"witness {witness.name}",
                expected=f"the log that it cosigned at {head.size} entries",
                found="another",
                remedy=(
                    "This copy was rolled back or forked: find out which copy is the true one."
                ),
            )
        largest = max(largest, head.size)
    return largest


def _add_checkpoint(
    url: str, ledger: Ledger, head: Checkpoint, note: str, old: int
) -> tuple[int, str]:
    """Post a checkpoint with its consistency proof from `old`; return status and text."""
    # A witness that saw more than this log has refuses by the size: there is no proof to a smaller
    # tree.
    old = min(old, head.size)
    # There is no proof from an empty log, and none is needed to the same size.
    proof = ledger.consistency(old, head.size) if 0 < old < head.size else ()
    lines = [f"old {old}", *(base64.b64encode(step).decode() for step in proof)]
    body = ("\n".join(lines) + "\n\n" + note).encode()

    request = urllib.request.Request(f"{url.rstrip('/')}/add-checkpoint", body)
    try:
        status, answer = post(request, timeout=TIMEOUT_SECONDS)
        return status, answer.decode("utf-8", "strict" if status == SIGNED else "replace")
    except (OSError, UnicodeDecodeError) as error:
        raise service_down("witness", type(error).__name__) from error


def _largest_cosigned(folder: Path) -> int:
    return max((int(path.stem) for path in folder.glob("*.checkpoint")), default=0)
