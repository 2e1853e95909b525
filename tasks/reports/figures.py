"""Figures: matplotlib without a screen, one style, the same bytes for the same data."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, GRID, ACCENT, WARN, SECOND = "#22303c", "#d9e0e6", "#1f6f8b", "#b3402a", "#8a6d1d"
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
    "axes.prop_cycle": None,
    "legend.frameon": False,
}


@contextmanager
def figure(path: Path, *, width: float = 7.2, height: float = 4.2) -> Iterator["Axes"]:
    """Give one pair of axes to draw on, and save it to `path` as PNG when the block ends without an error.

    `width` and `height` are in inches. No creation date or version is written into the file.
    """
    import matplotlib as mpl
    from cycler import cycler
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    style = {
        **STYLE,
        "axes.prop_cycle": cycler(color=[ACCENT, WARN, SECOND, "#5a4b8b", "#3d7a4a", "#7a7f85"]),
    }
    with mpl.rc_context(style):
        drawing = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(drawing)
        yield drawing.add_subplot()
        drawing.savefig(path, format="png", metadata={"Software": None})
