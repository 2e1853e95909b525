"""Figures: matplotlib without a screen, one style, the same bytes for the same data.

A stage's pages are outputs of DVC, whose digests decide whether anything changed: a date or a
version in a file would make every run another one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# The colours of the pages, so that figures look like a part of them. All that are read, that is,
# all but GRID, keep a contrast of at least 4.5 to 1 on white (WCAG 2.2, criterion 1.4.3).
INK = "#22303c"
GRID = "#d9e0e6"
ACCENT = "#1f6f8b"
WARN = "#b3402a"
SECOND = "#8a6d1d"
CYCLE = (ACCENT, WARN, SECOND, "#5a4b8b", "#3d7a4a", "#7a7f85")

STYLE = {
    "figure.dpi": 110,
    "font.size": 10,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": GRID,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
}


@contextmanager
def figure(path: Path, *, width: float = 7.2, height: float = 4.2) -> Iterator["Axes"]:
    """Give one pair of axes to draw on, and save it to `path` as PNG when the block ends.

    `width` and `height` are in inches. Where the block raises, no file is written.
    """
    with panels(path, 1, width=width, height=height) as (axes,):
        yield axes


@contextmanager
def panels(
    path: Path, columns: int, *, width: float = 11.0, height: float = 4.2
) -> Iterator[tuple["Axes", ...]]:
    """Give several pairs of axes side by side, which share the upright one; else as `figure`."""
    # Imported here: a stage without figures starts without matplotlib.
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.rcsetup import cycler

    with mpl.rc_context({**STYLE, "axes.prop_cycle": cycler(color=CYCLE)}):
        # Not by pyplot, which keeps every figure and asks for a screen.
        drawing = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(drawing)
        yield tuple(drawing.subplots(1, columns, sharey=True, squeeze=False)[0])

        # Matplotlib would write its own version as `Software`.
        drawing.savefig(path, format="png", metadata={"Software": None})
