"""The gate `subgroups`: when a subgroup passes, when it fails, and when nobody can tell."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tasks.disparity.intervals import Proportion, newcombe
from tasks.gates import Check, Outcome
from tasks.stages.subgroups.checks import SubgroupsCheck
from tasks.stages.subgroups.confirming import Subgroup
from tasks.stages.subgroups.judging import judge_subgroups
from tasks.stages.subgroups.measuring import SubgroupsReport
from tasks.stages.subgroups.multicalibration import Multicalibration, Segment
from tasks.stages.subgroups.searching import SubgroupMeasure
from tests.tasks.stages.subgroups.portfolio import LIMITS, PARAMS, portfolio

FINE = {
    SubgroupMeasure.FALSE_DECLINE_DIFFERENCE: (0.01, (-0.02, 0.04)),
    SubgroupMeasure.DISPARATE_IMPACT: (0.98, (0.9, 1.05)),
    SubgroupMeasure.UNDERRATED_BY: (0.0, (-0.03, 0.03)),
}
DECLINES = SubgroupMeasure.FALSE_DECLINE_DIFFERENCE


def subgroup(
    measure: SubgroupMeasure, value: float | None, interval: tuple[float, float] | None
) -> Subgroup:
    return Subgroup(
        measure=measure,
        attribute="sex and age",
        group="female / old",
        compared_within="",
        search_value=0.2,
        search_people=400,
        value=value,
        interval=interval,
        rows=400,
        people=400,
        other_people=1200,
    )


def segment(**change: Any) -> Segment:
    values: dict[str, Any] = {
        "attribute": "all rows",
        "group": "all",
        "rows": 3000,
        "error": 0.01,
        "deviations": 2.0,
        "p_value": 1.0,
        "smallest_visible": 0.05,
    }
    return Segment(**values | change)


def report(*changed: Subgroup, segments: tuple[Segment, ...] = ()) -> SubgroupsReport:
    """Return a report of a model that is fine, but for what is changed."""
    replaced = {item.measure for item in changed}
    fine = [subgroup(measure, *figures) for measure, figures in FINE.items()]
    return SubgroupsReport(
        evaluated_on="out_of_fold",
        rows=3000,
        people=3000,
        attributes=("sex", "age"),
        cells=4,
        searched=dict.fromkeys(SubgroupMeasure, 8),
        unsearched=dict.fromkeys(SubgroupMeasure, ()),
        subgroups=(*changed, *(item for item in fine if item.measure not in replaced)),
        multicalibration=Multicalibration(
            segments=segments or (segment(),), deviations_of_chance=4.0
        ),
    )


def judged(*changed: Subgroup, segments: tuple[Segment, ...] = ()) -> list[Check]:
    return list(judge_subgroups(report(*changed, segments=segments), PARAMS, LIMITS))


def outcome(*changed: Subgroup) -> Outcome:
    return judged(*changed)[0].outcome


def test_a_subgroup_whose_whole_interval_meets_the_limit_passes() -> None:
    assert Outcome.worst(check.outcome for check in judged()) is Outcome.PASS


def test_one_that_is_confirmed_beyond_it_fails() -> None:
    (check, *_) = judged(subgroup(DECLINES, 0.25, (0.2, 0.3)))
    assert check.outcome is Outcome.FAIL
    assert "0.250 [0.200, 0.300] of 400 people" in check.reason


def test_one_that_is_treated_better_passes() -> None:
    assert outcome(subgroup(DECLINES, -0.25, (-0.3, -0.2))) is Outcome.PASS


def test_the_value_of_a_check_is_what_is_confirmed_and_not_the_estimate() -> None:
    """One-sided at 5 % among three confirmations: 2.128 standard errors below the estimate."""
    (check, *_) = judged(subgroup(DECLINES, 0.25, (0.201, 0.299)))
    assert check.value == pytest.approx(0.25 - 2.128 * 0.025, abs=1e-4)
    assert check.margin == pytest.approx(2.128 * 0.025 - 0.15, abs=1e-4)


def test_a_confirmed_ratio_is_as_far_from_the_estimate_by_logarithms() -> None:
    impact = subgroup(SubgroupMeasure.DISPARATE_IMPACT, 0.5, (0.4, 0.625))
    check = judged(impact)[0]
    assert check.outcome is Outcome.FAIL
    assert check.value == pytest.approx(0.5 * 1.25 ** (2.128 / 1.96), rel=1e-4)


def test_a_miss_that_may_be_chance_among_so_many_is_not_confirmed() -> None:
    barely = subgroup(DECLINES, 0.15, (0.1005, 0.1995))
    alone = report(barely).model_copy(update={"subgroups": (barely,)})
    assert judge_subgroups(alone, PARAMS, LIMITS)[0].outcome is Outcome.FAIL
    (check, *_) = judged(barely)
    assert check.outcome is Outcome.PASS
    assert "no fault is confirmed" in check.reason


@pytest.mark.parametrize("half_width", [0.07, 0.085])
def test_what_could_have_been_told_decides_between_a_pass_and_undecided(half_width: float) -> None:
    """0.25 is told by (0.25 - 0.1) / (2.128 + 1.645) = 0.0398: half widths of up to 0.0779."""
    (check, *_) = judged(subgroup(DECLINES, 0.06, (0.06 - half_width, 0.06 + half_width)))
    is_told = half_width < 0.0779
    assert check.outcome is (Outcome.PASS if is_told else Outcome.UNDECIDED)
    assert bool(check.would_decide) is not is_told


def test_what_could_have_been_told_does_not_hang_on_the_estimate() -> None:
    outcomes = {
        outcome(subgroup(DECLINES, value, (value - 0.12, value + 0.12)))
        for value in (0.0, 0.05, 0.1, 0.15, 0.2)
    }
    assert outcomes == {Outcome.UNDECIDED}


def test_the_wider_side_says_what_could_have_been_told() -> None:
    """Of nobody declined the better end has no width: that is no certainty."""
    assert outcome(subgroup(DECLINES, 0.0, (0.0, 0.2))) is Outcome.UNDECIDED


def test_people_that_would_decide_are_those_who_would_tell() -> None:
    (check, *_) = judged(subgroup(DECLINES, 0.06, (0.06 - 0.1558, 0.06 + 0.1558)))
    people = int(check.would_decide.split()[1].replace(",", ""))
    assert people == pytest.approx(400 * 4, rel=0.01)
    width = 0.1558 * (400 / people) ** 0.5
    assert outcome(subgroup(DECLINES, 0.06, (0.06 - width, 0.06 + width))) is Outcome.PASS


def test_a_disparity_that_can_just_be_told_is_confirmed_in_nineteen_cases_of_twenty() -> None:
    """Of 133 good people 5 % and 25 points are declined, of 5,000 others 5 %."""
    rng = np.random.default_rng(1)
    others = Proportion(250, 5_000)
    outcomes = []
    for count in rng.binomial(133, 0.3, 400):
        group = Proportion(int(count), 133)
        interval = newcombe(group, others)
        outcomes.append(outcome(subgroup(DECLINES, group.rate - others.rate, interval)))
    assert 0.95 < np.mean([found is Outcome.FAIL for found in outcomes]) < 1


def test_a_disparity_on_the_limit_fails_in_one_case_of_sixty() -> None:
    """0.05 among three confirmations."""
    rng = np.random.default_rng(2)
    others = Proportion(250, 5_000)
    is_failed = [
        outcome(
            subgroup(
                DECLINES,
                count / 400 - others.rate,
                newcombe(Proportion(int(count), 400), others),
            )
        )
        is Outcome.FAIL
        for count in rng.binomial(400, 0.15, 1_000)
    ]
    assert np.mean(is_failed) < 0.03


def test_nobody_approved_is_confirmed_by_its_upper_end() -> None:
    nobody = subgroup(SubgroupMeasure.DISPARATE_IMPACT, 0.0, (0.0, 0.1))
    assert judged(nobody)[0].outcome is Outcome.FAIL


def test_what_cannot_be_computed_is_undecided() -> None:
    assert outcome(subgroup(DECLINES, None, None)) is Outcome.UNDECIDED


def test_a_declared_disparity_within_the_limit_is_told_by_no_number_of_people() -> None:
    detectable = PARAMS.detectable.model_copy(update={"false_decline_difference": 0.1})
    params = PARAMS.model_copy(update={"detectable": detectable})
    unclear = report(subgroup(DECLINES, 0.06, (0.0, 0.12)))
    (check, *_) = judge_subgroups(unclear, params, LIMITS)
    assert check.outcome is Outcome.UNDECIDED
    assert "no number of people" in check.would_decide


def test_a_search_that_had_nobody_to_search_is_undecided_about_every_measure() -> None:
    empty = report().model_copy(update={"subgroups": ()})
    checks = judge_subgroups(empty, PARAMS, LIMITS)
    assert [check.outcome for check in checks[:3]] == [Outcome.UNDECIDED] * 3
    assert {check.id for check in checks} == set(SubgroupsCheck)


def test_an_error_that_chance_explains_counts_as_none() -> None:
    check = judged(segments=(segment(error=0.3, p_value=0.06),))[-1]
    assert (check.outcome, check.value) == (Outcome.PASS, 0.0)


def test_an_error_beyond_chance_and_within_the_limit_passes_with_its_size() -> None:
    check = judged(segments=(segment(error=0.04, p_value=1e-9),))[-1]
    assert (check.outcome, check.value) == (Outcome.PASS, 0.04)


def test_the_largest_error_beyond_chance_is_held_against_the_limit() -> None:
    small = segment(attribute="sex", group="female", error=0.2, p_value=0.001, deviations=4.5)
    check = judged(segments=(segment(error=0.06, p_value=1e-9), small))[-1]
    assert (check.outcome, check.value) == (Outcome.FAIL, 0.2)
    assert "female (sex)" in check.reason


@pytest.mark.parametrize("smallest_visible", [0.3, np.nan])
def test_calibration_of_too_few_rows_to_see_anything_is_undecided(smallest_visible: float) -> None:
    """Nor is a NaN seen: one score that is none makes all sums of its segment so."""
    check = judged(segments=(segment(smallest_visible=smallest_visible),))[-1]
    assert check.outcome is Outcome.UNDECIDED
    assert "would go unseen" in check.reason


def test_a_subgroup_that_every_attribute_hides_fails_the_gate() -> None:
    checks = judge_subgroups(portfolio(planted=0.35).measured(), PARAMS, LIMITS)
    failed = [check.about for check in checks if check.outcome is Outcome.FAIL]
    assert ("sex and age", "male / old") in {(about.attribute, about.group) for about in failed}


def test_an_attribute_that_was_not_searched_by_itself_is_undecided_though_others_were() -> None:
    found = report().model_copy(update={"unsearched": {DECLINES: ("race",)}})
    checks = judge_subgroups(found, PARAMS, LIMITS)
    (undecided,) = [check for check in checks if check.outcome is Outcome.UNDECIDED]
    assert undecided.key == "subgroups.false_decline_difference[attribute=race]"
    assert "no group of race has 50 people" in undecided.reason


@pytest.mark.parametrize("others", [0, 60])
def test_an_attribute_that_divides_nobody_is_named_by_what_needs_a_comparison(others: int) -> None:
    small = portfolio()
    race = np.where(np.arange(6_000) < others, "few", "many")
    found = replace(small, protected=small.protected.assign(race=race)).measured()
    assert found.unsearched == {
        SubgroupMeasure.FALSE_DECLINE_DIFFERENCE: ("race",),
        SubgroupMeasure.DISPARATE_IMPACT: ("race",),
        SubgroupMeasure.UNDERRATED_BY: (),
    }
    undecided = {
        check.key
        for check in judge_subgroups(found, PARAMS, LIMITS)
        if check.outcome is Outcome.UNDECIDED
    }
    assert undecided >= {
        "subgroups.false_decline_difference[attribute=race]",
        "subgroups.disparate_impact[attribute=race]",
    }
