"""A figure is a PNG of its own, the same bytes for the same data, or no file at all."""

from pathlib import Path

import pytest
from PIL import Image

from tasks.reports import figure, panels
from tasks.reports.figures import ACCENT, CYCLE, INK, SECOND, WARN


def relative_luminance(colour: str) -> float:
    """Return the relative luminance of `#rrggbb`, by the definition of WCAG 2.2."""
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [
        channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
        for channel in channels
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def draw(path: Path) -> Path:
    with figure(path) as axes:
        axes.plot([0, 1], [1, 0])
    return path


def test_the_same_data_gives_the_same_bytes(tmp_path: Path) -> None:
    assert draw(tmp_path / "a.png").read_bytes() == draw(tmp_path / "b.png").read_bytes()


def test_a_figure_has_the_declared_size(tmp_path: Path) -> None:
    with figure(tmp_path / "a.png", width=4, height=3):
        pass
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (440, 330)


def test_panels_share_the_upright_axis(tmp_path: Path) -> None:
    with panels(tmp_path / "a.png", 3) as (first, *others):
        first.set_ylim(0, 7)
        assert [axes.get_ylim() for axes in others] == [(0, 7), (0, 7)]


def test_no_version_and_no_date_is_written_into_the_file(tmp_path: Path) -> None:
    with Image.open(draw(tmp_path / "a.png")) as image:
        assert not {"Software", "Creation Time", "date:create"} & set(image.info)


def test_a_figure_whose_drawing_fails_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), figure(tmp_path / "a.png"):
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())


def test_the_style_ends_with_the_figure(tmp_path: Path) -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    draw(tmp_path / "a.png")
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("colour", [INK, ACCENT, WARN, SECOND])
def test_colours_stand_out_from_white(colour: str) -> None:
    """WCAG 2.2, criterion 1.4.3: a contrast of 4.5 to 1."""
    assert 1.05 / (relative_luminance(colour) + 0.05) >= 4.5


def test_no_two_lines_of_a_figure_have_one_colour() -> None:
    assert len(set(CYCLE)) == len(CYCLE)
