"""Pages for people: one look for every stage's report, a folder with `index.html` and PNG figures.

What a page says is decided by the stage that makes it; this room only knows how it looks.

May import: `tasks.config`, `tasks.gates`.
"""

from tasks.gates import format_number
from tasks.reports.cells import Cell, Link, Term
from tasks.reports.figures import figure, panels
from tasks.reports.page import (
    Banner,
    Dot,
    Figure,
    Margins,
    MarginsRow,
    Page,
    Section,
    Table,
    count_outcomes,
    page_style,
    render_page,
    write_page,
)
from tasks.reports.wording import column_cell, group_text, name_columns

__all__ = [
    "Banner",
    "Cell",
    "Dot",
    "Figure",
    "Link",
    "Margins",
    "MarginsRow",
    "Page",
    "Section",
    "Table",
    "Term",
    "column_cell",
    "count_outcomes",
    "figure",
    "format_number",
    "group_text",
    "name_columns",
    "page_style",
    "panels",
    "render_page",
    "write_page",
]
