"""What the model takes: everything that was judged, and nothing that it would have to guess."""

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.model import Contract, InputError
from tests.models import applicants, decision_model

SECRET = "zyzzyva"  # a value of a row, which no message may quote


@pytest.fixture(scope="module")
def contract() -> Contract:
    return decision_model("logistic").contract


def test_the_contract_says_what_was_judged(contract: Contract) -> None:
    income, debt, town = contract.columns
    assert (income.kind, income.may_be_missing) == ("number", True)
    assert (debt.kind, debt.may_be_missing) == ("number", False)
    assert (town.kind, town.may_be_missing) == ("category", True)
    assert town.categories == ("A", "B", "rare")  # the last one counts as none, as it was judged
    names = [line.partition("==")[0] for line in contract.requirements]
    assert names == ["numpy", "pandas", "pydantic"]


def test_every_judged_row_is_accepted_as_it_is(contract: Contract) -> None:
    rows = applicants()
    accepted = contract.accept(rows)
    pd.testing.assert_frame_equal(accepted[["income", "debt"]], rows[["income", "debt"]])
    assert accepted["town"].fillna("?").tolist() == rows["town"].fillna("?").tolist()


def test_order_and_further_columns_make_no_difference(contract: Contract) -> None:
    rows = applicants(5)
    mixed = rows.assign(name=SECRET)[["town", "name", "debt", "income"]]
    pd.testing.assert_frame_equal(contract.accept(mixed), contract.accept(rows))


@pytest.mark.parametrize(
    "dtype", ["int64", "int8", "uint16", "float32", "Int64", "Float64", "bool"]
)
def test_numbers_of_any_width_are_numbers(contract: Contract, dtype: str) -> None:
    rows = pd.DataFrame({"income": [1, 0], "debt": [1, 1], "town": ["A", "B"]})
    accepted = contract.accept(rows.astype({"income": dtype, "debt": dtype}))
    assert accepted["income"].tolist() == [1.0, 0.0]
    assert accepted["debt"].dtype == np.float64


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_what_stands_for_a_missing_value_in_objects_is_missing(
    contract: Contract, missing: Any
) -> None:
    rows = pd.DataFrame(
        {
            "income": pd.Series([missing, 2], dtype=object),
            "debt": pd.Series([Decimal("1.5"), Decimal(2)], dtype=object),
            "town": pd.Series([missing, "A"], dtype=object),
        }
    )
    accepted = contract.accept(rows)
    assert accepted["income"].isna().tolist() == [True, False]
    assert accepted["debt"].tolist() == [1.5, 2.0]
    assert accepted["town"].isna().tolist() == [True, False]


def test_a_column_that_is_missing_throughout_is_missing(contract: Contract) -> None:
    rows = pd.DataFrame({"income": [None, None], "debt": [1.0, 2.0], "town": [None, None]})
    assert contract.accept(rows)["income"].isna().all()


def test_categories_may_come_as_pandas_categories(contract: Contract) -> None:
    rows = applicants(5)
    categorical = rows.assign(town=rows["town"].astype("category"))
    pd.testing.assert_frame_equal(contract.accept(categorical), contract.accept(rows))


def test_no_rows_are_no_rows_whatever_their_types(contract: Contract) -> None:
    empty: tuple[Any, ...] = (
        applicants(3).head(0),
        pd.DataFrame(columns=["income", "debt", "town"]),
        [],
    )
    for rows in empty:
        accepted = contract.accept(rows)
        assert len(accepted) == 0
        assert list(accepted.columns) == ["income", "debt", "town"]


def test_the_caller_s_index_stays_even_where_it_repeats(contract: Contract) -> None:
    rows = applicants(3)
    rows.index = ["x", "x", "y"]
    assert contract.accept(rows).index.tolist() == ["x", "x", "y"]


def test_records_and_columns_of_values_are_rows(contract: Contract) -> None:
    records = [{"income": 1, "debt": 2.5, "town": "A"}, {"income": None, "debt": 1, "town": None}]
    columns = {"income": [1, None], "debt": [2.5, 1], "town": ["A", None]}
    pd.testing.assert_frame_equal(contract.accept(records), contract.accept(columns))
    assert contract.accept(records)["income"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"debt": [np.nan, 1.0]}, "column `debt`: expected a value in every row; found 1 of 2"),
        (
            {"town": ["A", SECRET]},
            "column `town`: expected one of its 3 categories, which contract.json lists; found 1",
        ),
        ({"town": [1, 2]}, "column `town`: expected texts; found values of kind `integer`"),
        ({"income": ["1", SECRET]}, "column `income`: expected numbers; found values of kind `str"),
        ({"income": [1, SECRET]}, "column `income`: expected numbers; found values of kind `mixed"),
        ({"income": [1j, 1]}, "column `income`: expected numbers"),
        ({"income": pd.to_datetime(["2020", "2021"])}, "found values of kind `datetime64`"),
        ({"income": [np.inf, 1]}, "column `income`: expected numbers up to 3.4e+38; found 1 of 2"),
        ({"debt": [1e39, 1]}, "column `debt`: expected numbers up to 3.4e+38; found 1 of 2"),
    ],
)
def test_what_was_never_judged_is_one_clear_error_that_quotes_no_value(
    contract: Contract, change: dict[str, Any], words: str
) -> None:
    rows = pd.DataFrame({"income": [1.0, 2.0], "debt": [1.0, 2.0], "town": ["A", "B"]})
    with pytest.raises(InputError) as failure:
        contract.accept(rows.assign(**change))
    assert words in str(failure.value)
    assert SECRET not in str(failure.value)


def test_absent_columns_are_named_and_present_ones_are_not(contract: Contract) -> None:
    with pytest.raises(InputError, match="absent: income, town") as failure:
        contract.accept(applicants(2)[["debt"]].assign(**{SECRET: 1}))
    assert SECRET not in str(failure.value)


def test_a_column_that_is_there_twice_is_refused(contract: Contract) -> None:
    rows = applicants(2)
    with pytest.raises(InputError, match="column `debt`: expected one column of that name"):
        contract.accept(pd.concat([rows, rows[["debt"]]], axis=1))


@pytest.mark.parametrize(
    "rows", [None, "text", 3, [1, 2], np.zeros((2, 3)), {"income": 1}, {"income": "x"}]
)
def test_what_has_no_named_columns_is_refused(contract: Contract, rows: Any) -> None:
    with pytest.raises(InputError, match="a data frame, a list of records"):
        contract.accept(rows)


def test_columns_of_different_lengths_are_refused(contract: Contract) -> None:
    with pytest.raises(InputError, match="as many values in every column"):
        contract.accept({"income": [1], "debt": [1, 2], "town": ["A"]})
