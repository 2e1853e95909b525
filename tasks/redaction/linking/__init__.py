"""Row link: the columns of a row say who the row is about, so search its text for exactly that person."""

from tasks.redaction.linking.linker import KINDS, RowLinker

__all__ = ["KINDS", "RowLinker"]
