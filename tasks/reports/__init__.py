"""Pages for people: one look for every stage's report, as a folder with `index.html` and its PNG figures."""

from tasks.reports.figures import figure
from tasks.reports.page import Figure, Page, Section, Table, write_page

__all__ = ["Figure", "Page", "Section", "Table", "figure", "write_page"]
