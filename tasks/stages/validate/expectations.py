"""Run a suite with Great Expectations; give its results and its Data Docs page.

No other module imports Great Expectations. What it says about a person's value never leaves this
module: results keep counts from an allow-list of fields, and the text of an error, which may quote
a value, is dropped.
"""

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from tasks.config.cases import validated_file
from tasks.config.strict import StrictModel
from tasks.errors import ConfigError
from tasks.stages.validate.docs import self_contained

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
TABLE_PREFIX = "expect_table_"  # what is observed of a table (rows, columns) is about nobody


class ExpectationResult(BaseModel):
    """One expectation and whether the data met it.

    With a `fault` it could not be evaluated, and `is_met` says nothing.
    """

    model_config = ConfigDict(frozen=True)

    expectation: str
    column: str
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


def check_expectations(
    frame: "pd.DataFrame", suite: Suite
) -> tuple[tuple[ExpectationResult, ...], str]:
    """Return the result of every expectation in the suite's order, and the Data Docs page as HTML.

    The same frame and suite give the same page. An expectation that could not be evaluated (a
    column is absent, or of another type) has a fault; it is neither met nor missed.

    Raises:
        ConfigError: Great Expectations does not know an expectation, or not with these arguments.
    """
    import great_expectations as gx

    # Its warnings quote errors, and errors quote values.
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    batch = (
        context.data_sources.add_pandas("memory")
        .add_dataframe_asset("rows")
        .add_batch_definition_whole_dataframe("all")
        .get_batch(batch_parameters={"dataframe": frame})
    )

    outcome = batch.validate(
        _gx_suite(suite),
        result_format={"result_format": "BASIC", "exclude_unexpected_values": True},
    )

    for result in outcome.results:
        _strip_values(result)
    # Great Expectations groups results by column; people compare them with the suite's file.
    outcome.results.sort(key=lambda result: _place_in_suite(result, suite))
    # Run times and batch ids would make every page another one.
    outcome.meta = {}
    outcome.id = None

    results = tuple(_expectation_result(result) for result in outcome.results)
    return results, _data_docs_page(outcome, suite)


def _gx_suite(suite: Suite) -> Any:
    """Return the suite as Great Expectations' own; what it does not know is a ConfigError."""
    import great_expectations as gx

    types = [expectation.type for expectation in suite.expectations]
    try:
        expectations = gx.ExpectationSuite(
            name=suite.name,
            expectations=[expectation.model_dump() for expectation in suite.expectations],
        )
        # It leaves out what it cannot build, and what is there twice, with no more than a warning.
        if [expectation.expectation_type for expectation in expectations.expectations] != types:
            raise LookupError("it leaves out what it does not know")
    except Exception as error:
        raise ConfigError(
            f"suite {suite.name}",
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


def _expectation_result(result: Any) -> ExpectationResult:
    """Return a stripped result of Great Expectations as a type of ours."""
    percent = result.result.get("unexpected_percent")
    exception = result.exception_info
    return ExpectationResult(
        expectation=result.expectation_config.type,
        column=", ".join(_columns_of(result.expectation_config.kwargs)) or "the table",
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
