"""Great Expectations behind its adapter: what it says is kept, what it quotes is not."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.errors import ConfigError
from tasks.stages.validate.docs import self_contained
from tasks.stages.validate.expectations import (
    ROW_BY_ROW,
    ExpectationResult,
    Suite,
    SuiteCheck,
    count_part,
    load_suite,
)

CANARIES = ("canary@example.org", "4711000", "Zyx Canary")
FRAME = pd.DataFrame(
    {
        "email": ["canary@example.org", "canary@example.org", None],
        "income": [4711000.25, 2.0, 3.0],
        "name": ["Zyx Canary", "Ann", "Bo"],
        "sex": ["male", "female", "male"],
    }
)


def check_expectations(
    frame: pd.DataFrame, asked: Suite
) -> tuple[tuple[ExpectationResult, ...], str]:
    return SuiteCheck(asked).finish(frame)


def suite(*expectations: tuple[str, dict[str, Any]]) -> Suite:
    return Suite.model_validate(
        {"name": "bank", "expectations": [{"type": t, "kwargs": k} for t, k in expectations]}
    )


EVERY_KIND = suite(
    ("expect_table_row_count_to_be_between", {"min_value": 5}),
    ("expect_table_columns_to_match_set", {"column_set": ["email", "zip"]}),
    ("expect_column_values_to_not_be_null", {"column": "email"}),
    ("expect_column_values_to_be_unique", {"column": "email"}),
    ("expect_column_values_to_be_between", {"column": "income", "max_value": 5}),
    ("expect_column_values_to_be_in_set", {"column": "name", "value_set": ["Ann"]}),
    ("expect_column_values_to_match_regex", {"column": "name", "regex": "^A"}),
    ("expect_column_values_to_not_match_regex", {"column": "email", "regex": "@"}),
    ("expect_column_max_to_be_between", {"column": "income", "max_value": 5}),
    ("expect_column_mean_to_be_between", {"column": "income", "max_value": 5}),
    ("expect_column_distinct_values_to_be_in_set", {"column": "name", "value_set": ["Ann"]}),
    ("expect_column_most_common_value_to_be_in_set", {"column": "email", "value_set": ["x"]}),
    ("expect_column_quantile_values_to_be_between",
     {"column": "income", "quantile_ranges": {"quantiles": [1.0], "value_ranges": [[0, 1]]}}),
    ("expect_column_pair_values_to_be_equal", {"column_A": "name", "column_B": "email"}),
    ("expect_compound_columns_to_be_unique", {"column_list": ["email", "email"]}),
    ("expect_column_value_lengths_to_be_between", {"column": "income", "max_value": 1}),
    ("expect_column_values_to_be_between", {"column": "no_such_column", "max_value": 5}),
)  # fmt: skip


@pytest.fixture(scope="module")
def checked() -> tuple[tuple[ExpectationResult, ...], str]:
    return check_expectations(FRAME, EVERY_KIND)


def test_no_result_and_no_page_quotes_a_value(
    checked: tuple[tuple[ExpectationResult, ...], str],
) -> None:
    results, page = checked
    text = page + json.dumps([result.model_dump() for result in results])
    assert not any(canary in text for canary in CANARIES)
    assert "4.711" not in text


def test_each_expectation_has_its_result_in_the_suite_s_order(
    checked: tuple[tuple[ExpectationResult, ...], str],
) -> None:
    results, _ = checked
    assert [result.expectation for result in results] == [
        one.type for one in EVERY_KIND.expectations
    ]
    assert not any(result.is_met for result in results)
    faults = {result.expectation: result.fault for result in results if result.fault}
    assert "expect_column_values_to_be_between" in faults
    assert results[4].unexpected_ratio == pytest.approx(1 / 3)
    assert results[0].column == "the table"
    assert results[13].column == "name, email"


def test_the_same_data_gives_the_same_page(
    checked: tuple[tuple[ExpectationResult, ...], str],
) -> None:
    assert check_expectations(FRAME, EVERY_KIND) == checked


def test_the_page_asks_nobody_and_runs_nothing(
    checked: tuple[tuple[ExpectationResult, ...], str],
) -> None:
    _, page = checked
    lowered = page.lower()
    for forbidden in (
        "http://",
        "https://",
        "src=",
        "href=",
        "<script",
        "<link",
        "<img",
        "javascript:",
        "url(",
    ):
        assert forbidden not in lowered
    assert "default-src 'none'" in page


def test_a_met_suite_is_met() -> None:
    results, page = check_expectations(
        FRAME,
        suite(
            (
                "expect_column_values_to_be_in_set",
                {"column": "sex", "value_set": ["male", "female"]},
            ),
            ("expect_table_row_count_to_be_between", {"min_value": 1}),
        ),
    )
    assert all(result.is_met and not result.fault for result in results)
    assert "Succeeded" in page


@pytest.mark.parametrize(
    "wrong",
    [
        ("expect_nothing_in_particular", {"column": "email"}),
        ("expect_column_values_to_be_unique", {"colum": "email"}),
        ("expect_column_values_to_be_between", {"column": "income", "min_value": [1]}),
    ],
)
def test_an_expectation_that_nobody_knows_is_a_line(wrong: tuple[str, dict[str, Any]]) -> None:
    with pytest.raises(ConfigError, match="suite bank"):
        check_expectations(FRAME, suite(wrong))


TEXTS = pd.DataFrame(
    {
        "id": ["a", "b", "c", "d", "e", "f"],
        "code": pd.array(["x1", None, "", "xx22", "y3", None], dtype="str"),
        "gone": pd.array([None] * 6, dtype="str"),
        "amount": [1.0, None, 3.0, 4.0, 9.0, None],
    }
)
BY_ROW = suite(
    ("expect_table_row_count_to_equal", {"value": 6}),
    ("expect_column_values_to_be_unique", {"column": "id"}),
    ("expect_column_values_to_match_regex", {"column": "code", "regex": "^x"}),
    ("expect_column_values_to_match_regex", {"column": "code", "regex": "^x", "mostly": 0.5}),
    ("expect_column_values_to_not_match_regex", {"column": "code", "regex": "[0-9]$"}),
    ("expect_column_values_to_match_regex_list", {"column": "code", "regex_list": ["^x", "^y"]}),
    ("expect_column_values_to_not_match_regex_list", {"column": "code", "regex_list": ["^z"]}),
    ("expect_column_value_lengths_to_be_between", {"column": "code", "max_value": 3}),
    ("expect_column_value_lengths_to_equal", {"column": "code", "value": 2, "mostly": 0.2}),
    ("expect_column_values_to_not_be_null", {"column": "code"}),
    ("expect_column_values_to_not_be_null", {"column": "code", "mostly": 0.6}),
    ("expect_column_values_to_be_null", {"column": "gone"}),
    ("expect_column_values_to_be_in_set", {"column": "gone", "value_set": ["a"]}),
    ("expect_column_values_to_not_be_in_set", {"column": "code", "value_set": ["y3"]}),
    ("expect_column_values_to_be_in_set", {"column": "amount", "value_set": [1, 3, 4]}),
    ("expect_column_values_to_be_between", {"column": "amount", "max_value": 5, "mostly": 0.75}),
)  # fmt: skip


@pytest.mark.parametrize("rows", [1, 2, 4, 6])
def test_counts_of_parts_say_what_all_rows_at_once_say(rows: int) -> None:
    """An empty part, as of people who are all erased, counts nothing."""
    at_once, page = check_expectations(TEXTS, BY_ROW)
    check = SuiteCheck(BY_ROW)
    by_part = check.columns_by_part(kept={"id"})
    assert by_part == ("code", "gone", "amount")
    for start in (*range(0, len(TEXTS), rows), len(TEXTS)):
        check.add_counts(count_part(BY_ROW, TEXTS[list(by_part)].iloc[start : start + rows]))
    results, page_of_parts = check.finish(TEXTS[["id"]])

    assert page_of_parts == page
    assert [one.model_copy(update={"computed_on": "rows"}) for one in results] == list(at_once)
    assert {one.column for one in results if one.computed_on == "counts"} == set(by_part)
    assert {one.is_met for one in results if one.computed_on == "counts"} == {True, False}
    assert not any(one.fault for one in results)


def test_what_every_known_row_by_row_expectation_counts_is_compared_above() -> None:
    assert {one.type for one in BY_ROW.expectations} >= ROW_BY_ROW


def test_a_part_that_could_not_be_evaluated_is_a_fault_of_all_rows() -> None:
    asked = suite(("expect_column_values_to_be_between", {"column": "x", "max_value": 5}))
    check = SuiteCheck(asked)
    for values in ([1.0], ["a"], [2.0]):
        check.add_counts(count_part(asked, pd.DataFrame({"x": values})))
    ((result,), _) = check.finish(pd.DataFrame(index=range(3)))
    assert result.fault


@pytest.mark.parametrize(
    ("type_", "kwargs"),
    [
        ("expect_column_values_to_be_unique", {"column": "code"}),
        ("expect_column_values_to_be_in_set",
         {"column": "code", "value_set": [], "row_condition": 'col("id") == "a"',
          "condition_parser": "great_expectations"}),
        ("expect_table_columns_to_match_set", {"column_set": ["code"]}),
        ("expect_column_to_exist", {"column": "code", "column_index": 1}),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_needs_all_rows_or_other_columns_is_not_counted_by_part(
    type_: str, kwargs: dict[str, Any]
) -> None:
    check = SuiteCheck(suite((type_, kwargs)))
    assert check.columns_by_part(kept=()) == ()
    assert check.columns() in (None, {"code"})


EQUALITY = (
    ("expect_column_values_to_be_unique", {"column": "id"}),
    ("expect_column_values_to_be_unique", {"column": "id", "mostly": 0.5}),
    ("expect_column_values_to_not_be_null", {"column": "id"}),
    ("expect_column_values_to_be_null", {"column": "id"}),
)  # fmt: skip


@pytest.mark.parametrize("ids", [["a", "b", "c", "d"], ["a", "b", "a", "d"], ["a"] * 4])
def test_numbers_in_the_place_of_pseudonyms_change_nothing(ids: list[str]) -> None:
    asked = suite(*EQUALITY)
    check = SuiteCheck(asked)
    assert check.asks_only_what_is_equal("id")
    frame = pd.DataFrame({"id": pd.array(ids, "str")})
    numbers = pd.DataFrame({"id": pd.factorize(frame["id"])[0].astype(np.int32)})
    results, page = SuiteCheck(asked).finish(frame)
    assert check.finish(numbers) == (results, page)
    assert not any(one.fault for one in results)


@pytest.mark.parametrize(
    "kwargs", [{"column": "id", "regex": "^a"}, {"column": "id", "row_condition": 'col("x") > 1'}]
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_asks_for_more_than_equality_is_asked_of_pseudonyms(kwargs: dict[str, Any]) -> None:
    type_ = "expect_column_values_to_be_unique"
    if "regex" in kwargs:
        type_ = "expect_column_values_to_match_regex"
    else:
        kwargs = {**kwargs, "condition_parser": "great_expectations"}
    assert not SuiteCheck(suite((type_, kwargs))).asks_only_what_is_equal("id")


GOOD = {"name": "bank", "expectations": [{"type": "expect_x", "kwargs": {}}]}


@pytest.mark.parametrize("ending", [".yaml", ".json"])
def test_a_suite_is_yaml_or_json(tmp_path: Path, ending: Any) -> None:
    path = tmp_path / f"suite{ending}"
    path.write_text(json.dumps(GOOD))
    assert load_suite(path).expectations[0].type == "expect_x"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "name: bank",
        '{"name": "bank", "expectations": []}',
        json.dumps({**GOOD, "more": 1}),
        json.dumps({**GOOD, "expectations": [{"type": "drop_table", "kwargs": {}}]}),
        json.dumps({**GOOD, "expectations": [{"type": "expect_x", "kwargs": {}, "meta": {}}]}),
    ],
)
def test_a_wrong_or_empty_suite_is_a_line(tmp_path: Path, text: Any) -> None:
    (tmp_path / "suite.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"suite\.yaml") as refusal:
        load_suite(tmp_path / "suite.yaml")
    assert "\n" not in str(refusal.value)


def test_a_suite_that_is_not_there_is_a_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"expected a suite.*found none"):
        load_suite(tmp_path / "suite.yaml")


def test_a_page_that_tries_to_smuggle_something_in_comes_out_as_text() -> None:
    page = self_contained(
        "<html><body><p>a &lt;b&gt; <script>alert(1)</script><img src='http://x'>"
        "<a href='http://x' onclick='x()'>link</a><iframe src='http://x'>in</iframe>"
        "<div id='z-collapse-body-1'>2026-11-24<div>deep</div></div><div class='sticky'>menu</div>"
        "<p>unclosed<div>still here</div></body></html>",
        title="<b>",
    )
    for forbidden in ("<b>", "alert", "http", "onclick", "iframe", "2026", "deep", "menu"):
        assert forbidden not in page.split("</style>")[1]
    for kept in ("a &lt;b&gt;", "link", "still here"):
        assert kept in page


def test_the_room_imports_great_expectations_only_where_it_runs_a_suite() -> None:
    code = "import sys, tasks.stages.validate.stage; sys.exit('great_expectations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
