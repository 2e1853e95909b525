"""A process that appends until it is killed.

Prints each index after it was told that it is stored.
"""

import sys
from pathlib import Path

from tasks.attestation.signing_keys import LocalSigner
from tasks.ledger.ledger import Ledger
from tasks.ledger.pin import Pin
from tasks.ledger.tiles import Record
from tasks.notary.notary import open_store
from tests.installations import installation_with_home

folder, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
ledger = Ledger(open_store(installation_with_home(folder)), Pin(folder / "ledger.pin"))
signer = LocalSigner.make(folder / "log.pem")
for number in range(count):
    body = f"{name} {number} ".encode() + b"x" * 2000
    index = ledger.append(
        [(Record.of(b"payload of " + body, body), body)], signer, "portcullis/test"
    )
    print(index, flush=True)  # noqa: T201 - what it is for
