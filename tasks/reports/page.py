"""What a page holds, and how it is written.

The same content gives the same bytes. A page loads nothing from elsewhere: it is read years later,
and from machines without a network.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import Field, model_validator

from tasks.config.strict import StrictModel
from tasks.config.words import NO_WORDS, Words
from tasks.gates import Check, Outcome, format_number
from tasks.reports.cells import Cell
from tasks.reports.wording import name_columns, note_on_outcomes

# Failures first: what a reader has to act upon comes before what is in order.
GRAVEST_FIRST = (Outcome.FAIL, Outcome.UNDECIDED, Outcome.PASS, Outcome.NOT_MEASURED)
MOST_FIRST = 12  # checks before the first picture
# Of another stage's page at most: a link never leaves the folder that a release is shown in.
RELATIVE = r"^(\.\./[a-z_]+/page/|pages/)?[\w.-]+\.png$"


class Figure(StrictModel):
    """A PNG, named relative to the page, with a caption that says what to see in it."""

    kind: Literal["figure"] = "figure"
    file: str = Field(pattern=RELATIVE)
    title: str
    caption: str = ""


class Table(StrictModel):
    """A table of short cells.

    Numbers arrive formatted: the stage knows how many digits its data carries. Every row has as
    many cells as `head`, and its first cell names it.
    """

    kind: Literal["table"] = "table"
    title: str = ""
    head: tuple[str, ...] = Field(min_length=1)
    rows: tuple[tuple[Cell, ...], ...]

    @model_validator(mode="after")
    def _rows_fit_head(self) -> "Table":
        if any(len(row) != len(self.head) for row in self.rows):
            raise ValueError(f"every row must have {len(self.head)} cells, as the head has")
        return self


class Dot(StrictModel):
    """One check in a drawing of margins.

    `place` is where it lies: 0 at its limit, 1 and beyond at the far end of what meets it, -1 of
    what misses it. `text` is shown to who points at it.
    """

    outcome: Outcome
    place: float = Field(ge=-1, le=1)
    text: str


class MarginsRow(StrictModel):
    """The checks of one gate in a drawing of margins; `said` tells them to who cannot see it."""

    name: Cell
    said: str
    dots: tuple[Dot, ...]


class Margins(StrictModel):
    """A drawing of how far checks lie from their limits; drawn by the page itself."""

    kind: Literal["margins"] = "margins"
    title: str
    caption: str
    rows: tuple[MarginsRow, ...] = Field(min_length=1)


class Section(StrictModel):
    """A heading, paragraphs that say what to know, and the tables and figures that show it.

    `points` are a list below the paragraphs, `commands` lines to be copied into a terminal.
    """

    heading: str
    text: tuple[Cell, ...] = ()
    points: tuple[Cell, ...] = ()
    commands: tuple[str, ...] = ()
    parts: tuple[Figure | Table | Margins, ...] = ()


class Banner(StrictModel):
    """What a release came to, in a word and a few lines."""

    outcome: Outcome
    title: str
    lines: tuple[str, ...] = ()


class Page(StrictModel):
    """A report. What does not pass is shown first, then `opening`, then all other checks.

    A page of a stage names its use case, and links back to the page of the release; a page of a
    release that is listed links to the list. Where a page has no banner, its checks make one.
    `words` are shown in the names of checks.
    """

    title: str
    case: str = ""
    is_release: bool = False
    is_listed: bool = False
    lead: str = ""
    banner: Banner | None = None
    opening: tuple[Figure, ...] = ()
    checks: tuple[Check, ...] = ()
    sections: tuple[Section, ...] = ()
    words: Words = NO_WORDS


def write_page(folder: Path, page: Page) -> Path:
    """Write `page` as `folder/index.html` and return that path; its figures must be there.

    Raises:
        FileNotFoundError: A figure that the page names is not there.
    """
    parts = (*page.opening, *(part for section in page.sections for part in section.parts))
    for part in parts:
        if isinstance(part, Figure) and not (folder / part.file).is_file():
            raise FileNotFoundError(folder / part.file)

    path = folder / "index.html"
    path.write_text(render_page(page), encoding="utf-8")
    return path


def page_style() -> str:
    """Return the style sheet of every page, for pages that are made elsewhere."""
    return (Path(__file__).parent / "page.css").read_text(encoding="utf-8")


def render_page(page: Page) -> str:
    """Return the text of a page."""
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
    environment.globals["measure_of"] = lambda check: name_columns(
        check.measure, check.about, page.words
    )
    # A cell that is an outcome is shown in its colour, in any table.
    environment.globals["outcomes"] = {
        **{outcome.text: outcome.value for outcome in Outcome},
        "registered": Outcome.PASS.value,
        "blocked": Outcome.FAIL.value,
    }

    # `sorted` keeps the order of equals: within an outcome, checks stay as the gate has them.
    ordered = sorted(page.checks, key=lambda check: GRAVEST_FIRST.index(check.outcome))
    blocking = [check for check in ordered if check.outcome.is_blocking]
    # A picture comes before a long table: then only what failed comes first, if that is short.
    first = blocking
    if len(blocking) > MOST_FIRST:
        failed = [check for check in blocking if check.outcome is Outcome.FAIL]
        first = failed if len(failed) <= MOST_FIRST else []
    later = blocking[len(first) :]
    others = [check for check in ordered if not check.outcome.is_blocking]
    text = environment.get_template("page.html.jinja").render(
        page=page,
        banner=page.banner or _banner_of(ordered),
        note=note_on_outcomes(page.words),
        first=first,
        later=later,
        others=others,
        counted=count_outcomes(others),
    )
    # What a macro leaves of its own lines is no content.
    return "\n".join(line for line in text.splitlines() if line.strip()) + "\n"


def _banner_of(checks: Sequence[Check]) -> Banner | None:
    """Return what a gate came to, by its checks; None for a page without any."""
    if not checks:
        return None
    outcome = Outcome.worst(check.outcome for check in checks)
    noun = "check" if len(checks) == 1 else "checks"
    title = f"This gate: {outcome.text}"
    return Banner(
        outcome=outcome, title=title, lines=(f"{len(checks)} {noun}: {count_outcomes(checks)}.",)
    )


def count_outcomes(checks: Sequence[Check]) -> str:
    """Return how many checks there are of each outcome: "40 pass, 2 not measured"."""
    counts = Counter(check.outcome for check in checks)
    return ", ".join(
        f"{counts[outcome]} {outcome.text}" for outcome in GRAVEST_FIRST if counts[outcome]
    )
