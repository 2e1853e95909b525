"""Great Expectations, the only place that imports it: run a suite, and write its Data Docs page.

Results carry counts only (`BOOLEAN_ONLY` for what is about values): a failing value is a person's value.
"""

import os
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict

from tasks.errors import ConfigError

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")


class ExpectationResult(BaseModel):
    """One expectation and whether the data met it."""

    model_config = ConfigDict(frozen=True)

    expectation: str
    column: str
    is_met: bool
    unexpected_ratio: float | None
    fault: str = ""


class Suite(BaseModel):
    """A suite as it lies in `configs/suites/`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    expectations: tuple[dict[str, Any], ...]


def load_suite(path: Path) -> Suite:
    """Return the suite; a wrong file is a ConfigError."""
    try:
        return Suite.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(
            str(path),
            expected="a suite: `name` and a list of `expectations` (type, kwargs)",
            found=type(error).__name__,
            remedy="See docs/use-cases.md.",
        ) from error


def check_expectations(frame: pd.DataFrame, suite: Suite) -> tuple[tuple[ExpectationResult, ...], str]:
    """Return the result of every expectation, and the Data Docs page as HTML."""
    import great_expectations as gx
    from great_expectations.render.renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    batch = (
        context.data_sources.add_pandas("memory")
        .add_dataframe_asset("rows")
        .add_batch_definition_whole_dataframe("all")
    )
    try:
        expectations = gx.ExpectationSuite(name=suite.name, expectations=[dict(one) for one in suite.expectations])
    except Exception as error:
        raise ConfigError(
            f"suite {suite.name}",
            expected="expectations that Great Expectations knows",
            found=type(error).__name__,
            remedy="Check each `type` and its `kwargs`.",
        ) from error
    validated = batch.get_batch(batch_parameters={"dataframe": frame}).validate(expectations, result_format="BASIC")
    for one in validated.results:
        for key in [key for key in one.result if "partial" in key or "list" in key]:
            del one.result[key]
    results = tuple(_result(one) for one in validated.results)
    validated.meta = {}  # run times and batch ids: a rerun must give the same bytes
    validated.id = None
    page = DefaultJinjaPageView().render(ValidationResultsPageRenderer(run_info_at_end=False).render(validated))
    return results, str(page)


def _result(one: Any) -> ExpectationResult:
    kwargs = one.expectation_config.kwargs
    percent = one.result.get("unexpected_percent")
    fault = (one.exception_info or {}).get("exception_message") if one.exception_info.get("raised_exception") else ""
    return ExpectationResult(
        expectation=one.expectation_config.type,
        column=str(kwargs.get("column") or kwargs.get("column_list") or kwargs.get("column_A") or "the table"),
        is_met=bool(one.success),
        unexpected_ratio=None if percent is None else percent / 100,
        fault="it could not be evaluated" if fault else "",
    )
