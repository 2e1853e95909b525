"""What each stage took: figures as they were reported, and "not measured" as such."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from flows.steps.progress import ReleaseProgress
from flows.steps.timings import (
    NOTE,
    describe_timings,
    print_timings,
    timing_cells,
    timing_values,
)
from tasks.pipeline.runner import StageResult

INGEST = StageResult("ingest", True, 12.5, 640.4, cpu_seconds=20.25, rows=1_000_000)
TRAIN = StageResult("train", False, None, None)
REGISTER = StageResult("register", True, 0.0, 90.0, cpu_seconds=0.1, rows=None)


def test_figures_stand_as_they_were_reported_and_what_nobody_measured_is_no_zero() -> None:
    assert timing_cells([INGEST, TRAIN, REGISTER]) == [
        ("ingest", "ran", "12.5", "20.2", "1,000,000", "80,000", "640"),
        ("train", "unchanged", "-", "-", "-", "-", "-"),
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
        "secondsWhenMade": None,
        "cpuSeconds": None,
        "rows": None,
        "rowsPerSecond": None,
        "peakMiB": None,
    }


def test_what_the_run_took_that_made_an_unchanged_stage_stands_in_brackets_and_in_no_sum() -> None:
    made = replace(TRAIN, made_seconds=75)
    _, train, whole = timing_cells([INGEST, made])
    assert train == ("train", "unchanged", "(75)", "-", "-", "-", "-")
    assert whole[2] == "12.5"
    (values,) = timing_values([made])
    assert (values["seconds"], values["secondsWhenMade"]) == (None, 75)


def test_brackets_are_explained_where_there_are_any() -> None:
    for results, is_noted in (([TRAIN], False), ([replace(TRAIN, made_seconds=0)], True)):
        stream = io.StringIO()
        print_timings(Console(file=stream, width=100), results)
        assert ("(n): not run;" in stream.getvalue()) is is_noted
        assert (NOTE in describe_timings(results)) is is_noted


def test_only_stages_that_did_not_run_take_what_was_signed_of_another_run() -> None:
    progress = ReleaseProgress()
    for result in (INGEST, TRAIN):
        progress.note_result(result)
    progress.note_made({"ingest": 9, "train": 75, "explain": 3})
    assert progress.results == (INGEST, replace(TRAIN, made_seconds=75))


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
