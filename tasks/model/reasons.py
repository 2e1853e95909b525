"""Reason codes: why an applicant was declined, in at most four reasons (12 CFR 1002.9(b)(2)).

Contributions are summed over declared groups of correlated features before they are ranked. A
reason is named where all of this holds:

1. it is adverse, and carries at least `least_share` of all that is adverse about the applicant: a
   notice that pads itself with trifles hides the principal reasons (comment 9(b)(2)-1);
2. it is one of the four most adverse such reasons;
3. with its features as the compared people have them, the score would be higher;
4. its sentence is true of the applicant's own figure: the feature of the reason that is most
   adverse to them lies where the sentence says that it lies.

What meets the first three and not the fourth is *untold*: a factor that counted, and that the map
has no true words for. The gate `explain` counts it; it is never told in other words.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from .families import Matrix
from .scorer import Input
from .shapley import Explainer

MOST_REASONS = 4  # comment 9(b)(2)-1: more are unlikely to help

Side = Literal["above", "below", "above_lowest", "below_highest"]

# The quantile of the compared people's figures that a figure has to lie beyond.
QUANTILES: dict[Side, float] = {
    "above": 0.5,
    "below": 0.5,
    "above_lowest": 0.25,
    "below_highest": 0.75,
}


# A language with its script and its region where they matter (RFC 5646): en, de-AT, zh-Hant.
Language = Annotated[
    str, Field(pattern=r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$", max_length=12)
]
Sentence = Annotated[str, Field(min_length=10)]


class ReasonGroup(BaseModel):
    """Correlated features that make one reason together, and the words a person is told.

    `features` says of each feature of whom the words are true: of those whose figure is above or
    below the median of those that they are compared with, above their lowest quarter or below their
    highest; or of those who have one of the values.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str = Field(min_length=1)
    features: dict[str, Side | tuple[float | str, ...]] = Field(min_length=1)
    text: Sentence
    translations: dict[Language, Sentence] = Field(
        default_factory=dict, description="the same words in other languages"
    )


class ReasonMap(BaseModel):
    """A versioned map of every feature to exactly one reason."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    language: Language = Field(description="of `text`, for example `en`")
    least_share: float = Field(
        gt=0, lt=1, description="of all that is adverse about an applicant, what a reason carries"
    )
    reasons: tuple[ReasonGroup, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _is_translated_whole(self) -> "ReasonMap":
        """Refuse words for a part of the reasons: somebody would get a notice in two languages."""
        translated = {frozenset(group.translations) for group in self.reasons}
        if len(translated) > 1 or any(self.language in languages for languages in translated):
            raise ValueError(
                "every reason is translated into the same languages, none of them that of `text`"
            )
        return self

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that there are words in, first that of `text`."""
        return (self.language, *sorted(self.reasons[0].translations))

    def sentences(self, language: str) -> dict[str, str]:
        """Return the words of every reason in one of `languages`, by its code."""
        is_own = language == self.language
        return {
            group.code: group.text if is_own else group.translations[language]
            for group in self.reasons
        }

    def uncovered(self, features: tuple[str, ...]) -> tuple[str, ...]:
        """Return the features that have no reason, or several."""
        named = [feature for group in self.reasons for feature in group.features]
        doubled = {feature for feature in named if named.count(feature) > 1}
        return tuple(sorted((set(features) - set(named)) | doubled))

    def unfit(self, inputs: tuple[Input, ...]) -> tuple[str, ...]:
        """Return the features whose words are about values that they cannot have.

        A category is never above or below anything, and a number is never a text.
        """
        is_category = {column.feature: column.category is not None for column in inputs}
        true_of = {
            feature: values for group in self.reasons for feature, values in group.features.items()
        }

        return tuple(
            sorted(
                feature
                for feature, needs_texts in is_category.items()
                if not _can_have(true_of[feature], needs_texts=needs_texts)
            )
        )


def _can_have(true_of: Side | tuple[float | str, ...], *, needs_texts: bool) -> bool:
    if not isinstance(true_of, tuple):
        return not needs_texts
    kind = str if needs_texts else float
    return bool(true_of) and all(isinstance(value, kind) for value in true_of)


@dataclass(frozen=True)
class NamedReasons:
    """What counted against declined applicants, and what they are told of it.

    All of shape (declined, reasons), but `top` and `untold`, of shape (declined, 4): indices of
    reasons, most adverse first, -1 for none.
    """

    grouped: Matrix  # each reason's part in the log-odds
    raised: Matrix  # by how much the log-odds rise when the reason's features are neutralised
    drivers: np.ndarray  # position, among the map's features, of the one that is most adverse
    is_true: np.ndarray  # whether the sentence is true of that feature's figure
    top: np.ndarray  # what is told
    untold: np.ndarray  # what would be, had the map true words for it


