"""Pages for people: one look for every stage's report, a folder with `index.html` and PNG figures.

What a page says is decided by the stage that makes it; this room only knows how it looks.

May import: `tasks.config`, `tasks.gates`.
"""

from tasks.reports.figures import figure, panels
from tasks.reports.page import Figure, Page, Section, Table, write_page

__all__ = ["Figure", "Page", "Section", "Table", "figure", "panels", "write_page"]
