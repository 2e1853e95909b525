"""Row link: the columns of a row say who the row is about, so search its text for that person.

May import: `tasks.redaction`, `tasks.redaction.finding`, `tasks.redaction.finding.patterns`.
"""

from tasks.redaction.linking.linker import KINDS, RowLinker

__all__ = ["KINDS", "RowLinker"]
