"""The section and limits: what is refused."""

import pytest
from pydantic import ValidationError

from tasks.stages.subgroups.params import (
    DetectableDisparities,
    SubgroupsLimits,
    SubgroupsParams,
)
from tests.tasks.stages.subgroups.portfolio import LIMITS, PARAMS


def test_a_column_that_stands_twice_is_refused() -> None:
    with pytest.raises(ValidationError, match="twice"):
        SubgroupsParams.model_validate(PARAMS.model_dump() | {"audit": ["debt", "debt"]})


@pytest.mark.parametrize(
    "change", [{"smallest_people": 9}, {"depth": 0}, {"bins": 1}, {"kept": 0}, {"more": 1}]
)
def test_a_search_that_shows_single_people_or_nothing_is_refused(change: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        SubgroupsParams.model_validate(PARAMS.model_dump() | change)


@pytest.mark.parametrize("limit", list(SubgroupsLimits.model_fields))
def test_no_limit_has_a_default(limit: str) -> None:
    values = LIMITS.model_dump()
    del values[limit]
    with pytest.raises(ValidationError, match=limit):
        SubgroupsLimits.model_validate(values)


@pytest.mark.parametrize("measure", list(DetectableDisparities.model_fields))
def test_no_detectable_disparity_has_a_default(measure: str) -> None:
    values = PARAMS.model_dump()
    del values["detectable"][measure]
    with pytest.raises(ValidationError, match=measure):
        SubgroupsParams.model_validate(values)
