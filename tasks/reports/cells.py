"""What stands in a cell of a table, or in a line of text: plain text, a link, a column's label."""

from pydantic import Field

from tasks.config.strict import StrictModel


class Link(StrictModel):
    """Text that leads to another page beside this one."""

    text: str
    # To the index of a page beside this one or of a use case below it, and nowhere else: neither an
    # address of a network nor a script can be a link.
    href: str = Field(pattern=r"^(\.\./[a-z_]+(/[a-z_]+)?|[a-z][a-z0-9_]*/report)/index\.html$")


class Term(StrictModel):
    """What people call a column, and the name by which data and configuration know it."""

    text: str
    name: str


Cell = str | Link | Term
