"""Run a suite with Great Expectations; give its results and its Data Docs page.

No other module imports Great Expectations. What it says about a person's value never leaves this
module: results keep counts from an allow-list of fields, and the text of an error, which may quote
a value, is dropped.
"""

import logging
import os
from collections.abc import Collection, Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.config.cases import validated_file
from tasks.config.strict import StrictModel
from tasks.errors import ConfigError
from tasks.stages.validate.docs import self_contained
from tasks.stages.validate.reference.holding import HeldRows
from tasks.under_way import counted

if TYPE_CHECKING:
    import pandas as pd

# Read when Great Expectations is imported; it would report its use to its makers.
os.environ["GX_ANALYTICS_ENABLED"] = "false"

# The fields of a result that count rows. All others may hold values or be computed from a few.
COUNT_FIELDS = (
    "element_count",
    "missing_count",
    "missing_percent",
    "unexpected_count",
    "unexpected_percent",
    "unexpected_percent_total",
    "unexpected_percent_nonmissing",
)
# Expectations that judge each value by itself: what parts of the rows count may be added.
ROW_BY_ROW = frozenset(
    {
        "expect_column_value_lengths_to_be_between",
        "expect_column_value_lengths_to_equal",
        "expect_column_values_to_be_between",
        "expect_column_values_to_be_in_set",
        "expect_column_values_to_be_null",
        "expect_column_values_to_match_regex",
        "expect_column_values_to_match_regex_list",
        "expect_column_values_to_not_be_in_set",
        "expect_column_values_to_not_be_null",
        "expect_column_values_to_not_match_regex",
        "expect_column_values_to_not_match_regex_list",
    }
)
# Those whose counts stay the same where other values take the place of a column's, as long as they
# are equal, and missing, where these are.
ABOUT_EQUALITY = frozenset(
    {
        "expect_column_values_to_be_null",
        "expect_column_values_to_be_unique",
        "expect_column_values_to_not_be_null",
    }
)
ABOUT_ROW_COUNT = frozenset(
    {"expect_table_row_count_to_be_between", "expect_table_row_count_to_equal"}
)
# A list of those that are known to, not of those that are not: another expectation is asked about
# all rows at once.
# Great Expectations keeps its context in a global: two threads of a worker must not share it.
ONE_AT_A_TIME = Lock()
TABLE_PREFIX = "expect_table_"  # what is observed of a table (rows, columns) is about nobody


PartCounts = dict[str, list[dict[str, Any]]]  # column -> stripped results, as plain values


class ExpectationResult(BaseModel):
    """One expectation and whether the data met it.

    With a `fault` it could not be evaluated, and `is_met` says nothing. All rows were asked:
    `computed_on` says whether at once, or some at a time, with their exact counts added up.
    """

    model_config = ConfigDict(frozen=True)

    expectation: str
    column: str
    computed_on: Literal["rows", "counts"] = "rows"
    is_met: bool
    unexpected_ratio: float | None  # None for expectations that are not about single rows
    fault: str = ""


class Expectation(StrictModel):
    """One expectation as a suite states it."""

    type: str = Field(pattern=r"^expect_\w+$")
    kwargs: dict[str, Any]


class Suite(StrictModel):
    """A suite as its file beside a `case.yaml` states it; JSON is read as YAML."""

    name: str
    expectations: tuple[Expectation, ...] = Field(min_length=1)


def load_suite(path: Path) -> Suite:
    """Return the suite that lies there, written in YAML or JSON.

    Raises:
        ConfigError: There is none, or it is not a suite.
    """
    return validated_file(
        Suite,
        path,
        expected="a suite: `name` and `expectations`, each with `type` and `kwargs`",
        remedy="Restore the file, or mend `validate.suite` in the use case.",
    )


