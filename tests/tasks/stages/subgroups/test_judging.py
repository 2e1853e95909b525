"""The gate `subgroups`: when a subgroup passes, when it fails, and when nobody can tell."""

from typing import Any

import pytest

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


def test_one_whose_whole_interval_misses_it_fails() -> None:
    assert outcome(subgroup(DECLINES, 0.25, (0.2, 0.3))) is Outcome.FAIL


def test_one_that_is_treated_better_passes() -> None:
    assert outcome(subgroup(DECLINES, -0.25, (-0.3, -0.2))) is Outcome.PASS


@pytest.mark.parametrize("value", [0.05, 0.15])
def test_a_point_estimate_alone_neither_passes_nor_fails(value: float) -> None:
    (check, *_) = judged(subgroup(DECLINES, value, (-0.05, 0.25)))
    assert check.outcome is Outcome.UNDECIDED
    assert "about" in check.would_decide


def test_a_miss_that_holm_calls_chance_among_so_many_is_undecided() -> None:
    barely = subgroup(DECLINES, 0.15, (0.101, 0.199))
    alone = report(barely).model_copy(update={"subgroups": (barely,)})
    assert judge_subgroups(alone, PARAMS, LIMITS)[0].outcome is Outcome.FAIL
    (check, *_) = judged(barely)
    assert check.outcome is Outcome.UNDECIDED
    assert "chance among so many subgroups" in check.reason


def test_what_cannot_be_computed_is_undecided() -> None:
    assert outcome(subgroup(DECLINES, None, None)) is Outcome.UNDECIDED


def test_a_figure_on_its_limit_is_decided_by_no_number_of_people() -> None:
    (check, *_) = judged(subgroup(DECLINES, 0.1, (0.05, 0.15)))
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


def test_calibration_of_too_few_rows_to_see_anything_is_undecided() -> None:
    check = judged(segments=(segment(smallest_visible=0.3),))[-1]
    assert check.outcome is Outcome.UNDECIDED
    assert "would go unseen" in check.reason


def test_a_subgroup_that_every_attribute_hides_fails_the_gate() -> None:
    checks = judge_subgroups(portfolio(planted=0.35).measured(), PARAMS, LIMITS)
    failed = [check.about for check in checks if check.outcome is Outcome.FAIL]
    assert ("sex and age", "male / old") in {(about.attribute, about.group) for about in failed}
