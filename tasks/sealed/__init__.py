"""Datasets at rest: every row sealed under its own subject's key, so that destroying the key erases every version.

Names are imported when they are first used: who only asks how many people were erased needs no pandas.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tasks.keystore.keys import ErasedError, KeyStore, Retention, open_keys
    from tasks.sealed.rows import Opened, SealedWriter, iter_rows, read_rows, write_rows

PLACES = {
    "keys": ("ErasedError", "KeyStore", "Retention", "open_keys"),
    "rows": ("Opened", "SealedWriter", "iter_rows", "read_rows", "write_rows"),
}
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


def __getattr__(name: str) -> Any:
    for module, names in PLACES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