class SuiteCheck:
    """A suite that is asked about rows, each expectation about its own columns alone.

    Great Expectations copies the whole frame that it is given for each column with gaps: of fifty
    columns it is given one. A column that only row-by-row expectations are about need not be in
    memory whole, either: what they count in some of the rows is added up, which is exact.
    """

    def __init__(self, suite: Suite) -> None:
        """Load Great Expectations.

        Raises:
            ConfigError: It does not know an expectation, or not with these arguments.
        """
        self._suite = suite
        self._validator = _validator_of(suite)
        self._results: dict[str, list[Any]] = {}  # column counted by part -> merged results

    def columns(self) -> frozenset[str] | None:
        """Return the columns that the expectations are about; None where it may be any."""
        names: set[str] = set()
        for expectation in self._suite.expectations:
            columns = _confined_to(expectation)
            if columns is None:
                return None
            names |= set(columns)
        return frozenset(names)

    def columns_by_part(self, kept: Collection[str]) -> tuple[str, ...]:
        """Return the columns that can be counted by part, but for those that are kept whole."""
        if self.columns() is None:
            return ()

        # One expectation about a column that needs all its rows keeps the column whole for all of
        # them.
        of_column: dict[str, list[Expectation]] = {}
        for expectation in self._suite.expectations:
            for column in _confined_to(expectation) or ():
                of_column.setdefault(column, []).append(expectation)

        return tuple(
            column
            for column, several in of_column.items()
            if column not in kept and all(one.type in ROW_BY_ROW for one in several)
        )

    def asks_only_what_is_equal(self, column: str) -> bool:
        """Say whether a column may be asked about as numbers, equal where its values are."""
        about = [one for one in self._suite.expectations if column in (_confined_to(one) or ())]
        return self.columns() is not None and all(one.type in ABOUT_EQUALITY for one in about)

    def add_counts(self, counts: PartCounts) -> None:
        """Add what `count_part` counted in some of the rows, in whichever process."""
        for name, values in counts.items():
            counted = [_result_of(value) for value in values]
            earlier = self._results.get(name)
            self._results[name] = (
                counted
                if earlier is None
                else [_merged(one, other) for one, other in zip(earlier, counted, strict=True)]
            )

    def finish(self, rows: "pd.DataFrame | HeldRows") -> tuple[tuple[ExpectationResult, ...], str]:
        """Return the result of every expectation in the suite's order, and the page as HTML.

        `rows` are all of them, with every column that was not counted by part. The same rows and
        suite give the same page, however they were divided. An expectation that could not be
        evaluated (a column is absent, or of another type) has a fault; it is neither met nor
        missed.
        """
        groups: dict[tuple[str, ...] | None, list[Expectation]] = {}
        for expectation in self._suite.expectations:
            columns = _confined_to(expectation)
            if columns is None or len(columns) != 1 or columns[0] not in self._results:
                groups.setdefault(columns, []).append(expectation)

        held = rows if isinstance(rows, HeldRows) else HeldRows.of(rows)
        results = [result for several in self._results.values() for result in several]
        for columns, expectations in counted(
            "asking expectations", groups.items(), "sets of columns"
        ):
            about = held.columns if columns is None else [name for name in columns if name in held]
            results += self._validator.ask(held.frame(about), expectations)
        # People compare them with the suite's file.
        results.sort(key=lambda result: _place_in_suite(result, self._suite))

        return tuple(
            _expectation_result(result, set(self._results)) for result in results
        ), _data_docs_page(_outcome(results, self._suite), self._suite)


def count_part(suite: Suite, part: "pd.DataFrame") -> PartCounts:
    """Return what a suite's row-by-row expectations count in some of the rows, by column.

    Pure. Counts and successes alone: nothing in it is a value. Counts of several parts are added
    (`SuiteCheck.add_counts`), which is exact, and the same in whichever order.
    """
    return {
        name: [
            result.to_json_dict()
            for result in _validator_of(suite).ask(
                part[[name]], [one for one in suite.expectations if _confined_to(one) == (name,)]
            )
        ]
        for name in map(str, part.columns)
    }


