"""What each stage took: figures as they were reported, and "not measured" as such."""

import io

import pytest
from rich.console import Console

from flows.steps.progress import ReleaseProgress
from flows.steps.timings import describe_timings, print_timings, timing_cells, timing_values
from tasks.pipeline.runner import StageResult

INGEST = StageResult("ingest", True, 12.5, 640.4, cpu_seconds=20.25, rows=1_000_000)
TRAIN = StageResult("train", False, None, None)
REGISTER = StageResult("register", True, 0.0, 90.0, cpu_seconds=0.1, rows=None)


def test_figures_stand_as_they_were_reported_and_what_nobody_measured_is_no_zero() -> None:
    assert timing_cells([INGEST, TRAIN, REGISTER]) == [
        ("ingest", "ran", "12.5", "20.2", "1,000,000", "80,000", "640"),
        ("train", "cached", "-", "-", "-", "-", "-"),
        ("register", "ran", "0.0", "0.1", "-", "-", "90"),
        ("all", "2 ran", "12.5", "20.4", "", "", "640"),
    ]
    assert timing_cells([TRAIN])[-1] == ("all", "0 ran", "-", "-", "", "", "-")


def test_json_has_the_figures_themselves() -> None:
    ingest, train = timing_values([INGEST, TRAIN])
    assert ingest["rowsPerSecond"] == 80_000
    assert (ingest["seconds"], ingest["cpuSeconds"], ingest["peakMiB"]) == (12.5, 20.25, 640.4)
    assert train == {
        "stage": "train",
        "ran": False,
        "seconds": None,
        "cpuSeconds": None,
        "rows": None,
        "rowsPerSecond": None,
        "peakMiB": None,
    }


def test_results_stand_in_the_order_of_the_path_and_each_once() -> None:
    progress = ReleaseProgress()
    for result in (REGISTER, TRAIN, StageResult("ingest", False, None, None), INGEST):
        progress.note_result(result)
    assert progress.results == (INGEST, TRAIN, REGISTER)


@pytest.mark.parametrize(("width", "rows"), [(60, 1_000_000), (100, 10**9)])
def test_no_figure_is_cut_at_sixty_and_a_hundred_columns(width: int, rows: int) -> None:
    long = StageResult("alternatives", True, 1234.5, 2048.0, cpu_seconds=2345.6, rows=rows)
    stream = io.StringIO()
    print_timings(Console(file=stream, width=width, highlight=False), [INGEST, long])
    lines = stream.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert lines[3].split()[:5] == ["alternatives", "ran", "1234.5", "2345.6", f"{rows:,}"]
    assert lines[3].split()[-1] == "2,048"


def test_where_no_stage_was_asked_for_nothing_is_printed() -> None:
    stream = io.StringIO()
    print_timings(Console(file=stream), [])
    assert stream.getvalue() == ""


def test_markdown_is_one_table() -> None:
    lines = describe_timings([INGEST, TRAIN]).splitlines()
    assert len(lines) == 5
    assert {line.count("|") for line in lines} == {8}
