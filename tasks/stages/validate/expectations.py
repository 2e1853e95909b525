"""Great Expectations, the only place that imports it: run a suite, and give its results and its Data Docs page.

What is about a person's value never leaves: results carry counts from an allow-list of fields, and the text of an
error, which may quote a value, is dropped.
"""

import logging
import os
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict, Field

from tasks.errors import ConfigError
from tasks.stages.validate.docs import self_contained

os.environ["GX_ANALYTICS_ENABLED"] = "false"
ENDINGS = (".yaml", ".yml", ".json")  # JSON is YAML, too
COUNTS = (
    *("element_count", "missing_count", "missing_percent"),
    *(
        "unexpected_count",
        "unexpected_percent",
        "unexpected_percent_total",
        "unexpected_percent_nonmissing",
    ),
)
ABOUT_THE_TABLE = "expect_table_"  # what is observed of a table (rows, columns) is about nobody


class ExpectationResult(BaseModel):
    """One expectation and whether the data met it."""

    model_config = ConfigDict(frozen=True)

    expectation: str
    column: str
    is_met: bool
    unexpected_ratio: float | None
    fault: str = ""


class Expectation(BaseModel):
    """One expectation as a suite states it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str = Field(pattern=r"^expect_\w+$")
    kwargs: dict[str, Any]


class Suite(BaseModel):
    """A suite as it lies in `configs/suites/`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    expectations: tuple[Expectation, ...] = Field(min_length=1)


def load_suite(folder: Path, name: str) -> Suite:
    """Return the suite `name`, written in YAML or JSON.

    Raises:
        ConfigError: There is none, or it is wrong.
    """
    paths = [path for ending in ENDINGS if (path := folder / f"{name}{ending}").is_file()]
    try:
        if len(paths) != 1:
            raise FileNotFoundError(f"{len(paths)} files")
        return Suite.model_validate(yaml.safe_load(paths[0].read_text(encoding="utf-8")))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(
            f"{folder.as_posix()}/{name}",
            expected=f"one suite ({', '.join(ENDINGS)}): `name` and `expectations`, each with `type` and `kwargs`",
            found=str(error) if isinstance(error, FileNotFoundError) else type(error).__name__,
            remedy="Mend the file, or `validate.suite` in the use case.",
        ) from error


def check_expectations(
    frame: pd.DataFrame, suite: Suite
) -> tuple[tuple[ExpectationResult, ...], str]:
    """Return the result of every expectation in the suite's order, and the Data Docs page as HTML.

    The same frame and suite give the same page. An expectation that could not be evaluated (a column is absent, or of
    another type) has a fault; it is neither met nor missed.

    Raises:
        ConfigError: Great Expectations does not know an expectation, or not with these arguments.
    """
    import great_expectations as gx
    from great_expectations.render.renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)  # its warnings quote errors
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    batch = (
        context.data_sources.add_pandas("memory")
        .add_dataframe_asset("rows")
        .add_batch_definition_whole_dataframe("all")
        .get_batch(batch_parameters={"dataframe": frame})
    )
    try:
        stated = [one.model_dump() for one in suite.expectations]
        expectations = gx.ExpectationSuite(name=suite.name, expectations=stated)
        if [one.expectation_type for one in expectations.expectations] != [
            one.type for one in suite.expectations
        ]:
            raise LookupError("it leaves out what it does not know")
    except Exception as error:
        raise ConfigError(
            f"suite {suite.name}",
            expected="different expectations that Great Expectations knows, with the arguments they take",
            found=type(error).__name__,
            remedy="Check each `type` and its `kwargs`.",
        ) from error
    outcome = batch.validate(
        expectations, result_format={"result_format": "BASIC", "exclude_unexpected_values": True}
    )
    for one in outcome.results:
        _strip(one)
    outcome.results.sort(key=lambda one: _place(one, suite))
    results = tuple(_result(one) for one in outcome.results)
    outcome.meta, outcome.id = {}, None  # run times and batch ids
    page = DefaultJinjaPageView().render(
        ValidationResultsPageRenderer(run_info_at_end=False).render(outcome)
    )
    return results, self_contained(str(page), title=f"Expectations: {suite.name}")


def _strip(one: Any) -> None:
    """Take everything out of a result that is not known to be about nobody."""
    kept = (
        (*COUNTS, "observed_value")
        if one.expectation_config.type.startswith(ABOUT_THE_TABLE)
        else COUNTS
    )
    one.result = {key: value for key, value in one.result.items() if key in kept}
    if (one.exception_info or {}).get("raised_exception", True):
        fault = "it could not be evaluated: is the column there, and of that type?"
        one.exception_info = {
            "raised_exception": True,
            "exception_message": fault,
            "exception_traceback": "",
        }


def _place(one: Any, suite: Suite) -> int:
    """Return the place of a result's expectation in its suite."""
    stated = one.expectation_config
    fits = (
        number
        for number, wanted in enumerate(suite.expectations)
        if wanted.type == stated.type and wanted.kwargs.items() <= stated.kwargs.items()
    )
    return next(fits, len(suite.expectations))


def _result(one: Any) -> ExpectationResult:
    kwargs = one.expectation_config.kwargs
    columns = (
        kwargs.get("column")
        or kwargs.get("column_list")
        or [kwargs.get("column_A"), kwargs.get("column_B")]
    )
    named = [columns] if isinstance(columns, str) else [column for column in columns if column]
    percent = one.result.get("unexpected_percent")
    return ExpectationResult(
        expectation=one.expectation_config.type,
        column=", ".join(named) or "the table",
        is_met=bool(one.success),
        unexpected_ratio=None if percent is None else percent / 100,
        fault=one.exception_info["exception_message"]
        if one.exception_info["raised_exception"]
        else "",
    )
