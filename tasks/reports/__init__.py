"""Pages for people: one look for every stage's report, a folder with `index.html` and PNG figures.

What a page says is decided by the stage that makes it; this room only knows how it looks.

May import: `tasks.config`, `tasks.gates`.
"""

from tasks.reports.figures import figure, panels
from tasks.reports.page import (
    Banner,
    Dot,
    Figure,
    Link,
    Margins,
    MarginsRow,
    Page,
    Section,
    Table,
    count_outcomes,
    format_number,
    render_page,
    write_page,
)

__all__ = [
    "Banner",
    "Dot",
    "Figure",
    "Link",
    "Margins",
    "MarginsRow",
    "Page",
    "Section",
    "Table",
    "count_outcomes",
    "figure",
    "format_number",
    "panels",
    "render_page",
    "write_page",
]
