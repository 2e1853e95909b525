"""Evidence: what was done, signed by the worker and kept in a ledger that cannot be edited unnoticed.

Stands on the standard library and `cryptography` alone, so that an outsider can check it with little. What an offline
verifier needs is imported without the rest: names here are looked up when they are asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tasks.evidence.notary import Notary, Recorded, open_ledger, open_notary, trusted_root
    from tasks.evidence.statement import Artefact, Statement

__all__ = ["Artefact", "Notary", "Recorded", "Statement", "open_ledger", "open_notary", "trusted_root"]


def __getattr__(name: str) -> Any:
    """Import what is asked for."""
    if name not in __all__:
        raise AttributeError(name)
    if name in ("Artefact", "Statement"):
        from tasks.evidence import statement as module
    else:
        from tasks.evidence import notary as module  # type: ignore[no-redef] # the other of two modules
    return getattr(module, name)
