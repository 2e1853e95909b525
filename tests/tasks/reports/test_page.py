from pathlib import Path

import pytest

from tasks.gates import at_least
from tasks.reports import Figure, Page, Section, Table, figure, write_page
from tasks.stages.train.judging import TrainCheck


def _page() -> Page:
    table = Table(head=("group", "rate"), rows=(("<b>", "0.5"),))
    return Page(
        title="T",
        checks=(at_least(TrainCheck.AUC_LOWER_END, "auc", 0.7, 0.8),),
        sections=(Section(heading="H", parts=(table,)),),
    )


def test_a_page_is_the_same_bytes_twice_and_escapes_what_it_shows(tmp_path: Path) -> None:
    first = write_page(tmp_path, _page()).read_bytes()
    assert write_page(tmp_path, _page()).read_bytes() == first
    assert b"&lt;b&gt;" in first
    assert b"<b>0.5" not in first
    assert b'class="outcome fail"' in first


def test_a_page_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    text = write_page(tmp_path, _page()).read_text()
    assert "http" not in text
    assert "<script" not in text


def test_a_page_with_a_missing_figure_is_not_written(tmp_path: Path) -> None:
    page = Page(
        title="T", sections=(Section(heading="H", parts=(Figure(file="gone.png", title="gone"),)),)
    )
    with pytest.raises(FileNotFoundError):
        write_page(tmp_path, page)
    assert not (tmp_path / "index.html").exists()


def test_a_figure_is_the_same_bytes_twice(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        with figure(tmp_path / name) as axes:
            axes.plot([0, 1], [1, 0])
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
