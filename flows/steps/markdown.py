"""Text from reports as Markdown shows it: as it stands, whatever it holds.

Prefect renders an artifact's Markdown with HTML in it, and a verdict's texts name groups and
columns of the data. A group called `<img src=…>` would be an element of the page, and one that
holds a line break and `## Registered` its heading.
"""

import re

from tasks.plain_text import one_line

# By entities, because where HTML is read an escaped `\<` is still the beginning of an element.
ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# Any ASCII punctuation may be escaped (CommonMark 0.31, 2.4). `.`, `:` and `@` make links of their
# own in GitHub's dialect, and `.` and `-` make lists; between digits they are parts of a figure.
SPECIAL = re.compile(r"""[&<>\\`*_{}\[\]()#+!|~@$^="]|(?<!\d)[.:\-]|[.:\-](?!\d)""")


def as_markdown(text: str) -> str:
    """Return `text` as one line of Markdown that shows it, also in the cell of a table."""
    return SPECIAL.sub(lambda match: ENTITIES.get(match[0], f"\\{match[0]}"), one_line(text))
