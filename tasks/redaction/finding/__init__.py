"""Find personal data in texts without knowing whose they are.

Names come from a recogniser that rules mend and extend; everything else is known by its form
(`patterns/`). Everything here works on one text at a time and keeps nothing of it.

May import: `tasks.redaction`, `tasks.redaction.ner`, `tasks.formats`, `tasks.errors`.
"""

from tasks.redaction.finding.finder import FastFinder

__all__ = ["FastFinder"]
