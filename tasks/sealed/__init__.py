"""Datasets at rest: every row sealed under its own subject's key.

Destroying the key erases every version of a row at once. Names are imported when they are first
used: who only asks how many people were erased needs no pandas.

May import: `tasks.config`, `tasks.errors`, `tasks.guard`, `tasks.keystore`, `tasks.notary`,
`tasks.formats`, `tasks.secrets`, `tasks.system`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tasks.sealed.rows import Opened, SealedWriter, columns_in, iter_rows, read_rows, write_rows

__all__ = ["Opened", "SealedWriter", "columns_in", "iter_rows", "read_rows", "write_rows"]


# PEP 562: asked only for a name that the module does not have yet.
def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("tasks.sealed.rows"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