def _validator_of(suite: Suite) -> "_Validator":
    """Return Great Expectations as it was loaded for this suite: once in a process."""
    with ONE_AT_A_TIME:
        if not _loaded or _loaded[0][0] != suite:
            _loaded[:] = [(suite, _Validator(suite))]
        return _loaded[0][1]


class _Validator:
    """Great Expectations, ready to be asked about frames in memory."""

    def __init__(self, suite: Suite) -> None:
        import great_expectations as gx

        # Its warnings quote errors, and errors quote values.
        logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}
        self._batches = (
            context.data_sources.add_pandas("memory")
            .add_dataframe_asset("rows")
            .add_batch_definition_whole_dataframe("all")
        )
        self._name = suite.name
        _gx_suite(suite.name, suite.expectations)

    def ask(self, frame: "pd.DataFrame", expectations: Sequence[Expectation]) -> list[Any]:
        """Return the results of some expectations, stripped of whatever may be a value."""
        with ONE_AT_A_TIME:
            outcome = self._batches.get_batch(batch_parameters={"dataframe": frame}).validate(
                _gx_suite(self._name, expectations),
                # BASIC has counts, and without unexpected values no examples of them;
                # `_strip_values` then keeps fields by an allow-list, should a version add some.
                result_format={"result_format": "BASIC", "exclude_unexpected_values": True},
            )
        for result in outcome.results:
            _strip_values(result)
        results: list[Any] = outcome.results
        return results


_loaded: list[tuple[Suite, _Validator]] = []  # the latest, if any


def _confined_to(expectation: Expectation) -> tuple[str, ...] | None:
    """Return the columns that decide about an expectation, none for the number of rows.

    None where any column may: it is about the table's columns, or about rows that fulfil a
    condition.
    """
    if expectation.type in ABOUT_ROW_COUNT:
        return ()

    columns = tuple(dict.fromkeys(_columns_of(expectation.kwargs)))
    is_conditional = expectation.kwargs.get("row_condition") is not None
    if expectation.type.startswith(TABLE_PREFIX) or is_conditional or not columns:
        return None
    return None if "column_index" in expectation.kwargs else columns


def _merged(first: Any, second: Any) -> Any:
    """Return the result of a row-by-row expectation on the rows of two results together."""
    # A fault in one part is a fault of the whole: nobody knows what those rows have.
    for result in (first, second):
        if result.exception_info["raised_exception"]:
            return result

    counts = first.result
    for name in ("element_count", "unexpected_count", "missing_count"):
        if name in counts:
            counts[name] += second.result[name]
    # As Great Expectations computes them; without a count of missing ones all rows are asked.
    rows, unexpected = counts["element_count"], counts["unexpected_count"]
    asked_rows = rows - counts.get("missing_count", 0)
    shares = {
        "missing_percent": (counts.get("missing_count", 0), rows),
        "unexpected_percent": (unexpected, asked_rows),
        "unexpected_percent_total": (unexpected, rows),
        "unexpected_percent_nonmissing": (unexpected, asked_rows),
    }
    for name, (count, of_rows) in shares.items():
        if name in counts:
            counts[name] = count / of_rows * 100 if of_rows else None

    mostly = first.expectation_config.kwargs.get("mostly", 1.0)
    # As Great Expectations does where no row is asked: nothing is unexpected. That a column is
    # empty is for `missing_ratio` to say.
    first.success = not asked_rows or (asked_rows - unexpected) / asked_rows >= mostly
    return first


def _result_of(values: dict[str, Any]) -> Any:
    """Return Great Expectations' own result from plain values, as another process may send them."""
    from great_expectations.core.expectation_validation_result import (
        ExpectationValidationResult,
        expectationValidationResultSchema,
    )

    return ExpectationValidationResult(**expectationValidationResultSchema.load(values))


