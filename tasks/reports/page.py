"""What a page holds, and how it is written: the same bytes for the same content, nothing loaded from elsewhere."""

from pathlib import Path
from typing import Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import BaseModel, ConfigDict, Field

from tasks.gates import Check


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Figure(_Part):
    """A PNG beside the page, named relative to it, with a caption that says what to see in it."""

    kind: Literal["figure"] = "figure"
    file: str = Field(pattern=r"^[\w.-]+\.png$")
    title: str
    caption: str = ""


class Table(_Part):
    """A table of short cells; numbers arrive formatted, so that the page says what the report says."""

    kind: Literal["table"] = "table"
    title: str = ""
    head: tuple[str, ...] = Field(min_length=1)
    rows: tuple[tuple[str, ...], ...]


class Section(_Part):
    """A heading, what to know, and the tables and figures that show it."""

    heading: str
    text: tuple[str, ...] = ()
    parts: tuple[Figure | Table, ...] = ()


class Page(_Part):
    """A stage's report. `checks`, where given, are shown first: the outcome is what a reader came for."""

    title: str
    lead: str = ""
    checks: tuple[Check, ...] = ()
    sections: tuple[Section, ...] = ()


def write_page(folder: Path, page: Page) -> Path:
    """Write `page` as `folder/index.html` and return that path; its figures must already be in `folder`.

    Raises:
        FileNotFoundError: A figure that the page names is not there.
    """
    for section in page.sections:
        for part in section.parts:
            if isinstance(part, Figure) and not (folder / part.file).is_file():
                raise FileNotFoundError(folder / part.file)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    path = folder / "index.html"
    path.write_text(environment.get_template("page.html.jinja").render(page=page), encoding="utf-8")
    return path
