"""Datasets at rest: every row sealed under its own subject's key, so that destroying the key erases every version."""

from tasks.sealed.keys import ErasedError, KeyStore, Retention, open_keys
from tasks.sealed.rows import Opened, SealedWriter, iter_rows, read_rows, write_rows

__all__ = [
    "ErasedError",
    "KeyStore",
    "Opened",
    "Retention",
    "SealedWriter",
    "iter_rows",
    "open_keys",
    "read_rows",
    "write_rows",
]
