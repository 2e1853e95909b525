"""A page says what it was given and nothing else: escaped, self-contained, the same bytes twice."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.gates import at_least
from tasks.reports import Figure, Page, Section, Table, figure, write_page
from tasks.reports.page import format_number
from tasks.stages.train.checks import TrainCheck


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


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (1, "1"), (1989.0, "1,989"), (0.9154321, "0.9154"), (2e-6, "0.0000"),
        (-0.12923, "-0.1292"), (1.00712, "1.007"), (34.5678, "34.57"), (12345.6, "12,346"),
        (math.inf, "not finite"), (math.nan, "not finite"),
    ],
)  # fmt: skip
def test_numbers_are_written_as_people_read_them(value: float, text: str) -> None:
    assert format_number(value) == text


@given(st.floats(-1e9, 1e9))
def test_a_number_never_has_an_exponent_and_is_off_by_little(value: float) -> None:
    text = format_number(value)
    assert "e" not in text
    assert float(text.replace(",", "")) == pytest.approx(value, rel=1e-3, abs=5e-5)


def test_what_opens_a_page_comes_before_its_checks_and_has_to_be_there(tmp_path: Path) -> None:
    opening = (Figure(file="all.png", title="All"),)
    page = Page(title="Title", opening=opening, checks=checked_page().checks)
    with pytest.raises(FileNotFoundError):
        write_page(tmp_path, page)

    (tmp_path / "all.png").write_bytes(b"")
    text = write_page(tmp_path, page).read_text(encoding="utf-8")
    assert text.index("all.png") < text.index("<h2>Checks")
