"""A log made of small entries."""

from pathlib import Path

from tasks.attestation.signing_keys import LocalSigner
from tasks.ledger.ledger import Ledger
from tasks.ledger.pin import Pin
from tasks.ledger.sqlite_store import SqliteStore
from tasks.ledger.tiles import Record


class SmallLog:
    """A ledger of entries `0`, `1`, … in a folder."""

    origin = "portcullis/test"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.signer = LocalSigner.make(folder / "log.pem")
        self.ledger = self.open()

    def open(self) -> Ledger:
        return Ledger(SqliteStore(self.folder / "ledger.db"), Pin(self.folder / "ledger.pin"))

    @property
    def size(self) -> int:
        """How many entries it has."""
        head = self.ledger.head()
        return head.size if head else 0

    @property
    def note(self) -> str:
        """Its signed checkpoint, as it is stored."""
        note = self.ledger.store.head()
        assert note is not None
        return note

    def add(self, count: int = 1, ledger: Ledger | None = None) -> int:
        ledger = ledger or self.ledger
        head = ledger.head()
        start = head.size if head else 0
        bodies = [b"body %d" % (start + number) for number in range(count)]
        entries = [(Record.of(b"payload of " + body, body), body) for body in bodies]
        return ledger.append(entries, self.signer, self.origin)