def name_reasons(
    explainer: Explainer,
    inputs: tuple[Input, ...],
    reasons: ReasonMap,
    matrix: Matrix,
    is_known: np.ndarray,
) -> NamedReasons:
    """Return the reasons of declined applicants.

    Args:
        explainer: What computes contributions, against the people that they are compared with.
        inputs: What the columns of `matrix` are.
        reasons: The map; it has each feature of `inputs` once.
        matrix: The applicants' inputs, shape (declined, inputs).
        is_known: Where their figures are their own, and not put for missing ones, same shape.
    """
    groups = reasons.reasons
    names = tuple(column.feature for column in inputs)
    contributions, raised = explainer.explain(matrix, _group_of(names, groups), len(groups))
    grouped = group_contributions(contributions, names, groups)

    by_feature = feature_contributions(contributions, names, groups)
    is_true_of = _true_of(inputs, groups, matrix, is_known, explainer.background)
    drivers = np.empty(grouped.shape, dtype=np.int64)
    start = 0
    for position, group in enumerate(groups):
        stop = start + len(group.features)
        drivers[:, position] = start + by_feature[:, start:stop].argmin(axis=1)
        start = stop
    is_true = np.take_along_axis(is_true_of, drivers, axis=1)

    # Steps 1 and 3 first, then the four most adverse: what raises no score takes nobody's place.
    is_principal = is_reason(grouped, reasons.least_share) & (raised > 0)
    principal = _most_adverse(grouped, is_principal)
    # Step 4 last. An untrue reason keeps its place among the four and is not told: a fifth that
    # moved up would pass for a principal reason.
    told = np.take_along_axis(is_true, np.maximum(principal, 0), axis=1)
    return NamedReasons(
        grouped=grouped,
        raised=raised,
        drivers=drivers,
        is_true=is_true,
        top=_packed(np.where(told, principal, -1)),
        untold=_packed(np.where(told, -1, principal)),
    )


def group_contributions(
    contributions: Matrix, inputs: tuple[str, ...], groups: tuple[ReasonGroup, ...]
) -> Matrix:
    """Return contributions summed by reason, shape (rows, reasons).

    `inputs` names the feature of each column. Column after column, so that a row's sum does not
    depend on how many rows there are.
    """
    grouped = np.zeros((len(contributions), len(groups)))
    for column, position in enumerate(_group_of(inputs, groups)):
        grouped[:, position] += contributions[:, column]
    return grouped


def feature_contributions(
    contributions: Matrix, inputs: tuple[str, ...], groups: tuple[ReasonGroup, ...]
) -> Matrix:
    """Return contributions summed by the map's features, in its order, shape (rows, features).

    A feature of the map that is no input of the model contributes nothing.
    """
    features = [feature for group in groups for feature in group.features]
    position_of = {feature: position for position, feature in enumerate(features)}
    summed = np.zeros((len(contributions), len(features)))
    for column, feature in enumerate(inputs):
        summed[:, position_of[feature]] += contributions[:, column]

    return summed


def is_reason(grouped: Matrix, least_share: float) -> np.ndarray:
    """Return which reasons are adverse and carry their share of all that is, same shape."""
    adverse = np.maximum(-grouped, 0.0)
    total = np.zeros(len(grouped))
    for column in adverse.T:  # column after column: a row's sum is the same bits in any batch
        total += column
    return np.asarray((adverse > 0) & (adverse >= least_share * total[:, None]))


def _group_of(inputs: tuple[str, ...], groups: tuple[ReasonGroup, ...]) -> np.ndarray:
    """Return the position of each input's reason."""
    position_of = {
        feature: position for position, group in enumerate(groups) for feature in group.features
    }
    return np.array([position_of[feature] for feature in inputs], dtype=np.int64)


def _true_of(
    inputs: tuple[Input, ...],
    groups: tuple[ReasonGroup, ...],
    matrix: Matrix,
    is_known: np.ndarray,
    background: Matrix,
) -> np.ndarray:
    """Return whether the words about each of the map's features are true, (rows, features).

    They are true of nobody whose figure is not known, and of nothing that the model does not read.
    """
    columns_of: dict[str, list[int]] = {}
    for column, declared in enumerate(inputs):
        columns_of.setdefault(declared.feature, []).append(column)

    sides = [item for group in groups for item in group.features.items()]
    is_true = np.zeros((len(matrix), len(sides)), dtype=bool)
    for position, (feature, true_of) in enumerate(sides):
        for column in columns_of.get(feature, ()):
            values = matrix[:, column]
            category = inputs[column].category
            if category is not None:
                has_words = isinstance(true_of, tuple) and category in true_of
                is_true[:, position] |= has_words & (values == 1)
            elif isinstance(true_of, tuple):
                is_true[:, position] = np.isin(values, np.array(true_of, dtype=np.float32))
            else:
                # Strictly beyond the level: who has the median has nothing that is low or high.
                level = np.quantile(background[:, column], QUANTILES[true_of])
                is_above = true_of.startswith("above")
                is_true[:, position] = values > level if is_above else values < level
            is_true[:, position] &= is_known[:, column]
    return is_true


def _most_adverse(grouped: Matrix, is_candidate: np.ndarray) -> np.ndarray:
    """Return up to four candidates per row, most adverse first, -1 for none, shape (rows, 4).

    Ties go to the reason that the map names first.
    """
    width = min(MOST_REASONS, grouped.shape[1])
    order = np.argsort(np.where(is_candidate, grouped, np.inf), axis=1, kind="stable")[:, :width]
    result = np.full((len(grouped), MOST_REASONS), -1)
    result[:, :width] = np.where(np.take_along_axis(is_candidate, order, axis=1), order, -1)
    return result


def _packed(chosen: np.ndarray) -> np.ndarray:
    """Return each row's indices in their order, with what is -1 behind them."""
    order = np.argsort(chosen < 0, axis=1, kind="stable")
    return np.take_along_axis(chosen, order, axis=1)
