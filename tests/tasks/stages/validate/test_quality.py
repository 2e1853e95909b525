"""Each fault of a delivery, one at a time, and what the gate says about it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from tasks.config.case_files import CaseFile
from tasks.config.cases import Columns
from tasks.errors import DataError
from tasks.gates import Check, Outcome
from tasks.stages.ingest.sample.loan import real_rows
from tasks.stages.validate.checks import ValidateCheck
from tasks.stages.validate.expectations import ExpectationResult
from tasks.stages.validate.judging import judge_quality
from tasks.stages.validate.params import ValidateLimits, ValidateParams
from tasks.stages.validate.quality import QualityReport, measure_quality
from tasks.stages.validate.reference.cells import category_names
from tasks.stages.validate.reference.profile import Profile, profile_jointly

COLUMNS = Columns.model_validate(
    {
        "email": {"role": "subject", "source": "bank", "kind": "email"},
        "income": {"role": "feature", "source": "bank"},
        "debt": {"role": "feature", "source": "bureau"},
        "sex": {"role": "protected", "source": "bank", "kind": "category"},
        "approve": {"role": "target", "source": "bank", "kind": "flag"},
    }
)
SUITE = CaseFile(path="configs/bank/suite.yaml", sha256="0" * 64)
PARAMS = ValidateParams(suite=SUITE, near_duplicate_columns=("income", "debt"), significance=0.005)
LIMITS = ValidateLimits(
    drift_psi=0.25,
    column_agreement=0.8,
    label_agreement=0.9,
    join_agreement=0.9,
    correlation_shift=0.1,
    label_rate_shift=0.03,
    group_label_rate_shift=0.05,
    beyond_support_ratio=0.01,
    repeated_people_ratio=0.01,
    exact_duplicate_ratio=0.001,
    near_duplicate_ratio=0.01,
    minority_label_ratio=0.05,
    missing_ratio=0.2,
    smallest_group_rows=50,
)
MET = (ExpectationResult(expectation="expect_x", column="x", is_met=True, unexpected_ratio=0.0),)


def rows(count: int = 400, seed: int = 5, **columns: Any) -> pd.DataFrame:
    """Return people who owe more the more they earn, and are approved for what they earn."""
    rng = np.random.default_rng(seed)
    wealth = rng.normal(size=count)
    frame = pd.DataFrame(
        {
            "subject": [f"{n:032x}" for n in range(count)],
            "income": np.exp(8 + wealth),
            "debt": np.exp(5 + 0.8 * wealth + 0.6 * rng.normal(size=count)),
            "sex": rng.choice(["male", "female"], count),
            "approve": np.where(wealth + rng.normal(size=count) > -0.7, 1.0, 0.0),
        }
    )
    return frame.assign(**columns)


def accepted_version(frame: pd.DataFrame, *columns: str) -> Profile:
    return profile_jointly(
        frame[list(columns) or ["income", "debt", "sex", "approve"]],
        frame["subject"].to_numpy(),
        target="approve",
        protected=("sex",),
    )


ACCEPTED = accepted_version(rows())


def judged(
    frame: pd.DataFrame,
    *,
    reference: Profile | None = ACCEPTED,
    params: ValidateParams = PARAMS,
    expectations: tuple[ExpectationResult, ...] = MET,
) -> tuple[dict[str, Check], QualityReport]:
    report = measure_quality(frame, COLUMNS, params, expectations, reference)
    return {check.id: check for check in judge_quality(report, params, LIMITS)}, report


def not_passed(frame: pd.DataFrame, **more: Any) -> dict[str, Outcome]:
    return {
        name: check.outcome
        for name, check in judged(frame, **more)[0].items()
        if check.outcome is not Outcome.PASS
    }


def test_a_sound_delivery_passes() -> None:
    assert not_passed(rows(seed=6)) == {}


def test_all_one_class_fails_and_no_label_at_all_is_undecided() -> None:
    assert not_passed(rows(approve=1.0))[ValidateCheck.RAREST_LABEL_SHARE] is Outcome.FAIL
    found = not_passed(rows(approve=np.nan))
    assert found[ValidateCheck.RAREST_LABEL_SHARE] is Outcome.UNDECIDED
    assert found[ValidateCheck.ROWS_WITHOUT_LABEL] is Outcome.FAIL


def test_one_missing_target_fails() -> None:
    frame = rows(seed=6)
    frame.loc[3, "approve"] = np.nan
    assert not_passed(frame) == {ValidateCheck.ROWS_WITHOUT_LABEL: Outcome.FAIL}


@pytest.mark.parametrize("value", [7.0, np.nan])
def test_a_constant_feature_fails_and_is_named(value: float) -> None:
    checks, _ = judged(rows(debt=value))
    assert checks[ValidateCheck.CONSTANT_FEATURES].outcome is Outcome.FAIL
    assert checks[ValidateCheck.CONSTANT_FEATURES].reason == "debt"


def test_too_many_gaps_fail_and_name_the_column() -> None:
    frame = rows()
    frame.loc[:100, "debt"] = np.nan
    check = judged(frame)[0][ValidateCheck.MISSING_RATIO]
    assert (check.outcome, check.reason) == (Outcome.FAIL, "debt")


def test_a_group_that_is_empty_small_or_tiny_never_passes_and_a_tiny_one_is_not_counted_out() -> (
    None
):
    measure = ValidateCheck.SMALLEST_GROUP_ROWS
    assert not_passed(rows(sex="male"))[measure] is Outcome.UNDECIDED
    assert not_passed(rows(sex=np.nan))[measure] is Outcome.UNDECIDED
    assert not_passed(rows(sex=["female"] * 40 + ["male"] * 360))[measure] is Outcome.FAIL
    checks, report = judged(rows(sex=["female"] * 3 + ["male"] * 397))
    assert checks[measure].outcome is Outcome.FAIL
    assert report.group_rows == {"sex": {"male": 397, "1 other group": None}}
    assert "fewer than 10: 1 other group" in checks[measure].reason


def test_a_small_group_does_not_hide_behind_one_with_nearly_the_same_code() -> None:
    coded = rows(sex=[1_000_001.0] * 397 + [1_000_002.0] * 3)
    checks, report = judged(coded)
    assert checks[ValidateCheck.SMALLEST_GROUP_ROWS].outcome is Outcome.FAIL
    assert report.group_rows == {"sex": {"1000001.0": 397, "1 other group": None}}


@pytest.mark.parametrize(
    ("numbers", "names"),
    [
        ([1, 2.0, 0.25], ["1", "2", "0.25"]),
        (np.array([3.2, 10.6], np.float32).astype(float), ["3.2", "10.6"]),
        ([3.200001, 3.200002], ["3.200001", "3.200002"]),
        ([20_000_000.0, 20_000_001.0], ["2e+07", "20000001.0"]),
    ],
)
def test_a_number_is_named_by_the_digits_that_tell_it_apart(
    numbers: list[float], names: list[str]
) -> None:
    assert category_names(pd.Series(numbers, dtype="float64")).tolist() == names


def test_the_real_rows_have_the_categories_that_were_accepted_for_them() -> None:
    """What blocks the shipped case is its model, and no other spelling of a number."""
    path = Path(__file__).parents[4] / "configs" / "loan" / "references" / "profile.json"
    accepted = json.loads(path.read_text(encoding="utf-8"))["columns"]["unem"]["shares"]
    assert set(category_names(pd.concat(real_rows(1989, 1))["unem"])) == set(accepted)


def test_duplicates_count_across_people_only() -> None:
    frame = rows(income=np.linspace(1001, 9999, 400))
    doubled = pd.concat([frame, frame.head(20)], ignore_index=True)
    _, report = judged(doubled)
    assert (report.exact_duplicate_ratio, report.near_duplicate_ratio) == (0, 0)
    copied = frame.head(20).assign(subject=[f"copy{n}" for n in range(20)])
    checks, report = judged(pd.concat([frame, copied], ignore_index=True))
    assert report.exact_duplicate_ratio == pytest.approx(40 / 420)
    assert checks[ValidateCheck.EXACT_DUPLICATE_RATIO].outcome is Outcome.FAIL


def test_near_duplicates_agree_in_three_digits() -> None:
    frame = rows(income=np.linspace(1001, 9999, 400), debt=np.linspace(1e-3, 9e-3, 400))
    copy = frame.head(40).assign(subject=[f"copy{n}" for n in range(40)])
    near = copy.assign(income=copy["income"] * 1.00001, debt=copy["debt"] * 1.00001)
    far = copy.assign(income=copy["income"] * 1.02)
    assert judged(pd.concat([frame, near]))[1].exact_duplicate_ratio == 0
    assert judged(pd.concat([frame, near]))[1].near_duplicate_ratio > 70 / 440
    assert (
        judged(pd.concat([frame, far]))[1].near_duplicate_ratio
        < judged(pd.concat([frame, near]))[1].near_duplicate_ratio
    )


def test_zero_and_missing_are_compared_like_other_values() -> None:
    frame = rows(4, income=[0.0, 0.0, np.nan, np.nan], debt=[1.0, 1.0, 2.0, 2.0])
    assert judged(frame)[1].near_duplicate_ratio == 1.0


def test_a_row_more_about_a_person_counts_as_repeated() -> None:
    frame = rows()
    checks, report = judged(pd.concat([frame, frame.head(20)], ignore_index=True))
    assert report.repeated_people_ratio == pytest.approx(20 / 420)
    assert checks[ValidateCheck.REPEATED_PEOPLE].outcome is Outcome.FAIL


def test_a_file_that_was_joined_one_row_off_fails_and_the_source_is_named() -> None:
    frame = rows(seed=6)
    checks, _ = judged(frame.assign(debt=np.roll(frame["debt"].to_numpy(), 1)))
    check = checks[ValidateCheck.JOIN_AGREEMENT]
    assert check.outcome is Outcome.FAIL
    assert check.reason.startswith("bureau: ") or check.reason.startswith("bank: ")
    assert checks[ValidateCheck.DRIFT].outcome is Outcome.PASS


def test_labels_that_are_flipped_fail() -> None:
    frame = rows(seed=6)
    flipped = frame["approve"].where(np.arange(400) % 5 > 0, 1 - frame["approve"])
    found = not_passed(frame.assign(approve=flipped))
    assert found[ValidateCheck.LABEL_AGREEMENT] is Outcome.FAIL


def test_another_unit_in_a_part_of_the_rows_fails() -> None:
    frame = rows(seed=6)
    thousands = frame["income"].where(np.arange(400) % 5 > 0, 1000 * frame["income"])
    check = judged(frame.assign(income=thousands))[0][ValidateCheck.BEYOND_SUPPORT]
    assert check.outcome is Outcome.FAIL
    assert check.reason.startswith("income: ")


def test_drift_fails_names_the_column_and_is_undecided_where_chance_could_be_it() -> None:
    measure = ValidateCheck.DRIFT
    check = judged(rows(income=np.random.default_rng(1).lognormal(9.5, 1, 400)))[0][measure]
    assert (check.outcome, check.reason) == (Outcome.FAIL, "income")
    few = judged(rows(25, income=np.random.default_rng(1).lognormal(9.5, 1, 25)))[0][measure]
    assert few.outcome is Outcome.UNDECIDED
    assert few.would_decide == "a larger delivery"


def test_without_an_accepted_version_drift_is_undecided_unless_declared_the_first() -> None:
    assert set(not_passed(rows(), reference=None).values()) == {Outcome.UNDECIDED}
    assert ValidateCheck.DRIFT in not_passed(rows(), reference=None)
    first = PARAMS.model_copy(update={"first_version": "the portfolio starts with this delivery"})
    excused = not_passed(rows(), reference=None, params=first)
    assert set(excused.values()) == {Outcome.NOT_MEASURED}


def test_a_column_that_the_accepted_version_does_not_know_is_undecided() -> None:
    known = accepted_version(rows(), "income", "sex", "approve")
    checks, _ = judged(rows(), reference=known)
    assert checks[ValidateCheck.DRIFT].outcome is Outcome.UNDECIDED
    assert "debt" in checks[ValidateCheck.DRIFT].reason


def test_expectations_that_fail_could_not_be_evaluated_or_are_none() -> None:
    missed = MET[0].model_copy(update={"is_met": False, "unexpected_ratio": 0.5})
    faulty = MET[0].model_copy(update={"is_met": False, "fault": "absent"})
    assert not_passed(rows(), expectations=(missed,)) == {ValidateCheck.EXPECTATION: Outcome.FAIL}
    assert not_passed(rows(), expectations=(faulty,)) == {
        ValidateCheck.EXPECTATION: Outcome.UNDECIDED
    }
    assert not_passed(rows(), expectations=()) == {ValidateCheck.SUITE: Outcome.UNDECIDED}


def test_no_rows_or_an_absent_column_is_an_error_not_a_verdict() -> None:
    with pytest.raises(DataError, match="no row"):
        judged(rows().head(0))
    with pytest.raises(DataError, match="absent: debt"):
        judged(rows().drop(columns="debt"))


@pytest.mark.parametrize("missing", list(ValidateLimits.model_fields))
def test_no_limit_has_a_default(missing: str) -> None:
    with pytest.raises(ValidationError):
        ValidateLimits.model_validate(
            {k: v for k, v in LIMITS.model_dump().items() if k != missing}
        )


def test_unknown_keys_are_refused() -> None:
    with pytest.raises(ValidationError):
        ValidateLimits.model_validate({**LIMITS.model_dump(), "drift": 1})
    with pytest.raises(ValidationError):
        ValidateParams.model_validate({**PARAMS.model_dump(), "suit": "bank"})
