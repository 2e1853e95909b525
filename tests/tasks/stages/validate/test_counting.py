"""What of counted parts is kept of all rows."""

import numpy as np
import pandas as pd
import pytest

from tasks.stages.validate.counting import CountedPart, combine_parts
from tasks.stages.validate.expectations import Expectation, Suite, SuiteCheck
from tasks.stages.validate.quality import RowHashes
from tasks.stages.validate.reference.holding import HeldRows

NOT_NULL = "expect_column_values_to_not_be_null"


@pytest.mark.parametrize("subjects", [["a" * 32, "b" * 32, "a" * 32], ["a" * 32, None, "b" * 32]])
def test_numbers_take_the_place_of_pseudonyms_unless_one_is_missing(
    subjects: list[str | None],
) -> None:
    asked = Expectation(type=NOT_NULL, kwargs={"column": "subject"})
    check = SuiteCheck(Suite(name="bank", expectations=(asked,)))
    hashes = np.arange(len(subjects), dtype=np.uint64)
    frame = pd.DataFrame({"subject": pd.array(subjects, "str")})

    rows = combine_parts(check, [CountedPart({}, RowHashes(hashes, hashes), HeldRows.of(frame))])
    (result,), _ = check.finish(rows.kept)

    assert pd.api.types.is_numeric_dtype(rows.kept["subject"]) is (None not in subjects)
    assert result.is_met is (None not in subjects)
