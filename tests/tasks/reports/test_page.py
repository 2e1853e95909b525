"""A page says what it was given and nothing else: escaped, self-contained, the same bytes twice."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from tasks.gates import Outcome, at_least
from tasks.reports import (
    Dot,
    Figure,
    Link,
    Margins,
    MarginsRow,
    Page,
    Section,
    Table,
    figure,
    write_page,
)
from tasks.stages.train.checks import TrainCheck
from tests.tasks.reports.test_figures import relative_luminance


def page_with(*parts: Figure | Table, text: tuple[str, ...] = ()) -> Page:
    return Page(title="Title", sections=(Section(heading="Heading", text=text, parts=parts),))


def write(folder: Path, page: Page) -> str:
    return write_page(folder, page).read_text(encoding="utf-8")


def checked_page() -> Page:
    return Page(
        title="Title",
        checks=(at_least(TrainCheck.AUC_LOWER_END, "AUC", 0.7, 0.8, interval=(0.65, 0.75)),),
    )


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    assert write(tmp_path, checked_page()) == write(tmp_path, checked_page())


def test_why_and_what_would_decide_are_two_clauses(tmp_path: Path) -> None:
    check = replace(
        at_least(TrainCheck.AUC_LOWER_END, "AUC", None, 0.8, reason="few rows"),
        would_decide="about 200 would",
    )
    assert "<td>few rows; about 200 would</td>" in write(
        tmp_path, Page(title="Title", checks=(check,))
    )


@pytest.mark.parametrize(
    "page",
    [
        Page(title="<b>"),
        Page(title="Title", lead="<b>"),
        page_with(text=("<b>",)),
        page_with(Table(head=("<b>",), rows=())),
        page_with(Table(head=("Group",), rows=(("<b>",),))),
        page_with(Table(title="<b>", head=("Group",), rows=())),
        Page(title="Title", checks=(at_least(TrainCheck.AUC_LOWER_END, "<b>", 1, 0),)),
        Page(
            title="Title", checks=(at_least(TrainCheck.AUC_LOWER_END, "AUC", 1, 0, reason="<b>"),)
        ),
    ],
)
def test_whatever_a_page_is_given_is_escaped(tmp_path: Path, page: Page) -> None:
    text = write(tmp_path, page)
    assert "&lt;b&gt;" in text
    assert "<b>" not in text


def test_a_page_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    text = write(tmp_path, checked_page())
    for forbidden in ("http", "<script", "<link", "@import", "url("):
        assert forbidden not in text


def test_a_check_shows_its_outcome_value_interval_and_limit(tmp_path: Path) -> None:
    text = write(tmp_path, checked_page())
    assert 'class="outcome fail">fail<' in text
    assert "0.7000 <span" in text
    assert "[0.6500, 0.7500]" in text
    assert "≥ 0.8" in text


def test_a_check_without_a_value_says_so(tmp_path: Path) -> None:
    page = Page(
        title="Title",
        checks=(at_least(TrainCheck.AUC_LOWER_END, "AUC", None, 0.8, reason="no rows"),),
    )
    text = write(tmp_path, page)
    assert "not measured" in text
    assert "undecided" in text


def test_checks_come_before_all_else(tmp_path: Path) -> None:
    page = page_with(Table(head=("Group",), rows=()))
    text = write(tmp_path, page.model_copy(update={"checks": checked_page().checks}))
    assert text.index("<h2>Checks") < text.index("<h2>Heading")


def test_a_figure_is_shown_with_its_caption_and_its_title_for_those_who_cannot_see_it(
    tmp_path: Path,
) -> None:
    with figure(tmp_path / "rates.png"):
        pass
    text = write(tmp_path, page_with(Figure(file="rates.png", title="Rates", caption="By group.")))
    assert '<img src="rates.png" alt="Rates">' in text
    assert "By group." in text


def test_a_page_with_a_missing_figure_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"gone\.png"):
        write_page(tmp_path, page_with(Figure(file="gone.png", title="Gone")))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("file", ["../a.png", "http://x/a.png", "a.svg", "a b.png"])
def test_a_figure_lies_beside_its_page(file: str) -> None:
    with pytest.raises(ValidationError):
        Figure(file=file, title="Title")


@pytest.mark.parametrize("row", [("b",), ("b", "0.5", "more")])
def test_a_row_has_as_many_cells_as_the_head(row: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError, match="2 cells"):
        Table(head=("Group", "Rate"), rows=(row,))


def test_failures_come_first_then_what_opens_the_page_then_all_other_checks(
    tmp_path: Path,
) -> None:
    opening = (Figure(file="all.png", title="All"),)
    passed = at_least(TrainCheck.AUC_LOWER_END, "another", 0.9, 0.8)
    page = Page(title="Title", opening=opening, checks=(passed, *checked_page().checks))
    with pytest.raises(FileNotFoundError):
        write_page(tmp_path, page)

    (tmp_path / "all.png").write_bytes(b"")
    text = write_page(tmp_path, page).read_text(encoding="utf-8")
    order = ["<h2>Checks that do not pass", "all.png", "<h2>Checks that pass", ">another<"]
    assert sorted(order, key=text.index) == order


@pytest.mark.parametrize(("failed", "is_table_first"), [(1, True), (20, False)])
def test_a_picture_comes_before_a_long_table(
    tmp_path: Path, failed: int, is_table_first: bool
) -> None:
    (tmp_path / "all.png").write_bytes(b"")
    fails = [at_least(TrainCheck.AUC_LOWER_END, f"low {i}", 0.5, 0.8) for i in range(failed)]
    doubts = [at_least(TrainCheck.AUC_LOWER_END, f"few {i}", None, 0.8) for i in range(30)]
    opening = (Figure(file="all.png", title="All"),)
    text = write(tmp_path, Page(title="T", opening=opening, checks=(*doubts, *fails)))
    assert (text.index(">low 0<") < text.index("all.png")) is is_table_first
    assert text.index("all.png") < text.index(">few 0<")
    assert text.index(">low 0<") < text.index(">few 0<")
    assert text.count("<h2>Checks that do not pass") == 1


def test_a_page_of_a_stage_links_back_to_its_release_and_no_other_page_does(
    tmp_path: Path,
) -> None:
    link = 'href="../../report/index.html"'
    assert link in write(tmp_path, Page(title="Title", case="loan"))
    assert link not in write(tmp_path, Page(title="Title"))
    assert link not in write(tmp_path, Page(title="Title", case="loan", is_release=True))


@pytest.mark.parametrize(
    "href", ["https://example.org", "javascript:alert(1)", "/etc/passwd", "../../../x/index.html"]
)
def test_a_link_leads_to_a_page_of_the_same_release_or_nowhere(href: str) -> None:
    with pytest.raises(ValidationError):
        Link(text="x", href=href)
    with pytest.raises(ValidationError):
        Figure(file=href, title="x")


def test_a_page_can_be_read_by_those_who_do_not_see_it(tmp_path: Path) -> None:
    table = Table(title="Rates", head=("Group", "Rate"), rows=(("a", "1"),))
    text = write(tmp_path, page_with(table))
    assert '<html lang="en">' in text
    assert '<a class="skip" href="#main">' in text
    assert '<th scope="col">Group</th>' in text
    assert '<th scope="row">a</th>' in text
    # A table that is wider than a phone scrolls by itself, also from the keyboard.
    assert '<div class="scroll" role="region" aria-label="Rates" tabindex="0">' in text


def test_every_colour_of_text_stands_out_from_its_paper_by_day_and_by_night(
    tmp_path: Path,
) -> None:
    """WCAG 2.2, criterion 1.4.3: a contrast of 4.5 to 1."""
    text = write(tmp_path, page_with())
    for block in re.findall(r":root \{([^}]*)\}", text):
        colours = dict(re.findall(r"--(\w+): (#\w+)", block))
        for name in ("ink", "soft", "link", "pass", "fail", "undecided"):
            for paper in ("paper", "raised"):
                assert contrast(colours[name], colours[paper]) >= 4.5, (name, paper)


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, by the definition of WCAG 2.2."""
    # `#fff` is short for `#ffffff`.
    wide = [colour if len(colour) == 7 else f"{colour}{colour[1:]}" for colour in (one, other)]
    low, high = sorted(map(relative_luminance, wide))
    return (high + 0.05) / (low + 0.05)


def test_a_drawing_of_margins_says_what_it_shows_and_escapes_it(tmp_path: Path) -> None:
    dots = (
        Dot(outcome=Outcome.PASS, place=0.5, text="<b>: 1"),
        Dot(outcome=Outcome.FAIL, place=-1, text="low"),
        Dot(outcome=Outcome.UNDECIDED, place=0, text="few"),
    )
    row = MarginsRow(name="train", said="train: 1 fail", dots=dots)
    drawing = Margins(title="Margins", caption="All.", rows=(row,))
    text = write(tmp_path, Page(title="T", sections=(Section(heading="H", parts=(drawing,)),)))
    assert 'aria-label="train: 1 fail"' in text
    assert "<title>&lt;b&gt;: 1</title>" in text
    assert text.count("<circle") == 1
    assert text.count('<path class="fail"') == 1
    assert text.count('<path class="undecided"') == 1