def _outcome(results: list[Any], suite: Suite) -> Any:
    """Return results as Great Expectations' own outcome of a suite.

    Without run times and batch ids, which would make every page another one.
    """
    from great_expectations.core import ExpectationSuiteValidationResult
    from great_expectations.validator.validation_statistics import calc_validation_statistics

    statistics = calc_validation_statistics(results)
    return ExpectationSuiteValidationResult(
        results=results,
        success=statistics.success,
        suite_name=suite.name,
        statistics={
            name: value for name, value in statistics._asdict().items() if name != "success"
        },
        meta={},
    )


def _gx_suite(name: str, asked: Sequence[Expectation]) -> Any:
    """Return a suite as Great Expectations' own; what it does not know is a ConfigError."""
    import great_expectations as gx

    types = [expectation.type for expectation in asked]
    try:
        expectations = gx.ExpectationSuite(
            name=name, expectations=[expectation.model_dump() for expectation in asked]
        )
        # It leaves out what it cannot build, and what is there twice, with no more than a warning.
        # Compared one by one, in order: a misspelt expectation that is left out would count as met.
        if [expectation.expectation_type for expectation in expectations.expectations] != types:
            raise LookupError("it leaves out what it does not know")
    except Exception as error:
        raise ConfigError(
            f"suite {name}",
            expected="different expectations that Great Expectations knows, "
            "with the arguments they take",
            found=type(error).__name__,
            remedy="Check each `type` and its `kwargs`.",
        ) from error

    return expectations


def _strip_values(result: Any) -> None:
    """Take everything out of a result that is not known to be about nobody."""
    is_about_table = result.expectation_config.type.startswith(TABLE_PREFIX)
    kept_fields = (*COUNT_FIELDS, "observed_value") if is_about_table else COUNT_FIELDS
    result.result = {key: value for key, value in result.result.items() if key in kept_fields}

    # Without information the worst is assumed: an expectation that nobody evaluated is not met.
    if (result.exception_info or {}).get("raised_exception", True):
        result.exception_info = {
            "raised_exception": True,
            "exception_message": "it could not be evaluated: is the column there, "
            "and of that type?",
            "exception_traceback": "",
        }


def _place_in_suite(result: Any, suite: Suite) -> int:
    """Return the place of a result's expectation in its suite.

    Great Expectations adds defaults to the arguments, so that those of the suite are a subset.
    """
    evaluated = result.expectation_config
    places = (
        number
        for number, expectation in enumerate(suite.expectations)
        if expectation.type == evaluated.type
        and expectation.kwargs.items() <= evaluated.kwargs.items()
    )
    return next(places, len(suite.expectations))


def _expectation_result(result: Any, counted_by_part: Collection[str]) -> ExpectationResult:
    """Return a stripped result of Great Expectations as a type of ours."""
    percent = result.result.get("unexpected_percent")
    exception = result.exception_info
    columns = _columns_of(result.expectation_config.kwargs)

    return ExpectationResult(
        expectation=result.expectation_config.type,
        column=", ".join(columns) or "the table",
        computed_on="counts" if set(columns) & set(counted_by_part) else "rows",
        is_met=bool(result.success),
        unexpected_ratio=None if percent is None else percent / 100,
        fault=exception["exception_message"] if exception["raised_exception"] else "",
    )


def _columns_of(kwargs: dict[str, Any]) -> list[str]:
    """Return the columns that an expectation is about: one, a list, a pair, or none."""
    if column := kwargs.get("column"):
        return [column]
    if columns := kwargs.get("column_list"):
        return list(columns)
    return [column for column in (kwargs.get("column_A"), kwargs.get("column_B")) if column]


def _data_docs_page(outcome: Any, suite: Suite) -> str:
    """Return the Data Docs page of stripped results, as a page that loads nothing."""
    from great_expectations.render.renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    content = ValidationResultsPageRenderer(run_info_at_end=False).render(outcome)
    page = DefaultJinjaPageView().render(content)
    return self_contained(str(page), title=f"Expectations: {suite.name}")
