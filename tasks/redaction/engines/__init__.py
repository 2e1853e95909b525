"""How rows are redacted chunk by chunk, on an engine that masks their texts (`tasks.engines`).

What comes out is the same on every engine, row by row.

May import: `tasks.config`, `tasks.engines`, `tasks.redaction`,
`tasks.redaction.columns`, `tasks.redaction.linking`.
"""

from tasks.redaction.engines.masking import Masking

__all__ = ["Masking"]
