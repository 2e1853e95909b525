"""What a page holds, and how it is written.

The same content gives the same bytes. A page loads nothing from elsewhere: it is read years later,
and from machines without a network.
"""

import math
from pathlib import Path
from typing import Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import Field, model_validator

from tasks.config.strict import StrictModel
from tasks.gates import Check


class Figure(StrictModel):
    """A PNG beside the page, named relative to it, with a caption that says what to see in it."""

    kind: Literal["figure"] = "figure"
    file: str = Field(pattern=r"^[\w.-]+\.png$")
    title: str
    caption: str = ""


class Table(StrictModel):
    """A table of short cells.

    Numbers arrive formatted: the stage knows how many digits its data carries. Every row has as
    many cells as `head`.
    """

    kind: Literal["table"] = "table"
    title: str = ""
    head: tuple[str, ...] = Field(min_length=1)
    rows: tuple[tuple[str, ...], ...]

    @model_validator(mode="after")
    def _rows_fit_head(self) -> "Table":
        if any(len(row) != len(self.head) for row in self.rows):
            raise ValueError(f"every row must have {len(self.head)} cells, as the head has")
        return self


class Section(StrictModel):
    """A heading, paragraphs that say what to know, and the tables and figures that show it."""

    heading: str
    text: tuple[str, ...] = ()
    parts: tuple[Figure | Table, ...] = ()


class Page(StrictModel):
    """A stage's report. Checks are shown first: their outcome is what a reader came for.

    Where they are too many to read one by one, `opening` shows them at a glance before that.
    """

    title: str
    lead: str = ""
    opening: tuple[Figure, ...] = ()
    checks: tuple[Check, ...] = ()
    sections: tuple[Section, ...] = ()


def write_page(folder: Path, page: Page) -> Path:
    """Write `page` as `folder/index.html` and return that path; its figures must be in `folder`.

    Raises:
        FileNotFoundError: A figure that the page names is not there.
    """
    parts = (*page.opening, *(part for section in page.sections for part in section.parts))
    for part in parts:
        if isinstance(part, Figure) and not (folder / part.file).is_file():
            raise FileNotFoundError(folder / part.file)

    # Escaped always: group names and reasons come from data and configuration. A variable that the
    # template misspells is an error, not an empty place.
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = format_number
    text = environment.get_template("page.html.jinja").render(page=page)

    path = folder / "index.html"
    path.write_text(text, encoding="utf-8")
    return path


def format_number(value: float) -> str:
    """Return a check's value or an end of its interval as people read it: never with an exponent.

    Whole numbers and numbers from 1,000 on have no decimals, numbers from 1 on four significant
    digits, all others four decimals: ratios and differences of one table line up.
    """
    if not math.isfinite(value):
        return "not finite"
    if value == round(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}" if abs(value) >= 1 else f"{value:.4f}"
