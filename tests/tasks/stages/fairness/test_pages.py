"""The page: figures, tables and an honest trade-off curve, the same bytes twice."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.stages.fairness.judging import judge_fairness
from tasks.stages.fairness.measuring import measure_fairness
from tasks.stages.fairness.pages import _AttributeCodes, _trade_off, write_fairness_page
from tests.tasks.stages.fairness.portfolio import LIMITS, decisions, fairness_params, measured

RATES = {"a": (300, 0.9), "b<i>": (100, 0.8)}


def write(folder: Path) -> dict[str, bytes]:
    folder.mkdir()
    protected, actual, approved, scores = decisions(RATES)
    params = fairness_params()
    report = measure_fairness(protected, actual, approved, scores, params)
    checks = judge_fairness(report, params, LIMITS)
    write_fairness_page(
        folder, "loan", report, checks, protected, actual, approved, scores, limit=0.8
    )
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_page_has_its_three_figures_and_is_the_same_bytes_twice(tmp_path: Path) -> None:
    files = write(tmp_path / "first")
    assert set(files) == {"index.html", "rates.png", "frontier.png", "calibration.png"}
    assert write(tmp_path / "second") == files


def test_names_of_groups_are_escaped(tmp_path: Path) -> None:
    page = write(tmp_path / "page")["index.html"].decode()
    assert "b&lt;i&gt; compared with a (race), 100 rows" in page
    assert "<i>" not in page


def attribute_codes() -> _AttributeCodes:
    groups = pd.DataFrame({"race": pd.array(["a", "a", "b", "b", None], dtype="str")})
    return _AttributeCodes.of(groups, measured({"a": (50, 0.9), "b": (50, 0.8)}).references[0])


def test_the_lowest_ratio_is_that_of_the_group_approved_least_often() -> None:
    approved = np.array([True, True, True, False, False])
    assert attribute_codes().lowest_ratio(approved) == pytest.approx(0.5)


def test_rows_without_a_group_have_no_ratio() -> None:
    approved = np.array([True, True, True, True, False])
    assert attribute_codes().lowest_ratio(approved) == 1.0


def test_where_the_privileged_group_is_never_approved_no_group_is_below_it() -> None:
    approved = np.array([False, False, True, True, True])
    assert attribute_codes().lowest_ratio(approved) == 1.0


def test_the_trade_off_is_the_lowest_ratio_and_the_balanced_accuracy() -> None:
    approved = np.array([True, True, True, False, False])
    actual = np.array([1, 0, 1, 0, 0])
    ratio, accuracy = _trade_off(approved, actual, [attribute_codes()])
    assert ratio == pytest.approx(0.5)
    assert accuracy == pytest.approx((1 + 2 / 3) / 2)
