"""What each stage of a release took: a table for people, in the terminal and on Prefect's pages.

Timings are no evidence: they differ from run to run. They stand in no statement, no report and no
lock file, and in no file of ours at all: in the process of the flow while it runs, on the terminal,
and as one artifact of the flow run in Prefect's database, which goes with the run or by
`prefect artifact delete`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tasks.pipeline.runner import StageResult

if TYPE_CHECKING:
    from rich.console import Console

HEADINGS = ("stage", "", "s", "CPU s", "rows", "rows/s", "peak MiB")
NOT_MEASURED = "-"  # not zero: nobody has measured it
NOTE = "(n): not run; n seconds is what the run took that made it, by the times signed for it"


def timing_cells(results: Sequence[StageResult]) -> list[tuple[str, ...]]:
    """Return a row of texts for each stage, by `HEADINGS`, and one of the sum.

    Of memory the sum is the largest, not the sum: two stages hold it one after the other. What an
    unchanged stage took once stands in brackets, and is in no sum.
    """
    rows = [
        (
            result.stage,
            "ran" if result.changed else "unchanged",
            _seconds_of(result),
            _shown(result.cpu_seconds, ".1f"),
            _shown(result.rows, ",d"),
            _shown(_rate_of(result), ",.0f"),
            _shown(result.peak_mib, ",.0f"),
        )
        for result in results
    ]

    # Of what nobody has measured nothing is summed: a sum of nothing is not zero.
    seconds = [result.seconds for result in results if result.seconds is not None]
    cpu_seconds = [result.cpu_seconds for result in results if result.cpu_seconds is not None]
    peaks = [result.peak_mib for result in results if result.peak_mib is not None]
    whole = (
        "all",
        f"{sum(result.changed for result in results)} ran",
        _shown(sum(seconds) if seconds else None, ".1f"),
        _shown(sum(cpu_seconds) if cpu_seconds else None, ".1f"),
        "",
        "",
        _shown(max(peaks, default=None), ",.0f"),
    )
    return [*rows, whole]


def timing_values(results: Sequence[StageResult]) -> list[dict[str, Any]]:
    """Return the same as JSON values, with None for what nobody has measured."""
    return [
        {
            "stage": result.stage,
            "ran": result.changed,
            "seconds": result.seconds,
            "secondsWhenMade": result.made_seconds,
            "cpuSeconds": result.cpu_seconds,
            "rows": result.rows,
            "rowsPerSecond": _rate_of(result),
            "peakMiB": result.peak_mib,
        }
        for result in results
    ]


def print_timings(console: "Console", results: Sequence[StageResult]) -> None:
    """Print what each stage took, unless none was asked for."""
    from rich.table import Table

    if not results:
        return
    # Without lines between the columns: a million rows have room in sixty.
    table = Table(title="Time and memory", title_justify="left", box=None, padding=(0, 1, 0, 0))
    for place, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="right" if place > 1 else "left", no_wrap=True)
    *stages, whole = timing_cells(results)
    for cells in stages:
        table.add_row(*cells)
    table.add_row(*whole, style="bold")
    console.print(table)
    if any(result.made_seconds is not None for result in results):
        console.print(NOTE)


def describe_timings(results: Sequence[StageResult]) -> str:
    """Return the table as Markdown; its texts are names of stages and figures alone."""
    lines = [HEADINGS, ("---",) * 2 + ("--:",) * 5, *timing_cells(results)]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    is_noted = any(result.made_seconds is not None for result in results)
    return f"{table}\n\n{NOTE}" if is_noted else table


def _seconds_of(result: StageResult) -> str:
    if result.seconds is None and result.made_seconds is not None:
        return f"({result.made_seconds})"
    return _shown(result.seconds, ".1f")


def _rate_of(result: StageResult) -> float | None:
    # Of a stage that took less than its clock tells there is no rate.
    if result.rows is None or not result.seconds:
        return None
    return result.rows / result.seconds


def _shown(figure: float | None, form: str) -> str:
    return NOT_MEASURED if figure is None else format(figure, form)
