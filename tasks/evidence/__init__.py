"""Evidence: what was done, signed by the worker and kept in a ledger that cannot be edited unnoticed.

Stands on the standard library and `cryptography` alone, so that an outsider can check it with little.
"""

from tasks.evidence.notary import Notary, Recorded, open_ledger, open_notary, trusted_root
from tasks.evidence.statement import Artefact, Statement

__all__ = ["Artefact", "Notary", "Recorded", "Statement", "open_ledger", "open_notary", "trusted_root"]
