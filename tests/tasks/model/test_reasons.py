"""Reasons that are told: adverse, large enough, raising the score, and true of the applicant."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.model import BrokenModelError, DecisionModel, Input, ReasonGroup, ReasonMap
from tasks.model.families import Matrix
from tasks.model.reasons import (
    NamedReasons,
    Side,
    feature_contributions,
    group_contributions,
    is_reason,
    name_reasons,
)
from tasks.model.shapley import Explainer
from tests.models import FAMILIES, REASONS, applicants, decision_model, logistic_of

grids = st.lists(st.lists(st.integers(-5, 5), min_size=6, max_size=6), min_size=1, max_size=8)
INPUTS = tuple(Input(f"x{position}") for position in range(6))
BACKGROUND = np.array([[-1.0] * 6, [0.0] * 6, [1.0] * 6])


def reason_map(least_share: float = 1e-6, **true_of: Side | tuple[float | str, ...]) -> ReasonMap:
    """Return a reason a feature; each is told of those below, if nothing else is declared."""
    groups = tuple(
        ReasonGroup(
            code=column.feature.upper(),
            features={column.feature: true_of.get(column.feature, "below")},
            text="The figure is low",
        )
        for column in INPUTS
    )
    return ReasonMap(version="1", language="en", least_share=least_share, reasons=groups)


@pytest.mark.parametrize(
    "translations",
    [
        [{"de": "Die Zahl ist niedrig"}, {}],
        [{"de": "Die Zahl ist niedrig"}, {"fr": "Le chiffre est bas"}],
        [{"en": "The figure is lower"}, {"en": "The figure is lower"}],
        [{"German": "Die Zahl ist niedrig"}, {"German": "Die Zahl ist niedrig"}],
        [{"de": "Kurz"}, {"de": "Kurz"}],
    ],
    ids=["a part", "two languages", "its own", "no language tag", "no sentence"],
)
def test_a_map_is_translated_whole_or_not_at_all(translations: list[dict[str, str]]) -> None:
    groups = [
        {
            "code": f"R{position}",
            "features": {f"x{position}": "below"},
            "text": "The figure is low",
            "translations": into,
        }
        for position, into in enumerate(translations)
    ]
    values = {"version": "1", "language": "en", "least_share": 0.1, "reasons": groups}
    with pytest.raises(ValidationError):
        ReasonMap.model_validate(values)


def test_the_words_of_each_language() -> None:
    assert REASONS.languages == ("en", "de")
    assert REASONS.sentences("en")["B"] == "The debts are high"
    assert REASONS.sentences("de")["B"] == "Die Schulden sind hoch"


def named(
    rows: list[list[float]], reasons: ReasonMap, is_known: bool | list[list[bool]] = True
) -> NamedReasons:
    """Return the reasons of a model that adds its inputs up."""
    explainer = Explainer(logistic_of(np.ones(6)), BACKGROUND)
    matrix = np.array(rows, dtype=float)
    return name_reasons(explainer, INPUTS, reasons, matrix, np.broadcast_to(is_known, matrix.shape))


def told(result: NamedReasons) -> list[list[int]]:
    return [[int(index) for index in row if index >= 0] for row in result.top]


@given(grids)
def test_reasons_are_adverse_ordered_and_at_most_four(grid: list[list[int]]) -> None:
    result = named([[float(value) for value in row] for row in grid], reason_map())
    for row, top in zip(result.grouped, told(result), strict=True):
        assert len(top) == min(4, (row < 0).sum())
        assert (row[top] < 0).all()
        assert list(row[top]) == sorted(row[row < 0])[: len(top)]


@given(grids)
def test_summing_into_groups_loses_nothing(grid: list[list[int]]) -> None:
    contributions = np.array(grid, float)[:, :3]
    names = ("income", "debt", "town")
    grouped = group_contributions(contributions, names, REASONS.reasons)
    np.testing.assert_allclose(grouped.sum(axis=1), contributions.sum(axis=1))
    by_feature = feature_contributions(contributions, names, REASONS.reasons)
    np.testing.assert_allclose(by_feature.sum(axis=1), contributions.sum(axis=1))


def test_features_of_one_reason_are_summed() -> None:
    contributions = np.array([[1.0, -2.0, 4.0]])
    grouped = group_contributions(contributions, ("town", "income", "town"), REASONS.reasons)
    assert grouped.tolist() == [[-2.0, 0.0, 5.0]]


def test_ties_go_to_the_reason_that_the_map_names_first() -> None:
    assert told(named([[-1.0, -1.0, 0.0, 0.0, 0.0, 0.0]], reason_map())) == [[0, 1]]


def test_what_carries_less_than_its_share_is_no_reason() -> None:
    rows = [[-8.0, -1.0, -1.0, 0.0, 0.0, 5.0]]  # a tenth each, of what is adverse
    assert told(named(rows, reason_map(least_share=0.11))) == [[0]]
    assert told(named(rows, reason_map(least_share=0.09))) == [[0, 1, 2]]
    assert is_reason(np.array([[-9.0, -1.0, 2.0]]), 0.1).tolist() == [[True, True, False]]
    assert is_reason(np.zeros((1, 3)), 0.1).tolist() == [[False] * 3]


def test_words_that_are_not_true_of_the_applicant_are_not_told_but_counted() -> None:
    reasons = reason_map(x0="above", x1=(-3.0,), x2=(-2.0,))
    result = named([[-4.0, -3.0, -3.0, -1.0, 1.0, 1.0]], reasons)
    assert told(result) == [[1, 3]]
    assert [index for index in result.untold[0] if index >= 0] == [0, 2]


@pytest.mark.parametrize(
    ("side", "value", "is_true"),
    [
        ("above", 0.1, True),
        ("above", 0.0, False),  # the median itself
        ("below", -0.1, True),
        ("below", 0.0, False),
        ("above_lowest", -0.4, True),  # the lowest quarter ends at -0.5
        ("above_lowest", -0.5, False),
        ("below_highest", 0.4, True),
        ("below_highest", 0.5, False),
        ((0.1, 7.0), 0.1, True),
        ((0.2, 7.0), 0.1, False),
    ],
)
def test_words_are_true_on_their_side_of_the_compared_people(
    side: Side | tuple[float | str, ...], value: float, is_true: bool
) -> None:
    value = float(np.float32(value))
    result = named([[value, 0.0, 0.0, 0.0, 0.0, 0.0]], reason_map(x0=side))
    assert result.is_true[0, 0] == is_true


def test_nothing_is_told_about_a_figure_that_is_not_known() -> None:
    is_known = [[False, True, True, True, True, True]]
    result = named([[-2.0, -1.0, 0.0, 0.0, 0.0, 0.0]], reason_map(), is_known)
    assert told(result) == [[1]]
    assert result.untold[0, 0] == 0


def test_the_feature_that_is_most_adverse_decides_whether_the_words_are_true() -> None:
    group = ReasonGroup(
        code="A", features={"x0": "below", "x1": "above"}, text="One is low, or one is high"
    )
    others = reason_map().reasons[2:]
    reasons = ReasonMap(version="1", language="en", least_share=1e-6, reasons=(group, *others))
    result = named([[-1.0, -3.0, 0.0, 0.0, 0.0, 0.0]], reasons)  # x1 is low, and drives it
    assert result.drivers[0, 0] == 1
    assert told(result) == [[]]
    assert result.untold[0, 0] == 0


def test_a_category_s_words_are_true_of_the_categories_they_name() -> None:
    model = decision_model("logistic")
    rows = applicants(60, seed=9)
    known = model.scorer.is_known(rows)
    reasons = model.reasons.model_copy(
        update={
            "reasons": (
                *REASONS.reasons[:2],
                REASONS.reasons[2].model_copy(update={"features": {"town": ("B",)}}),
            )
        }
    )
    matrix = model.scorer.matrix(rows)
    result = name_reasons(model.explainer, model.scorer.inputs, reasons, matrix, known)
    assert result.is_true[:, 2].tolist() == (rows["town"] == "B").tolist()


@pytest.mark.parametrize("family", FAMILIES)
def test_every_reason_told_raises_the_score_when_its_features_are_neutralised(family: str) -> None:
    model = decision_model(family)
    rows = applicants(120, seed=9)
    decisions = model.decide(rows)
    matrix = model.scorer.matrix(rows)[decisions.declined]

    expected = np.empty_like(decisions.reasons.raised)
    for position, group in enumerate(model.reasons.reasons):
        columns = np.array([name in group.features for name in model.scorer.input_features])
        expected[:, position] = neutralised(model, matrix, columns) - model.scorer.booster.margin(
            matrix
        )
    np.testing.assert_allclose(decisions.reasons.raised, expected, atol=1e-5)
    for raised, top in zip(decisions.reasons.raised, told(decisions.reasons), strict=True):
        assert (raised[top] > 0).all()


def neutralised(model: DecisionModel, matrix: Matrix, columns: np.ndarray) -> Matrix:
    """Return the mean log-odds with the columns as each composite has them, by the model itself."""
    means = np.empty(len(matrix))
    for position, row in enumerate(matrix):
        mixed = np.repeat(row[None, :], len(model.composites.matrix), axis=0)
        mixed[:, columns] = model.composites.matrix[:, columns]
        means[position] = model.scorer.booster.margin(mixed).mean()
    return means


@pytest.mark.parametrize("features", [{"income": ("A",)}, {"income": ()}, {"income": ("A", 1.0)}])
def test_words_about_values_that_a_number_cannot_have_are_refused(
    features: dict[str, tuple[float | str, ...]],
) -> None:
    refused(REASONS.reasons[0].model_copy(update={"features": features}), REASONS.reasons[2])


@pytest.mark.parametrize("true_of", ["above", (1.0,), ()])
def test_words_about_values_that_a_category_cannot_have_are_refused(
    true_of: Side | tuple[float | str, ...],
) -> None:
    refused(
        REASONS.reasons[0], REASONS.reasons[2].model_copy(update={"features": {"town": true_of}})
    )


def refused(income: ReasonGroup, town: ReasonGroup) -> None:
    model = decision_model("logistic")
    reasons = model.reasons.model_copy(update={"reasons": (income, REASONS.reasons[1], town)})
    with pytest.raises(BrokenModelError, match="values that a feature can have"):
        replace(model, reasons=reasons)
