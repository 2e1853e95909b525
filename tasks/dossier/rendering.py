"""Write a page of a dossier as HTML: the look of all pages of this project, and no script."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from tasks.dossier.claims import Statable
from tasks.dossier.content import DossierPage
from tasks.dossier.drawing import draw_diagram
from tasks.reports import page_style

TEMPLATE = "dossier.html.jinja"


def render_dossier_page(page: DossierPage, case: str, about: str) -> str:
    """Return a page's text; the same content gives the same bytes.

    Args:
        page: What it holds.
        case: The use case.
        about: Which model, ledger and day it is of: a printed page is found again by it.
    """
    text = _template().render(page=page, case=case, about=about)
    # Blank lines are what the template's own commands leave behind.
    return "\n".join(line for line in text.splitlines() if line.strip()) + "\n"


@cache
def _template() -> Template:
    # Escaped always: names of groups, owners and answers come from data and people.
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        # Jinja's default prints nothing for a misspelt name: a claim would be gone from the page
        # unnoticed.
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["style"] = page_style()
    environment.globals["entries_of"] = _entries_of
    environment.globals["draw"] = draw_diagram
    return environment.get_template(TEMPLATE)


def _entries_of(answer: Statable) -> tuple[int, ...]:
    return tuple(sorted({reference.entry for reference in answer.references}))
