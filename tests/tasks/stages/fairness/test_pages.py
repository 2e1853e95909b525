"""The page: figures, tables and an honest trade-off curve, the same bytes twice."""

from pathlib import Path

import pytest

from tasks.stages.fairness.judging import judge_fairness
from tasks.stages.fairness.measuring import measure_fairness
from tasks.stages.fairness.pages import write_fairness_page
from tasks.stages.fairness.power import power_of_report
from tasks.stages.fairness.registered import AbsentFromTest
from tests.tasks.stages.fairness.portfolio import LIMITS, Rates, decisions, fairness_params

RATES: Rates = {"a": (300, 0.9), "b<i>": (100, 0.8), "c": (100, 0.2)}
FIGURES = ("decisions.png", "errors.png", "frontier.png")


def write(
    folder: Path, absent: tuple[AbsentFromTest, ...] = (), rates: Rates = RATES
) -> dict[str, bytes]:
    folder.mkdir()
    protected, rows = decisions(rates)
    params = fairness_params()
    report = measure_fairness(protected, rows, params)
    checks = judge_fairness(report, params, LIMITS)
    power = power_of_report(report, params, LIMITS)
    write_fairness_page(folder, "loan", report, checks, power, protected, rows, LIMITS, absent)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return write(tmp_path_factory.mktemp("pages") / "first")


def test_a_page_has_its_figures_and_is_the_same_bytes_twice(
    page: dict[str, bytes], tmp_path: Path
) -> None:
    assert set(page) == {"index.html", *FIGURES}
    assert write(tmp_path / "second") == page


def test_it_begins_with_the_few_failures_then_all_groups_at_a_glance(
    page: dict[str, bytes],
) -> None:
    text = page["index.html"].decode()
    parts = ("that do not pass", "decisions.png", "errors.png", "<h2>Undecided", "that pass")
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    outcomes = [part.split('"')[0] for part in text.split('class="outcome ')[1:]]
    assert outcomes[0] == "fail"
    assert outcomes == sorted(outcomes, key=["fail", "undecided", "pass"].index)


def test_it_says_what_so_many_rows_can_tell(page: dict[str, bytes]) -> None:
    text = page["index.html"].decode()
    assert "What so many rows can tell" in text
    assert "Blocked at parity" in text


def test_names_of_groups_are_escaped(page: dict[str, bytes]) -> None:
    text = page["index.html"].decode()
    assert "b&lt;i&gt; compared with a (race), 100 rows" in text
    assert "<i>" not in text


def test_a_group_that_is_not_in_the_test_part_has_its_line(tmp_path: Path) -> None:
    absent = (AbsentFromTest(attribute="race", group="d"),)
    text = write(tmp_path / "page", absent)["index.html"].decode()
    part = text[text.index("The registered model on people it never saw") :]
    line = part[part.index("d (race)") :].split("</tr>")[0]
    assert line.count("not measured") == 4


def test_a_privileged_group_that_is_worse_off_has_a_table_of_who_is_better_off(
    page: dict[str, bytes], tmp_path: Path
) -> None:
    rates: Rates = {"a": (300, 0.6), "b": (900, 0.9)}
    text = write(tmp_path / "page", rates=rates)["index.html"].decode()
    part = text[text.index("a compared with groups that are better off (race), 300 rows") :]
    assert "decline ratio, towards b" in part
    assert "decline ratio, at an approval rate of 0.5, towards b" in part
    assert "groups that are better off" not in page["index.html"].decode()
